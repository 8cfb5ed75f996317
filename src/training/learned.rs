//! The family of consistency functions that the recursion returns.

use crate::consistency::{ConsistencyFunction, assert_evaluable};
use crate::float::Float;
use crate::schedule::Grid;
use crate::space::{Family, Space, inherent_dim, inherent_family};
use crate::training::fitted::Fitted;
use crate::training::hull::Hull;
use crate::training::pairs::noise;
use crate::training::standardisation::Standardisation;
use ndarray::{Array2, ArrayRef2};
use rand::RngCore;
use std::fmt;

/// What a progress callback is told after each step.
///
/// ```
/// # use onestep::Grid;
/// # use onestep::training::Recursion;
/// # use onestep::training::class::Affine;
/// # use rand::SeedableRng;
/// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
/// let learned = Recursion::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, 64).train(&data, &Affine::new(), &mut rng)?;
/// let record = learned.records()[0];
/// assert!(record.loss > 0.0 && record.loss < record.target_second_moment);
/// assert!(record.to_string().starts_with("step 2 of 3: loss"));
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StepProgress {
    /// The step t that was finished, 2..=T.
    pub step: usize,
    /// T.
    pub steps: usize,
    /// The training loss of the step: the mean of ‖f_t(X_t) − target‖² over its rows.
    pub loss: f64,
    /// The mean of ‖target‖² over the rows of the step.
    pub target_second_moment: f64,
    /// Effective number of parameters an output coordinate.
    pub effective_parameters: f64,
}

impl fmt::Display for StepProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, steps, loss, target_second_moment, effective_parameters } = self;
        write!(f, "step {step} of {steps}: loss {loss:.4e} of a second moment {target_second_moment:.4e}, ")?;
        write!(f, "{effective_parameters:.1} effective parameters")
    }
}

/// A trained family f_1, …, f_T. It acts on the scaled space; [`sample`](Self::sample) returns points on the scale of the data.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(bound(serialize = "F: serde::Serialize", deserialize = "F: serde::Deserialize<'de>")))]
pub struct Learned<F: Float = f64> {
    pub(crate) grid: Grid,
    pub(crate) class: String,
    pub(crate) residual: bool,
    /// The box the values of f_2, …, f_T are confined to.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub(crate) hull: Option<Hull>,
    pub(crate) standardisation: Standardisation,
    /// Map of step t at position t − 2.
    pub(crate) maps: Vec<Fitted<F>>,
    pub(crate) records: Vec<StepProgress>,
}

impl<F: Float> Learned<F> {
    /// The levels the family was trained on.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::Recursion;
    /// # use onestep::training::class::Affine;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let learned = Recursion::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, 64).train(&data, &Affine::new(), &mut rng)?;
    /// assert!((learned.grid().last().angle() - 1.5).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The name of the function class.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::Recursion;
    /// # use onestep::training::class::Affine;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let learned = Recursion::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, 64).train(&data, &Affine::new(), &mut rng)?;
    /// assert_eq!(learned.class(), "affine");
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn class(&self) -> &str {
        &self.class
    }

    /// The scaling between the data and the space the family acts on.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::Recursion;
    /// # use onestep::training::class::Affine;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let learned = Recursion::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, 64).train(&data, &Affine::new(), &mut rng)?;
    /// assert!(learned.standardisation().standardise(&data).sum().abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn standardisation(&self) -> &Standardisation {
        &self.standardisation
    }

    /// The ends, low and high, of the box that values of f_2, …, f_T are confined to, on the scale the family acts on; `None` unless
    /// [`Recursion::clip`](crate::training::Recursion::clip) was asked for.
    ///
    /// See there for an example.
    #[must_use]
    pub fn clipped_to(&self) -> Option<(&[f64], &[f64])> {
        self.hull.as_ref().map(|hull| (hull.low.as_slice(), hull.high.as_slice()))
    }

    /// What each step reported, t = 2..=T.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::Recursion;
    /// # use onestep::training::class::Affine;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let learned = Recursion::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, 64).train(&data, &Affine::new(), &mut rng)?;
    /// assert_eq!(learned.records().iter().map(|r| r.step).collect::<Vec<_>>(), [2, 3]);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn records(&self) -> &[StepProgress] {
        &self.records
    }

    /// Whether the maps are corrections f_t − f_{t−1}.
    pub(crate) fn is_residual(&self) -> bool {
        self.residual
    }

    /// The map fitted at step t: f_t itself, or its correction in the residual form. `None` for t = 1 and beyond T.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::Recursion;
    /// # use onestep::training::class::Affine;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// # let data = ndarray::array![[0.0_f64], [1.0], [2.0], [3.0]];
    /// let learned = Recursion::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, 64).train(&data, &Affine::new(), &mut rng)?;
    /// assert!(learned.map(1).is_none());
    /// assert!(learned.map(3).unwrap().summary().method.contains("Cholesky"));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn map(&self, t: usize) -> Option<&Fitted<F>> {
        t.checked_sub(2).and_then(|i| self.maps.get(i))
    }

    /// `n` one-step samples f_T(Z), Z ~ N(0, I), on the scale of the data. One evaluation each.
    ///
    /// ```
    /// # use onestep::Grid;
    /// # use onestep::training::Recursion;
    /// # use onestep::training::class::Affine;
    /// # use rand::SeedableRng;
    /// # let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let data = ndarray::array![[10.0_f64], [11.0], [12.0], [13.0]];
    /// let learned = Recursion::new(Grid::from_angles(&[0.1, 0.8, 1.5])?, 4096).train(&data, &Affine::new(), &mut rng)?;
    /// let mean = learned.sample(4000, &mut rng).mean().unwrap();
    /// assert!((mean - 11.5).abs() < 0.2); // the mean is kept by the recursion
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn sample(&self, n: usize, rng: &mut dyn RngCore) -> Array2<F> {
        self.standardisation.restore(&self.eval(self.steps(), &noise(n, self.dim(), rng)))
    }
}

impl<F: Float> Space for Learned<F> {
    fn dim(&self) -> usize {
        self.standardisation.dim()
    }
}

impl<F: Float> Family for Learned<F> {
    fn steps(&self) -> usize {
        self.grid.steps()
    }

    fn holds(&self, t: usize) -> bool {
        (1..=self.maps.len() + 1).contains(&t)
    }
}

inherent_dim!([F: Float] Learned<F>);
inherent_family!([F: Float] Learned<F>);

impl<F: Float> ConsistencyFunction<F> for Learned<F> {
    fn eval_into(&self, t: usize, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_evaluable(self, t, x, out);
        if t == 1 {
            out.assign(x);
        } else if self.residual {
            out.assign(x);
            let mut part = Array2::zeros(x.raw_dim());
            for map in &self.maps[..t - 1] {
                map.eval_into(x, &mut part);
                out.zip_mut_with(&part, |o, p| *o += *p);
            }
        } else {
            self.maps[t - 2].eval_into(x, out);
        }
        if let (2.., Some(hull)) = (t, &self.hull) {
            hull.confine(out);
        }
    }
}
