//! The pictures: distances against T, with the same beside W_1 as a unit, and distances against d.

use super::common::output::Output;
use super::common::plot::{BLUE, Curve, DARK, GREEN, ORANGE, PURPLE, Panel, Picture, RED, SERIES, SKY, Scale};
use super::common::{listed, name, remark, told};
use super::problem;
use super::{Arguments, Line};
use std::error::Error;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What the picture shows, with law, method and schedule.
fn caption(a: &Arguments, title: &str, dim: &str, steps: &str) -> Outcome<String> {
    Ok(format!(
        "{title}\n{}, d = {dim}, method {}, loss {}{}\nschedule {}, T = {steps}",
        told(&problem::described(a)?),
        name(a.method),
        name(a.loss.loss),
        a.loss.huber.map_or_else(String::new, |c| format!(" (c {c})")),
        told(&a.schedule.described())
    ))
}

/// The values of one quantity, with what it is drawn as.
type Quantity = (&'static str, plotters::style::RGBColor, fn(&Line) -> f64);

/// What bounds W_1 or W_2, beside the bound (24).
const QUANTITIES: [Quantity; 7] = [
    ("W₁ of one-step samples", BLUE, |l| l.report.w1.upper),
    ("lower bound on W₁", GREEN, |l| l.report.lower_bound),
    ("certificate + prior mismatch", ORANGE, Line::upper),
    ("W₂ at X_T", SKY, |l| l.report.w2_marginal.upper),
    ("2.17 (bound on W₂, Lipschitz maps)", PURPLE, |l| l.explicit.lipschitz_maps.unwrap_or(f64::NAN)),
    ("2.19 (bound on W₂, log-concave law)", DARK, |l| l.explicit.log_concave.unwrap_or(f64::NAN)),
    ("", RED, |l| if l.squared { l.bound } else { f64::NAN }),
];

/// A bound so many times above W_1 says nothing, and would press all else into one line of the picture.
const MOST: f64 = 1e8;

/// W_1, its bounds and (24) against T, with the theorem's slope −1; and all but (24) relative to W_1, so that percents can be read.
pub(crate) fn against_steps(a: &Arguments, output: &Output, lines: &[Line]) -> Outcome<()> {
    let theorem = format!("bound (24), C₁ = {} (left)", a.constant);
    let called = |name: &'static str| if name.is_empty() { theorem.as_str() } else { name };
    let empty = |l: &Line, value: f64| value > MOST * l.report.w1.upper;
    let curve = |(name, colour, value): &Quantity, unit: fn(&Line) -> f64| {
        let drawn = lines.iter().filter(|l| !empty(l, value(l)));
        Curve::new(called(name), *colour, drawn.map(|l| (l.report.steps as f64, value(l) / unit(l))))
    };
    for &(name, _, value) in &QUANTITIES {
        let left_out: Vec<usize> = lines.iter().filter(|l| empty(l, value(l))).map(|l| l.report.steps).collect();
        if !left_out.is_empty() {
            remark!("plot: {} is left out at T = {}: above {MOST:e} W1", called(name).trim_end_matches(" (left)"), listed(&left_out));
        }
    }
    let bracket = |unit: fn(&Line) -> f64| {
        let upper = |l: &Line| l.report.energy_upper.unwrap_or(f64::NAN) / unit(l);
        let interval = |l: &Line| (l.report.steps as f64, l.report.energy_lower / unit(l), upper(l));
        Curve::band("W₂ from second moments (2.15)", SKY, lines.iter().map(interval))
    };
    let (one, w1): (fn(&Line) -> f64, fn(&Line) -> f64) = (|_| 1.0, |l| l.report.w1.upper);
    let mut absolute: Vec<Curve> = QUANTITIES.iter().map(|q| curve(q, one)).collect();
    absolute.push(bracket(one));
    if let (Some(&(x, y)), Some(&(end, _))) = (absolute[0].points.first(), absolute[0].points.last()) {
        absolute.push(Curve::slope("slope −1", (x, 0.7 * y), end, -1.0));
    }
    let mut relative: Vec<Curve> = QUANTITIES[..6].iter().map(|q| curve(q, w1)).collect();
    relative.push(bracket(w1));
    // The axis is linear as far as the closest bound is close.
    let closest = relative.iter().flat_map(|c| &c.points).map(|p| (p.1 - 1.0).abs()).filter(|gap| *gap > 1e-6).fold(0.1, f64::min);
    let linear = 10.0_f64.powf(closest.log10().floor()).clamp(1e-4, 0.01);
    let panel = |title: &str, ordinate: &str, scale, curves| Panel {
        title: title.into(),
        abscissa: "number of steps T".into(),
        ordinate: ordinate.into(),
        scales: (Scale::Log, scale),
        sizes: true,
        curves,
    };
    let steps: Vec<usize> = lines.iter().map(|l| l.report.steps).collect();
    Picture {
        caption: caption(a, "One-step error of population consistency training", &a.dim.to_string(), &listed(&steps))?,
        panels: vec![
            panel("distances", "distance", Scale::Log, absolute),
            panel("the same beside W₁", "deviation from W₁", Scale::Quotient(linear), relative),
        ],
    }
    .write(output)
}

/// W_1 against d for every T (a band where it is known from above and below), with the slopes 1/2 and 5/2.
pub(crate) fn against_dimension(a: &Arguments, output: &Output, steps: &[usize], lines: &[Line]) -> Outcome<()> {
    let here = |t: usize| lines.iter().filter(move |l| l.report.steps == t);
    let mut curves: Vec<Curve> = Vec::new();
    for (i, &t) in steps.iter().enumerate() {
        if here(t).all(|l| l.report.w1.is_exact()) {
            curves.push(Curve::series(format!("W₁, T = {t}"), i, here(t).map(|l| (l.report.dim as f64, l.report.w1.upper))));
        } else {
            let interval = |l: &Line| (l.report.dim as f64, l.report.w1.lower, l.report.w1.upper);
            curves.push(Curve::band(format!("W₁ from below and above, T = {t}"), SERIES[i % SERIES.len()], here(t).map(interval)));
        }
    }
    let points = || curves.iter().flat_map(|c| c.points.iter().copied());
    let high = points().map(|p| p.1).fold(0.0, f64::max);
    let right = points().map(|p| p.0).fold(0.0, f64::max);
    if let Some(&(x, y)) = curves.first().and_then(|c| c.points.first()) {
        curves.push(Curve::slope("slope 1/2", (x, 1.5 * y), right, 0.5));
        let theorem = Curve::slope("slope 5/2 (Theorem 1)", (x, 1.5 * y), right.min(x * (3.0 * high / y).powf(0.4)), 2.5);
        curves.push(Curve { colour: DARK, ..theorem });
    }
    let dims: Vec<usize> = here(steps[0]).map(|l| l.report.dim).collect();
    let panel = Panel {
        title: String::new(),
        abscissa: "dimension d".into(),
        ordinate: "W₁".into(),
        scales: (Scale::Log, Scale::Log),
        sizes: true,
        curves,
    };
    let title = "One-step error of population consistency training against the dimension";
    Picture { caption: caption(a, title, &listed(&dims), &listed(steps))?, panels: vec![panel] }.write(output)
}
