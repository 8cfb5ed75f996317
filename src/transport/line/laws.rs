//! W_p on the line where one side or both are laws given by their quantile functions.
//!
//! Both halves of (0, 1) are integrated in s, with u = e^{−s}/2 below the median and 1 − u = e^{−s}/2 above it: the tails become long
//! smooth stretches under an exponentially small weight, and no level is ever a number close to one.

use crate::delegate::delegate;
use crate::error::check_range;
use crate::estimate::Estimate;
use crate::float::Float;
use crate::numeric::extremes::positive;
use crate::numeric::parallel;
use crate::numeric::special::kronrod::{Integral, K7, K15, Piece, Rule, Value, adaptive};
use crate::transport::check::CLOUDS;
use crate::transport::line::samples::sorted;
use crate::transport::order::Order;
use crate::transport::{Line, TransportError};
use std::f64::consts::LN_2;

/// A law on the line, given by its quantile function F^{−1}(u) = inf {x : F(x) ≥ u}.
///
/// # Example
/// [`QuantileFn`] turns two closures into a law, here the exponential one.
/// ```
/// use onestep::transport::{LineQuantile, QuantileFn};
/// let exponential = QuantileFn::new(|u: f64| -(-u).ln_1p(), |q: f64| -q.ln());
/// assert!((exponential.quantile(0.5) - exponential.upper_quantile(0.5)).abs() < 1e-15);
/// ```
pub trait LineQuantile: Send + Sync {
    /// F^{−1}(u) for u ∈ (0, 1/2].
    fn quantile(&self, u: f64) -> f64;

    /// F^{−1}(1 − q) for q ∈ (0, 1/2]; accurate for tiny q.
    fn upper_quantile(&self, q: f64) -> f64;
}

delegate! {
    impl[] LineQuantile {
        fn quantile(&self, u: f64) -> f64;
        fn upper_quantile(&self, q: f64) -> f64;
    }
}

/// A law given by two closures: u ↦ F^{−1}(u) and q ↦ F^{−1}(1 − q).
#[derive(Clone, Copy)]
pub struct QuantileFn<A, B> {
    lower: A,
    upper: B,
}

impl<A, B> std::fmt::Debug for QuantileFn<A, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QuantileFn").finish_non_exhaustive()
    }
}

impl<A: Fn(f64) -> f64 + Send + Sync, B: Fn(f64) -> f64 + Send + Sync> QuantileFn<A, B> {
    /// From `lower(u)` = F^{−1}(u) and `upper(q)` = F^{−1}(1 − q).
    ///
    /// ```
    /// use onestep::transport::{Line, QuantileFn};
    /// let uniform = QuantileFn::new(|u| u, |q: f64| 1.0 - q);
    /// let doubled = QuantileFn::new(|u| 2.0 * u, |q: f64| 2.0 - 2.0 * q);
    /// let w1 = Line::new(1.0)?.laws(&uniform, &doubled, 1e-12)?;
    /// assert!((w1.value - 0.5).abs() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(lower: A, upper: B) -> Self {
        Self { lower, upper }
    }
}

impl<A: Fn(f64) -> f64 + Send + Sync, B: Fn(f64) -> f64 + Send + Sync> LineQuantile for QuantileFn<A, B> {
    fn quantile(&self, u: f64) -> f64 {
        (self.lower)(u)
    }
    fn upper_quantile(&self, q: f64) -> f64 {
        (self.upper)(q)
    }
}

/// One half of (0, 1).
#[derive(Debug, Clone, Copy, PartialEq)]
enum Half {
    Lower,
    Upper,
}

impl Half {
    /// F^{−1} at the level e^{−s}/2 of this half.
    fn quantile<Q: LineQuantile + ?Sized>(self, law: &Q, s: f64) -> f64 {
        let level = 0.5 * (-s).exp();
        match self {
            Self::Lower => law.quantile(level),
            Self::Upper => law.upper_quantile(level),
        }
    }
}

/// e^{−700}/2 ≈ 5e−305 is the smallest level looked at; what lies beyond cannot be told in f64.
const LAST: f64 = 700.0;

/// Pieces of [0, 700]: the weight e^{−s} makes all but the first few negligible for every law with a finite moment of order p.
const BREAKS: [f64; 12] = [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, LAST];

/// Rounding error of a quantile, in ulp.
const QUANTILE_ULPS: f64 = 4.0;

/// Relative rounding error of the sums of a rule, of the root and of the unit.
const ROUNDING: f64 = 32.0 * f64::EPSILON;

/// Orders above this are integrated with weight and power in one exponent, in a unit that makes the largest value of both about one.
const HIGH: f64 = 8.0;

/// The unit of powers: the largest gap at the first levels, or for a high order the largest e^{−s/p} |gap| at any.
fn unit(order: Order, gap: impl Fn(Half, f64) -> f64) -> f64 {
    let levels: Vec<f64> = if order.value() <= HIGH { BREAKS[..8].to_vec() } else { (0..=350).map(|k| 2.0 * f64::from(k)).collect() };
    let damping = |s: f64| if order.value() <= HIGH { 1.0 } else { (-s / order.value()).exp() };
    let gap = &gap;
    largest([Half::Lower, Half::Upper].into_iter().flat_map(|half| levels.iter().map(move |&s| damping(s) * gap(half, s))))
}

/// ½ e^{−s} |a − b|^p in units of scale^p, with its rounding error.
fn weighted_gap(order: Order, a: f64, b: f64, s: f64, scale: f64) -> Value {
    let gap = ((a - b) / scale).abs();
    let noise = QUANTILE_ULPS * f64::EPSILON * (a.abs() / scale + b.abs() / scale);
    if order.value() <= HIGH {
        let weight = 0.5 * (-s).exp();
        let value = weight * order.power(gap);
        return Value { value, rounding: weight * order.power(gap + noise) - value };
    }
    // Neither the power nor the weight alone need be a number.
    let exponent = |gap: f64| order.value() * gap.ln() - s;
    let value = 0.5 * exponent(gap).exp();
    let of_exponent = f64::EPSILON * (exponent(gap).abs() + s + 1.0);
    let rounding = if value > 0.0 { value * of_exponent } else { 0.0 };
    Value { value, rounding: rounding + (0.5 * exponent(gap + noise).exp() - value) }
}

impl Line {
    /// W_p between two laws given by their quantile functions.
    ///
    /// # Errors
    /// `tolerance` outside (0, 1); [`TransportError::NotConverged`] when the tolerance is not met, as for laws without a moment of
    /// order p, or for a quantile function that returns NaN.
    ///
    /// # Accuracy
    /// Adaptive Gauss–Kronrod quadrature to the relative `tolerance` of W_p^p, or to the rounding error of the quantiles (4 ulp) where the
    /// laws are so close that it dominates; the interval of the estimate covers both and is a bound for all but adversarial quantile
    /// functions. Atoms and gaps are found by halving; mass below 1e−8 hidden between two nodes may be missed.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// use onestep::transport::Line;
    /// let p = LineMixture::gaussian(0.0, 1.0).unwrap().at(NoiseLevel::DATA);
    /// let q = LineMixture::gaussian(3.0, 2.0).unwrap().at(NoiseLevel::DATA);
    /// let w2 = Line::new(2.0)?.laws(&p, &q, 1e-12)?;
    /// assert!((w2.value - 10f64.sqrt()).abs() < 1e-11); // √((3 − 0)² + (2 − 1)²)
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn laws<P, Q>(&self, left: &P, right: &Q, tolerance: f64) -> Result<Estimate, TransportError>
    where
        P: LineQuantile + ?Sized,
        Q: LineQuantile + ?Sized,
    {
        check_tolerance(tolerance)?;
        let halves = [Half::Lower, Half::Upper];
        let gap = |half: Half, s: f64| (half.quantile(left, s) - half.quantile(right, s)).abs();
        let scale = unit(self.order, gap);
        let pieces: Vec<Piece<Half>> =
            halves.iter().flat_map(|&tag| BREAKS.windows(2).map(move |b| Piece { low: b[0], high: b[1], tag })).collect();
        let integrand = |half: Half, s: f64| weighted_gap(self.order, half.quantile(left, s), half.quantile(right, s), s, scale);
        self.estimate(&adaptive(&K15, &pieces, integrand, tolerance), scale)
    }

    /// W_p between the images of one law under two increasing maps: (E|f(X) − g(X)|^p)^{1/p}, X with the law `law`.
    ///
    /// This is the distance between two samplers of one latent variable on the line. Where a map is not increasing the value is an upper
    /// bound on W_p, the cost of the coupling (f(X), g(X)).
    ///
    /// # Errors
    /// As [`laws`](Self::laws).
    ///
    /// # Accuracy
    /// As [`laws`](Self::laws).
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// use onestep::transport::Line;
    /// let x = LineMixture::gaussian(0.0, 1.0).unwrap().at(NoiseLevel::DATA);
    /// // E|2X − X| = E|X| = √(2/π).
    /// let w1 = Line::new(1.0)?.maps(|x| 2.0 * x, |x| x, &x, 1e-12)?;
    /// assert!((w1.value - (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-11);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn maps<Q: LineQuantile + ?Sized>(
        &self,
        f: impl Fn(f64) -> f64 + Send + Sync,
        g: impl Fn(f64) -> f64 + Send + Sync,
        law: &Q,
        tolerance: f64,
    ) -> Result<Estimate, TransportError> {
        let left = QuantileFn::new(|u| f(law.quantile(u)), |q| f(law.upper_quantile(q)));
        let right = QuantileFn::new(|u| g(law.quantile(u)), |q| g(law.upper_quantile(q)));
        self.laws(&left, &right, tolerance)
    }

    /// W_p between a sample with equal weights and a law.
    ///
    /// # Errors
    /// The sample is empty or holds NaN or ∞; otherwise as [`laws`](Self::laws).
    ///
    /// # Accuracy
    /// The integral over every cell \[i/n, (i+1)/n\] is cut where the law's quantile crosses the sample point and integrated adaptively;
    /// `tolerance` and the interval are as in [`laws`](Self::laws). About 10 quantiles a point.
    ///
    /// ```
    /// use onestep::transport::{Line, QuantileFn};
    /// let uniform = QuantileFn::new(|u| u, |q: f64| 1.0 - q);
    /// // ∫|1/2 − u| du = 1/4.
    /// let w1 = Line::new(1.0)?.sample_to_law(&[0.5], &uniform, 1e-12)?;
    /// assert!((w1.value - 0.25).abs() < 1e-13);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn sample_to_law<F: Float, Q: LineQuantile + ?Sized>(&self, x: &[F], law: &Q, tolerance: f64) -> Result<Estimate, TransportError> {
        check_tolerance(tolerance)?;
        let x = sorted(CLOUDS[0].cloud, x)?;
        let cells = cells(&x);
        let scale = if self.order.value() <= HIGH {
            largest(cells.iter().map(|cell| (cell.tag.half.quantile(law, cell.low) - cell.tag.point).abs()))
        } else {
            let (low, high) = (x[0], x[x.len() - 1]);
            unit(self.order, |half, s| (half.quantile(law, s) - if half == Half::Lower { low } else { high }).abs())
        };
        let crossed = parallel::map(cells.len(), |k| cut_at_crossing(cells[k], law)).concat();
        let integrand = |cell: Cell, s: f64| weighted_gap(self.order, cell.point, cell.half.quantile(law, s), s, scale);
        let rule: &Rule = if x.len() < FEW { &K15 } else { &K7 };
        self.estimate(&adaptive(rule, &crossed, integrand, tolerance), scale)
    }

    /// From W_p^p in units of scale^p to an estimate of W_p.
    fn estimate(self, integral: &Integral, scale: f64) -> Result<Estimate, TransportError> {
        let distance = |cost: f64| scale * self.order.root(positive(cost));
        let (value, lower, upper) = (
            distance(integral.value),
            distance(integral.value - integral.error) * (1.0 - ROUNDING),
            distance(integral.value + integral.error) * (1.0 + ROUNDING),
        );
        let known = !(lower.is_nan() || upper.is_nan());
        if !(integral.converged && known && value.is_finite()) {
            let iterations = integral.evaluations;
            let (lower, upper) = if known && upper.is_finite() { (lower, upper) } else { (0.0, f64::INFINITY) };
            return Err(TransportError::NotConverged { iterations, lower, upper, residual: integral.error });
        }
        Ok(Estimate { value, std_error: 0.0, lower, upper, evaluations: integral.evaluations })
    }
}

fn check_tolerance(tolerance: f64) -> Result<(), TransportError> {
    check_range("tolerance", tolerance, tolerance > 0.0 && tolerance < 1.0, "(0, 1)")?;
    Ok(())
}

/// The largest finite gap, or 1 where there is none: the unit in which powers are taken.
fn largest(gaps: impl Iterator<Item = f64>) -> f64 {
    let top = gaps.filter(|g| g.is_finite()).fold(0.0, f64::max);
    if top > 0.0 { top } else { 1.0 }
}

/// Samples smaller than this have wide cells, which a rule of high order integrates in fewer pieces.
const FEW: usize = 64;

/// The cell of one sample point, or the part of it in one half of (0, 1).
#[derive(Debug, Clone, Copy)]
struct Cell {
    half: Half,
    point: f64,
}

/// The cells \[i/n, (i+1)/n\] of a sorted sample in the variable s of their half, tails cut at [`BREAKS`].
fn cells(x: &[f64]) -> Vec<Piece<Cell>> {
    let n = x.len();
    let mut cells = Vec::with_capacity(n + 2 * BREAKS.len());
    for half in [Half::Lower, Half::Upper] {
        for i in 0..n.div_ceil(2) {
            let point = if half == Half::Lower { x[i] } else { x[n - 1 - i] };
            let tag = Cell { half, point };
            // Levels i/n and (i+1)/n, the latter at most 1/2.
            let at = |k: usize| if k == 0 { LAST } else { (0.5 * n as f64 / k as f64).max(1.0).ln() };
            let (low, high) = (at(i + 1), at(i));
            if i == 0 {
                let mut ends = vec![low];
                ends.extend(BREAKS.iter().skip(1).map(|b| low + b).filter(|&b| b < LAST));
                ends.push(LAST);
                cells.extend(ends.windows(2).map(|w| Piece { low: w[0], high: w[1], tag }));
            } else if low < high {
                cells.push(Piece { low, high, tag });
            }
        }
    }
    cells
}

/// Cuts a cell where the quantile crosses the point, where |point − quantile|^p has its kink.
///
/// The cut needs half the digits only: a cut that is off by δ leaves an error of order δ².
fn cut_at_crossing<Q: LineQuantile + ?Sized>(cell: Piece<Cell>, law: &Q) -> Vec<Piece<Cell>> {
    let Piece { mut low, mut high, tag } = cell;
    let above = |s: f64| tag.half.quantile(law, s) > tag.point;
    let at_low = above(low);
    if above(high) == at_low {
        return vec![cell];
    }
    let enough = 1e-10 * (high - low).min(LN_2);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if high - low <= enough || !(low < middle && middle < high) {
            break;
        }
        if above(middle) == at_low { low = middle } else { high = middle }
    }
    let cut = 0.5 * (low + high);
    [(cell.low, cut), (cut, cell.high)].into_iter().filter(|(a, b)| a < b).map(|(low, high)| Piece { low, high, tag }).collect()
}
