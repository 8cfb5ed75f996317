//! Gaussian mixtures and point masses on the line, with both tails accurate.

use crate::error::{check_entries, check_equal};
use crate::float::Float;
use crate::law::{LawError, LogDensity, Moments, Posterior, Sample, normalised};
use crate::level::NoiseLevel;
use crate::numeric::shapes::assert_shapes;
use crate::numeric::special::normal;
use crate::score::ScoreFunction;
use crate::space::Space;
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, array};
use rand::{Rng, RngCore};

/// The mixture Σ_k w_k N(m_k, σ_k²) on the line; σ_k = 0 is a point mass, one component with σ > 0 a Gaussian.
///
/// At noise angle θ it is Σ_k w_k N(cos θ m_k, v_k), v_k = cos²θ σ_k² + sin²θ: a [`LineMarginal`], which has its density, distribution
/// function and quantile with both tails accurate. Components are kept sorted by mean.
///
/// # Units
/// Means and standard deviations are in the units of the data.
///
/// # Example
/// ```
/// use onestep::NoiseLevel;
/// use onestep::law::LineMixture;
/// let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5])?;
/// let marginal = target.at(NoiseLevel::DATA);
/// assert_eq!(marginal.cdf(0.0), 0.5);
/// assert!((marginal.quantile(marginal.cdf(-3.0)) + 3.0).abs() < 1e-12);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LineMixture {
    weights: Vec<f64>,
    means: Vec<f64>,
    stds: Vec<f64>,
}

impl LineMixture {
    /// From weights (nonnegative, summing to one within [`weight_tolerance`](crate::error::weight_tolerance); then normalised), means and standard deviations (≥ 0).
    /// Components of weight 0 are dropped.
    ///
    /// # Errors
    /// Empty lists, unequal lengths, a weight or standard deviation that is negative, any value that is not finite, or weights that do not
    /// sum to one.
    ///
    /// ```
    /// use onestep::law::LineMixture;
    /// assert!(LineMixture::new(&[0.5, 0.6], &[0.0, 1.0], &[1.0, 1.0]).is_err());
    /// assert!(LineMixture::new(&[1.0], &[0.0], &[-1.0]).is_err());
    /// ```
    pub fn new(weights: &[f64], means: &[f64], stds: &[f64]) -> Result<Self, LawError> {
        let weights = normalised(weights)?;
        check_equal("weights", weights.len(), "means", means.len())?;
        check_equal("weights", weights.len(), "stds", stds.len())?;
        check_entries("means", means, f64::is_finite, "(-inf, inf)")?;
        check_entries("stds", stds, |s| s >= 0.0 && s.is_finite(), "[0, inf)")?;
        let mut order: Vec<usize> = (0..weights.len()).filter(|&k| weights[k] > 0.0).collect();
        order.sort_by(|&i, &j| means[i].total_cmp(&means[j]));
        let pick = |list: &[f64]| order.iter().map(|&k| list[k]).collect();
        Ok(Self { weights: pick(&weights), means: pick(means), stds: pick(stds) })
    }

    /// N(`mean`, `std`²).
    ///
    /// # Errors
    /// A value that is not finite, or a negative standard deviation.
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::LineMixture;
    /// assert_eq!(LineMixture::gaussian(1.0, 2.0)?.second_moment(), 5.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn gaussian(mean: f64, std: f64) -> Result<Self, LawError> {
        Self::new(&[1.0], &[mean], &[std])
    }

    /// Weighted point masses.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// ```
    /// use onestep::Moments;
    /// use onestep::law::LineMixture;
    /// assert_eq!(LineMixture::point_masses(&[0.5, 0.5], &[-1.0, 1.0])?.second_moment(), 1.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn point_masses(weights: &[f64], positions: &[f64]) -> Result<Self, LawError> {
        Self::new(weights, positions, &vec![0.0; positions.len()])
    }

    /// The dimension, 1.
    ///
    /// ```
    /// assert_eq!(onestep::law::LineMixture::gaussian(0.0, 1.0).unwrap().dim(), 1);
    /// ```
    #[must_use]
    #[allow(clippy::unused_self, reason = "every target has its dimension as a method, whichever traits are in scope")]
    pub fn dim(&self) -> usize {
        1
    }

    /// The weights, in the order of increasing means.
    ///
    /// ```
    /// let m = onestep::law::LineMixture::new(&[0.2, 0.8], &[1.0, 0.0], &[1.0, 1.0]).unwrap();
    /// assert_eq!(m.weights(), [0.8, 0.2]);
    /// ```
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The means, increasing.
    ///
    /// ```
    /// let m = onestep::law::LineMixture::new(&[0.2, 0.8], &[1.0, 0.0], &[1.0, 1.0]).unwrap();
    /// assert_eq!(m.means(), [0.0, 1.0]);
    /// ```
    #[must_use]
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// The standard deviations, in the order of increasing means.
    ///
    /// ```
    /// let m = onestep::law::LineMixture::new(&[0.2, 0.8], &[1.0, 0.0], &[2.0, 3.0]).unwrap();
    /// assert_eq!(m.stds(), [3.0, 2.0]);
    /// ```
    #[must_use]
    pub fn stds(&self) -> &[f64] {
        &self.stds
    }

    /// The law of X_θ.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// let marginal = LineMixture::gaussian(3.0, 0.0)?.at(NoiseLevel::NOISE);
    /// assert_eq!(marginal.cdf(0.0), 0.5); // at the noise end every target is N(0, 1)
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn at(&self, level: NoiseLevel) -> LineMarginal {
        LineMarginal {
            weights: self.weights.clone(),
            means: self.means.iter().map(|m| level.cos() * m).collect(),
            stds: self.stds.iter().map(|s| (level.cos() * s).hypot(level.sin())).collect(),
        }
    }
}

/// A Gaussian mixture on the line at one noise level: density, distribution function, quantile.
///
/// # Accuracy
/// Distribution function and quantile keep full relative accuracy in both tails and in deep gaps between modes: a point is labelled by
/// its [`LineLabel`], the signed mass that lies between it and the modes, never by a number close to one.
#[derive(Debug, Clone, PartialEq)]
pub struct LineMarginal {
    pub(crate) weights: Vec<f64>,
    pub(crate) means: Vec<f64>,
    pub(crate) stds: Vec<f64>,
}

/// The label of a point x of a [`LineMarginal`]: with the components `split..` to its right and `..split` to its left, the mass of the
/// right ones below x and of the left ones above x, both as logarithms. Their difference is F(x) − Σ_{k<split} w_k, a constant along
/// every trajectory of the probability flow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineLabel {
    /// Number of components counted as lying to the left.
    pub split: usize,
    /// ln Σ_{k ≥ split} w_k P(X_k ≤ x).
    pub ln_below: f64,
    /// ln Σ_{k < split} w_k P(X_k > x).
    pub ln_above: f64,
}

impl LineLabel {
    /// Sign of the signed mass and the logarithm of its size.
    fn signed_ln(&self) -> (f64, f64) {
        let gap = (self.ln_below - self.ln_above).abs();
        let size = self.ln_below.max(self.ln_above) + (-(-gap).exp()).ln_1p();
        if self.ln_below == self.ln_above {
            (0.0, f64::NEG_INFINITY)
        } else if self.ln_below > self.ln_above {
            (1.0, size)
        } else {
            (-1.0, size)
        }
    }
}

/// Largest number of bisection or Newton steps of a quantile; bisection alone needs about 60 for the spacing of floats near the solution
/// and at most 1100 for a solution near zero.
const QUANTILE_STEPS: usize = 1200;

fn ln_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY { top } else { top + terms.map(|t| (t - top).exp()).sum::<f64>().ln() }
}

impl LineMarginal {
    fn components(&self) -> impl Iterator<Item = (f64, f64, f64)> + Clone {
        self.weights.iter().zip(&self.means).zip(&self.stds).map(|((&w, &m), &s)| (w, m, s))
    }

    /// (x − m)/s, with the point mass s = 0 read as the limit s → 0: ±∞, and +∞ at the mass itself.
    fn standardise(x: f64, m: f64, s: f64) -> f64 {
        if s > 0.0 {
            (x - m) / s
        } else if x >= m {
            f64::INFINITY
        } else {
            f64::NEG_INFINITY
        }
    }

    /// ln p(x); +∞ on a point mass without noise, −∞ elsewhere there.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// let p = LineMixture::gaussian(0.0, 2.0)?.at(NoiseLevel::DATA);
    /// assert!((p.ln_density(100.0) + 1250.0 + (2.0 * (2.0 * std::f64::consts::PI).sqrt()).ln()).abs() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn ln_density(&self, x: f64) -> f64 {
        ln_sum_exp(self.components().map(move |(w, m, s)| {
            if s > 0.0 {
                let z = (x - m) / s;
                w.ln() - 0.5 * z * z - normal::LN_SQRT_2PI - s.ln()
            } else if x == m {
                f64::INFINITY
            } else {
                f64::NEG_INFINITY
            }
        }))
    }

    /// p(x).
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// let p = LineMixture::gaussian(0.0, 1.0)?.at(NoiseLevel::DATA);
    /// assert!((p.density(0.0) * (2.0 * std::f64::consts::PI).sqrt() - 1.0).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn density(&self, x: f64) -> f64 {
        self.ln_density(x).exp()
    }

    /// F(x) = P(X ≤ x), relatively accurate in the lower tail.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// let p = LineMixture::point_masses(&[0.25, 0.75], &[0.0, 1.0])?.at(NoiseLevel::DATA);
    /// assert_eq!((p.cdf(-0.1), p.cdf(0.0), p.cdf(1.0)), (0.0, 0.25, 1.0));
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        self.components().map(|(w, m, s)| w * normal::cdf(Self::standardise(x, m, s))).sum()
    }

    /// 1 − F(x), relatively accurate in the upper tail.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// let p = LineMixture::gaussian(0.0, 1.0)?.at(NoiseLevel::DATA);
    /// assert!((p.survival(10.0) / 7.61985302416e-24 - 1.0).abs() < 1e-11);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn survival(&self, x: f64) -> f64 {
        self.components().map(|(w, m, s)| w * normal::cdf(-Self::standardise(x, m, s))).sum()
    }

    /// The score (ln p)'(x); 0 at a point mass without noise, where it does not exist.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// let p = LineMixture::gaussian(1.0, 2.0)?.at(NoiseLevel::DATA);
    /// assert!((p.score(5.0) + 1.0).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn score(&self, x: f64) -> f64 {
        let mut sum = 0.0;
        self.for_responsibilities(x, |k, r| {
            if r > 0.0 {
                sum += r * self.pull(k, x);
            }
        });
        sum
    }

    /// The slope of the score, (ln p)''(x) = Σ_k r_k [(g_k − s)² − 1/σ_k²] with the responsibilities r_k, the components' own scores
    /// g_k = (m_k − x)/σ_k² and s = Σ_k r_k g_k; 0 at a point mass without noise, where it does not exist.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// let p = LineMixture::gaussian(1.0, 2.0)?.at(NoiseLevel::DATA);
    /// assert!((p.score_slope(5.0) + 0.25).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn score_slope(&self, x: f64) -> f64 {
        let (score, mut sum) = (self.score(x), 0.0);
        self.for_responsibilities(x, |k, r| {
            if r > 0.0 {
                sum += r * ((self.pull(k, x) - score).powi(2) - self.over_variance(k, 1.0));
            }
        });
        sum
    }

    /// The score of component k alone, (m_k − x)/σ_k², and 0 for a point mass.
    fn pull(&self, k: usize, x: f64) -> f64 {
        self.over_variance(k, self.means[k] - x)
    }

    /// `numerator`/σ_k², and 0 for a point mass.
    fn over_variance(&self, k: usize, numerator: f64) -> f64 {
        if self.stds[k] > 0.0 { numerator / (self.stds[k] * self.stds[k]) } else { 0.0 }
    }

    /// Calls `visit(k, P(component k | x))` for every component; without noise a point mass takes everything at its position and the
    /// nearest component takes all where no density is left.
    pub(crate) fn for_responsibilities(&self, x: f64, mut visit: impl FnMut(usize, f64)) {
        let ln = |w: f64, m: f64, s: f64| {
            if s > 0.0 {
                let z = (x - m) / s;
                w.ln() - 0.5 * z * z - s.ln()
            } else {
                // The limit s → 0 compares −z²/2: the nearest point mass wins, an exact hit wins over everything.
                if x == m { f64::MAX } else { -1e300 * (x - m).abs() }
            }
        };
        let top = self.components().map(|(w, m, s)| ln(w, m, s)).fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = self.components().map(|(w, m, s)| (ln(w, m, s) - top).exp()).sum();
        for (k, (w, m, s)) in self.components().enumerate() {
            visit(k, (ln(w, m, s) - top).exp() / total);
        }
    }

    /// The label of `x`: components whose mean lies below `x` are counted as left.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// let p = LineMixture::gaussian(0.0, 1.0)?.at(NoiseLevel::DATA);
    /// let label = p.label(10.0);
    /// assert_eq!(label.split, 1);
    /// assert!((label.ln_above - 7.61985302416e-24f64.ln()).abs() < 1e-10);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn label(&self, x: f64) -> LineLabel {
        self.label_with(x, self.means.partition_point(|&m| m < x))
    }

    /// The label of `x` with the first `split` components counted as left.
    fn label_with(&self, x: f64, split: usize) -> LineLabel {
        let ln = |k: usize, sign: f64| self.weights[k].ln() + normal::ln_cdf(sign * Self::standardise(x, self.means[k], self.stds[k]));
        LineLabel {
            split,
            ln_below: ln_sum_exp((split..self.weights.len()).map(|k| ln(k, 1.0))),
            ln_above: ln_sum_exp((0..split).map(|k| ln(k, -1.0))),
        }
    }

    /// The point with the given label: safeguarded Newton's method on the logarithm of the signed mass within `bracket`.
    ///
    /// # Accuracy
    /// A few ulp of the point, or of the conditioning of the label where that is worse.
    pub(crate) fn at_label(&self, label: &LineLabel, bracket: (f64, f64)) -> f64 {
        let (mut low, mut high) = bracket;
        let (sign, size) = label.signed_ln();
        let mut x = 0.5 * (low + high);
        for _ in 0..QUANTILE_STEPS {
            if !(low < x && x < high) {
                x = 0.5 * (low + high);
                if !(low < x && x < high) {
                    return if self.side(label.split, high, sign, size) <= 0.0 { high } else { low };
                }
            }
            let here = self.label_with(x, label.split);
            let (s, l) = here.signed_ln();
            // −1, 0, 1: is the label of x below, at or above the label asked for?
            let order = compare(s, l, sign, size);
            if order == 0.0 {
                return x;
            }
            if order < 0.0 {
                low = x;
            } else {
                high = x;
            }
            // Newton on ln|G| where the signs agree: G'/G = p/G.
            let step = if s == sign && s != 0.0 { s * (l - size) * (l - self.ln_density(x)).exp() } else { f64::NAN };
            let next = x - step;
            if step.abs() <= 2.0 * f64::EPSILON * x.abs() {
                return next.clamp(low, high);
            }
            x = if next.is_finite() { next } else { 0.5 * (low + high) };
        }
        x
    }

    fn side(&self, split: usize, x: f64, sign: f64, size: f64) -> f64 {
        let (s, l) = self.label_with(x, split).signed_ln();
        compare(s, l, sign, size)
    }

    /// F^{−1}(u) for u ∈ (0, 1): the smallest x with F(x) ≥ u. ∓∞ at u = 0 and 1, NaN outside [0, 1].
    /// For the upper tail use [`upper_quantile`](Self::upper_quantile), which takes 1 − u.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// let p = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.2, 0.2])?.at(NoiseLevel::DATA);
    /// assert!(p.quantile(0.5).abs() < 1e-10);
    /// assert!((p.cdf(p.quantile(1e-300)) / 1e-300 - 1.0).abs() < 1e-11);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn quantile(&self, u: f64) -> f64 {
        if u > 0.5 {
            return self.upper_quantile(1.0 - u);
        }
        if !(u > 0.0) {
            return if u == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
        }
        self.at_label(&LineLabel { split: 0, ln_below: u.ln(), ln_above: f64::NEG_INFINITY }, self.bracket(normal::quantile(u)))
    }

    /// The x with 1 − F(x) = q, for q ∈ (0, 1).
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// let p = LineMixture::gaussian(0.0, 1.0)?.at(NoiseLevel::DATA);
    /// assert!((p.upper_quantile(7.61985302416053e-24) - 10.0).abs() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn upper_quantile(&self, q: f64) -> f64 {
        if q > 0.5 {
            return self.quantile(1.0 - q);
        }
        if !(q > 0.0) {
            return if q == 0.0 { f64::INFINITY } else { f64::NAN };
        }
        let label = LineLabel { split: self.weights.len(), ln_below: f64::NEG_INFINITY, ln_above: q.ln() };
        self.at_label(&label, self.bracket(-normal::quantile(q)))
    }

    /// [min_k, max_k] of the components' own quantiles m_k + s_k z: holds the mixture's quantile.
    fn bracket(&self, z: f64) -> (f64, f64) {
        widened(self.components().map(|(_, m, s)| m + s * z))
    }

    /// The point of `self` that the monotone map from `from` takes `x` to: F_self^{−1}(F_from(x)), by labels, so that neither tail nor gap
    /// loses digits. Both must be marginals of one [`LineMixture`].
    pub(crate) fn transport(&self, from: &Self, x: f64) -> f64 {
        let images = self.components().zip(from.components()).map(|((_, m, s), (_, m0, s0))| {
            let z = Self::standardise(x, m0, s0);
            if s == 0.0 { m } else { m + s * z }
        });
        let (low, high) = widened(images);
        if low.is_nan() || !(low < high) {
            return low;
        }
        self.at_label(&from.label(x), (low, high))
    }

    /// Slope of the monotone map from `from` at `x`, where it takes the value `y`: p_from(x)/p_self(y).
    pub(crate) fn slope(&self, from: &Self, x: f64, y: f64) -> f64 {
        (from.ln_density(x) - self.ln_density(y)).exp()
    }
}

/// Order of two signed logarithms: −1, 0 or 1.
fn compare(s: f64, l: f64, sign: f64, size: f64) -> f64 {
    if s == sign {
        let d = s * (l - size);
        if d == 0.0 || s == 0.0 { 0.0 } else { d.signum() }
    } else if s < sign {
        -1.0
    } else {
        1.0
    }
}

/// Smallest and largest value, moved apart by rounding so that the ends are strictly outside.
fn widened(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    let room = 8.0 * f64::EPSILON * low.abs().max(high.abs()) + f64::MIN_POSITIVE;
    (low - room, high + room)
}

impl Space for LineMixture {
    fn dim(&self) -> usize {
        Self::dim(self)
    }
}

impl Sample for LineMixture {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        assert_eq!(out.ncols(), 1, "sample: out has {} columns, the target is on the line", out.ncols());
        for mut row in out.rows_mut() {
            let mut u: f64 = rng.random();
            let last = self.weights.len() - 1;
            let k = self.weights.iter().position(|w| {
                u -= w;
                u < 0.0
            });
            let k = k.unwrap_or(last);
            row[0] = self.means[k] + self.stds[k] * f64::standard_normal(rng);
        }
    }
}

impl LogDensity for LineMixture {
    fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>) {
        assert_eq!(x.dim(), (out.len(), 1), "log_density: x has shape {:?}, out length {}", x.dim(), out.len());
        let marginal = self.at(level);
        for (row, o) in x.rows().into_iter().zip(out) {
            *o = marginal.ln_density(row[0]);
        }
    }
}

impl Posterior for LineMixture {
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        assert_shapes("denoise", 1, x, out);
        let marginal = self.at(level);
        for (row, mut o) in x.rows().into_iter().zip(out.rows_mut()) {
            o[0] = self.posterior(&marginal, level, row[0]).0;
        }
    }

    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
        assert_eq!(x.len(), 1, "posterior_covariance: x has length {}, the target is on the line", x.len());
        array![[self.posterior(&self.at(level), level, x[0]).1]]
    }
}

impl LineMixture {
    /// Mean and variance of X_0 given X_θ = x.
    fn posterior(&self, marginal: &LineMarginal, level: NoiseLevel, x: f64) -> (f64, f64) {
        let mut moments = (0.0, 0.0, 0.0);
        marginal.for_responsibilities(x, |k, r| {
            let variance = self.stds[k] * self.stds[k];
            let mean = self.means[k] + level.gain(variance) * (x - marginal.means[k]);
            let own = level.posterior_variance(variance);
            moments.0 += r * mean;
            moments.1 += r * own;
            moments.2 += r * mean * mean;
        });
        (moments.0, moments.1 + (moments.2 - moments.0 * moments.0).max(0.0))
    }
}

impl Moments for LineMixture {
    fn mean(&self) -> Array1<f64> {
        array![self.weights.iter().zip(&self.means).map(|(w, m)| w * m).sum::<f64>()]
    }

    fn second_moment(&self) -> f64 {
        self.weights.iter().zip(&self.means).zip(&self.stds).map(|((w, m), s)| w * (m * m + s * s)).sum()
    }
}

impl<F: Float> ScoreFunction<F> for LineMixture {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score", 1, x, out);
        let marginal = self.at(level);
        for (row, mut o) in x.rows().into_iter().zip(out.rows_mut()) {
            o[0] = F::of(marginal.score(row[0].as_f64()));
        }
    }
}
