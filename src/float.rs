//! The one scalar trait of the crate.

use ndarray::NdFloat;
use num_traits::{FloatConst, FromPrimitive};
use rand::RngCore;
use rand_distr::{Distribution, StandardNormal, StandardUniform};

/// A real scalar: `f32` or `f64`.
///
/// Everything a sample cloud, a score, a consistency function or a trained model needs is a supertrait or a method here, so a generic
/// function of this crate asks for `F: Float` and for nothing else. Quantities whose constants matter at 1e−8 (schedules, targets'
/// parameters, population recursions, bounds) are `f64` throughout and do not use this trait.
///
/// # Example
/// ```
/// use onestep::Float;
/// fn half<F: Float>() -> F { F::of(0.5) }
/// assert_eq!(half::<f32>().as_f64(), half::<f64>());
/// ```
pub trait Float: NdFloat + FloatConst + FromPrimitive + Default + std::iter::Sum + 'static {
    /// The value nearest to `x`.
    ///
    /// ```
    /// use onestep::Float;
    /// assert_eq!(f32::of(0.1), 0.1_f32);
    /// ```
    fn of(x: f64) -> Self;

    /// The value as an `f64`, exactly.
    ///
    /// ```
    /// use onestep::Float;
    /// assert_eq!(0.25_f32.as_f64(), 0.25_f64);
    /// ```
    fn as_f64(self) -> f64;

    /// One draw from N(0, 1).
    ///
    /// ```
    /// use onestep::Float;
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// let mean_square = (0..4000).map(|_| f64::standard_normal(&mut rng).powi(2)).sum::<f64>() / 4000.0;
    /// assert!((mean_square - 1.0).abs() < 5.0 * (2.0_f64 / 4000.0).sqrt());
    /// ```
    fn standard_normal(rng: &mut dyn RngCore) -> Self;

    /// One draw from the uniform law on [0, 1).
    ///
    /// ```
    /// use onestep::Float;
    /// use rand::SeedableRng;
    /// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    /// assert!((0..100).all(|_| (0.0..1.0).contains(&f32::standard_uniform(&mut rng))));
    /// ```
    fn standard_uniform(rng: &mut dyn RngCore) -> Self;
}

macro_rules! impl_float {
    ($($scalar:ty),*) => {$(
        impl Float for $scalar {
            #[inline]
            fn of(x: f64) -> Self {
                x as $scalar
            }
            #[inline]
            fn as_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline]
            fn standard_normal(rng: &mut dyn RngCore) -> Self {
                StandardNormal.sample(rng)
            }
            #[inline]
            fn standard_uniform(rng: &mut dyn RngCore) -> Self {
                StandardUniform.sample(rng)
            }
        }
    )*};
}

impl_float!(f32, f64);
