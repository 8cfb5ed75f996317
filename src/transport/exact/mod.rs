//! Optimal transport without rounding, for problems that double precision cannot settle.
//!
//! Distances are computed to a few units of the last place whatever their size, and their powers in units of a length that matters: the
//! longest of a plan that is known to be good. In those units a cost above `top` need not be told from `top` itself, as long as the
//! optimal plan does not use it, and a cost is a multiple of 2^{−shift} with an error far below the rounding of the answer. So costs become
//! integers, masses are integers, and the network simplex method in integers ends at an optimum that needs no certificate: its cost is a
//! sum of positive terms, and the bounds on the distance are the rounding of these terms. Where the plan was poor and its optimum is much
//! smaller, the optimum is the plan of the next round.

mod simplex;

use crate::transport::bottleneck;
use crate::transport::effort::Effort;
use crate::transport::integer::masses::{Masses, WORDS};
use crate::transport::integer::wide::Wide;
use crate::transport::length::{Clouds, Length, Power, UNIT};
use crate::transport::order::Order;
use crate::transport::sum::sum;
use simplex::{Costs, Optimum};

/// Pairs above which this is not tried: their costs are kept.
const PAIRS: usize = 1 << 23;
/// Rounds of smaller and smaller plans.
const ROUNDS: usize = 12;
/// Quotient of the powers of the longest and the shortest way, as a logarithm, above which the bottleneck gives the unit.
const SPAN: f64 = 40.0;
/// The same of the longest way of all and the longest of the plan, above which powers overflow.
const RANGE: f64 = 900.0;
/// Bits of a cost below the cost of the plan that is known.
const BITS: i32 = 60;
/// Loss by these bits that is accepted, relative to the optimum.
const LOSS: f64 = 4e-16;

/// An optimal plan and bounds on its cost.
#[derive(Debug)]
pub(in crate::transport) struct Exact {
    /// Pairs with their shares of the mass.
    pub(in crate::transport) plan: Vec<(usize, usize, f64)>,
    /// The cost of the plan, and less what its optimality may lack.
    pub(in crate::transport) cost: Power,
    pub(in crate::transport) lower: f64,
    /// Potentials of the rows and the columns, in powers of the unit of the cost.
    pub(in crate::transport) u: Vec<f64>,
    pub(in crate::transport) v: Vec<f64>,
    pub(in crate::transport) effort: Effort,
}

/// Whether a problem is small enough.
pub(in crate::transport) fn can(rows: usize, columns: usize) -> bool {
    rows.saturating_mul(columns) <= PAIRS
}

/// Solves from a plan, pairs with shares of the mass; `None` if that takes too long or too many bits.
pub(in crate::transport) fn solve(order: Order, clouds: &Clouds, masses: &Masses<WORDS>, plan: &[(usize, usize, f64)]) -> Option<Exact> {
    let (rows, columns, masses) = masses.positive();
    let (n, m) = (rows.len(), columns.len());
    let lengths: Vec<Length> = (0..n * m).map(|index| clouds.length(rows[index / m], columns[index % m])).collect();
    let place = |which: &[usize], count: usize| {
        let mut places = vec![usize::MAX; count];
        which.iter().enumerate().for_each(|(at, &k)| places[k] = at);
        places
    };
    let (row_at, column_at) = (place(&rows, clouds.rows()), place(&columns, clouds.columns()));
    let start: Vec<(usize, f64)> = plan
        .iter()
        .filter(|&&(i, j, _)| row_at[i] != usize::MAX && column_at[j] != usize::MAX)
        .map(|&(i, j, share)| (row_at[i] * m + column_at[j], share))
        .collect();
    let mut problem = Problem { order, lengths, columns: m, masses, start, pivots: 0, rounds: 0 };
    let solved = problem.solve()?;
    let spread = |values: &[f64], which: &[usize], count: usize| {
        let mut all = vec![None; count];
        which.iter().zip(values).for_each(|(&k, &value)| all[k] = Some(value));
        all
    };
    // Points without mass constrain nothing and take the largest potential that is feasible.
    let cost = |i: usize, j: usize| order.power(clouds.length(i, j).over(solved.cost.unit));
    let u = spread(&solved.u, &rows, clouds.rows());
    let v = spread(&solved.v, &columns, clouds.columns()).into_iter().enumerate();
    let v: Vec<f64> = v.map(|(j, v)| v.unwrap_or_else(|| least(rows.iter().zip(&solved.u).map(|(&i, u)| cost(i, j) - u)))).collect();
    let u = u.into_iter().enumerate().map(|(i, u)| u.unwrap_or_else(|| least(v.iter().enumerate().map(|(j, v)| cost(i, j) - v)))).collect();
    Some(Exact {
        plan: solved.plan.iter().map(|&(index, share)| (rows[index / m], columns[index % m], share)).collect(),
        cost: solved.cost,
        lower: solved.lower,
        u,
        v,
        effort: Effort { phases: problem.rounds, iterations: problem.pivots, ..Effort::default() },
    })
}

fn least(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::INFINITY, f64::min)
}

/// A problem whose masses are all positive, and the best plan so far.
#[derive(Debug)]
struct Problem {
    order: Order,
    lengths: Vec<Length>,
    columns: usize,
    masses: Masses<WORDS>,
    /// Pairs by index and their shares.
    start: Vec<(usize, f64)>,
    pivots: usize,
    rounds: usize,
}

/// What a round found.
#[derive(Debug)]
struct Solved {
    plan: Vec<(usize, f64)>,
    cost: Power,
    lower: f64,
    u: Vec<f64>,
    v: Vec<f64>,
    /// Whether the plan goes ways whose costs were capped.
    capped: bool,
}

impl Problem {
    fn solve(&mut self) -> Option<Solved> {
        let unit = self.unit();
        if unit.is_zero() {
            let count = self.lengths.len() / self.columns;
            let cost = Power { order: self.order, unit: Length::new(1.0, 0), sum: 0.0 };
            let plan = self.start.clone();
            return Some(Solved { plan, cost, lower: 0.0, u: vec![0.0; count], v: vec![0.0; self.columns], capped: false });
        }
        let costs: Vec<f64> = self.lengths.iter().map(|length| self.order.power(length.over(unit))).collect();
        let mut known = sum(self.start.iter().map(|&(index, share)| share * costs[index]));
        let mut words = 2;
        for _ in 0..ROUNDS {
            if !(known > 0.0 && known.is_finite()) {
                return None;
            }
            self.rounds += 1;
            let solved = match words {
                2 => self.round::<2>(&costs, unit, known),
                8 => self.round::<8>(&costs, unit, known),
                _ => self.round::<64>(&costs, unit, known),
            };
            let Some(solved) = solved else {
                words = wider(words)?;
                continue;
            };
            if solved.capped {
                words = wider(words)?;
                // A plan through capped ways is still a plan.
                if solved.cost.sum < known {
                    (known, self.start) = (solved.cost.sum, solved.plan);
                }
                continue;
            }
            if solved.cost.sum - solved.lower <= LOSS * solved.cost.sum {
                return Some(solved);
            }
            (known, self.start) = (solved.cost.sum, solved.plan);
        }
        None
    }

    /// The length whose power is the unit of cost: the longest way of the plan or, where powers tell ways apart too much, the bottleneck,
    /// whose plan then replaces the plan.
    fn unit(&mut self) -> Length {
        let longest = |plan: &[(usize, f64)], lengths: &[Length]| {
            plan.iter().map(|&(index, _)| lengths[index]).fold(Length::ZERO, |most, length| if length > most { length } else { most })
        };
        let top = longest(&self.start, &self.lengths);
        let farthest = self.lengths.iter().copied().fold(top, |l, r| if r > l { r } else { l });
        let shortest = self.lengths.iter().copied().filter(|length| !length.is_zero()).fold(top, |l, r| if r < l { r } else { l });
        let span = |long: Length, short: Length| self.order.value() * (long.log2() - short.log2());
        if !top.is_zero() && span(top, shortest) <= SPAN && span(farthest, top) <= RANGE {
            return top;
        }
        let length = |i: usize, j: usize| self.lengths[i * self.columns + j];
        let (limit, plan) = bottleneck::solve(&self.masses, length);
        self.start = plan.into_iter().map(|(i, j, share)| (i * self.columns + j, share)).collect();
        limit
    }

    /// The optimum for costs in integers of N words; nothing if they do not fit.
    fn round<const N: usize>(&mut self, costs: &[f64], unit: Length, known: f64) -> Option<Solved> {
        if !self.masses.fits::<N>() {
            return None;
        }
        let count = costs.len() / self.columns;
        let shift = BITS - libm::ilogb(known);
        // Potentials are sums of at most so many costs.
        let room = Wide::<N>::CAPACITY - 2 - libm::ilogb((count + self.columns) as f64);
        let top = libm::scalbn(1.0, (room - shift).min(1000));
        let costs = Costs { values: costs, columns: self.columns, top, shift };
        let masses = self.masses.resized::<N>();
        self.start.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let start: Vec<usize> = self.start.iter().map(|&(index, _)| index).collect();
        let Optimum { flows, potential, pivots } = simplex::solve(costs, &masses, &start)?;
        self.pivots += pivots;
        let plan: Vec<(usize, f64)> = flows.iter().map(|(index, flow)| (*index, masses.share(flow))).collect();
        let total = |cost: &dyn Fn(usize) -> f64| sum(plan.iter().map(|&(index, share)| share * cost(index)));
        let cost = total(&|index| costs.values[index]);
        let capped = plan.iter().any(|&(index, _)| costs.values[index] >= top);
        // All mass together loses at most one unit of the costs, and the sum its own rounding.
        let lower = (total(&|index| costs.capped(index)) - libm::scalbn(1.0, -shift)).max(0.0);
        let (u, v) = potential[..count + self.columns].split_at(count);
        Some(Solved {
            plan,
            cost: Power { order: self.order, unit, sum: cost },
            lower,
            u: u.iter().map(|u| u.signed(shift)).collect(),
            v: v.iter().map(|v| -v.signed(shift)).collect(),
            capped,
        })
    }
}

/// The next larger size of integers.
fn wider(words: usize) -> Option<usize> {
    match words {
        2 => Some(8),
        8 => Some(64),
        _ => None,
    }
}

/// Relative error of the cost of an exact plan: of its terms and of the shares of the mass.
pub(in crate::transport) fn term_error(order: Order) -> f64 {
    (Power::term_error(order) + 4.0) * UNIT
}
