//! W_∞: the smallest length that no mass need exceed.

mod flow;
mod threshold;

use crate::error::check_range;
use crate::float::Float;
use crate::transport::integer::masses::{Masses, WORDS};
use crate::transport::length::{Clouds, Length};
use crate::transport::{Measure, TransportError, check};
use std::fmt;
use threshold::threshold;

/// Exact bottleneck distance W_∞ between two clouds, with or without weights.
///
/// ```math
/// W_\infty = \lim_{p \to \infty} W_p = \min_{P \ge 0,\; P 1 = a,\; P^\top 1 = b} \max_{P_{ij} > 0} \lVert x_i - y_j \rVert
/// ```
///
/// Every mean of powers lies below: W_p ≤ W_∞. It is the distance of the worst point, where W_1 and W_2 are means; a single outlier
/// decides it.
///
/// # Method
/// The answer is one of the distances between the points. A bisection among them asks of each whether the pairs that are no longer can
/// carry all mass (Dinic's method; for equal weights and sizes that is the matching of Hopcroft and Karp). Masses are integers in exactly
/// the proportions of the weights, so that no mass is lost however small it is. Time is about 25 n² distances and as many flows.
///
/// # Units
/// All lengths have the unit of the coordinates.
///
/// # Accuracy
/// The bisection is exact; what rounds is the one distance it returns, and [`BottleneckPlan::lower`] and [`BottleneckPlan::upper`] hold
/// that rounding.
///
/// # Example
/// Two points stay, the third has to go 5: the mean hides it, the bottleneck does not.
/// ```
/// use ndarray::array;
/// use onestep::transport::{Assignment, Bottleneck};
/// let (x, y) = (array![[0.0, 0.0], [1.0, 0.0], [9.0, 9.0]], array![[1.0, 0.0], [0.0, 0.0], [5.0, 6.0]]);
/// let worst = Bottleneck::new().solve(&x, &y)?;
/// assert_eq!(worst.distance, 5.0);
/// assert!(Assignment::new(2.0)?.solve(&x, &y)?.distance < worst.distance);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// J. E. Hopcroft and R. M. Karp, *An n^{5/2} algorithm for maximum matchings in bipartite graphs*, SIAM J. Comput. 2 (1973).
/// E. A. Dinic, *Algorithm for solution of a problem of maximum flow in networks with power estimation*, Soviet Math. Dokl. 11 (1970).
#[doc(alias = "infinity Wasserstein")]
#[doc(alias = "bottleneck distance")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bottleneck {}

/// W_∞ and a plan whose longest way it is.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BottleneckPlan {
    /// W_∞.
    pub distance: f64,
    /// W_∞ is at least this: the distance less its rounding.
    pub lower: f64,
    /// W_∞ is at most this: the distance and its rounding.
    pub upper: f64,
    /// A plan whose longest way is W_∞: (i, j, P_ij) with P_ij > 0, ordered by i, then j.
    pub plan: Vec<(usize, usize, f64)>,
    /// The pair (i, j) of the plan that is `distance` apart.
    pub longest: (usize, usize),
}

impl Bottleneck {
    /// There is nothing to choose.
    ///
    /// ```
    /// use onestep::transport::Bottleneck;
    /// let point = ndarray::array![[3.0, 4.0]];
    /// assert_eq!(Bottleneck::new().solve(&point, &(-&point))?.distance, 10.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self {}
    }

    /// Solves between two clouds of any sizes, with or without weights.
    ///
    /// # Shapes
    /// Both clouds have the same number d ≥ 1 of columns.
    ///
    /// # Errors
    /// A cloud is empty or holds NaN or ∞; the clouds differ in dimension; weights are not one a row, nonnegative, finite and of sum 1;
    /// the distance is larger than any `f64`.
    ///
    /// # Example
    /// The smallest mass counts as much as the largest.
    /// ```
    /// use ndarray::array;
    /// use onestep::transport::{Bottleneck, Measure};
    /// let (x, y) = (array![[0.0], [7.0]], array![[0.0]]);
    /// assert_eq!(Bottleneck::new().solve(Measure::weighted(&x, &[1.0, 1e-300]), &y)?.distance, 7.0);
    /// assert_eq!(Bottleneck::new().solve(Measure::weighted(&x, &[1.0, 0.0]), &y)?.distance, 0.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn solve<'a, 'b, F: Float>(
        &self,
        x: impl Into<Measure<'a, F>>,
        y: impl Into<Measure<'b, F>>,
    ) -> Result<BottleneckPlan, TransportError> {
        let (x, y) = (x.into(), y.into());
        check::measures(x, y)?;
        let clouds = Clouds::new(&x.points(), &y.points());
        let masses = Masses::new((x.weights(), clouds.rows()), (y.weights(), clouds.columns()));
        let (rows, columns, masses) = masses.positive();
        let length = |i: usize, j: usize| clouds.length(rows[i], columns[j]);
        let (limit, plan) = solve(&masses, length);
        report(&clouds, limit, plan.into_iter().map(|(i, j, share)| (rows[i], columns[j], share)).collect())
    }
}

/// The bottleneck for positive masses, and a plan: pairs and their shares of the mass.
pub(in crate::transport) fn solve(masses: &Masses<WORDS>, length: impl Fn(usize, usize) -> Length) -> (Length, Vec<(usize, usize, f64)>) {
    if masses.fits::<2>() { in_words(&masses.resized::<2>(), length) } else { in_words(masses, length) }
}

fn in_words<const N: usize>(masses: &Masses<N>, length: impl Fn(usize, usize) -> Length) -> (Length, Vec<(usize, usize, f64)>) {
    let (limit, pairs) = threshold(&masses.supply, &masses.demand, length);
    (limit, pairs.iter().map(|(i, j, mass)| (*i, *j, masses.share(mass))).collect())
}

fn report(clouds: &Clouds, limit: Length, plan: Vec<(usize, usize, f64)>) -> Result<BottleneckPlan, TransportError> {
    let [lower, upper] = limit.bounds();
    check_range("the distance", limit.value(), limit.value().is_finite(), "the range of f64")?;
    let longest = plan.iter().find(|&&(i, j, _)| clouds.length(i, j) == limit).map_or((0, 0), |&(i, j, _)| (i, j));
    Ok(BottleneckPlan { distance: limit.value(), lower, upper, plan, longest })
}

/// The distance and the pair it belongs to.
///
/// ```
/// use onestep::transport::Bottleneck;
/// let plan = Bottleneck::new().solve(&[0.0, 1.0], &[0.0, 3.0])?;
/// assert!(plan.to_string().starts_with("W_inf = 2 "));
/// # Ok::<(), onestep::Error>(())
/// ```
impl fmt::Display for BottleneckPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { distance, lower, upper, longest: (i, j), .. } = self;
        write!(f, "W_inf = {distance} in [{lower}, {upper}], from point {} of the first cloud to point {} of the second", i + 1, j + 1)
    }
}
