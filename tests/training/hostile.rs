//! Sizes that no machine holds, steps that diverge, data at the ends of the range: a typed error or a right answer, never NaN.

use ndarray::{Array2, array};
use onestep::training::class::{Affine, KernelRidge, NearestNeighbours, Perceptron, Polynomial, RandomFourier, Spline};
use onestep::training::{Joint, JointModel, LearnedScore, Recursion, Regression, Scaling, ScoreMatching, Standardisation, TrainingError};
use onestep::{ConsistencyFunction, Float, FunctionClass, Grid, NoiseLevel, ScoreFunction, Space};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::{AtomicUsize, Ordering};

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(70)
}

fn normal(n: usize, d: usize) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(71);
    Array2::from_shape_simple_fn((n, d), || f64::standard_normal(&mut rng))
}

fn grid() -> Grid {
    Grid::from_angles(&[0.1, 0.8, 1.5]).unwrap()
}

fn name_of(error: TrainingError) -> &'static str {
    match error {
        TrainingError::OutOfRange(e) => e.name,
        other => panic!("{other}"),
    }
}

#[test]
fn sizes_that_no_machine_holds_are_refused() {
    let data = normal(20, 2);
    let huge = 1_000_000_000_000;
    let joint = |joint: Joint| name_of(joint.train::<f64>(&data, &mut rng()).unwrap_err());
    assert_eq!(joint(Joint::new(grid(), &[65536; 64])), "number of parameters");
    assert_eq!(joint(Joint::new(grid(), &[8]).batch(huge)), "batch");
    assert_eq!(joint(Joint::new(grid(), &[4096]).batch(1 << 24)), "batch times widths");
    assert_eq!(joint(Joint::new(grid(), &[8]).iterations(huge)), "iterations");
    assert_eq!(joint(Joint::new(Grid::from_betas(vec![1e-7; (1 << 20) + 1]).unwrap(), &[8])), "steps");
    let score = |matching: ScoreMatching| name_of(matching.train::<f64>(&data, &mut rng()).unwrap_err());
    assert_eq!(score(ScoreMatching::new(&[65536, 65536])), "number of parameters");
    let recursion = |samples| name_of(Recursion::new(grid(), samples).train(&data, &Affine::new(), &mut rng()).unwrap_err());
    assert_eq!(recursion(huge), "samples times dimension");
    assert_eq!(recursion(usize::MAX), "samples times dimension");
    let draws = Recursion::new(grid(), 100).posterior_draws(huge).train(&data, &Affine::new(), &mut rng()).unwrap_err();
    assert_eq!(name_of(draws), "samples times posterior draws");
    let y = normal(20, 1);
    let fit = |class: &dyn FunctionClass| name_of(class.fit(&Regression::new(&data, &y).unwrap(), &mut rng()).unwrap_err());
    assert_eq!(fit(&Perceptron::new(&[65536, 65536])), "number of parameters");
    assert_eq!(fit(&RandomFourier::new(huge)), "features");
    assert_eq!(fit(&KernelRidge::new(huge)), "centres");
    assert_eq!(fit(&Polynomial::new(huge)), "degree");
}

#[test]
fn a_last_step_that_diverges_says_so() {
    // One step at such a rate: the loss before it is fine, and no other loss follows.
    let data = normal(64, 2);
    let single = data.mapv(|v| v as f32);
    let diverged = |error: TrainingError| matches!(error, TrainingError::Diverged { iteration: 1, .. });
    for rate in [1e12, 1e300] {
        let joint = Joint::new(grid(), &[8, 8]).iterations(1).rate(rate);
        assert!(diverged(joint.train::<f64>(&data, &mut rng()).unwrap_err()), "{rate}");
        assert!(diverged(joint.train::<f32>(&single, &mut rng()).unwrap_err()), "{rate}");
        let matching = ScoreMatching::new(&[8, 8]).iterations(1).rate(rate);
        assert!(diverged(matching.train::<f64>(&data, &mut rng()).unwrap_err()), "{rate}");
        assert!(diverged(matching.train::<f32>(&single, &mut rng()).unwrap_err()), "{rate}");
        let y = normal(64, 1).mapv(f64::abs);
        let class = Perceptron::new(&[8, 8]).iterations(1).rate(rate);
        assert!(diverged(class.fit(&Regression::new(&data, &y).unwrap(), &mut rng()).unwrap_err()), "{rate}");
    }
}

#[test]
fn bandwidths_that_mean_nothing_are_refused() {
    let (x, y) = (normal(50, 1), normal(50, 1));
    let data = Regression::new(&x, &y).unwrap();
    for bad in [1e-300, 1e-7, 1e7, 1e300, 0.0, -1.0, f64::NAN, f64::INFINITY] {
        let refused = |class: &dyn FunctionClass| matches!(class.fit(&data, &mut rng()), Err(TrainingError::EntryOutOfRange(_)));
        assert!(refused(&RandomFourier::new(8).bandwidths(&[0.5, bad])) && refused(&KernelRidge::new(8).bandwidths(&[0.5, bad])), "{bad}");
    }
    for good in [1e-6, 1e6] {
        for class in [&RandomFourier::new(8).bandwidths(&[good]) as &dyn FunctionClass, &KernelRidge::new(8).bandwidths(&[good])] {
            assert!(class.fit(&data, &mut rng()).unwrap().eval(&x).iter().all(|v| v.is_finite()), "{} {good}", class.name());
        }
    }
}

fn classes() -> [Box<dyn FunctionClass>; 7] {
    [
        Box::new(Affine::new()),
        Box::new(Polynomial::new(3)),
        Box::new(RandomFourier::new(8)),
        Box::new(KernelRidge::new(8)),
        Box::new(NearestNeighbours::new()),
        Box::new(Spline::new()),
        Box::new(Perceptron::new(&[4]).iterations(5)),
    ]
}

#[test]
fn data_at_the_ends_of_the_range() {
    let data = normal(60, 1);
    for bad in [1e200, -1e308, f64::INFINITY, f64::NAN] {
        let mut far = data.clone();
        far[[3, 0]] = bad;
        for class in classes() {
            let refused = Recursion::new(grid(), 60).train(&far, &class, &mut rng()).unwrap_err();
            assert!(matches!(refused, TrainingError::EntryOutOfRange(_) | TrainingError::NotFinite(_)), "{}: {refused}", class.name());
            assert!(Regression::new(&data, &far).is_err() && Regression::new(&far, &data).is_err());
        }
    }
    // The scale of the data does not matter, down to where their squares underflow: powers of two change no digit of the scaled data.
    for scaling in [Scaling::Columns, Scaling::Global] {
        let own = Standardisation::new(&data, scaling).unwrap().standardise(&data);
        for power in [-900, -600, -100, 100, 400] {
            let moved = data.mapv(|v| v * 2f64.powi(power));
            let gap = Standardisation::new(&moved, scaling).unwrap().standardise(&moved) - &own;
            assert!(gap.iter().all(|g| g.abs() < 1e-14), "{scaling:?} 2^{power}");
        }
        let constant = array![[1e-200], [1e-200]];
        assert!(matches!(Standardisation::new(&constant, scaling), Err(TrainingError::ConstantColumn { column: 1, .. })), "{scaling:?}");
    }
}

#[test]
fn no_rows_give_no_rows() {
    let (data, none) = (normal(60, 1), Array2::zeros((0, 1)));
    for class in classes() {
        let learned = Recursion::new(grid(), 60).train(&data, &class, &mut rng()).unwrap();
        assert_eq!(learned.eval(3, &none).dim(), (0, 1), "{}", class.name());
        assert!(matches!(
            Recursion::new(grid(), 60).train(&none, &class, &mut rng()),
            Err(TrainingError::TooFewRows { rows: 0, needed: 2, .. })
        ));
    }
    let model: JointModel = Joint::new(grid(), &[4]).iterations(1).train(&data, &mut rng()).unwrap();
    assert_eq!((model.eval(3, &none).dim(), model.sample(0, &mut rng()).dim()), ((0, 1), (0, 1)));
    let score: LearnedScore = ScoreMatching::new(&[4]).iterations(1).train(&data, &mut rng()).unwrap();
    assert_eq!(score.score(NoiseLevel::from_angle(0.5).unwrap(), &none).dim(), (0, 1));
}

/// The score of N(0, I), which counts its calls and rows.
struct Counted {
    calls: AtomicUsize,
    rows: AtomicUsize,
}

impl Space for Counted {
    fn dim(&self) -> usize {
        1
    }
}

impl ScoreFunction<f64> for Counted {
    fn score_into(&self, _level: NoiseLevel, x: &ndarray::ArrayRef2<f64>, out: &mut ndarray::ArrayRef2<f64>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(x.nrows(), Ordering::Relaxed);
        out.zip_mut_with(x, |o, x| *o = -x);
    }
}

#[test]
fn distillation_asks_for_the_score_once_a_level() {
    let score = Counted { calls: AtomicUsize::new(0), rows: AtomicUsize::new(0) };
    let iterations = 20;
    let joint = Joint::new(grid(), &[4]).batch(128).iterations(iterations);
    joint.distil(&normal(60, 1), &score, &mut rng()).unwrap();
    // Two upper levels, at most two chunks a batch, and a last batch that checks the last step.
    let (calls, rows) = (score.calls.into_inner(), score.rows.into_inner());
    assert!(rows == 128 * (iterations + 1) && calls <= 4 * (iterations + 1), "{calls} calls for {rows} rows");
}
