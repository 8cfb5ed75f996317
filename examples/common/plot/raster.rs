//! A back end for PNG: shapes filled with exact horizontal coverage, text from the outlines of the font.

use super::font;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontTransform};
use std::convert::Infallible;
use std::error::Error;

/// Pixels of the picture a unit of the drawing.
const SCALE: f64 = 2.0;

/// Lines a pixel at which the coverage is taken.
const LINES: usize = 5;

type Point = (f64, f64);

/// A picture in the making.
pub(crate) struct Raster<'a> {
    size: (u32, u32),
    width: usize,
    height: usize,
    /// Red, green and blue of every pixel.
    pixels: &'a mut Vec<u8>,
}

impl<'a> Raster<'a> {
    /// A white picture of this size in units of the drawing.
    pub(crate) fn new(pixels: &'a mut Vec<u8>, size: (u32, u32)) -> Self {
        pixels.clear();
        Self::over(pixels, size)
    }

    /// On top of the pixels of a picture of this size.
    pub(crate) fn over(pixels: &'a mut Vec<u8>, size: (u32, u32)) -> Self {
        let (width, height) = ((f64::from(size.0) * SCALE) as usize, (f64::from(size.1) * SCALE) as usize);
        pixels.resize(3 * width * height, 255);
        Self { size, width, height, pixels }
    }

    /// Fills what the contours wind around.
    fn fill(&mut self, contours: &[Vec<Point>], colour: BackendColor) {
        let edges: Vec<(Point, Point)> = contours
            .iter()
            .flat_map(|contour| contour.iter().zip(contour.iter().cycle().skip(1)))
            .map(|(a, b)| ((a.0 * SCALE, a.1 * SCALE), (b.0 * SCALE, b.1 * SCALE)))
            .collect();
        let heights = || edges.iter().flat_map(|(a, b)| [a.1, b.1]);
        let top = heights().fold(f64::INFINITY, f64::min).floor().max(0.0) as usize;
        let bottom = heights().fold(0.0, f64::max).ceil().min(self.height as f64) as usize;
        let mut coverage = vec![0.0; self.width];
        for row in top..bottom {
            coverage.fill(0.0);
            for line in 0..LINES {
                let y = row as f64 + (line as f64 + 0.5) / LINES as f64;
                spans(&edges, y).into_iter().for_each(|(start, end)| cover(&mut coverage, start, end));
            }
            for (x, c) in coverage.iter().enumerate().filter(|(_, c)| **c > 0.0) {
                self.blend(x, row, colour, (c / LINES as f64).min(1.0));
            }
        }
    }

    fn blend(&mut self, x: usize, y: usize, colour: BackendColor, coverage: f64) {
        let start = 3 * (y * self.width + x);
        let Some(pixel) = self.pixels.get_mut(start..start + 3) else { return };
        for (old, new) in pixel.iter_mut().zip([colour.rgb.0, colour.rgb.1, colour.rgb.2]) {
            let part = colour.alpha * coverage;
            *old = (f64::from(*old) * (1.0 - part) + f64::from(new) * part).round() as u8;
        }
    }

    /// A line with round ends.
    fn stroke(&mut self, points: &[Point], width: f64, colour: BackendColor) {
        let half = 0.5 * width;
        for pair in points.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            let length = (x1 - x0).hypot(y1 - y0);
            if length > 0.0 {
                let (nx, ny) = (-(y1 - y0) / length * half, (x1 - x0) / length * half);
                self.fill(&[vec![(x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny), (x0 - nx, y0 - ny)]], colour);
            }
        }
        if width > 1.0 && points.len() > 2 {
            points.iter().for_each(|&point| self.fill(&[circle(point, half)], colour));
        }
    }
}

/// The parts of a horizontal line inside, by the winding number.
fn spans(edges: &[(Point, Point)], y: f64) -> Vec<Point> {
    let mut crossings: Vec<(f64, i32)> = edges
        .iter()
        .filter(|(a, b)| (a.1 <= y) != (b.1 <= y))
        .map(|(a, b)| (a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0), if a.1 <= y { 1 } else { -1 }))
        .collect();
    crossings.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut winding, mut inside) = (0, Vec::new());
    for pair in crossings.windows(2) {
        winding += pair[0].1;
        if winding != 0 {
            inside.push((pair[0].0, pair[1].0));
        }
    }
    inside
}

/// Adds the part of every pixel between two places of a row.
fn cover(row: &mut [f64], start: f64, end: f64) {
    let (start, end) = (start.clamp(0.0, row.len() as f64), end.clamp(0.0, row.len() as f64));
    for x in start.floor() as usize..end.ceil() as usize {
        row[x] += end.min(x as f64 + 1.0) - start.max(x as f64);
    }
}

fn circle((x, y): Point, radius: f64) -> Vec<Point> {
    let corners = 24;
    (0..corners)
        .map(|i| std::f64::consts::TAU * f64::from(i) / f64::from(corners))
        .map(|angle| (x + radius * angle.cos(), y + radius * angle.sin()))
        .collect()
}

fn point((x, y): BackendCoord) -> Point {
    // The middle of a pixel.
    (f64::from(x) + 0.5, f64::from(y) + 0.5)
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Raster<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, colour: BackendColor) -> Drawn {
        self.fill(&[circle(point(at), 0.5)], colour);
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.stroke(&[point(from), point(to)], f64::from(style.stroke_width()), style.color());
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        let points: Vec<Point> = path.into_iter().map(point).collect();
        self.stroke(&points, f64::from(style.stroke_width()), style.color());
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Drawn {
        let ((x0, y0), (x1, y1)) = (point(from), point(to));
        let corners = vec![(x0, y0), (x1, y0), (x1, y1), (x0, y1)];
        if fill {
            self.fill(&[corners], style.color());
        } else {
            let closed: Vec<Point> = corners.iter().copied().chain([corners[0]]).collect();
            self.stroke(&closed, f64::from(style.stroke_width()), style.color());
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, centre: BackendCoord, radius: u32, style: &S, fill: bool) -> Drawn {
        let outer = circle(point(centre), f64::from(radius) + if fill { 0.0 } else { 0.5 });
        if fill {
            self.fill(&[outer], style.color());
        } else {
            let closed: Vec<Point> = outer.iter().copied().chain([outer[0]]).collect();
            self.stroke(&closed, f64::from(style.stroke_width()), style.color());
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, corners: I, style: &S) -> Drawn {
        self.fill(&[corners.into_iter().map(point).collect()], style.color());
        Ok(())
    }

    /// Places text as the SVG back end does.
    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        let (size, anchor) = (style.size() / 1.24, style.anchor());
        let along = match anchor.h_pos {
            HPos::Left => 0.0,
            HPos::Center => -0.5 * font::width(text),
            HPos::Right => -font::width(text),
        };
        let down = match anchor.v_pos {
            VPos::Top => 0.76,
            VPos::Center => 0.27,
            VPos::Bottom => -0.27,
        };
        let (x, y) = (f64::from(at.0), f64::from(at.1));
        let place = |(u, v): Point| {
            let (right, below) = (size * (u + along), size * (down - v));
            match style.transform() {
                FontTransform::None => (x + right, y + below),
                FontTransform::Rotate90 => (x - below, y + right),
                FontTransform::Rotate180 => (x - right, y - below),
                FontTransform::Rotate270 => (x + below, y - right),
            }
        };
        let contours: Vec<Vec<Point>> = font::outline(text).into_iter().map(|c| c.into_iter().map(place).collect()).collect();
        self.fill(&contours, style.color());
        Ok(())
    }
}

/// The picture as PNG.
pub(crate) fn encode(pixels: &[u8], size: (u32, u32)) -> Result<Vec<u8>, Box<dyn Error>> {
    let side = |length: u32| (f64::from(length) * SCALE) as u32;
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, side(size.0), side(size.1));
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Best);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(picture)
}
