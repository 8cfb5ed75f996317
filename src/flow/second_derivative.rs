//! The second derivative of a flow map.

use crate::float::Float;
use ndarray::Array2;

/// D²Φ(x_i)\[u_i, v_i\] of every row, with what is known of its numerical error: what
/// [`FlowJacobian::second_derivative`](crate::flow::FlowJacobian::second_derivative) returns.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{FlowJacobian, NoiseLevel};
/// use onestep::law::LineMixture;
/// let law = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5])?;
/// let (x, one) = (array![[-0.5_f64], [0.5]], array![[1.0_f64], [1.0]]);
/// let bend = law.second_derivative(NoiseLevel::NOISE, NoiseLevel::DATA, &x, &one, &one).unwrap();
/// // Steep between the modes, the flow flattens on both sides alike.
/// let (left, right) = (bend.value[[0, 0]], bend.value[[1, 0]]);
/// assert!(right < 0.0 && (left + right).abs() <= bend.error[0] + bend.error[1]);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SecondDerivative<F = f64> {
    /// D²Φ(x_i)\[u_i, v_i\], one a row.
    pub value: Array2<F>,
    /// An estimate from above of the error of each row, as a length: rounding for a closed form, and the tolerance for an integrated flow.
    pub error: Vec<f64>,
}

impl<F: Float> SecondDerivative<F> {
    /// From the values and an estimate from above of the length of each row's error.
    ///
    /// # Panics
    /// The numbers of rows and of errors differ.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::flow::SecondDerivative;
    /// assert_eq!(SecondDerivative::new(array![[2.0_f64]], vec![1e-12]).error, [1e-12]);
    /// ```
    #[must_use]
    pub fn new(value: Array2<F>, error: Vec<f64>) -> Self {
        assert_eq!(value.nrows(), error.len(), "a second derivative has an error a row");
        Self { value, error }
    }

    /// That of an affine map.
    ///
    /// ```
    /// use onestep::flow::SecondDerivative;
    /// assert_eq!(SecondDerivative::<f64>::zero(2, 3).value, ndarray::Array2::<f64>::zeros((2, 3)));
    /// ```
    #[must_use]
    pub fn zero(rows: usize, dim: usize) -> Self {
        Self { value: Array2::zeros((rows, dim)), error: vec![0.0; rows] }
    }
}

impl<F: Float> std::fmt::Display for SecondDerivative<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let worst = self.error.iter().copied().fold(0.0, f64::max);
        write!(f, "second derivatives at {} points, errors up to {worst:.1e}", self.value.nrows())
    }
}
