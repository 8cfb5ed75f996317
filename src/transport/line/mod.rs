//! W_p on the line.
//!
//! The increasing rearrangement is optimal for every p ≥ 1, so
//! W_p^p = ∫_0^1 |F^{−1}(u) − G^{−1}(u)|^p du: sorting for samples, quadrature for laws given by their quantile functions.

mod laws;
mod samples;
mod sort;

pub use laws::{LineQuantile, QuantileFn};
pub(super) use samples::Sorted;
pub(crate) use samples::pairing;

use crate::transport::TransportError;
use crate::transport::order::Order;

/// W_p on the line, exact: between samples, weighted samples, laws, and increasing maps of one law.
///
/// ```math
/// W_p^p(\mu, \nu) = \int_0^1 \lvert F_\mu^{-1}(u) - F_\nu^{-1}(u) \rvert^p \, du
/// ```
///
/// # Example
/// ```
/// use onestep::transport::Line;
/// let w1 = Line::new(1.0)?;
/// assert_eq!(w1.samples(&[3.0, 1.0], &[2.0, 5.0])?, 1.5); // (|1 − 2| + |3 − 5|)/2
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Villani, "Topics in Optimal Transportation", AMS 2003, Theorem 2.18.
#[doc(alias = "EMD")]
#[doc(alias = "earth mover")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    pub(super) order: Order,
}

impl Line {
    /// W_p of `order` p ≥ 1.
    ///
    /// # Errors
    /// `order` is NaN, infinite or below 1.
    ///
    /// ```
    /// use onestep::transport::Line;
    /// assert!(Line::new(0.5).is_err() && Line::new(f64::NAN).is_err());
    /// // W_p of two point masses is their distance, whatever p.
    /// assert!((Line::new(3.5).unwrap().samples(&[0.0], &[7.0]).unwrap() - 7.0).abs() < 1e-14);
    /// ```
    pub fn new(order: f64) -> Result<Self, TransportError> {
        Ok(Self { order: Order::new(order)? })
    }

    /// The order p.
    ///
    /// ```
    /// assert_eq!(onestep::transport::Line::new(2.0).unwrap().order(), 2.0);
    /// ```
    #[must_use]
    pub fn order(&self) -> f64 {
        self.order.value()
    }
}
