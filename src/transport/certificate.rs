//! The proof of optimality: feasible duals by a full pass over all pairs, and sums that do not round the gap away.

use crate::numeric::parallel;
use crate::transport::cost::Geometry;
use crate::transport::length::UNIT;
use crate::transport::screen::boxes::{BLOCK, Boxes, spatial};
use crate::transport::screen::select::{members, select};
use crate::transport::screen::{Scratch, Screen};
use crate::transport::sum::sum;
#[cfg(feature = "rayon")]
use rayon::prelude::*;

/// Rows a task; fixed, so that results do not depend on the number of threads.
const PART: usize = 24;

/// Applies `question` to every row's bounds and their minima.
fn each_row<T: Send + Default + Clone>(
    screen: &Screen,
    rows: usize,
    prices: &[f64],
    question: impl Fn(usize, &[f32], &[f32]) -> T + Sync,
) -> Vec<T> {
    let priced = screen.priced_all(prices);
    let mut answers = vec![T::default(); rows];
    let work = |scratch: &mut Scratch, (part, answers): (usize, &mut [T])| {
        let rows: Vec<u32> = (0..answers.len()).map(|index| (part * PART + index) as u32).collect();
        screen.scan(&rows, &priced, scratch);
        for (index, (&i, answer)) in rows.iter().zip(answers).enumerate() {
            let (bounds, minima) = scratch.row(index, screen.stride());
            *answer = question(i as usize, bounds, minima);
        }
    };
    #[cfg(feature = "rayon")]
    answers.par_chunks_mut(PART).enumerate().for_each_init(Scratch::default, work);
    #[cfg(not(feature = "rayon"))]
    {
        let mut scratch = Scratch::default();
        answers.chunks_mut(PART).enumerate().for_each(|chunk| work(&mut scratch, chunk));
    }
    answers
}

/// u_i = min_j(c_ij − v_j) over all columns, from exact costs: with it u_i + v_j ≤ c_ij holds for every pair.
///
/// Bounds in single precision rule out the columns that cannot be the minimum; the others are computed in full.
pub(crate) fn potential(geometry: &Geometry, screen: &Screen, prices: &[f64]) -> Vec<f64> {
    if spatial(geometry.dim) {
        return potential_by_boxes(geometry, prices);
    }
    each_row(screen, geometry.rows(), prices, |i, bounds, minima| {
        least(bounds, minima, screen.row_offset(i), |j| geometry.cost(i, j) - prices[j])
    })
}

/// The same by boxes; rows in spatial order begin near the column of the row before.
fn potential_by_boxes(geometry: &Geometry, prices: &[f64]) -> Vec<f64> {
    let boxes = Boxes::new(geometry, prices);
    let mut u = vec![0.0; geometry.rows()];
    parallel::for_blocks(&mut u, PART, |part, u| {
        let mut near = 0;
        for (index, u) in u.iter_mut().enumerate() {
            let look = boxes.two_least(geometry, part * PART + index, near);
            near = look.column as usize / BLOCK;
            *u = look.best;
        }
    });
    u
}

/// Pairs with c_ij < u_i + v_j beyond rounding, at most about `most` a row, those with the smallest c_ij − v_j.
pub(crate) fn below(geometry: &Geometry, screen: &Screen, u: &[f64], v: &[f64], most: usize) -> Vec<(u32, u32)> {
    let found = each_row(screen, geometry.rows(), v, |i, bounds, minima| {
        let offset = screen.row_offset(i);
        let mut found: Vec<(f64, u32)> = Vec::new();
        for (group, _) in minima.iter().enumerate().filter(|(_, least)| f64::from(**least) + offset < u[i]) {
            for j in members(group).filter(|&j| f64::from(bounds[j]) + offset < u[i]) {
                let cost = geometry.cost(i, j);
                let reduced = cost - u[i] - v[j];
                if reduced < -tolerance(cost, u[i], v[j]) {
                    found.push((reduced, j as u32));
                }
            }
        }
        found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        found.truncate(most);
        found
    });
    found.iter().enumerate().flat_map(|(i, row)| row.iter().map(move |&(_, j)| (i as u32, j))).collect()
}

/// Pairs of each row with about `most` of the columns of smallest c_ij − v_j.
pub(crate) fn cheapest(screen: &Screen, prices: &[f64], rows: usize, most: usize) -> Vec<(u32, u32)> {
    let found = each_row(screen, rows, prices, |_, bounds, minima| {
        let mut kept = Vec::new();
        select(bounds, minima, most.min(prices.len()), &mut Vec::new(), &mut kept);
        kept
    });
    found.iter().enumerate().flat_map(|(i, row)| row.iter().map(move |&key| (i as u32, key as u32))).collect()
}

/// Rounding of a reduced cost; smaller ones count as zero.
pub(crate) fn tolerance(cost: f64, u: f64, v: f64) -> f64 {
    8.0 * f64::EPSILON * (cost.abs() + u.abs() + v.abs())
}

/// A number that the optimum is not below: Σ a_i u_i + Σ b_j v_j of potentials by [`potential`], less all rounding.
///
/// Costs as [`Geometry::cost`] rounds them are within δ of the true ones, so that
///
/// ```math
/// c_{ij} - v_j \ge (1-\delta)(\hat c_{ij} - v_j) - \delta v_j \ge u_i - (\delta + 2u)|u_i| - \delta \max_j v_j^+ .
/// ```
///
/// Terms are (a_i, u_i) and (b_j, v_j), with masses of sum `total` on either side that are within `rounded`, in units of u, of the true ones;
/// `moved` bounds the shares of mass that they lack.
pub(crate) fn lower(geometry: &Geometry, u: &[(f64, f64)], v: &[(f64, f64)], total: f64, rounded: f64, moved: f64) -> f64 {
    let delta = geometry.cost_error();
    let size = |terms: &[(f64, f64)]| terms.iter().map(|(mass, dual)| mass * dual.abs()).sum::<f64>() / total;
    let largest = |terms: &[(f64, f64)]| terms.iter().map(|term| term.1.abs()).fold(0.0, f64::max);
    let positive = v.iter().map(|term| term.1).fold(0.0, f64::max);
    let dual = sum(u.iter().chain(v).map(|(mass, dual)| mass * dual)) / total;
    let (size_u, size_v) = (size(u), size(v));
    // Masses and products; then the compensated sum, the total and the quotient.
    let terms = rounded * UNIT + 4.0 * (u.len() + v.len()) as f64 * UNIT * UNIT;
    let rounding = terms * (size_u + size_v) + 5.0 * UNIT * dual.abs();
    let loss = (delta + 2.0 * UNIT) * size_u + delta * positive + rounding + moved * (largest(u) + largest(v)) + geometry.cost_underflow();
    dual - loss * (1.0 + 1e-3)
}

/// The minimum of `value` over one row, given its lower bounds and their minima by groups.
fn least(bounds: &[f32], minima: &[f32], offset: f64, value: impl Fn(usize) -> f64) -> f64 {
    let first = minima.iter().enumerate().fold((0, f32::INFINITY), |least, (g, &b)| if b < least.1 { (g, b) } else { least });
    let mut least = f64::INFINITY;
    // The most promising group first: its minimum rules out nearly all others.
    for group in std::iter::once(first.0).chain(0..minima.len()) {
        if f64::from(minima[group]) + offset < least {
            for j in members(group) {
                if f64::from(bounds[j]) + offset < least {
                    least = least.min(value(j));
                }
            }
        }
    }
    least
}
