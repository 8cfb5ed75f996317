//! A mixture on the line at one noise level.

use crate::numeric::special::normal;

/// Deviations in units of σ are cut here, so that sums of two are finite.
const FARTHEST: f64 = 1e300;
/// Deviations that agree to this are the same.
const SAME: f64 = 8.0 * f64::EPSILON;

/// A Gaussian mixture on the line at one noise level: density, distribution function, quantile.
///
/// # Accuracy
/// Distribution function and quantile keep full relative accuracy in both tails and in deep gaps between modes: a point is labelled by
/// its [`LineLabel`](crate::law::LineLabel), the signed mass that lies between it and the modes, never by a number close to one.
#[derive(Debug, Clone, PartialEq)]
pub struct LineMarginal {
    pub(crate) weights: Vec<f64>,
    pub(crate) means: Vec<f64>,
    pub(crate) stds: Vec<f64>,
    /// ln w_k − ln σ_k, and ln w_k for a point mass.
    ln_peaks: Vec<f64>,
    /// Whether there is a point mass.
    degenerate: bool,
}

/// ln Σ e^t; +∞ where a term is, NaN where one is.
pub(super) fn ln_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if top.is_infinite() {
        // The largest term skips NaN.
        if terms.clone().any(f64::is_nan) { f64::NAN } else { top }
    } else {
        top + terms.map(|t| (t - top).exp()).sum::<f64>().ln()
    }
}

impl LineMarginal {
    pub(super) fn new(weights: Vec<f64>, means: Vec<f64>, stds: Vec<f64>) -> Self {
        let ln_peaks = weights.iter().zip(&stds).map(|(w, s)| if *s > 0.0 { w.ln() - s.ln() } else { w.ln() }).collect();
        let degenerate = stds.contains(&0.0);
        Self { weights, means, stds, ln_peaks, degenerate }
    }

    pub(super) fn components(&self) -> impl Iterator<Item = (f64, f64, f64)> + Clone {
        self.weights.iter().zip(&self.means).zip(&self.stds).map(|((&w, &m), &s)| (w, m, s))
    }

    /// (x − m)/s, with the point mass s = 0 read as the limit s → 0: ±∞, and +∞ at the mass itself.
    pub(super) fn standardise(x: f64, m: f64, s: f64) -> f64 {
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
        if self.degenerate && self.components().any(|(_, m, s)| s == 0.0 && x == m) {
            return f64::INFINITY;
        }
        let (rest, least) = self.ln_density_beside(x);
        rest - 0.5 * least * least
    }

    /// The least |z_k| = |x − m_k|/σ_k over the components with a density, and ln p(x) + min z²/2: both are finite where ln p is not.
    fn ln_density_beside(&self, x: f64) -> (f64, f64) {
        let least = self.least_deviation(x);
        let terms = (0..self.weights.len()).filter(|&k| self.stds[k] > 0.0).map(|k| self.logit(k, x, least));
        (ln_sum_exp(terms) - normal::LN_SQRT_2PI, least)
    }

    /// |x − m_k|/σ_k for a component with a density.
    fn deviation(&self, k: usize, x: f64) -> f64 {
        let z = ((x - self.means[k]) / self.stds[k]).abs();
        if z > FARTHEST { FARTHEST } else { z }
    }

    fn least_deviation(&self, x: f64) -> f64 {
        let smooth = (0..self.weights.len()).filter(|&k| self.stds[k] > 0.0);
        smooth.map(|k| self.deviation(k, x)).fold(f64::INFINITY, |a, z| if z >= a { a } else { z })
    }

    /// ln(w_k/σ_k) − (z_k² − `least`²)/2, as a product of sum and difference: nothing cancels or overflows far away.
    fn logit(&self, k: usize, x: f64, least: f64) -> f64 {
        let z = self.deviation(k, x);
        self.ln_peaks[k] - 0.5 * (z - least) * (z + least)
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
            if r != 0.0 {
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
        // Where the pulls overflow one component has the point, and there is no spread between them.
        let spread = |k: usize| if score.is_infinite() { 0.0 } else { (self.pull(k, x) - score).powi(2) };
        self.for_responsibilities(x, |k, r| {
            if r != 0.0 {
                sum += r * (spread(k) - self.over_variance(k, 1.0));
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

    /// Calls `visit(k, P(component k | x))` for every component. A point mass without noise takes everything at its position and nothing
    /// elsewhere; where there are only point masses, the nearest one takes all.
    pub(crate) fn for_responsibilities(&self, x: f64, visit: impl FnMut(usize, f64)) {
        if !self.degenerate {
            let least = self.least_deviation(x);
            self.softmax(|k| self.logit(k, x, least), visit);
        } else if self.components().any(|(_, m, s)| s == 0.0 && x == m) {
            let hit = |k: usize| self.stds[k] == 0.0 && x == self.means[k];
            self.softmax(|k| if hit(k) { self.ln_peaks[k] } else { f64::NEG_INFINITY }, visit);
        } else if self.stds.iter().any(|&s| s > 0.0) {
            let least = self.least_deviation(x);
            self.softmax(|k| if self.stds[k] > 0.0 { self.logit(k, x, least) } else { f64::NEG_INFINITY }, visit);
        } else {
            let nearest = self.means.iter().map(|m| (x - m).abs()).fold(f64::INFINITY, |a, d| if d >= a { a } else { d });
            self.softmax(|k| if (x - self.means[k]).abs() <= nearest { self.ln_peaks[k] } else { f64::NEG_INFINITY }, visit);
        }
    }

    /// Calls `visit` with the normalised exponentials of logits of which one is finite; NaN stays NaN.
    fn softmax(&self, logit: impl Fn(usize) -> f64, mut visit: impl FnMut(usize, f64)) {
        let count = self.weights.len();
        let top = (0..count).map(&logit).fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = (0..count).map(|k| (logit(k) - top).exp()).sum();
        (0..count).for_each(|k| visit(k, (logit(k) - top).exp() / total));
    }

    /// Slope of the monotone map from `from` at `x`, where it takes the value `y`: p_from(x)/p_self(y).
    pub(crate) fn slope(&self, from: &Self, x: f64, y: f64) -> f64 {
        let ((ln_from, z_from), (ln_self, z_self)) = (from.ln_density_beside(x), self.ln_density_beside(y));
        // The label that x and y share makes their deviations from a far component equal but for rounding.
        let gap = if (z_from - z_self).abs() <= SAME * z_from { 0.0 } else { 0.5 * (z_self - z_from) * (z_self + z_from) };
        (ln_from - ln_self + gap).exp()
    }
}
