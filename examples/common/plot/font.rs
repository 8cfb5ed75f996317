//! The font of pictures: a part of DejaVu Sans, whose licence stands beside it.

use std::sync::OnceLock;
use ttf_parser::{Face, OutlineBuilder};

/// Latin, Greek, sub- and superscripts, mathematical signs.
static FONT: &[u8] = include_bytes!("font.ttf");

fn face() -> &'static Face<'static> {
    static FACE: OnceLock<Face<'static>> = OnceLock::new();
    FACE.get_or_init(|| Face::parse(FONT, 0).expect("the font is a part of this file"))
}

/// The width of a text in units of its size.
pub(crate) fn width(text: &str) -> f64 {
    text.chars().map(advance).sum()
}

/// The advance of a character; that of a wide letter for one that the font lacks.
fn advance(character: char) -> f64 {
    let face = face();
    let advance = face.glyph_index(character).and_then(|glyph| face.glyph_hor_advance(glyph));
    advance.map_or(0.8, |a| f64::from(a) / f64::from(face.units_per_em()))
}

/// Whether the font has every character of a text.
pub(crate) fn has(text: &str) -> bool {
    text.chars().all(|c| face().glyph_index(c).is_some())
}

/// The outlines of a text that begins at the origin, in units of its size, y upwards.
pub(crate) fn outline(text: &str) -> Vec<Vec<(f64, f64)>> {
    let (face, mut pen) = (face(), Pen { scale: 1.0 / f64::from(face().units_per_em()), shift: 0.0, contours: Vec::new() });
    for character in text.chars() {
        if let Some(glyph) = face.glyph_index(character) {
            face.outline_glyph(glyph, &mut pen);
        }
        pen.shift += advance(character);
    }
    pen.contours
}

/// Chords of each curve of a letter.
const CHORDS: i32 = 6;

struct Pen {
    scale: f64,
    shift: f64,
    contours: Vec<Vec<(f64, f64)>>,
}

impl Pen {
    fn place(&self, x: f32, y: f32) -> (f64, f64) {
        (f64::from(x) * self.scale + self.shift, f64::from(y) * self.scale)
    }

    /// A Bézier curve from the last point.
    fn curve(&mut self, controls: &[(f64, f64)]) {
        let Some(contour) = self.contours.last_mut() else { return };
        let Some(&start) = contour.last() else { return };
        for i in 1..=CHORDS {
            let t = f64::from(i) / f64::from(CHORDS);
            let mut points: Vec<(f64, f64)> = std::iter::once(start).chain(controls.iter().copied()).collect();
            while points.len() > 1 {
                points = points.windows(2).map(|p| (p[0].0 + t * (p[1].0 - p[0].0), p[0].1 + t * (p[1].1 - p[0].1))).collect();
            }
            contour.push(points[0]);
        }
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let start = self.place(x, y);
        self.contours.push(vec![start]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let end = self.place(x, y);
        if let Some(contour) = self.contours.last_mut() {
            contour.push(end);
        }
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let controls = [self.place(x1, y1), self.place(x, y)];
        self.curve(&controls);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let controls = [self.place(x1, y1), self.place(x2, y2), self.place(x, y)];
        self.curve(&controls);
    }

    fn close(&mut self) {}
}
