//! Exact W_p between two clouds of equal size with equal weights: the assignment problem.

mod auction;
mod augment;
mod matching;
mod sorted;

use crate::float::Float;
use crate::numeric::parallel;
use crate::transport::answer::Answer;
use crate::transport::cost::Geometry;
use crate::transport::effort::Effort;
use crate::transport::exact;
use crate::transport::integer::masses::Masses;
use crate::transport::length::{Clouds, Power, UNIT};
use crate::transport::lists::Lists;
use crate::transport::network;
use crate::transport::network::merge::Merged;
use crate::transport::order::Order;
use crate::transport::screen::boxes::{spatial, spatial_order};
use crate::transport::screen::{MEMORY, Screen};
use crate::transport::sum::sum;
use crate::transport::{Measure, TransportError, certificate, check};
use auction::Pairs;
use augment::Search;
pub use matching::Matching;

/// ε of the first phase, in standard deviations of the cost.
const FIRST_EPSILON: f64 = 0.2;
/// ε of the first phase where prices must stay small, in median distances between the best value of a row and its threshold.
const CAREFUL_EPSILON: f64 = 1.0;
/// Gap, relative to the cost, that rounding of large prices may leave before the solution is repeated with care.
const PRECISION: f64 = 1e-12;
/// ε of the last phase, in the same median distances.
const LAST_EPSILON: f64 = 1e-3;
/// Least ε, in units of the last place of a usual cost.
const TIED: f64 = 4.0;
/// Quotient of the last and the first ε below which more bids do not help.
const WIDE: f64 = 1e-11;
/// Quotient of the ε of consecutive phases.
const THETA: f64 = 7.0;
/// Bids a row may make on average in a phase; the exact finish takes what is left.
const BIDS: usize = 1000;
/// Bids a row makes on average in the attempt to settle clouds with many ties at once.
const QUICK: usize = 2;
/// Ties are settled if at most one row in so many is then left for the exact finish.
const FEW: usize = 50;
/// Below this share of different points a cloud has so many duplicates that the transport of the merged points is the smaller problem.
const DIFFERENT: f64 = 0.97;

/// Exact Wasserstein distance W_p between two clouds of n points, every point of mass 1/n.
///
/// ```math
/// W_p^p = \min_{\pi \in S_n} \frac1n \sum_{i=1}^n \lVert x_i - y_{\pi(i)} \rVert^p
///       = \max_{u_i + v_j \le \lVert x_i - y_j \rVert^p} \frac1n \sum_{i=1}^n (u_i + v_i)
/// ```
///
/// The minimum is the primal, the maximum the dual problem; a [`Matching`] holds a solution of each, so that everybody can check it.
/// The value and its bounds are the contract: where several matchings are optimal, one of them is returned.
///
/// # Method
/// ε-scaling auction followed by shortest augmenting paths, both on short lists of candidate columns. Prices only fall, so a column
/// left out of a row's list can not beat the smallest value left out when the row was scanned; while the list's answer lies below that
/// threshold it is the answer of the whole row. Scans bound the costs in `f32` from below, with every rounding paid for, and compute
/// the few costs that survive by direct differences in `f64`. Memory is O(n(d + n^{1/4})), and in more than 32 dimensions 4 n² bytes more
/// where [`memory`](Self::memory) allows it. Up to four dimensions the columns lie in k-d order in boxes of two sizes, each with a linear
/// function below its prices, and every bid searches them anew, in `f64` throughout; lists serve the exact finish alone.
/// Clouds with many equal points are merged and handed to the solver of [`NetworkSimplex`](crate::transport::NetworkSimplex). On the line the
/// sorted matching is the answer, with duals in closed form.
///
/// # Units
/// The order p is a pure number. `distance`, `lower` and `upper` have the unit of the coordinates, `cost`, `gap`, `u`, `v` the p-th power
/// of [`Matching::unit`].
///
/// # Accuracy
/// Points are taken as they are: no centring, no |x|² + |y|² − 2x·y. [`Matching::lower`], [`Matching::upper`] and [`Matching::gap`] hold in
/// floating point: every rounding is paid for. Usually they are within 1e−14 of each other, relative; where outliers or high powers
/// leave more than 1e−12 of the cost open, clouds of up to 2900 points are solved again in integers, without rounding, and beyond that
/// the bounds say what is known. Coordinates in `f32` are widened to `f64` first. Time grows like n² times a small number that depends
/// on the dimension; see the bench `assignment`.
///
/// # Example
/// In one dimension the optimal matching is the sorted one.
/// ```
/// use ndarray::array;
/// use onestep::transport::Assignment;
/// let (x, y) = (array![[0.0], [1.0], [5.0]], array![[5.5], [0.5], [1.0]]);
/// let matching = Assignment::new(2.0)?.solve(&x, &y)?;
/// assert_eq!(matching.permutation, [1, 2, 0]);
/// assert!((matching.cost - (0.25 + 0.0 + 0.25) / 3.0).abs() < 1e-15);
/// assert!(matching.lower <= matching.distance && matching.distance - matching.lower < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// D. P. Bertsekas, *The auction algorithm: a distributed relaxation method for the assignment problem*, Ann. Oper. Res. 14 (1988).
/// R. Jonker and A. Volgenant, *A shortest augmenting path algorithm for dense and sparse linear assignment problems*, Computing 38 (1987).
#[doc(alias = "EMD")]
#[doc(alias = "earth mover")]
#[doc(alias = "Wasserstein")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assignment {
    order: Order,
    memory: usize,
}

impl Assignment {
    /// For the cost ‖x − y‖^p with `order` p ≥ 1. Orders 1 and 2 are the fast ones.
    ///
    /// # Errors
    /// `order` is NaN, infinite or below 1.
    ///
    /// ```
    /// assert!(onestep::transport::Assignment::new(0.5).is_err());
    /// ```
    pub fn new(order: f64) -> Result<Self, TransportError> {
        Ok(Self { order: Order::new(order)?, memory: MEMORY })
    }

    /// The order p.
    ///
    /// ```
    /// assert_eq!(onestep::transport::Assignment::new(2.0)?.order(), 2.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn order(&self) -> f64 {
        self.order.value()
    }

    /// Most bytes to spend on inner products kept between scans, 512 MiB unless told. They need 4 n² bytes and are kept in more than 32
    /// dimensions; in fewer, and above the limit, they are computed anew in every scan. The value does not depend on it.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use onestep::transport::Assignment;
    /// let (x, y) = (Array2::<f64>::zeros((2, 64)), Array2::ones((2, 64)));
    /// assert_eq!(Assignment::new(2.0)?.memory(0).solve(&x, &y)?.distance, 8.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn memory(self, bytes: usize) -> Self {
        Self { memory: bytes, ..self }
    }

    /// Solves the assignment problem between the rows of `x` and of `y`.
    ///
    /// # Shapes
    /// `x` and `y` are n × d with n, d ≥ 1.
    ///
    /// # Errors
    /// A cloud is empty or holds NaN or ∞; the clouds differ in dimension or in size. [`TransportError::NotConverged`] only for clouds
    /// with many equal points, if the network simplex reaches its cap.
    ///
    /// # Example
    /// A translation by h moves every point by h: W_p = ‖h‖ for every p.
    /// ```
    /// use ndarray::array;
    /// use onestep::transport::Assignment;
    /// let x = array![[0.0, 0.0], [1.0, 2.0], [-1.0, 0.5]];
    /// let y = &x + &array![3.0, 4.0];
    /// for order in [1.0, 1.5, 2.0, 7.0] {
    ///     let matching = Assignment::new(order)?.solve(&x, &y)?;
    ///     assert!((matching.distance - 5.0).abs() < 1e-14);
    /// }
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn solve<'a, 'b, F: Float>(&self, x: impl Into<Measure<'a, F>>, y: impl Into<Measure<'b, F>>) -> Result<Matching, TransportError> {
        let (x, y) = (check::unweighted(&check::CLOUDS[0], x.into())?, check::unweighted(&check::CLOUDS[1], y.into())?);
        check::clouds(&x, &y)?;
        check::equal_sizes(&x, &y)?;
        let (geometry, clouds) = (Geometry::new(self.order, &x, &y), Clouds::new(&x, &y));
        if geometry.dim == 1 {
            return sorted_matching(&geometry, &clouds);
        }
        parallel::within(|| {
            let found = solve(&geometry, self.memory)?;
            let answer = found.answer(&geometry, &clouds);
            if answer.is_open() && exact::can(clouds.rows(), clouds.columns()) {
                let share = 1.0 / clouds.rows() as f64;
                let plan: Vec<_> = found.permutation.iter().enumerate().map(|(i, &j)| (i, j, share)).collect();
                let masses = Masses::new((None, clouds.rows()), (None, clouds.columns()));
                if let Some(exact) = exact::solve(self.order, &clouds, &masses, &plan) {
                    let permutation = exact.plan.iter().map(|&(_, j, _)| j).collect();
                    let effort = found.effort.and(exact.effort);
                    return Matching::new(Answer::of_exact(self.order, exact), permutation, effort);
                }
            }
            Matching::new(answer, found.permutation, found.effort)
        })
    }
}

/// On the line the sorted matching is optimal, whatever its duals round to.
fn sorted_matching(geometry: &Geometry, clouds: &Clouds) -> Result<Matching, TransportError> {
    let (permutation, u, v) = sorted::solve(geometry);
    let cost = mean(geometry.order, clouds, &permutation);
    let error = UNIT * Power::term_error(geometry.order);
    let answer = Answer { cost, error, lower: cost, lower_error: error, u, v, unit: geometry.unit() };
    Matching::new(answer, permutation, Effort::default())
}

/// The mean cost of pairs.
fn mean(order: Order, clouds: &Clouds, permutation: &[usize]) -> Power {
    let share = 1.0 / permutation.len() as f64;
    Power::mean(order, permutation.iter().enumerate().map(|(i, &j)| (clouds.length(i, j), share)))
}

/// A matching and feasible potentials, in the units of the geometry.
#[derive(Debug, Clone)]
struct Found {
    permutation: Vec<usize>,
    u: Vec<f64>,
    v: Vec<f64>,
    effort: Effort,
}

impl Found {
    fn answer(&self, geometry: &Geometry, clouds: &Clouds) -> Answer {
        let terms = |duals: &[f64]| duals.iter().map(|&dual| (1.0, dual)).collect::<Vec<_>>();
        let count = self.permutation.len() as f64;
        let lower = certificate::lower(geometry, &terms(&self.u), &terms(&self.v), count, 0.0, 0.0).max(0.0);
        Answer {
            cost: mean(geometry.order, clouds, &self.permutation),
            error: UNIT * Power::term_error(geometry.order),
            lower: Power { order: geometry.order, unit: geometry.unit(), sum: lower },
            lower_error: 0.0,
            u: self.u.clone(),
            v: self.v.clone(),
            unit: geometry.unit(),
        }
    }

    /// The cost less the dual, relative to the cost.
    fn gap(&self, geometry: &Geometry) -> f64 {
        let cost = sum(self.permutation.iter().enumerate().map(|(i, &j)| geometry.cost(i, j)));
        let dual = sum(self.u.iter().chain(&self.v).copied());
        if cost > dual { (cost - dual) / cost } else { 0.0 }
    }
}

/// In two dimensions or more: clouds with many duplicates are merged, the others solved as they are.
fn solve(geometry: &Geometry, memory: usize) -> Result<Found, TransportError> {
    let ones = vec![1; geometry.rows()];
    let different = |points: Merged| points.len() as f64 / ones.len() as f64;
    let duplicates =
        different(Merged::new(|i| geometry.x(i), &ones)) < DIFFERENT || different(Merged::new(|j| geometry.y(j), &ones)) < DIFFERENT;
    if duplicates {
        let network::Solution { flows, u, v, effort } = network::solve(geometry, &ones, &ones, memory)?;
        return Ok(Found { permutation: flows.iter().map(|&(_, j, _)| j).collect(), u, v, effort });
    }
    Ok(in_spatial_order(geometry, memory))
}

/// Puts both clouds in spatial order where scans profit from it, solves, and puts the answer in the given order.
fn in_spatial_order(geometry: &Geometry, memory: usize) -> Found {
    if !spatial(geometry.dim) {
        return attempts(geometry, memory);
    }
    let n = geometry.rows();
    let (x, y) = (spatial_order(geometry, n, Geometry::x), spatial_order(geometry, n, Geometry::y));
    let sorted = attempts(&geometry.select(&x, &y), memory);
    let mut found = sorted.clone();
    for k in 0..n {
        let (i, j) = (x[k] as usize, y[k] as usize);
        found.permutation[i] = y[sorted.permutation[k]] as usize;
        found.u[i] = sorted.u[k];
        found.v[j] = sorted.v[k];
    }
    found
}

/// Auction, exact finish, certificate; again with a small first ε if the prices grew so large that they rounded the costs away.
fn attempts(geometry: &Geometry, memory: usize) -> Found {
    let screen = Screen::new(geometry, memory);
    let found = attempt(geometry, &screen, false);
    if found.gap(geometry) <= PRECISION {
        return found;
    }
    let careful = attempt(geometry, &screen, true);
    if careful.gap(geometry) < found.gap(geometry) { careful } else { found }
}

fn attempt(geometry: &Geometry, screen: &Screen, careful: bool) -> Found {
    let n = geometry.rows();
    let mut lists = Lists::new(geometry, screen);
    lists.start();
    let mut pairs = Pairs::new(n);
    let reach = lists.reach();
    let first = if careful { CAREFUL_EPSILON * reach } else { FIRST_EPSILON * geometry.spread() };
    // Bids below the rounding of what they compare lower no price: columns that close are tied.
    let last = (LAST_EPSILON * reach).max(TIED * f64::EPSILON * lists.size()).max(f64::EPSILON * first);
    let mut effort = bid(&mut lists, &mut pairs, first, last);
    effort.paths = finish(&mut lists, &mut pairs);
    effort.scans = lists.scans + n;
    let v = lists.into_prices();
    let u = certificate::potential(geometry, screen, &v);
    Found { permutation: pairs.column.iter().map(|&j| j as usize).collect(), u, v, effort }
}

/// The phases of the auction, from ε = `first` to `last`.
fn bid(lists: &mut Lists<'_>, pairs: &mut Pairs, first: f64, last: f64) -> Effort {
    let mut effort = Effort::default();
    if auction::nearest(lists, pairs) {
        return effort;
    }
    let rows = pairs.column.len();
    if auction::tied(lists, rows) {
        effort.iterations += auction::phase(lists, pairs, last, QUICK * rows);
        effort.phases += 1;
        if pairs.free_rows().len() * FEW <= rows {
            return effort;
        }
    }
    // Prices of the first phases round by more than the last ε: what bids leave is for the finish, and then for integers.
    let cap = if last > WIDE * first { BIDS } else { QUICK } * rows;
    let mut epsilon = first.max(last);
    loop {
        auction::release_dear(lists, pairs, epsilon);
        effort.iterations += auction::phase(lists, pairs, epsilon, cap);
        effort.phases += 1;
        if epsilon <= last {
            break;
        }
        epsilon = (epsilon / THETA).max(last);
    }
    // Bids without ε leave tight pairs: each one spares an augmenting path. Ties can make them go round for ever, hence the cap.
    let free = auction::release_dear(lists, pairs, 0.0);
    effort.iterations += auction::phase(lists, pairs, 0.0, 2 * free);
    effort
}

/// Frees the pairs that are not tight and joins every free row by a shortest augmenting path. Returns the number of paths.
fn finish(lists: &mut Lists<'_>, pairs: &mut Pairs) -> usize {
    let rows = pairs.column.len();
    let stale: Vec<u32> = (0..rows as u32).filter(|&i| !lists.certain(i)).collect();
    lists.refresh(&stale);
    auction::release_dear(lists, pairs, 0.0);
    let free = pairs.free_rows();
    let mut search = Search::new(rows);
    for &root in &free {
        search.augment(root, lists, pairs);
    }
    free.len()
}
