//! Where training data come from.

use crate::float::Float;
use crate::law::Sample;
use crate::numeric::stream::distinct_indices;
use crate::training::error::TrainingError;
use crate::training::standardisation::{Scaling, Standardisation};
use ndarray::{Array2, ArrayRef2, Axis};
use rand::{Rng, RngCore};

/// Where training data come from.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::training::Source;
/// use onestep::law::Gaussian;
/// let data = array![[0.0, 1.0], [2.0, 3.0]];
/// assert_eq!(Source::from(&data).dim(), 2);
/// assert_eq!(Source::<f32>::from(&Gaussian::standard(3)?).dim(), 3);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Source<'a, F: Float = f64> {
    /// A table of samples, one a row. A batch takes each row equally often (up to one), the rest at random without repetition.
    Rows(&'a ArrayRef2<F>),
    /// A law that is sampled anew for every batch.
    Law(&'a dyn Sample),
}

impl<'a, F: Float> From<&'a ArrayRef2<F>> for Source<'a, F> {
    fn from(rows: &'a ArrayRef2<F>) -> Self {
        Self::Rows(rows)
    }
}

impl<'a, F: Float> From<&'a Array2<F>> for Source<'a, F> {
    fn from(rows: &'a Array2<F>) -> Self {
        Self::Rows(rows)
    }
}

impl<'a, F: Float, L: Sample> From<&'a L> for Source<'a, F> {
    fn from(law: &'a L) -> Self {
        Self::Law(law)
    }
}

impl<'a, F: Float> From<&'a dyn Sample> for Source<'a, F> {
    fn from(law: &'a dyn Sample) -> Self {
        Self::Law(law)
    }
}

impl<'a, F: Float> Source<'a, F> {
    /// A law, sampled anew for every batch. `From<&law>` does the same; this form says which of the two a type is that is both.
    ///
    /// ```
    /// use onestep::law::Gaussian;
    /// use onestep::training::Source;
    /// let law = Gaussian::standard(2)?;
    /// assert!(matches!(Source::<f64>::law(&law), Source::Law(_)));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn law(law: &'a dyn Sample) -> Self {
        Self::Law(law)
    }

    /// The dimension d.
    ///
    /// ```
    /// assert_eq!(onestep::training::Source::Rows(&ndarray::array![[0.0_f32], [1.0]]).dim(), 1);
    /// ```
    #[must_use]
    pub fn dim(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.ncols(),
            Self::Law(law) => law.dim(),
        }
    }

    /// `n` independent draws: rows of a table with replacement.
    pub(crate) fn draw_some(&self, n: usize, rng: &mut dyn RngCore) -> Array2<F> {
        match self {
            Self::Law(_) => self.draw(n, rng),
            Self::Rows(rows) => {
                let chosen: Vec<usize> = (0..n).map(|_| rng.random_range(0..rows.nrows())).collect();
                rows.select(Axis(0), &chosen)
            }
        }
    }

    /// `n` samples.
    pub(crate) fn draw(&self, n: usize, rng: &mut dyn RngCore) -> Array2<F> {
        match self {
            Self::Law(law) => law.sample(n, rng).mapv(F::of),
            Self::Rows(rows) => {
                let mut order = Vec::with_capacity(n);
                while order.len() < n {
                    order.extend(distinct_indices(rows.nrows(), rows.nrows().min(n - order.len()), rng));
                }
                rows.select(Axis(0), &order)
            }
        }
    }

    /// The data as training uses them: a table scaled, a law as it is, since its scale is known to whoever wrote it down.
    pub(crate) fn prepare(self, scaling: Scaling) -> Result<(Prepared<'a, F>, Standardisation), TrainingError> {
        match self {
            Self::Rows(rows) => {
                let standardisation = Standardisation::new(rows, scaling)?;
                Ok((Prepared::Table(standardisation.standardise(rows)), standardisation))
            }
            Self::Law(law) if law.dim() == 0 => Err(TrainingError::NoColumns { what: "the law" }),
            Self::Law(law) => Ok((Prepared::Law(self), Standardisation::identity(law.dim()))),
        }
    }
}

/// Scaled data, or a law as it is.
pub(crate) enum Prepared<'a, F: Float> {
    Table(Array2<F>),
    Law(Source<'a, F>),
}

impl<F: Float> Prepared<'_, F> {
    pub(crate) fn source(&self) -> Source<'_, F> {
        match self {
            Self::Table(table) => Source::Rows(table),
            Self::Law(law) => *law,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::stream::Stream;

    #[test]
    fn rows_of_a_batch_come_equally_often() {
        let rows = Array2::from_shape_fn((4, 1), |(i, _)| i as f64);
        let count = |drawn: &Array2<f64>| -> Vec<usize> { (0..4).map(|k| drawn.iter().filter(|v| **v == f64::from(k)).count()).collect() };
        for n in [3, 4, 10, 13] {
            let counts = count(&Source::Rows(&rows).draw(n, &mut Stream::nth(6, n as u64)));
            assert!(counts.iter().sum::<usize>() == n && counts.iter().all(|c| (n / 4..=n.div_ceil(4)).contains(c)), "{counts:?}");
        }
        // With replacement: 4000 draws, five standard deviations of a binomial count.
        let counts = count(&Source::Rows(&rows).draw_some(4000, &mut Stream::nth(6, 99)));
        assert!(counts.iter().all(|c| (*c as f64 - 1000.0).abs() < 5.0 * 750f64.sqrt()), "{counts:?}");
    }
}
