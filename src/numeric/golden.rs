//! Golden-section search.

/// The minimiser of a unimodal function on [a, b] by golden section, to about 1e−8 of the interval.
pub(crate) fn golden_minimum(f: impl Fn(f64) -> f64, mut a: f64, mut b: f64) -> f64 {
    const RATIO: f64 = 0.618_033_988_749_894_9;
    let (mut c, mut d) = (b - RATIO * (b - a), a + RATIO * (b - a));
    for _ in 0..40 {
        if f(c) < f(d) {
            b = d;
        } else {
            a = c;
        }
        c = b - RATIO * (b - a);
        d = a + RATIO * (b - a);
    }
    0.5 * (a + b)
}
