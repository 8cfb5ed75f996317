//! The smallest threshold along whose pairs all mass can flow.

use crate::transport::bottleneck::flow::Flow;
use crate::transport::integer::Number;
use crate::transport::length::Length;

/// Candidates kept at a time.
const KEPT: usize = 1 << 20;

/// The smallest ℓ such that the pairs of length at most ℓ can carry all mass, and a flow that does it; all masses are positive.
///
/// By bisection among the lengths themselves, so that the answer is one of them. The flow of one test starts the next.
pub(in crate::transport) fn threshold<M: Number + Ord>(
    supply: &[M],
    demand: &[M],
    length: impl Fn(usize, usize) -> Length,
) -> (Length, Vec<(usize, usize, M)>) {
    let mut low = nearest(supply.len(), demand.len(), &length);
    let mut flow = Flow::new(supply, demand);
    let mut test = |limit: Length| {
        let allowed = |i: usize, j: usize| length(i, j) <= limit;
        flow.restrict(allowed);
        flow.fill(allowed);
        flow.is_whole()
    };
    let mut high = None;
    // `low` is the only candidate that is tested without being known to fail.
    if test(low) {
        high = Some(low);
    }
    while high != Some(low) {
        let mut between = candidates(supply.len(), demand.len(), &length, low, high);
        let Some(last) = between.len().checked_sub(1) else {
            break;
        };
        let middle = *between.select_nth_unstable_by(last / 2, compare).1;
        if test(middle) {
            high = Some(middle);
        } else {
            low = middle;
        }
    }
    let limit = high.unwrap_or(low);
    test(limit);
    (limit, flow.pairs())
}

fn compare(a: &Length, b: &Length) -> std::cmp::Ordering {
    a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal)
}

/// Every point must go at least to its nearest partner.
fn nearest(rows: usize, columns: usize, length: &impl Fn(usize, usize) -> Length) -> Length {
    let mut of_row = vec![None; rows];
    let mut of_column = vec![None; columns];
    let take = |best: &mut Option<Length>, length: Length| {
        if best.is_none_or(|best| length < best) {
            *best = Some(length);
        }
    };
    for i in 0..rows {
        for j in 0..columns {
            let length = length(i, j);
            take(&mut of_row[i], length);
            take(&mut of_column[j], length);
        }
    }
    of_row.into_iter().chain(of_column).flatten().fold(Length::ZERO, |most, length| if length > most { length } else { most })
}

/// Some of the lengths above `low` and below `high`, evenly among the pairs; all of them where they are few.
fn candidates(rows: usize, columns: usize, length: &impl Fn(usize, usize) -> Length, low: Length, high: Option<Length>) -> Vec<Length> {
    let (mut kept, mut stride, mut seen) = (Vec::new(), 1, 0_usize);
    for i in 0..rows {
        for j in 0..columns {
            let length = length(i, j);
            if length > low && high.is_none_or(|high| length < high) {
                if seen % stride == 0 {
                    if kept.len() == KEPT {
                        let mut at = 0;
                        kept.retain(|_| {
                            at += 1;
                            at % 2 == 1
                        });
                        stride *= 2;
                    }
                    if seen % stride == 0 {
                        kept.push(length);
                    }
                }
                seen += 1;
            }
        }
    }
    kept
}
