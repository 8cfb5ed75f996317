//! Targets with known answers: the law p_data of X_0, and what is known of its noisy marginals.
//!
//! Each trait is one capability; a target implements those it can answer exactly. All of them speak of the marginals p_θ of
//! X_θ = cos θ · X_0 + sin θ · Z, so the data law itself is the level θ = 0. Rows are points.

mod atoms;
pub(crate) mod conditional;
mod covariance;
mod curve;
pub(crate) mod gaussian;
mod jacobian;
mod line;
pub(crate) mod mixture;
mod posterior_rule;
mod product;
pub(crate) mod radial;
mod rotated;
mod shifted;

pub use atoms::PointMasses;
pub use covariance::Covariance;
pub use curve::NoisyCurve;
pub use gaussian::Gaussian;
pub use line::{LineLabel, LineMarginal, LineMixture};
pub use mixture::GaussianMixture;
pub use posterior_rule::{DiscreteLaw, PosteriorRule};
pub use product::Product;
pub use radial::Radial;
pub use rotated::Rotated;
pub use shifted::Shifted;

use crate::delegate::delegate;
use crate::level::NoiseLevel;
use crate::space::Space;
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2};
use rand::RngCore;

/// Why a target could not be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LawError {
    /// A list is empty, or the dimension is 0.
    #[error("{name} is empty: at least one is needed")]
    Empty {
        /// What is empty.
        name: &'static str,
    },
    /// Two things that must have the same length or dimension have not.
    #[error("{left_name} has length {left}, {right_name} has length {right}: they must be equal")]
    Lengths {
        /// The first list.
        left_name: &'static str,
        /// Its length.
        left: usize,
        /// The second list.
        right_name: &'static str,
        /// Its length.
        right: usize,
    },
    /// A parameter is NaN or outside its range.
    #[error("{name} = {value:?} is outside {range}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The valid range.
        range: &'static str,
    },
    /// An entry of a list is NaN or outside its range.
    #[error("{name}[{index}] = {value:?} is outside {range}")]
    Entry {
        /// The list.
        name: &'static str,
        /// Position in the list (row-major for a matrix), from 0.
        index: usize,
        /// The value there.
        value: f64,
        /// The valid range.
        range: &'static str,
    },
    /// Weights must sum to one.
    #[error("weights sum to {sum}, not to 1 (within 1e-9)")]
    WeightSum {
        /// Their sum.
        sum: f64,
    },
    /// A matrix that must be symmetric positive semi-definite is not.
    #[error("{name} is not positive semi-definite: its smallest eigenvalue is {eigenvalue} (largest {largest})")]
    NotPositive {
        /// The matrix.
        name: &'static str,
        /// The smallest eigenvalue.
        eigenvalue: f64,
        /// The largest eigenvalue.
        largest: f64,
    },
    /// Eigenvectors that do not give the matrix back.
    #[error("the eigenvectors of {name} miss it by {residual:e} of its largest entry")]
    NotSolved {
        /// The matrix.
        name: &'static str,
        /// The largest entry of what they miss, relative to that of the matrix.
        residual: f64,
    },
    /// A matrix that must be symmetric is not.
    #[error("{name} is not symmetric: entries differ by {gap}")]
    NotSymmetric {
        /// The matrix.
        name: &'static str,
        /// The largest difference between an entry and its mirror.
        gap: f64,
    },
    /// A matrix that must be orthogonal is not.
    #[error("{name} is not orthogonal: an entry of QᵀQ − I is {gap}")]
    NotOrthogonal {
        /// The matrix.
        name: &'static str,
        /// The largest entry of |QᵀQ − I|.
        gap: f64,
    },
}

/// Sum of weights may differ from one by this much before they are refused; they are then normalised exactly.
pub(crate) const WEIGHT_TOLERANCE: f64 = 1e-9;

/// Checks that `weights` are finite, nonnegative and sum to one, and returns them normalised.
pub(crate) fn normalised(weights: &[f64]) -> Result<Vec<f64>, LawError> {
    if weights.is_empty() {
        return Err(LawError::Empty { name: "weights" });
    }
    check_entries("weights", weights, |w| w >= 0.0 && w.is_finite(), "[0, inf)")?;
    let sum: f64 = weights.iter().sum();
    if !((sum - 1.0).abs() <= WEIGHT_TOLERANCE) {
        return Err(LawError::WeightSum { sum });
    }
    Ok(weights.iter().map(|w| w / sum).collect())
}

/// Checks every entry of a list.
pub(crate) fn check_entries(name: &'static str, values: &[f64], ok: impl Fn(f64) -> bool, range: &'static str) -> Result<(), LawError> {
    match values.iter().position(|&v| !ok(v)) {
        Some(index) => Err(LawError::Entry { name, index, value: values[index], range }),
        None => Ok(()),
    }
}

/// Checks that two lists have equal lengths.
pub(crate) fn check_lengths(left_name: &'static str, left: usize, right_name: &'static str, right: usize) -> Result<(), LawError> {
    if left == right { Ok(()) } else { Err(LawError::Lengths { left_name, left, right_name, right }) }
}

/// A law that can be sampled.
pub trait Sample: Space + std::fmt::Debug + Send + Sync {
    /// Fills the rows of `out` with independent draws of X_0.
    ///
    /// # Panics
    /// `out` does not have `dim()` columns.
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>);

    /// `n` independent draws of X_0, one a row.
    fn sample(&self, n: usize, rng: &mut dyn RngCore) -> Array2<f64> {
        let mut out = Array2::zeros((n, self.dim()));
        self.sample_into(rng, &mut out);
        out
    }
}

/// A law whose noisy marginals have a known density.
pub trait LogDensity: Sample {
    /// Writes ln p_θ of every row of `x` into `out`.
    ///
    /// Where p_θ has no density (point masses at θ = 0, a degenerate Gaussian) the value is +∞ on the support and −∞ off it.
    ///
    /// # Panics
    /// `x` is not n × `dim()` with n the length of `out`.
    fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>);

    /// Allocating form of [`log_density_into`](Self::log_density_into).
    ///
    /// # Panics
    /// `x` does not have `dim()` columns.
    fn log_density(&self, level: NoiseLevel, x: &ArrayRef2<f64>) -> Array1<f64> {
        let mut out = Array1::zeros(x.nrows());
        self.log_density_into(level, x, &mut out);
        out
    }
}

/// A law whose posterior moments given a noisy point are known.
pub trait Posterior: Sample {
    /// Writes D_θ(x) = E[X_0 | X_θ = x], the ideal denoiser, for every row of `x` into `out`.
    /// Tweedie's formula ties it to the score: D = (x + sin²θ s_θ(x))/cos θ.
    ///
    /// # Panics
    /// `x` and `out` are not both n × `dim()`.
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>);

    /// The posterior covariance Cov(X_0 | X_θ = x) at one point, d × d.
    ///
    /// # Panics
    /// `x` does not have length `dim()`.
    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64>;

    /// Allocating form of [`denoise_into`](Self::denoise_into).
    ///
    /// # Panics
    /// `x` does not have `dim()` columns.
    fn denoise(&self, level: NoiseLevel, x: &ArrayRef2<f64>) -> Array2<f64> {
        let mut out = Array2::zeros(x.raw_dim());
        self.denoise_into(level, x, &mut out);
        out
    }
}

/// A law whose first two moments are known.
pub trait Moments: Sample {
    /// E X_0.
    fn mean(&self) -> Array1<f64>;

    /// E‖X_0‖².
    fn second_moment(&self) -> f64;
}

delegate! {
    impl[] Sample {
        fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>);
    }
}

delegate! {
    impl[] LogDensity {
        fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>);
    }
}

delegate! {
    impl[] Posterior {
        fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>);
        fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64>;
    }
}

delegate! {
    impl[] Moments {
        fn mean(&self) -> Array1<f64>;
        fn second_moment(&self) -> f64;
    }
}
