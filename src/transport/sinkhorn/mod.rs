//! Entropic transport and the Sinkhorn divergence.

mod kernel;
mod problem;
mod relaxation;
mod scaling;
mod solution;
mod summary;
mod sweep;

pub use solution::{SinkhornDivergence, SinkhornSolution};

use crate::error::check_range;
use crate::float::Float;
use crate::transport::order::Order;
use crate::transport::{Measure, TransportError, check};
use problem::Problem;

/// Entropic optimal transport by stabilised Sinkhorn iterations.
///
/// ```math
/// OT_\varepsilon = \min_{P 1 = a,\ P^\top 1 = b} \sum_{ij} P_{ij} \lVert x_i - y_j \rVert^p + \varepsilon\, \mathrm{KL}(P \,|\, a \otimes b)
/// ```
///
/// **This is a statistic of its own, not a fast W_p**: OT_ε exceeds W_p^p by up to ε ln n, and to bring that gap down takes more time
/// than the exact solvers ([`Assignment`](crate::transport::Assignment), [`NetworkSimplex`](crate::transport::NetworkSimplex)) need for W_p itself. Use it for the
/// [`divergence`](Self::divergence), whose sampling error does not suffer from the dimension; always state ε.
///
/// ε is lowered in stages of equal ratio, at most 10, from the largest cost. Scaling vectors are absorbed into the potentials, and the kernel
/// rebuilt, before they leave the range of floats; where a whole row or column of the kernel underflows, that iteration is done on
/// logarithms. Iterations are over-relaxed by a factor found from the decay of the marginal error, which takes several times fewer of them
/// where Sinkhorn's own converge slowly; the last ones are Sinkhorn's own.
///
/// # Units
/// ε is in the units of the cost, ‖x − y‖^p.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::transport::Sinkhorn;
/// let (x, y) = (array![[0.0], [1.0]], array![[0.0], [1.0]]);
/// // By symmetry P = ((1+t)/4, (1−t)/4; …) with (1+t)/(1−t) = e^{1/ε}: the cost is (1 − tanh(1/(2ε)))/2.
/// let solution = Sinkhorn::new(2.0, 0.5)?.tolerance(1e-12).solve(&x, &y)?;
/// assert!((solution.cost - 0.5 * (1.0 - 1f64.tanh())).abs() < 1e-10);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Cuturi, NeurIPS 2013, arXiv 1306.0895; Schmitzer, "Stabilized sparse scaling algorithms for entropy regularized transport problems",
/// SIAM J. Sci. Comput. 41 (2019), arXiv 1610.06519; over-relaxation: Lehmann, von Renesse, Sambale and Uschmajew, Optim. Lett. 16 (2022),
/// arXiv 2012.12562.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sinkhorn {
    order: Order,
    regularisation: f64,
    tolerance: f64,
    iterations: usize,
}

/// Marginal error at which iterations stop, unless told otherwise: the value is then good to about its square.
const TOLERANCE: f64 = 1e-6;
/// Iterations, unless told otherwise.
const ITERATIONS: usize = 10_000;

/// Largest cost over ε: 2⁵².
const SHARPEST: f64 = 4_503_599_627_370_496.0;

impl Sinkhorn {
    /// For the cost ‖x − y‖^p with `order` p ≥ 1 and `regularisation` ε. Stops at a marginal error of 1e−6, or after 10⁴ iterations.
    ///
    /// # Errors
    /// p is NaN, infinite or below 1; ε is not positive and finite.
    ///
    /// ```
    /// assert!(onestep::transport::Sinkhorn::new(2.0, 0.0).is_err());
    /// ```
    pub fn new(order: f64, regularisation: f64) -> Result<Self, TransportError> {
        check_range("regularisation", regularisation, regularisation > 0.0 && regularisation.is_finite(), "(0, inf)")?;
        Ok(Self { order: Order::new(order)?, regularisation, tolerance: TOLERANCE, iterations: ITERATIONS })
    }

    /// Stops at this marginal error, in (0, 1]; another one is refused by [`solve`](Self::solve) and [`divergence`](Self::divergence).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::transport::Sinkhorn;
    /// let (x, y) = (array![[0.0], [1.0]], array![[2.0]]);
    /// let sinkhorn = Sinkhorn::new(2.0, 1.0)?;
    /// assert!(sinkhorn.tolerance(1e-9).solve(&x, &y)?.marginal_error <= 1e-9);
    /// assert!(sinkhorn.tolerance(f64::NAN).solve(&x, &y).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// The largest number of iterations, over all values of ε together.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::transport::{Sinkhorn, TransportError};
    /// let (x, y) = (array![[0.0], [1.0], [3.0]], array![[0.5], [2.0], [7.0]]);
    /// let stopped = Sinkhorn::new(2.0, 1e-3).unwrap().iterations(3).solve(&x, &y);
    /// // The error carries bounds on W_2 = √((0.25 + 1 + 16)/3) that hold all the same.
    /// let Err(TransportError::NotConverged { lower, upper, .. }) = stopped else { panic!("3 iterations are not enough") };
    /// let w2 = (17.25_f64 / 3.0).sqrt();
    /// assert!(lower <= w2 && w2 <= upper * (1.0 + 1e-14));
    /// ```
    #[must_use]
    pub fn iterations(self, iterations: usize) -> Self {
        Self { iterations, ..self }
    }

    /// ε.
    ///
    /// ```
    /// assert_eq!(onestep::transport::Sinkhorn::new(2.0, 0.25).unwrap().regularisation(), 0.25);
    /// ```
    #[must_use]
    pub fn regularisation(&self) -> f64 {
        self.regularisation
    }

    /// The order p.
    ///
    /// ```
    /// assert_eq!(onestep::transport::Sinkhorn::new(2.0, 0.25).unwrap().order(), 2.0);
    /// ```
    #[must_use]
    pub fn order(&self) -> f64 {
        self.order.value()
    }

    /// Entropic transport between two clouds, weighted or not.
    ///
    /// # Errors
    /// A cloud is empty or holds NaN or ∞; the clouds differ in dimension; weights that are not one a row, nonnegative, finite and of sum one
    /// (within [`weight_tolerance`](crate::error::weight_tolerance)); a tolerance outside (0, 1]; costs that overflow, all underflow, or
    /// exceed 2⁵² ε; [`TransportError::NotConverged`] at the cap, with certified bounds on W_p and the marginal error inside.
    ///
    /// # Accuracy
    /// `entropic` is off by about ε times the square of the marginal error. The kernel of the iterations is in single precision down to a
    /// marginal error of 5e−7 and in double precision below; what is returned, the marginal error and the bounds included, is computed in
    /// double precision. 12 n m bytes, 16 n m for tolerances below 1e−6; one pass over n m numbers an iteration.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::transport::{Measure, Sinkhorn};
    /// let s = Sinkhorn::new(1.0, 0.1)?.solve(&array![[0.0, 0.0]], &array![[3.0, 4.0]])?;
    /// assert!((s.cost - 5.0).abs() < 1e-14 && s.lower <= 5.0 && 5.0 <= s.upper && s.upper - s.lower < 1e-11);
    /// let (x, y) = (array![[0.0], [1.0]], array![[0.0]]);
    /// let s = Sinkhorn::new(1.0, 0.1)?.solve(Measure::weighted(&x, &[0.75, 0.25]), &y)?;
    /// assert!((s.cost - 0.25).abs() < 1e-12); // only one plan exists
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn solve<'a, 'b, F: Float>(
        &self,
        x: impl Into<Measure<'a, F>>,
        y: impl Into<Measure<'b, F>>,
    ) -> Result<SinkhornSolution, TransportError> {
        let (x, y) = (x.into(), y.into());
        let [a, b] = check::measures(x, y)?;
        self.run(Problem::new(self.order, &x.points(), a, &y.points(), b)?)
    }

    /// The Sinkhorn divergence S_ε = OT_ε(μ, ν) − (OT_ε(μ, μ) + OT_ε(ν, ν))/2 between two clouds, weighted or not.
    ///
    /// It is nonnegative for p = 1 and 2, 0 only for equal measures, close to W_p^p for small ε and to a kernel distance for large ε. For
    /// smooth densities S_ε − W_2² = O(ε²). Its sampling error is n^{−1/2} with constants that grow as ε falls.
    ///
    /// # Errors
    /// As [`solve`](Self::solve).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::transport::{Measure, Sinkhorn};
    /// // A translation costs ‖z‖² whatever ε: the entropic parts cancel.
    /// let x = array![[0.0], [1.0], [3.0]];
    /// let sinkhorn = Sinkhorn::new(2.0, 0.5)?.tolerance(1e-12);
    /// assert!((sinkhorn.divergence(&x, &(&x + 2.0))?.value - 4.0).abs() < 1e-6);
    /// // A point of twice the weight is the same as the point twice.
    /// let y = array![[2.0], [4.0], [5.0]];
    /// let twice = sinkhorn.divergence(&array![[0.0], [1.0], [1.0]], &y)?;
    /// let weighted = sinkhorn.divergence(Measure::weighted(&array![[0.0], [1.0]], &[1.0 / 3.0, 2.0 / 3.0]), &y)?;
    /// assert!((twice.value - weighted.value).abs() < 1e-10);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    ///
    /// # References
    /// Feydy et al., AISTATS 2019, arXiv 1810.08278; Genevay et al., AISTATS 2019, arXiv 1810.02733; Chizat et al., NeurIPS 2020,
    /// arXiv 2006.08172.
    pub fn divergence<'a, 'b, F: Float>(
        &self,
        x: impl Into<Measure<'a, F>>,
        y: impl Into<Measure<'b, F>>,
    ) -> Result<SinkhornDivergence, TransportError> {
        let (x, y) = (x.into(), y.into());
        let [a, b] = check::measures(x, y)?;
        let (x, y) = (x.points(), y.points());
        let cross = self.run(Problem::new(self.order, &x, a.clone(), &y, b.clone())?)?;
        let first = self.run(Problem::to_itself(self.order, &x, a)?)?;
        let second = self.run(Problem::to_itself(self.order, &y, b)?)?;
        let parts = [&cross, &first, &second];
        Ok(SinkhornDivergence {
            value: cross.entropic - 0.5 * (first.entropic + second.entropic),
            cross: cross.entropic,
            first: first.entropic,
            second: second.entropic,
            marginal_error: parts.iter().map(|p| p.marginal_error).fold(0.0, f64::max),
            iterations: parts.iter().map(|p| p.iterations).sum(),
        })
    }

    fn run(&self, mut problem: Problem) -> Result<SinkhornSolution, TransportError> {
        check_range("tolerance", self.tolerance, self.tolerance > 0.0 && self.tolerance <= 1.0, "(0, 1]")?;
        // Below this the exponents of the kernel are rounding errors.
        let largest = problem.regularisation;
        check_range(
            "regularisation",
            self.regularisation,
            largest / self.regularisation <= SHARPEST,
            "[2e-16 times the largest cost, inf)",
        )?;
        let (converged, solution) = problem.solve(self.order, self.regularisation, self.tolerance, self.iterations);
        let SinkhornSolution { iterations, lower, upper, marginal_error, cost, entropic, .. } = solution;
        if ![lower, upper, marginal_error, cost, entropic].iter().all(|v| v.is_finite()) {
            let upper = self.order.root_above(largest);
            return Err(TransportError::NotConverged { iterations, lower: 0.0, upper, residual: marginal_error });
        }
        if converged {
            return Ok(solution);
        }
        Err(TransportError::NotConverged { iterations, lower, upper, residual: marginal_error })
    }
}
