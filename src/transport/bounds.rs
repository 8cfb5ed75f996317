//! Bounds on W_p between two **laws**, with ordinary confidence intervals: no curse of dimension.
//!
//! The plug-in distance of two samples is biased by about n^{−1/d}. A coupling that can be sampled bounds W_p from above, a 1-Lipschitz
//! function from below, and both are means of independent terms.

use crate::error::{check_entries, check_equal, check_range, check_some};
use crate::estimate::Estimate;
use crate::float::Float;
use crate::numeric::parallel;
use crate::transport::order::{Order, finite, scaled, widened};
use crate::transport::{TransportError, check};
use ndarray::{Array2, ArrayRef2};

/// Upper bound (E‖A − B‖^p)^{1/p} ≥ W_p from paired rows: (a_i, b_i) are independent draws of some coupling of the two laws.
///
/// The workhorse for generators: with A = f(Z) and B = Φ(Z) for the same latent Z it bounds the distance of a one-step sampler f from the
/// exact flow map Φ. It is tight when the coupling is optimal.
///
/// # Errors
/// p < 1; clouds that are empty, hold NaN or ∞, or differ in shape; a distance beyond the range of `f64`.
///
/// # Accuracy
/// The standard error and the 95 % interval are those of a mean of n independent terms, by Student's quantile, carried through the root, and
/// wider by the rounding error: `upper` is an upper confidence limit on W_p at 97.5 %. Powers are taken of distances over the largest, so that
/// none overflows at any p.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::transport::coupling_upper;
/// let bound = coupling_upper(&array![[0.0, 0.0], [1.0, 1.0]], &array![[3.0, 4.0], [4.0, 5.0]], 2.0)?;
/// assert!((bound.value - 5.0).abs() < 1e-15 && bound.std_error == 0.0); // every pair is 5 apart
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn coupling_upper<F: Float>(a: &ArrayRef2<F>, b: &ArrayRef2<F>, order: f64) -> Result<Estimate, TransportError> {
    let order = Order::new(order)?;
    check::clouds(a, b)?;
    check::equal_sizes(a, b)?;
    let distance = |i: usize| norm(a.row(i).iter().zip(b.row(i)).map(|(a, b)| a.as_f64() - b.as_f64()));
    let distances: Vec<f64> = (0..a.nrows()).map(distance).collect();
    let largest = distances.iter().copied().fold(0.0, greater);
    check_range("the distance of a pair", largest, largest.is_finite(), "the range of f64")?;
    let unit = if largest > 0.0 { largest } else { 1.0 };
    let costs: Vec<f64> = distances.iter().map(|d| order.power(d / unit)).collect();
    let bound = scaled(order.root_of(Estimate::from_samples(&costs)), unit);
    let rounding = f64::EPSILON * (a.ncols() + a.nrows() + 16) as f64;
    finite("the upper bound", widened(bound, rounding * largest))
}

/// Euclidean norm, in units of the largest entry, so that no square overflows.
fn norm(entries: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = entries.clone().map(f64::abs).fold(0.0, greater);
    if (1e-140..1e140).contains(&largest) {
        return entries.map(|e| e * e).sum::<f64>().sqrt();
    }
    if !(largest > 0.0 && largest.is_finite()) {
        return largest;
    }
    largest * entries.map(|e| (e / largest) * (e / largest)).sum::<f64>().sqrt()
}

/// The greater of two numbers; NaN if one is.
fn greater(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// Lower bound E f(X) − E f(Y) ≤ W_1 ≤ W_p from the values of one function, 1-Lipschitz for the Euclidean norm, on two independent samples.
///
/// The function (and its sign) must not have been chosen on these samples. For a Lipschitz constant L divide the values by L first.
///
/// # Errors
/// A list that is empty or holds NaN or ∞.
///
/// # Accuracy
/// Standard error √(Var f(X)/n + Var f(Y)/m), 95 % interval by Student's quantile with Welch's degrees of freedom: `lower` is a lower confidence
/// limit on W_1 at 97.5 %.
///
/// # Example
/// ```
/// use onestep::transport::lipschitz_lower;
/// // f(x) = x on the line: the difference of the means.
/// let bound = lipschitz_lower(&[2.0, 4.0], &[1.0, 1.0])?;
/// assert_eq!(bound.value, 2.0);
/// assert!((bound.std_error - 1.0).abs() < 1e-15);
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn lipschitz_lower(at_x: &[f64], at_y: &[f64]) -> Result<Estimate, TransportError> {
    for (name, values) in [("at_x", at_x), ("at_y", at_y)] {
        check_some(name, values)?;
        check_entries(name, values, f64::is_finite, "(-inf, inf)")?;
    }
    let (x, y) = (Estimate::from_samples(at_x), Estimate::from_samples(at_y));
    let std_error = x.std_error.hypot(y.std_error);
    let rounding = {
        let size = |values: &[f64]| values.iter().copied().map(f64::abs).fold(0.0, greater);
        f64::EPSILON * (at_x.len() + at_y.len()) as f64 * size(at_x).max(size(at_y))
    };
    let bound = Estimate::student(x.value - y.value, std_error, welch(&x, &y), at_x.len() + at_y.len());
    finite("the lower bound", Estimate { lower: bound.lower - rounding, upper: bound.upper + rounding, ..bound })
}

/// The degrees of freedom of the difference of two means (Welch 1947).
fn welch(x: &Estimate, y: &Estimate) -> f64 {
    let part = |e: &Estimate| (e.std_error.powi(2), e.evaluations as f64 - 1.0);
    let ((vx, nx), (vy, ny)) = (part(x), part(y));
    let freedom = (vx + vy).powi(2) / (vx * vx / nx + vy * vy / ny);
    // Without spread, or with one point, there is nothing to estimate it from: the standard error is 0 or infinite.
    if freedom.is_finite() { freedom.max(1.0) } else { 1.0 }
}

/// The 1-Lipschitz function f(x) = min_j (‖x − y_j‖ − v_j): the c-transform of a dual potential for p = 1.
///
/// A minimum of 1-Lipschitz functions is 1-Lipschitz whatever the anchors y_j and prices v_j. Made from the dual potential v of an optimal
/// matching for p = 1 (on a training sample), it is nearly the best test function for that sample; on fresh samples it gives an honest
/// lower bound on W_1. The bound is tight for d ≤ 2 and decays with the dimension (about half of W_1 at d = 5, little at d = 16).
///
/// # Units
/// Prices have the unit of the coordinates. Those of a [`Matching`](crate::transport::Matching) for p = 1 are in its
/// [`unit`](crate::transport::Matching::unit), which is 1 unless distances leave the range of `f64`: multiply by it. With any prices the bound
/// holds; with those it is good.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::transport::{Assignment, CTransform};
/// let (x, y) = (array![[3.0, 4.0], [3.0, 5.0]], array![[0.0, 0.0], [0.0, 1.0]]);
/// let matching = Assignment::new(1.0)?.solve(&x, &y)?;
/// let f = CTransform::new(&y, &matching.v)?;
/// // On the sample it was made from it attains W_1 = 5.
/// assert!((f.lower(&x, &y)?.value - 5.0).abs() < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CTransform {
    anchors: Array2<f64>,
    prices: Vec<f64>,
}

impl CTransform {
    /// From anchors y_j, one a row, and their prices v_j.
    ///
    /// # Errors
    /// No anchors, values that are not finite, or a number of prices that is not the number of anchors.
    ///
    /// ```
    /// use ndarray::array;
    /// assert!(onestep::transport::CTransform::new(&array![[0.0]], &[1.0, 2.0]).is_err());
    /// ```
    pub fn new<F: Float>(anchors: &ArrayRef2<F>, prices: &[f64]) -> Result<Self, TransportError> {
        check::cloud("the anchors", anchors)?;
        check_equal("the number of prices", prices.len(), "the number of anchors", anchors.nrows())?;
        check_entries("the prices", prices, f64::is_finite, "(-inf, inf)")?;
        Ok(Self { anchors: anchors.mapv(Float::as_f64), prices: prices.to_vec() })
    }

    /// f at every row of `x`.
    ///
    /// # Errors
    /// `x` is empty, holds NaN or ∞, or has not the columns of the anchors.
    ///
    /// ```
    /// use ndarray::array;
    /// let f = onestep::transport::CTransform::new(&array![[0.0], [10.0]], &[0.0, 4.0]).unwrap();
    /// assert_eq!(f.eval(&array![[1.0], [9.0]]).unwrap(), [1.0, -3.0]);
    /// ```
    pub fn eval<F: Float>(&self, x: &ArrayRef2<F>) -> Result<Vec<f64>, TransportError> {
        check::cloud("x", x)?;
        check_equal("the number of columns of x", x.ncols(), "that of the anchors", self.anchors.ncols())?;
        Ok(parallel::map(x.nrows(), |i| {
            let point: Vec<f64> = x.row(i).iter().map(|v| v.as_f64()).collect();
            let values = self.anchors.rows().into_iter().zip(&self.prices);
            // Coordinates and prices are finite, so that nothing here is NaN, and a distance beyond the range of `f64` is ∞.
            values.map(|(y, v)| norm(point.iter().zip(y).map(|(p, y)| p - y)) - v).fold(f64::INFINITY, f64::min)
        }))
    }

    /// [`lipschitz_lower`] with this function: a lower bound on W_1. Both samples must be fresh. The interval includes the rounding of the
    /// values, which is that of the largest price and of the largest distance.
    ///
    /// # Errors
    /// As [`eval`](Self::eval).
    ///
    /// ```
    /// use ndarray::array;
    /// let norm = onestep::transport::CTransform::new(&array![[0.0, 0.0]], &[0.0]).unwrap();
    /// assert_eq!(norm.lower(&array![[3.0, 4.0]], &array![[0.0, 1.0]]).unwrap().value, 4.0);
    /// ```
    pub fn lower<F: Float>(&self, x: &ArrayRef2<F>, y: &ArrayRef2<F>) -> Result<Estimate, TransportError> {
        let (at_x, at_y) = (self.eval(x)?, self.eval(y)?);
        let bound = lipschitz_lower(&at_x, &at_y)?;
        // A value is a distance less a price: neither is larger than the value and the largest price together.
        let size = [&at_x, &at_y, &self.prices].map(|list| list.iter().copied().map(f64::abs).fold(0.0, greater));
        let rounding = f64::EPSILON * (x.ncols() + 8) as f64 * (size[0] + size[1] + 2.0 * size[2]);
        finite("the lower bound", Estimate { lower: bound.lower - rounding, upper: bound.upper + rounding, ..bound })
    }
}
