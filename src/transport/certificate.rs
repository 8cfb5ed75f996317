//! The proof of optimality: feasible duals by a full pass over all pairs, and sums that do not round the gap away.

use super::cost::Geometry;
use super::screen::{Scratch, Screen};
#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// Rows a task; fixed, so that results do not depend on the number of threads.
const PART: usize = 16;

/// u_i = min_j(c_ij − v_j) over all columns, from exact costs: with it u_i + v_j ≤ c_ij holds for every pair.
///
/// Bounds in single precision rule out the columns that cannot be the minimum; the others are computed in full.
pub(crate) fn potential(geometry: &Geometry, screen: &Screen, prices: &[f64]) -> Vec<f64> {
    let priced = screen.priced_all(prices);
    let mut u = vec![f64::INFINITY; geometry.rows()];
    let work = |scratch: &mut Scratch, (part, u): (usize, &mut [f64])| {
        let rows: Vec<u32> = (0..u.len()).map(|index| (part * PART + index) as u32).collect();
        screen.scan(&rows, &priced, scratch);
        for (index, (&i, u)) in rows.iter().zip(u).enumerate() {
            *u = least(geometry, screen, prices, i as usize, scratch.row(index, screen.stride()).0);
        }
    };
    #[cfg(feature = "rayon")]
    u.par_chunks_mut(PART).enumerate().for_each_init(Scratch::default, work);
    #[cfg(not(feature = "rayon"))]
    {
        let mut scratch = Scratch::default();
        u.chunks_mut(PART).enumerate().for_each(|chunk| work(&mut scratch, chunk));
    }
    u
}

/// The minimum of one row, given its lower bounds.
fn least(geometry: &Geometry, screen: &Screen, prices: &[f64], i: usize, bounds: &[f32]) -> f64 {
    let offset = screen.row_offset(i);
    let mut least = f64::INFINITY;
    let first = bounds.iter().enumerate().fold((0, f32::INFINITY), |least, (j, &b)| if b < least.1 { (j, b) } else { least });
    let value = |j: usize| geometry.cost(i, j) - prices[j];
    least = least.min(value(first.0));
    for (j, &bound) in bounds.iter().enumerate() {
        if f64::from(bound) + offset < least {
            least = least.min(value(j));
        }
    }
    least
}

/// The mean by compensated summation (Neumaier, *ZAMM* 54, 1974): its error does not grow with the number of terms.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    for &value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
    }
    (sum + lost) / values.len() as f64
}
