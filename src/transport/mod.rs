//! Wasserstein distances between clouds, laws and maps.
//!
//! W_p(μ, ν) = (inf E‖X − Y‖^p)^{1/p} over all couplings of X ~ μ and Y ~ ν, with the Euclidean norm and p ≥ 1.

use crate::Float;
use ndarray::ArrayRef2;

/// Why a distance could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// A cloud has no rows, or no columns.
    #[error("{cloud} is empty: it has {rows} rows and {columns} columns")]
    Empty {
        /// Which cloud.
        cloud: &'static str,
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
    },
    /// The clouds live in different spaces.
    #[error("the clouds have {left} and {right} columns: they must be equal")]
    Dimensions {
        /// Columns of the first cloud.
        left: usize,
        /// Columns of the second cloud.
        right: usize,
    },
    /// The method asks for clouds of equal size.
    #[error("the clouds have {left} and {right} rows: this method needs equal numbers (use weights otherwise)")]
    Sizes {
        /// Rows of the first cloud.
        left: usize,
        /// Rows of the second cloud.
        right: usize,
    },
    /// A coordinate is NaN or infinite.
    #[error("{cloud} holds {value} in row {row}, column {column}: coordinates must be finite")]
    NotFinite {
        /// Which cloud.
        cloud: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value there.
        value: f64,
    },
    /// A list of weights does not belong to its cloud.
    #[error("{cloud} has {rows} rows and {weights} weights: they must be equal")]
    WeightLength {
        /// Which cloud.
        cloud: &'static str,
        /// Its rows.
        rows: usize,
        /// The number of weights.
        weights: usize,
    },
    /// A weight is negative, NaN or infinite.
    #[error("weight {index} of {cloud} is {value}: weights must be finite and at least 0")]
    Weight {
        /// Which cloud.
        cloud: &'static str,
        /// Position, from 0.
        index: usize,
        /// The value there.
        value: f64,
    },
    /// Weights must sum to one.
    #[error("the weights of {cloud} sum to {sum}, not to 1 (within 1e-9)")]
    WeightSum {
        /// Which cloud.
        cloud: &'static str,
        /// Their sum.
        sum: f64,
    },
    /// A parameter is NaN or outside its range.
    #[error("{name} = {value} is outside {range}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The valid range.
        range: &'static str,
    },
    /// A covariance is not symmetric positive semi-definite.
    #[error("{name} is not symmetric positive semi-definite: {reason}")]
    Covariance {
        /// The matrix.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An iteration reached its cap. The bounds hold all the same.
    #[error("not converged after {iterations} iterations: the value lies in [{lower}, {upper}], residual {residual:e}")]
    NotConverged {
        /// Iterations used.
        iterations: usize,
        /// Certified lower bound (or best estimate) reached.
        lower: f64,
        /// Certified upper bound (or best estimate) reached.
        upper: f64,
        /// What the method measures its convergence by.
        residual: f64,
    },
}

/// The order p ∈ [1, ∞) of a Wasserstein distance.
///
/// # Example
/// ```
/// use onestep::Order;
/// assert_eq!(Order::new(2.0)?, Order::TWO);
/// assert!(Order::new(0.5).is_err() && Order::new(f64::NAN).is_err());
/// # Ok::<(), onestep::TransportError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Order(f64);

impl Order {
    /// p = 1, the Kantorovich–Rubinstein distance.
    pub const ONE: Self = Self(1.0);
    /// p = 2.
    pub const TWO: Self = Self(2.0);

    /// The order `p`.
    ///
    /// # Errors
    /// `p` is NaN, below 1 or infinite.
    ///
    /// ```
    /// assert_eq!(onestep::Order::new(1.5).unwrap().value(), 1.5);
    /// ```
    pub fn new(p: f64) -> Result<Self, TransportError> {
        if p >= 1.0 && p.is_finite() { Ok(Self(p)) } else { Err(TransportError::OutOfRange { name: "order", value: p, range: "[1, inf)" }) }
    }

    /// p.
    ///
    /// ```
    /// assert_eq!(onestep::Order::TWO.value(), 2.0);
    /// ```
    #[must_use]
    pub fn value(self) -> f64 {
        self.0
    }

    /// |x|^p.
    ///
    /// ```
    /// assert_eq!(onestep::Order::TWO.power(-3.0), 9.0);
    /// ```
    #[must_use]
    #[inline]
    pub fn power(self, x: f64) -> f64 {
        if self.0 == 1.0 {
            x.abs()
        } else if self.0 == 2.0 {
            x * x
        } else {
            x.abs().powf(self.0)
        }
    }

    /// c^{1/p}: from a transport cost E‖X − Y‖^p to a distance.
    ///
    /// ```
    /// assert_eq!(onestep::Order::TWO.root(9.0), 3.0);
    /// ```
    #[must_use]
    #[inline]
    pub fn root(self, cost: f64) -> f64 {
        if self.0 == 1.0 {
            cost
        } else if self.0 == 2.0 {
            cost.sqrt()
        } else {
            cost.powf(1.0 / self.0)
        }
    }
}

/// What error messages call the two clouds of a distance.
pub(crate) const FIRST: &str = "the first cloud";
pub(crate) const SECOND: &str = "the second cloud";

/// Sum of weights may differ from one by this much before they are refused; they are then normalised exactly.
const WEIGHT_TOLERANCE: f64 = 1e-9;

/// Checks that a cloud has points, and that they are finite.
pub(crate) fn check_cloud<F: Float>(cloud: &'static str, x: &ArrayRef2<F>) -> Result<(), TransportError> {
    let (rows, columns) = x.dim();
    if rows == 0 || columns == 0 {
        return Err(TransportError::Empty { cloud, rows, columns });
    }
    match x.indexed_iter().find(|(_, v)| !v.is_finite()) {
        Some(((row, column), v)) => Err(TransportError::NotFinite { cloud, row, column, value: v.as_f64() }),
        None => Ok(()),
    }
}

/// Checks both clouds, and that they live in the same space.
pub(crate) fn check_clouds<F: Float>(x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<(), TransportError> {
    check_cloud(FIRST, x)?;
    check_cloud(SECOND, y)?;
    if x.ncols() == y.ncols() { Ok(()) } else { Err(TransportError::Dimensions { left: x.ncols(), right: y.ncols() }) }
}

/// Checks the weights of a cloud of `rows` points (finite, nonnegative, summing to one within 1e−9) and returns them normalised.
pub(crate) fn normalised_weights(cloud: &'static str, rows: usize, weights: &[f64]) -> Result<Vec<f64>, TransportError> {
    if weights.len() != rows {
        return Err(TransportError::WeightLength { cloud, rows, weights: weights.len() });
    }
    if let Some(index) = weights.iter().position(|&w| !(w >= 0.0 && w.is_finite())) {
        return Err(TransportError::Weight { cloud, index, value: weights[index] });
    }
    let sum: f64 = weights.iter().sum();
    if !((sum - 1.0).abs() <= WEIGHT_TOLERANCE) {
        return Err(TransportError::WeightSum { cloud, sum });
    }
    Ok(weights.iter().map(|w| w / sum).collect())
}
