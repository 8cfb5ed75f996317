//! Several evaluations: known answers, the line against the closed form, and sampling.

use onestep::consistency::MultiStep;
use onestep::law::{Comb, Covariance, Gaussian, LineMixture};
use onestep::population::{Evaluations, Keep, LineRecursion, PopulationLaw, Settings};
use onestep::schedule::UniformAngle;
use onestep::transport::Assignment;
use onestep::{Distance, Grid, Sample, VarianceSchedule};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::FRAC_PI_2;

fn uniform(steps: usize) -> Grid {
    UniformAngle::new(steps, 0.01, FRAC_PI_2 - 0.001).unwrap().grid().unwrap()
}

fn gaussian(law: &Gaussian, grid: &Grid, evaluations: &Evaluations) -> onestep::population::FewSteps {
    law.few_steps(grid, &Settings::new(), evaluations).unwrap().unwrap()
}

/// N(0, 1), X_T ~ N(0, 1): T·W_1 of one evaluation and of the best two, with the level.
#[test]
fn known_answers_of_the_normal_law() {
    let law = Gaussian::standard(1).unwrap();
    for (steps, one, two, level) in [(50, 0.978_390_998_136, 0.873_203_317_395, 39), (400, 0.971_565_704_526, 0.868_260_770_316, 311)] {
        let (grid, t) = (uniform(steps), steps as f64);
        let first = gaussian(&law, &grid, &Evaluations::Best(1));
        assert_eq!(first.levels, [steps]);
        assert!((t * first.w1.upper - one).abs() < 1e-10, "{}", t * first.w1.upper);
        let best = gaussian(&law, &grid, &Evaluations::Best(2));
        assert_eq!(best.levels, [steps, level]);
        assert!((t * best.w1.upper - two).abs() < 1e-10, "{}", t * best.w1.upper);
        // No other level is better.
        for other in 2..steps {
            assert!(gaussian(&law, &grid, &Evaluations::Levels(vec![other])).w1.upper >= best.w1.upper);
        }
    }
}

/// Dynamic programming against all pairs of levels.
#[test]
fn three_evaluations_are_the_best_of_all_pairs() {
    let law = Gaussian::new(&[0.0, 0.0], Covariance::isotropic(2, 4.0).unwrap()).unwrap();
    let grid = uniform(24);
    let best = gaussian(&law, &grid, &Evaluations::Best(3));
    let mut least = f64::INFINITY;
    for a in 3..24 {
        for b in 2..a {
            least = least.min(gaussian(&law, &grid, &Evaluations::Levels(vec![a, b])).w1.upper);
        }
    }
    assert!((best.w1.upper / least - 1.0).abs() < 1e-12, "{best:?} {least}");
    assert!(best.w1.upper < gaussian(&law, &grid, &Evaluations::Best(2)).w1.upper);
}

/// Atoms against the closed form, with a mean and a variance of their own, near data and near noise.
#[test]
fn the_line_follows_the_closed_form() {
    let grid = uniform(20);
    for (mean, std) in [(0.0, 1.0), (1.5, 0.5), (0.0, 2.0)] {
        let line = LineMixture::gaussian(mean, std).unwrap();
        let space = Gaussian::new(&[mean], Covariance::isotropic(1, std * std).unwrap()).unwrap();
        for levels in [vec![15], vec![3], vec![16, 5], vec![2]] {
            let asked = Evaluations::Levels(levels);
            let (a, b) = (LineRecursion::new(&line, &grid).few_steps(&asked).unwrap(), gaussian(&space, &grid, &asked));
            assert_eq!(a.levels, b.levels);
            assert!((a.w1.upper - b.w1.upper).abs() < 1e-6 * b.w1.upper + 1e-9, "{mean} {std} {asked:?}: {a:?} {b:?}");
        }
    }
    let two = Evaluations::Best(2);
    let normal = LineMixture::gaussian(0.0, 1.0).unwrap();
    let found = LineRecursion::new(&normal, &grid).few_steps(&two).unwrap();
    assert_eq!(found.levels, gaussian(&Gaussian::standard(1).unwrap(), &grid, &two).levels);
}

/// 4000 samples against as many of the law: two samples of the same law are .02 to .04 apart here, and W_1 is measured to less than that.
#[test]
fn samples_are_as_far_as_computed() {
    let law = LineMixture::new(&[0.5, 0.5], &[-1.5, 1.5], &[0.5, 0.5]).unwrap();
    let grid = uniform(8);
    let run = LineRecursion::new(&law, &grid).keep(Keep::All).run().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let data = onestep::ForwardProcess::new(&grid).marginal(1, &law.sample(4000, &mut rng), &mut rng);
    for levels in [vec![5], vec![6, 3]] {
        let exact = LineRecursion::new(&law, &grid).few_steps(&Evaluations::Levels(levels.clone())).unwrap().w1.upper;
        let all = levels;
        let samples = MultiStep::new(&grid, &all).unwrap().sample(run.consistency(), 4000, &mut rng).unwrap();
        let found = Assignment::new(1.0).unwrap().distance(&samples, &data).unwrap();
        assert!((found - exact).abs() < 0.06, "{all:?}: {found} {exact}");
        assert!(exact > 0.1, "{exact}");
    }
}

#[test]
fn levels_are_checked_and_combs_are_taken() {
    let grid = uniform(12);
    let comb = Comb::new(0.5, 4.0).unwrap();
    let recursion = LineRecursion::new(&comb, &grid).tolerance(1e-6);
    for bad in [vec![12], vec![13], vec![0], vec![1], vec![5, 5], vec![3, 7]] {
        assert!(recursion.few_steps(&Evaluations::Levels(bad.clone())).is_err(), "{bad:?}");
        assert!(Gaussian::standard(1).unwrap().few_steps(&grid, &Settings::new(), &Evaluations::Levels(bad)).unwrap().is_err());
    }
    assert!(recursion.few_steps(&Evaluations::Best(0)).is_err() && recursion.few_steps(&Evaluations::Best(12)).is_err());
    let one = recursion.few_steps(&Evaluations::Levels(vec![])).unwrap();
    assert_eq!((one.levels.clone(), one.w1), (vec![12], recursion.run().unwrap().report().w1));
    assert!(recursion.few_steps(&Evaluations::Best(2)).unwrap().w1.upper < one.w1.upper);
}
