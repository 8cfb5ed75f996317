//! Exact W_p between two weighted clouds: the transportation problem.

mod auction;
pub(super) mod merge;
mod plan;
mod simplex;

use crate::float::Float;
use crate::numeric::extremes::positive;
use crate::numeric::parallel;
use crate::transport::answer::Answer;
use crate::transport::cost::Geometry;
use crate::transport::effort::Effort;
use crate::transport::exact;
use crate::transport::integer::masses::{Masses, WORDS};
use crate::transport::length::{Clouds, Power};
use crate::transport::order::Order;
use crate::transport::screen::boxes::{spatial, spatial_order};
use crate::transport::screen::{MEMORY, Screen};
use crate::transport::{Measure, TransportError, certificate, check};
use merge::Merged;
pub use plan::Plan;

/// Exact Wasserstein distance W_p between two weighted clouds of any sizes.
///
/// ```math
/// W_p^p = \min_{P \ge 0,\; P 1 = a,\; P^\top 1 = b} \sum_{ij} P_{ij} \lVert x_i - y_j \rVert^p
///       = \max_{u_i + v_j \le \lVert x_i - y_j \rVert^p} \sum_i a_i u_i + \sum_j b_j v_j
/// ```
///
/// The value and its bounds are the contract: where several plans are optimal, one vertex of the set of plans is returned.
///
/// # Method
/// Equal points are merged and points without mass left out; up to four dimensions both clouds are put in k-d order. An ε-scaling auction
/// for masses gives near-optimal prices and a near-optimal flow; the network simplex method then runs on the arcs that are nearly tight,
/// from a tree of that flow, and every pair is priced against its potentials until none has a negative reduced cost. Masses are
/// integers of up to 118 bits, so that no mass is lost to rounding and the strongly feasible tree cannot cycle. The only n × m array is that of [`memory`](Self::memory), in more than 32 dimensions.
///
/// # Units
/// `distance`, `lower` and `upper` have the unit of the coordinates, `cost`, `gap`, `u`, `v` the p-th power of [`Plan::unit`]; masses are
/// numbers of sum 1.
///
/// # Accuracy
/// Costs are direct differences in `f64`, as in [`Assignment`](crate::transport::Assignment), and weights are taken over their exact sum.
/// [`Plan::lower`], [`Plan::upper`] and [`Plan::gap`] hold in floating point: every rounding is paid for. Usually they are within 1e−13 of
/// each other, relative; where far groups, high powers or small masses leave more than 1e−12 of the cost open, problems of up to 8 million
/// pairs are solved again in integers, costs and masses without rounding, and beyond that the bounds say what is known. For equal weights
/// and sizes use `Assignment`, which is faster.
///
/// # Example
/// Half of the mass at 0 goes to 1, the other half to 2.
/// ```
/// use ndarray::array;
/// use onestep::transport::{Measure, NetworkSimplex};
/// let (x, y) = (array![[0.0], [5.0]], array![[1.0], [2.0]]);
/// let plan = NetworkSimplex::new(1.0)?.solve(Measure::weighted(&x, &[1.0, 0.0]), &y)?;
/// assert_eq!(plan.plan, [(0, 0, 0.5), (0, 1, 0.5)]);
/// assert_eq!(plan.distance, 1.5);
/// assert!(plan.lower <= 1.5 && 1.5 - plan.lower < 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// G. B. Dantzig, *Linear programming and extensions*, 1963, ch. 17. W. H. Cunningham, *A network simplex method*, Math. Program. 11
/// (1976). D. P. Bertsekas and D. A. Castañón, *The auction algorithm for the transportation problem*, Ann. Oper. Res. 20 (1989).
#[doc(alias = "EMD")]
#[doc(alias = "earth mover")]
#[doc(alias = "optimal transport")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NetworkSimplex {
    order: Order,
    memory: usize,
}

impl NetworkSimplex {
    /// For the cost ‖x − y‖^p with `order` p ≥ 1.
    ///
    /// # Errors
    /// `order` is NaN, infinite or below 1.
    ///
    /// ```
    /// assert!(onestep::transport::NetworkSimplex::new(0.5).is_err());
    /// ```
    pub fn new(order: f64) -> Result<Self, TransportError> {
        Ok(Self { order: Order::new(order)?, memory: MEMORY })
    }

    /// The order p.
    ///
    /// ```
    /// assert_eq!(onestep::transport::NetworkSimplex::new(2.0)?.order(), 2.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn order(&self) -> f64 {
        self.order.value()
    }

    /// Most bytes to spend on inner products kept between scans, 512 MiB unless told; as [`Assignment::memory`](crate::transport::Assignment::memory).
    ///
    /// ```
    /// use ndarray::Array2;
    /// use onestep::transport::NetworkSimplex;
    /// let (x, y) = (Array2::<f64>::zeros((1, 64)), Array2::ones((1, 64)));
    /// assert_eq!(NetworkSimplex::new(2.0)?.memory(0).solve(&x, &y)?.distance, 8.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn memory(self, bytes: usize) -> Self {
        Self { memory: bytes, ..self }
    }

    /// Solves the transportation problem between two clouds, weighted or not.
    ///
    /// # Shapes
    /// n × d and m × d with n, m, d ≥ 1, and a weight a row where there are weights.
    ///
    /// # Errors
    /// A cloud is empty or holds NaN or ∞; the clouds differ in dimension; weights are not one a row, nonnegative, finite and of sum 1 (within
    /// [`weight_tolerance`](crate::error::weight_tolerance)); [`TransportError::NotConverged`], with bounds that hold all the same, at the cap of pivots.
    ///
    /// # Example
    /// From one point, every unit of mass travels its own distance; a cloud repeated is the same law.
    /// ```
    /// use ndarray::array;
    /// use onestep::transport::{Measure, NetworkSimplex};
    /// let y = array![[3.0, 4.0], [0.0, 1.0]];
    /// let plan = NetworkSimplex::new(1.0)?.solve(&array![[0.0, 0.0]], Measure::weighted(&y, &[0.2, 0.8]))?;
    /// assert!((plan.distance - (0.2 * 5.0 + 0.8 * 1.0)).abs() < 1e-15);
    /// let plan = NetworkSimplex::new(2.0)?.solve(&array![[0.0], [1.0]], &array![[1.0], [0.0], [0.0], [1.0]])?;
    /// assert_eq!(plan.distance, 0.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn solve<'a, 'b, F: Float>(&self, x: impl Into<Measure<'a, F>>, y: impl Into<Measure<'b, F>>) -> Result<Plan, TransportError> {
        let (x, y) = (x.into(), y.into());
        check::measures(x, y)?;
        let (geometry, clouds) = (Geometry::new(self.order, &x.points(), &y.points()), Clouds::new(&x.points(), &y.points()));
        let masses = Masses::new((x.weights(), clouds.rows()), (y.weights(), clouds.columns()));
        parallel::within(|| self.plan(&geometry, &clouds, &masses))
    }

    /// The fast method and, where its digits do not suffice, the one in integers.
    fn plan(&self, geometry: &Geometry, clouds: &Clouds, masses: &Masses<WORDS>) -> Result<Plan, TransportError> {
        let (supply, demand, moved) = masses.short();
        let found = solve(geometry, &supply, &demand, self.memory);
        let total = supply.iter().sum::<i128>() as f64;
        let share = 1.0 / total;
        let pairs = |flows: &[(usize, usize, i128)]| flows.iter().map(|&(i, j, flow)| (i, j, share * flow as f64)).collect::<Vec<_>>();
        let (plan, answer, effort) = match found {
            Ok(Solution { flows, u, v, effort }) => {
                let plan = pairs(&flows);
                let terms =
                    |masses: &[i128], duals: &[f64]| masses.iter().zip(duals).map(|(&mass, &dual)| (mass as f64, dual)).collect::<Vec<_>>();
                let lower = certificate::lower(geometry, &terms(&supply, &u), &terms(&demand, &v), total, 2.0, moved).max(0.0);
                let mut cost = Power::mean(self.order, plan.iter().map(|&(i, j, share)| (clouds.length(i, j), share)));
                // What the integers moved goes the longest way at most.
                let far = Power { order: self.order, unit: geometry.unit(), sum: moved };
                let in_cost = far.in_units_of(cost.unit);
                if in_cost > cost.sum {
                    cost = Power { sum: far.sum + cost.in_units_of(far.unit), ..far };
                } else if in_cost > 0.0 {
                    cost.sum = (cost.sum + in_cost).next_up();
                }
                let lower = Power { order: self.order, unit: geometry.unit(), sum: lower };
                let error = exact::term_error(self.order);
                (plan, Ok(Answer { cost, error, lower, lower_error: 0.0, u, v, unit: geometry.unit() }), effort)
            }
            Err(error) => (Vec::new(), Err(widened(error, self.order.root_above(moved) * geometry.unit().value())), Effort::default()),
        };
        let open = answer.as_ref().map_or(true, Answer::is_open);
        if open
            && exact::can(clouds.rows(), clouds.columns())
            && let Some(mut exact) = exact::solve(self.order, clouds, masses, &plan)
        {
            let plan = std::mem::take(&mut exact.plan);
            let effort = effort.and(exact.effort);
            return Plan::new(Answer::of_exact(self.order, exact), plan, effort);
        }
        Plan::new(answer?, plan, effort)
    }
}

/// Bounds for masses that lack a share of which the distance is at most `moved`.
fn widened(error: TransportError, moved: f64) -> TransportError {
    match error {
        TransportError::NotConverged { iterations, lower, upper, residual } if moved > 0.0 => TransportError::NotConverged {
            iterations,
            lower: positive((lower - moved).next_down()),
            upper: (upper + moved).next_up(),
            residual,
        },
        error => error,
    }
}

/// Integer masses, flows between rows and columns, and feasible duals in the units of the geometry.
#[derive(Debug)]
pub(in crate::transport) struct Solution {
    pub(in crate::transport) flows: Vec<(usize, usize, i128)>,
    pub(in crate::transport) u: Vec<f64>,
    pub(in crate::transport) v: Vec<f64>,
    pub(in crate::transport) effort: Effort,
}

/// Feasible duals of all `rows` and `columns` from those of the columns with mass, which come first: columns without constrain nothing and
/// take the largest dual that is feasible; then u_i = min_j(c_ij − v_j) over all columns.
fn complete(geometry: &Geometry, (x, y): (&Merged, &Merged), (rows, columns): (&Merged, &Merged), mut v: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
    let least = |of: &Geometry, v: &[f64]| certificate::potential(of, &Screen::new(of, 0), v);
    if columns.len() > y.len() {
        let u = least(&geometry.select(&x.first(), &y.first()), &v);
        v.extend(least(&geometry.select(&x.first(), &columns.first()[y.len()..]).turned(), &u));
    }
    (least(&geometry.select(&rows.first(), &columns.first()), &v), v)
}

/// Solves for integer masses of equal sums on the rows and columns of `geometry`.
pub(in crate::transport) fn solve(
    geometry: &Geometry,
    supply: &[i128],
    demand: &[i128],
    memory: usize,
) -> Result<Solution, TransportError> {
    let (mut x, mut y) = (Merged::new(|i| geometry.x(i), supply), Merged::new(|j| geometry.y(j), demand));
    if spatial(geometry.dim) {
        let (rows, columns) = (x.first(), y.first());
        x = x.reordered(&spatial_order(geometry, rows.len(), |geometry, k| geometry.x(rows[k] as usize)));
        y = y.reordered(&spatial_order(geometry, columns.len(), |geometry, k| geometry.y(columns[k] as usize)));
    }
    let small = geometry.select(&x.first(), &y.first());
    let (screen, turned) = (Screen::new(&small, memory), Screen::new(&small.turned(), 0));
    let mut optimum = simplex::solve(&small, &screen, &turned, &x.masses, &y.masses)?;
    // Potentials are free up to a constant, and small ones round less.
    let mean = optimum.v.iter().sum::<f64>() / optimum.v.len() as f64;
    optimum.v.iter_mut().for_each(|v| *v -= mean);
    let (rows, columns) = (x.with_massless(supply), y.with_massless(demand));
    let (u, v) = if rows.len() + columns.len() == x.len() + y.len() {
        (certificate::potential(&small, &screen, &optimum.v), optimum.v)
    } else {
        complete(geometry, (&x, &y), (&rows, &columns), optimum.v)
    };
    let (u, v) = (rows.spread(&u, supply.len()), columns.spread(&v, demand.len()));
    let flows = merge::split(&optimum.flows, (&x, supply), (&y, demand));
    let scans = optimum.rounds * x.len() + geometry.rows();
    Ok(Solution { flows, u, v, effort: Effort { phases: optimum.rounds, iterations: optimum.pivots, scans, paths: 0 } })
}
