//! Raw networks behind the preconditioning of EDM.

use crate::consistency::{ConsistencyError, ConsistencyFunction, assert_evaluable};
use crate::error::check_range;
use crate::float::Float;
use crate::path::{GaussianPath, Path};
use crate::schedule::Grid;
use crate::space::{Family, Space, inherent_dim, inherent_family};
use ndarray::{ArrayRef2, Zip};

/// A raw network F behind the preconditioning of consistency models, as a consistency function of this crate:
///
/// ```text
/// f(x, σ) = c_skip x + c_out F(c_in x, σ),
/// c_skip = σ_d²/((σ − σ_min)² + σ_d²),   c_out = σ_d (σ − σ_min)/√(σ² + σ_d²),   c_in = 1/√(σ² + σ_d²),
/// ```
///
/// on points x = X_0 + σZ, with σ_min that of the first level: only with it **in both** c_skip and c_out is f_1 = id.
///
/// The network is a closure on a batch, `network(σ, inputs, out)`, its inputs already scaled by c_in. Most networks take ln(σ)/4 for their
/// time; what they take is up to the closure.
///
/// # Units
/// σ_d is the standard deviation of the data, .5 in the published networks.
///
/// # Example
/// ```
/// use ndarray::{ArrayRef2, array};
/// use onestep::ConsistencyFunction;
/// use onestep::VarianceSchedule;
/// use onestep::consistency::Preconditioned;
/// use onestep::schedule::Karras;
/// let grid = Karras::new(18)?.grid()?;
/// let network = |_sigma: f64, input: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| out.assign(&input.mapv(f64::tanh));
/// let f = Preconditioned::new(&grid, 1, 0.5, network)?;
/// let (x, sigma, d) = (40.0, 80.0_f64, 0.5);
/// let (skip, out) = (d * d / ((sigma - 0.002).powi(2) + d * d), d * (sigma - 0.002) / sigma.hypot(d));
/// let edm = skip * x + out * (x / sigma.hypot(d)).tanh();
/// let value = f.eval(18, &array![[x * grid.last().cos()]])[[0, 0]];
/// assert!((value - edm * grid.level(1).cos()).abs() < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Karras et al. 2022, table 1, arXiv 2206.00364; Song et al., "Consistency models", 2023, appendix C, arXiv 2303.01469.
#[doc(alias = "EDM")]
#[derive(Clone)]
pub struct Preconditioned<N> {
    /// σ and 1/cos θ of every level.
    levels: Vec<(f64, f64)>,
    dim: usize,
    sigma_data: f64,
    network: N,
}

impl<N> std::fmt::Debug for Preconditioned<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { levels, dim, sigma_data, .. } = self;
        f.debug_struct("Preconditioned")
            .field("dim", dim)
            .field("steps", &levels.len())
            .field("sigma_data", sigma_data)
            .finish_non_exhaustive()
    }
}

impl<N> Preconditioned<N> {
    /// The raw `network` in dimension `dim` at the levels of `grid`.
    ///
    /// # Errors
    /// σ_data is not in \[1e−50, 1e50\], or a level of the grid has no finite σ.
    ///
    /// ```
    /// use ndarray::ArrayRef2;
    /// use onestep::Grid;
    /// use onestep::consistency::Preconditioned;
    /// let network = |_sigma: f64, input: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| out.assign(input);
    /// let grid = Grid::from_sigmas(&[0.002, 80.0])?;
    /// assert!(Preconditioned::new(&grid, 1, 0.0, network).is_err());
    /// assert_eq!(Preconditioned::new(&grid, 1, 0.5, network)?.steps(), 2);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new<F>(grid: &Grid, dim: usize, sigma_data: f64, network: N) -> Result<Self, ConsistencyError>
    where
        N: Fn(f64, &ArrayRef2<F>, &mut ArrayRef2<F>) + Send + Sync,
    {
        let sigma_data = check_range("sigma_data", sigma_data, (1e-50..=1e50).contains(&sigma_data), "[1e-50, 1e50]")?;
        let edm = |level| Path::edm().on(level).map(|place| (place.b(), place.scale()));
        let levels = grid.levels().iter().map(|&level| edm(level)).collect::<Result<_, _>>()?;
        Ok(Self { levels, dim, sigma_data, network })
    }
}

impl<N> Space for Preconditioned<N> {
    fn dim(&self) -> usize {
        self.dim
    }
}

impl<N> Family for Preconditioned<N> {
    fn steps(&self) -> usize {
        self.levels.len()
    }
}

inherent_dim!([N] Preconditioned<N>);
inherent_family!([N] Preconditioned<N>);

impl<F: Float, N: Fn(f64, &ArrayRef2<F>, &mut ArrayRef2<F>) + Send + Sync> ConsistencyFunction<F> for Preconditioned<N> {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        if t == 1 {
            out.assign(x);
            return;
        }
        let ((sigma_min, first), (sigma, scale)) = (self.levels[0], self.levels[t - 1]);
        let (d, over, length) = (self.sigma_data, sigma - sigma_min, sigma.hypot(self.sigma_data));
        let relative = over / d;
        // c_skip and c_out between points of the angle: times the scale of level t, over that of the first.
        let skip = F::of(scale / first / (1.0 + relative * relative));
        let network = F::of(d * (over / length) / first);
        let input = F::of(scale / length);
        (self.network)(sigma, &x.mapv(|x| x * input), out);
        Zip::from(out).and(x).for_each(|o, &x| *o = skip * x + network * *o);
    }
}
