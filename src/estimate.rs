//! A measured number and what is known about its error.

use crate::numeric::special::student::two_sided_quantile;
use std::fmt;

/// A measured number, its standard error and an interval.
///
/// Everything the crate estimates (a distance between two clouds, a fitted slope, a Lipschitz constant) is reported in this form.
/// A number that was computed and not sampled has `std_error` 0 and an interval that holds its numerical error.
///
/// Printed it reads `value ± std_error [lower, upper]`, to two digits of the error; the interval is rounded outwards. Numbers without a standard
/// error print `value [lower, upper]`. A precision fixes the digits after the point.
///
/// # Example
/// ```
/// use onestep::Estimate;
/// let e = Estimate::from_samples(&[1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(e.to_string(), "2.50 ± 0.65 [0.44, 4.56]");
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

/// Degrees of freedom from which on Student's quantile and the normal one agree to 1e−6.
const STUDENT: f64 = 2e6;

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

    /// A value with a standard error that has `freedom` degrees of freedom, and the 95 % interval by Student's quantile.
    ///
    /// ```
    /// use onestep::Estimate;
    /// let e = Estimate::student(0.0, 1.0, 1.0, 2);
    /// assert!((e.upper - 12.7062).abs() < 1e-4 && e.lower == -e.upper);
    /// ```
    #[must_use]
    pub fn student(value: f64, std_error: f64, freedom: f64, evaluations: usize) -> Self {
        let quantile = if freedom < STUDENT { two_sided_quantile(0.95, freedom) } else { NORMAL_975 };
        let half = if std_error == 0.0 { 0.0 } else { quantile * std_error };
        Self { value, std_error, lower: value - half, upper: value + half, evaluations }
    }

    /// The mean of independent samples, its standard error and 95 % interval by Student's quantile.
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
        let sum: f64 = samples.iter().sum();
        let mean = if sum.is_infinite() { samples.iter().map(|s| s / n).sum() } else { sum / n };
        let std_error = match samples.len() {
            0 => f64::NAN,
            1 => f64::INFINITY,
            _ => {
                let variance = |scale: f64| samples.iter().map(|s| ((s - mean) / scale).powi(2)).sum::<f64>() / (n - 1.0) / n;
                let plain = variance(1.0);
                // Squares beyond the floating-point numbers: deviations are measured by the largest of them.
                let largest = samples.iter().map(|s| (s - mean).abs()).fold(0.0, f64::max);
                if plain.is_normal() || largest == 0.0 { plain.sqrt() } else { largest * variance(largest).sqrt() }
            }
        };
        if samples.len() < 2 {
            Self::normal(mean, std_error, samples.len())
        } else {
            Self::student(mean, std_error, n - 1.0, samples.len())
        }
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

/// Digits of the error that are printed.
const ERROR_DIGITS: i32 = 2;
/// Digits that are printed of a number without error, and the most that mean anything in `f64`.
const DIGITS: (i32, i32) = (6, 15);

/// ⌊log₁₀ |x|⌋ of a number that is neither 0 nor infinite.
fn exponent(x: f64) -> i32 {
    format!("{x:e}").rsplit('e').next().and_then(|e| e.parse().ok()).unwrap_or(0)
}

/// How numbers of one estimate are printed: side by side, with the same last digit.
#[derive(Debug, Clone, Copy)]
struct Digits {
    /// The power of ten of the last digit.
    last: i32,
    scientific: bool,
}

impl Digits {
    fn of(e: &Estimate) -> Self {
        let size = |x: f64| (x != 0.0 && x.is_finite()).then(|| exponent(x));
        let Some(top) = [e.value, e.lower, e.upper].into_iter().filter_map(size).max() else { return Self { last: 0, scientific: false } };
        let error = size(e.std_error).or(size(e.upper - e.lower).map(|width| width.min(top)));
        let last = error.map_or(top + 1 - DIGITS.0, |error| error + 1 - ERROR_DIGITS).clamp(top + 1 - DIGITS.1, top);
        let scientific = !(-4..7).contains(&top);
        Self { last: if scientific { last } else { last.min(0) }, scientific }
    }

    fn write(self, x: f64) -> String {
        if x == 0.0 || !x.is_finite() {
            return format!("{x}");
        }
        let digits = |count: i32| usize::try_from(count).unwrap_or(0);
        if self.scientific { format!("{x:.*e}", digits(exponent(x) - self.last)) } else { format!("{x:.*}", digits(-self.last)) }
    }

    /// Rounded to below, or above.
    fn outwards(self, x: f64, up: bool) -> String {
        let written = self.write(x);
        let parsed: f64 = written.parse().unwrap_or(x);
        let inside = if up { parsed < x } else { parsed > x };
        if !inside {
            return written;
        }
        let unit = format!("1e{}", self.last).parse().unwrap_or(0.0);
        self.write(if up { parsed + unit } else { parsed - unit })
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match f.precision() {
            Some(places) => Digits { last: -i32::try_from(places).unwrap_or(i32::MAX), scientific: false },
            None => Digits::of(self),
        };
        write!(f, "{}", digits.write(self.value))?;
        if self.std_error != 0.0 {
            write!(f, " ± {}", digits.write(self.std_error))?;
        }
        write!(f, " [{}, {}]", digits.outwards(self.lower, false), digits.outwards(self.upper, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_error_scales_with_the_samples() {
        let one = Estimate::from_samples(&[1.0, 2.0, 4.0, -3.0]);
        for scale in [1e-300, 1e-200, 1e-160, 1e160, 1e250, 1e307] {
            let e = Estimate::from_samples(&[scale, 2.0 * scale, 4.0 * scale, -3.0 * scale]);
            assert!((e.value / scale - one.value).abs() < 1e-14 && (e.std_error / scale - one.std_error).abs() < 1e-14, "{scale:e}: {e:?}");
        }
        assert_eq!(Estimate::from_samples(&[1.7e308; 3]).value, 1.7e308);
        assert!(Estimate::from_samples(&[1.0, f64::NAN, 2.0]).std_error.is_nan());
        assert!(!Estimate::from_samples(&[1.0, f64::INFINITY]).std_error.is_finite());
    }

    #[test]
    fn prints_what_the_error_leaves() {
        for (e, text) in [
            (Estimate::normal(1.234_567, 0.056_7, 9), "1.235 ± 0.057 [1.123, 1.346]"),
            (Estimate::computed(2.0, 0.5, 1), "2.0 [1.5, 2.5]"),
            (Estimate::computed(std::f64::consts::PI, 0.0, 1), "3.14159 [3.14159, 3.14160]"),
            (Estimate::normal(123_456.0, 7_890.0, 1), "123456 ± 7890 [107991, 138921]"),
            (Estimate::normal(3.2e-9, 1.5e-10, 1), "3.20e-9 ± 1.5e-10 [2.90e-9, 3.50e-9]"),
            (Estimate::computed(0.0, 0.0, 1), "0 [0, 0]"),
            (Estimate::from_samples(&[3.0]), "3.00000 ± inf [-inf, inf]"),
            (Estimate::normal(f64::NAN, 1.0, 1), "NaN ± 1 [NaN, NaN]"),
        ] {
            assert_eq!(e.to_string(), text);
        }
        assert_eq!(format!("{:.1}", Estimate::normal(1.25, 0.5, 1)), "1.2 ± 0.5 [0.2, 2.3]");
    }

    #[test]
    fn the_printed_interval_holds_the_interval() {
        let mut x = 0.123_456_789_f64;
        for k in 0..2000 {
            x = (3.9 * x * (1.0 - x)).clamp(1e-9, 1.0);
            let value = (x - 0.5) * 10_f64.powi(k % 40 - 20);
            let e = Estimate::normal(value, value.abs() * 10_f64.powi(-(k % 13)), 1);
            let text = e.to_string();
            let ends: Vec<f64> = text[text.find('[').unwrap() + 1..text.len() - 1].split(", ").map(|s| s.parse().unwrap()).collect();
            assert!(ends[0] <= e.lower && e.upper <= ends[1], "{text} for {e:?}");
        }
    }
}
