//! Richardson extrapolation of a family in the number of steps.

use crate::consistency::{ConsistencyError, ConsistencyFunction, assert_evaluable};
use crate::error::check_equal;
use crate::float::Float;
use crate::space::{Family, Space, inherent_dim, inherent_family};
use ndarray::ArrayRef2;

/// The family 2 f^{(2N)} − f^{(N)} of a family on a grid of N steps and one on its [bisection](crate::Grid::bisect), of 2N steps.
///
/// Halving every interval in the angle halves the leading term of the error: where f^{(N)} − Φ = c/N + O(1/N²), the combination has error
/// O(1/N²). This holds on every grid that is bisected; it does not hold for a schedule whose shape moves with T, taken at T and at 2T. The
/// levels are those of the coarse grid: its level t is level 2t − 1 of the bisection, and f_1 stays the identity.
///
/// The combination need not be increasing on the line, nor ordered convexly: what the theory says of population optima it does not say of this.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::consistency::Extrapolated;
/// use onestep::law::Gaussian;
/// use onestep::population::GaussianRecursion;
/// use onestep::schedule::UniformAngle;
/// use onestep::{ConsistencyFunction, VarianceSchedule};
/// // N(0, 1), where the exact map is the identity.
/// let (law, grid) = (Gaussian::standard(1)?, UniformAngle::new(101, 0.01, 1.57)?.grid()?);
/// let coarse = GaussianRecursion::new(&law, &grid).run()?.consistency().clone();
/// let fine = GaussianRecursion::new(&law, &grid.bisect()).run()?.consistency().clone();
/// let both = Extrapolated::new(&coarse, &fine)?;
/// let x = array![[1.0]];
/// let error = |f: &dyn ConsistencyFunction| (f.eval(f.steps(), &x)[[0, 0]] - 1.0).abs();
/// assert!(error(&coarse) > 1e-2 && error(&both) < 1e-4);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Richardson and Gaunt, "The deferred approach to the limit", Phil. Trans. A 226 (1927).
#[derive(Debug, Clone, PartialEq)]
pub struct Extrapolated<C, D = C> {
    coarse: C,
    fine: D,
}

impl<C: Family, D: Family> Extrapolated<C, D> {
    /// From the family on a grid and that on its bisection.
    ///
    /// # Errors
    /// Different dimensions, or numbers of levels that are not T and 2T − 1.
    ///
    /// ```
    /// use onestep::consistency::{ConsistencyFn, Extrapolated};
    /// let of = |steps: usize| ConsistencyFn::new(1, steps, |_, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    /// assert!(Extrapolated::new(of(5), of(9)).is_ok());
    /// assert!(Extrapolated::new(of(5), of(10)).is_err());
    /// ```
    pub fn new(coarse: C, fine: D) -> Result<Self, ConsistencyError> {
        check_equal("dimension of the coarse family", coarse.dim(), "dimension of the fine family", fine.dim())?;
        check_equal(
            "intervals of the fine family",
            fine.steps().saturating_sub(1),
            "twice those of the coarse one",
            twice(coarse.steps()),
        )?;
        Ok(Self { coarse, fine })
    }
}

/// Twice the intervals between `steps` levels.
fn twice(steps: usize) -> usize {
    steps.saturating_sub(1).saturating_mul(2)
}

impl<C: Family, D: Family> Space for Extrapolated<C, D> {
    fn dim(&self) -> usize {
        self.coarse.dim()
    }
}

impl<C: Family, D: Family> Family for Extrapolated<C, D> {
    fn steps(&self) -> usize {
        self.coarse.steps()
    }

    fn holds(&self, t: usize) -> bool {
        self.coarse.holds(t) && self.fine.holds(1 + twice(t))
    }
}

inherent_dim!([C: Family, D: Family] Extrapolated<C, D>);
inherent_family!([C: Family, D: Family] Extrapolated<C, D>);

impl<F: Float, C: ConsistencyFunction<F>, D: ConsistencyFunction<F>> ConsistencyFunction<F> for Extrapolated<C, D> {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        if t == 1 {
            out.assign(x);
            return;
        }
        self.fine.eval_into(1 + twice(t), x, out);
        let coarse = self.coarse.eval(t, x);
        // f + (f − g) rather than 2f − g: where both agree, so does this.
        out.zip_mut_with(&coarse, |f, &g| *f = *f + (*f - g));
    }
}
