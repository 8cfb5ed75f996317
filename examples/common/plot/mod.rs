//! Pictures: curves, intervals as bands, references; one panel or two, to SVG, or to PNG where the name of the file says so.
//!
//! `plotters` writes the SVG and holds the styles of text; its charts put the legend over the data, its PNG takes the fonts of the machine, and it
//! knows no dashes. So the arrangement is made here, of paths and text, and the same strokes go to [`raster`] for PNG, with a font that is
//! brought along. The legend stands below the panels and hides nothing.

pub(crate) mod axis;
pub(crate) mod font;
mod paint;
pub(crate) mod palette;
mod raster;

pub(crate) use axis::Scale;
#[allow(unused_imports, reason = "every example uses a part of it")]
pub(crate) use palette::{BLUE, DARK, GREEN, GREY, ORANGE, PURPLE, RED, SERIES, SKY};

use super::output::Output;
use super::remark;
use plotters::prelude::{RGBColor, SVGBackend, SeriesLabelPosition};
use plotters::style::text_anchor::HPos;
use std::error::Error;
use std::ops::Range;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A curve with its name.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    pub(crate) name: String,
    /// Dash and marker follow from the colour, and from how often all colours were taken before.
    pub(crate) colour: RGBColor,
    pub(crate) round: usize,
    pub(crate) points: Vec<(f64, f64)>,
    /// A reference line is thin and has no markers.
    pub(crate) reference: bool,
    /// Standard errors of the points; none for exact numbers.
    pub(crate) errors: Vec<f64>,
    /// Lower ends, the points being the upper ones: an interval, drawn as a band.
    pub(crate) lower: Vec<f64>,
}

impl Curve {
    /// A measured curve in the order of its abscissae, without the points that are not positive.
    pub(crate) fn new(name: impl Into<String>, colour: RGBColor, points: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut points: Vec<_> = points.filter(|p| p.0 < DRAWN.end && p.1 > 0.0 && p.1.is_finite()).collect();
        points.sort_by(|p, q| p.0.total_cmp(&q.0));
        Self { name: name.into(), colour, round: 0, points, reference: false, errors: Vec::new(), lower: Vec::new() }
    }

    /// One of many measured curves, by its place among them.
    pub(crate) fn series(name: impl Into<String>, place: usize, points: impl Iterator<Item = (f64, f64)>) -> Self {
        Self { round: place / SERIES.len(), ..Self::new(name, SERIES[place % SERIES.len()], points) }
    }

    /// A measured curve with standard errors: (x, value, standard error).
    pub(crate) fn with_errors(name: impl Into<String>, colour: RGBColor, points: impl Iterator<Item = (f64, f64, f64)>) -> Self {
        let mut kept: Vec<_> = points.filter(|p| p.0 < DRAWN.end && p.1 > 0.0 && p.1.is_finite()).collect();
        kept.sort_by(|p, q| p.0.total_cmp(&q.0));
        let errors = kept.iter().map(|p| if p.2 > 0.0 && p.2.is_finite() { p.2 } else { 0.0 }).collect();
        Self { errors, ..Self::new(name, colour, kept.iter().map(|p| (p.0, p.1))) }
    }

    /// A quantity known to lie in an interval: (x, lower end, upper end).
    pub(crate) fn band(name: impl Into<String>, colour: RGBColor, intervals: impl Iterator<Item = (f64, f64, f64)>) -> Self {
        let mut kept: Vec<_> = intervals.filter(|p| p.0 < DRAWN.end && p.1 > 0.0 && p.1 <= p.2 && p.2.is_finite()).collect();
        kept.sort_by(|p, q| p.0.total_cmp(&q.0));
        Self { lower: kept.iter().map(|p| p.1).collect(), ..Self::new(name, colour, kept.iter().map(|p| (p.0, p.2))) }
    }

    /// A power law from (x, y) to the abscissa `end`.
    pub(crate) fn slope(name: &str, (x, y): (f64, f64), end: f64, power: f64) -> Self {
        let points = [(x, y), (end, y * (end / x).powf(power))];
        Self { reference: true, ..Self::new(name, GREY, points.into_iter()) }
    }

    /// The points for which `shown` says so, with what belongs to them.
    pub(crate) fn only(&self, shown: impl Fn(&(f64, f64)) -> bool) -> Self {
        let kept: Vec<bool> = self.points.iter().map(shown).collect();
        let part = |list: &[f64]| list.iter().zip(&kept).filter(|(_, k)| **k).map(|(v, _)| *v).collect();
        Self {
            points: self.points.iter().zip(&kept).filter(|(_, k)| **k).map(|(p, _)| *p).collect(),
            errors: part(&self.errors),
            lower: part(&self.lower),
            ..self.clone()
        }
    }

    /// Everything that has to be on the picture.
    fn ordinates(&self) -> impl Iterator<Item = f64> + '_ {
        let upper = self.points.iter().map(|p| p.1);
        let with_errors = self.points.iter().zip(&self.errors).map(|(p, e)| p.1 + e);
        upper.chain(with_errors).chain(self.lower.iter().copied())
    }
}

/// What stands beside the curves. The first line of the caption is the title, others are printed small below it: law, schedule, T.
pub(crate) struct Labels<'a> {
    pub(crate) caption: &'a str,
    pub(crate) abscissa: &'a str,
    pub(crate) ordinate: &'a str,
    pub(crate) legend: SeriesLabelPosition,
}

/// A part of a picture with axes of its own.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) abscissa: String,
    pub(crate) ordinate: String,
    pub(crate) scales: (Scale, Scale),
    /// Whether the abscissae are sizes such as T or d, which are named where they fit.
    pub(crate) sizes: bool,
    pub(crate) curves: Vec<Curve>,
}

/// Panels side by side, with one legend below them.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub(crate) caption: String,
    pub(crate) panels: Vec<Panel>,
}

/// Draws the curves, both axes logarithmic.
pub(crate) fn draw(output: &Output, labels: &Labels, curves: &[Curve]) -> Outcome<()> {
    one_panel(output, labels, curves, Scale::Log)
}

/// Draws the curves, the abscissa linear.
pub(crate) fn draw_linear(output: &Output, labels: &Labels, curves: &[Curve]) -> Outcome<()> {
    one_panel(output, labels, curves, Scale::Linear)
}

fn one_panel(output: &Output, labels: &Labels, curves: &[Curve], abscissa: Scale) -> Outcome<()> {
    let panel = Panel {
        title: String::new(),
        abscissa: labels.abscissa.into(),
        ordinate: labels.ordinate.into(),
        scales: (abscissa, Scale::Log),
        sizes: abscissa == Scale::Log,
        curves: curves.to_vec(),
    };
    Picture { caption: labels.caption.into(), panels: vec![panel] }.write(output)
}

impl Picture {
    /// Writes the picture: PNG to a file whose name ends so, otherwise SVG.
    pub(crate) fn write(&self, output: &Output) -> Outcome<()> {
        let panels = self.panels.iter().map(|panel| Panel { curves: visible(&panel.curves), ..panel.clone() }).collect();
        let picture = Self { panels, ..self.clone() };
        if picture.panels.iter().flat_map(|p| &p.curves).all(|c| c.points.is_empty()) {
            return Err("nothing to plot: no error is positive and finite".into());
        }
        let size = paint::size(&picture);
        let drawn = if is_png(output.path()) {
            let mut pixels = Vec::new();
            paint::paint(&mut raster::Raster::new(&mut pixels, size), &picture)?;
            raster::encode(&pixels, size)?
        } else {
            let mut svg = String::new();
            paint::paint(&mut SVGBackend::with_string(&mut svg, size), &picture)?;
            svg.into_bytes()
        };
        output.write(&drawn)?;
        remark!("plot written to {}", output.path().display());
        Ok(())
    }
}

/// A text on an image, its place in pixels, its height.
pub(crate) type Inscription = (String, (f64, f64), f64);

/// A grey image of an even size with text on it, as PNG.
pub(crate) fn inscribed(grey: &[u8], size: (u32, u32), texts: &[Inscription]) -> Outcome<Vec<u8>> {
    let half = (size.0 / 2, size.1 / 2);
    let mut pixels: Vec<u8> = grey.iter().flat_map(|&v| [v; 3]).collect();
    let mut canvas = raster::Raster::over(&mut pixels, half);
    for (text, (x, y), height) in texts {
        paint::text(&mut canvas, text, (0.5 * x, 0.5 * y), 0.5 * height, HPos::Left, DARK, false)?;
    }
    raster::encode(&pixels, half)
}

fn is_png(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png"))
}

/// The place for a picture, checked before the work: `none` for none, the name of an SVG or PNG file, or a device.
pub(crate) fn output(option: &'static str, path: &str) -> Outcome<Option<Output>> {
    let extension = std::path::Path::new(path).extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        None | Some("svg" | "png") => Output::unless_none(option, path, &[], &[]),
        Some(other) => Err(format!("{option} {path}: pictures are written as .svg or .png, not as .{other}").into()),
    }
}

/// Decades of the ordinate that a picture has room for.
const MOST_DECADES: f64 = 40.0;

/// The largest and smallest numbers drawn: a margin around them is still a number.
const DRAWN: Range<f64> = 1e-290..1e290;

/// The curves without the points too far below the largest, which is said.
fn visible(curves: &[Curve]) -> Vec<Curve> {
    let top = curves.iter().flat_map(|c| &c.points).map(|p| p.1).filter(|&y| y < DRAWN.end).fold(0.0, f64::max);
    let floor = (top * 10.0_f64.powf(-MOST_DECADES)).max(DRAWN.start);
    let shown = |p: &(f64, f64)| p.1 >= floor && p.1 < DRAWN.end;
    let left_out = curves.iter().flat_map(|c| &c.points).filter(|p| !shown(p)).count();
    if left_out > 0 {
        remark!("plot: {left_out} points outside [{floor:.0e}, {top:.0e}] are left out");
    }
    // A reference to one abscissa is no line, and must not widen the axes.
    let is_line = |c: &Curve| !c.reference || c.points.iter().any(|p| p.0 != c.points[0].0);
    let lines = curves.iter().map(|c| if is_line(c) { c.only(shown) } else { c.only(|_| false) });
    lines.map(|c| Curve { lower: c.lower.iter().map(|l| l.max(floor)).collect(), ..c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(extension: &str, points: Vec<(f64, f64)>, linear: bool) -> Outcome<Vec<u8>> {
        let path = std::env::temp_dir().join(format!("onestep-plot-{}-{}-{linear}.{extension}", std::process::id(), points.len()));
        let labels = Labels { caption: "Title\nlaw", abscissa: "T", ordinate: "W₁", legend: SeriesLabelPosition::LowerLeft };
        let curve = Curve::new("error", BLUE, points.into_iter());
        let output = Output::new("--plot", &path, &[], &[])?;
        let draw = if linear { draw_linear } else { draw };
        let written = draw(&output, &labels, &[curve]).and_then(|()| Ok(std::fs::read(&path)?));
        let _ = std::fs::remove_file(&path);
        written
    }

    fn circles(points: Vec<(f64, f64)>, linear: bool) -> usize {
        let svg = String::from_utf8(drawn("svg", points, linear).unwrap()).unwrap();
        // One of them is in the legend.
        svg.matches("<circle").count() - 1
    }

    #[test]
    fn hundreds_of_decades_end() {
        for linear in [false, true] {
            // The circles of the points within reach of the largest that is drawn, and no others.
            let wide = vec![(64.0, 5e-324), (128.0, 1e-300), (256.0, 1e-3), (512.0, 1e90), (1024.0, f64::MAX)];
            assert_eq!(circles(wide, linear), 1);
            assert_eq!(circles(vec![(64.0, 1e-38), (128.0, 1.0)], linear), 2);
            assert!(drawn("svg", vec![(64.0, 0.0), (128.0, f64::NAN), (f64::INFINITY, 1.0)], linear).is_err());
        }
    }

    #[test]
    fn a_reference_to_one_point_is_not_drawn() {
        let curves = [Curve::new("error", BLUE, [(64.0, 0.1)].into_iter()), Curve::slope("slope", (64.0, 1.0), 64.0, -1.0)];
        assert_eq!(visible(&curves).iter().map(|c| c.points.len()).collect::<Vec<_>>(), [1, 0]);
        let longer = Curve::slope("slope", (64.0, 1.0), 128.0, -1.0);
        assert_eq!(visible(&[longer])[0].points, [(64.0, 1.0), (128.0, 0.5)]);
    }

    #[test]
    fn a_png_shows_the_colour_of_its_curve() {
        let picture = drawn("png", vec![(1.0, 1.0), (2.0, 0.5), (4.0, 0.25)], false).unwrap();
        let mut reader = png::Decoder::new(picture.as_slice()).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.color_type, png::ColorType::Rgb);
        let blue = pixels.chunks(3).filter(|p| *p == [BLUE.0, BLUE.1, BLUE.2]).count();
        // A line of two units' width and some 400 length at two pixels a unit; white is most of the rest.
        assert!((1000..20_000).contains(&blue), "{blue}");
        assert!(pixels.chunks(3).filter(|p| *p == [255; 3]).count() > pixels.len() / 4);
    }

    #[test]
    fn bands_and_errors_keep_their_points() {
        let band = Curve::band("W₁", BLUE, [(1.0, 0.5, 1.0), (2.0, 0.0, 1.0), (4.0, 0.2, 0.1), (8.0, 0.1, 0.2)].into_iter());
        assert_eq!((band.points.clone(), band.lower.clone()), (vec![(1.0, 1.0), (8.0, 0.2)], vec![0.5, 0.1]));
        let turned = Curve::band("W₁", BLUE, [(8.0, 0.1, 0.2), (1.0, 0.5, 1.0)].into_iter());
        assert_eq!((turned.points, turned.lower), (band.points.clone(), band.lower.clone()));
        let turned = Curve::with_errors("W₁", BLUE, [(2.0, 0.5, 0.2), (1.0, 0.4, 0.1)].into_iter());
        assert_eq!((turned.points, turned.errors), (vec![(1.0, 0.4), (2.0, 0.5)], vec![0.1, 0.2]));
        let part = band.only(|p| p.0 > 1.0);
        assert_eq!((part.points.len(), part.lower), (1, vec![0.1]));
        let measured = Curve::with_errors("W₁", BLUE, [(1.0, 0.5, 0.1), (2.0, 0.5, f64::NAN)].into_iter());
        assert_eq!(measured.errors, [0.1, 0.0]);
    }

    #[test]
    fn other_pictures_are_refused_by_name() {
        assert!(output("--plot", "x.pdf").unwrap_err().to_string().contains("--plot x.pdf"));
        assert!(output("--plot", "none").unwrap().is_none());
    }
}
