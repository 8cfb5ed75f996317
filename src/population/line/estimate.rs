//! M-estimates: what a step minimises to under the pseudo-Huber and the absolute loss.
//!
//! g = f_{t−1} increases, so the M-estimate of g(U), U = X_{t−1} given X_t = x, is g(u) at the zero u of E ψ(g(U) − g(u)), which falls in u:
//! ψ(r) = r/√(r² + c²), or sign r for the absolute loss, where u is the median.

use crate::numeric::special::normal;
use crate::population::Loss;
use crate::population::line::law::{Before, Part};
use crate::population::line::rules::rule_for;
use crate::population::quadrature::gauss;

/// A Gaussian is cut off this many standard deviations from its mean: 1e−15 of it lies beyond.
const REACH: f64 = 8.0;
/// The longest panel of an eight-point rule in standard deviations (2e−12) and in local scales of g (with poles at twice the local scale,
/// 1e−12).
const LONGEST: f64 = 2.0;
const LONGEST_SCALES: f64 = 1.5;
/// g is smooth on the width of the posterior, as the last step was one: panels need not be shorter than this many standard deviations.
const SHORTEST: f64 = 0.25;
/// The first panel beside the kink of ψ is no shorter than this many standard deviations.
const FIRST: f64 = 1e-12;
/// Steps of the zero finders: bisection alone takes 60.
const ITERATIONS: usize = 100;
/// A Newton step this much smaller than the scale of ψ ends the iteration: the next would be its square.
const SMALL: f64 = 1e-7;
/// Points are collected anew around a better guess of the estimate, so often at most, until it moves by less than this part of the first panel:
/// then the kink is as far from the axis of every panel as was reckoned with.
const CENTRES: usize = 20;
const CENTRED: f64 = 0.25;

/// The M-estimate of g(X_{t−1}) at one node, the value of g there taken off, and the mean of the loss at it.
pub(super) struct Estimator {
    /// The parts of the posterior, with positions relative to the node at the level before.
    pub(super) parts: Vec<Part>,
    /// Values of g with weights, relative likewise.
    points: Vec<(f64, f64)>,
    loss: Loss,
}

/// One step of Newton's method for the zero of a falling function between `low` and `high`, or of bisection where that leaves the bracket; and
/// whether it was Newton's.
fn newton(at: f64, (value, slope): (f64, f64), low: &mut f64, high: &mut f64) -> (f64, bool) {
    if value > 0.0 {
        *low = at;
    } else {
        *high = at;
    }
    let next = at - value / slope;
    if next >= *low && next <= *high { (next, true) } else { (0.5 * (*low + *high), false) }
}

impl Estimator {
    pub(super) fn new(loss: Loss) -> Self {
        Self { parts: Vec::new(), points: Vec::new(), loss }
    }

    /// At node `i`, whose posterior is in `parts`.
    pub(super) fn estimate(&mut self, i: usize, before: Before<'_>) -> (f64, f64) {
        let g = before.g;
        if self.parts.is_empty() {
            // No mass is left at the node.
            return (0.0, 0.0);
        }
        if let Loss::PseudoHuber { c } = self.loss {
            return if self.gather(i, before, c) { self.on_points(c, None) } else { self.on_panels(i, before, c) };
        }
        let u = self.median();
        self.panel(u, i, before, 0.0);
        let (mut total, mut loss) = (0.0, 0.0);
        let value = g.rise(i, u, g.nearest(g.nodes()[i] + u, i)).0;
        for &(d, w) in &self.points {
            total += w;
            loss += w * (d - value).abs();
        }
        (value, loss / total)
    }

    /// The posterior median, relative to the node.
    fn median(&self) -> f64 {
        let parts = &self.parts;
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut total, mut mean) = (0.0, 0.0);
        for part in parts {
            (low, high) = (if part.middle < low { part.middle } else { low }, if part.middle > high { part.middle } else { high });
            total += part.weight;
            mean += part.weight * part.middle;
        }
        let widest = parts.iter().map(|p| p.width).fold(0.0, f64::max);
        let narrowest = parts.iter().map(|p| p.width).fold(f64::INFINITY, f64::min);
        let mut u = mean / total;
        // Medians of mixtures lie between those of the parts.
        for _ in 0..ITERATIONS {
            let (mut excess, mut slope) = (0.0, 0.0);
            for part in parts {
                let away = u - part.middle;
                if part.width == 0.0 {
                    excess -= if away == 0.0 { 0.0 } else { part.weight * away.signum() };
                    continue;
                }
                let z = away / part.width;
                let side = 1.0 - 2.0 * normal::cdf(-z.abs());
                excess -= part.weight * if z < 0.0 { -side } else { side };
                slope -= 2.0 * part.weight * normal::density(z) / part.width;
            }
            if excess == 0.0 || !(low < high) {
                return u;
            }
            let (next, quadratic) = newton(u, (excess, slope), &mut low, &mut high);
            let moved = (next - u).abs();
            u = next;
            if moved <= f64::EPSILON * widest || quadratic && moved <= SMALL * narrowest {
                return u;
            }
        }
        u
    }

    /// Collects the values of g at Gauss–Hermite points, if ψ is smooth on the width of every part: its poles are where g is ±ic from the
    /// estimate, c/(slope × width) standard deviations off the axis, and play the part of those of g.
    fn gather(&mut self, i: usize, Before { g, scales, rules }: Before<'_>, c: f64) -> bool {
        let here = g.nodes()[i];
        self.points.clear();
        for &Part { weight, middle, width } in &self.parts {
            let near = g.nearest(here + middle, i);
            if width == 0.0 {
                self.points.push((g.rise(i, middle, near).0, weight));
                continue;
            }
            let steepest = [-width, 0.0, width].map(|d| g.slope(here + middle + d, near)).into_iter().fold(0.0, f64::max);
            let by_kink = 2.0 * steepest * width / c;
            if !(by_kink <= rules[rules.len() - 2].largest_ratio) {
                return false;
            }
            let rule = rule_for(rules, if width > by_kink * scales[near] { width / scales[near] } else { by_kink });
            self.points.extend(rule.nodes.iter().map(|&(z, w)| (g.rise(i, middle + width * z, near).0, weight * w)));
        }
        true
    }

    /// The M-estimate of the values that were collected, sought from a guess or from their mean, and the mean loss.
    fn on_points(&self, c: f64, guess: Option<f64>) -> (f64, f64) {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut total, mut mean, mut size) = (0.0, 0.0, 0.0_f64);
        for &(d, w) in &self.points {
            (low, high) = (if d < low { d } else { low }, if d > high { d } else { high });
            total += w;
            mean += w * d;
            size = size.max(d.abs());
        }
        let mut estimate = guess.unwrap_or(mean / total);
        let small = SMALL * c.min(size);
        let mut loss = 0.0;
        for _ in 0..ITERATIONS {
            let (mut mean, mut slope) = (0.0, 0.0);
            loss = 0.0;
            for &(d, w) in &self.points {
                let r = d - estimate;
                let root = (r * r + c * c).sqrt();
                let share = w / root;
                mean += share * r;
                slope -= share * (c / root) * (c / root);
                loss += w * r * (r / (root + c));
            }
            if mean == 0.0 || !(low < high) {
                break;
            }
            let (next, quadratic) = newton(estimate, (mean, slope), &mut low, &mut high);
            let moved = (next - estimate).abs();
            estimate = next;
            if quadratic && moved <= small || moved <= f64::EPSILON * size {
                break;
            }
        }
        (estimate, loss / total)
    }

    /// The M-estimate by panels that shrink towards the kink of ψ.
    fn on_panels(&mut self, i: usize, before: Before<'_>, c: f64) -> (f64, f64) {
        let g = before.g;
        let here = g.nodes()[i];
        let reach = |sign: f64| self.parts.iter().map(move |p| p.middle + sign * REACH * p.width);
        let (low, high) = (reach(-1.0).fold(f64::INFINITY, f64::min), reach(1.0).fold(f64::NEG_INFINITY, f64::max));
        let mut u = self.median();
        let mut found = (0.0, 0.0);
        for _ in 0..CENTRES {
            let first = self.panel(u, i, before, c);
            let mut near = g.nearest(here + u, i);
            found = self.on_points(c, Some(g.rise(i, u, near).0));
            // u = g^{−1} of the estimate, twice by Newton: it has to be known to a part of the first panel.
            let mut next = u;
            for _ in 0..2 {
                let step = (found.0 - g.rise(i, next, near).0) / g.slope(here + next, near);
                next = if step.is_finite() { (next + step).clamp(low, high) } else { next };
                near = g.nearest(here + next, near);
            }
            if (next - u).abs() <= CENTRED * first {
                break;
            }
            u = next;
        }
        found
    }

    /// Collects the values of g on panels that are split at u and, for c > 0, shrink towards it; returns the length of the first.
    fn panel(&mut self, u: f64, i: usize, Before { g, scales, .. }: Before<'_>, c: f64) -> f64 {
        let here = g.nodes()[i];
        let centre = g.nearest(here + u, i);
        let steep = g.slope(here + u, centre);
        let mut shortest = f64::INFINITY;
        self.points.clear();
        for &Part { weight, middle, width } in &self.parts {
            if width == 0.0 {
                self.points.push((g.rise(i, middle, centre).0, weight));
                continue;
            }
            let scale = scales[g.nearest(here + middle, centre)].min(scales[centre]);
            let longest = (LONGEST_SCALES * scale / width).clamp(SHORTEST, LONGEST);
            let kink = (u - middle) / width;
            let first = if c > 0.0 && steep > 0.0 { (c / (steep * width)).clamp(FIRST, LONGEST) } else { LONGEST };
            shortest = shortest.min(first * width);
            let mut hint = centre;
            for side in [-1.0, 1.0] {
                // From the kink outwards, or from the end of the range where the kink lies beyond it.
                let mut z = (side * kink).max(-REACH);
                while z < REACH {
                    let length = (z - side * kink).max(first).min(longest);
                    let end = (z + length).min(REACH);
                    for (z, w) in gauss(z, end) {
                        let (d, found) = g.rise(i, middle + side * z * width, hint);
                        hint = found;
                        self.points.push((d, weight * w * normal::density(z)));
                    }
                    z = end;
                }
            }
        }
        shortest
    }
}
