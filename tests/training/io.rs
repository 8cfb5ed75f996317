//! Saved models come back bit for bit, and damage is noticed.
#![cfg(feature = "serde")]

use ndarray::{Array2, array};
use onestep::training::class::{Affine, KernelRidge, NearestNeighbours, Perceptron, Polynomial, RandomFourier, Spline};
use onestep::training::{Joint, JointModel, Learned, LearnedScore, ModelError, Recursion, ScoreMatching};
use onestep::{ConsistencyFunction, Float, FunctionClass, Grid, NoiseLevel, ScoreFunction};
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
