//! Polynomials of bounded total degree.

use crate::float::Float;
use crate::training::check_range;
use crate::training::class::Penalty;
use crate::training::class::linear::{Basis, Tables, fit_basis, fitted};
use crate::training::{Fitted, FunctionClass, Regression, Standardisation, TrainingError};
use ndarray::{Array2, ArrayRef2, ArrayViewMut2};
use rand::RngCore;

/// The class of polynomials of total degree ≤ k in d variables: C(d + k, k) coefficients a coordinate.
///
/// **Minimiser**: the least-squares solution, found exactly by Cholesky factorisation of the normal equations in products of Hermite
/// polynomials He_j/√j! of the standardised coordinates (orthonormal under N(0, I), hence well conditioned on noisy data), refined once.
/// Polynomials of degree ≥ 2 grow in the tails, where there are no data: keep the degree low, and odd.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use onestep::FunctionClass;
/// use onestep::training::Regression;
/// use onestep::training::class::Polynomial;
/// use rand::SeedableRng;
/// let x = Array2::from_shape_fn((20, 1), |(i, _)| 0.1 * i as f64);
/// let y = x.mapv(|x| x.powi(3) - x);
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let cubic = Polynomial::new(3)?.fit(&Regression::new(&x, &y)?, &mut rng)?;
/// assert!(cubic.summary().loss < 1e-24);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polynomial {
    degree: usize,
}

/// Above this many coefficients a coordinate the normal equations are out of reach.
const MOST_TERMS: usize = 4000;

impl Polynomial {
    /// Polynomials of total degree at most `degree`, 1 to 12.
    ///
    /// # Errors
    /// The degree is outside 1..=12.
    ///
    /// ```
    /// assert!(onestep::training::class::Polynomial::new(0).is_err());
    /// ```
    pub fn new(degree: usize) -> Result<Self, TrainingError> {
        check_range("degree", degree as f64, (1..=12).contains(&degree), "[1, 12]")?;
        Ok(Self { degree })
    }
}

impl<F: Float> FunctionClass<F> for Polynomial {
    fn name(&self) -> &'static str {
        "polynomial"
    }

    fn fit(&self, data: &Regression<'_, F>, _rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError> {
        let tables = Tables::new(data);
        let terms = binomial(tables.x.ncols() + self.degree, self.degree);
        check_range("number of coefficients", terms, terms <= MOST_TERMS as f64, "[1, 4000]")?;
        let basis = Basis::Polynomial(PolynomialBasis::new(tables.standardisation()?, self.degree));
        let free = basis.len();
        let (model, solution) = fit_basis("polynomial", basis, free, &tables, Penalty::LeaveOneOut)?;
        Ok(fitted(
            model,
            &solution,
            "weighted least squares over polynomials of bounded total degree",
            "exact and global: Cholesky of the normal equations in Hermite products, refined once",
        ))
    }
}

fn binomial(n: usize, k: usize) -> f64 {
    (1..=k).map(|i| (n - k + i) as f64 / i as f64).product()
}

/// Products of normalised Hermite polynomials of the standardised coordinates.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct PolynomialBasis {
    standardisation: Standardisation,
    degree: usize,
    /// One row a feature: the degree in each coordinate.
    exponents: Vec<Vec<u8>>,
}

impl PolynomialBasis {
    fn new(standardisation: Standardisation, degree: usize) -> Self {
        let mut exponents = Vec::new();
        let mut current = vec![0; standardisation.mean.len()];
        enumerate(&mut current, 0, degree, &mut exponents);
        Self { standardisation, degree, exponents }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.standardisation.mean.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.exponents.len()
    }

    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let fits = |e: &Vec<u8>| e.len() == self.inputs() && e.iter().all(|k| usize::from(*k) <= self.degree);
        self.standardisation.is_sound() && (1..=12).contains(&self.degree) && self.exponents.iter().all(fits)
    }

    pub(crate) fn fill(&self, x: &ArrayRef2<f64>, mut out: ArrayViewMut2<'_, f64>) {
        let x = self.standardisation.standardise(x);
        let mut table = Array2::zeros((self.inputs(), self.degree + 1));
        for (point, mut features) in x.rows().into_iter().zip(out.rows_mut()) {
            for (&x, mut he) in point.iter().zip(table.rows_mut()) {
                (he[0], he[1]) = (1.0, x);
                for k in 1..self.degree {
                    // √(k+1) h_{k+1} = x h_k − √k h_{k−1} for h_k = He_k/√k!.
                    he[k + 1] = (x * he[k] - (k as f64).sqrt() * he[k - 1]) / (k as f64 + 1.0).sqrt();
                }
            }
            for (feature, exponents) in features.iter_mut().zip(&self.exponents) {
                *feature = exponents.iter().enumerate().map(|(j, &k)| table[[j, usize::from(k)]]).product();
            }
        }
    }
}

/// All exponents with sum at most `left` in the coordinates from `from` on.
fn enumerate(current: &mut Vec<u8>, from: usize, left: usize, all: &mut Vec<Vec<u8>>) {
    if from == current.len() {
        all.push(current.clone());
        return;
    }
    for k in 0..=left {
        current[from] = k as u8;
        enumerate(current, from + 1, left - k, all);
    }
    current[from] = 0;
}
