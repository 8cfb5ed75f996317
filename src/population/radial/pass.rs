//! One run of the radial recursion on one set of nodes.

use crate::flow::radial::half_angle;
use crate::law::Radial;
use crate::law::radial::Shell;
use crate::level::NoiseLevel;
use crate::numeric::parallel;
use crate::numeric::special::von_mises_fisher::{Angle, AngularRule, GaussRules};
use crate::population::LocalError;
use crate::population::interpolant::Interpolant;
use crate::population::local_error::{ROUNDING, certificate_levels, sum_over_levels};
use crate::population::mesh::local_scales;
use crate::population::quadrature::Quadrature;
use crate::population::radial::mesh::{Mesh, RadialDensity, ln_density, ln_radius_density, mirrored};
use crate::population::report::narrowing;
use crate::population::settings::Kept;
use crate::population::{
    Interval, Method, PopulationError, PopulationReport, RadialConsistency, RadialPopulation, RadialRecursion, Settings,
};
use crate::schedule::Grid;

/// Angles of the rule for functions that vary over the width of the posterior; it gives means to 1e−13, and more angles follow finer nodes by
/// a square root.
const ANGLES: f64 = 44.0;
const ANGLES_SPACING: f64 = 0.31;
/// Radii of smaller posterior probability are left out.
const NEGLIGIBLE: f64 = 1e-18;
/// A decrease of g_T that moves W_1 by less than this, relatively, is rounding.
const MONOTONE: f64 = 1e-10;
/// Nodes that one task works on.
const BLOCK: usize = 16;

/// One run on one set of nodes.
pub(super) struct Pass<'a> {
    recursion: &'a RadialRecursion<'a>,
    density: &'a RadialDensity,
    mesh: Mesh,
    quadrature: Quadrature<'a>,
    rules: &'a GaussRules,
    wide: AngularRule,
    spacing: f64,
}

/// What one step finds at one node.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    /// The radius at the level of the step, and the step of its integration.
    radius: f64,
    step: f64,
    /// f_t − f_{t−1} on the trajectory.
    increment: f64,
    /// E‖f_{t−1}(X_{t−1}) − f_t(x)‖² given X_t = x.
    loss: f64,
    /// E Φ_{t−1}(X_{t−1}) − Φ_t(x), along x.
    local: f64,
}

/// The rotation from X_t and X_0 to X_{t−1} = a X_t + b X_0.
#[derive(Debug, Clone, Copy)]
struct Rotation {
    cos: f64,
    sin: f64,
    a: f64,
    /// a − 1, without cancellation.
    stretch: f64,
    b: f64,
}

impl Rotation {
    fn new(grid: &Grid, t: usize) -> Self {
        let (from, back) = (grid.level(t), grid.backward(t));
        let stretch = grid.changes(t).1 / from.sin();
        Self { cos: from.cos(), sin: from.sin(), a: back.keep, stretch, b: back.turn }
    }
}

/// A function of the radius at level t − 1: its values at the nodes 0, r_1, …, r_n, and the odd function through them.
struct Odd {
    values: Vec<f64>,
    function: Interpolant,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        recursion: &'a RadialRecursion<'a>,
        density: &'a RadialDensity,
        rules: &'a GaussRules,
        spacing: f64,
    ) -> Result<Self, PopulationError> {
        let (target, grid) = (recursion.target, recursion.grid);
        let mesh = density.mesh(target, grid, spacing)?;
        let first = grid.level(1);
        // The density of the labels, normalised by the quadrature itself.
        let ln = |y: f64| ln_radius_density(target, first, y);
        let top = mesh.labels.iter().map(|&y| ln(y)).filter(|l| !l.is_nan()).fold(f64::NEG_INFINITY, f64::max);
        let mass = Quadrature::new(&mesh.labels, |y| (ln(y) - top).exp()).mass();
        let quadrature = Quadrature::new(&mesh.labels, move |y| (ln_radius_density(target, first, y) - top).exp() / mass);
        let angles = (ANGLES * (ANGLES_SPACING / spacing).max(1.0).sqrt()).ceil() as usize;
        Ok(Self { recursion, density, mesh, quadrature, rules, wide: AngularRule::new(target.dim(), angles), spacing })
    }

    fn odd(&self, radii: &[f64], values: &[f64]) -> Interpolant {
        Interpolant::new(&mirrored(radii).collect::<Vec<_>>(), &mirrored(values).collect::<Vec<_>>(), &self.mesh.degrees)
    }

    pub(super) fn run(&self) -> RadialPopulation {
        let RadialRecursion { target, grid, settings: Settings { ref keep, method, .. } } = *self.recursion;
        let (steps, n) = (grid.steps(), self.mesh.labels.len());
        let mut radii = self.mesh.labels.clone();
        let mut integration = vec![0.1; n];
        // f_t = Φ_t + error: the error is summed on its own, so that many small increments keep their digits.
        let mut error = vec![0.0; n];
        let mut values = self.mesh.labels.clone();
        let mut scales = vec![0.0; n];
        let mut kept = Kept::default();
        let mut loss_sum = 0.0;
        let mut locals = Vec::new();
        let mut slopes = Slopes::new(target, grid.level(1), &radii);
        let measured = certificate_levels(grid);
        let mut next_measured = 0;
        for t in 2..=steps {
            let (from, to) = (grid.level(t), grid.level(t - 1));
            let measure = measured.get(next_measured) == Some(&t);
            local_scales(&radii, self.spacing, &mut scales);
            let function = Odd { function: self.odd(&radii, &values), values: values.clone() };
            let flow = (measure && method == Method::Training)
                .then(|| Odd { function: self.odd(&radii, &self.mesh.labels), values: self.mesh.labels.clone() });
            let rotation = Rotation::new(grid, t);
            let (tau, next) = (half_angle(to), half_angle(from));
            let blocks = parallel::map(n.div_ceil(BLOCK), |block| {
                let mut angles = Vec::new();
                let nodes = block * BLOCK..n.min((block + 1) * BLOCK);
                nodes
                    .map(|i| {
                        let mut found = Found { step: integration[i], ..Found::default() };
                        found.radius = target.integrate(tau, next, radii[i], &mut found.step);
                        let node = Node { index: i, radius: found.radius, before: radii[i] };
                        match method {
                            Method::Training => {
                                (found.increment, found.loss) = self.train(&rotation, &function, node, &scales, &mut angles);
                                if let Some(flow) = &flow {
                                    found.local = self.train(&rotation, flow, node, &scales, &mut angles).0;
                                }
                            }
                            // Along the flow f_{t−1} moves a node from its own value by exactly this much.
                            Method::Distillation => {
                                found.increment = self.distil(&rotation, &function, node);
                                found.local = found.increment;
                            }
                        }
                        found
                    })
                    .collect::<Vec<Found>>()
            });
            for (i, found) in blocks.into_iter().flatten().enumerate() {
                radii[i] = found.radius;
                integration[i] = found.step;
                error[i] += found.increment;
                values[i] = self.mesh.labels[i] + error[i];
                scales[i] = found.local;
                // The place of the loss of one step.
                loss_sum += self.quadrature.weight(i) * found.loss;
            }
            if measure {
                locals.push(LocalError::new(t, grid, &self.quadrature, &scales));
                slopes.update(target, from, &radii);
                next_measured += 1;
            }
            if keep.keeps(t, steps) {
                kept.push(t, self.odd(&radii, &values));
            }
        }
        let ln_lipschitz = slopes.largest.max(self.density.valley_slope(target, grid));
        let (certificate, certificate_error) = sum_over_levels(grid, &locals, |l| l.mean_abs);
        let noise = parallel::map(n, |i| target.integrate(half_angle(grid.last()), half_angle(NoiseLevel::NOISE), radii[i], &mut 0.1));
        let from_noise: Vec<f64> = match kept.last() {
            Some(last) => noise.iter().enumerate().map(|(i, &r)| last.eval(r, n - 1 + i).0).collect(),
            None => values.clone(),
        };
        let report = PopulationReport {
            loss_sum,
            certificate: certificate + certificate_error,
            certificate_error,
            ln_lipschitz,
            ..self.distances(&error, &from_noise)
        };
        let narrowing = narrowing(report.spread, report.energy_deficit);
        let report = report.with_moments(method == Method::Training, narrowing);
        let consistency = RadialConsistency { dim: target.dim(), steps, kept };
        RadialPopulation { consistency, report, locals, nodes: n }
    }

    /// The increment E[g(R) cos] − g_i of g along x, R the radius and cos the cosine of the angle to x of X_{t−1} given X_t = x at node i, g_i
    /// the value of g on the trajectory; and the variance of g(X_{t−1}).
    fn train(&self, rotation: &Rotation, g: &Odd, node: Node, scales: &[f64], angles: &mut Vec<Angle>) -> (f64, f64) {
        let target = self.recursion.target;
        let (centre, reference) = (scales.len() - 1, g.values[node.index]);
        let start = centre + node.index;
        let (mut first, mut second) = (0.0, 0.0);
        target.for_posterior(rotation.cos, rotation.sin, node.radius, |shell| {
            if shell.probability < NEGLIGIBLE {
                return;
            }
            let reach = Reach::new(rotation, node, shell, target);
            let near = g.function.nearest(reach.middle, start);
            self.rules.at(reach.kappa, reach.width / scales[near.abs_diff(centre)], &self.wide, angles);
            let mut hint = near;
            let (mut one, mut two) = (0.0, 0.0);
            for angle in &*angles {
                let point = reach.at(angle);
                let (rise, near) = g.function.rise(start, point.radius - node.before + point.rest, hint);
                hint = near;
                let value = reference + rise;
                let difference = rise * point.cos - reference * point.versine;
                one += angle.weight * difference;
                two += angle.weight * (difference * difference + (value * point.sin).powi(2));
            }
            first += shell.probability * one;
            second += shell.probability * two;
        });
        (first, second - first * first)
    }

    /// g(a r + b ‖D‖) − g_i.
    fn distil(&self, rotation: &Rotation, g: &Odd, node: Node) -> f64 {
        let denoised = self.recursion.target.denoised_radius(rotation.cos, rotation.sin, node.radius);
        let change = (node.radius - node.before) + rotation.stretch * node.radius + rotation.b * denoised;
        let start = g.values.len() - 1 + node.index;
        g.function.rise(start, change, start).0
    }

    /// The distances and moments of a report, from the errors of f_T(X_T) at the nodes and the values of f_T(Z).
    fn distances(&self, error: &[f64], from_noise: &[f64]) -> PopulationReport {
        let RadialRecursion { target, grid, .. } = *self.recursion;
        let (q, labels) = (&self.quadrature, &self.mesh.labels);
        let values: Vec<f64> = labels.iter().zip(error).map(|(y, e)| y + e).collect();
        let noise_error: Vec<f64> = from_noise.iter().zip(labels).map(|(f, y)| f - y).collect();
        let mismatch: Vec<f64> = from_noise.iter().zip(&values).map(|(a, b)| a - b).collect();
        let between = |samples: &[f64], error: &[f64]| {
            let upper = q.mean_abs(error);
            // ‖·‖ bounds W_1 from below, and so does any nondecreasing g̃ ≥ 0: the coupling of its radii is optimal, and it lies
            // E|g̃ − g| away.
            let norms = q.mean_of(|i| if samples[i] >= 0.0 { error[i] } else { -samples[i] - labels[i] }).abs().min(upper);
            let mut most = 0.0_f64;
            let defect: Vec<f64> = samples
                .iter()
                .map(|&g| {
                    most = most.max(g);
                    most - g
                })
                .collect();
            let defect = 2.0 * q.mean_of(|i| defect[i]);
            let lower = if defect <= MONOTONE * upper { upper } else { norms.max(upper - defect) };
            (Interval { lower, upper }, norms)
        };
        let (w1, norms) = between(from_noise, &noise_error);
        let (w1_marginal, norms_marginal) = between(&values, error);
        let root_mean_square = |g: &[f64]| q.mean_of(|i| g[i] * g[i]).max(0.0).sqrt();
        let w2 = root_mean_square(error);
        // The coupling of the radii is optimal for every order where it is for one; otherwise the triangle inequality in L².
        let w2_lower = if w1_marginal.is_exact() { w2 } else { (root_mean_square(&values) - root_mean_square(labels)).abs().min(w2) };
        PopulationReport {
            steps: grid.steps(),
            dim: target.dim(),
            w1,
            w1_marginal,
            w2_marginal: Interval { lower: w2_lower, upper: w2 },
            spread: root_mean_square(labels),
            mean_shift: 0.0,
            energy_deficit: -q.mean_of(|i| error[i] * (2.0 * labels[i] + error[i])),
            loss_sum: 0.0,
            energy_lower: 0.0,
            energy_upper: None,
            lower_bound: norms.min(norms_marginal) * (1.0 - ROUNDING),
            certificate: 0.0,
            certificate_error: 0.0,
            prior_mismatch: q.mean_abs(&mismatch),
            ln_lipschitz: 0.0,
            resolution_error: f64::INFINITY,
            resolved: false,
        }
    }
}

/// A node at step t: its index, its radius at level t, and that at level t − 1.
#[derive(Debug, Clone, Copy)]
struct Node {
    index: usize,
    radius: f64,
    before: f64,
}

/// X_{t−1} given X_t at a node and ‖X_0‖ = ρ, as a function of the angle φ between X_0 and x.
struct Reach {
    kappa: f64,
    /// a r, b ρ, and the largest radius a r + b ρ.
    along: f64,
    across: f64,
    far: f64,
    /// far − r_{t−1}, without cancellation.
    change: f64,
    before: f64,
    /// The radius at the mean angle, and the standard deviation of the radius.
    middle: f64,
    width: f64,
}

/// One point of [`Reach`]: the radius as `radius` + `rest`, of which the second is small, and the angle to x.
struct Point {
    radius: f64,
    rest: f64,
    cos: f64,
    sin: f64,
    versine: f64,
}

impl Reach {
    fn new(rotation: &Rotation, node: Node, shell: Shell, target: &Radial) -> Self {
        let (along, across) = (rotation.a * node.radius, rotation.b * shell.radius);
        let kappa = Radial::concentration(shell.radius, rotation.cos, rotation.sin, node.radius);
        let d = target.dim() as f64;
        // Var cos φ is 1/d without concentration and tends to (d − 1)/(2κ²); this is both, and within a factor of two between.
        let deviation = (0.5 * (d - 1.0)).sqrt() / (kappa + (0.5 * d * (d - 1.0)).sqrt());
        let far = along + across;
        let middle = (far * far - 2.0 * along * across * (1.0 - shell.ratio)).max(0.0).sqrt();
        let width = if middle > 0.0 { along * across / middle * deviation } else { 0.0 };
        let change = rotation.stretch * node.radius + across + (node.radius - node.before);
        Self { kappa, along, across, far, change, before: node.before, middle, width }
    }

    #[inline]
    fn at(&self, angle: &Angle) -> Point {
        let (x, y) = (self.along + self.across * angle.cos, self.across * angle.sin);
        let radius = (x * x + y * y).sqrt();
        if !(radius > 0.0) {
            return Point { radius: 0.0, rest: 0.0, cos: 0.0, sin: 0.0, versine: 1.0 };
        }
        let (cos, sin) = (x / radius, y / radius);
        let versine = if cos > 0.0 { sin * sin / (1.0 + cos) } else { 1.0 - cos };
        // Near the pole the change of the radius is known better than the radius.
        if angle.versine < 0.5 {
            let square = self.change * (self.far + self.before) - 2.0 * self.along * self.across * angle.versine;
            return Point { radius: self.before, rest: square / (radius + self.before), cos, sin, versine };
        }
        Point { radius, rest: 0.0, cos, sin, versine }
    }
}

/// ln of the largest slope of the flow maps Φ_{t→k}, k ≤ t, on the trajectories of the nodes: along the radius the ratio of the densities of
/// the radii, across it the ratio of the radii, and at the origin the d-th root of the ratio of the densities, since the map is isotropic
/// there.
struct Slopes {
    lowest: Vec<f64>,
    highest_radius: Vec<f64>,
    largest: f64,
}

impl Slopes {
    fn new(target: &Radial, first: NoiseLevel, radii: &[f64]) -> Self {
        Self { lowest: Self::densities(target, first, radii), highest_radius: radii.to_vec(), largest: 0.0 }
    }

    fn densities(target: &Radial, level: NoiseLevel, radii: &[f64]) -> Vec<f64> {
        let d = target.dim() as f64;
        parallel::map(radii.len(), |i| if i == 0 { ln_density(target, level, 0.0) / d } else { ln_radius_density(target, level, radii[i]) })
    }

    fn update(&mut self, target: &Radial, level: NoiseLevel, radii: &[f64]) {
        for (lowest, density) in self.lowest.iter_mut().zip(Self::densities(target, level, radii)) {
            self.largest = self.largest.max(density - *lowest);
            *lowest = lowest.min(density);
        }
        if target.dim() > 1 {
            for (highest, &r) in self.highest_radius.iter_mut().zip(radii).skip(1) {
                self.largest = self.largest.max((*highest / r).ln());
                *highest = highest.max(r);
            }
        }
    }
}
