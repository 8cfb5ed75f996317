//! What a probe of the Lipschitz constant found.

use crate::estimate::Estimate;
use crate::flow::effort::FlowEffort;
use std::fmt;

/// The norms ‖∂Φ(x_i)‖ at the points x_i, and what follows from them.
///
/// Every norm is attained up to the accuracy of the integration, so the largest is a **lower bound on L_f**: no finite sample gives an upper
/// one. Averages over X_T are estimates with an error bar.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::NoiseLevel;
/// use onestep::flow::{FlowSolver, LipschitzProbe};
/// use onestep::law::{Covariance, Gaussian};
/// # use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let target = Gaussian::new(&[0.0, 1.0], Covariance::diagonal(&[9.0, 0.25])?)?;
/// let probe = LipschitzProbe::new(FlowSolver::new(1e-9)?);
/// let report = probe.measure(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &array![[0.1, 0.2], [1.0, -1.0]], &mut rng)?;
/// // A Gaussian flow has the same derivative √Σ everywhere.
/// assert!((report.supremum() - 3.0).abs() < 1e-7 && (report.quantile(0.0) - 3.0).abs() < 1e-7);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LipschitzReport {
    /// ‖∂Φ(x_i)‖, one a row.
    pub norms: Vec<f64>,
    /// Whether every norm settled to the precision asked for. If not, the norms are lower bounds all the same.
    pub converged: bool,
    /// What it cost.
    pub effort: FlowEffort,
}

impl LipschitzReport {
    /// The largest norm found: a **lower bound** on L_f, up to the error of the integration (a few times its tolerance, relatively).
    ///
    /// ```
    /// # use onestep::NoiseLevel;
    /// # use onestep::flow::{FlowSolver, LipschitzProbe};
    /// # use onestep::law::Gaussian;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let probe = LipschitzProbe::new(FlowSolver::new(1e-6).unwrap());
    /// let x = ndarray::array![[0.3]];
    /// let report = probe.measure(&Gaussian::standard(1).unwrap(), NoiseLevel::NOISE, NoiseLevel::DATA, &x, &mut rng).unwrap();
    /// assert!((report.supremum() - 1.0).abs() < 1e-12); // N(0, I) does not move
    /// ```
    #[must_use]
    pub fn supremum(&self) -> f64 {
        self.norms.iter().copied().fold(0.0, f64::max)
    }

    /// The row where the norm is the largest, counted from 0 as an index.
    ///
    /// ```
    /// # use onestep::NoiseLevel;
    /// # use onestep::flow::{FlowSolver, LipschitzProbe};
    /// # use onestep::law::GaussianMixture;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let target = GaussianMixture::isotropic(&[0.5, 0.5], &ndarray::array![[-1.0], [1.0]], &[0.25, 0.25]).unwrap();
    /// let x = ndarray::array![[-1.0], [0.0], [1.0]];
    /// let probe = LipschitzProbe::new(FlowSolver::new(1e-6).unwrap());
    /// let report = probe.measure(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x, &mut rng).unwrap();
    /// assert_eq!(report.row_of_supremum(), 1); // steepest between the modes
    /// ```
    #[must_use]
    pub fn row_of_supremum(&self) -> usize {
        (0..self.norms.len()).fold(0, |best, i| if self.norms[i] > self.norms[best] { i } else { best })
    }

    /// The quantile of the norms at `level` in [0, 1], linear between order statistics; NaN for a level outside.
    ///
    /// ```
    /// # use onestep::NoiseLevel;
    /// # use onestep::flow::{FlowSolver, LipschitzProbe};
    /// # use onestep::law::GaussianMixture;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let target = GaussianMixture::isotropic(&[0.5, 0.5], &ndarray::array![[-1.0], [1.0]], &[0.25, 0.25]).unwrap();
    /// # let probe = LipschitzProbe::new(FlowSolver::new(1e-6).unwrap());
    /// let x = ndarray::array![[-1.0], [0.0], [1.5]];
    /// let report = probe.measure(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x, &mut rng).unwrap();
    /// assert!(report.quantile(0.0) < report.quantile(0.5) && report.quantile(0.5) < report.quantile(1.0));
    /// assert_eq!(report.quantile(1.0), report.supremum());
    /// ```
    #[must_use]
    pub fn quantile(&self, level: f64) -> f64 {
        if !(0.0..=1.0).contains(&level) {
            return f64::NAN;
        }
        let mut sorted = self.norms.clone();
        sorted.sort_by(f64::total_cmp);
        let place = level * (sorted.len() - 1) as f64;
        let below = place.floor() as usize;
        let above = (below + 1).min(sorted.len() - 1);
        sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
    }

    /// E‖∂Φ(X)‖^`power` with standard error and 95 % interval, for rows that are independent draws.
    ///
    /// ```
    /// # use onestep::NoiseLevel;
    /// # use onestep::flow::{FlowSolver, LipschitzProbe};
    /// # use onestep::law::{Covariance, Gaussian};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let probe = LipschitzProbe::new(FlowSolver::new(1e-9).unwrap());
    /// let target = Gaussian::new(&[0.0], Covariance::isotropic(1, 4.0).unwrap()).unwrap();
    /// let x = ndarray::array![[0.0], [1.0]];
    /// let report = probe.measure(&target, NoiseLevel::NOISE, NoiseLevel::DATA, &x, &mut rng).unwrap();
    /// assert!((report.mean_power(3.0).value - 8.0).abs() < 1e-6);
    /// ```
    #[must_use]
    pub fn mean_power(&self, power: f64) -> Estimate {
        Estimate::from_samples(&self.norms.iter().map(|n| n.powf(power)).collect::<Vec<_>>())
    }
}

/// One line, such as `L_f ≥ 2.4062 (row 3 of 500), median 1.1; 12000 score evaluations, 90 steps, 2 rejected`.
impl fmt::Display for LipschitzReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (row, rows) = (self.row_of_supremum() + 1, self.norms.len());
        write!(f, "L_f ≥ {:.5} (row {row} of {rows}), median {:.5}", self.supremum(), self.quantile(0.5))?;
        if !self.converged {
            f.write_str(", not every norm has settled")?;
        }
        write!(f, "; {}", self.effort)
    }
}
