//! Couplings of data and noise.

use crate::delegate::delegate;
use crate::error::check_range;
use crate::estimate::Estimate;
use crate::float::Float;
use crate::law::Moments;
use crate::training::error::TrainingError;
use crate::transport::Assignment;
use ndarray::{Array2, ArrayRef2};
use rand::RngCore;

/// Pairs the rows of a batch of data with the rows of a batch of noise of the same size.
///
/// Consistency training takes X_0 and Z independent. Any other coupling with the same marginals leaves the laws of the ends alone and
/// changes the path between them: pairs that lie close by make the posterior of X_0 given X_t narrower.
///
/// # Example
/// A coupling on the line that pairs equal ranks is the optimal one.
/// ```
/// use ndarray::{ArrayRef2, array};
/// use onestep::training::{Coupling, TrainingError};
/// #[derive(Debug)]
/// struct Ranks;
/// impl Coupling<f64> for Ranks {
///     fn pair(&self, data: &ArrayRef2<f64>, noise: &ArrayRef2<f64>) -> Result<Option<Vec<usize>>, TrainingError> {
///         let order = |c: &ArrayRef2<f64>| {
///             let mut rows: Vec<usize> = (0..c.nrows()).collect();
///             rows.sort_by(|&a, &b| c[[a, 0]].total_cmp(&c[[b, 0]]));
///             rows
///         };
///         let mut partner = vec![0; data.nrows()];
///         order(data).into_iter().zip(order(noise)).for_each(|(i, j)| partner[i] = j);
///         Ok(Some(partner))
///     }
/// }
/// let pairs = Ranks.pair(&array![[3.0], [1.0]], &array![[-1.0], [2.0]])?;
/// assert_eq!(pairs, Some(vec![1, 0]));
/// # Ok::<(), onestep::Error>(())
/// ```
pub trait Coupling<F: Float = f64>: std::fmt::Debug + Send + Sync {
    /// The row of `noise` that goes with each row of `data`, a permutation; `None` for the order they came in.
    ///
    /// # Errors
    /// The coupling cannot be computed.
    fn pair(&self, data: &ArrayRef2<F>, noise: &ArrayRef2<F>) -> Result<Option<Vec<usize>>, TrainingError>;

    /// Rows coupled at once; the batch of a step is cut into pieces of this size. `None` for all.
    fn batch(&self) -> Option<usize> {
        None
    }
}

delegate! {
    impl[F: Float,] Coupling<F> {
        fn pair(&self, data: &ArrayRef2<F>, noise: &ArrayRef2<F>) -> Result<Option<Vec<usize>>, TrainingError>;
        fn batch(&self) -> Option<usize>;
    }
}

/// X_0 and Z independent, as the theory has them.
///
/// ```
/// use ndarray::array;
/// use onestep::training::{Coupling, Independent};
/// assert_eq!(Independent.pair(&array![[0.0]], &array![[1.0]])?, None);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Independent;

impl<F: Float> Coupling<F> for Independent {
    fn pair(&self, _data: &ArrayRef2<F>, _noise: &ArrayRef2<F>) -> Result<Option<Vec<usize>>, TrainingError> {
        Ok(None)
    }
}

/// The pairing of least total ‖x − z‖² within minibatches, by exact assignment.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::training::{Coupling, OptimalPairs};
/// let (x, z) = (array![[0.0], [5.0], [9.0]], array![[8.0], [-1.0], [4.0]]);
/// assert_eq!(OptimalPairs::new(3)?.pair(&x, &z)?, Some(vec![1, 2, 0]));
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Pooladian, Ben-Hamu, Domingo-Enrich, Amos, Lipman and Chen, "Multisample flow matching", ICML 2023, arXiv 2304.14772.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptimalPairs {
    batch: usize,
}

impl OptimalPairs {
    /// Assignment within batches of `batch` ≥ 1 rows; 1 is the independent coupling.
    ///
    /// # Errors
    /// `batch` = 0.
    ///
    /// ```
    /// assert!(onestep::training::OptimalPairs::new(0).is_err());
    /// ```
    pub fn new(batch: usize) -> Result<Self, TrainingError> {
        Ok(Self { batch: check_range("batch", batch, batch > 0, "[1, inf)")? })
    }
}

impl<F: Float> Coupling<F> for OptimalPairs {
    fn pair(&self, data: &ArrayRef2<F>, noise: &ArrayRef2<F>) -> Result<Option<Vec<usize>>, TrainingError> {
        Ok(Some(Assignment::new(2.0)?.solve(data, noise)?.permutation))
    }

    fn batch(&self) -> Option<usize> {
        Some(self.batch)
    }
}

/// Rows that are coupled at once where a coupling names no number.
const ROWS: usize = 256;
/// Numbers of one batch, at most.
const MOST_NUMBERS: usize = 1 << 27;

/// The correlation ρ = E⟨X_0 − E X_0, Z⟩/√(d E‖X_0 − E X_0‖²) of data and noise that a coupling makes, measured on `batches` fresh batches: 0 for
/// the independent coupling.
///
/// The pairs are not jointly Gaussian, so this is an *effective* correlation. It is all that the affine class sees: for N(0, λI) consistency
/// training with that class loses what [`CoupledGaussian`](crate::population::CoupledGaussian) with this ρ says. For pairs of least total
/// distance in batches of B rows it grows with B and falls with d, like the distance of B points to their neighbours.
///
/// # Errors
/// Fewer than two batches, a batch of more than 2²⁷ numbers, a law without spread, or a coupling that fails.
///
/// # Example
/// ```
/// use onestep::law::Gaussian;
/// use onestep::training::{Independent, OptimalPairs, effective_correlation};
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let law = Gaussian::standard(2)?;
/// let none = effective_correlation(&Independent, &law, 20, &mut rng)?;
/// assert!(none.value.abs() < 5.0 * none.std_error);
/// let paired = effective_correlation(&OptimalPairs::new(64)?, &law, 20, &mut rng)?;
/// assert!(paired.value > 0.8 && paired.value < 1.0);
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn effective_correlation(
    coupling: &dyn Coupling,
    law: &dyn Moments,
    batches: usize,
    rng: &mut dyn RngCore,
) -> Result<Estimate, TrainingError> {
    check_range("batches", batches, batches > 1, "[2, inf)")?;
    let (rows, dim) = (coupling.batch().unwrap_or(ROWS), law.dim());
    let numbers = rows.saturating_mul(dim);
    check_range("numbers of a batch", numbers, (1..=MOST_NUMBERS).contains(&numbers), "[1, 134217728]")?;
    let mean = law.mean();
    let spread = law.second_moment() - mean.dot(&mean);
    check_range("variance of the law", spread, spread > 0.0 && spread.is_finite(), "(0, inf)")?;
    let scale = rows as f64 * (spread * dim as f64).sqrt();
    let mut found = Vec::with_capacity(batches);
    for _ in 0..batches {
        let data = law.sample(rows, rng);
        let noise = Array2::from_shape_simple_fn((rows, dim), || f64::standard_normal(rng));
        let partner = coupling.pair(&data, &noise)?;
        let product = |i: usize| {
            let z = noise.row(partner.as_ref().map_or(i, |p| p[i]));
            data.row(i).iter().zip(&mean).zip(z).map(|((x, m), z)| (x - m) * z).sum::<f64>()
        };
        found.push((0..rows).map(product).sum::<f64>() / scale);
    }
    Ok(Estimate::from_samples(&found))
}
