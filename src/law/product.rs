//! Products: independent blocks of coordinates.

use crate::error::{check_range, check_some};
use crate::float::Float;
use crate::law::{LawError, LogDensity, Moments, Posterior, Sample};
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::score::ScoreFunction;
use crate::space::{Family, Space, inherent_dim, inherent_family};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, Axis, Slice};
use rand::RngCore;

/// Independent blocks of coordinates, one for each factor.
///
/// Score, flow map and, since f_1 = id, the consistency functions of a product act block by block; so `Product` wraps targets, scores,
/// flow maps and consistency functions alike. W_2² adds over the blocks.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{FlowMap, NoiseLevel};
/// use onestep::law::{LineMixture, Product};
/// let line = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.3, 0.3])?;
/// let target = Product::copies(line.clone(), 2)?;
/// let (noise, data) = (NoiseLevel::NOISE, NoiseLevel::DATA);
/// let one = line.flow(noise, data, &array![[0.4]])[[0, 0]];
/// assert_eq!(target.flow(noise, data, &array![[0.4, -0.4]])[[0, 0]], one);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Product<T> {
    factors: Vec<T>,
}

/// Copies of a factor, at most.
const MOST_COPIES: usize = 1 << 20;

impl<T> Product<T> {
    /// The product of `factors`, in the order of their coordinates.
    ///
    /// # Errors
    /// An empty list.
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::{LineMixture, Product};
    /// let target = Product::new(vec![LineMixture::gaussian(1.0, 1.0)?, LineMixture::gaussian(2.0, 0.0)?])?;
    /// assert_eq!(target.second_moment(), 6.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(factors: Vec<T>) -> Result<Self, LawError> {
        check_some("factors", &factors)?;
        Ok(Self { factors })
    }

    /// `copies` independent copies of one factor.
    ///
    /// # Errors
    /// `copies` is 0.
    ///
    /// ```
    /// use onestep::Sample;
    /// use onestep::law::{LineMixture, Product};
    /// assert_eq!(Product::copies(LineMixture::gaussian(0.0, 1.0)?, 7)?.dim(), 7);
    /// assert!(Product::copies(LineMixture::gaussian(0.0, 1.0)?, 0).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn copies(factor: T, copies: usize) -> Result<Self, LawError>
    where
        T: Clone,
    {
        check_range("copies", copies, (1..=MOST_COPIES).contains(&copies), "[1, 1048576]")?;
        Self::new(vec![factor; copies])
    }

    /// The factors.
    ///
    /// ```
    /// use onestep::law::{LineMixture, Product};
    /// assert_eq!(Product::copies(LineMixture::gaussian(0.0, 1.0)?, 7)?.factors().len(), 7);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn factors(&self) -> &[T] {
        &self.factors
    }

    /// Each factor with the slice of the columns that are its own.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (&T, Slice)>
    where
        T: Space,
    {
        self.factors.iter().scan(0, |start, factor| {
            let from = *start;
            *start += factor.dim();
            Some((factor, Slice::from(from..*start)))
        })
    }
}

impl<T: Space> Space for Product<T> {
    fn dim(&self) -> usize {
        self.factors.iter().map(Space::dim).sum()
    }
}

impl<T: Family> Family for Product<T> {
    fn steps(&self) -> usize {
        self.factors.iter().map(Family::steps).min().unwrap_or(0)
    }

    fn holds(&self, t: usize) -> bool {
        self.factors.iter().all(|f| f.holds(t))
    }
}

inherent_dim!([T: Space] Product<T>);
inherent_family!([T: Family] Product<T>);

impl<T: Sample> Sample for Product<T> {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        let dim = self.dim();
        assert_eq!(out.ncols(), dim, "sample: out has {} columns, the target dimension {dim}", out.ncols());
        for (factor, columns) in self.blocks() {
            factor.sample_into(rng, &mut out.slice_axis_mut(Axis(1), columns));
        }
    }
}

impl<T: LogDensity> LogDensity for Product<T> {
    fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>) {
        let dim = self.dim();
        assert_eq!(x.dim(), (out.len(), dim), "log_density: x has shape {:?}, out length {}", x.dim(), out.len());
        out.fill(0.0);
        for (factor, columns) in self.blocks() {
            let own = factor.log_density(level, &x.slice_axis(Axis(1), columns));
            // One factor off its support (−∞) empties the product, whatever the others are.
            out.zip_mut_with(&own, |total, &l| {
                *total = if *total == f64::NEG_INFINITY || l == f64::NEG_INFINITY { f64::NEG_INFINITY } else { *total + l }
            });
        }
    }
}

impl<T: Posterior> Posterior for Product<T> {
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        assert_shapes("denoise", self.dim(), x, out);
        for (factor, columns) in self.blocks() {
            factor.denoise_into(level, &x.slice_axis(Axis(1), columns), &mut out.slice_axis_mut(Axis(1), columns));
        }
    }

    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
        let dim = self.dim();
        assert_eq!(x.len(), dim, "posterior_covariance: x has length {}, the target dimension {dim}", x.len());
        let mut out = Array2::zeros((dim, dim));
        for (factor, block) in self.blocks() {
            let own = factor.posterior_covariance(level, &x.slice_axis(Axis(0), block));
            out.slice_axis_mut(Axis(0), block).slice_axis_mut(Axis(1), block).assign(&own);
        }
        out
    }
}

impl<T: Moments> Moments for Product<T> {
    fn mean(&self) -> Array1<f64> {
        self.factors.iter().flat_map(|f| f.mean().to_vec()).collect()
    }

    fn second_moment(&self) -> f64 {
        self.factors.iter().map(Moments::second_moment).sum()
    }
}

impl<F: Float, T: ScoreFunction<F>> ScoreFunction<F> for Product<T> {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score", self.dim(), x, out);
        for (factor, columns) in self.blocks() {
            factor.score_into(level, &x.slice_axis(Axis(1), columns), &mut out.slice_axis_mut(Axis(1), columns));
        }
    }
}
