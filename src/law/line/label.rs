//! Points of the line by the mass between them and the modes: quantiles and monotone maps.

use crate::law::line::LineMarginal;
use crate::law::line::marginal::ln_sum_exp;
use crate::numeric::special::exp::exp;
use crate::numeric::special::normal;

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

/// What a component of this weight adds to the signed mass at z standard deviations from its mean: w N(z), the mass below, or −w N(−z), the
/// mass above, for one that is counted as `left`. From z and e^{−z²/2}, without branches: a loop over it vectorises.
#[inline(always)]
pub(crate) fn signed_share(weight: f64, left: bool, z: f64, gauss: f64) -> f64 {
    let tail = gauss * normal::mills(z.abs());
    let (sign, far) = if left { (-weight, z > 0.0) } else { (weight, z < 0.0) };
    sign * if far { tail } else { 1.0 - tail }
}

/// Largest number of bisection or Newton steps of a quantile; bisection alone needs about 60 for the spacing of floats near the solution
/// and at most 1100 for a solution near zero.
const QUANTILE_STEPS: usize = 1200;

/// Masses below this are left to logarithms.
const LEAST_MASS: f64 = 1e-280;
/// A step of this part of the bracket is the last but two or so.
const NEAR: f64 = 1e-6;

impl LineMarginal {
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
        let mut x = self.approach(label.split, sign * size.exp(), bracket);
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

    /// A point near that of the given signed mass, by Newton's method on the mass itself, which costs less than on its logarithm; the middle of the
    /// bracket where that leads nowhere.
    fn approach(&self, split: usize, mass: f64, (low, high): (f64, f64)) -> f64 {
        const STEPS: usize = 12;
        let middle = 0.5 * (low + high);
        if mass.abs() < LEAST_MASS || self.stds.contains(&0.0) {
            return middle;
        }
        let mut x = middle;
        for _ in 0..STEPS {
            let (mut excess, mut density) = (-mass, 0.0);
            for (k, (weight, mean, std)) in self.components().enumerate() {
                let z = (x - mean) / std;
                let gauss = exp(-0.5 * z * z);
                excess += signed_share(weight, k < split, z, gauss);
                density += weight / std * normal::INV_SQRT_2PI * gauss;
            }
            let step = excess / density;
            let next = x - step;
            // In a gap the mass says little of the place.
            let known = density * (high - low) > 1e-3 * mass.abs();
            if !(known && low < next && next < high) {
                return middle;
            }
            x = next;
            if step.abs() <= NEAR * (high - low) {
                break;
            }
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
        let label = from.label(x);
        if label.ln_below.max(label.ln_above) == f64::NEG_INFINITY {
            // Beyond e^{−1e308} no mass is left to compare: the component that has the point carries it.
            let mut best = (0, f64::NEG_INFINITY);
            from.for_responsibilities(x, |k, r| {
                if r > best.1 {
                    best = (k, r);
                }
            });
            let k = best.0;
            return self.means[k] + self.stds[k] * Self::standardise(x, from.means[k], from.stds[k]);
        }
        self.at_label(&label, (low, high))
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
