//! The columns of the smallest values of a row.

use super::{CHUNK, GROUPS};
use crate::vector::vectorised;

/// Columns of one group of the minima.
const MEMBERS: usize = CHUNK / GROUPS;
/// Numbers compared at once.
const WIDTH: usize = 16;
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

/// The smallest and the largest finite value.
#[inline(always)]
fn ends(values: &[f32]) -> (f32, f32) {
    let (blocks, rest) = values.as_chunks::<WIDTH>();
    let (mut low, mut high) = ([f32::INFINITY; WIDTH], [f32::NEG_INFINITY; WIDTH]);
    for block in blocks {
        for lane in 0..WIDTH {
            let v = block[lane];
            low[lane] = if v < low[lane] { v } else { low[lane] };
            high[lane] = if v > high[lane] && v < f32::INFINITY { v } else { high[lane] };
        }
    }
    let finite = rest.iter().filter(|v| **v < f32::INFINITY);
    let low = low.iter().chain(rest).fold(f32::INFINITY, |low, &v| low.min(v));
    (low, high.iter().chain(finite).fold(f32::NEG_INFINITY, |high, &v| high.max(v)))
}
