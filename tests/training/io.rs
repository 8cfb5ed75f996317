//! Saved models come back bit for bit, and damage is noticed.
#![cfg(feature = "serde")]

use ndarray::{Array2, array};
use onestep::schedule::{CosineSchedule, Karras, LiHuangWei, LinearSchedule, UniformAngle};
use onestep::training::class::{Affine, KernelRidge, NearestNeighbours, Perceptron, Polynomial, RandomFourier, Spline};
use onestep::training::{Joint, JointModel, Learned, LearnedScore, ModelError, Recursion, ScoreMatching};
use onestep::{ConsistencyFunction, Float, FunctionClass, Grid, NoiseLevel, ScoreFunction, VarianceSchedule};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn data() -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(60);
    Array2::from_shape_simple_fn((60, 1), || f64::standard_normal(&mut rng))
}

fn trained(class: &dyn FunctionClass) -> Learned {
    let grid = Grid::from_angles(&[0.1, 0.8, 1.5]).unwrap();
    Recursion::new(grid, 60).residual(true).train(&data(), class, &mut ChaCha8Rng::seed_from_u64(61)).unwrap()
}

fn saved(learned: &Learned) -> String {
    let mut file = Vec::new();
    learned.save(&mut file).unwrap();
    String::from_utf8(file).unwrap()
}

#[test]
fn every_class_survives_the_round_trip_bit_for_bit() {
    let classes: [Box<dyn FunctionClass>; 7] = [
        Box::new(Affine::new()),
        Box::new(Polynomial::new(3)),
        Box::new(RandomFourier::new(8)),
        Box::new(KernelRidge::new(8)),
        Box::new(NearestNeighbours::new()),
        Box::new(Spline::new()),
        Box::new(Perceptron::new(&[4]).iterations(5)),
    ];
    let x = array![[-3.0], [0.1], [1e6]];
    for class in classes {
        let learned = trained(class.as_ref());
        let again = Learned::load(saved(&learned).as_bytes()).unwrap();
        for t in 1..=3 {
            assert_eq!(learned.eval(t, &x), again.eval(t, &x), "{}", class.name());
        }
        assert_eq!(saved(&learned), saved(&again));
    }
}

#[test]
fn the_box_of_the_values_is_part_of_the_model() {
    let grid = Grid::from_angles(&[0.1, 0.8, 1.5]).unwrap();
    let learned = Recursion::new(grid, 60).clip(0.1).train(&data(), &Polynomial::new(3), &mut ChaCha8Rng::seed_from_u64(61)).unwrap();
    let file = saved(&learned);
    let again = Learned::<f64>::load(file.as_bytes()).unwrap();
    let far = array![[-1e3], [0.1], [1e6]];
    assert_eq!(learned.eval(3, &far), again.eval(3, &far));
    let (low, high) = again.clipped_to().unwrap();
    assert!(again.eval(3, &far).iter().all(|v| (low[0]..=high[0]).contains(v)));
    // A box inside out.
    let mut value: serde_json::Value = serde_json::from_str(&file).unwrap();
    value["model"]["hull"]["low"][0] = 1e9.into();
    assert!(matches!(
        Learned::<f64>::load(value.to_string().as_bytes()).unwrap_err(),
        ModelError::Damaged { what: "the box of the values" }
    ));
    // Without clipping the file says nothing of it, as before.
    assert!(!saved(&trained(&Affine::new())).contains("hull"));
}

#[test]
fn damage_is_a_typed_error() {
    let file = saved(&trained(&Affine::new()));
    let load = |text: &str| Learned::<f64>::load(text.as_bytes()).unwrap_err();
    assert!(matches!(load(&file[..file.len() / 2]), ModelError::Format { .. }));
    assert!(matches!(load(&file.replace("\"version\":1", "\"version\":2")), ModelError::Version { found: 2, supported: 1 }));
    assert!(matches!(load(&file.replace("onestep recursion", "a cake")), ModelError::Kind { .. }));
    // A scale of zero, which would divide by zero.
    let mut value: serde_json::Value = serde_json::from_str(&file).unwrap();
    value["model"]["standardisation"]["scale"]["data"][0] = 0.0.into();
    assert!(matches!(load(&value.to_string()), ModelError::Damaged { what: "the scaling" }));
    // A map too few.
    let mut value: serde_json::Value = serde_json::from_str(&file).unwrap();
    value["model"]["maps"].as_array_mut().unwrap().pop();
    assert!(matches!(load(&value.to_string()), ModelError::Damaged { what: "the number of maps" }));
    let joint: JointModel =
        Joint::new(Grid::from_angles(&[0.1, 1.5]).unwrap(), &[3]).iterations(1).train(&data(), &mut ChaCha8Rng::seed_from_u64(62)).unwrap();
    let mut file = Vec::new();
    joint.save(&mut file).unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(&file).unwrap();
    value["model"]["network"]["parameters"].as_array_mut().unwrap().pop();
    assert!(matches!(JointModel::<f64>::load(value.to_string().as_bytes()), Err(ModelError::Damaged { what: "the network" })));
    assert!(matches!(Learned::<f64>::load(file.as_slice()), Err(ModelError::Kind { .. })));
}

/// Grids as the crate makes them, to the ends of what it takes: levels that are equal in double precision, ᾱ down to 1e−297.
fn grids(steps: usize) -> Vec<Grid> {
    let sigmas: Vec<f64> = (0..steps).map(|i| 1e-3 * 1e6f64.powf(i as f64 / (steps - 1) as f64)).collect();
    let mut grids = vec![
        UniformAngle::new(steps, 0.01, std::f64::consts::FRAC_PI_2).unwrap().grid().unwrap(),
        LinearSchedule::new(steps, 1e-4, 0.9).unwrap().grid().unwrap(),
        CosineSchedule::new(steps).unwrap().grid().unwrap(),
        Karras::new(steps).unwrap().grid().unwrap(),
        LiHuangWei::new(steps.max(16), 2.0, 2.0).unwrap().grid().unwrap(),
        Grid::from_sigmas(&sigmas).unwrap(),
        Grid::from_betas([vec![0.5], vec![1e-20; steps]].concat()).unwrap(),
        Grid::from_betas(vec![1e-148; steps]).unwrap(),
        Grid::from_betas(vec![0.999; 99]).unwrap(),
        Grid::from_angles(&[1e-74, 1e-73, 1.0]).unwrap(),
    ];
    // Beyond, a grid is refused where it is made.
    assert!(Grid::from_betas(vec![1e-300; steps]).is_err() && Grid::from_betas(vec![0.999; 120]).is_err());
    assert!(Grid::from_angles(&[1e-150, 1e-149, 1.0]).is_err());
    let halved: Vec<Grid> = grids.iter().map(Grid::bisect).collect();
    grids.extend(halved);
    grids
}

#[test]
fn every_grid_of_the_crate_survives_the_round_trip() {
    for (k, grid) in [3, 40].into_iter().flat_map(grids).enumerate() {
        let joint = Joint::new(grid.clone(), &[3]).iterations(1).batch(4);
        let model: JointModel = joint.train(&data(), &mut ChaCha8Rng::seed_from_u64(64)).unwrap();
        let mut file = Vec::new();
        model.save(&mut file).unwrap_or_else(|e| panic!("grid {k}: {e}"));
        let again = JointModel::load(file.as_slice()).unwrap_or_else(|e| panic!("grid {k}: {e}"));
        assert_eq!(again.grid(), &grid, "grid {k}");
        assert_eq!(again.eval(grid.steps(), &data()), model.eval(grid.steps(), &data()), "grid {k}");
    }
}

#[test]
fn what_could_not_be_read_is_not_written() {
    let joint = Joint::new(Grid::from_angles(&[0.1, 1.5]).unwrap(), &[3]).iterations(1);
    let model: JointModel = joint.train(&data(), &mut ChaCha8Rng::seed_from_u64(65)).unwrap();
    for bad in [f64::NAN, f64::INFINITY] {
        let mut parameters = model.parameters().to_vec();
        parameters[4] = bad;
        let mut file = Vec::new();
        let refused = model.with_parameters(&parameters).unwrap().save(&mut file).unwrap_err();
        assert!(matches!(refused, ModelError::Damaged { what: "the network" }) && file.is_empty(), "{refused}");
    }
    let mut file = Vec::new();
    let refused = trained(&Own).save(&mut file).unwrap_err();
    assert!(matches!(refused, ModelError::Custom { step: 2 }) && file.is_empty(), "{refused}");
}

/// A class outside the crate: f_t = 0.
#[derive(Debug)]
struct Own;

impl onestep::training::FittedMap for Own {
    fn inputs(&self) -> usize {
        1
    }
    fn outputs(&self) -> usize {
        1
    }
    fn eval_into(&self, _x: &ndarray::ArrayRef2<f64>, out: &mut ndarray::ArrayRef2<f64>) {
        out.fill(0.0);
    }
}

impl FunctionClass for Own {
    fn name(&self) -> &'static str {
        "own"
    }
    fn fit(
        &self,
        _data: &onestep::training::Regression<'_>,
        _rng: &mut dyn rand::RngCore,
    ) -> Result<onestep::training::Fitted, onestep::training::TrainingError> {
        Ok(onestep::training::Fitted::custom(Own, onestep::training::FitSummary::new("nothing", "none")))
    }
}

/// A writer that takes a few bytes and then fails.
struct Full(usize);

impl std::io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 { Err(std::io::Error::other("no space left")) } else { Ok(taken) }
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let refused = trained(&Affine::new()).save(Full(100)).unwrap_err();
    assert!(matches!(&refused, ModelError::Format { reason } if reason.contains("no space left")), "{refused}");
}

#[test]
fn widths_whose_product_leaves_the_integers_are_damage() {
    let joint = Joint::new(Grid::from_angles(&[0.1, 1.5]).unwrap(), &[3]).iterations(1);
    let model: JointModel = joint.train(&data(), &mut ChaCha8Rng::seed_from_u64(66)).unwrap();
    let mut file = Vec::new();
    model.save(&mut file).unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(&file).unwrap();
    for width in [u64::MAX, 1 << 63, 1 << 32] {
        value["model"]["network"]["sizes"] = serde_json::json!([9, width, width, 1]);
        let refused = JointModel::<f64>::load(value.to_string().as_bytes()).unwrap_err();
        assert!(matches!(refused, ModelError::Damaged { what: "the network" }), "{refused}");
    }
}

fn learned_score() -> LearnedScore {
    ScoreMatching::new(&[4]).iterations(3).train(&data(), &mut ChaCha8Rng::seed_from_u64(63)).unwrap()
}

fn saved_score(score: &LearnedScore) -> Vec<u8> {
    let mut file = Vec::new();
    score.save(&mut file).unwrap();
    file
}

#[test]
fn a_learned_score_survives_the_round_trip_bit_for_bit() {
    let score = learned_score();
    let file = saved_score(&score);
    let again = LearnedScore::load(file.as_slice()).unwrap();
    let x = array![[-3.0], [0.1], [1e6]];
    for angle in [0.0, 0.01, 0.8, std::f64::consts::FRAC_PI_2] {
        let level = NoiseLevel::from_angle(angle).unwrap();
        assert_eq!(score.score(level, &x), again.score(level, &x), "angle {angle}");
    }
    assert_eq!(score.standardisation().restore(&x), again.standardisation().restore(&x));
    assert_eq!(file, saved_score(&again));
}

#[test]
fn damage_to_a_learned_score_is_a_typed_error() {
    let file = saved_score(&learned_score());
    let text = std::str::from_utf8(&file).unwrap();
    let load = |text: &str| LearnedScore::<f64>::load(text.as_bytes()).unwrap_err();
    assert!(matches!(load(&text[..text.len() / 2]), ModelError::Format { .. }));
    assert!(matches!(load(&text.replace("\"version\":1", "\"version\":7")), ModelError::Version { found: 7, supported: 1 }));
    assert!(matches!(LearnedScore::<f32>::load(file.as_slice()), Err(ModelError::Kind { .. })));
    assert!(matches!(JointModel::<f64>::load(file.as_slice()), Err(ModelError::Kind { .. })));
    let damaged = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value: serde_json::Value = serde_json::from_slice(&file).unwrap();
        change(&mut value["model"]);
        load(&value.to_string())
    };
    let scale = damaged(&|model| model["standardisation"]["scale"]["data"][0] = (-1.0).into());
    assert!(matches!(scale, ModelError::Damaged { what: "the scaling" }));
    let parameters = damaged(&|model| drop(model["network"]["parameters"].as_array_mut().unwrap().pop()));
    assert!(matches!(parameters, ModelError::Damaged { what: "the network" }));
    // A scaling of two columns with a network for one: each is sound, together they are not.
    let columns = damaged(&|model| {
        for part in ["mean", "scale"] {
            model["standardisation"][part]["dim"][0] = 2.into();
            model["standardisation"][part]["data"].as_array_mut().unwrap().push(1.0.into());
        }
    });
    assert!(matches!(columns, ModelError::Damaged { what: "the dimension of the network" }), "{columns}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No single changed byte makes loading or evaluating panic.
    #[test]
    fn no_damage_panics(position in 0..100_000usize, byte in 32..127u8) {
        let mut file = saved(&trained(&Spline::with_knots(2))).into_bytes();
        let position = position % file.len();
        file[position] = byte;
        if let Ok(learned) = Learned::<f64>::load(file.as_slice()) {
            let _ = learned.eval(learned.steps(), &array![[0.5]]);
        }
    }
}
