//! Rules for radial laws: Gauss in the radius and in the angle to x, symmetric points for the direction around it.

use crate::law::posterior_rule::normal::Rule;
use crate::law::radial::norm;
use crate::law::{DiscreteLaw, Posterior, PosteriorRule, Radial};
use crate::level::NoiseLevel;
use crate::numeric::special::jacobi::gauss_of;
use crate::numeric::special::von_mises_fisher::AngularRule;
use ndarray::{Array2, Axis, aview1};
use std::f64::consts::TAU;
use std::sync::OnceLock;

/// Points of the rule that the Gauss rules of the angle are made from.
const ANGLES: usize = 64;

/// Numbers of points: radii, angles to x, azimuths (in space).
struct Orders {
    radii: usize,
    angles: usize,
    azimuths: usize,
}

impl Orders {
    fn of(dim: usize, which: Rule) -> Self {
        let (radii, angles, azimuths) = match (dim, which) {
            (0..=3, Rule::Main) => (10, 8, 8),
            (0..=3, Rule::Comparison) => (8, 6, 6),
            (_, Rule::Main) => (6, 4, 0),
            (_, Rule::Comparison) => (5, 3, 0),
        };
        Self { radii, angles, azimuths }
    }
}

/// Unit vectors of ℝ^`dim`, one a row, whose average stands for that over the sphere.
fn directions(dim: usize, azimuths: usize, which: Rule) -> Array2<f64> {
    match dim {
        0 => Array2::zeros((1, 0)),
        2 => Array2::from_shape_fn((azimuths, 2), |(k, j)| {
            let angle = TAU * k as f64 / azimuths as f64;
            if j == 0 { angle.cos() } else { angle.sin() }
        }),
        _ => DiscreteLaw::symmetric_points(dim, dim > 1 && which == Rule::Comparison).nodes / (dim as f64).sqrt(),
    }
}

impl Radial {
    fn rule(&self, level: NoiseLevel, x: &[f64], which: Rule) -> DiscreteLaw {
        static BASE: OnceLock<AngularRule> = OnceLock::new();
        let dim = self.dim();
        assert_eq!(x.len(), dim, "posterior_rule: x has {} coordinates, the target {dim}", x.len());
        let point = aview1(x).insert_axis(Axis(0));
        if level.is_data() {
            return DiscreteLaw { nodes: self.denoise(level, &point), weights: vec![1.0] };
        }
        let orders = Orders::of(dim, which);
        let (cos, sin, r) = (level.cos(), level.sin(), norm(x));
        let (mut radii, mut shares) = (Vec::new(), Vec::new());
        self.for_posterior(cos, sin, r, |shell| {
            radii.push(shell.radius);
            shares.push(shell.probability);
        });
        if radii.len() > orders.radii {
            (radii, shares) = gauss_of(&radii, &shares, orders.radii);
        }
        let angular = BASE.get_or_init(|| AngularRule::new(2, ANGLES)).in_dimension(dim);
        let around = directions(dim - 1, orders.azimuths, which);
        let (mut nodes, mut weights, mut angles) = (Vec::new(), Vec::new(), Vec::new());
        for (rho, share) in radii.into_iter().zip(shares) {
            angular.at(Self::concentration(rho, cos, sin, r), &mut angles);
            let (mut versines, mut parts): (Vec<f64>, Vec<f64>) = angles.iter().map(|a| (a.versine, a.weight)).unzip();
            if versines.len() > orders.angles {
                (versines, parts) = gauss_of(&versines, &parts, orders.angles);
            }
            for (versine, part) in versines.into_iter().zip(parts) {
                let side = (versine * (2.0 - versine)).max(0.0).sqrt();
                for direction in around.rows() {
                    nodes.push(rho * (1.0 - versine));
                    nodes.extend(direction.iter().map(|d| rho * side * d));
                    weights.push(share * part / around.nrows() as f64);
                }
            }
        }
        let mut nodes = Array2::from_shape_vec((weights.len(), dim), nodes).expect("every node has d coordinates");
        turn(&mut nodes, x, r);
        DiscreteLaw::pruned(&nodes, &weights)
    }
}

/// Reflects rows so that the first axis goes to x/‖x‖.
fn turn(nodes: &mut Array2<f64>, x: &[f64], r: f64) {
    if !(r > 0.0) {
        return;
    }
    // The mirror between ±e_1 and x/‖x‖, with the sign that does not cancel; for the minus sign −e_1 goes to x/‖x‖.
    let sign = if x[0] > 0.0 { -1.0 } else { 1.0 };
    let u: Vec<f64> = x.iter().enumerate().map(|(j, x)| if j == 0 { x / r - sign } else { x / r }).collect();
    let twice = 2.0 / u.iter().map(|u| u * u).sum::<f64>();
    for mut node in nodes.rows_mut() {
        if sign < 0.0 {
            node[0] = -node[0];
        }
        let along: f64 = node.iter().zip(&u).map(|(n, u)| n * u).sum();
        node.zip_mut_with(&aview1(&u), |n, u| *n -= twice * along * u);
    }
}

impl PosteriorRule for Radial {
    fn posterior_rule(&self, level: NoiseLevel, x: &[f64]) -> DiscreteLaw {
        self.rule(level, x, Rule::Main)
    }

    fn comparison_rule(&self, level: NoiseLevel, x: &[f64]) -> Option<DiscreteLaw> {
        Some(self.rule(level, x, Rule::Comparison))
    }
}
