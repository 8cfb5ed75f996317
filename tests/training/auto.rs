//! Training without settings: nearness to the law, the choice, reproducibility.

use ndarray::{Array2, Axis};
use onestep::audit::StepCheck;
use onestep::law::{Covariance, Gaussian, GaussianMixture, NoisyCurve};
use onestep::schedule::UniformAngle;
use onestep::training::{Auto, Candidate, JointModel, Scaling, Selected, TrainingError};
use onestep::{ConsistencyFunction, Float, Grid, Sample, VarianceSchedule};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::f64::consts::FRAC_PI_2;

fn grid(steps: usize) -> Grid {
    UniformAngle::new(steps, 0.02, FRAC_PI_2 - 0.001).unwrap().grid().unwrap()
}

fn skewed() -> GaussianMixture {
    let covariances = [[0.3, 0.5], [0.2, 0.2], [0.6, 0.15]].map(|[x, y]: [f64; 2]| Covariance::diagonal(&[x * x, y * y]).unwrap());
    GaussianMixture::new(&[0.7, 0.2, 0.1], &ndarray::array![[-1.0, 0.0], [1.5, 1.0], [1.0, -1.5]], &covariances).unwrap()
}

/// Two of the defaults, the network smaller and at a tenth of its iterations.
fn quick() -> [Candidate; 2] {
    [Candidate::Affine { pairs: 1000 }, Candidate::Network { hidden: vec![48; 3], iterations: 2000 }]
}

/// One-step samples of four shapes are about as near to fresh data as other fresh data are, and never outside their box.
///
/// With 1000 rows a cloud W_1 between two samples of one law varies by about 20 % from pair to pair (five replicates share their rows), so that
/// the ratio of two such distances stays below 1 + 3 √2 · 0.2 = 1.85 for a perfect sampler in all but one of a thousand runs. Affine functions
/// have ratios above 3. The seeds were written down before the first run.
#[test]
fn samples_are_as_near_as_fresh_data() {
    let laws: [(&str, Box<dyn Sample>); 4] = [
        ("skewed", Box::new(skewed())),
        ("moons", Box::new(NoisyCurve::two_moons(0.1).unwrap())),
        ("banana", Box::new(NoisyCurve::banana(1.0, 1.0, 0.3).unwrap())),
        ("ring", Box::new(GaussianMixture::ring(8, 2.0, 0.2).unwrap())),
    ];
    for (k, (name, law)) in laws.iter().enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(100 + k as u64);
        let draw = |n, rng: &mut ChaCha8Rng| law.sample(n, rng).mapv(|v| v as f32);
        let (data, held_out) = (draw(8000, &mut rng), draw(2000, &mut rng));
        let selected = Auto::new(grid(128)).candidates(&quick()).train(&data, &mut rng).unwrap();
        assert_eq!(selected.chosen, 1, "{name}: {selected}");
        let report = StepCheck::new().measure(selected.model.trained(), &held_out, &mut rng).unwrap();
        let ratio = report.w1.value / report.w1_baseline.value;
        println!("{name}: {ratio:.2}");
        assert!(ratio < 1.85, "{name}: {ratio}");
        let samples = selected.sample(20_000, &mut rng);
        for (made, rows) in samples.axis_iter(Axis(1)).zip(data.axis_iter(Axis(1))) {
            let (low, high) = rows.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
            // The box is that of the rows that trained, which lie within these; 1e-4 of the range is rounding of the scaling in f32.
            let more = 0.1001 * (high - low);
            assert!(made.iter().all(|v| (low - more..=high + more).contains(v)), "{name}");
        }
    }
}

/// Affine functions hold the optimum of a Gaussian, and a network of two units learns nothing in ten iterations.
#[test]
fn held_back_rows_choose_and_failures_are_passed_over() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let data = Gaussian::standard(2).unwrap().sample(1000, &mut rng);
    let candidates = [
        Candidate::Affine { pairs: 2 }, // three unknowns a coordinate
        Candidate::Network { hidden: vec![2], iterations: 10 },
        Candidate::Affine { pairs: 2000 },
    ];
    let selected: Selected = Auto::new(grid(16)).candidates(&candidates).train(&data, &mut rng).unwrap();
    assert_eq!((selected.chosen, selected.trials.len(), selected.validation), (2, 3, 200), "{selected}");
    assert!(matches!(selected.trials[0].distance, Err(TrainingError::Singular { .. } | TrainingError::TooFewRows { .. })));
    let [bad, good] = [1, 2].map(|k| selected.trials[k].distance.clone().unwrap());
    assert!(bad.value > 5.0 * bad.std_error && good.value.abs() < 5.0 * good.std_error, "{selected}");
    let error = Auto::new(grid(16)).candidates(&candidates[..1]).train(&data, &mut rng).unwrap_err();
    assert!(matches!(error, TrainingError::Singular { .. }), "{error}");
    // Settings are the caller's fault.
    let wrong = [Candidate::Affine { pairs: 200 }, Candidate::Network { hidden: vec![2], iterations: 0 }];
    let error = Auto::new(grid(16)).candidates(&wrong).train(&data, &mut rng).unwrap_err();
    assert!(matches!(error, TrainingError::OutOfRange(_)), "{error}");
    assert!(Auto::new(grid(16)).candidates(&[]).train(&data, &mut rng).is_err());
}

#[test]
fn the_same_seed_gives_the_same_choice_and_samples_whatever_the_threads() {
    let data = Array2::from_shape_fn((60, 1), |(i, _)| (i as f32 * 0.7).sin());
    let candidates = [Candidate::Affine { pairs: 100 }, Candidate::Network { hidden: vec![8], iterations: 60 }];
    let run = |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let selected = Auto::new(grid(5)).candidates(&candidates).train(&data, &mut rng).unwrap();
        (selected.to_string(), selected.sample(20, &mut rng))
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3).1, run(4).1);
    #[cfg(feature = "rayon")]
    {
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one.install(|| run(3)), run(3));
    }
}

/// The flow of N(m, s² I) is affine: f(x, θ) = m + √(v_1/v_θ)(x − cos θ m) + (cos θ_1 − 1) m with v_θ = s² cos²θ + sin²θ.
#[test]
fn regression_on_the_flow_finds_the_flow() {
    let (mean, std) = (0.7, 0.4);
    let law = Gaussian::new(&[mean], Covariance::isotropic(1, std * std).unwrap()).unwrap();
    let grid = grid(6);
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let joint = onestep::training::Joint::new(grid.clone(), &[32, 32]).iterations(4000).scaling(Scaling::None);
    let model: JointModel = joint.distil_flow(&law.sample(10, &mut rng), &law, &mut rng).unwrap();
    let variance = |t: usize| std * std * grid.level(t).alpha_bar() + grid.level(t).one_minus_alpha_bar();
    for t in 2..=6 {
        let x = Array2::from_shape_simple_fn((500, 1), || grid.level(t).cos() * mean + variance(t).sqrt() * f64::standard_normal(&mut rng));
        let exact = x.mapv(|x| grid.level(1).cos() * mean + (variance(1) / variance(t)).sqrt() * (x - grid.level(t).cos() * mean));
        let error = ((model.eval(t, &x) - exact).mapv(|e| e * e).sum() / 500.0).sqrt();
        // Two per cent of the standard deviation 0.4 are the first-order steps, the rest is the network's.
        assert!(error < 0.03, "step {t}: {error}");
    }
    assert!(joint.distil_flow(&law.sample(10, &mut rng), &Gaussian::standard(2).unwrap(), &mut rng).is_err());
}
