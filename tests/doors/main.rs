//! The doors from outside: what a user's own law, score, network and schedule get, under any import, with one error.

use onestep::*;

use crate::ndarray::Array2;
use crate::rand::SeedableRng;
use onestep::audit::{KnownAnswer, Ledger, StepCheck};
use onestep::bound::{LogConcave, Theorem1};
use onestep::consistency::{ConsistencyFn, MultiStep, one_step};
use onestep::flow::FlowSolver;
use onestep::law::{
    Covariance, Gaussian, GaussianMixture, LineMixture, MonteCarloPosterior, NoisyCurve, Product, Radial, ReverseDiffusion, Tweedie,
};
use onestep::population::{LineRecursion, Population};
use onestep::schedule::{Equidistributed, LiHuangWei, UniformAngle};
use onestep::score::{AsF64, DifferencedScore, ScoreFn};
use onestep::training::class::Affine;
use onestep::training::{Recursion, Scaling};
use onestep::transport::Assignment;
use rand_chacha::ChaCha8Rng;

fn grid(steps: usize) -> onestep::Result<Grid> {
    Ok(UniformAngle::new(steps, 0.1, 1.5)?.grid()?)
}

/// The identity at every level: a poor consistency function.
fn identity(dim: usize, steps: usize) -> ConsistencyFn<impl Fn(usize, &[f64], &mut [f64]) + Send + Sync> {
    ConsistencyFn::new(dim, steps, |_t, x: &[f64], out: &mut [f64]| out.copy_from_slice(x))
}

/// A law, a schedule and a score of one's own.
#[derive(Debug)]
struct Uniform;

impl Space for Uniform {
    fn dim(&self) -> usize {
        1
    }
}

impl Sample for Uniform {
    fn sample_into(&self, rng: &mut dyn rand::RngCore, out: &mut ndarray::ArrayRef2<f64>) {
        out.mapv_inplace(|_| 2.0 * f64::standard_uniform(rng) - 1.0);
    }
}

#[test]
fn dimensions_and_levels_need_no_particular_import() -> onestep::Result<()> {
    let law = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.8, 0.8])?;
    assert_eq!(law.dim(), 1);
    let run = LineRecursion::new(&law, &grid(8)?).run()?;
    assert_eq!((run.consistency().steps(), run.consistency().dim()), (8, 1));
    let any: &dyn Population = &run;
    assert_eq!(any.local_errors().len(), 7);
    assert_eq!(Product::new(vec![law.clone(), law])?.dim(), 2);
    assert_eq!(Uniform.dim(), 1);
    Ok(())
}

#[test]
fn products_of_boxed_laws_have_every_capability() -> onestep::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let parts: Vec<Box<dyn Sample>> = vec![Box::new(Uniform), Box::new(Gaussian::standard(2)?)];
    assert_eq!(Product::new(parts)?.sample(5, &mut rng).dim(), (5, 3));
    let scores: Vec<Box<dyn ScoreFunction>> = vec![Box::new(Gaussian::standard(1)?), Box::new(Radial::sphere(2, 1.0)?)];
    let score = Product::new(scores)?;
    let level = NoiseLevel::from_angle(0.7)?;
    let x = ndarray::array![[0.3, 0.4, -0.2]];
    assert_eq!(score.score(level, &x)[[0, 0]], -0.3);
    let rules: Vec<std::sync::Arc<dyn PosteriorRule>> =
        vec![std::sync::Arc::new(Gaussian::standard(1)?), std::sync::Arc::new(Gaussian::standard(1)?)];
    let rule = Product::new(rules)?.posterior_rule(level, &[0.3, 0.4]);
    assert!((rule.weights.iter().sum::<f64>() - 1.0).abs() < 1e-14);
    let flows: Vec<Box<dyn FlowMap>> = vec![Box::new(Gaussian::standard(1)?), Box::new(Radial::sphere(2, 1.0)?)];
    assert_eq!(Product::new(flows)?.flow(level, level, &x), x);
    Ok(())
}

#[test]
fn a_step_check_takes_a_mixture_and_an_integrated_flow() -> onestep::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let law = GaussianMixture::isotropic(&[0.5, 0.5], &ndarray::array![[-1.0, 0.0], [1.0, 0.0]], &[0.8, 0.8])?;
    let flow = FlowSolver::new(1e-6)?.flow_of(&law);
    let learned = Recursion::new(grid(4)?, 400).scaling(Scaling::None).train(&law.sample(400, &mut rng), &Affine::new(), &mut rng)?;
    let check = StepCheck::new().known(&law, &flow).theorem(Theorem1::new(2, 2.0, 1.0)?).points(8).replicates(2);
    let report = check.measure(&learned, &law.sample(100, &mut rng), &mut rng)?;
    assert!(report.verdict.is_some() && report.known.is_some());
    Ok(())
}

#[test]
fn the_ledger_takes_two_moons_and_a_ball() -> onestep::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let grid = grid(3)?;
    let moons = NoisyCurve::two_moons(0.3)?;
    let flow = FlowSolver::new(1e-5)?.flow_of(&moons);
    let report = Ledger::new(&moons, &grid).flow(&flow).samples(6).measure(&identity(2, 3), &mut rng)?;
    assert_eq!(report.steps.len(), 2);
    let ball = Radial::ball(3, 1.0)?;
    let report = Ledger::new(&ball, &grid).samples(6).measure(&identity(3, 3), &mut rng)?;
    assert!(report.error.value > 0.0);
    Ok(())
}

#[test]
fn the_ledger_takes_a_network_in_single_precision() -> onestep::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (law, grid) = (Gaussian::new(&[0.0; 2], Covariance::diagonal(&[4.0, 0.25])?)?, grid(4)?);
    let network = ConsistencyFn::new(2, 4, |t, x: &[f32], out: &mut [f32]| out.iter_mut().zip(x).for_each(|(o, x)| *o = x / t as f32));
    let report = Ledger::new(&law, &grid).samples(20).measure(&AsF64::new(&network), &mut rng)?;
    assert!(report.error.value > 0.0);
    Ok(())
}

#[test]
fn a_law_known_by_its_score_alone_reaches_all_audits() -> onestep::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    // N(1, 1) by its score.
    let score = DifferencedScore::new(ScoreFn::new(1, |level: NoiseLevel, x: &[f64], out: &mut [f64]| out[0] = level.cos() - x[0]));
    let sampler = ReverseDiffusion::new(&score, 16, 1e-2)?;
    let data = sampler.sample(300, &mut rng);
    let (mean, error) = (data.mean().unwrap_or(f64::NAN), 1.0 / 300f64.sqrt());
    assert!((mean - 1.0).abs() < 5.0 * error, "mean {mean}"); // five standard errors
    let law = MonteCarloPosterior::new(sampler, 32, 7)?;
    let flow = FlowSolver::new(1e-7)?.flow_of(&score);
    let grid = grid(3)?;

    let ledger = Ledger::new(&law, &grid).flow(&flow).samples(50).measure(&identity(1, 3), &mut rng)?;
    assert_eq!(ledger.steps.len(), 2);

    let x = ndarray::array![[0.5], [1.5]];
    let exact: Array2<f64> = flow.flow(grid.level(3), grid.level(1), &x);
    assert!(KnownAnswer::new(&flow, &grid).check(&[3, 3], &x, &exact)?.to_string().contains("flow"));

    let learned = Recursion::new(grid.clone(), 300).scaling(Scaling::None).train(&data, &Affine::new(), &mut rng)?;
    let check = StepCheck::new().known(&law, &flow).theorem(Theorem1::new(1, 1.0, 1.0)?).points(8).replicates(2);
    assert!(check.measure(&learned, &data, &mut rng)?.verdict.is_some());

    let moments = Tweedie::new(&score, Gaussian::standard(1)?)?;
    assert!(moments.denoise(grid.level(2), &x)[[0, 0]].is_finite());
    Ok(())
}

#[test]
fn one_function_calls_all_rooms_with_one_error() -> onestep::Result<()> {
    fn all(steps: usize) -> onestep::Result<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let law = LineMixture::new(&[0.5, 0.5], &[-0.5, 0.5], &[0.6, 0.6])?;
        let grid = LiHuangWei::new(steps, 2.0, 3.0)?.grid()?;
        let level = NoiseLevel::from_alpha_bar(0.5)?;
        let data = law.sample(200, &mut rng);
        let noisy = ForwardProcess::new(&grid).marginal(3, &data, &mut rng);
        let gap = Assignment::new(2.0)?.solve(&data, &noisy)?.distance;
        let run = LineRecursion::new(&law, &grid).run()?;
        let best = Equidistributed::from_local_errors(steps, run.local_errors())?.grid()?;
        let better = LineRecursion::new(&law, &best).run()?;
        let drawn = one_step(better.consistency(), 50, &mut rng)?;
        let again: Array2<f64> = MultiStep::new(&grid, &[])?.sample(run.consistency(), 50, &mut rng)?;
        let known = Ledger::new(&law, &grid).samples(4).steps(&[2]).measure(&identity(1, steps), &mut rng)?;
        let bound = LogConcave::new(1, 0.8, 2.8)?.bound(&best).w2;
        let learned = Recursion::new(grid, 100).train(&data, &Affine::new(), &mut rng)?;
        let exact: Array2<f64> = law.flow(level, NoiseLevel::DATA, &drawn);
        Ok(gap + bound + exact.sum().abs() + again.sum().abs() + known.error.value + learned.steps() as f64)
    }
    assert!(all(40)?.is_finite());
    assert!(all(1).is_err());
    Ok(())
}
