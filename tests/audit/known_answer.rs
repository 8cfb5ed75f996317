//! Consistency functions known by their values alone.

use ndarray::{Array2, Axis, array};
use onestep::audit::{AuditError, Finding, KnownAnswer};
use onestep::error::{Empty, NotFinite, OutOfRange};
use onestep::flow::FlowSolver;
use onestep::law::{Covariance, Gaussian, GaussianMixture, LineMixture, Product};
use onestep::path::Path;
use onestep::population::{GaussianRecursion, Keep, LineConsistency, LineRecursion, Method};
use onestep::schedule::{Karras, UniformAngle};
use onestep::{ConsistencyFunction, FlowMap, Grid, VarianceSchedule};

fn grid() -> Grid {
    Grid::from_angles(&(1..=10).map(|i| 0.155 * f64::from(i)).collect::<Vec<_>>()).unwrap()
}

fn modes() -> LineMixture {
    LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5]).unwrap()
}

fn optimum(target: &LineMixture, grid: &Grid) -> LineConsistency {
    LineRecursion::new(target, grid).keep(Keep::All).run().unwrap().consistency().clone()
}

/// Twenty-one points at every level.
fn points() -> (Vec<usize>, Array2<f64>) {
    let t: Vec<usize> = (0..210).map(|i| 1 + i / 21).collect();
    (t, Array2::from_shape_fn((210, 1), |(i, _)| 0.25 * (i % 21) as f64 - 2.5))
}

fn values(t: &[usize], x: &Array2<f64>, f: impl Fn(usize, &Array2<f64>) -> Array2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros(x.raw_dim());
    for (i, &t) in t.iter().enumerate() {
        out.row_mut(i).assign(&f(t, &x.select(Axis(0), &[i])).row(0));
    }
    out
}

#[test]
fn exact_flow_and_population_optimum_are_recognised() {
    let (target, grid) = (modes(), grid());
    let best = optimum(&target, &grid);
    let (t, x) = points();
    let check = KnownAnswer::new(&target, &grid).population(&best);
    let flowed = values(&t, &x, |t, x| target.flow(grid.level(t), grid.level(1), x));
    assert_eq!(check.check(&t, &x, &flowed).unwrap().finding(), Finding::Exact);
    let trained = values(&t, &x, |t, x| best.eval(t, x));
    let report = check.check(&t, &x, &trained).unwrap();
    assert!(matches!(report.finding(), Finding::Optimal { step: 10, discretisation, .. } if discretisation > 0.01));
    for level in &report.levels {
        assert_eq!(level.training.unwrap().largest, 0.0);
        assert_eq!(level.error, level.discretisation.unwrap());
        assert_eq!(level.rows, 21);
    }
    // Single precision is agreement.
    let single = trained.mapv(|v| f64::from(v as f32));
    assert!(matches!(check.check(&t, &x, &single).unwrap().finding(), Finding::Optimal { .. }));
}

#[test]
fn training_and_discretisation_are_told_apart() {
    let (target, grid) = (modes(), grid());
    let best = optimum(&target, &grid);
    let (t, x) = points();
    let check = KnownAnswer::new(&target, &grid).population(&best);
    let off = |c: f64| values(&t, &x, |t, x| best.eval(t, x) + if t > 1 { c } else { 0.0 });
    let report = check.check(&t, &x, &off(0.5)).unwrap();
    assert!(matches!(report.finding(), Finding::Training { step: 10, .. }), "{}", report.finding());
    for level in &report.levels[1..] {
        let (training, left) = (level.training.unwrap(), level.discretisation.unwrap());
        assert!((training.mean.value - 0.5).abs() < 1e-12 && (training.root_mean_square - 0.5).abs() < 1e-12);
        assert!(training.mean.std_error < 1e-12 && (training.largest - 0.5).abs() < 1e-12);
        assert!(level.error.mean.value <= training.mean.value + left.mean.value + 1e-12);
    }
    let little = check.check(&t, &x, &off(1e-3)).unwrap();
    assert!(matches!(little.finding(), Finding::Discretisation { .. }), "{}", little.finding());
    assert!(little.finding().to_string().contains("discretisation error outweighs training error"));
    let unsplit = KnownAnswer::new(&target, &grid).check(&t, &x, &off(1e-3)).unwrap();
    assert!(matches!(unsplit.finding(), Finding::Unsplit { step: 10, .. }) && unsplit.levels[3].training.is_none());
}

#[test]
fn the_order_of_rows_does_not_matter_but_their_numbers_are_kept() {
    let (target, grid) = (modes(), grid());
    let (t, x) = points();
    let mut f = values(&t, &x, |t, x| target.flow(grid.level(t), grid.level(1), x));
    f[[100, 0]] += 0.01;
    let check = KnownAnswer::new(&target, &grid);
    let report = check.check(&t, &x, &f).unwrap();
    let level = &report.levels[t[100] - 1];
    assert!((level.error.largest - 0.01).abs() < 1e-14 && level.error.row == 101);
    let reversed: Vec<usize> = (0..210).rev().collect();
    let back: Vec<usize> = reversed.iter().map(|&i| t[i]).collect();
    let again = check.check(&back, &x.select(Axis(0), &reversed), &f.select(Axis(0), &reversed)).unwrap();
    assert_eq!(again.levels[t[100] - 1].error.row, 110);
    assert!((again.levels[t[100] - 1].error.mean.value - level.error.mean.value).abs() < 1e-15);
}

#[test]
fn broken_contracts_come_first() {
    let (target, grid) = (modes(), grid());
    let (t, x) = points();
    let exact = values(&t, &x, |t, x| target.flow(grid.level(t), grid.level(1), x));
    let check = KnownAnswer::new(&target, &grid);
    let mut f = exact.clone();
    f[[7, 0]] += 0.1; // level 1
    assert!(matches!(check.check(&t, &x, &f).unwrap().finding(), Finding::NotIdentity { row: 8, gap } if (gap - 0.1).abs() < 1e-15));
    let mut f = exact.clone();
    let (low, high) = (21 * 4 + 3, 21 * 4 + 4); // neighbours at level 5
    f.swap([low, 0], [high, 0]);
    let report = check.check(&t, &x, &f).unwrap();
    let found = report.levels[4].decrease.unwrap();
    assert_eq!((found.from, found.to), (low + 1, high + 1));
    assert!((found.drop - (exact[[high, 0]] - exact[[low, 0]])).abs() < 1e-15);
    assert!(matches!(report.finding(), Finding::Decreasing { step: 5, .. }));
    // Two values at one point are no decrease.
    let twice = check.check(&[3, 3], &array![[0.5], [0.5]], &array![[0.4], [0.3]]).unwrap();
    assert_eq!(twice.levels[0].decrease, None);
}

#[test]
fn works_in_more_dimensions() {
    let grid = grid();
    let target = Gaussian::new(&[0.5, -0.5, 0.0], Covariance::diagonal(&[1.0, 0.25, 4.0]).unwrap()).unwrap();
    let run = GaussianRecursion::new(&target, &grid).run().unwrap();
    let x = array![[0.1, 0.2, 0.3], [-1.0, 2.0, 0.5]];
    let f = run.consistency().eval(10, &x);
    let report = KnownAnswer::new(&target, &grid).population(run.consistency()).check(&[10, 10], &x, &f).unwrap();
    assert!(matches!(report.finding(), Finding::Optimal { step: 10, .. }));
    let copies = Product::copies(modes(), 2).unwrap();
    let best = Product::copies(optimum(&modes(), &grid), 2).unwrap();
    let x = array![[0.1, 0.2], [-1.0, 2.0]];
    let report = KnownAnswer::new(&copies, &grid).population(&best).check(&[4, 9], &x, &(&x + 1.0)).unwrap();
    assert_eq!(report.levels.iter().map(|l| l.step).collect::<Vec<_>>(), [4, 9]);
    assert!(report.levels.iter().all(|l| l.decrease.is_none()));
}

#[test]
fn bad_input_names_the_row() {
    let (target, grid) = (modes(), grid());
    let check = KnownAnswer::new(&target, &grid);
    let x = array![[0.0], [1.0]];
    let none = Array2::<f64>::zeros((0, 1));
    assert!(matches!(check.check(&[], &none, &none), Err(AuditError::Empty(Empty { name: "table", .. }))));
    assert_eq!(check.check(&[3, 11], &x, &x), Err(AuditError::NoSuchStep { name: "t", index: 2, step: 11, first: 1, last: 10 }));
    assert_eq!(check.check(&[3, 0], &x, &x), Err(AuditError::CountsFromZero { index: 2, last: 10 }));
    assert!(matches!(check.check(&[1], &x, &x), Err(AuditError::Mismatch(_))));
    assert!(matches!(check.check(&[1, 2], &x, &array![[0.0]]), Err(AuditError::Mismatch(_))));
    assert!(matches!(check.check(&[1, 2], &array![[0.0, 1.0], [1.0, 0.0]], &x), Err(AuditError::Mismatch(_))));
    let bad = array![[0.0], [f64::NEG_INFINITY]];
    assert!(matches!(check.check(&[1, 2], &bad, &x), Err(AuditError::NotFinite(NotFinite { name: "x", row: 2, column: 1, .. }))));
    assert!(matches!(check.check(&[1, 2], &x, &bad), Err(AuditError::NotFinite(NotFinite { name: "f", row: 2, .. }))));
    assert!(matches!(check.tolerance(f64::NAN).check(&[1, 2], &x, &x), Err(AuditError::OutOfRange(OutOfRange { name: "tolerance", .. }))));
    let last = LineRecursion::new(&target, &grid).run().unwrap();
    assert!(matches!(
        check.population(last.consistency()).check(&[1, 2], &x, &x),
        Err(AuditError::NotHeld { name: "the population optimum", step: 2 })
    ));
}

/// A table of `cases/`: t, x and f.
fn case(text: &str) -> (Vec<usize>, Array2<f64>, Array2<f64>) {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Vec<f64>> = lines.map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect();
    let columns = |what: &str| {
        let places: Vec<usize> = (0..names.len()).filter(|&i| names[i].starts_with(what)).collect();
        Array2::from_shape_fn((rows.len(), places.len()), |(i, j)| rows[i][places[j]])
    };
    (columns("t").iter().map(|t| *t as usize).collect(), columns("x_"), columns("f_"))
}

fn karras() -> Grid {
    Karras::new(18).unwrap().grid().unwrap()
}

/// The law of the EDM model in the plane.
fn twice() -> Product<LineMixture> {
    Product::copies(LineMixture::new(&[0.3, 0.7], &[-1.0, 1.0], &[0.4, 0.4]).unwrap(), 2).unwrap()
}

#[test]
fn a_small_error_is_good_whatever_recursion_it_came_from() {
    let (law, grid) = (twice(), karras());
    let (t, x, f) = case(include_str!("cases/edm_in_vp_units.csv"));
    let run = |method| {
        let run = LineRecursion::new(&law.factors()[0], &grid).method(method).keep(Keep::All).run().unwrap();
        Product::copies(run.consistency().clone(), 2).unwrap()
    };
    let (training, distillation) = (run(Method::Training), run(Method::Distillation));
    let check = KnownAnswer::new(&law, &grid).moments(&law).population(&training).distillation(&distillation);
    let report = check.check(&t, &x, &f).unwrap();
    let last = report.levels.last().unwrap();
    // Nine digits of the table are kept; the mean of the whole table is .06286546.
    assert!((last.error.mean.value - 0.062_865_46).abs() < 1e-8, "{}", last.error.mean.value);
    assert!((last.discretisation.unwrap().mean.value - 0.2925).abs() < 5e-5, "{:?}", last.discretisation);
    let finding = report.finding();
    assert!(matches!(finding, Finding::Better { step: 18, .. }), "{finding}");
    let said = finding.to_string();
    assert!(said.contains("nearer to the flow map (0.0629) than the optimum of consistency training is (0.2925)"), "{said}");
    assert!(said.contains("does not minimise the CT loss, it does better"), "{said}");
    let Some(size) = last.size else { panic!("no size") };
    assert!((size.rows.value / size.law - 1.0).abs() < 0.2);
}

#[test]
fn points_in_other_units_are_named_with_their_factor() {
    let (law, grid) = (twice(), karras());
    let (t, x, f) = case(include_str!("cases/edm_left_in_ve_units.csv"));
    let check = KnownAnswer::new(&law, &grid).moments(&law);
    let finding = check.check(&t, &x, &f).unwrap().finding();
    let Finding::Units { step: 18, rows, law: right, factor, convention: "edm" } = finding else { panic!("{finding}") };
    assert!((factor - 80_f64.hypot(1.0)).abs() < 1e-9 && (rows / right / factor - 1.0).abs() < 0.1, "{finding}");
    assert!(finding.to_string().contains("in the units of edm: at step 18"), "{finding}");
    // Said to be of EDM, the table is the model of the other case.
    let edm = Path::edm();
    let report = check.path(&edm).check(&t, &x, &f).unwrap();
    assert!(report.implausible.is_none());
    assert!((report.levels.last().unwrap().error.mean.value - 0.062_865_46).abs() < 1e-6, "{}", report.levels.last().unwrap().error);
    // And a table of the angle that is said to be of EDM is told so.
    let (t, x, f) = case(include_str!("cases/edm_in_vp_units.csv"));
    let finding = check.path(&edm).check(&t, &x, &f).unwrap().finding();
    assert!(
        matches!(finding, Finding::Units { convention: "vp", factor, .. } if (factor * 80_f64.hypot(1.0) - 1.0).abs() < 1e-9),
        "{finding}"
    );
}

#[test]
fn levels_in_another_order_are_noticed() {
    let (law, grid) = (twice(), karras());
    let (t, x, f) = case(include_str!("cases/edm_left_in_ve_units.csv"));
    let edm = Path::edm();
    let check = KnownAnswer::new(&law, &grid).moments(&law).path(&edm);
    let reversed: Vec<usize> = t.iter().map(|t| 19 - t).collect();
    let finding = check.check(&reversed, &x, &f).unwrap().finding();
    assert_eq!(finding, Finding::Reversed { steps: 18 });
    // Without the last level, the sizes alone.
    let some: Vec<usize> = (0..t.len()).filter(|&i| t[i] > 1).collect();
    let pick = |t: &[usize]| some.iter().map(|&i| t[i]).collect::<Vec<_>>();
    let (x_some, f_some) = (x.select(Axis(0), &some), f.select(Axis(0), &some));
    assert_eq!(check.check(&pick(&reversed), &x_some, &f_some).unwrap().finding(), Finding::Reversed { steps: 18 });
    // Counted from 0: with the level 0 an error that says so, without it the sizes.
    let from_zero: Vec<usize> = t.iter().map(|t| t - 1).collect();
    assert!(matches!(check.check(&from_zero, &x, &f), Err(AuditError::CountsFromZero { last: 18, .. })));
    let finding = check.check(&pick(&from_zero), &x_some, &f_some).unwrap().finding();
    assert!(matches!(finding, Finding::FromZero { .. }), "{finding}");
    // A level 0 beside T is a wrong number, no other order.
    let mut odd = t.clone();
    odd[3] = 0;
    assert!(matches!(check.check(&odd, &x, &f), Err(AuditError::NoSuchStep { step: 0, index: 4, .. })));
}

#[test]
fn a_planted_error_is_found_at_every_level() {
    let angle = |k: usize| std::f64::consts::TAU * k as f64 / 8.0;
    let means = Array2::from_shape_fn((8, 2), |(k, j)| 2.0 * if j == 0 { angle(k).cos() } else { angle(k).sin() });
    let law = GaussianMixture::isotropic(&[0.125; 8], &means, &[0.04; 8]).unwrap();
    let (t, x, f) = case(include_str!("cases/ring.csv"));
    let grid = karras();
    let flow = FlowSolver::new(1e-9).unwrap().flow_of(&law);
    let report = KnownAnswer::new(&flow, &grid).moments(&law).check(&t, &x, &f).unwrap();
    assert_eq!(report.levels.iter().map(|l| l.step).collect::<Vec<_>>(), [1, 2, 9, 13, 18]);
    for level in &report.levels[1..] {
        assert!((level.error.mean.value - 0.05).abs() < 1e-6, "{level}");
    }
    assert!(report.implausible.is_none());
    assert!(matches!(report.finding(), Finding::Unsplit { step: 18, error } if (error - 0.05).abs() < 1e-6));
}

#[test]
fn exact_values_agree_in_any_order_of_columns() {
    // Uniform angles from that of σ = .002 to that of σ = 80.
    let ends = [0.002_f64, 80.0].map(f64::atan);
    let (law, grid) = (twice().factors()[0].clone(), UniformAngle::new(18, ends[0], ends[1]).unwrap().grid().unwrap());
    for text in [include_str!("cases/exact.csv"), include_str!("cases/swapped_columns.csv")] {
        let (t, x, f) = case(text);
        let finding = KnownAnswer::new(&law, &grid).moments(&law).check(&t, &x, &f).unwrap().finding();
        assert_eq!(finding, Finding::Exact, "{finding}");
    }
}
