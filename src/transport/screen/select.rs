//! The columns of the smallest values of a row.

use crate::numeric::vector::vectorised;
use crate::transport::screen::{CHUNK, GROUPS};

/// Columns of one group of the minima.
const MEMBERS: usize = CHUNK / GROUPS;
/// Steps of a bisection at most; after 30 of them the ends are neighbours unless values of very different size meet.
const STEPS: usize = 40;

/// A `u32` that orders like the float.
#[inline]
pub(crate) fn order_key(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

/// The float of an [`order_key`].
pub(crate) fn from_key(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

/// The columns of a group of the minima.
pub(crate) fn members(group: usize) -> impl Iterator<Item = usize> {
    let first = group / GROUPS * CHUNK + group % GROUPS;
    (0..MEMBERS).map(move |k| first + k * GROUPS)
}

/// Keeps the columns of the smallest values, about `want` and at most twice as many, as order key · 2³² + column, and returns a number
/// that no value left out is below.
///
/// `minima` are those of the groups; at least `want` values are finite. `groups` is a buffer.
pub(crate) fn select(values: &[f32], minima: &[f32], want: usize, groups: &mut Vec<u32>, kept: &mut Vec<u64>) -> f32 {
    // With few groups the minima say too little: a longer list would not come out longer.
    let top = if minima.len() >= 2 * want { threshold(minima, want) } else { threshold(values, want) };
    // Both loops write always and keep what is small enough: no branch to mispredict.
    groups.resize(minima.len(), 0);
    let mut count = 0;
    for (group, &least) in minima.iter().enumerate() {
        groups[count] = group as u32;
        count += usize::from(least <= top);
    }
    groups.truncate(count);
    kept.resize(MEMBERS * count, 0);
    let mut count = 0;
    for &group in &*groups {
        for column in members(group as usize) {
            let value = values[column];
            kept[count] = u64::from(order_key(value)) << 32 | column as u64;
            count += usize::from(value <= top);
        }
    }
    kept.truncate(count);
    if kept.len() <= 2 * want {
        return top;
    }
    let cut = (*kept.select_nth_unstable(2 * want).1 >> 32) as u32;
    kept.truncate(2 * want);
    from_key(cut)
}

/// A number that at least `want` of the values do not exceed, and not many more unless they are equal; at least so many must be finite.
///
/// By bisection: to count takes an eighth of a cycle a value, less than a partition.
fn threshold(values: &[f32], want: usize) -> f32 {
    vectorised(
        #[inline(always)]
        |_| {
            let (mut low, mut high) = ends(values);
            for _ in 0..STEPS {
                let middle = 0.5 * low + 0.5 * high;
                if !(low < middle && middle < high) {
                    break;
                }
                let count = at_most(values, middle);
                if count < want {
                    low = middle;
                    continue;
                }
                high = middle;
                if count <= want + want / 4 {
                    break;
                }
            }
            high
        },
    )
}

/// How many values are at most `top`.
#[inline(always)]
fn at_most(values: &[f32], top: f32) -> usize {
    let mut count = 0_u32;
    for value in values {
        count += u32::from(*value <= top);
    }
    count as usize
}

/// The smallest and the largest finite of whole blocks of values.
#[inline(always)]
fn ends(values: &[f32]) -> (f32, f32) {
    let (blocks, _) = values.as_chunks::<GROUPS>();
    let (mut low, mut high) = ([f32::INFINITY; GROUPS], [f32::NEG_INFINITY; GROUPS]);
    for block in blocks {
        for lane in 0..GROUPS {
            low[lane] = if block[lane] < low[lane] { block[lane] } else { low[lane] };
        }
    }
    for block in blocks {
        for lane in 0..GROUPS {
            let finite = if block[lane] < f32::INFINITY { block[lane] } else { f32::NEG_INFINITY };
            high[lane] = if finite > high[lane] { finite } else { high[lane] };
        }
    }
    let low = low.iter().fold(f32::INFINITY, |low, &v| if v < low { v } else { low });
    (low, high.iter().fold(f32::NEG_INFINITY, |high, &v| if v > high { v } else { high }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The minima of the groups of a row, by their definition.
    fn minima(values: &[f32]) -> Vec<f32> {
        let least = |group| members(group).map(|j| values[j]).fold(f32::INFINITY, f32::min);
        (0..values.len() / MEMBERS).map(least).collect()
    }

    proptest! {
        /// With ties, values of very different size and padding: at least `want` columns are kept and at most twice as many, all smaller
        /// values among them, and nothing below the returned number is left out.
        #[test]
        fn keeps_the_smallest(
            columns in 1_usize..2000, share in 0.0..1.0_f64, power in prop::sample::select(vec![0, 1, 9]), few in any::<bool>(), seed in 0_u64..1000
        ) {
            let want = 1 + (share * share * (columns - 1) as f64) as usize;
            let mut stream = crate::numeric::stream::Stream::nth(seed, 0);
            let mut draw = || {
                let z = <f64 as crate::float::Float>::standard_normal(&mut stream) as f32;
                (if few { z.round() } else { z }).powi(power)
            };
            let mut values: Vec<f32> = (0..columns).map(|_| draw()).collect();
            values.resize(columns.next_multiple_of(CHUNK), f32::INFINITY);
            let (mut groups, mut kept) = (Vec::new(), Vec::new());
            let cut = select(&values, &minima(&values), want, &mut groups, &mut kept);
            prop_assert!(kept.len() >= want && kept.len() <= 2 * want);
            prop_assert!(kept.iter().all(|&key| from_key((key >> 32) as u32) == values[key as u32 as usize] && (key as u32) < columns as u32));
            let left_out = |j: &usize| !kept.iter().any(|&key| key as u32 as usize == *j);
            prop_assert!((0..columns).filter(left_out).all(|j| values[j] >= cut));
        }
    }
}
