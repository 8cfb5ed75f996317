//! Weighted least squares with an unpenalised and a penalised block of features: the one solver behind every linear class.
//!
//! The problem is
//! ```math
//! \min_{A, B}\; \sum_i w_i \lVert u_i A + \varphi_i B - y_i \rVert^2 + \lambda \lVert B \rVert^2 , \qquad \sum_i w_i = 1 ,
//! ```
//! with free features u (a constant, the coordinates) and shrunk features φ (waves, kernels). By the theorem of Frisch, Waugh and Lovell,
//! B solves the ridge problem of the residuals of φ and y after their own regression on u, and A follows from B. Without φ the normal
//! equations of u are solved by Cholesky after scaling the columns to unit length, with one step of iterative refinement on the residual.
//! With φ, one symmetric eigendecomposition of the residual Gram matrix gives the solution for every λ at once.

use crate::error::check_range;
use crate::numeric::dense::cholesky::Factor;
use crate::numeric::dense::eigen::{Unsolved, symmetric};
use crate::numeric::parallel;
use crate::training::error::TrainingError;
use crate::training::features::tables::Tables;
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, ArrayView2, Axis, Zip};

/// How the ridge penalty λ ‖B‖² is chosen.
///
/// λ multiplies the squared coefficients of features of unit order, beside a loss whose weights sum to one.
///
/// # References
/// Generalised cross-validation: Golub, Heath and Wahba (1979), Technometrics 21, 215–223. The closed form of leave-one-out residuals,
/// r_i/(1 − h_i) with leverage h_i: Allen (1974), Technometrics 16, 125–127.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Penalty {
    /// λ itself, positive.
    Fixed(f64),
    /// λ by generalised cross-validation: on a logarithmic grid, the largest λ whose score RSS/(1 − trace/n)² is within 1/n of the least.
    GeneralisedCrossValidation,
    /// λ by the exact leave-one-out error, in the same way.
    LeaveOneOut,
}

impl Penalty {
    /// Refuses a fixed λ that is not positive and finite.
    pub(crate) fn check(self) -> Result<(), TrainingError> {
        if let Self::Fixed(l) = self {
            check_range("penalty", l, l > 0.0 && l.is_finite(), "(0, inf)")?;
        }
        Ok(())
    }
}

/// The grid of λ relative to the largest eigenvalue: half decades from 1e−8 to 10. Below, coefficients of opposite sign grow so large that
/// the function means nothing between and beyond the data, which a recursion that feeds on its own values does not survive.
const GRID_DECADES: (f64, f64) = (-8.0, 1.0);
const GRID_POINTS: usize = 19;

/// Normal equations whose scaled pivots (squared) fall below this are singular to working accuracy: 2^−52 times a modest dimension.
const SINGULAR: f64 = 1e-13;

/// One regression in features.
pub(crate) struct Problem<'a> {
    pub(crate) class: &'static str,
    /// n × a, unpenalised.
    pub(crate) free: ArrayView2<'a, f64>,
    /// n × b, penalised; b may be 0.
    pub(crate) shrunk: ArrayView2<'a, f64>,
    /// n × q.
    pub(crate) y: ArrayView2<'a, f64>,
    /// Length n, sum one.
    pub(crate) weights: Array1<f64>,
}

/// The coefficients and what the choice of λ rested on.
#[derive(Debug, Clone)]
pub(crate) struct Solution {
    /// (a + b) × q: free coefficients above shrunk ones.
    pub(crate) coefficients: Array2<f64>,
    pub(crate) loss: f64,
    /// Trace of the smoother.
    pub(crate) effective_parameters: f64,
    pub(crate) penalty: f64,
    /// RSS/(1 − trace/n)², or the leave-one-out error where that was asked for.
    pub(crate) score: f64,
}

/// Eigenvectors that do not give a matrix of this class back.
pub(crate) fn unsolved(class: &'static str, Unsolved { residual }: Unsolved) -> TrainingError {
    TrainingError::NotSolved { class, residual }
}

/// aᵀ b, summed over fixed blocks of rows in a fixed order.
fn transposed_product(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> Array2<f64> {
    const ROWS: usize = 2048;
    let blocks: Vec<_> = a.axis_chunks_iter(Axis(0), ROWS).zip(b.axis_chunks_iter(Axis(0), ROWS)).collect();
    let parts = parallel::map_items(blocks, |(a, b)| a.t().dot(&b));
    parts.into_iter().fold(Array2::zeros((a.ncols(), b.ncols())), |sum, part| sum + part)
}

/// The Cholesky factor of a Gram matrix with its columns scaled to unit length.
struct ScaledCholesky {
    factor: Factor,
    scale: Vec<f64>,
}

impl ScaledCholesky {
    fn new(gram: &ArrayRef2<f64>, class: &'static str, rows: usize) -> Result<Self, TrainingError> {
        let unknowns = gram.nrows();
        let singular = |reciprocal_condition| TrainingError::Singular { class, rows, unknowns, reciprocal_condition };
        let scale: Vec<f64> = gram.diag().iter().map(|d| d.sqrt()).collect();
        if scale.iter().any(|s| !(*s > 0.0 && s.is_finite())) {
            return Err(singular(0.0));
        }
        let scaled = Array2::from_shape_fn(gram.dim(), |(i, j)| gram[[i, j]] / (scale[i] * scale[j]));
        let factor = Factor::new(&scaled).ok_or_else(|| singular(0.0))?;
        let (least, most) = factor.diagonal().fold((f64::INFINITY, 0.0), |(a, b): (f64, f64), v| (a.min(v), b.max(v)));
        let reciprocal_condition = (least / most).powi(2);
        if reciprocal_condition > SINGULAR { Ok(Self { factor, scale }) } else { Err(singular(reciprocal_condition)) }
    }

    fn solve(&self, right: &ArrayRef2<f64>) -> Array2<f64> {
        let scale = Array1::from(self.scale.clone()).insert_axis(Axis(1));
        self.factor.solve(&(right.to_owned() / &scale)) / scale
    }

    /// u L^{−ᵀ}: rows whose squared lengths are the leverages of u.
    fn whiten(&self, u: &ArrayRef2<f64>) -> Array2<f64> {
        self.factor.whiten(&(u.to_owned() / &Array1::from(self.scale.clone())))
    }
}

/// Least squares of every column of `y` on `u`, with one step of refinement.
fn regress(factor: &ScaledCholesky, u: &ArrayRef2<f64>, y: &ArrayRef2<f64>) -> Array2<f64> {
    let mut solution = factor.solve(&transposed_product(u, y));
    let mut residual = u.dot(&solution);
    residual.zip_mut_with(y, |r, y| *r = y - *r);
    solution += &factor.solve(&transposed_product(u, &residual));
    solution
}

impl Problem<'_> {
    /// Solves the problem; `penalty` matters only where there are shrunk features.
    pub(crate) fn solve(&self, penalty: Penalty) -> Result<Solution, TrainingError> {
        let root = self.weights.mapv(f64::sqrt).insert_axis(Axis(1));
        let (u, y) = (&self.free * &root, &self.y * &root);
        let rows = self.weights.iter().filter(|w| **w > 0.0).count();
        let factor = ScaledCholesky::new(&transposed_product(&u, &u), self.class, rows)?;
        if rows < u.ncols() {
            return Err(TrainingError::TooFewRows { what: "x", rows, needed: u.ncols() });
        }
        if self.shrunk.ncols() == 0 {
            let coefficients = regress(&factor, &u, &y);
            return Ok(self.solution(coefficients, u.ncols() as f64, 0.0, None));
        }
        let features = &self.shrunk * &root;
        let on_features = regress(&factor, &u, &features);
        let on_y = regress(&factor, &u, &y);
        let ridge = Ridge::new(features - u.dot(&on_features), y - u.dot(&on_y), rows, u.ncols());
        let (shrunk, trace, lambda, score) = match penalty {
            Penalty::Fixed(l) => ridge.fixed(l, self.class)?,
            Penalty::GeneralisedCrossValidation => ridge.choose(None, self.class)?,
            Penalty::LeaveOneOut => ridge.choose(Some(&factor.whiten(&u).map_axis(Axis(1), |r| r.dot(&r))), self.class)?,
        };
        let free = on_y - on_features.dot(&shrunk);
        let mut coefficients = Array2::zeros((free.nrows() + shrunk.nrows(), free.ncols()));
        let (mut above, mut below) = coefficients.view_mut().split_at(Axis(0), free.nrows());
        above.assign(&free);
        below.assign(&shrunk);
        Ok(self.solution(coefficients, trace, lambda, score))
    }

    fn solution(&self, coefficients: Array2<f64>, trace: f64, penalty: f64, score: Option<f64>) -> Solution {
        let (free, shrunk) = coefficients.view().split_at(Axis(0), self.free.ncols());
        let mut fit = self.free.dot(&free);
        if self.shrunk.ncols() > 0 {
            fit += &self.shrunk.dot(&shrunk);
        }
        let loss = weighted_loss(&fit, &self.y, &self.weights);
        let rows = self.weights.iter().filter(|w| **w > 0.0).count() as f64;
        let score = score.unwrap_or_else(|| loss / (1.0 - trace / rows).max(f64::EPSILON).powi(2));
        Solution { coefficients, loss, effective_parameters: trace, penalty, score }
    }
}

/// A ridge problem whose unpenalised part has been projected out; rows carry √w.
struct Ridge {
    features: Array2<f64>,
    y: Array2<f64>,
    gram: Array2<f64>,
    moment: Array2<f64>,
    rows: f64,
    free: f64,
}

/// Coefficients, trace of the smoother, λ, and the score where it is not plain generalised cross-validation.
type Choice = (Array2<f64>, f64, f64, Option<f64>);

impl Ridge {
    fn new(features: Array2<f64>, y: Array2<f64>, rows: usize, free: usize) -> Self {
        let gram = transposed_product(&features, &features);
        let moment = transposed_product(&features, &y);
        Self { features, y, gram, moment, rows: rows as f64, free: free as f64 }
    }

    fn fixed(&self, lambda: f64, class: &'static str) -> Result<Choice, TrainingError> {
        let n = self.gram.nrows();
        let shifted = &self.gram + &(Array2::<f64>::eye(n) * lambda);
        let singular = || TrainingError::Singular { class, rows: self.rows as usize, unknowns: n, reciprocal_condition: 0.0 };
        let factor = Factor::new(&shifted).ok_or_else(singular)?;
        let trace = self.free + n as f64 - lambda * factor.trace_of_inverse();
        Ok((factor.solve(&self.moment), trace, lambda, None))
    }

    /// The best λ of the grid, by leave-one-out where the leverages of the free part are given, else by generalised cross-validation.
    fn choose(&self, leverage: Option<&Array1<f64>>, class: &'static str) -> Result<Choice, TrainingError> {
        let n = self.gram.nrows();
        let gram: Vec<f64> = self.gram.indexed_iter().map(|((i, j), v)| f64::midpoint(*v, self.gram[[j, i]])).collect();
        let eigen = symmetric(&gram, n).map_err(|e| unsolved(class, e))?;
        let values: Vec<f64> = eigen.values.iter().map(|v| v.max(0.0)).collect();
        let vectors = eigen.vectors.t();
        let rotated = vectors.t().dot(&self.moment);
        let power = rotated.map_axis(Axis(1), |r| r.dot(&r));
        let total: f64 = self.y.iter().map(|v| v * v).sum();
        let largest = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let scores = leverage.map(|_| self.features.dot(&vectors));
        let coefficients = |lambda: f64| {
            let shrink = Array1::from_iter(values.iter().map(|v| 1.0 / (v + lambda))).insert_axis(Axis(1));
            vectors.dot(&(&rotated * &shrink))
        };
        let trace = |lambda: f64| self.free + values.iter().map(|v| v / (v + lambda)).sum::<f64>();
        let score = |lambda: f64| {
            if let (Some(features), Some(free)) = (&scores, leverage) {
                let residual = &self.y - &self.features.dot(&coefficients(lambda));
                let shrink: Vec<f64> = values.iter().map(|v| 1.0 / (v + lambda)).collect();
                Zip::from(residual.rows()).and(features.rows()).and(free).fold(0.0, |sum, r, f, h| {
                    let h = h + f.iter().zip(&shrink).map(|(f, s)| f * f * s).sum::<f64>();
                    sum + r.dot(&r) / (1.0 - h).max(f64::EPSILON).powi(2)
                })
            } else {
                let explained: f64 = values.iter().zip(&power).map(|(v, p)| p * (v + 2.0 * lambda) / (v + lambda).powi(2)).sum();
                (total - explained).max(0.0) / (1.0 - trace(lambda) / self.rows).max(f64::EPSILON).powi(2)
            }
        };
        let exponents = (0..GRID_POINTS).map(|i| GRID_DECADES.0 + (GRID_DECADES.1 - GRID_DECADES.0) * i as f64 / (GRID_POINTS - 1) as f64);
        let candidates = exponents.map(|e| largest * 10f64.powf(e)).filter(|l| trace(*l) < self.rows);
        let scored: Vec<(f64, f64)> = candidates.map(|l| (l, score(l))).collect();
        let least = scored.iter().map(|s| s.1).fold(f64::INFINITY, f64::min);
        // Scores differ by chance: the smoothest fit within 1/n of the best is taken.
        let smooth = scored.into_iter().rev().find(|s| s.1 <= least * (1.0 + 1.0 / self.rows));
        let (lambda, best) = smooth.unwrap_or((10.0 * largest, f64::INFINITY));
        Ok((coefficients(lambda), trace(lambda), lambda, Some(best)))
    }
}

/// The least-squares affine map of standardised inputs: A (p × q) and b.
pub(crate) fn affine_part(x: &ArrayRef2<f64>, tables: &Tables) -> Result<(Array2<f64>, Array1<f64>), TrainingError> {
    let mut free = Array2::ones((x.nrows(), x.ncols() + 1));
    free.view_mut().split_at(Axis(1), 1).1.assign(x);
    let shrunk = Array2::zeros((x.nrows(), 0));
    let problem =
        Problem { class: "affine", free: free.view(), shrunk: shrunk.view(), y: tables.y.view(), weights: tables.weights.clone() };
    let coefficients = problem.solve(Penalty::LeaveOneOut)?.coefficients;
    let (offset, linear) = coefficients.view().split_at(Axis(0), 1);
    Ok((linear.to_owned(), offset.row(0).to_owned()))
}

/// Σ w_i ‖fit_i − y_i‖² with weights that sum to one.
pub(crate) fn weighted_loss(fit: &ArrayRef2<f64>, y: &ArrayRef2<f64>, weights: &ArrayRef1<f64>) -> f64 {
    Zip::from(fit.rows())
        .and(y.rows())
        .and(weights)
        .fold(0.0, |sum, f, y, w| sum + w * f.iter().zip(y).map(|(f, y)| (f - y) * (f - y)).sum::<f64>())
}
