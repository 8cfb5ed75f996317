//! Pictures: curves on a logarithmic ordinate.

use super::output::Output;
use super::remark;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use std::error::Error;
use std::ops::Range;

pub(crate) const BLUE: RGBColor = RGBColor(0, 90, 181);
pub(crate) const GREEN: RGBColor = RGBColor(0, 140, 90);
pub(crate) const ORANGE: RGBColor = RGBColor(220, 120, 0);
pub(crate) const RED: RGBColor = RGBColor(170, 30, 60);
pub(crate) const PURPLE: RGBColor = RGBColor(120, 60, 150);
pub(crate) const GREY: RGBColor = RGBColor(120, 120, 120);
pub(crate) const DARK: RGBColor = RGBColor(40, 40, 40);

/// A curve with its name.
#[derive(Clone)]
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) colour: RGBColor,
    pub(crate) points: Vec<(f64, f64)>,
    /// A reference line is thin and has no markers.
    pub(crate) reference: bool,
}

impl Curve {
    /// A measured curve, without the points that a logarithmic axis cannot show.
    pub(crate) fn new(name: impl Into<String>, colour: RGBColor, points: impl Iterator<Item = (f64, f64)>) -> Self {
        Self {
            name: name.into(),
            colour,
            points: points.filter(|p| p.0 < DRAWN.end && p.1 > 0.0 && p.1.is_finite()).collect(),
            reference: false,
        }
    }

    /// A power law from (x, y) to the abscissa `end`.
    pub(crate) fn slope(name: &str, (x, y): (f64, f64), end: f64, power: f64) -> Self {
        Self { name: name.into(), colour: GREY, points: vec![(x, y), (end, y * (end / x).powf(power))], reference: true }
    }
}

/// What stands beside the curves.
pub(crate) struct Labels<'a> {
    pub(crate) caption: &'a str,
    pub(crate) abscissa: &'a str,
    pub(crate) ordinate: &'a str,
    pub(crate) legend: SeriesLabelPosition,
}

/// Draws the curves to an SVG file, both axes logarithmic.
pub(crate) fn draw(output: &Output, labels: &Labels, curves: &[Curve]) -> Result<(), Box<dyn Error>> {
    let curves = visible(curves);
    let (x, y) = extent(&curves)?;
    let drawn = chart(labels, &curves, (x.start * 0.8..x.end * 1.25).log_scale(), &|x| format!("{}", (x * 1e3).round() / 1e3), y)?;
    write(output, &drawn)
}

/// Draws the curves to an SVG file, the abscissa linear.
pub(crate) fn draw_linear(output: &Output, labels: &Labels, curves: &[Curve]) -> Result<(), Box<dyn Error>> {
    let curves = visible(curves);
    let (x, y) = extent(&curves)?;
    let room = 0.03 * (x.end - x.start).max(0.1);
    let drawn = chart(labels, &curves, x.start - room..x.end + room, &|x| format!("{x:.2}"), y)?;
    write(output, &drawn)
}

fn write(output: &Output, drawn: &str) -> Result<(), Box<dyn Error>> {
    output.write(drawn.as_bytes())?;
    remark!("plot written to {}", output.path().display());
    Ok(())
}

/// Decades of the ordinate that a picture has room for. The tick marks of many more take a time without end.
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
    let part = |c: &Curve| Curve { points: c.points.iter().copied().filter(shown).collect(), ..c.clone() };
    curves.iter().map(part).collect()
}

/// The ranges of both coordinates.
fn extent(curves: &[Curve]) -> Result<(Range<f64>, Range<f64>), Box<dyn Error>> {
    let points = || curves.iter().flat_map(|c| c.points.iter().copied());
    let (low, high) = points().fold((f64::INFINITY, 0.0_f64), |(a, b), (_, y)| (a.min(y), b.max(y)));
    let (left, right) = points().fold((f64::INFINITY, 0.0_f64), |(a, b), (x, _)| (a.min(x), b.max(x)));
    if low < f64::INFINITY { Ok((left..right, low..high)) } else { Err("nothing to plot: no error is positive and finite".into()) }
}

/// The picture as SVG.
fn chart<X>(labels: &Labels, curves: &[Curve], x: X, show: &dyn Fn(&f64) -> String, y: Range<f64>) -> Result<String, Box<dyn Error>>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
{
    let mut drawn = String::new();
    let root = SVGBackend::with_string(&mut drawn, (900, 620)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(labels.caption, ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(x, (y.start * 0.4..y.end * 2.5).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(labels.abscissa)
        .y_desc(labels.ordinate)
        .x_label_formatter(&show)
        .y_label_formatter(&|y| format!("{y:.0e}"))
        .axis_desc_style(("sans-serif", 17))
        .label_style(("sans-serif", 14))
        .light_line_style(RGBColor(235, 235, 235))
        .draw()?;
    // Drawn in reverse, so that the measured error lies on top.
    for curve in curves.iter().rev().filter(|c| !c.points.is_empty()) {
        let style = curve.colour.stroke_width(if curve.reference { 1 } else { 2 });
        chart
            .draw_series(LineSeries::new(curve.points.clone(), style))?
            .label(curve.name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
        if !curve.reference {
            chart.draw_series(curve.points.iter().map(|&p| Circle::new(p, 3, curve.colour.filled())))?;
        }
    }
    chart
        .configure_series_labels()
        .position(labels.legend.clone())
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .label_font(("sans-serif", 15))
        .draw()?;
    root.present()?;
    drop(chart);
    drop(root);
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(points: Vec<(f64, f64)>, linear: bool) -> Result<String, Box<dyn Error>> {
        let path = std::env::temp_dir().join(format!("onestep-plot-{}-{}-{linear}.svg", std::process::id(), points.len()));
        let labels = Labels { caption: "", abscissa: "T", ordinate: "W1", legend: SeriesLabelPosition::LowerLeft };
        let curve = Curve::new("error", BLUE, points.into_iter());
        let output = Output::new("--plot", &path, &[], &[])?;
        let draw = if linear { draw_linear } else { draw };
        let written = draw(&output, &labels, &[curve]).and_then(|()| Ok(std::fs::read_to_string(&path)?));
        let _ = std::fs::remove_file(&path);
        written
    }

    #[test]
    fn hundreds_of_decades_end() {
        for linear in [false, true] {
            // The circles of the points within reach of the largest that is drawn, and no others.
            let svg = drawn(vec![(64.0, 5e-324), (128.0, 1e-300), (256.0, 1e-3), (512.0, 1e90), (1024.0, f64::MAX)], linear).unwrap();
            assert_eq!(svg.matches("<circle").count(), 1);
            let svg = drawn(vec![(64.0, 1e-38), (128.0, 1.0)], linear).unwrap();
            assert_eq!(svg.matches("<circle").count(), 2);
            assert!(drawn(vec![(64.0, 0.0), (128.0, f64::NAN), (f64::INFINITY, 1.0)], linear).is_err());
        }
    }
}
