//! The terms of the error recursion (34) at given points.

use crate::audit::error::check_values;
use crate::audit::ledger::{Ledger, curvature};
use crate::audit::{AuditError, flow_to_first};
use crate::consistency::ConsistencyFunction;
use crate::flow::FlowJacobian;
use crate::law::conditional::Conditional;
use crate::law::{DiscreteLaw, Posterior, PosteriorRule};
use crate::numeric::parallel;
use crate::numeric::rows::lengths;
use ndarray::{Array2, ArrayRef2, Axis, concatenate};

/// The terms of the error recursion of step t at n points, each table n × d:
/// ```math
/// \xi_t(x) = \underbrace{\mathbb E[\xi_{t-1}(X_{t-1}) \mid X_t = x]}_{\text{inherited}}
///   + \underbrace{f_t(x) - \mathbb E[f_{t-1}(X_{t-1}) \mid X_t = x]}_{\text{own}}
///   + \underbrace{\mathbb E[\Phi_{t-1}(X_{t-1}) \mid X_t = x] - \Phi_t(x)}_{\text{local}}, \qquad
///   \text{local} = T_1 + T_2 + \text{remainder}.
/// ```
///
/// # References
/// Li, Huang and Wei 2025, eq. (34), arXiv 2402.07802.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LedgerTerms {
    /// t.
    pub step: usize,
    /// ξ_t = f_t − Φ_t.
    pub error: Array2<f64>,
    /// E[ξ_{t−1}(X_{t−1}) | X_t].
    pub inherited: Array2<f64>,
    /// f_t − f_t*, with f_t* = E[f_{t−1}(X_{t−1}) | X_t] of the f_{t−1} that was given.
    pub own: Array2<f64>,
    /// E[Φ_{t−1}(X_{t−1}) | X_t] − Φ_t.
    pub local: Array2<f64>,
    /// T_1 = ∂Φ_{t−1}(φ)(E[X_{t−1} | X_t] − φ), φ = Φ_{t→t−1}(X_t).
    pub first_order: Array2<f64>,
    /// T_2 = ½ ∇²Φ_{t−1}(φ) : E[(X_{t−1} − φ)(X_{t−1} − φ)ᵀ | X_t].
    pub second_order: Array2<f64>,
    /// local − T_1 − T_2.
    pub remainder: Array2<f64>,
    /// tr Var(f_{t−1}(X_{t−1}) | X_t = x) of every row: the training loss that the best f_t leaves there.
    pub spread: Vec<f64>,
    /// An estimate from above of the numerical error of T_2, row by row, as a length.
    pub second_order_error: Vec<f64>,
}

/// The mean lengths.
impl std::fmt::Display for LedgerTerms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mean = |table: &Array2<f64>| lengths(table).iter().sum::<f64>() / table.nrows() as f64;
        write!(f, "step {} at {} points: mean error {:.4e}", self.step, self.error.nrows(), mean(&self.error))?;
        write!(f, ", inherited {:.4e}, own {:.4e}, local {:.4e}", mean(&self.inherited), mean(&self.own), mean(&self.local))
    }
}

/// An image is off by this many times what the way there and back is.
const IMAGE: f64 = 4.0;
/// Rows of a batch that one thread takes.
const CHUNK: usize = 64;

impl<T, M> Ledger<'_, T, M>
where
    T: PosteriorRule + Posterior + ?Sized,
    M: FlowJacobian + ?Sized,
{
    /// The terms of step `t` at the rows of `x`, with their signs: where in space the error is made.
    ///
    /// The three terms of ξ_t add up by construction: all expectations are taken with the same rule.
    ///
    /// # Errors
    /// As [`measure`](Ledger::measure), for the level `t` in 2..=T alone.
    ///
    /// # Panics
    /// `x` does not have d columns.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Grid;
    /// use onestep::audit::Ledger;
    /// use onestep::consistency::ConsistencyFn;
    /// use onestep::law::LineMixture;
    /// // N(0, 1): Φ = id, so ξ = f − id, and E[X_{t−1} | X_t] = cos Δθ X_t.
    /// let (target, grid) = (LineMixture::gaussian(0.0, 1.0)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// let f = ConsistencyFn::new(1, 3, |t, x: &[f64], out: &mut [f64]| out[0] = x[0] * 0.9_f64.powi(t as i32 - 1));
    /// let terms = Ledger::new(&target, &grid).terms(&f, 3, &array![[2.0_f64]])?;
    /// let c = 0.7_f64.cos();
    /// assert!((terms.error[[0, 0]] - 2.0 * (0.81 - 1.0)).abs() < 1e-12);
    /// assert!((terms.inherited[[0, 0]] - 2.0 * c * (0.9 - 1.0)).abs() < 1e-12);
    /// assert!((terms.own[[0, 0]] - 2.0 * (0.81 - 0.9 * c)).abs() < 1e-12);
    /// assert!((terms.local[[0, 0]] - 2.0 * (c - 1.0)).abs() < 1e-12);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn terms<C: ConsistencyFunction + ?Sized>(&self, f: &C, t: usize, x: &ArrayRef2<f64>) -> Result<LedgerTerms, AuditError> {
        self.check(f, &[t])?;
        self.terms_unchecked(f, t, x)
    }

    /// As [`terms`](Self::terms), for a family that was checked.
    pub(super) fn terms_unchecked<C: ConsistencyFunction + ?Sized>(
        &self,
        f: &C,
        t: usize,
        x: &ArrayRef2<f64>,
    ) -> Result<LedgerTerms, AuditError> {
        let chunks: Vec<_> = x.axis_chunks_iter(Axis(0), CHUNK).collect();
        let parts = parallel::map_items(chunks, |x| self.terms_of_chunk(f, t, &x));
        let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
        let join = |table: fn(&LedgerTerms) -> &Array2<f64>| {
            let views: Vec<_> = parts.iter().map(|p| table(p).view()).collect();
            if views.is_empty() { x.to_owned() } else { concatenate(Axis(0), &views).expect("every part has d columns") }
        };
        Ok(LedgerTerms {
            step: t,
            error: join(|p| &p.error),
            inherited: join(|p| &p.inherited),
            own: join(|p| &p.own),
            local: join(|p| &p.local),
            first_order: join(|p| &p.first_order),
            second_order: join(|p| &p.second_order),
            remainder: join(|p| &p.remainder),
            spread: parts.iter().flat_map(|p| p.spread.iter().copied()).collect(),
            second_order_error: parts.iter().flat_map(|p| p.second_order_error.iter().copied()).collect(),
        })
    }

    fn terms_of_chunk<C: ConsistencyFunction + ?Sized>(&self, f: &C, t: usize, x: &ArrayRef2<f64>) -> Result<LedgerTerms, AuditError> {
        let exact = flow_to_first(self.flow, self.grid, t, x)?;
        let here = evaluate(f, t, x)?;
        let rules = self.rules(t, x);
        let before = Conditional::new(self.grid, t, x, &rules);
        let flowed = flow_to_first(self.flow, self.grid, t - 1, before.nodes())?;
        let values = evaluate(f, t - 1, before.nodes())?;
        let local = before.mean_about(&flowed, &exact);
        let (first_order, second_order, second_order_error) = self.expansion(t, x)?;
        let own = -before.mean_about(&values, &here);
        let squares = before.mean_square_about(&values, &here);
        let spread = squares
            .iter()
            .zip(lengths(&own))
            .map(|(square, own)| if square.is_finite() { (square - own * own).max(0.0) } else { f64::INFINITY })
            .collect();
        Ok(LedgerTerms {
            step: t,
            error: &here - &exact,
            inherited: before.mean(&(&values - &flowed)),
            own,
            spread,
            remainder: &local - &first_order - &second_order,
            local,
            first_order,
            second_order,
            second_order_error,
        })
    }

    fn rules(&self, t: usize, x: &ArrayRef2<f64>) -> Vec<DiscreteLaw> {
        x.rows().into_iter().map(|x| self.target.posterior_rule(self.grid.level(t), &x.to_vec())).collect()
    }

    /// T_1, T_2 and the estimated error of the latter.
    fn expansion(&self, t: usize, x: &ArrayRef2<f64>) -> Result<(Array2<f64>, Array2<f64>, Vec<f64>), AuditError> {
        let (level, before, first) = (self.grid.level(t), self.grid.level(t - 1), self.grid.level(1));
        let back = self.grid.backward(t);
        let turn = back.turn;
        let image = self.flow.flow(level, before, x);
        check_values("the flow map", t, x, &image)?;
        // E[X_{t−1} | X_t] − φ, the mean by shared noise.
        let mean = x * back.keep + self.target.denoise(level, x) * turn;
        let drift = &mean - &image;
        if t == 2 {
            return Ok((drift, Array2::zeros(x.raw_dim()), vec![0.0; x.nrows()])); // Φ_1 = id
        }
        let first_order = self.flow.jvp(before, first, &image, &drift);
        check_values("the derivative of the flow map", t, x, &first_order)?;
        let covariances: Vec<Array2<f64>> =
            x.rows().into_iter().map(|x| self.target.posterior_covariance(level, &x) * (turn * turn)).collect();
        let distances: Vec<f64> = covariances.iter().map(|c| curvature::distance(before, c.diag().sum() / (turn * turn))).collect();
        let at = |image: &Array2<f64>| {
            let drift = &mean - image;
            let mut second_order = Array2::zeros(x.raw_dim());
            let mut error = vec![0.0; x.nrows()];
            for j in 0..x.ncols() {
                // ∇²Φ : M = Σ_j D²Φ[e_j, M e_j], M = Cov(X_{t−1} | X_t) + drift driftᵀ.
                let column = Array2::from_shape_fn(x.raw_dim(), |(i, k)| covariances[i][[k, j]] + drift[[i, k]] * drift[[i, j]]);
                let axis = Array2::from_shape_fn(x.raw_dim(), |(_, k)| f64::from(u8::from(j == k)));
                let known = self.flow.second_derivative(before, first, image, &axis, &column);
                let along = known.unwrap_or_else(|| curvature::along_axis(self.flow, (before, first), image, j, &column, &distances));
                second_order.scaled_add(0.5, &along.value);
                error.iter_mut().zip(&along.error).for_each(|(e, a)| *e += 0.5 * a);
            }
            (second_order, error)
        };
        let (second_order, mut error) = at(&image);
        // What φ is off by shows on the way back.
        let off = self.flow.flow(before, level, &image) - x;
        let moved = at(&(&image + &off)).0 - &second_order;
        error.iter_mut().zip(lengths(&moved)).for_each(|(e, moved)| *e += IMAGE * moved);
        check_values("the second derivative of the flow map", t, x, &second_order)?;
        Ok((first_order, second_order, error))
    }

    /// For every row the larger of what the main and the comparison rule differ by in E[f_{t−1} | X_t] and in E[Φ_{t−1} | X_t]; `None`
    /// where the target has no comparison rule.
    pub(super) fn quadrature_errors<C: ConsistencyFunction + ?Sized>(
        &self,
        f: &C,
        t: usize,
        x: &ArrayRef2<f64>,
    ) -> Result<Option<Vec<f64>>, AuditError> {
        let level = self.grid.level(t);
        let comparison: Option<Vec<DiscreteLaw>> = x.rows().into_iter().map(|x| self.target.comparison_rule(level, &x.to_vec())).collect();
        let Some(comparison) = comparison else { return Ok(None) };
        let both = [self.rules(t, x), comparison].map(|rules| {
            let before = Conditional::new(self.grid, t, x, &rules);
            let flowed = before.mean_about(&flow_to_first(self.flow, self.grid, t - 1, before.nodes())?, x);
            Ok::<_, AuditError>([before.mean_about(&evaluate(f, t - 1, before.nodes())?, x), flowed])
        });
        let [main, other] = both;
        let (main, other) = (main?, other?);
        let gaps = [0, 1].map(|k| lengths(&(&main[k] - &other[k])));
        Ok(Some(gaps[0].iter().zip(&gaps[1]).map(|(a, b)| a.max(*b)).collect()))
    }
}

/// f_t at the rows of `x`, which must be finite.
pub(super) fn evaluate<C: ConsistencyFunction + ?Sized>(f: &C, t: usize, x: &ArrayRef2<f64>) -> Result<Array2<f64>, AuditError> {
    let values = f.eval(t, x);
    check_values("the consistency function", t, x, &values)?;
    Ok(values)
}
