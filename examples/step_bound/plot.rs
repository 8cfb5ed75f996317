//! The pictures: distances against T, and against d.

use super::Line;
use plotters::prelude::*;
use std::error::Error;

const BLUE: RGBColor = RGBColor(0, 90, 181);
const GREEN: RGBColor = RGBColor(0, 140, 90);
const ORANGE: RGBColor = RGBColor(220, 120, 0);
const RED: RGBColor = RGBColor(170, 30, 60);
const GREY: RGBColor = RGBColor(120, 120, 120);
const DARK: RGBColor = RGBColor(40, 40, 40);

/// A curve with its name.
struct Curve {
    name: String,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
    /// A reference line is thin and has no markers.
    reference: bool,
}

impl Curve {
    /// A measured curve, without the points that a logarithmic axis cannot show.
    fn new(name: impl Into<String>, colour: RGBColor, points: impl Iterator<Item = (f64, f64)>) -> Self {
        Self { name: name.into(), colour, points: points.filter(|p| p.1 > 0.0 && p.1.is_finite()).collect(), reference: false }
    }

    /// A power law from (x, y) to the abscissa `end`.
    fn slope(name: &str, (x, y): (f64, f64), end: f64, power: f64) -> Self {
        Self { name: name.into(), colour: GREY, points: vec![(x, y), (end, y * (end / x).powf(power))], reference: true }
    }
}

/// W_1, the lower bound, the certificate and the bound (24) against T, with the theorem's slope −1.
pub(crate) fn against_steps(path: &str, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    let curve =
        |name: &str, colour, value: fn(&Line) -> f64| Curve::new(name, colour, lines.iter().map(|l| (l.report.steps as f64, value(l))));
    let mut curves = vec![
        curve("W1 of one-step samples", BLUE, |l| l.report.w1.upper),
        curve("lower bound", GREEN, |l| l.report.lower_bound),
        curve("certificate + prior mismatch", ORANGE, Line::upper),
        curve("bound (24)", RED, |l| l.bound),
    ];
    let points = || curves.iter().flat_map(|c| c.points.iter().copied());
    let low = points().map(|p| p.1).fold(f64::INFINITY, f64::min);
    let right = points().map(|p| p.0).fold(0.0, f64::max);
    if let Some(&(x, y)) = curves[0].points.first() {
        curves.push(Curve::slope("slope -1", (x, 0.7 * y), right.min(y * x / (low * 0.6)), -1.0));
    }
    draw(path, "One-step error of population consistency training", "number of steps T", SeriesLabelPosition::LowerLeft, &curves)
}

/// W_1 against d for every T (from above and below where it is not exact), with the slopes 1/2 and 5/2.
pub(crate) fn against_dimension(path: &str, steps: &[usize], lines: &[Line]) -> Result<(), Box<dyn Error>> {
    let colours = [BLUE, GREEN, ORANGE, RED];
    let here = |t: usize| lines.iter().filter(move |l| l.report.steps == t);
    let mut curves: Vec<Curve> = Vec::new();
    for (&t, &colour) in steps.iter().zip(colours.iter().cycle()) {
        curves.push(Curve::new(format!("W1, T = {t}"), colour, here(t).map(|l| (l.report.dim as f64, l.report.w1.upper))));
        if !here(t).all(|l| l.report.w1.is_exact()) {
            curves.push(Curve::new(format!("W1 from below, T = {t}"), colour, here(t).map(|l| (l.report.dim as f64, l.report.w1.lower))));
        }
    }
    let points = || curves.iter().flat_map(|c| c.points.iter().copied());
    let high = points().map(|p| p.1).fold(0.0, f64::max);
    let right = points().map(|p| p.0).fold(0.0, f64::max);
    if let Some(&(x, y)) = curves.first().and_then(|c| c.points.first()) {
        curves.push(Curve::slope("slope 1/2", (x, 1.5 * y), right, 0.5));
        let theorem = Curve::slope("slope 5/2", (x, 1.5 * y), right.min(x * (3.0 * high / y).powf(0.4)), 2.5);
        curves.push(Curve { colour: DARK, ..theorem });
    }
    draw(path, "One-step error of population consistency training", "dimension d", SeriesLabelPosition::UpperLeft, &curves)
}

fn draw(path: &str, caption: &str, abscissa: &str, legend: SeriesLabelPosition, curves: &[Curve]) -> Result<(), Box<dyn Error>> {
    let points = || curves.iter().flat_map(|c| c.points.iter().copied());
    let (low, high) = points().fold((f64::INFINITY, 0.0_f64), |(a, b), (_, y)| (a.min(y), b.max(y)));
    let (left, right) = points().fold((f64::INFINITY, 0.0_f64), |(a, b), (x, _)| (a.min(x), b.max(x)));
    if !(low < f64::INFINITY) {
        return Err("nothing to plot: every error is zero".into());
    }
    let root = SVGBackend::new(path, (900, 620)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(caption, ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d((left * 0.8..right * 1.25).log_scale(), (low * 0.4..high * 2.5).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(abscissa)
        .y_desc("distance")
        .x_label_formatter(&|x| format!("{x:.0}"))
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
        .position(legend)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .label_font(("sans-serif", 15))
        .draw()?;
    root.present()?;
    Ok(())
}
