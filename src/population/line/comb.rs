//! The recursion on a comb: nodes by their distribution function, posteriors by sums that resolve the wavelength.

use crate::law::{Comb, CombMarginal, Moments};
use crate::level::NoiseLevel;
use crate::numeric::special::normal;
use crate::population::PopulationError;
use crate::population::line::law::{Before, LineLaw, Nodes, Part, Tracker};
use crate::population::line::rules::rule_for;
use crate::population::mesh::{FAN, NodeDensity, TAIL};
use crate::schedule::Grid;
use std::cell::OnceCell;
use std::f64::consts::PI;

/// Most nodes of one run.
const MOST_NODES: f64 = 2e6;
/// Half the length of the trapezoidal rule in standard deviations: e^{−8.7²/2} is below rounding.
const REACH: f64 = 8.7;
/// A Gaussian average takes e^{−9²/2}, below rounding, off a wave of this many radians a standard deviation.
const AVERAGED: f64 = 9.0;
/// The largest wave that f_{t−1} has on the scale of the posterior, being an average over such a posterior itself.
const SMOOTH: f64 = 9.0;
/// A function that is analytic in a strip of width w has waves e^{−ωw}: this exponent is below rounding.
const ANALYTIC: f64 = 40.0;

/// The distance of the singularities of the flow map to data of amplitude A from the real axis, times the wavenumber: with
/// x = E + A sin E, those of dE/dx.
fn strip(amplitude: f64) -> f64 {
    if amplitude == 0.0 {
        return f64::INFINITY;
    }
    amplitude.recip().acosh() - (1.0 - amplitude * amplitude).sqrt()
}

/// X_{t−1} = cos Δθ x + sin Δθ ζ given X_t = x, ζ of density γ(ζ)(1 + A cos(k cos θ_t x + k sin θ_t ζ))/B.
pub(super) struct CombBackward {
    /// cos Δθ − 1.
    stretch: f64,
    width: f64,
    /// A, and 0 where its wave averages out.
    amplitude: f64,
    /// k sin θ_t A_θ sin Δθ: the pull of the mean, times sin(κx)/B.
    pull: f64,
    /// Nodes ζ with their weights, and these times the cosine and the sine of k sin θ_t ζ; empty where the wave averages out.
    nodes: Vec<(f64, f64, f64, f64)>,
}

impl CombBackward {
    fn new(law: &Comb, grid: &Grid, t: usize) -> Self {
        let (from, width) = (grid.level(t), grid.sin_delta(t));
        let half = (0.5 * grid.delta(t)).sin();
        let wave = law.wavenumber() * from.sin();
        // Waves of f_{t−1} that meet the comb's: none where f_{t−1} is the identity, or its strip is wide against this step, or an average
        // has removed them.
        let before = if t > 2 { grid.sin_delta(t - 1).min(width) } else { f64::INFINITY };
        let apart = strip(law.amplitude()) * from.sin() > ANALYTIC * width || law.wavenumber() * before > AVERAGED + SMOOTH;
        let amplitude = if wave > AVERAGED && apart { 0.0 } else { law.amplitude() };
        let nodes = if amplitude > 0.0 {
            let step = 2.0 * PI / (AVERAGED + SMOOTH + wave);
            let half = (REACH / step).ceil() as i32;
            let points: Vec<f64> = (-half..=half).map(|j| f64::from(j) * step).collect();
            let total: f64 = points.iter().map(|&z| normal::density(z)).sum();
            let node = |z: f64| {
                let (w, (sin, cos)) = (normal::density(z) / total, (wave * z).sin_cos());
                (z, w, w * cos, w * sin)
            };
            points.into_iter().map(node).collect()
        } else {
            Vec::new()
        };
        Self { stretch: -2.0 * half * half, width, amplitude, pull: wave * law.at(from).amplitude() * width, nodes }
    }
}

impl LineLaw for Comb {
    type Own = CombMarginal;
    type Backward = CombBackward;

    fn check(&self, _grid: &Grid) -> Result<f64, PopulationError> {
        Ok(1.0)
    }

    /// Even in the labels but for a fan: the slopes of all flow maps lie within the same factors everywhere.
    fn node_density(&self, grid: &Grid, _reference: &[NoiseLevel]) -> NodeDensity {
        /// A wave needs nodes however small its amplitude.
        const WIDEST: f64 = 2.0;
        let data = self.at(grid.level(1));
        let a = data.amplitude();
        // The singularities of p_1, and those of the flow map from noise, whose nodes stand closer by 1 − A.
        let scale = if a > 0.0 { a.recip().acosh().min(strip(a) / (1.0 - a)).min(WIDEST) / self.wavenumber() } else { f64::INFINITY };
        let end = data.upper_quantile(TAIL);
        let count = 1000;
        let places: Vec<f64> = (0..=count).map(|i| end * (2.0 * f64::from(i) / f64::from(count) - 1.0)).collect();
        let density: Vec<f64> = places.iter().map(|x| scale.recip().hypot((1.0 + (FAN * x).powi(2)).sqrt().recip())).collect();
        NodeDensity::new(places, &density).at_most(MOST_NODES)
    }

    fn finest(&self, own: &CombMarginal) -> f64 {
        (1.0 - own.amplitude()) / (1.0 + own.wavenumber())
    }

    fn tracker<'a>(&'a self, labels: &'a [f64], first: NoiseLevel) -> impl Tracker<CombMarginal> + 'a {
        let data = self.at(first);
        let masses = labels.iter().map(|y| data.ln_tail(-y.abs())).collect();
        CombTracker { law: self, labels, masses, settled: OnceCell::new() }
    }

    fn backward(&self, grid: &Grid, t: usize) -> CombBackward {
        CombBackward::new(self, grid, t)
    }

    fn mean_change(&self, backward: &CombBackward, nodes: &Nodes<CombMarginal>, i: usize) -> f64 {
        let x = nodes.x[i];
        backward.stretch * x - backward.pull * (nodes.own.wavenumber() * x).sin() / nodes.own.ripple(x)
    }

    fn noise_variance(&self, level: NoiseLevel, nodes: &Nodes<CombMarginal>, i: usize) -> f64 {
        let (own, x) = (nodes.own, nodes.x[i]);
        let (ripple, wave) = (own.ripple(x), self.wavenumber() * level.sin());
        (1.0 - wave * wave * own.amplitude() * ((own.wavenumber() * x).cos() + own.amplitude()) / (ripple * ripple)).max(0.0)
    }

    fn average(
        &self,
        backward: &CombBackward,
        nodes: &Nodes<CombMarginal>,
        i: usize,
        Before { g, scales, rules }: Before<'_>,
    ) -> (f64, f64) {
        let (x, before) = (nodes.x[i], g.nodes()[i]);
        let middle = (x - before) + backward.stretch * x;
        let near = g.nearest(before + middle, i);
        let (mut first, mut second) = (0.0, 0.0);
        if backward.nodes.is_empty() {
            let rule = rule_for(rules, backward.width / scales[near]);
            for &(z, w) in &rule.nodes {
                let (d, _) = g.rise(i, middle + backward.width * z, near);
                first += w * d;
                second += w * d * d;
            }
        } else {
            let (sin, cos) = (nodes.own.wavenumber() * x).sin_cos();
            let (sin, cos) = (backward.amplitude * sin, backward.amplitude * cos);
            let mut hint = near;
            let mut total = 0.0;
            for &(z, w, wave_cos, wave_sin) in &backward.nodes {
                let weight = w + cos * wave_cos - sin * wave_sin;
                let (d, found) = g.rise(i, middle + backward.width * z, hint);
                hint = found;
                total += weight;
                first += weight * d;
                second += weight * d * d;
            }
            first /= total;
            second /= total;
        }
        (first, second - first * first)
    }

    /// The posterior is a wave on a Gaussian.
    fn parts(&self, _: &CombBackward, _: &Nodes<CombMarginal>, _: usize, _: f64, parts: &mut Vec<Part>) {
        parts.clear();
    }

    fn density(&self, level: NoiseLevel) -> Box<dyn Fn(f64) -> f64 + Send + Sync + '_> {
        let p = self.at(level);
        Box::new(move |x| p.density(x))
    }

    fn ln_density_along(&self, first: NoiseLevel, level: NoiseLevel, y: f64) -> f64 {
        let p = self.at(level);
        p.ln_density(p.transport(&self.at(first), y))
    }

    fn transport(&self, from: NoiseLevel, to: NoiseLevel) -> Box<dyn Fn(f64) -> f64 + '_> {
        let (from, to) = (self.at(from), self.at(to));
        Box::new(move |x| to.transport(&from, x))
    }

    fn spread(&self, level: NoiseLevel) -> f64 {
        (level.alpha_bar() * self.second_moment() + level.one_minus_alpha_bar()).sqrt()
    }

    /// There are no gaps.
    fn ln_gap_slope(&self, _grid: &Grid) -> f64 {
        0.0
    }
}

/// Moves the nodes from level to level.
struct CombTracker<'a> {
    law: &'a Comb,
    labels: &'a [f64],
    /// ln of the probability beyond each label, on its own side of 0: constant along the flow.
    masses: Vec<f64>,
    /// Where the nodes stand once the wave has averaged out.
    settled: OnceCell<Vec<f64>>,
}

impl Tracker<CombMarginal> for CombTracker<'_> {
    fn start(&self, first: NoiseLevel) -> Nodes<CombMarginal> {
        let n = self.labels.len();
        let mut nodes = Nodes { x: self.labels.to_vec(), density: vec![0.0; n], velocity: vec![0.0; n], own: self.law.at(first) };
        self.fill(first, &mut nodes);
        nodes
    }

    fn advance(&self, level: NoiseLevel, nodes: &mut Nodes<CombMarginal>) {
        nodes.own = self.law.at(level);
        if nodes.own.is_flat() {
            let place = |nodes: &Nodes<CombMarginal>| {
                let mut x = nodes.x.clone();
                self.place(&nodes.own, &mut x);
                x
            };
            nodes.x.clone_from(self.settled.get_or_init(|| place(nodes)));
        } else {
            let own = nodes.own;
            self.place(&own, &mut nodes.x);
        }
        self.fill(level, nodes);
    }
}

impl CombTracker<'_> {
    /// Solves for the positions, from predicted ones.
    fn place(&self, own: &CombMarginal, places: &mut [f64]) {
        for ((x, &ln), &y) in places.iter_mut().zip(&self.masses).zip(self.labels) {
            let sign = if y > 0.0 { 1.0 } else { -1.0 };
            *x = -sign * own.at_ln_tail(ln, -sign * *x);
        }
    }

    /// Densities and the velocity u = k sin θ A_θ sin(κx)/B.
    fn fill(&self, level: NoiseLevel, nodes: &mut Nodes<CombMarginal>) {
        let own = nodes.own;
        let pull = self.law.wavenumber() * level.sin() * own.amplitude();
        for ((&x, density), velocity) in nodes.x.iter().zip(&mut nodes.density).zip(&mut nodes.velocity) {
            *density = own.density(x);
            *velocity = pull * (own.wavenumber() * x).sin() / own.ripple(x);
        }
    }
}
