//! Families of laws with a few parameters, as points of a unit box, and what one law of a family has to show.

use super::{Objective, SweepError};
use clap::ValueEnum;
use ndarray::array;
use onestep::Grid;
use onestep::law::{Comb, Covariance, GaussianMixture, LineMixture, Radial};
use onestep::population::{LatticeRecursion, PopulationLaw, PopulationReport, Settings};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Family {
    /// Copies of N(0, 1) times 1 + A cos kx, amplitude and wavenumber free.
    Comb,
    /// Copies of a mixture of two normals: weight, distance and both widths free.
    TwoModes,
    /// Copies of --modes evenly spaced normals under a Gaussian envelope: spacing, width and envelope free.
    Modes,
    /// ½N(0, (1 − c/√d)² I) + ½N(0, (1 + c/√d)² I) and other weights, as shells no wider apart than the first level blurs.
    Scales,
    /// In the plane: two normals that are turned and, along their own axes, of different shape.
    Plane,
}

/// What one law of a family showed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) report: PopulationReport,
    /// ln of a proved upper bound on L_f, where one is known.
    pub(crate) ln_upper: Option<f64>,
}

/// A law on trial.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Trial {
    /// Admissible: resolved, and L_f within its bound.
    Admissible(Box<Found>),
    /// ln L_f is by this much too large.
    TooSteep(f64),
    /// The recursion refused it or did not reach its tolerance.
    Unresolved,
}

/// What a family is searched at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) grid: &'a Grid,
    pub(crate) dim: usize,
    /// Normals of [`Family::Modes`].
    pub(crate) modes: usize,
    pub(crate) ln_lipschitz: f64,
    pub(crate) tolerance: f64,
}

/// Nodes an axis and Hermite points of the lattice: a run takes a fraction of a second.
const LATTICE: (usize, usize) = (40, 4);
/// The tolerance on a lattice.
const LATTICE_TOLERANCE: f64 = 0.05;
/// Shells of a normal law, at most.
const MOST_SHELLS: usize = 400;
/// Shells of less weight are left out.
const LIGHT: f64 = 1e-12;

impl Family {
    /// The names of the parameters.
    pub(crate) fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Comb => &["amplitude", "wavenumber"],
            Self::TwoModes => &["weight", "distance", "std_1", "std_2"],
            Self::Modes => &["spacing", "std", "envelope"],
            Self::Scales => &["c", "weight"],
            Self::Plane => &["distance", "std_across", "std_along", "turn"],
        }
    }

    /// The parameters at a point of the unit box.
    pub(crate) fn at(self, unit: &[f64], steps: usize) -> Vec<f64> {
        let between = |u: f64, low: f64, high: f64| low + (high - low) * u;
        let log = |u: f64, low: f64, high: f64| low * (high / low).powf(u);
        let u = |i: usize| unit[i];
        match self {
            // Waves longer than the law is wide, to waves that one step of T wipes out.
            Self::Comb => vec![between(u(0), 0.0, 0.98), log(u(1), 0.5, 10.0 * (steps as f64).sqrt())],
            Self::TwoModes => vec![between(u(0), 0.02, 0.5), between(u(1), 0.0, 4.0), log(u(2), 0.1, 1.5), log(u(3), 0.1, 1.5)],
            Self::Modes => vec![log(u(0), 0.1, 2.0), log(u(1), 0.03, 1.0), log(u(2), 0.5, 4.0)],
            Self::Scales => vec![between(u(0), 0.0, 3.0), between(u(1), 0.02, 0.98)],
            Self::Plane => {
                vec![between(u(0), 0.0, 2.0), log(u(1), 0.3, 1.0), log(u(2), 0.3, 1.0), between(u(3), 0.0, std::f64::consts::FRAC_PI_2)]
            }
        }
    }

    /// Dimensions that the family has.
    pub(crate) fn has(self, dim: usize) -> bool {
        match self {
            Self::Plane => dim == 2,
            Self::Scales => dim > 1,
            Self::Comb | Self::TwoModes | Self::Modes => true,
        }
    }

    /// The least number of evaluations of a search: a handful for every parameter.
    pub(crate) fn fewest_evaluations(self) -> usize {
        2 * self.parameters().len()
    }

    /// Tries the law with these parameters.
    pub(crate) fn try_on(self, setting: &Setting, parameters: &[f64]) -> Result<Trial, SweepError> {
        let p = parameters;
        Ok(match self {
            Self::Comb => on_the_line(setting, &Comb::new(p[0], p[1])?),
            Self::TwoModes => {
                let half = 0.5 * p[1];
                on_the_line(setting, &LineMixture::new(&[p[0], 1.0 - p[0]], &[-half, half], &[p[2], p[3]])?)
            }
            Self::Modes => on_the_line(setting, &evenly_spaced(setting.modes, p)?),
            Self::Scales => match scales(setting, p)? {
                Some(law) => in_space(
                    setting,
                    law.population(setting.grid, &Settings::new().tolerance(setting.tolerance)).ok().map(|p| p.report().clone()),
                ),
                None => Trial::Unresolved,
            },
            Self::Plane => {
                let law = plane(p)?;
                let settings = Settings::new().tolerance(setting.tolerance.max(LATTICE_TOLERANCE));
                let run = LatticeRecursion::new(&law, setting.grid).settings(settings).nodes(LATTICE.0).points(LATTICE.1).run();
                in_space(setting, run.ok().map(|run| run.report().clone()))
            }
        })
    }
}

/// Copies of a law on the line, where L_f has a proved bound.
fn on_the_line(setting: &Setting, law: &dyn PopulationLaw) -> Trial {
    let ln_upper = law.lipschitz_bounds(setting.grid).map_or(f64::INFINITY, |b| b.ln_flow);
    if !(ln_upper <= setting.ln_lipschitz) {
        return Trial::TooSteep(ln_upper - setting.ln_lipschitz);
    }
    match law.population(setting.grid, &Settings::new().tolerance(setting.tolerance)) {
        Ok(run) if run.report().resolved => match run.copies(setting.dim) {
            Some(report) => Trial::Admissible(Box::new(Found { report, ln_upper: Some(ln_upper) })),
            None => Trial::Unresolved,
        },
        _ => Trial::Unresolved,
    }
}

/// A law of which the largest slope that was found is all that is known of L_f.
fn in_space(setting: &Setting, report: Option<PopulationReport>) -> Trial {
    match report {
        Some(report) if report.resolved && report.ln_lipschitz <= setting.ln_lipschitz => {
            Trial::Admissible(Box::new(Found { report, ln_upper: None }))
        }
        Some(report) if report.resolved => Trial::TooSteep(report.ln_lipschitz - setting.ln_lipschitz),
        _ => Trial::Unresolved,
    }
}

fn evenly_spaced(modes: usize, p: &[f64]) -> Result<LineMixture, SweepError> {
    let (spacing, std, envelope) = (p[0], p[1], p[2]);
    let means: Vec<f64> = (0..modes).map(|i| spacing * (i as f64 - 0.5 * (modes - 1) as f64)).collect();
    let heights: Vec<f64> = means.iter().map(|m| (-0.5 * (m / envelope).powi(2)).exp()).collect();
    let total: f64 = heights.iter().sum();
    let weights: Vec<f64> = heights.iter().map(|h| h / total).collect();
    Ok(LineMixture::new(&weights, &means, &vec![std; modes])?)
}

/// Two scales of a normal law as shells that the first level blurs; `None` where that takes too many.
fn scales(setting: &Setting, p: &[f64]) -> Result<Option<Radial>, SweepError> {
    /// The radii of N(0, I) spread over about this many units, all but rounding.
    const RANGE: f64 = 12.0;
    let root = (setting.dim as f64).sqrt();
    let (c, weight) = (p[0] / root, p[1]);
    if c >= 1.0 {
        return Ok(None);
    }
    let count = (RANGE * (1.0 + c) / setting.grid.level(1).sigma()).ceil();
    if !(count <= MOST_SHELLS as f64) {
        return Ok(None);
    }
    let normal = Radial::gaussian(setting.dim, 1.0, count as usize)?;
    let part = |scale: f64, weight: f64| normal.radii().iter().zip(normal.weights()).map(move |(r, w)| (r * scale, w * weight));
    let mut shells: Vec<(f64, f64)> = part(1.0 - c, 1.0 - weight).chain(part(1.0 + c, weight)).filter(|s| s.1 > LIGHT).collect();
    shells.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = shells.iter().map(|s| s.1).sum();
    let (radii, weights): (Vec<f64>, Vec<f64>) = shells.into_iter().map(|(r, w)| (r, w / total)).unzip();
    Ok(Some(Radial::shells(setting.dim, &weights, &radii)?))
}

fn plane(p: &[f64]) -> Result<GaussianMixture, SweepError> {
    let (half, across, along, turn) = (0.5 * p[0], p[1] * p[1], p[2] * p[2], p[3]);
    let (sin, cos) = turn.sin_cos();
    let off = (along - across) * sin * cos;
    let turned = array![[across * cos * cos + along * sin * sin, off], [off, across * sin * sin + along * cos * cos]];
    let covariances = [Covariance::full(&turned)?, Covariance::diagonal(&[across, along])?];
    Ok(GaussianMixture::new(&[0.5, 0.5], &array![[-half, 0.0], [half, 0.0]], &covariances)?)
}

impl Found {
    /// What is maximised. Where W_1 lies between bounds, the lower one: what is certain.
    pub(crate) fn value(&self, objective: Objective) -> f64 {
        let steps = self.report.steps as f64;
        match objective {
            Objective::W1 => steps * self.report.w1_marginal.lower,
            Objective::RootW1 => steps.sqrt() * self.report.w1_marginal.lower,
            Objective::Certificate => steps * self.report.certificate,
        }
    }
}
