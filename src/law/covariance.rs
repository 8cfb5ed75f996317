//! Covariance matrices held by their spectrum.

use crate::error::{Empty, EntryOutOfRange, OutOfRange, check_entries, check_equal, check_range, check_some};
use crate::float::Float;
use crate::law::LawError;
use crate::numeric::dense::eigen::{Eigen, Unsolved, symmetric};
use crate::numeric::extremes::largest;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayRef2, aview1};

/// A symmetric positive semi-definite matrix Σ, held so that every function g(Σ) is cheap.
///
/// The noisy marginals of a Gaussian have the covariances cos²θ Σ + sin²θ I, and every map the theory needs (score, denoiser, flow,
/// consistency function) is a function of Σ applied to a vector. So Σ is held by its distinct eigenvalues, and, where they are not the
/// coordinate axes, by its eigenvectors. An isotropic or diagonal Σ takes no d × d storage.
///
/// # Units
/// Entries and eigenvalues are variances.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::law::Covariance;
/// let sigma = Covariance::full(&array![[2.0, 1.0], [1.0, 2.0]])?;
/// assert!((sigma.trace() - 4.0).abs() < 1e-14);
/// assert!((sigma.largest() - 3.0).abs() < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Covariance {
    dim: usize,
    /// The eigenvalue of each eigenspace.
    values: Vec<f64>,
    basis: Basis,
}

/// The eigenspaces that belong to `Covariance::values`.
#[derive(Debug, Clone, PartialEq)]
enum Basis {
    /// One eigenvalue, the whole space.
    Isotropic,
    /// One eigenvalue for each coordinate axis.
    Diagonal,
    /// One eigenvalue for each row, the rows being orthonormal; where they are fewer than d, a last one for their complement.
    Spectral(Array2<f64>),
}

/// Largest dimension, as for the other laws.
const MOST_DIM: usize = 100_000_000;
/// Eigenvalues may be negative by this much, relative to the largest, before a matrix is refused; they are then set to 0.
const NEGATIVE: f64 = 1e-10;
/// Entries of a symmetric matrix may differ from their mirrors by this much, relative to the largest entry.
const ASYMMETRY: f64 = 1e-12;
/// Entries of QᵀQ − I may be this large before Q is refused.
pub(crate) const ORTHOGONALITY: f64 = 1e-10;
/// Variances are floored here where a density divides by them, so that a degenerate law acts as the limit of narrow ones.
pub(crate) const TINY_VARIANCE: f64 = 1e-280;

/// Largest entry of |Q Qᵀ − I| over the rows of Q; NaN where Q holds one.
pub(crate) fn orthonormality_gap(rows: &ArrayRef2<f64>) -> f64 {
    let gram = rows.dot(&rows.t());
    largest(gram.indexed_iter().map(|((i, j), g)| (g - f64::from(u8::from(i == j))).abs()))
}

fn check_dim(dim: usize) -> Result<(), LawError> {
    check_range("dim", dim, (1..=MOST_DIM).contains(&dim), "[1, 100000000]")?;
    Ok(())
}

fn check_variances(name: &'static str, values: &[f64]) -> Result<(), LawError> {
    Ok(check_entries(name, values, |v| v >= 0.0 && v.is_finite(), "[0, inf)")?)
}

impl Covariance {
    /// `variance` · I on ℝ^`dim`, no d × d storage.
    ///
    /// # Errors
    /// `dim` is 0 or above 10⁸, or the variance is negative or not finite.
    ///
    /// ```
    /// use onestep::law::Covariance;
    /// assert_eq!(Covariance::isotropic(10_000, 2.0)?.trace(), 20_000.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn isotropic(dim: usize, variance: f64) -> Result<Self, LawError> {
        check_dim(dim)?;
        check_range("variance", variance, variance >= 0.0 && variance.is_finite(), "[0, inf)")?;
        Ok(Self { dim, values: vec![variance], basis: Basis::Isotropic })
    }

    /// The diagonal matrix of `variances`, no d × d storage.
    ///
    /// # Errors
    /// An empty list, or a variance that is negative or not finite.
    ///
    /// ```
    /// use onestep::law::Covariance;
    /// assert_eq!(Covariance::diagonal(&[1.0, 4.0])?.largest(), 4.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn diagonal(variances: &[f64]) -> Result<Self, LawError> {
        check_some("variances", variances)?;
        check_variances("variances", variances)?;
        let dim = variances.len();
        if variances.iter().all(|v| *v == variances[0]) {
            return Self::isotropic(dim, variances[0]);
        }
        Ok(Self { dim, values: variances.to_vec(), basis: Basis::Diagonal })
    }

    /// A full symmetric matrix, by its eigendecomposition. Eigenvalues negative by rounding (to 1e−10 of the largest) count as 0.
    ///
    /// # Errors
    /// An empty or non-square matrix, an entry that is not finite, a matrix that is not symmetric (to 1e−12 of its largest entry) or has a
    /// negative eigenvalue.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::law::Covariance;
    /// assert!(Covariance::full(&array![[1.0, 2.0], [2.0, 1.0]]).is_err()); // eigenvalue −1
    /// assert!(Covariance::full(&array![[1.0, 2.0], [0.0, 1.0]]).is_err()); // not symmetric
    /// ```
    pub fn full(matrix: &ArrayRef2<f64>) -> Result<Self, LawError> {
        let name = "covariance";
        let (rows, dim) = matrix.dim();
        if rows == 0 {
            return Err(Empty { name }.into());
        }
        check_equal("rows of covariance", rows, "columns of covariance", dim)?;
        if let Some((index, &value)) = matrix.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(EntryOutOfRange { name, index: index + 1, value: value.into(), range: "(-inf, inf)" }.into());
        }
        let size = largest(matrix.iter().map(|v| v.abs()));
        let gap = largest(matrix.indexed_iter().map(|((i, j), v)| (v - matrix[[j, i]]).abs()));
        if !(gap <= ASYMMETRY * size) {
            return Err(LawError::NotSymmetric { name, gap });
        }
        let mean: Vec<f64> = (0..dim * dim).map(|e| f64::midpoint(matrix[[e / dim, e % dim]], matrix[[e % dim, e / dim]])).collect();
        let Eigen { mut values, vectors, .. } =
            symmetric(&mean, dim).map_err(|Unsolved { residual }| LawError::NotSolved { name, residual })?;
        check_entries("eigenvalues of covariance", &values, f64::is_finite, "the range of f64")?;
        let (most, least) = (values[0], values[dim - 1]);
        if !(least >= -NEGATIVE * most) {
            return Err(LawError::NotPositive { name, eigenvalue: least, largest: most });
        }
        let rounding = dim as f64 * f64::EPSILON * most;
        values.iter_mut().filter(|v| **v <= rounding).for_each(|v| *v = 0.0);
        check_variances("eigenvalues of covariance", &values)?;
        Ok(Self { dim, values, basis: Basis::Spectral(vectors) })
    }

    /// Q diag(`eigenvalues`) Qᵀ: the columns of `rotation` are the eigenvectors.
    ///
    /// # Errors
    /// An empty list, unequal sizes, an eigenvalue that is negative or not finite, a matrix that is not orthogonal (to 1e−10).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::law::Covariance;
    /// let quarter_turn = array![[0.0, -1.0], [1.0, 0.0]];
    /// let sigma = Covariance::spectrum(&[1.0, 4.0], &quarter_turn)?;
    /// assert_eq!(sigma.to_matrix(), array![[4.0, 0.0], [0.0, 1.0]]);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn spectrum(eigenvalues: &[f64], rotation: &ArrayRef2<f64>) -> Result<Self, LawError> {
        check_some("eigenvalues", eigenvalues)?;
        check_equal("eigenvalues", eigenvalues.len(), "rows of rotation", rotation.nrows())?;
        Self::low_rank(eigenvalues, &rotation.t(), 0.0)
    }

    /// `rest` · I on the orthogonal complement of the r rows of `directions`, and `eigenvalues[i]` along row i:
    /// a low-rank covariance plus an isotropic one, with r × d storage.
    ///
    /// # Errors
    /// Unequal numbers of eigenvalues and rows, more rows than columns, values that are negative or not finite, rows that are not
    /// orthonormal (to 1e−10).
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::law::Covariance;
    /// let sigma = Covariance::low_rank(&[9.0], &array![[0.6, 0.8, 0.0]], 1.0)?;
    /// assert!((sigma.trace() - 11.0).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn low_rank(eigenvalues: &[f64], directions: &ArrayRef2<f64>, rest: f64) -> Result<Self, LawError> {
        let (rank, dim) = directions.dim();
        check_dim(dim)?;
        check_equal("eigenvalues", eigenvalues.len(), "directions", rank)?;
        if rank > dim {
            return Err(OutOfRange { name: "rows of directions", value: rank.into(), range: "[0, columns of directions]" }.into());
        }
        check_variances("eigenvalues", eigenvalues)?;
        check_variances("rest", &[rest])?;
        let gap = orthonormality_gap(directions);
        if !(gap <= ORTHOGONALITY) {
            return Err(LawError::NotOrthogonal { name: "directions", gap });
        }
        let mut values = eigenvalues.to_vec();
        if rank < dim {
            values.push(rest);
        }
        Ok(Self { dim, values, basis: Basis::Spectral(directions.to_owned()) })
    }

    /// The dimension d.
    ///
    /// ```
    /// assert_eq!(onestep::law::Covariance::isotropic(3, 1.0).unwrap().dim(), 3);
    /// ```
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The eigenvalues with their multiplicities; the multiplicities add up to d.
    ///
    /// ```
    /// let sigma = onestep::law::Covariance::isotropic(3, 2.0).unwrap();
    /// assert_eq!(sigma.eigenvalues().collect::<Vec<_>>(), [(2.0, 3)]);
    /// ```
    pub fn eigenvalues(&self) -> impl Iterator<Item = (f64, usize)> + '_ {
        self.values.iter().enumerate().map(|(i, &v)| (v, self.multiplicity(i)))
    }

    fn multiplicity(&self, slot: usize) -> usize {
        match &self.basis {
            Basis::Isotropic => self.dim,
            Basis::Spectral(rows) if slot == rows.nrows() => self.dim - rows.nrows(),
            Basis::Diagonal | Basis::Spectral(_) => 1,
        }
    }

    /// tr Σ.
    ///
    /// ```
    /// assert_eq!(onestep::law::Covariance::diagonal(&[1.0, 2.0]).unwrap().trace(), 3.0);
    /// ```
    #[must_use]
    pub fn trace(&self) -> f64 {
        self.eigenvalues().map(|(v, n)| v * n as f64).sum()
    }

    /// The largest eigenvalue.
    ///
    /// ```
    /// assert_eq!(onestep::law::Covariance::diagonal(&[1.0, 2.0]).unwrap().largest(), 2.0);
    /// ```
    #[must_use]
    pub fn largest(&self) -> f64 {
        largest(self.values.iter().copied())
    }

    /// The d × d matrix Σ.
    ///
    /// ```
    /// use ndarray::array;
    /// let sigma = array![[2.0, -1.0], [-1.0, 3.0]];
    /// let again = onestep::law::Covariance::full(&sigma)?.to_matrix();
    /// assert!((sigma - again).iter().all(|e| e.abs() < 1e-14));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn to_matrix(&self) -> Array2<f64> {
        self.function(|v| v)
    }

    /// The d × d matrix g(Σ).
    pub(crate) fn function(&self, g: impl Fn(f64) -> f64) -> Array2<f64> {
        let mut out = Array2::zeros((self.dim, self.dim));
        self.apply(&self.map(g), &Array2::eye(self.dim), &mut out);
        out
    }

    /// g of every distinct eigenvalue: the coefficients that [`apply`](Self::apply) takes.
    pub(crate) fn map(&self, g: impl Fn(f64) -> f64) -> Vec<f64> {
        self.values.iter().map(|&v| g(v)).collect()
    }

    /// Whether Σ is a multiple of the identity.
    pub(crate) fn is_isotropic(&self) -> bool {
        matches!(self.basis, Basis::Isotropic)
    }

    /// Writes g(Σ) x for every row x, g given by its values on the distinct eigenvalues.
    pub(crate) fn apply<F: Float>(&self, g: &[f64], x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        match &self.basis {
            Basis::Isotropic => {
                let g = F::of(g[0]);
                out.zip_mut_with(x, |o, &x| *o = g * x);
            }
            Basis::Diagonal => {
                let g: Vec<F> = g.iter().map(|&g| F::of(g)).collect();
                for (mut o, x) in out.rows_mut().into_iter().zip(x.rows()) {
                    o.iter_mut().zip(x).zip(&g).for_each(|((o, &x), &g)| *o = g * x);
                }
            }
            Basis::Spectral(rows) => {
                let rank = rows.nrows();
                let vectors = rows.mapv(F::of);
                let rest = if rank < self.dim { g[rank] } else { 0.0 };
                let mut coordinates = x.dot(&vectors.t());
                for (mut column, &g) in coordinates.columns_mut().into_iter().zip(g) {
                    let gain = F::of(g - rest);
                    column.mapv_inplace(|c| gain * c);
                }
                if rest == 0.0 {
                    general_mat_mul(F::one(), &coordinates, &vectors, F::zero(), out);
                } else {
                    out.assign(x);
                    general_mat_mul(F::one(), &coordinates, &vectors, F::of(rest), out);
                }
            }
        }
    }

    /// Σ_i g_i |component of x in eigenspace i|² for every row x; the components are squared one by one, so that nothing cancels.
    pub(crate) fn quadratic<F: Float>(&self, g: &[f64], x: &ArrayRef2<F>) -> Vec<f64> {
        let square = |x: &F| x.as_f64() * x.as_f64();
        match &self.basis {
            Basis::Isotropic => x.rows().into_iter().map(|x| g[0] * x.iter().map(square).sum::<f64>()).collect(),
            Basis::Diagonal => x.rows().into_iter().map(|x| x.iter().zip(g).map(|(x, g)| g * square(x)).sum()).collect(),
            Basis::Spectral(rows) => {
                let rank = rows.nrows();
                let vectors = rows.mapv(F::of);
                let coordinates = x.dot(&vectors.t());
                let along = coordinates.rows().into_iter().map(|c| c.iter().zip(g).map(|(c, g)| g * square(c)).sum::<f64>());
                if rank == self.dim {
                    return along.collect();
                }
                let mut remainder = x.to_owned();
                general_mat_mul(-F::one(), &coordinates, &vectors, F::one(), &mut remainder);
                along.zip(remainder.rows()).map(|(a, r)| a + g[rank] * r.iter().map(square).sum::<f64>()).collect()
            }
        }
    }

    /// Squared length of the component of `x` in the eigenspace of each distinct eigenvalue.
    pub(crate) fn squared_projections(&self, x: &[f64]) -> Vec<f64> {
        match &self.basis {
            Basis::Isotropic => vec![x.iter().map(|x| x * x).sum()],
            Basis::Diagonal => x.iter().map(|x| x * x).collect(),
            Basis::Spectral(rows) => {
                let coordinates: Vec<f64> = rows.rows().into_iter().map(|row| row.iter().zip(x).map(|(r, x)| r * x).sum()).collect();
                let rest = (rows.nrows() < self.dim).then(|| {
                    let along = |j: usize| rows.column(j).iter().zip(&coordinates).map(|(r, c)| r * c).sum::<f64>();
                    x.iter().enumerate().map(|(j, x)| (x - along(j)).powi(2)).sum()
                });
                coordinates.iter().map(|c| c * c).chain(rest).collect()
            }
        }
    }

    /// Σ_i multiplicity · g(λ_i).
    pub(crate) fn sum(&self, g: impl Fn(f64) -> f64) -> f64 {
        self.eigenvalues().map(|(v, n)| n as f64 * g(v)).sum()
    }
}

/// Writes x − `centre` for every row.
pub(crate) fn centred<F: Float>(x: &ArrayRef2<F>, centre: &[F]) -> Array2<F> {
    let mut out = x.to_owned();
    out -= &aview1(centre);
    out
}
