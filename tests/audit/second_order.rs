//! T_2 where the flow is steep: against 60-digit arithmetic, and the same law by different ways.

use ndarray::{Array2, ArrayRef2, array};
use onestep::audit::Ledger;
use onestep::consistency::ConsistencyFn;
use onestep::flow::{FlowSolver, SecondDerivative};
use onestep::law::{Gaussian, GaussianMixture, LineMixture, Product, Radial, Rotated, Shifted};
use onestep::schedule::LiHuangWei;
use onestep::{ConsistencyFunction, FlowJacobian, FlowMap, Grid, NoiseLevel, Sample, ScoreJacobian, Space, VarianceSchedule};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn law(name: &str) -> LineMixture {
    match name {
        "three" => LineMixture::new(&[0.2, 0.5, 0.3], &[-1.6, 0.1, 1.2], &[0.3, 0.5, 0.2]).unwrap(),
        _ => LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.3, 0.3]).unwrap(),
    }
}

fn grid() -> Grid {
    LiHuangWei::new(16, 2.0, 4.0).unwrap().grid().unwrap()
}

/// A flow map that keeps its second derivative to itself.
#[derive(Debug)]
struct Foreign<M>(M);

impl<M: Space> Space for Foreign<M> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
}

impl<M: FlowMap> FlowMap for Foreign<M> {
    fn flow_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        self.0.flow_into(from, to, x, out);
    }
}

impl<M: FlowJacobian> FlowJacobian for Foreign<M> {
    fn jvp_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<f64>, v: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        self.0.jvp_into(from, to, x, v, out);
    }
}

/// f_t = id: T_2 is a matter of the law alone.
fn identity(dim: usize) -> impl ConsistencyFunction {
    ConsistencyFn::new(dim, 16, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x))
}

/// Rows of the golden file: law, t, x, φ, Φ''(φ), T_1, T_2.
fn points() -> Vec<(&'static str, usize, [f64; 5])> {
    let stored = include_str!("../golden/second_order.csv").lines().filter(|l| l.starts_with("point"));
    stored
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let number = |i: usize| fields[i].parse::<f64>().unwrap();
            (fields[1], fields[2].parse().unwrap(), [number(3), number(4), number(5), number(6), number(7)])
        })
        .collect()
}

/// Between the modes of `two` Φ'' is 0 but changes by 2 · 10⁶ a unit: rounding of a mass of one half, over a density of 10⁻² at the image, moves
/// it by 10⁻⁸ and more.
const STEEP: f64 = 100.0;

/// The golden x, φ and T_2 are functions of rounded numbers: φ carries about ten roundings, and Φ''' up to 10⁶ times them.
#[test]
fn closed_forms_have_the_digits_and_errors_that_hold() {
    let grid = grid();
    assert_eq!(points().len(), 44);
    for (name, t, [x, phi, bend, first_order, second_order]) in points() {
        let law = law(name);
        let one = array![[1.0]];
        let found = law.second_derivative(grid.level(t - 1), grid.level(1), &array![[phi]], &one, &one).unwrap();
        let off = (found.value[[0, 0]] - bend).abs();
        assert!(off <= found.error[0] + 1e-300, "{name}, t = {t}, x = {x}: Φ'' off by {off:e}, error {:e}", found.error[0]);
        assert!(found.error[0] < 1e-9 * (STEEP + bend.abs()), "{name}, t = {t}, x = {x}: error {:e} of {bend:e}", found.error[0]);
        let terms = Ledger::new(&law, &grid).terms(&identity(1), t, &array![[x]]).unwrap();
        let close = |found: f64, truth: f64| (found - truth).abs() <= 1e-9 * truth.abs() + 1e-12;
        assert!(close(terms.first_order[[0, 0]], first_order), "{name}, t = {t}, x = {x}: T1 {:e}", terms.first_order[[0, 0]]);
        assert!(close(terms.second_order[[0, 0]], second_order), "{name}, t = {t}, x = {x}: T2 {:e}", terms.second_order[[0, 0]]);
        assert!(terms.second_order_error[0] <= 1e-9 * (STEEP + second_order.abs()));
    }
}

#[test]
fn differences_of_a_foreign_flow_know_their_error() {
    let grid = grid();
    for (name, t, [x, .., second_order]) in points() {
        let law = law(name);
        let flow = Foreign(&law);
        let terms = Ledger::new(&law, &grid).flow(&flow).terms(&identity(1), t, &array![[x]]).unwrap();
        let (off, error) = ((terms.second_order[[0, 0]] - second_order).abs(), terms.second_order_error[0]);
        assert!(off <= error + 1e-13, "{name}, t = {t}, x = {x}: T2 {second_order:e} is off by {off:e}, said to be {error:e}");
        // Four times the noise of the differences is part of the error: where the flow is steepest, four times 3e−5.
        assert!(error <= 4e-4 * second_order.abs() + 1e-8, "{name}, t = {t}, x = {x}: error {error:e} of {second_order:e}");
    }
}

#[test]
fn integrated_flows_use_the_second_variational_equation() {
    let grid = grid();
    let mixture = GaussianMixture::isotropic(&[0.2, 0.5, 0.3], &array![[-1.6], [0.1], [1.2]], &[0.09, 0.25, 0.04]).unwrap();
    for (name, t, [x, .., second_order]) in points().into_iter().filter(|p| p.0 == "three") {
        let flow = FlowSolver::new(1e-10).unwrap().flow_of(&mixture);
        let terms = Ledger::new(&mixture, &grid).flow(&flow).terms(&identity(1), t, &array![[x]]).unwrap();
        let (off, error) = ((terms.second_order[[0, 0]] - second_order).abs(), terms.second_order_error[0]);
        assert!(off <= error + 1e-13, "{name}, t = {t}, x = {x}: T2 {second_order:e} is off by {off:e}, said to be {error:e}");
        assert!(error <= 1e-7 * (1.0 + second_order.abs()), "{name}, t = {t}, x = {x}: error {error:e} of {second_order:e}");
    }
}

/// Five standard errors: 6e−7 for a fixed seed.
#[test]
fn the_mean_length_of_the_second_order_term_is_that_of_a_quadrature() {
    let (law, grid) = (law("two"), grid());
    let stored = include_str!("../golden/second_order.csv").lines().filter(|l| l.starts_with("mean"));
    let truth: Vec<(usize, f64)> = stored
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            (fields[2].parse().unwrap(), fields[7].parse().unwrap())
        })
        .collect();
    let steps: Vec<usize> = truth.iter().map(|p| p.0).collect();
    let ledger = Ledger::new(&law, &grid).steps(&steps).samples(4000);
    let report = ledger.measure(&identity(1), &mut ChaCha8Rng::seed_from_u64(80)).unwrap();
    for (step, (t, mean)) in report.steps.iter().zip(truth) {
        let found = step.second_order;
        assert!(step.step == t && (found.value - mean).abs() < 5.0 * found.std_error, "t = {t}: {found:?} for {mean}");
        assert!(step.second_order_error < 1e-9 * mean, "{:e}", step.second_order_error);
    }
}

fn assert_equal(name: &str, a: &SecondDerivative, b: &SecondDerivative, loosest: f64) {
    for i in 0..a.value.nrows() {
        let gap = (&a.value.row(i) - &b.value.row(i)).mapv(|v| v * v).sum().sqrt();
        let size = a.value.row(i).mapv(|v| v * v).sum().sqrt();
        assert!(gap <= a.error[i] + b.error[i], "{name}, row {i}: {gap:e} apart, errors {:e} and {:e}", a.error[i], b.error[i]);
        assert!(a.error[i] + b.error[i] <= loosest * (1.0 + size), "{name}, row {i}: errors {:e} and {:e}", a.error[i], b.error[i]);
    }
}

#[test]
fn products_rotations_shifts_and_the_integrated_mixture_agree() {
    let line = LineMixture::new(&[0.4, 0.6], &[-1.0, 0.8], &[0.5, 0.4]).unwrap();
    let angle = 0.6_f64;
    let turn = array![[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]];
    let exact = Shifted::new(Rotated::new(Product::copies(line.clone(), 2).unwrap(), &turn).unwrap(), &[0.3, -0.2]).unwrap();
    // The same law as a mixture of four.
    let (mut weights, mut means, mut covariances) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..2 {
        for j in 0..2 {
            weights.push(line.weights()[i] * line.weights()[j]);
            means.extend(turn.dot(&array![line.means()[i], line.means()[j]]) + array![0.3, -0.2]);
            let own = array![[line.stds()[i].powi(2), 0.0], [0.0, line.stds()[j].powi(2)]];
            covariances.push(onestep::law::Covariance::full(&turn.dot(&own).dot(&turn.t())).unwrap());
        }
    }
    let mixture = GaussianMixture::new(&weights, &Array2::from_shape_vec((4, 2), means).unwrap(), &covariances).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(81);
    let normal = Gaussian::standard(2).unwrap();
    let [x, u, v] = [(); 3].map(|()| normal.sample(40, &mut rng));
    let (from, to) = (NoiseLevel::from_angle(1.3).unwrap(), NoiseLevel::from_angle(0.05).unwrap());
    let closed = exact.second_derivative(from, to, &x, &u, &v).unwrap();
    let integrated = FlowSolver::new(1e-10).unwrap().flow_of(&mixture).second_derivative(from, to, &x, &u, &v).unwrap();
    assert_equal("mixture", &closed, &integrated, 1e-6);
    let same_score = FlowSolver::new(1e-10).unwrap().flow_of(&exact).second_derivative(from, to, &x, &u, &v).unwrap();
    assert_equal("score of the product", &closed, &same_score, 1e-6);
    // Bilinear, and symmetric.
    let swapped = exact.second_derivative(from, to, &x, &v, &u).unwrap();
    assert_equal("swapped", &closed, &swapped, 1e-9);
}

#[test]
fn second_derivatives_of_scores_are_differences_of_their_jacobians() {
    let mut rng = ChaCha8Rng::seed_from_u64(82);
    let normal = Gaussian::standard(3).unwrap();
    let [x, u, v] = [(); 3].map(|()| normal.sample(20, &mut rng));
    let wide = onestep::law::Covariance::full(&array![[1.0, 0.3, 0.0], [0.3, 0.5, -0.1], [0.0, -0.1, 0.8]]).unwrap();
    let narrow = onestep::law::Covariance::isotropic(3, 0.2).unwrap();
    let mixture = GaussianMixture::new(&[0.3, 0.7], &array![[0.0, 1.0, 0.5], [1.0, -1.0, 0.0]], &[wide, narrow]).unwrap();
    for angle in [0.1, 0.7, 1.4] {
        let level = NoiseLevel::from_angle(angle).unwrap();
        let analytic = mixture.score_second_derivative(level, &x, &u, &v).unwrap();
        let h = 1e-4;
        let at = |sign: f64| mixture.score_jvp(level, &(&x + &(&u * (sign * h))), &v);
        let differences = (at(1.0) - at(-1.0)) / (2.0 * h);
        let size = analytic.iter().fold(1.0_f64, |m, a| m.max(a.abs()));
        // h² times a fourth derivative on the scale of the components: a thousandfold.
        assert!((analytic - differences).iter().all(|gap| gap.abs() < 1e-5 * size), "θ = {angle}");
    }
}

#[test]
fn the_radial_map_bends_as_its_radius_does() {
    let mut rng = ChaCha8Rng::seed_from_u64(83);
    let (from, to) = (NoiseLevel::from_angle(1.2).unwrap(), NoiseLevel::from_angle(0.3).unwrap());
    // On the line the sphere is a pair of points, whose map is a quantile map.
    let x = array![[0.7], [-1.3], [0.05]];
    let one = Array2::ones((3, 1));
    let pair = LineMixture::point_masses(&[0.5, 0.5], &[-1.5, 1.5]).unwrap();
    let radial = Radial::sphere(1, 1.5).unwrap();
    let exact = pair.second_derivative(from, to, &x, &one, &one).unwrap();
    assert_equal("pair", &exact, &radial.second_derivative(from, to, &x, &one, &one).unwrap(), 1e-8);
    // In three dimensions, against differences of the Jacobian: h² of a third derivative of order 10, and 1e−12/h.
    let law = Radial::shells(3, &[0.4, 0.6], &[0.8, 2.0]).unwrap();
    let normal = Gaussian::standard(3).unwrap();
    let [x, u, v] = [(); 3].map(|()| normal.sample(10, &mut rng));
    let found = law.second_derivative(from, to, &x, &u, &v).unwrap();
    let h = 1e-4;
    let at = |sign: f64| law.jvp(from, to, &(&x + &(&u * (sign * h))), &v);
    let differences = (at(1.0) - at(-1.0)) / (2.0 * h);
    for (i, (a, b)) in found.value.rows().into_iter().zip(differences.rows()).enumerate() {
        let (gap, size) = ((&a - &b).mapv(|v| v * v).sum().sqrt(), a.dot(&a).sqrt());
        assert!(gap < 1e-5 * (1.0 + size) && found.error[i] < 1e-7 * (1.0 + size), "row {i}: {gap:e}, error {:e}", found.error[i]);
    }
}
