//! Polynomials of bounded total degree.

use crate::error::check_range;
use crate::float::Float;
use crate::training::class::function_class::FunctionClass;
use crate::training::error::TrainingError;
use crate::training::features::basis::Basis;
use crate::training::features::least_squares::Penalty;
use crate::training::features::linear::fit_basis;
use crate::training::features::polynomial::PolynomialBasis;
use crate::training::fitted::Fitted;
use crate::training::regression::Regression;
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
/// let cubic = Polynomial::new(3).fit(&Regression::new(&x, &y)?, &mut rng)?;
/// assert!(cubic.summary().loss < 1e-24);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polynomial {
    degree: usize,
}

/// Above this many coefficients a coordinate the normal equations are out of reach.
const MOST_TERMS: f64 = 4000.0;

impl Polynomial {
    /// Polynomials of total degree at most `degree`; a fit refuses a degree outside 1..=12, and more than 4000 coefficients a coordinate.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::FunctionClass;
    /// use onestep::training::Regression;
    /// use onestep::training::class::Polynomial;
    /// use rand::SeedableRng;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0], [4.0]]);
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let data = Regression::new(&x, &y)?;
    /// assert!(Polynomial::new(0).fit(&data, &mut rng).is_err());
    /// assert!((Polynomial::new(2).fit(&data, &mut rng)?.eval(&array![[3.0]])[[0, 0]] - 9.0_f64).abs() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(degree: usize) -> Self {
        Self { degree }
    }
}

impl<F: Float> FunctionClass<F> for Polynomial {
    fn name(&self) -> &'static str {
        "polynomial"
    }

    fn fit(&self, data: &Regression<'_, F>, _rng: &mut dyn RngCore) -> Result<Fitted<F>, TrainingError> {
        check_range("degree", self.degree, (1..=12).contains(&self.degree), "[1, 12]")?;
        let tables = data.tables();
        let terms = binomial(tables.x.ncols() + self.degree, self.degree);
        check_range("number of coefficients", terms, terms <= MOST_TERMS, "[1, 4000]")?;
        let basis = Basis::Polynomial(PolynomialBasis::new(tables.standardisation()?, self.degree));
        let free = basis.len();
        Ok(Fitted::linear(
            fit_basis("polynomial", basis, free, &tables, Penalty::LeaveOneOut)?,
            "weighted least squares over polynomials of bounded total degree",
            "exact and global: Cholesky of the normal equations in Hermite products, refined once",
        ))
    }
}

fn binomial(n: usize, k: usize) -> f64 {
    (1..=k).map(|i| (n - k + i) as f64 / i as f64).product()
}
