//! What held-out pairs say without knowing the law: the sum of the losses, and a part of the own errors from below.

use crate::audit::AuditError;
use crate::error::{OutOfRange, check_equal, check_finite, check_range, check_some};
use crate::estimate::Estimate;
use crate::numeric::dense::cholesky::Factor;
use crate::numeric::special::sum::Sum;
use ndarray::ArrayRef2;
use std::fmt;

/// The sum of held-out losses Σ_t E‖f_t(X_t) − f_{t−1}(X_{t−1})‖².
///
/// With own_t = f_t − E\[f_{t−1}(X_{t−1}) | X_t = ·\], for every family in L² with X_T at its true law,
///
/// ```math
/// W_2(f_T(X_T), X_1) \le \sqrt{\textstyle\sum_t \mathrm{loss}_t} + \sum_t \|\mathrm{own}_t\|
/// ```
///
/// (THEORY 2.15 (a)). The first part is estimated here. **It is no upper bound by itself**: the second part is 0 at the optimum and unknown
/// elsewhere, and no data set bounds it from above without assumptions on the law (2.16 (iii)); [`OwnErrorFromBelow`] finds a part of it.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::audit::HeldOutEnergy;
/// // Residuals f_t(X_t) − f_{t−1}(X_{t−1}) of two levels.
/// let (two, three) = (array![[0.1], [-0.1], [0.1]], array![[0.2], [0.2], [-0.2], [0.2]]);
/// let energy = HeldOutEnergy::new(&[&two, &three])?;
/// assert!((energy.sum.value - 0.05).abs() < 1e-15);
/// assert!((energy.root.value - 0.05f64.sqrt()).abs() < 1e-15);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HeldOutEnergy {
    /// Σ_t loss_t, with a 95 % normal interval; its relative error falls like 1/√(n T) with n pairs a level.
    pub sum: Estimate,
    /// The square root of `sum` and of its interval.
    pub root: Estimate,
    /// loss_t of each level, in the order given.
    pub losses: Vec<Estimate>,
}

impl HeldOutEnergy {
    /// From the residuals f_t(X_t) − f_{t−1}(X_{t−1}) of each level t ≥ 2, on pairs that were not used for training and are independent from
    /// row to row and from level to level.
    ///
    /// # Shapes
    /// One table a level: n_t × d, n_t ≥ 2.
    ///
    /// # Errors
    /// No table, one with fewer than two rows, different dimensions, entries that are not finite or too large to be squared.
    ///
    /// ```
    /// use onestep::audit::HeldOutEnergy;
    /// assert!(HeldOutEnergy::new(&[]).is_err());
    /// assert!(HeldOutEnergy::new(&[&ndarray::array![[1.0]]]).is_err());
    /// ```
    pub fn new(residuals: &[&ArrayRef2<f64>]) -> Result<Self, AuditError> {
        check_some("residuals", residuals)?;
        let mut losses = Vec::with_capacity(residuals.len());
        for rows in residuals {
            check_equal("columns of the residuals", rows.ncols(), "those of the first level", residuals[0].ncols())?;
            check_range("rows of the residuals", rows.nrows(), rows.nrows() > 1, "[2, inf)")?;
            check_finite("residuals", rows)?;
            let squares: Vec<f64> = rows.rows().into_iter().map(|r| r.dot(&r)).collect();
            let loss = Estimate::from_samples(&squares);
            check_range("loss", loss.value, loss.value.is_finite() && loss.std_error.is_finite(), "[0, inf)")?;
            losses.push(loss);
        }
        let value = losses.iter().map(|l| l.value).collect::<Sum>().value();
        let variance = losses.iter().map(|l| l.std_error * l.std_error).collect::<Sum>().value();
        let count = losses.iter().map(|l| l.evaluations).sum();
        let sum = Estimate::normal(value, variance.sqrt(), count);
        check_range("sum of the losses", sum.value, sum.upper.is_finite(), "[0, inf)")?;
        let root = Estimate {
            value: value.sqrt(),
            std_error: if value > 0.0 { 0.5 * sum.std_error / value.sqrt() } else { 0.0 },
            lower: sum.lower.max(0.0).sqrt(),
            upper: sum.upper.sqrt(),
            evaluations: count,
        };
        Ok(Self { sum, root, losses })
    }
}

impl fmt::Display for HeldOutEnergy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "sum of {} held-out losses {}, root {}; W2 is at most the root plus the own errors, which are not in it",
            self.losses.len(),
            self.sum,
            self.root
        )
    }
}

/// A part of ‖own_t‖², from below: own_t = f_t − E\[f_{t−1}(X_{t−1}) | X_t = ·\] is what is left to learn at level t.
///
/// The residual r = f_t(X_t) − f_{t−1}(X_{t−1}) has E\[r | X_t\] = own_t. Over the span G of k scalar functions e_a that are orthonormal in L²(p_t), used
/// for every coordinate,
///
/// ```math
/// U = \frac{1}{n(n-1)} \sum_{i\ne j} \langle r_i, r_j\rangle \sum_a e_a(x_i) e_a(x_j)
/// ```
///
/// is unbiased for ‖Π_G own_t‖² ≤ ‖own_t‖² (THEORY 2.16 (i)). It is an upper bound only if own_t lies in G, which data do not tell. The functions are
/// made orthonormal on other data, which costs a relative error of order √(k/m) with m rows there.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use onestep::audit::OwnErrorFromBelow;
/// use onestep::Float;
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
/// let mut normal = |n: usize| Array2::from_shape_simple_fn((n, 1), || f64::standard_normal(&mut rng));
/// // own(x) = 0.3 x under noise of variance 1; the functions 1 and x.
/// let (other, x, noise) = (normal(4000), normal(4000), normal(4000));
/// let features = |x: &Array2<f64>| Array2::from_shape_fn((x.nrows(), 2), |(i, a)| if a == 0 { 1.0 } else { x[[i, 0]] });
/// let residuals = &noise + 0.3 * &x;
/// let found = OwnErrorFromBelow::new(&residuals, &features(&x), &features(&other))?;
/// assert!((found.squared.value - 0.09).abs() < 4.0 * found.squared.std_error + 0.01);
/// assert!(found.squared.value > 10.0 * found.null_deviation);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct OwnErrorFromBelow {
    /// U, with its jackknife standard error: an unbiased estimate of ‖Π_G own_t‖², which may be negative where that is small.
    pub squared: Estimate,
    /// loss √(2k)/n: about what U deviates from 0 by where own_t = 0 and the residuals do not depend on X_t; less if d > 1.
    pub null_deviation: f64,
    /// k.
    pub functions: usize,
    /// The held-out loss on the same pairs.
    pub loss: Estimate,
}

impl OwnErrorFromBelow {
    /// From residuals at one level, the functions at the same points X_t, and the functions at points of other data, by which they are made
    /// orthonormal. None of the rows may have been used for training.
    ///
    /// # Shapes
    /// `residuals` n × d, `functions` n × k, `elsewhere` m × k.
    ///
    /// # Errors
    /// n < 3, m < k, no functions, tables that do not fit, entries that are not finite, or functions that depend on each other.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::audit::OwnErrorFromBelow;
    /// let (r, one) = (array![[1.0], [-1.0], [0.5]], array![[1.0], [1.0], [1.0]]);
    /// // The square of the mean, without the squares of single residuals: (0.25 − 2.25)/6.
    /// let found = OwnErrorFromBelow::new(&r, &one, &one)?;
    /// assert!((found.squared.value + 1.0 / 3.0).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(residuals: &ArrayRef2<f64>, functions: &ArrayRef2<f64>, elsewhere: &ArrayRef2<f64>) -> Result<Self, AuditError> {
        let (n, k, m) = (residuals.nrows(), functions.ncols(), elsewhere.nrows());
        check_range("rows of the residuals", n, n > 2, "[3, inf)")?;
        check_equal("rows of the functions", functions.nrows(), "rows of the residuals", n)?;
        check_equal("columns of the functions elsewhere", elsewhere.ncols(), "columns of the functions", k)?;
        check_range("columns of the functions", k, k > 0, "[1, inf)")?;
        check_range("rows of the functions elsewhere", m, m >= k, "[number of functions, inf)")?;
        for (name, table) in [("residuals", residuals), ("functions", functions), ("functions elsewhere", elsewhere)] {
            check_finite(name, table)?;
        }
        let moments = elsewhere.t().dot(elsewhere) / m as f64;
        let Some(factor) = Factor::new(&moments) else {
            let name = "smallest eigenvalue of the functions' second moments";
            return Err(OutOfRange { name, value: 0.0.into(), range: "(0, inf): they depend on each other" }.into());
        };
        let e = factor.whiten(functions);
        // S_a = Σ_i r_i e_a(x_i), and for each i the sum over j ≠ i of ⟨r_i, r_j⟩κ(x_i, x_j).
        let sums = e.t().dot(residuals);
        let (mut terms, mut squares) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for (e, r) in e.rows().into_iter().zip(residuals.rows()) {
            let (square, kappa) = (r.dot(&r), e.dot(&e));
            terms.push(sums.t().dot(&e).dot(&r) - square * kappa);
            squares.push(square);
        }
        let total = terms.iter().copied().collect::<Sum>().value();
        let value = total / (n as f64 * (n - 1) as f64);
        // Without row i every pair that it belongs to is missing, twice.
        let without = |h: &f64| (total - 2.0 * h) / ((n - 1) as f64 * (n - 2) as f64);
        let mean = terms.iter().map(without).collect::<Sum>().value() / n as f64;
        let spread = terms.iter().map(|h| (without(h) - mean).powi(2)).collect::<Sum>().value();
        let loss = Estimate::from_samples(&squares);
        let squared = Estimate::normal(value, (spread * (n - 1) as f64 / n as f64).sqrt(), n);
        let found = Self { squared, null_deviation: loss.value * (2.0 * k as f64).sqrt() / n as f64, functions: k, loss };
        let finite = found.squared.upper.is_finite() && found.null_deviation.is_finite();
        check_range("square of the own error", found.squared.value, finite, "(-inf, inf)")?;
        Ok(found)
    }
}

impl fmt::Display for OwnErrorFromBelow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "at least {} of the square of the own error lies in {} functions; {:.1e} is what none would show; held-out loss {}",
            self.squared, self.functions, self.null_deviation, self.loss
        )
    }
}
