//! Maps between any two levels: exact ones, average velocities, and what they lack.

use ndarray::{Array2, ArrayRef2, array};
use onestep::consistency::{AverageVelocity, ExactMaps, ToFirst, TwoTimeMap, average_velocity, semigroup_defect};
use onestep::flow::FlowSolver;
use onestep::law::{GaussianMixture, LineMixture};
use onestep::path::{GaussianPath, Path};
use onestep::{ConsistencyFunction, FlowMap, Grid};

fn line() -> LineMixture {
    LineMixture::new(&[0.3, 0.7], &[-1.0, 1.0], &[0.4, 0.5]).unwrap()
}

fn grid() -> Grid {
    Grid::from_angles(&[0.05, 0.4, 0.8, 1.2, 1.5]).unwrap()
}

#[test]
fn exact_maps_are_a_semigroup_and_the_identity_on_the_diagonal() {
    let (law, grid) = (line(), grid());
    let maps = ExactMaps::new(&law, &grid);
    let x = array![[-2.0], [-0.3], [0.1], [1.7]];
    for t in 1..=5 {
        assert_eq!(maps.map(t, t, &x), x);
        assert_eq!(maps.eval(t, &x), maps.map(t, 1, &x));
        assert_eq!(ToFirst(&maps).eval(t, &x), maps.map(t, 1, &x));
        for k in 1..=t {
            for j in 1..=k {
                assert!(semigroup_defect(&maps, (t, k, j), &x).unwrap() < 1e-13);
            }
        }
    }
    // Integrated flows, to their tolerance.
    let plane = GaussianMixture::isotropic(&[0.5, 0.5], &array![[1.0, 0.0], [-1.0, 0.5]], &[0.1, 0.2]).unwrap();
    let maps = ExactMaps::new(FlowSolver::new(1e-9).unwrap().flow_of(&plane), &grid);
    assert!(semigroup_defect(&maps, (5, 3, 1), &array![[0.4, -0.2], [-1.0, 1.0]]).unwrap() < 1e-7);
}

#[test]
fn average_velocities_and_maps_are_views_of_each_other() {
    let (law, grid) = (line(), grid());
    let exact = ExactMaps::new(&law, &grid);
    let linear = Path::linear();
    let step_of = |time: f64| (1..=5).find(|&t| (linear.time(grid.level(t)).unwrap() - time).abs() < 1e-12).unwrap();
    let velocity = |r: f64, t: f64, z: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| {
        out.assign(&average_velocity(&exact, &grid, step_of(t), step_of(r), z).unwrap());
    };
    let again = AverageVelocity::new(&grid, 1, velocity).unwrap();
    let x = array![[-2.0], [0.1], [1.7]];
    for (t, k) in [(5, 1), (4, 2), (3, 3), (2, 1)] {
        let gap: Array2<f64> = again.map(t, k, &x) - exact.map(t, k, &x);
        assert!(gap.iter().all(|g| g.abs() < 1e-14), "{t} {k}: {gap}");
    }
    // The tangent at k = t: u tends to the velocity E[Z − X_0 | x] of flow matching, linearly in the step.
    let gap = |h: f64| -> f64 {
        let grid = Grid::from_angles(&[0.05, 0.8 - h, 0.8]).unwrap();
        let (maps, z) = (ExactMaps::new(&law, &grid), array![[0.4]]);
        let u = average_velocity(&maps, &grid, 3, 2, &z).unwrap()[[0, 0]];
        let time = linear.time(grid.level(3)).unwrap();
        let v = onestep::score::OnPath::new(&law, linear).predict(onestep::path::Prediction::FlowVelocity, time, &z).unwrap()[[0, 0]];
        u - v
    };
    let order = (gap(1e-3) / gap(5e-4)).log2();
    assert!((order - 1.0).abs() < 0.02, "order {order}");
}

#[test]
fn a_map_that_cannot_be_cut_is_found_out() {
    let grid = grid();
    // The instantaneous velocity in place of the average one: Euler's method with jumps, no semigroup.
    let law = line();
    let euler = AverageVelocity::new(&grid, 1, |_r: f64, t: f64, z: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| {
        let v = onestep::score::OnPath::new(&law, Path::linear()).predict(onestep::path::Prediction::FlowVelocity, t, z).unwrap();
        out.assign(&v);
    });
    let x = array![[-1.0], [0.3], [1.2]];
    assert!(semigroup_defect(&euler.unwrap(), (5, 3, 1), &x).unwrap() > 0.05);
    let exact = ExactMaps::new(&law, &grid);
    for bad in [(1, 2, 1), (6, 2, 1), (3, 2, 0), (3, 1, 2)] {
        assert!(semigroup_defect(&exact, bad, &x).is_err(), "{bad:?}");
    }
    assert!(average_velocity(&exact, &grid, 2, 2, &x).is_err() && average_velocity(&exact, &grid, 6, 2, &x).is_err());
    let short = Grid::from_angles(&[0.1, 0.2]).unwrap();
    assert!(average_velocity(&exact, &short, 2, 1, &x).is_err());
    let image = law.flow(grid.level(5), grid.level(2), &x);
    assert_eq!(exact.map(5, 2, &x), image);
}
