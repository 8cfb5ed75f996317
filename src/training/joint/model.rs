//! One network for all levels.

use crate::consistency::{ConsistencyFunction, assert_evaluable};
use crate::error::check_equal;
use crate::float::Float;
use crate::schedule::Grid;
use crate::space::{Family, Space, inherent_dim, inherent_family};
use crate::training::error::TrainingError;
use crate::training::hull::Hull;
use crate::training::network::layers::Network;
use crate::training::network::time::{TIME_FEATURES, time_features};
use crate::training::pairs::noise;
use crate::training::standardisation::Standardisation;
use ndarray::{Array2, ArrayRef2};
use rand::RngCore;

/// Everything a row at one level needs.
#[derive(Debug, Clone)]
pub(crate) struct LevelRow<F> {
    pub(crate) cos: F,
    pub(crate) sin: F,
    /// cos(θ − θ_1), the weight of x.
    pub(crate) skip: F,
    /// sin(θ − θ_1), the weight of the network.
    pub(crate) out: F,
    pub(crate) features: [F; TIME_FEATURES],
}

impl<F: Float> LevelRow<F> {
    /// The rows of all levels; that of step t at position t − 1.
    pub(crate) fn table(grid: &Grid) -> Vec<Self> {
        (1..=grid.steps()).map(|t| Self::at(grid, t)).collect()
    }

    /// The row of step t.
    fn at(grid: &Grid, t: usize) -> Self {
        let (first, level) = (grid.level(1), grid.level(t));
        let out = level.sin_from(first);
        let skip = level.cos() * first.cos() + level.sin() * first.sin();
        let (skip, out) = if level == first { (1.0, 0.0) } else { (skip, out) };
        Self {
            cos: F::of(level.cos()),
            sin: F::of(level.sin()),
            skip: F::of(skip),
            out: F::of(out),
            features: time_features(level.angle()),
        }
    }
}

/// A time-conditioned consistency function
/// ```math
/// f(x, \theta) = \cos(\theta - \theta_1)\, x + \sin(\theta - \theta_1)\, N(x, \sin k\theta, \cos k\theta),
/// ```
/// N a multilayer perceptron and k = 1, 2, 4, 8: f(x, θ_1) = x exactly, whatever the weights. It acts on the scaled space;
/// [`sample`](Self::sample) returns points on the scale of the data. Made by [`Joint`](crate::training::Joint).
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "F: serde::Serialize", deserialize = "F: serde::Deserialize<'de>")))]
pub struct JointModel<F: Float = f64> {
    pub(crate) grid: Grid,
    pub(crate) standardisation: Standardisation,
    pub(crate) network: Network<F>,
    /// Mean training loss over the last tenth of the iterations.
    pub(crate) loss: f64,
    /// The box the values of f_2, …, f_T are confined to.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub(crate) hull: Option<Hull>,
}

impl<F: Float> JointModel<F> {
    /// The levels of training.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let model: JointModel = Joint::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, &[8]).iterations(5).train(&data, &mut rng)?;
    /// assert_eq!(model.grid().steps(), 3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The scaling between the data and the space the function acts on.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let model: JointModel = Joint::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, &[8]).iterations(5).train(&data, &mut rng)?;
    /// assert!(model.standardisation().standardise(&data).sum().abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn standardisation(&self) -> &Standardisation {
        &self.standardisation
    }

    /// The mean training loss over the last tenth of the iterations.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let model: JointModel = Joint::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, &[8]).iterations(5).train(&data, &mut rng)?;
    /// assert!(model.loss() > 0.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// All weights and biases, layer after layer: weights (inputs × outputs, row-major), then biases.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let model: JointModel = Joint::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, &[7]).iterations(5).train(&data, &mut rng)?;
    /// assert_eq!(model.parameters().len(), (1 + 8 + 1) * 7 + (7 + 1) * 1);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn parameters(&self) -> &[F] {
        self.network.parameters()
    }

    /// The same function with other weights and biases.
    ///
    /// # Errors
    /// The wrong number of them.
    ///
    /// ```
    /// # use ndarray::array;
    /// # use onestep::{ConsistencyFunction, Grid};
    /// # use onestep::training::{Joint, JointModel};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let model: JointModel = Joint::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, &[7]).iterations(5).train(&data, &mut rng)?;
    /// let zero = model.with_parameters(&vec![0.0; model.parameters().len()])?;
    /// assert!((zero.eval(3, &array![[2.0]])[[0, 0]] - 2.0 * 1.4_f64.cos()).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn with_parameters(&self, parameters: &[F]) -> Result<Self, TrainingError> {
        let mut other = self.clone();
        let own = other.network.parameters_mut();
        check_equal("parameters given", parameters.len(), "parameters of the network", own.len())?;
        own.copy_from_slice(parameters);
        Ok(other)
    }

    /// `n` one-step samples f(Z, θ_T), Z ~ N(0, I), on the scale of the data.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::{Joint, JointModel};
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let model: JointModel = Joint::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, &[8]).iterations(5).train(&data, &mut rng)?;
    /// assert_eq!(model.sample(10, &mut rng).dim(), (10, 1));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn sample(&self, n: usize, rng: &mut dyn RngCore) -> Array2<F> {
        self.standardisation.restore(&self.eval(self.steps(), &noise(n, self.dim(), rng)))
    }
}

impl<F: Float> Space for JointModel<F> {
    fn dim(&self) -> usize {
        self.standardisation.dim()
    }
}

impl<F: Float> Family for JointModel<F> {
    fn steps(&self) -> usize {
        self.grid.steps()
    }
}

inherent_dim!([F: Float] JointModel<F>);
inherent_family!([F: Float] JointModel<F>);

impl<F: Float> ConsistencyFunction<F> for JointModel<F> {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        if t == 1 {
            out.assign(x);
            return;
        }
        let level = LevelRow::<F>::at(&self.grid, t);
        let dim = self.dim();
        self.network.eval_rows(
            x,
            out,
            |x, mut to| {
                to.iter_mut().zip(x.iter().chain(&level.features)).for_each(|(t, v)| *t = *v);
            },
            |x, _, value, mut to| {
                for j in 0..dim {
                    to[j] = level.skip * x[j] + level.out * value[j];
                }
            },
        );
        if let Some(hull) = &self.hull {
            hull.confine(out);
        }
    }
}
