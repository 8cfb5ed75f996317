//! The arrangement of a picture: title, panels, legend, in units that are pixels of the SVG.

use super::axis::{Axis, across, upright};
use super::palette::{Marker, style};
use super::{Curve, Panel, Picture, font};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontTransform, IntoFont, RGBAColor, RGBColor, ShapeStyle, TextStyle};
use plotters_backend::{BackendColor, DrawingBackend, DrawingErrorKind};

/// Sizes of text.
const TITLE: f64 = 18.0;
const TEXT: f64 = 13.5;
const LABEL: f64 = 12.5;

const WIDTH: u32 = 940;
const MARGIN: f64 = 16.0;
const PANEL_HEIGHT: f64 = 380.0;
/// Left of a panel: labels of ticks and name of the ordinate; below it those of the abscissa.
const LEFT: f64 = 92.0;
const BELOW: f64 = 52.0;
const LINE: f64 = 20.0;
/// The sample of a curve in the legend, with the room after it.
const SAMPLE: f64 = 40.0;

const AXIS: RGBColor = RGBColor(90, 90, 90);
const GRID: RGBColor = RGBColor(226, 226, 226);
const BLACK: RGBColor = RGBColor(20, 20, 20);

type Point = (f64, f64);
type Drawn<B> = Result<(), DrawingErrorKind<<B as DrawingBackend>::ErrorType>>;

/// The curves of all panels, each name once.
fn legend(picture: &Picture) -> Vec<&Curve> {
    let mut named: Vec<&Curve> = Vec::new();
    for curve in picture.panels.iter().flat_map(|p| &p.curves).filter(|c| !c.points.is_empty()) {
        if named.iter().all(|c| c.name != curve.name) {
            named.push(curve);
        }
    }
    named
}

/// The columns of the legend, and the width of one.
fn columns(curves: &[&Curve]) -> (usize, f64) {
    let widest = curves.iter().map(|c| TEXT * font::width(&c.name)).fold(0.0, f64::max);
    let room = f64::from(WIDTH) - 2.0 * MARGIN;
    let columns = (room / (widest + SAMPLE + 24.0)).floor().clamp(1.0, 4.0) as usize;
    (columns, room / columns as f64)
}

/// The lines of the caption below the title, broken where they are too long.
fn subtitles(caption: &str) -> Vec<String> {
    let room = (f64::from(WIDTH) - 2.0 * MARGIN) / TEXT;
    let mut lines = Vec::new();
    for line in caption.lines().skip(1) {
        let mut current = String::new();
        for word in line.split(' ') {
            if !current.is_empty() && font::width(&current) + font::width(word) + 0.4 > room {
                lines.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines
}

/// The height of what stands above the panels.
fn head(picture: &Picture) -> f64 {
    let titled = picture.panels.iter().any(|p| !p.title.is_empty());
    MARGIN + 28.0 + LINE * subtitles(&picture.caption).len() as f64 + if titled { 32.0 } else { 12.0 }
}

/// Width and height of a picture.
pub(super) fn size(picture: &Picture) -> (u32, u32) {
    let curves = legend(picture);
    let rows = curves.len().div_ceil(columns(&curves).0) as f64;
    (WIDTH, (head(picture) + PANEL_HEIGHT + BELOW + LINE * rows + MARGIN) as u32)
}

/// Draws a picture.
pub(super) fn paint<B: DrawingBackend>(canvas: &mut B, picture: &Picture) -> Drawn<B> {
    let (width, height) = size(picture);
    canvas.ensure_prepared()?;
    canvas.draw_rect((0, 0), (width as i32, height as i32), &filled(RGBColor(255, 255, 255), 1.0), true)?;
    let title = picture.caption.lines().next().unwrap_or_default();
    text(canvas, title, (MARGIN, MARGIN + 10.0), TITLE, HPos::Left, BLACK, false)?;
    for (i, line) in subtitles(&picture.caption).iter().enumerate() {
        text(canvas, line, (MARGIN, MARGIN + 32.0 + LINE * i as f64), TEXT, HPos::Left, AXIS, false)?;
    }
    let top = head(picture);
    let share = (f64::from(width) - 2.0 * MARGIN) / picture.panels.len() as f64;
    for (i, panel) in picture.panels.iter().enumerate() {
        let left = MARGIN + share * i as f64 + LEFT - 12.0;
        Frame { left, top, width: share - LEFT, height: PANEL_HEIGHT }.draw(canvas, panel)?;
    }
    let curves = legend(picture);
    let (columns, room) = columns(&curves);
    for (i, curve) in curves.iter().enumerate() {
        // Down the columns, as one reads a list.
        let rows = curves.len().div_ceil(columns);
        let (column, row) = (i / rows, i % rows);
        let (x, y) = (MARGIN + room * column as f64, top + PANEL_HEIGHT + BELOW + LINE * row as f64 + 6.0);
        sample(canvas, curve, (x, y))?;
        text(canvas, &curve.name, (x + SAMPLE, y), TEXT, HPos::Left, BLACK, false)?;
    }
    canvas.present()
}

/// The sample of a curve in the legend.
fn sample<B: DrawingBackend>(canvas: &mut B, curve: &Curve, (x, y): Point) -> Drawn<B> {
    let end = x + SAMPLE - 8.0;
    if !curve.lower.is_empty() {
        return polygon(canvas, &[(x, y - 6.0), (end, y - 6.0), (end, y + 6.0), (x, y + 6.0)], &filled(curve.colour, BAND));
    }
    let (dash, marker) = style(curve.colour, curve.round);
    stroke(canvas, &[(x, y), (end, y)], dash, curve.colour, width(curve))?;
    if curve.reference { Ok(()) } else { mark(canvas, marker, (0.5 * (x + end), y), curve.colour) }
}

/// How much of a band covers what is behind it.
const BAND: f64 = 0.22;

fn width(curve: &Curve) -> u32 {
    if curve.reference { 1 } else { 2 }
}

/// A panel's frame.
struct Frame {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Frame {
    fn draw<B: DrawingBackend>(&self, canvas: &mut B, panel: &Panel) -> Drawn<B> {
        let curves = || panel.curves.iter().filter(|c| !c.points.is_empty());
        let abscissae = |c: &Curve| c.points.iter().map(|p| p.0).collect::<Vec<_>>();
        let sizes = curves().filter(|c| panel.sizes && !c.reference).flat_map(abscissae).collect();
        let x = Axis::new(panel.scales.0, curves().flat_map(abscissae), self.width, sizes);
        let y = Axis::new(panel.scales.1, curves().flat_map(Curve::ordinates), self.height, Vec::new());
        let (Some(x), Some(y)) = (x, y) else { return Ok(()) };
        text(canvas, &panel.title, (self.left, self.top - 14.0), TEXT, HPos::Left, BLACK, false)?;
        self.axes(canvas, panel, &x, &y)?;
        let place = |(a, b): Point| (self.left + x.place(a), self.top + self.height - y.place(b));
        let bands = || curves().filter(|c| !c.lower.is_empty());
        for curve in bands() {
            band(canvas, curve, &place)?;
        }
        // In reverse, so that the first curve lies on top.
        let lines: Vec<&Curve> = curves().filter(|c| c.lower.is_empty()).collect();
        for curve in lines.iter().rev() {
            self.curve(canvas, curve, &place, &y)?;
        }
        let corners = [(0.0, 0.0), (0.0, self.height), (self.width, self.height)].map(|(a, b)| (self.left + a, self.top + b));
        stroke(canvas, &corners, &[], AXIS, 1)
    }

    fn axes<B: DrawingBackend>(&self, canvas: &mut B, panel: &Panel, x: &Axis, y: &Axis) -> Drawn<B> {
        let (bottom, right) = (self.top + self.height, self.left + self.width);
        for (value, label) in x.ticks(across(LABEL)) {
            let at = self.left + x.place(value);
            let Some(label) = label else {
                stroke(canvas, &[(at, bottom), (at, bottom + 3.0)], &[], AXIS, 1)?;
                continue;
            };
            stroke(canvas, &[(at, self.top), (at, bottom)], &[], GRID, 1)?;
            stroke(canvas, &[(at, bottom), (at, bottom + 5.0)], &[], AXIS, 1)?;
            text(canvas, &label, (at, bottom + 15.0), LABEL, HPos::Center, BLACK, false)?;
        }
        for (value, label) in y.ticks(upright(LABEL)) {
            let at = bottom - y.place(value);
            let Some(label) = label else {
                stroke(canvas, &[(self.left - 3.0, at), (self.left, at)], &[], AXIS, 1)?;
                continue;
            };
            stroke(canvas, &[(self.left, at), (right, at)], &[], GRID, 1)?;
            stroke(canvas, &[(self.left - 5.0, at), (self.left, at)], &[], AXIS, 1)?;
            text(canvas, &label, (self.left - 8.0, at), LABEL, HPos::Right, BLACK, false)?;
        }
        let middle = (self.left + 0.5 * self.width, bottom + 36.0);
        text(canvas, &panel.abscissa, middle, TEXT, HPos::Center, BLACK, false)?;
        text(canvas, &panel.ordinate, (self.left - LEFT + 14.0, self.top + 0.5 * self.height), TEXT, HPos::Center, BLACK, true)
    }

    fn curve<B: DrawingBackend>(&self, canvas: &mut B, curve: &Curve, place: &dyn Fn(Point) -> Point, y: &Axis) -> Drawn<B> {
        let points: Vec<Point> = curve.points.iter().map(|&p| place(p)).collect();
        let (dash, marker) = style(curve.colour, curve.round);
        stroke(canvas, &points, dash, curve.colour, width(curve))?;
        if curve.reference {
            return Ok(());
        }
        for (i, error) in curve.errors.iter().enumerate().filter(|(_, e)| **e > 0.0) {
            let ((value, (x, _)), bottom) = ((curve.points[i].1, points[i]), self.top + self.height);
            let end = |v: f64| (bottom - y.place(v)).clamp(self.top, bottom);
            // A lower end that a logarithmic axis cannot show lies below the frame.
            let (high, low) = (end(value + error), if value > *error { end(value - error) } else { bottom });
            for line in [[(x, high), (x, low)], [(x - 3.0, high), (x + 3.0, high)], [(x - 3.0, low), (x + 3.0, low)]] {
                stroke(canvas, &line, &[], curve.colour, 1)?;
            }
        }
        // Markers keep apart along the curve.
        let mut last = f64::NEG_INFINITY;
        for &(x, y) in &points {
            if x - last >= 14.0 {
                mark(canvas, marker, (x, y), curve.colour)?;
                last = x;
            }
        }
        Ok(())
    }
}

/// An interval against the abscissa; one alone is a bar.
fn band<B: DrawingBackend>(canvas: &mut B, curve: &Curve, place: &dyn Fn(Point) -> Point) -> Drawn<B> {
    let upper: Vec<Point> = curve.points.iter().map(|&p| place(p)).collect();
    let lower: Vec<Point> = curve.points.iter().zip(&curve.lower).map(|(p, &low)| place((p.0, low))).collect();
    if let ([(x, high)], [(_, low)]) = (&upper[..], &lower[..]) {
        return polygon(canvas, &[(x - 6.0, *high), (x + 6.0, *high), (x + 6.0, *low), (x - 6.0, *low)], &filled(curve.colour, BAND));
    }
    let around: Vec<Point> = upper.iter().chain(lower.iter().rev()).copied().collect();
    polygon(canvas, &around, &filled(curve.colour, BAND))?;
    stroke(canvas, &upper, &[], curve.colour, 1)?;
    stroke(canvas, &lower, &[], curve.colour, 1)
}

fn round((x, y): Point) -> (i32, i32) {
    (x.round() as i32, y.round() as i32)
}

fn filled(colour: RGBColor, alpha: f64) -> ShapeStyle {
    ShapeStyle { color: RGBAColor(colour.0, colour.1, colour.2, alpha), filled: true, stroke_width: 1 }
}

fn polygon<B: DrawingBackend>(canvas: &mut B, corners: &[Point], style: &ShapeStyle) -> Drawn<B> {
    canvas.fill_polygon(corners.iter().map(|&p| round(p)), style)
}

/// A line, in strokes and gaps of the given lengths in turn.
fn stroke<B: DrawingBackend>(canvas: &mut B, points: &[Point], dash: &[f64], colour: RGBColor, width: u32) -> Drawn<B> {
    let style = ShapeStyle { color: RGBAColor(colour.0, colour.1, colour.2, 1.0), filled: false, stroke_width: width };
    let parts = if dash.is_empty() { vec![points.to_vec()] } else { dashes(points, dash) };
    parts.into_iter().filter(|part| part.len() > 1).try_for_each(|part| canvas.draw_path(part.into_iter().map(round), &style))
}

/// The strokes of a dashed line.
fn dashes(points: &[Point], dash: &[f64]) -> Vec<Vec<Point>> {
    let (mut parts, mut phase, mut left) = (Vec::new(), 0, dash[0]);
    let mut current: Vec<Point> = points.first().copied().into_iter().collect();
    for pair in points.windows(2) {
        let ((mut x, mut y), (x1, y1)) = (pair[0], pair[1]);
        let mut rest = (x1 - x).hypot(y1 - y);
        while rest > left {
            (x, y) = (x + (x1 - x) * left / rest, y + (y1 - y) * left / rest);
            rest -= left;
            current.push((x, y));
            if phase % 2 == 0 {
                parts.push(std::mem::take(&mut current));
            }
            phase += 1;
            left = dash[phase % dash.len()];
            current = vec![(x, y)];
        }
        left -= rest;
        if phase % 2 == 0 {
            current.push((x1, y1));
        } else {
            current = vec![(x1, y1)];
        }
    }
    if phase % 2 == 0 {
        parts.push(current);
    }
    parts
}

fn mark<B: DrawingBackend>(canvas: &mut B, marker: Marker, (x, y): Point, colour: RGBColor) -> Drawn<B> {
    let corners = |offsets: &[Point]| offsets.iter().map(|(a, b)| (x.round() + a, y.round() + b)).collect::<Vec<_>>();
    let fill = filled(colour, 1.0);
    match marker {
        Marker::Circle => canvas.draw_circle(round((x, y)), 4, &fill, true),
        Marker::Square => polygon(canvas, &corners(&[(-4.0, -4.0), (4.0, -4.0), (4.0, 4.0), (-4.0, 4.0)]), &fill),
        Marker::Triangle => polygon(canvas, &corners(&[(0.0, -5.0), (5.0, 4.0), (-5.0, 4.0)]), &fill),
        Marker::TriangleDown => polygon(canvas, &corners(&[(0.0, 5.0), (5.0, -4.0), (-5.0, -4.0)]), &fill),
        Marker::Diamond => polygon(canvas, &corners(&[(0.0, -6.0), (5.0, 0.0), (0.0, 6.0), (-5.0, 0.0)]), &fill),
        Marker::Cross => {
            stroke(canvas, &corners(&[(-4.0, -4.0), (4.0, 4.0)]), &[], colour, 2)?;
            stroke(canvas, &corners(&[(-4.0, 4.0), (4.0, -4.0)]), &[], colour, 2)
        }
        Marker::Plus => {
            stroke(canvas, &corners(&[(-5.0, 0.0), (5.0, 0.0)]), &[], colour, 2)?;
            stroke(canvas, &corners(&[(0.0, -5.0), (0.0, 5.0)]), &[], colour, 2)
        }
    }
}

/// Text whose middle line goes through a point; upright where it is `turned`.
pub(super) fn text<B: DrawingBackend>(
    canvas: &mut B,
    text: &str,
    at: Point,
    size: f64,
    side: HPos,
    colour: RGBColor,
    turned: bool,
) -> Drawn<B> {
    if text.is_empty() {
        return Ok(());
    }
    // The back ends divide by this factor.
    let mut font = ("sans-serif", size * 1.24).into_font();
    if turned {
        font = font.transform(FontTransform::Rotate270);
    }
    let style = TextStyle::from(font).pos(Pos::new(side, VPos::Center));
    let color = BackendColor { alpha: 1.0, rgb: (colour.0, colour.1, colour.2) };
    canvas.draw_text(text, &TextStyle { color, ..style }, round(at))
}
