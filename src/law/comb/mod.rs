//! The comb: Lipschitz flow maps at every wavenumber, and no rate 1/T that is uniform in it.

mod marginal;

pub use marginal::CombMarginal;

use crate::error::check_range;
use crate::float::Float;
use crate::law::{LawError, Moments, Sample};
use crate::level::NoiseLevel;
use crate::space::{Space, inherent_dim};
use ndarray::{Array1, ArrayRef2, array};
use rand::{Rng, RngCore};

/// Largest wavenumber: that at which a phase keeps ten digits.
const LARGEST_WAVENUMBER: f64 = 1e5;

/// The comb p(x) = γ(x)(1 + A cos kx)/Z on the line, γ the standard normal density, Z = 1 + A e^{−k²/2}.
///
/// Everything is in closed form. With A_θ = A e^{−k² sin²θ/2}, κ = k cos θ and B = 1 + A_θ cos κx,
///
/// ```math
/// p_\theta = \gamma B/Z, \qquad s_\theta = -x - A_\theta \kappa \sin(\kappa x)/B, \qquad
/// \mathrm{Var}(X_0 | X_\theta = x) = \sin^2\theta - k^2 \sin^4\theta\, A_\theta (\cos \kappa x + A_\theta)/B^2 ,
/// ```
///
/// the distribution function by the Faddeeva function, and the flow maps by its inverse.
///
/// It is what the hypothesis of Theorem 1 alone does not exclude: every Φ_{t→k}, k < t, has 0 < Φ' ≤ 1/(1 − A), **whatever k**, while the
/// error of T steps is not O(1/T) uniformly in k. See `docs/lipschitz_is_not_enough.md`.
///
/// # Example
/// ```
/// use onestep::law::Comb;
/// use onestep::{FlowJacobian, NoiseLevel};
/// use onestep::ndarray::array;
/// let comb = Comb::new(0.5, 100.0)?;
/// // Between troughs the flow from noise is steepest, and no steeper than 2.
/// let x = array![[std::f64::consts::PI / 100.0]];
/// let slope = comb.jvp(NoiseLevel::NOISE, NoiseLevel::DATA, &x, &array![[1.0]])[[0, 0]];
/// assert!(slope > 1.99 && slope <= 2.0);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comb {
    amplitude: f64,
    wavenumber: f64,
}

impl Comb {
    /// From the amplitude A in [0, 1) and the wavenumber k in (0, 1e5].
    ///
    /// # Errors
    /// A number outside its range, or NaN.
    ///
    /// ```
    /// use onestep::law::Comb;
    /// assert!(Comb::new(1.0, 6.0).is_err() && Comb::new(-0.1, 6.0).is_err());
    /// assert!(Comb::new(0.5, 0.0).is_err() && Comb::new(0.5, f64::NAN).is_err());
    /// ```
    pub fn new(amplitude: f64, wavenumber: f64) -> Result<Self, LawError> {
        check_range("amplitude", amplitude, (0.0..1.0).contains(&amplitude), "[0, 1)")?;
        check_range("wavenumber", wavenumber, wavenumber > 0.0 && wavenumber <= LARGEST_WAVENUMBER, "(0, 1e5]")?;
        Ok(Self { amplitude, wavenumber })
    }

    /// A.
    ///
    /// ```
    /// assert_eq!(onestep::law::Comb::new(0.5, 6.0)?.amplitude(), 0.5);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn amplitude(&self) -> f64 {
        self.amplitude
    }

    /// k.
    ///
    /// ```
    /// assert_eq!(onestep::law::Comb::new(0.5, 6.0)?.wavenumber(), 6.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn wavenumber(&self) -> f64 {
        self.wavenumber
    }

    /// The law of X_θ.
    ///
    /// ```
    /// use onestep::{NoiseLevel, law::Comb};
    /// let p = Comb::new(0.5, 6.0)?.at(NoiseLevel::NOISE);
    /// assert!((p.cdf(-1.0) - 0.158655253931457).abs() < 1e-15); // at the noise end every law is N(0, 1)
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn at(&self, level: NoiseLevel) -> CombMarginal {
        let k = self.wavenumber;
        CombMarginal {
            amplitude: self.amplitude * (-0.5 * k * k * level.one_minus_alpha_bar()).exp(),
            wavenumber: k * level.cos(),
            ln_norm: (self.amplitude * (-0.5 * k * k).exp()).ln_1p(),
        }
    }

    /// A bound on L_f on every grid: 1/(1 − A), and 1/(1 − A_θ) at the angle θ of the first level. Sharp as k → ∞.
    ///
    /// −∂u/∂x ≤ ∂_θ ln(1 − A_θ), integrated along the flow.
    ///
    /// ```
    /// use onestep::{NoiseLevel, law::Comb};
    /// let bound = Comb::new(0.5, 1e4)?.flow_lipschitz_bound(NoiseLevel::DATA);
    /// assert!((bound - 2.0).abs() < 1e-11);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn flow_lipschitz_bound(&self, first: NoiseLevel) -> f64 {
        /// Roundings of the exponential and the division.
        const OUTWARDS: f64 = 1.0 + 1e-12;
        OUTWARDS / (1.0 - self.at(first).amplitude)
    }

    /// Mean and variance of X_0 given X_θ = x.
    pub(super) fn posterior(&self, marginal: &CombMarginal, level: NoiseLevel, x: f64) -> (f64, f64) {
        let variance = level.one_minus_alpha_bar();
        let (sin, cos) = (marginal.wavenumber * x).sin_cos();
        let ripple = marginal.ripple(x);
        let pull = self.wavenumber * variance * marginal.amplitude;
        let spread = variance - pull * self.wavenumber * variance * (cos + marginal.amplitude) / (ripple * ripple);
        (level.cos() * x - pull * sin / ripple, spread.max(0.0))
    }
}

impl Space for Comb {
    fn dim(&self) -> usize {
        1
    }
}

inherent_dim!([] Comb);

impl Sample for Comb {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        assert_eq!(out.ncols(), 1, "sample: out has {} columns, the target is on the line", out.ncols());
        for mut row in out.rows_mut() {
            // A draw of γ is accepted with probability B/(1 + A), at least every other time.
            row[0] = loop {
                let x = f64::standard_normal(rng);
                let u: f64 = rng.random();
                if u * (1.0 + self.amplitude) < 1.0 + self.amplitude * (self.wavenumber * x).cos() {
                    break x;
                }
            };
        }
    }
}

impl Moments for Comb {
    fn mean(&self) -> Array1<f64> {
        array![0.0]
    }

    fn second_moment(&self) -> f64 {
        let square = self.wavenumber * self.wavenumber;
        let tilt = self.amplitude * (-0.5 * square).exp();
        (1.0 + tilt * (1.0 - square)) / (1.0 + tilt)
    }
}
