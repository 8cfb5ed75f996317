//! Exponents of computed numbers: local slopes and where they are going.
//!
//! Numbers without noise have no confidence interval: what keeps a fitted power from the limit is its curvature, not chance.

/// ln(y_{i+1}/y_i)/ln(x_{i+1}/x_i) between neighbouring sizes, sorted by size; `None` where there are fewer than two, or a number that is not
/// positive.
pub(crate) fn local(sizes: &[f64], values: &[f64]) -> Option<Vec<f64>> {
    let mut pairs: Vec<(f64, f64)> = sizes.iter().copied().zip(values.iter().copied()).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positive = |v: f64| v > 0.0 && v.is_finite();
    let usable = pairs.len() > 1 && pairs.iter().all(|&(x, y)| positive(x) && positive(y)) && pairs.windows(2).all(|p| p[0].0 < p[1].0);
    usable.then(|| pairs.windows(2).map(|p| (p[1].1 / p[0].1).ln() / (p[1].0 / p[0].0).ln()).collect())
}

/// The local slopes in words, with their trend.
pub(crate) fn described(sizes: &[f64], values: &[f64]) -> String {
    let Some(slopes) = local(sizes, values) else {
        return "no local slopes: at least two different sizes and positive numbers are needed".to_string();
    };
    let list = slopes.iter().map(|a| format!("{a:.4}")).collect::<Vec<_>>().join(", ");
    match slopes[..] {
        [.., before, last] => {
            let moved = last - before;
            let trend = if moved.abs() < 5e-5 {
                "steady"
            } else if moved > 0.0 {
                "still rising"
            } else {
                "still falling"
            };
            format!("local slopes {list}; {trend} by {moved:+.4} at the last size")
        }
        _ => format!("local slope {list}"),
    }
}

/// The local slopes as an object; an empty list where there are none.
pub(crate) fn object(quantity: &str, against: &str, sizes: &[f64], values: &[f64]) -> serde_json::Value {
    let slopes = local(sizes, values).unwrap_or_default();
    let moved = match slopes[..] {
        [.., before, last] => serde_json::Value::from(last - before),
        _ => serde_json::Value::Null,
    };
    serde_json::json!({"quantity": quantity, "against": against, "slopes": slopes, "last_slope": slopes.last(), "last_change": moved})
}
