//! A measured number and what is known about its error.

/// A measured number, its standard error and an interval.
///
/// Everything the crate estimates (a distance between two clouds, a fitted slope, a Lipschitz constant) is reported in this form.
/// A number that was computed and not sampled has `std_error` 0 and an interval that holds its numerical error.
///
/// # Example
/// ```
/// use onestep::Estimate;
/// let e = Estimate::from_samples(&[1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(e.value, 2.5);
/// assert!((e.std_error - (5.0_f64 / 12.0).sqrt()).abs() < 1e-15);
/// assert!(e.lower < e.value && e.value < e.upper);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Estimate {
    /// The estimate itself.
    pub value: f64,
    /// One standard error of `value`; 0 for a computed number.
    pub std_error: f64,
    /// Lower end of the interval; the function that made the estimate says at which level.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
    /// How many evaluations, samples or replicates the estimate used.
    pub evaluations: usize,
}

/// 97.5 % quantile of N(0, 1).
const NORMAL_975: f64 = 1.959_963_984_540_054;

impl Estimate {
    /// A computed number with an absolute error bound, no sampling.
    ///
    /// ```
    /// use onestep::Estimate;
    /// let e = Estimate::computed(2.0, 0.5, 7);
    /// assert_eq!((e.lower, e.upper, e.std_error), (1.5, 2.5, 0.0));
    /// ```
    #[must_use]
    pub fn computed(value: f64, error: f64, evaluations: usize) -> Self {
        Self { value, std_error: 0.0, lower: value - error, upper: value + error, evaluations }
    }

    /// A value with a standard error and the 95 % normal interval `value ± 1.96 std_error`.
    ///
    /// ```
    /// use onestep::Estimate;
    /// let e = Estimate::normal(0.0, 1.0, 10);
    /// assert!((e.upper - 1.959964).abs() < 1e-6 && e.lower == -e.upper);
    /// ```
    #[must_use]
    pub fn normal(value: f64, std_error: f64, evaluations: usize) -> Self {
        let half = NORMAL_975 * std_error;
        Self { value, std_error, lower: value - half, upper: value + half, evaluations }
    }

    /// The mean of independent samples, its standard error and 95 % normal interval.
    /// One sample has no standard error: it is reported as infinite. An empty slice gives NaN throughout.
    ///
    /// ```
    /// use onestep::Estimate;
    /// assert_eq!(Estimate::from_samples(&[3.0]).std_error, f64::INFINITY);
    /// assert_eq!(Estimate::from_samples(&[3.0, 3.0]).std_error, 0.0);
    /// ```
    #[must_use]
    pub fn from_samples(samples: &[f64]) -> Self {
        let n = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / n;
        let square: f64 = samples.iter().map(|s| (s - mean).powi(2)).sum();
        let std_error = match samples.len() {
            0 => f64::NAN,
            1 => f64::INFINITY,
            _ => (square / (n - 1.0) / n).sqrt(),
        };
        Self::normal(mean, std_error, samples.len())
    }

    /// Whether the interval holds `truth`.
    ///
    /// ```
    /// use onestep::Estimate;
    /// assert!(Estimate::computed(1.0, 0.1, 1).contains(0.95));
    /// assert!(!Estimate::computed(1.0, 0.1, 1).contains(0.85));
    /// ```
    #[must_use]
    pub fn contains(&self, truth: f64) -> bool {
        self.lower <= truth && truth <= self.upper
    }
}
