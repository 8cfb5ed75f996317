//! Richardson extrapolation by bisection: second order where one run is of first order, and only by bisection.

use ndarray::Array2;
use onestep::consistency::{ConsistencyError, ConsistencyFn, Extrapolated};
use onestep::law::LineMixture;
use onestep::population::{Keep, LineConsistency, LineRecursion};
use onestep::schedule::{LiHuangWei, UniformAngle};
use onestep::{ConsistencyFunction, FlowMap, Grid, VarianceSchedule};

fn law() -> LineMixture {
    LineMixture::new(&[0.5, 0.5], &[-0.7, 0.7], &[0.6, 0.6]).unwrap()
}

fn optimum(grid: &Grid) -> LineConsistency {
    LineRecursion::new(&law(), grid).keep(Keep::All).run().unwrap().consistency().clone()
}

/// E|f_T(X_T) − Φ_T(X_T)| as the mean over quantiles of X_T.
fn error(f: &dyn ConsistencyFunction, grid: &Grid, t: usize) -> f64 {
    let (law, n) = (law(), 400);
    let marginal = law.at(grid.level(t));
    let x = Array2::from_shape_fn((n, 1), |(i, _)| marginal.quantile((i as f64 + 0.5) / n as f64));
    let exact = law.flow(grid.level(t), grid.level(1), &x);
    (f.eval(t, &x) - exact).mapv(f64::abs).mean().unwrap()
}

#[test]
fn bisection_makes_second_order_on_any_grid() {
    let grids: [&dyn Fn(usize) -> Grid; 2] = [&|steps| UniformAngle::new(steps, 0.01, 1.5697).unwrap().grid().unwrap(), &|steps| {
        let square = |i: usize| 0.02 + 1.54 * (i as f64 / (steps - 1) as f64).powi(2);
        Grid::from_angles(&(0..steps).map(square).collect::<Vec<_>>()).unwrap()
    }];
    for grid in grids {
        let errors = [41, 81].map(|steps| {
            let grid = grid(steps);
            let (coarse, fine) = (optimum(&grid), optimum(&grid.bisect()));
            let both = Extrapolated::new(&coarse, &fine).unwrap();
            // At an inner level, too.
            assert!(error(&both, &grid, steps / 2) < 0.2 * error(&coarse, &grid, steps / 2));
            (error(&coarse, &grid, steps), error(&both, &grid, steps))
        });
        let (first, second) = ((errors[0].0 / errors[1].0).log2(), (errors[0].1 / errors[1].1).log2());
        assert!((first - 1.0).abs() < 0.1 && (second - 2.0).abs() < 0.25, "orders {first}, {second}");
    }
}

/// c_0 = 2, c_1 = 4, T = 400: bisecting gives 6.8e−5; the schedule at 2T has another shape.
#[test]
fn the_paper_s_schedule_is_bisected_and_not_taken_at_twice_the_steps() {
    let grid = LiHuangWei::new(400, 2.0, 4.0).unwrap().grid().unwrap();
    let coarse = optimum(&grid);
    let both = Extrapolated::new(&coarse, optimum(&grid.bisect())).unwrap();
    let (before, after) = (error(&coarse, &grid, 400), error(&both, &grid, 400));
    assert!(before > 4e-3 && after < 1.5e-4, "{before:e}, {after:e}");
    let double = LiHuangWei::new(799, 2.0, 4.0).unwrap().grid().unwrap();
    let wrong = error(&Extrapolated::new(&coarse, optimum(&double)).unwrap(), &grid, 400);
    assert!(wrong > 5.0 * after, "{wrong:e}");
}

#[test]
fn families_that_do_not_fit_are_refused() {
    let of = |dim: usize, steps: usize| ConsistencyFn::new(dim, steps, |_, x: &[f64], out: &mut [f64]| out.copy_from_slice(x));
    for (one, other) in [(of(1, 5), of(2, 9)), (of(1, 5), of(1, 5)), (of(1, 5), of(1, 10)), (of(1, 0), of(1, 3))] {
        assert!(matches!(Extrapolated::new(one, other), Err(ConsistencyError::Mismatch(_))));
    }
    let grid = Grid::from_angles(&[0.1, 0.5, 1.0, 1.5]).unwrap();
    let last = |grid: &Grid| LineRecursion::new(&law(), grid).run().unwrap().consistency().clone();
    let both = Extrapolated::new(last(&grid), last(&grid.bisect())).unwrap();
    assert_eq!((1..=5).map(|t| both.holds(t)).collect::<Vec<_>>(), [true, false, false, true, false]);
    // f_1 is the identity, exactly.
    assert_eq!(both.eval(1, &ndarray::array![[0.3]]), ndarray::array![[0.3]]);
}
