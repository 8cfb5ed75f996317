//! What a law of one's own gets: moments from its score, rules from samples, and everything through a box.

use approx::assert_abs_diff_eq;
use ndarray::{Array1, Array2, array};
use onestep::audit::Ledger;
use onestep::consistency::ConsistencyFn;
use onestep::flow::FlowSolver;
use onestep::law::{
    DiscreteLaw, Gaussian, ImportancePosterior, LineMixture, MonteCarloPosterior, NoisyCurve, PosteriorSample, Product, Radial,
    ReverseDiffusion, Tweedie,
};
use onestep::score::AsF64;
use onestep::{
    ConsistencyFunction, FlowJacobian, FlowMap, Grid, LogDensity, Moments, NoiseLevel, Posterior, PosteriorRule, Sample, ScoreFunction,
    ScoreJacobian, Space,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn level(angle: f64) -> NoiseLevel {
    NoiseLevel::from_angle(angle).unwrap()
}

fn mean(rule: &DiscreteLaw) -> Array1<f64> {
    Array1::from(rule.weights.clone()).dot(&rule.nodes)
}

fn covariance(rule: &DiscreteLaw) -> Array2<f64> {
    let centred = &rule.nodes - &mean(rule);
    let weighted = &centred * &Array1::from(rule.weights.clone()).insert_axis(ndarray::Axis(1));
    weighted.t().dot(&centred)
}

fn largest(gap: &Array2<f64>) -> f64 {
    gap.iter().fold(0.0, |a, g| if g.abs() <= a { a } else { g.abs() })
}

/// Gauss rules are exact for moments; what is left is dropped weights (1e−13), quadrature tables (1e−12) and rounding.
const MOMENTS: f64 = 1e-10;
/// The mean given a radius is no polynomial in the radius: what ten and eight of them leave where the ball is seen whole.
const RADII: [f64; 2] = [1e-6, 1e-4];

#[test]
fn rules_of_radial_laws_have_the_posterior_moments() {
    for dim in [1, 2, 3, 5, 12] {
        let laws = [
            Radial::ball(dim, 1.3).unwrap(),
            Radial::sphere(dim, 2.0).unwrap(),
            Radial::shells(dim, &[0.3, 0.7], &[0.5, 2.0]).unwrap(),
            Radial::gaussian(dim, 1.0, 24).unwrap(),
        ];
        for (k, law) in laws.iter().enumerate() {
            for angle in [0.05, 0.4, 1.0, 1.5] {
                for scale in [0.0, 0.3, -1.7] {
                    let x: Vec<f64> = (0..dim).map(|j| scale / (1.0 + j as f64)).collect();
                    let (at, point) = (level(angle), Array2::from_shape_vec((1, dim), x.clone()).unwrap());
                    let exact = law.denoise(at, &point).row(0).to_owned();
                    let spread = law.posterior_covariance(at, &Array1::from(x.clone()));
                    for (rule, radii) in [law.posterior_rule(at, &x), law.comparison_rule(at, &x).unwrap()].into_iter().zip(RADII) {
                        let tolerance = if law.radii().len() > 2 || k == 0 { radii } else { MOMENTS };
                        let what = format!("law {k}, d = {dim}, θ = {angle}, scale {scale}");
                        assert!((rule.weights.iter().sum::<f64>() - 1.0).abs() < MOMENTS, "{what}");
                        let gap = (&mean(&rule) - &exact).iter().fold(0.0, |a: f64, g| a.max(g.abs()));
                        assert!(gap < tolerance, "{what}: mean off by {gap:e}");
                        let gap = largest(&(covariance(&rule) - &spread));
                        assert!(gap < tolerance, "{what}: covariance off by {gap:e}");
                    }
                }
            }
        }
    }
}

#[test]
fn rules_of_curves_have_the_posterior_moments_and_agree_on_waves() {
    let laws = [NoisyCurve::two_moons(0.1).unwrap(), NoisyCurve::banana(1.0, 0.5, 0.2).unwrap()];
    for law in &laws {
        for angle in [0.05, 0.4, 1.0, 1.5] {
            for x in [[0.5, 0.25], [1.2, -0.4], [-2.0, 3.0]] {
                let at = level(angle);
                let exact = law.denoise(at, &array![x]).row(0).to_owned();
                let spread = law.posterior_covariance(at, &Array1::from(x.to_vec()));
                let (main, other) = (law.posterior_rule(at, &x), law.comparison_rule(at, &x).unwrap());
                for rule in [&main, &other] {
                    assert!((&mean(rule) - &exact).iter().all(|g| g.abs() < MOMENTS), "θ = {angle}, x = {x:?}");
                    assert!(largest(&(covariance(rule) - &spread)) < MOMENTS, "θ = {angle}, x = {x:?}");
                }
                let wave = |rule: &DiscreteLaw| {
                    rule.nodes.rows().into_iter().zip(&rule.weights).map(|(c, w)| w * (c[0] - 0.5 * c[1]).cos()).sum::<f64>()
                };
                assert!((wave(&main) - wave(&other)).abs() < 1e-3, "θ = {angle}, x = {x:?}: {:e}", wave(&main) - wave(&other));
            }
        }
    }
}

#[test]
fn tweedie_gives_the_moments_that_the_law_knows() {
    let law = LineMixture::new(&[0.3, 0.7], &[-1.0, 1.5], &[0.4, 0.7]).unwrap();
    let known_by_score = Tweedie::new(&law, &law).unwrap();
    for angle in [1e-3, 0.3, 1.0, 1.56] {
        let (at, x) = (level(angle), array![[-2.0], [0.1], [1.0]]);
        let gap = &law.denoise(at, &x) - &known_by_score.denoise(at, &x);
        // (x + sin² s)/cos loses 1/cos of rounding.
        assert!(largest(&gap) < 1e-15 / at.cos() * 16.0);
        let (a, b) = (law.posterior_covariance(at, &array![0.1]), known_by_score.posterior_covariance(at, &array![0.1]));
        assert_abs_diff_eq!(a[[0, 0]], b[[0, 0]], epsilon = 1e-14 / at.alpha_bar());
    }
    // The limits at both ends.
    assert_eq!(known_by_score.denoise(NoiseLevel::DATA, &array![[0.3]]), array![[0.3]]);
    assert_abs_diff_eq!(known_by_score.denoise(NoiseLevel::NOISE, &array![[0.3]])[[0, 0]], law.mean()[0], epsilon = 1e-5);
}

#[test]
fn the_reverse_diffusion_samples_the_posterior() {
    const N: usize = 20_000;
    let law = LineMixture::new(&[0.3, 0.7], &[-1.0, 1.0], &[0.4, 0.4]).unwrap();
    let reverse = ReverseDiffusion::new(&law, 64, 1e-2).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for (angle, x) in [(0.5, 0.1), (1.0, -0.3), (1.4, 0.8)] {
        let mut draws = Array2::zeros((N, 1));
        reverse.sample_posterior_into(level(angle), &[x], &mut rng, &mut draws);
        let exact = law.denoise(level(angle), &array![[x]])[[0, 0]];
        let spread = law.posterior_covariance(level(angle), &array![x])[[0, 0]];
        // Five standard errors, and the bias of 64 steps: a thousandth.
        assert_abs_diff_eq!(draws.mean().unwrap(), exact, epsilon = 5.0 * (spread / N as f64).sqrt() + 2e-3);
        let square = draws.mapv(|d| (d - exact).powi(2)).mean().unwrap();
        assert!((square / spread - 1.0).abs() < 0.05, "θ = {angle}: variance {square} against {spread}");
    }
    let from_noise = reverse.sample(N, &mut rng);
    assert_abs_diff_eq!(from_noise.mean().unwrap(), 0.4, epsilon = 5.0 * (1.0_f64 / N as f64).sqrt() + 2e-3);
}

#[test]
fn monte_carlo_rules_are_functions_and_their_replicates_differ() {
    let law = Gaussian::standard(2).unwrap();
    let rule = MonteCarloPosterior::new(ReverseDiffusion::new(&law, 16, 1e-2).unwrap(), 500, 3).unwrap();
    let (at, x) = (level(0.8), [0.4, -1.0]);
    assert_eq!(rule.posterior_rule(at, &x), rule.posterior_rule(at, &x));
    let (main, other) = (rule.posterior_rule(at, &x), rule.comparison_rule(at, &x).unwrap());
    assert_ne!(main, other);
    let exact = law.denoise(at, &array![x]);
    for draws in [&main, &other] {
        // Five standard errors of a coordinate of variance sin²θ, and the bias of 16 steps.
        assert!((&mean(draws) - &exact.row(0)).iter().all(|g| g.abs() < 5.0 * at.sin() / 500_f64.sqrt() + 5e-3));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let weighted = ImportancePosterior::new(&law, 50_000, &mut rng).unwrap();
    let size = weighted.effective_sample_size(at, &x);
    assert!(size > 100.0 && size < 50_000.0);
    assert!((&weighted.denoise(at, &array![x]) - &exact).iter().all(|g| g.abs() < 5.0 * at.sin() / size.sqrt()));
}

/// Every capability at once.
trait Known: Sample + LogDensity + Posterior + PosteriorRule + Moments + ScoreFunction + ScoreJacobian {}
impl<T: Sample + LogDensity + Posterior + PosteriorRule + Moments + ScoreFunction + ScoreJacobian> Known for T {}

#[test]
fn products_of_boxed_laws_of_different_kinds_have_every_capability() {
    fn check<T: Known>(law: &T) {
        let (at, x) = (level(0.7), Array2::from_elem((2, law.dim()), 0.3));
        assert!(law.log_density(at, &x).iter().all(|l| l.is_finite()));
        assert!(law.score(at, &x).iter().all(|s| s.is_finite()) && law.score_jvp(at, &x, &x).iter().all(|s| s.is_finite()));
        assert_eq!(law.posterior_covariance(at, &x.row(0)).dim(), (law.dim(), law.dim()));
        assert!((&mean(&law.posterior_rule(at, &x.row(0).to_vec())) - &law.denoise(at, &x).row(0)).iter().all(|g| g.abs() < MOMENTS));
        assert_eq!(law.mean().len(), law.dim());
    }
    macro_rules! boxed {
        ($($trait:ident),*) => {$({
            let factors: Vec<Box<dyn $trait>> = vec![Box::new(LineMixture::gaussian(1.0, 0.5).unwrap()), Box::new(NoisyCurve::two_moons(0.1).unwrap())];
            let product = Product::new(factors).unwrap();
            let space: &dyn $trait = &product;
            assert_eq!(space.dim(), 3);
        })*};
    }
    boxed!(Space, Sample, LogDensity, Posterior, PosteriorRule, Moments, ScoreFunction, ScoreJacobian);
    check(&Product::new(vec![NoisyCurve::two_moons(0.1).unwrap()]).unwrap());
    let flows: Vec<Box<dyn FlowMap>> = vec![Box::new(Gaussian::standard(2).unwrap()), Box::new(Radial::ball(2, 1.0).unwrap())];
    assert_eq!(Product::new(flows).unwrap().flow(level(1.0), level(0.5), &Array2::from_elem((1, 4), 0.2)).dim(), (1, 4));
    let flows: Vec<Box<dyn FlowJacobian>> = vec![Box::new(Gaussian::standard(2).unwrap())];
    assert_eq!(Product::new(flows).unwrap().dim(), 2);
    let families: Vec<Box<dyn ConsistencyFunction>> = vec![
        Box::new(ConsistencyFn::new(1, 3, |_, x: &[f64], out: &mut [f64]| out[0] = x[0])),
        Box::new(ConsistencyFn::new(1, 4, |_, x: &[f64], out: &mut [f64]| out[0] = x[0])),
    ];
    let product = Product::new(families).unwrap();
    assert_eq!((product.dim(), product.steps()), (2, 3));
}

/// A family that is wrong by a known factor.
fn shrunk(dim: usize) -> impl ConsistencyFunction<f64> {
    ConsistencyFn::new(dim, 4, |t, x: &[f64], out: &mut [f64]| out.iter_mut().zip(x).for_each(|(o, x)| *o = x * 0.9_f64.powi(t as i32 - 1)))
}

#[test]
fn the_ledger_takes_two_moons_a_ball_a_score_and_an_f32_network() -> onestep::Result<()> {
    let grid = Grid::from_angles(&[0.1, 0.5, 1.0, 1.5])?;
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let solver = FlowSolver::new(1e-7)?;
    let moons = NoisyCurve::two_moons(0.2)?;
    let report = Ledger::new(&moons, &grid).flow(&solver.flow_of(&moons)).samples(2).steps(&[3]).measure(&shrunk(2), &mut rng)?;
    assert_eq!(report.steps.len(), 1);
    let ball = Radial::ball(3, 1.5)?;
    let report = Ledger::new(&ball, &grid).samples(2).steps(&[3]).measure(&shrunk(3), &mut rng)?;
    assert!(report.steps.iter().all(|s| s.error.value > 0.0));
    // A network in single precision, against the same one in double.
    let law = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5])?;
    let single = ConsistencyFn::new(1, 4, |t, x: &[f32], out: &mut [f32]| out[0] = x[0] * 0.9_f32.powi(t as i32 - 1));
    let terms = |f: &dyn ConsistencyFunction| Ledger::new(&law, &grid).terms(f, 3, &array![[0.7], [-1.2]]);
    let gap = terms(&AsF64::new(single))?.own - terms(&shrunk(1))?.own;
    assert!(largest(&gap) < 1e-6 && largest(&gap) > 0.0);
    // A law known by its score alone, against the law itself: five standard errors of 2000 draws, and the bias of 32 steps.
    let reverse = ReverseDiffusion::new(&law, 32, 1e-2)?;
    let known_by_score = MonteCarloPosterior::new(Tweedie::new(&law, reverse)?, 2000, 9)?;
    let flow = solver.flow_of(&law);
    let measured = Ledger::new(&known_by_score, &grid).flow(&flow).terms(&shrunk(1), 3, &array![[0.7], [-1.2]])?.own;
    assert!(largest(&(measured - terms(&shrunk(1))?.own)) < 5.0 / 2000_f64.sqrt() + 1e-2);
    Ok(())
}
