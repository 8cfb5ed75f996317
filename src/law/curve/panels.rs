//! Integrals over a curve blurred by isotropic noise.
//!
//! With v the variance around the curve at one level, every quantity is an average over the latent variable u with the weight
//! π(u) exp(−‖x − cos θ c(u)‖²/(2v)). The range of u is cut into panels no longer than two standard deviations √v of the blur, measured
//! along the curve, with a 16-point Gauss–Legendre rule on each. On a panel of half-width h the exponent is a parabola of curvature
//! k, up to terms that matter less, so the rule is off by 1e−15 while h√k ≤ 2. Points far from the curve see a larger k (the curve
//! bends towards or away from them), and then the panels are halved often enough.

use crate::law::curve::shape::{Point, Shape};
use crate::level::NoiseLevel;
use crate::numeric::special::normal::LN_SQRT_2PI;
use std::sync::OnceLock;

/// Nodes of a panel.
pub(super) const NODES: usize = 16;
/// Largest h√k and largest h |slope of the exponent| at which a panel is exact to about 1e−14.
const RESOLVED: f64 = 2.0;
const STEEP: f64 = 8.0;
/// Panels whose weight is below e^−40 of the largest are left out.
const NEGLIGIBLE: f64 = 40.0;
/// All panels are halved at most this many times: enough for points 500 standard deviations away from the curve. Beyond, only those that
/// hold the posterior are.
const HALVINGS: usize = 6;
/// Those are halved until they are as narrow as floats, and not more of them are kept.
const MOST_HALVINGS: usize = 64;
const MOST_PIECES: usize = 4096;
/// Points are taken to lie so near that the exponent falls by no more than this along the curve.
const FAR: f64 = 1e40;

/// One curve of the law: its shape and its weight.
pub(super) type Part = (f64, Shape);

fn square(a: Point, b: Point) -> f64 {
    (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)
}

/// A piece of the latent range.
#[derive(Debug, Clone, Copy)]
struct Panel {
    middle: Point,
    /// Largest distance of a point of the panel from its middle.
    reach: f64,
    /// ln of the weight at the middle, and of the largest on the panel; both include the panel's width.
    ln_weight: f64,
    ln_largest: f64,
}

/// Half-widths of panels on the range of `shape`: two standard deviations along the curve, two of the latent variable.
fn cut(shape: &Shape, deviation: f64) -> Vec<(f64, f64)> {
    let (low, high) = shape.range();
    let half = |a: f64, b: f64| (deviation / shape.speed(a, b)).min(1.0);
    let mut panels = Vec::new();
    let mut stack = vec![(low, high)];
    while let Some((a, b)) = stack.pop() {
        let count = (0.5 * (b - a) / half(a, b)).ceil().max(1.0);
        let uniform = shape.speed(a, b) <= 1.1 * shape.speed(0.5 * (a + b), 0.5 * (a + b));
        if count <= 1.0 || uniform {
            let width = (b - a) / count;
            panels.extend((0..count as usize).map(|k| (a + (k as f64 + 0.5) * width, 0.5 * width)));
        } else {
            stack.push((0.5 * (a + b), b));
            stack.push((a, 0.5 * (a + b)));
        }
    }
    panels
}

/// Panels, nodes and weights of one resolution.
#[derive(Debug)]
struct Table {
    panels: Vec<Panel>,
    nodes: Vec<Point>,
    ln_weights: Vec<f64>,
    /// The latent variable at the nodes, and the curve each panel belongs to.
    latents: Vec<f64>,
    parts: Vec<usize>,
}

impl Table {
    fn new(parts: &[Part], rule: &(Vec<f64>, Vec<f64>), panels: &[Vec<(f64, f64)>], halvings: usize) -> Self {
        let mut table = Self { panels: Vec::new(), nodes: Vec::new(), ln_weights: Vec::new(), latents: Vec::new(), parts: Vec::new() };
        for (part, ((weight, shape), panels)) in parts.iter().zip(panels).enumerate() {
            let ln_total = weight.ln() - shape.ln_mass();
            for &(centre, half) in panels {
                let pieces = 1 << halvings;
                let own = half / f64::from(pieces);
                for piece in 0..pieces {
                    let middle = centre - half + f64::from(2 * piece + 1) * own;
                    table.parts.push(part);
                    table.push(shape, ln_total + (2.0 * own).ln(), middle, own, rule);
                }
            }
        }
        table
    }

    /// ln weight and middle of the panel where `height` is largest.
    fn heaviest(&self, height: impl Fn(&Panel) -> f64) -> (f64, Point) {
        let best = self.panels.iter().max_by(|a, b| height(a).total_cmp(&height(b)));
        best.map_or((f64::NAN, [f64::NAN; 2]), |p| (p.ln_weight, p.middle))
    }

    fn push(&mut self, shape: &Shape, ln_width: f64, middle: f64, half: f64, (nodes, weights): &(Vec<f64>, Vec<f64>)) {
        let inner = (middle.abs() - half).max(0.0);
        self.panels.push(Panel {
            middle: shape.at(middle),
            reach: half * shape.speed(middle - half, middle + half),
            ln_weight: ln_width + shape.ln_density(middle),
            ln_largest: ln_width + shape.ln_density(inner),
        });
        for (node, weight) in nodes.iter().zip(weights) {
            let u = middle + half * node;
            self.nodes.push(shape.at(u));
            self.latents.push(u);
            self.ln_weights.push(ln_width + weight.ln() + shape.ln_density(u));
        }
    }
}

/// What the integrals at one point give: the law of C = c(u) given X_θ = x.
#[derive(Debug, Clone, Copy)]
pub(super) struct Local {
    /// ln p_θ(x).
    pub(super) ln_density: f64,
    /// E\[C | x\].
    pub(super) mean: Point,
    /// Cov\[C | x\]: entries (0,0), (0,1), (1,1).
    pub(super) covariance: [f64; 3],
}

/// All integrals at one level.
#[derive(Debug)]
pub(super) struct Quadrature<'a> {
    parts: &'a [Part],
    rule: &'a (Vec<f64>, Vec<f64>),
    cos: f64,
    variance: f64,
    panels: Vec<Vec<(f64, f64)>>,
    /// h²k = stiff + bend · distance, and h |slope| = slope · distance, at most, over all panels before halving.
    stiff: f64,
    bend: f64,
    slope: f64,
    /// Tables of halved panels, made when a point first needs them.
    tables: [OnceLock<Table>; HALVINGS + 1],
}

impl<'a> Quadrature<'a> {
    /// The rule at `level` for curves blurred by `noise`.
    pub(super) fn new(parts: &'a [Part], noise: f64, rule: &'a (Vec<f64>, Vec<f64>), level: NoiseLevel) -> Self {
        let cos = level.cos();
        let variance = (cos * noise).powi(2) + level.one_minus_alpha_bar();
        let deviation = variance.sqrt() / cos;
        let panels: Vec<_> = parts.iter().map(|(_, shape)| cut(shape, deviation)).collect();
        let (mut stiff, mut bend, mut slope) = (0.0_f64, 0.0_f64, 0.0_f64);
        for ((_, shape), panels) in parts.iter().zip(&panels) {
            for &(middle, h) in panels {
                let speed = cos * shape.speed(middle - h, middle + h);
                stiff = stiff.max(h * h * (shape.stiffness() + speed * speed / variance));
                bend = bend.max(h * h * cos * shape.acceleration() / variance);
                slope = slope.max(h * speed / variance);
            }
        }
        Self { parts, rule, cos, variance, panels, stiff, bend, slope, tables: std::array::from_fn(|_| OnceLock::new()) }
    }

    /// The variance v around the curve.
    pub(super) fn variance(&self) -> f64 {
        self.variance
    }

    fn table(&self, halvings: usize) -> &Table {
        self.tables[halvings].get_or_init(|| Table::new(self.parts, self.rule, &self.panels, halvings))
    }

    /// How often the panels must be halved for a point at this distance from the curve.
    fn halvings(&self, distance: f64) -> usize {
        let factor = ((self.stiff + self.bend * distance).sqrt() / RESOLVED).max(self.slope * distance / STEEP);
        if factor > 1.0 { factor.log2().ceil() as usize } else { 0 }
    }

    /// Calls `visit(curve, latent, offset from the reference, weight)` for every node that has a part of the posterior at `x`; weights are
    /// relative. Returns the reference point and the logarithm of the density where the sum of the weights is one.
    fn for_nodes(&self, x: Point, mut visit: impl FnMut(usize, f64, Point, f64)) -> (Point, f64) {
        let scaled = |p: Point| [self.cos * p[0], self.cos * p[1]];
        let halved = 0.5 / self.variance;
        let height = |p: &Panel| p.ln_weight - halved * square(x, scaled(p.middle));
        let (_, nearest) = self.table(0).heaviest(height);
        let halvings = self.halvings((x[0] - self.cos * nearest[0]).hypot(x[1] - self.cos * nearest[1]));
        let (reference, top) = if halvings > HALVINGS {
            self.far_nodes(x, nearest, visit)
        } else {
            let table = self.table(halvings);
            let (base, reference) = table.heaviest(height);
            let r = [x[0] - self.cos * reference[0], x[1] - self.cos * reference[1]];
            // Exponents are relative to the reference point, so that nothing cancels where x is far away.
            let top = base - halved * (r[0] * r[0] + r[1] * r[1]);
            // Where the rounding of the squares exceeds a unit, no panel is left out.
            let sharp = top.abs() * f64::EPSILON < 1.0;
            for (k, panel) in table.panels.iter().enumerate() {
                let gap = (square(x, scaled(panel.middle)).sqrt() - self.cos * panel.reach).max(0.0);
                if sharp && panel.ln_largest - halved * gap * gap < top - NEGLIGIBLE {
                    continue;
                }
                for node in k * NODES..(k + 1) * NODES {
                    let c = table.nodes[node];
                    let offset = [c[0] - reference[0], c[1] - reference[1]];
                    let weight = (table.ln_weights[node] - base + halved * self.cross(offset, r)).exp();
                    visit(table.parts[k], table.latents[node], offset, weight);
                }
            }
            (reference, top)
        };
        (reference, top - 2.0 * LN_SQRT_2PI - self.variance.ln())
    }

    /// ‖r‖² − ‖r − cos θ a‖²: what the squared distance to x falls by from the reference to the point at the offset `a`.
    fn cross(&self, a: Point, r: Point) -> f64 {
        2.0 * self.cos * (a[0] * r[0] + a[1] * r[1]) - self.cos * self.cos * (a[0] * a[0] + a[1] * a[1])
    }

    /// As [`for_nodes`](Self::for_nodes), for a point so far away that the posterior is narrow on the scale of the panels: they are halved
    /// where the posterior may be, until they resolve it or it is a point in floating point.
    fn far_nodes(&self, x: Point, nearest: Point, mut visit: impl FnMut(usize, f64, Point, f64)) -> (Point, f64) {
        // Beyond this distance the posterior is a point already, and nothing overflows within it.
        let widest = self.parts.iter().map(|(_, shape)| shape.speed(shape.range().0, shape.range().1)).fold(0.0, f64::max);
        let size = FAR * (self.variance / widest + widest + nearest[0].hypot(nearest[1]));
        let length = x[0].hypot(x[1]);
        let near = if length > size { [x[0] / length * size, x[1] / length * size] } else { x };
        let r = [near[0] - self.cos * nearest[0], near[1] - self.cos * nearest[1]];
        let halved = 0.5 / self.variance;
        let exponent = |shape: &Shape, u: f64| {
            let c = shape.at(u);
            shape.ln_density(u) + halved * self.cross([c[0] - nearest[0], c[1] - nearest[1]], r)
        };
        // Of every piece: its curve, middle, half-width, the exponent at the middle and the most that it rises by on the piece.
        let piece = |part: usize, middle: f64, half: f64| {
            let (weight, shape) = &self.parts[part];
            let value = exponent(shape, middle) + weight.ln() - shape.ln_mass() + (2.0 * half).ln();
            let (c, speed) = (shape.at(middle), self.cos * shape.speed(middle - half, middle + half));
            let away = (near[0] - self.cos * c[0]).hypot(near[1] - self.cos * c[1]) + speed * half;
            let rise = half * (speed * away / self.variance + shape.stiffness() * (middle.abs() + half));
            (part, middle, half, value, rise)
        };
        let panels = self.panels.iter().enumerate();
        let mut pieces: Vec<_> =
            panels.flat_map(|(part, list)| list.iter().map(move |&(m, h)| (part, m, h))).map(|(p, m, h)| piece(p, m, h)).collect();
        for _ in 0..MOST_HALVINGS {
            let top = pieces.iter().map(|p| p.3).fold(f64::NEG_INFINITY, f64::max);
            pieces.retain(|p| p.3 + p.4 >= top - NEGLIGIBLE);
            if pieces.iter().all(|p| p.4 <= STEEP) || pieces.len() > MOST_PIECES {
                break;
            }
            pieces = pieces
                .iter()
                .flat_map(|&(part, m, h, ..)| [piece(part, m - 0.5 * h, 0.5 * h), piece(part, m + 0.5 * h, 0.5 * h)])
                .collect();
        }
        let mut nodes = Vec::with_capacity(NODES * pieces.len());
        for &(part, middle, half, ..) in &pieces {
            let (weight, shape) = &self.parts[part];
            let ln_total = weight.ln() - shape.ln_mass() + (2.0 * half).ln();
            for (node, w) in self.rule.0.iter().zip(&self.rule.1) {
                let u = middle + half * node;
                nodes.push((part, u, ln_total + w.ln() + exponent(shape, u)));
            }
        }
        let best = nodes.iter().copied().max_by(|a, b| a.2.total_cmp(&b.2)).unwrap_or((0, f64::NAN, f64::NAN));
        let reference = self.parts[best.0].1.at(best.1);
        for (part, u, ln) in nodes {
            let c = self.parts[part].1.at(u);
            visit(part, u, [c[0] - reference[0], c[1] - reference[1]], (ln - best.2).exp());
        }
        let away = [x[0] - self.cos * nearest[0], x[1] - self.cos * nearest[1]];
        (reference, best.2 - halved * away[0].hypot(away[1]).powi(2))
    }

    /// The posterior of the latent variable at `x` on every curve that has a part of it.
    pub(super) fn latent_posterior(&self, x: Point) -> Vec<(usize, Vec<f64>, Vec<f64>)> {
        let mut of_parts = vec![(Vec::new(), Vec::new()); self.parts.len()];
        let mut total = 0.0;
        self.for_nodes(x, |part, latent, _, weight| {
            let (latents, shares) = &mut of_parts[part];
            latents.push(latent);
            shares.push(weight);
            total += weight;
        });
        let of_parts = of_parts.into_iter().enumerate().filter(|(_, (_, shares))| shares.iter().any(|s| *s > 0.0));
        of_parts.map(|(part, (latents, shares))| (part, latents, shares.into_iter().map(|s| s / total).collect())).collect()
    }

    /// The integrals at `x`.
    pub(super) fn at(&self, x: Point) -> Local {
        let mut sums = [0.0_f64; 6];
        let (reference, ln_scale) = self.for_nodes(x, |_, _, [a, b], weight| {
            for (sum, term) in sums.iter_mut().zip([1.0, a, b, a * a, a * b, b * b]) {
                *sum += weight * term;
            }
        });
        let [mass, a, b, aa, ab, bb] = sums;
        let (a, b) = (a / mass, b / mass);
        Local {
            ln_density: mass.ln() + ln_scale,
            mean: [reference[0] + a, reference[1] + b],
            covariance: [aa / mass - a * a, ab / mass - a * b, bb / mass - b * b],
        }
    }
}
