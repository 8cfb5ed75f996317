//! Centred plug-in estimators of W_2².

use crate::estimate::Estimate;
use crate::float::Float;
use crate::transport::order::finite;
use crate::transport::{Assignment, Matching, TransportError, check};
use ndarray::ArrayRef2;
use std::fmt;

/// Estimates of W_2²(P, Q) from two pairs of samples, with the bias of the plug-in distance subtracted.
///
/// Report all three: `upper` and `lower` are conservative in expectation, `symmetric` is usually closest.
///
/// # Units
/// Squares of the units of the coordinates; `upper`, `lower` and `symmetric` may be negative.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Centred {
    /// The plug-in W_2²(X, Y), biased upwards by order n^{−2/d} near equality; its standard error is that of rows which share their noise.
    pub raw: Estimate,
    /// V = max(U_x, U_y), U_x = W_2²(Y, X') − W_2²(X, X'), U_y = W_2²(X, Y') − W_2²(Y, Y'): in expectation at least W_2²(P, Q), up to smaller
    /// terms.
    pub upper: Estimate,
    /// L = sign(D) D² with D = W_2(Y, X') − W_2(X, X'): by the triangle inequality |D| ≤ W_2(X, Y), in the limit at most W_2(P, Q).
    pub lower: Estimate,
    /// W_2²(X, Y') − (W_2²(X, X') + W_2²(Y, Y'))/2: no bound, but the smallest bias.
    pub symmetric: Estimate,
}

impl fmt::Display for Centred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { raw, upper, lower, symmetric } = self;
        writeln!(f, "W_2² is about {symmetric}")?;
        writeln!(f, "at most {upper}, at least {lower}, in expectation")?;
        write!(f, "plug-in, biased upwards: {raw}")
    }
}

/// Centred estimators of W_2²(P, Q) from samples X, X' of P and Y, Y' of Q, all of n rows.
///
/// Draw X and Y from **the same noise**, row by row, and likewise X' and Y', wherever the laws are those of two generators: the errors of
/// the distance and of its baseline then cancel, and equal generators give exactly 0. (X, Y) and (X', Y') must be independent of each
/// other.
///
/// # Errors
/// Clouds that are empty, hold NaN or ∞, or differ in shape; squares of distances beyond the range of `f64`.
///
/// # Accuracy
/// Standard errors come from the dual potentials: the derivative of W_2² in a point's mass is its potential, so that the difference of two
/// distances has the variance of the difference of its potentials, row by row, over n. Normal 95 % intervals; they cover the
/// expectation of each estimator.
/// V is loose when the laws differ in scale: that is the theory, not an error. Five exact solutions.
///
/// # Example
/// ```
/// use ndarray::Array2;
/// use onestep::Float;
/// use onestep::transport::inference::centred;
/// use rand::SeedableRng;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
/// let mut noise = || Array2::from_shape_simple_fn((300, 8), || f64::standard_normal(&mut rng));
/// let (x, x2) = (noise(), noise());
/// // Q is P shifted by (0.5, …): W_2² = 8/4 = 2, where the plug-in sees about twice as much.
/// let c = centred(&x, &(&x + 0.5), &x2, &(&x2 + 0.5))?;
/// assert!((c.upper.value - 2.0).abs() < 5.0 * c.upper.std_error);
/// // Equal generators from equal noise: exactly 0.
/// let null = centred(&x, &x, &x2, &x2)?;
/// assert!(null.upper.value.abs() < 1e-12 && null.lower.value.abs() < 1e-12);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Papp and Sherlock, "Centered plug-in estimation of Wasserstein distances", arXiv 2203.11627; del Barrio and Loubes, Ann. Probab. 47
/// (2019), arXiv 1705.01299 (the variance).
pub fn centred<F: Float>(x: &ArrayRef2<F>, y: &ArrayRef2<F>, x2: &ArrayRef2<F>, y2: &ArrayRef2<F>) -> Result<Centred, TransportError> {
    check::clouds(x, y)?;
    check::equal_sizes(x, y)?;
    let exact = Assignment::new(2.0)?;
    let solve = |x: &ArrayRef2<F>, y: &ArrayRef2<F>| Ok::<_, TransportError>(in_own_units(exact.solve(x, y)?));
    let raw = solve(x, y)?;
    // In each pair the unprimed cloud comes first.
    let (yx, xx, xy, yy) = (solve(y, x2)?, solve(x, x2)?, solve(x, y2)?, solve(y, y2)?);
    let u_x = combination(&[(1.0, &yx), (-1.0, &xx)]);
    let u_y = combination(&[(1.0, &xy), (-1.0, &yy)]);
    Ok(Centred {
        raw: finite("W_2^2", shared(&raw))?,
        upper: finite("the upper estimate of W_2^2", if u_y.value > u_x.value { u_y } else { u_x })?,
        lower: finite("the lower estimate of W_2^2", signed_square(&yx, &xx))?,
        symmetric: finite("the symmetric estimate of W_2^2", combination(&[(1.0, &xy), (-0.5, &xx), (-0.5, &yy)]))?,
    })
}

/// Costs and potentials in squares of the coordinates' unit, whatever the unit they were written in.
fn in_own_units(matching: Matching) -> Matching {
    if matching.unit == 1.0 {
        return matching;
    }
    let scaled = |value: f64| value * matching.unit * matching.unit;
    let all = |values: &[f64]| values.iter().map(|&v| scaled(v)).collect();
    Matching { cost: scaled(matching.cost), gap: scaled(matching.gap), unit: 1.0, u: all(&matching.u), v: all(&matching.v), ..matching }
}

/// W_2² of two clouds that share their noise row by row: the potentials of a row of both vary together.
fn shared(m: &Matching) -> Estimate {
    let terms: Vec<f64> = m.u.iter().zip(&m.v).map(|(u, v)| u + v).collect();
    Estimate::normal(m.cost, Estimate::from_samples(&terms).std_error, 2 * terms.len())
}

/// Σ c_k W_2²_k over matchings whose first clouds share one noise and whose second clouds share another.
fn combination(terms: &[(f64, &Matching)]) -> Estimate {
    let value = terms.iter().map(|(c, m)| c * m.cost).sum();
    let n = terms[0].1.u.len();
    let mixed = |of: fn(&Matching) -> &[f64]| (0..n).map(|i| terms.iter().map(|(c, m)| c * of(m)[i]).sum()).collect::<Vec<f64>>();
    let error = |of| Estimate::from_samples(&mixed(of)).std_error;
    Estimate::normal(value, error(|m| &m.u).hypot(error(|m| &m.v)), 2 * n)
}

/// sign(D) D² for D = √a − √b, with the errors of the linearised D.
fn signed_square(a: &Matching, b: &Matching) -> Estimate {
    let slope = |m: &Matching| if m.distance > 0.0 { 0.5 / m.distance } else { 0.0 };
    let d = Estimate { value: a.distance - b.distance, ..combination(&[(slope(a), a), (-slope(b), b)]) };
    let d = Estimate::normal(d.value, d.std_error, d.evaluations);
    let square = |d: f64| d * d.abs();
    Estimate {
        value: square(d.value),
        std_error: 2.0 * d.value.abs() * d.std_error,
        lower: square(d.lower),
        upper: square(d.upper),
        evaluations: d.evaluations,
    }
}
