//! Gaussian paths: the conventions in which people write x = a X_0 + b Z, and the way from each to the angle.
//!
//! Every Gaussian path is a rescaled angle: with the scale m = √(a² + b²) and tan θ = b/a,
//!
//! ```text
//! x = a X_0 + b Z = m (cos θ X_0 + sin θ Z) = m X_θ.
//! ```
//!
//! | path | its time | a, b | m | θ | take |
//! | --- | --- | --- | --- | --- | --- |
//! | variance preserving (DDPM) | ᾱ | √ᾱ, √(1−ᾱ) | 1 | cos θ = √ᾱ | [`Path::vp`] |
//! | variance exploding (EDM, consistency models) | σ | 1, σ | √(1+σ²) = 1/cos θ | tan θ = σ | [`Path::edm`] |
//! | TrigFlow (sCM) | t in radians | cos t, σ_d sin t | √(cos²t + σ_d² sin²t) | tan θ = σ_d tan t | [`Path::trig`] |
//! | linear, noise at 1 (flow matching, MeanFlow) | s | 1−s, s | √((1−s)² + s²) | tan θ = s/(1−s) | [`Path::linear`] |
//! | linear, data at 1 (rectified flow) | s | s, 1−s | the same | tan θ = (1−s)/s | [`Path::linear_from_noise`] |
//! | any other | t | a(t), b(t) | √(a² + b²) | tan θ = b/a | [`PathFn`], or [`GaussianPath`] for a type of your own |
//!
//! Everything converts by m and θ alone:
//!
//! | object | on the path | take |
//! | --- | --- | --- |
//! | a point | x = m x_θ | [`Place::from_vp`], [`Place::to_vp`] |
//! | a flow map | Φ^path_{s→r}(x) = m_r Φ_{θ_s→θ_r}(x/m_s) | the same |
//! | the score | s_θ(x/m)/m | [`PathScore`](crate::score::PathScore), [`OnPath`](crate::score::OnPath) |
//! | D, ε, v, u, F | what a network predicts: see [`Prediction`] | [`Place::convert`], on arrays [`Conversion::apply_into`] |
//! | a consistency function | f_t(x) = f^path(m_t x)/m_1 | [`PathConsistency`](crate::consistency::PathConsistency), [`ConsistencyOnPath`](crate::consistency::ConsistencyOnPath) |
//! | a raw network of EDM | c_skip x + c_out F | [`Preconditioned`](crate::consistency::Preconditioned) |
//!
//! # Example
//! ```
//! use onestep::path::{GaussianPath, Path, Prediction};
//! // σ = 1 of EDM is θ = π/4, s = 1/2 of flow matching and ᾱ = 1/2 of DDPM.
//! let level = Path::edm().place(1.0)?.level();
//! assert!((Path::linear().time(level)? - 0.5).abs() < 1e-15 && (Path::vp().time(level)? - 0.5).abs() < 1e-15);
//! // A network of EDM that returns F = 0.3 at x = 2 sees the data at D = c_skip x + c_out F.
//! let place = Path::edm().place(1.0)?;
//! let denoised = place.convert(Prediction::Edm { sigma_data: 0.5 }, Prediction::Denoised)?.apply(2.0, 0.3);
//! let (skip, out) = (0.25 / 1.25, 0.5 / 1.25_f64.sqrt());
//! assert!((denoised - (skip * 2.0 + out * 0.3)).abs() < 1e-15);
//! # Ok::<(), onestep::Error>(())
//! ```
//!
//! # References
//! Ho, Jain and Abbeel 2020, arXiv 2006.11239 (ε); Salimans and Ho 2022, arXiv 2202.00512 (v); Karras et al. 2022, arXiv 2206.00364 (EDM, F);
//! Lipman et al. 2023, arXiv 2210.02747, and Liu, Gong and Liu 2023, arXiv 2209.03003 (linear paths); Lu and Song 2025, arXiv 2410.11081
//! (TrigFlow).

mod convention;
mod error;
mod function;
mod place;
mod prediction;

pub use convention::Path;
pub use error::PathError;
pub use function::PathFn;
pub use place::Place;
pub use prediction::{Conversion, Prediction};

use crate::delegate::delegate;
use crate::level::NoiseLevel;

/// A Gaussian path x = a X_0 + b Z, run through by a time of its own.
///
/// # Units
/// Every path has its own time: σ, ᾱ, an angle, a fraction of the way. See the table of the [module](self).
pub trait GaussianPath: std::fmt::Debug + Send + Sync {
    /// The place at a time of the path.
    ///
    /// # Errors
    /// The time is NaN or outside the path's range.
    fn place(&self, time: f64) -> Result<Place, PathError>;

    /// The time at which the path is at a noise level.
    ///
    /// # Errors
    /// The path does not reach the level: variance-exploding ones do not reach the noise.
    fn time(&self, level: NoiseLevel) -> Result<f64, PathError>;

    /// The place at a noise level. Override it where a, b and m are known from the level without the way through the time.
    ///
    /// # Errors
    /// As [`time`](Self::time).
    fn on(&self, level: NoiseLevel) -> Result<Place, PathError> {
        self.place(self.time(level)?)
    }
}

delegate! {
    impl[] GaussianPath {
        fn place(&self, time: f64) -> Result<Place, PathError>;
        fn time(&self, level: NoiseLevel) -> Result<f64, PathError>;
        fn on(&self, level: NoiseLevel) -> Result<Place, PathError>;
    }
}
