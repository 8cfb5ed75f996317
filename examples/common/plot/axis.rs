//! Axes: how a coordinate becomes a place, and where its ticks stand.

use super::font;
use std::ops::Range;

/// How values are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    Linear,
    Log,
    /// For quotients: asinh((v − 1)/h), which is linear within 1 ± h and logarithmic beyond.
    Quotient(f64),
}

impl Scale {
    fn forward(self, v: f64) -> f64 {
        match self {
            Self::Linear => v,
            Self::Log => v.ln(),
            Self::Quotient(h) => ((v - 1.0) / h).asinh(),
        }
    }

    fn back(self, u: f64) -> f64 {
        match self {
            Self::Linear => u,
            Self::Log => u.exp(),
            Self::Quotient(h) => 1.0 + h * u.sinh(),
        }
    }
}

/// An axis of `length` pixels.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    scale: Scale,
    range: Range<f64>,
    length: f64,
    /// Values that are named where they fit, sorted, each once: sizes such as T and d.
    own: Vec<f64>,
}

/// A mark with its label, none for a small one.
pub(crate) type Tick = (f64, Option<String>);

impl Axis {
    /// An axis that holds the values, with some room at both ends, and ticks at the values `own` where they fit.
    pub(crate) fn new(scale: Scale, values: impl Iterator<Item = f64>, length: f64, mut own: Vec<f64>) -> Option<Self> {
        let mut data: Vec<f64> = values.collect();
        if let (Scale::Quotient(_), Some(_)) = (scale, data.first()) {
            data.push(1.0);
        }
        data.sort_by(f64::total_cmp);
        own.sort_by(f64::total_cmp);
        own.dedup();
        let (first, last) = (scale.forward(*data.first()?), scale.forward(*data.last()?));
        // One value alone stands in the middle of a range of its own.
        let least = match scale {
            Scale::Linear => 0.1 * first.abs().max(last.abs()).max(1e-3),
            Scale::Log => 2.0_f64.ln(),
            Scale::Quotient(_) => 1.0,
        };
        let room = if last > first { 0.05 * (last - first).max(least) } else { least };
        let range = scale.back(first - room)..scale.back(last + room);
        Some(Self { scale, range, length, own })
    }

    /// The place of a value, from 0 to the length.
    pub(crate) fn place(&self, v: f64) -> f64 {
        let (low, high) = (self.scale.forward(self.range.start), self.scale.forward(self.range.end));
        self.length * (self.scale.forward(v) - low) / (high - low)
    }

    /// The ticks: the densest set of marks whose labels keep apart, `extent` being the room that a label takes along the axis, and small marks
    /// of the next denser set where these do not crowd.
    pub(crate) fn ticks(&self, extent: impl Fn(&str) -> f64) -> Vec<Tick> {
        let candidates: Vec<Vec<(f64, String)>> = self.candidates().into_iter().map(|set| self.labelled(&set)).collect();
        let apart = |set: &[(f64, String)]| {
            set.windows(2).all(|p| {
                let needed = 0.5 * (extent(&p[0].1) + extent(&p[1].1)) + GAP;
                self.place(p[1].0) - self.place(p[0].0) >= needed
            })
        };
        let chosen = candidates.iter().position(|set| !set.is_empty() && apart(set));
        // One label is never too close to another.
        let Some(chosen) = chosen else {
            let first = candidates.iter().rev().find_map(|set| set.first());
            return first.map(|(v, label)| (*v, Some(label.clone()))).into_iter().collect();
        };
        let mut ticks: Vec<Tick> = candidates[chosen].iter().map(|(v, label)| (*v, Some(label.clone()))).collect();
        let crowded = |set: &[(f64, String)]| set.windows(2).any(|p| self.place(p[1].0) - self.place(p[0].0) < 4.0);
        if let Some(small) = candidates[..chosen].iter().rev().find(|set| !crowded(set)) {
            let is_new = |v: f64| candidates[chosen].iter().all(|(w, _)| (self.place(*w) - self.place(v)).abs() > 1.0);
            ticks.extend(small.iter().filter(|(v, _)| is_new(*v)).map(|(v, _)| (*v, None)));
        }
        ticks
    }

    fn labelled(&self, set: &[f64]) -> Vec<(f64, String)> {
        let (low, high) = (self.range.start, self.range.end);
        let inside: Vec<f64> = set.iter().copied().filter(|&v| v >= low && v <= high).collect();
        let step = inside.windows(2).map(|p| p[1] - p[0]).fold(f64::INFINITY, f64::min);
        let decades = inside.iter().all(|&v| is_power_of_ten(v));
        let label = |v: f64| match self.scale {
            Scale::Linear => decimal(v, if step.is_finite() { step } else { v.abs() }),
            Scale::Log if self.powers_of_two() && v.log2().fract() == 0.0 && self.own.last().is_some_and(|&last| last >= 1e6) => {
                format!("2{}", superscript(v.log2() as i64))
            }
            Scale::Log => magnitude(v, decades),
            Scale::Quotient(_) => percent(v - 1.0),
        };
        inside.into_iter().map(|v| (v, label(v))).collect()
    }

    fn powers_of_two(&self) -> bool {
        self.own.len() > 1 && self.own.iter().all(|v| v.log2().fract() == 0.0)
    }

    /// Sets of marks, from the densest on.
    fn candidates(&self) -> Vec<Vec<f64>> {
        let mut sets = Vec::new();
        let (low, high) = (self.range.start, self.range.end);
        let ends = [self.own.first(), self.own.last()].map(|v| v.copied().unwrap_or(f64::NAN));
        if (1..=MOST_OWN).contains(&self.own.len()) {
            sets.push(self.own.clone());
            if !self.powers_of_two() && self.own.len() > 1 && self.scale == Scale::Log && high / low < 10.0 {
                sets.push(ends.to_vec());
            }
        }
        match self.scale {
            Scale::Log if self.powers_of_two() => {
                let [first, last] = ends.map(|v| v.log2() as i32);
                sets.extend((1..=64).map(|step| (first..=last).step_by(step).map(|e| 2.0_f64.powi(e)).collect()));
            }
            Scale::Log => {
                let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
                // Within a part of a decade the marks are evenly spaced.
                if high / low < 5.0 {
                    sets.extend([400.0, 200.0, 100.0, 50.0, 20.0, 10.0, 5.0, 2.0].map(|parts| even(low..high, (high - low) / parts)));
                }
                let decades = |step: usize, mantissas: &[f64]| -> Vec<f64> {
                    // Counted from 1, so that the marks do not move with the range.
                    let aligned = first.div_euclid(step as i32) * step as i32;
                    (aligned..=last).step_by(step).flat_map(|e| mantissas.iter().map(move |m| scaled(*m, e))).collect()
                };
                sets.push(decades(1, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]));
                if high / low < 200.0 {
                    sets.push(decades(1, &[1.0, 2.0, 5.0]));
                }
                sets.extend([1, 2, 3, 5, 10, 20, 50, 100, 200].map(|step| decades(step, &[1.0])));
            }
            Scale::Linear => {
                sets.extend([100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0].map(|parts| even(low..high, (high - low) / parts)));
            }
            Scale::Quotient(h) => {
                let reach = (high - 1.0).max(1.0 - low).max(h);
                let powers = || (h.log10().round() as i32..=reach.log10().ceil() as i32).map(|e| scaled(1.0, e));
                let both = |sizes: Vec<f64>| -> Vec<f64> {
                    let mut all: Vec<f64> = sizes.iter().map(|s| 1.0 - s).filter(|&v| v > 0.0).collect();
                    all.sort_by(f64::total_cmp);
                    all.push(1.0);
                    all.extend(sizes.iter().map(|s| 1.0 + s));
                    all
                };
                sets.push(both(powers().flat_map(|p| (1..10).map(move |m| p * f64::from(m))).collect()));
                sets.push(both(powers().flat_map(|p| [p, 2.0 * p, 4.0 * p]).collect()));
                sets.push(both(powers().collect()));
                sets.push(both(powers().skip(1).collect()));
                sets.push(both(powers().skip(1).step_by(2).collect()));
                sets.push(both(powers().skip(2).step_by(4).collect()));
                sets.push(vec![1.0]);
            }
        }
        sets
    }
}

/// Pixels between two labels.
const GAP: f64 = 8.0;

/// Values that may be named one by one.
const MOST_OWN: usize = 16;

/// The multiples within a range of the least of 1, 2, 5 times a power of ten that is at least `step`.
fn even(range: Range<f64>, step: f64) -> Vec<f64> {
    // Written so that NaN gives no marks.
    if !(step > 0.0 && step.is_finite()) {
        return Vec::new();
    }
    let power = step.log10().floor() as i32;
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| scaled(m, power)).into_iter().find(|s| *s >= step * (1.0 - 1e-9)).unwrap_or(step);
    let (first, last) = ((range.start / step).ceil() as i64, (range.end / step).floor() as i64);
    // Quotients round better than products: 3/10 is 0.3.
    let mark = |i: i64| if step < 1.0 { i as f64 / step.recip().round() } else { i as f64 * step };
    (first..=last).take(1000).map(mark).collect()
}

/// m·10^e, correctly rounded.
fn scaled(m: f64, e: i32) -> f64 {
    format!("{m}e{e}").parse().unwrap_or(f64::NAN)
}

/// A number with as many decimals as the step between marks needs.
fn decimal(v: f64, step: f64) -> String {
    let decimals = if step < 1.0 && step > 0.0 { (-step.log10() - 1e-9).ceil().clamp(0.0, 12.0) as usize } else { 0 };
    sign(&format!("{v:.decimals$}"))
}

/// A minus sign in place of the hyphen.
fn sign(text: &str) -> String {
    text.replace('-', "−")
}

/// An integer as a superscript.
pub(crate) fn superscript(n: i64) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    n.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize])).collect()
}

/// A positive number: as it is from 0.01 to 99999, as a power of ten or a multiple of one beyond. Among `decades` alone 0.1 and 10000 are powers.
fn magnitude(v: f64, decades: bool) -> String {
    if (0.01..1e5).contains(&v) && !decades || (1.0..1e4).contains(&v) {
        let rounded: f64 = format!("{v:.3e}").parse().unwrap_or(v);
        return if v.fract() == 0.0 { format!("{v}") } else { format!("{rounded}") };
    }
    let text = format!("{v:.2e}");
    let (m, e) = text.split_once('e').unwrap_or((&text, "0"));
    let e: i64 = e.parse().unwrap_or(0);
    let m = m.trim_end_matches('0').trim_end_matches('.');
    if m == "1" { format!("10{}", superscript(e)) } else { format!("{m}·10{}", superscript(e)) }
}

fn is_power_of_ten(v: f64) -> bool {
    scaled(1.0, v.log10().round() as i32) == v
}

/// A part as a signed percentage; 0 for what others are compared with.
fn percent(part: f64) -> String {
    let value = 100.0 * part;
    // The shortest number that is the part to nine digits.
    let value: f64 = format!("{value:.8e}").parse().unwrap_or(value);
    match value {
        0.0 => "0".to_string(),
        v if v.abs() >= 1e5 => format!("{}{} %", if v > 0.0 { "+" } else { "−" }, magnitude(v.abs(), true)),
        v => sign(&format!("{v:+} %")),
    }
}

/// The room that a label takes on a horizontal axis.
pub(crate) fn across(size: f64) -> impl Fn(&str) -> f64 {
    move |text| size * font::width(text)
}

/// And on a vertical one.
pub(crate) fn upright(size: f64) -> impl Fn(&str) -> f64 {
    // Lines of text need less room between them than words.
    move |_| size + 3.0 - GAP
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, values: &[f64], own: bool) -> Vec<String> {
        let own = if own { values.to_vec() } else { Vec::new() };
        let axis = Axis::new(scale, values.iter().copied(), 380.0, own).unwrap();
        axis.ticks(across(13.0)).into_iter().filter_map(|t| t.1).collect()
    }

    #[test]
    fn sizes_are_named_at_their_own_powers() {
        assert_eq!(labels(Scale::Log, &[64.0], true), ["64"]);
        assert_eq!(labels(Scale::Log, &[64.0, 128.0, 256.0], true), ["64", "128", "256"]);
        let nine: Vec<f64> = (6..15).map(|e| 2.0_f64.powi(e)).collect();
        assert_eq!(labels(Scale::Log, &nine, true), ["64", "256", "1024", "4096", "16384"]);
        assert_eq!(labels(Scale::Log, &[10.0, 100.0, 1000.0], true), ["10", "100", "1000"]);
        assert_eq!(labels(Scale::Log, &[100.0, 105.0, 110.0], true), ["100", "105", "110"]);
    }

    #[test]
    fn one_decade_and_six_have_ticks_apart() {
        assert_eq!(labels(Scale::Log, &[1e-3, 1e3], false), ["10⁻³", "10⁻²", "10⁻¹", "1", "10", "100", "1000"]);
        assert_eq!(labels(Scale::Log, &[0.1, 1.0], false), ["0.1", "0.2", "0.5", "1"]);
        for scale in [Scale::Log, Scale::Linear, Scale::Quotient(0.01)] {
            for (low, high) in [(0.5, 0.5), (0.06, 0.07), (1.0, 1.0001), (3e-7, 5e-3), (1e-200, 1e-170), (1e3, 1e9), (0.9, 1e4)] {
                for (own, length) in [(true, 380.0), (false, 380.0), (false, 120.0), (true, 30.0)] {
                    let values = if own { vec![low, high] } else { Vec::new() };
                    let axis = Axis::new(scale, [low, high].into_iter(), length, values).unwrap();
                    let ticks = axis.ticks(across(13.0));
                    let named: Vec<(f64, f64)> =
                        ticks.iter().filter_map(|(v, l)| l.as_ref().map(|l| (axis.place(*v), 13.0 * font::width(l)))).collect();
                    assert!(!named.is_empty(), "{scale:?} {low} {high} {own} {length}");
                    for pair in named.windows(2) {
                        assert!(pair[1].0 - pair[0].0 >= 0.5 * (pair[0].1 + pair[1].1), "{scale:?} {low} {high} {named:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_read_as_in_print() {
        let decades = [1e-3, 1e-1, 1.0, 10.0, 1e4].map(|v| magnitude(v, true));
        assert_eq!(decades, ["10⁻³", "10⁻¹", "1", "10", "10⁴"]);
        let mixed = [1e-1, 2e-1, 1e4, 2e-7, 0.05, 16384.0, 1e6].map(|v| magnitude(v, false));
        assert_eq!(mixed, ["0.1", "0.2", "10000", "2·10⁻⁷", "0.05", "16384", "10⁶"]);
        assert_eq!([0.0, 0.01, -0.1, 10.0, 1e4].map(percent), ["0", "+1 %", "−10 %", "+1000 %", "+10⁶ %"]);
        assert_eq!((decimal(-0.5, 0.5), decimal(0.30, 0.1), decimal(20.0, 10.0)), ("−0.5".into(), "0.3".into(), "20".into()));
        assert!(font::has("10⁻¹ −+·₀₁₂₃₄θσ√∞≤≥²½…"));
    }
}
