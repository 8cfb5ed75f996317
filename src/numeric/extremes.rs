//! Greatest numbers and positive parts that NaN passes through, where `f64::max` would skip it.

/// The largest of some numbers and 0, NaN if there is one.
pub(crate) fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |m, v| if v > m || v.is_nan() { v } else { m })
}

/// The positive part; NaN stays NaN.
pub(crate) fn positive(value: f64) -> f64 {
    if value < 0.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_passes_wherever_it_stands() {
        for at in 0..3 {
            let mut values = [1.0, 3.0, 2.0];
            assert_eq!(largest(values.into_iter()), 3.0);
            values[at] = f64::NAN;
            assert!(largest(values.into_iter()).is_nan());
        }
        assert_eq!((largest([-1.0].into_iter()), positive(-1.0), positive(2.0)), (0.0, 0.0, 2.0));
        assert!(positive(f64::NAN).is_nan());
    }
}
