//! The pictures: distances against T, and against d.

use super::Line;
use super::common::output::Output;
use super::common::plot::{BLUE, Curve, DARK, GREEN, Labels, ORANGE, RED, draw};
use plotters::prelude::SeriesLabelPosition;
use std::error::Error;

/// Captions common to both.
fn labels(abscissa: &str, legend: SeriesLabelPosition) -> Labels<'_> {
    Labels { caption: "One-step error of population consistency training", abscissa, ordinate: "distance", legend }
}

/// W_1, the lower bound, the certificate and the bound (24) against T, with the theorem's slope −1.
pub(crate) fn against_steps(output: &Output, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    let curve =
        |name: &str, colour, value: fn(&Line) -> f64| Curve::new(name, colour, lines.iter().map(|l| (l.report.steps as f64, value(l))));
    let mut curves = vec![
        curve("W1 of one-step samples", BLUE, |l| l.report.w1.upper),
        curve("lower bound", GREEN, |l| l.report.lower_bound),
        curve("certificate + prior mismatch", ORANGE, Line::upper),
    ];
    if lines.iter().all(|l| l.squared) {
        curves.push(curve("bound (24)", RED, |l| l.bound));
    }
    let points = || curves.iter().flat_map(|c| c.points.iter().copied());
    let low = points().map(|p| p.1).fold(f64::INFINITY, f64::min);
    let right = points().map(|p| p.0).fold(0.0, f64::max);
    if let Some(&(x, y)) = curves[0].points.first() {
        curves.push(Curve::slope("slope -1", (x, 0.7 * y), right.min(y * x / (low * 0.6)), -1.0));
    }
    draw(output, &labels("number of steps T", SeriesLabelPosition::LowerLeft), &curves)
}

/// W_1 against d for every T (from above and below where it is not exact), with the slopes 1/2 and 5/2.
pub(crate) fn against_dimension(output: &Output, steps: &[usize], lines: &[Line]) -> Result<(), Box<dyn Error>> {
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
    draw(output, &labels("dimension d", SeriesLabelPosition::UpperLeft), &curves)
}
