//! Third derivatives of ln p on the line, and how the monotone map between two marginals bends.

use crate::law::LineMarginal;

/// A few roundings.
const ROUNDINGS: f64 = 4.0 * f64::EPSILON;

/// The derivatives of ln p at a point, and the rounding of the first.
struct Derivatives {
    score: f64,
    slope: f64,
    score_error: f64,
    ln_density: f64,
}

impl LineMarginal {
    /// (ln p)'''(x) = Σ_k r_k \[(g_k − s)³ − 3 (g_k − s)/σ_k²\], with the responsibilities r_k, the components' own scores
    /// g_k = (m_k − x)/σ_k² and s = Σ_k r_k g_k; 0 at a point mass without noise, where it does not exist.
    ///
    /// ```
    /// use onestep::NoiseLevel;
    /// use onestep::law::LineMixture;
    /// let p = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5])?.at(NoiseLevel::DATA);
    /// assert!(p.score_bend(0.0).abs() < 1e-15); // by symmetry
    /// let difference = (p.score_slope(0.3 + 1e-5) - p.score_slope(0.3 - 1e-5)) / 2e-5;
    /// assert!((p.score_bend(0.3) / difference - 1.0).abs() < 1e-7);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn score_bend(&self, x: f64) -> f64 {
        let (score, mut sum) = (self.score(x), 0.0);
        self.for_responsibilities(x, |k, r| {
            if r > 0.0 && self.stds[k] > 0.0 {
                let precision = (self.stds[k] * self.stds[k]).recip();
                let g = (self.means[k] - x) * precision - score;
                sum += r * g * (g * g - 3.0 * precision);
            }
        });
        sum
    }

    fn derivatives(&self, x: f64) -> Derivatives {
        let ln_density = self.ln_density(x);
        let mut size = 0.0;
        self.for_responsibilities(x, |k, r| {
            if r > 0.0 && self.stds[k] > 0.0 {
                size += r * (self.means[k] - x).abs() / (self.stds[k] * self.stds[k]);
            }
        });
        let score_error = ROUNDINGS * (2.0 + ln_density.abs()) * size;
        Derivatives { score: self.score(x), slope: self.score_slope(x), score_error, ln_density }
    }

    /// The second derivative at `x` of the monotone map Φ from `from`, Φ(x) = `y`, and a bound on its rounding:
    /// Φ'' = Φ' (s_from(x) − s(y) Φ'), Φ' = p_from(x)/p(y).
    ///
    /// The bound follows the rounding of the scores, that of the densities, that of y (of the masses that label it, over the density there)
    /// and that of x itself.
    pub(crate) fn bend(&self, from: &Self, x: f64, y: f64) -> (f64, f64) {
        let (here, there) = (from.derivatives(x), self.derivatives(y));
        let slope = (here.ln_density - there.ln_density).exp();
        let pull = here.score - there.score * slope;
        let bend = slope * pull;
        // Masses are sums of distribution functions, whose logarithms are rounded.
        let mass = |law: &Self, x: f64| {
            let label = law.label(x);
            let part = |ln: f64| if ln == f64::NEG_INFINITY { 0.0 } else { (ln - there.ln_density).exp() * (2.0 + ln.abs()) };
            part(label.ln_below) + part(label.ln_above)
        };
        let image_error = ROUNDINGS * (y.abs() + slope * x.abs() + mass(from, x) + mass(self, y));
        let slope_error = ROUNDINGS * (2.0 + here.ln_density.abs() + there.ln_density.abs()) + there.score.abs() * image_error;
        let scores = here.score_error + slope * (there.score_error + there.slope.abs() * image_error);
        let third = bend * pull + slope * (here.slope - there.slope * slope * slope - there.score * bend);
        let error =
            slope * ((here.score.abs() + 2.0 * there.score.abs() * slope) * slope_error + scores) + third.abs() * ROUNDINGS * x.abs();
        (bend, error)
    }
}
