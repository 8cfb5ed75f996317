//! Conventions of others: values in all of them against formulas written out for each, both ways, at both ends.

use ndarray::{Array2, ArrayRef2, array};
use onestep::consistency::{ConsistencyFn, ConsistencyOnPath, PathConsistency, Preconditioned};
use onestep::law::LineMixture;
use onestep::path::{GaussianPath, Path, PathError, PathFn, Place, Prediction};
use onestep::population::{Keep, LineRecursion};
use onestep::schedule::Karras;
use onestep::score::{OnPath, PathScore};
use onestep::{ConsistencyFunction, FlowMap, Grid, NoiseLevel, ScoreFunction, VarianceSchedule};
use std::f64::consts::FRAC_PI_2;

const SIGMA_DATA: f64 = 0.5;

fn law() -> LineMixture {
    LineMixture::new(&[0.3, 0.7], &[-1.0, 1.0], &[0.4, 0.4]).unwrap()
}

fn path(name: &str) -> Path {
    let paths = [Path::vp(), Path::edm(), Path::trig(SIGMA_DATA).unwrap(), Path::linear(), Path::linear_from_noise()];
    paths.into_iter().find(|p| p.to_string() == name).unwrap()
}

/// A line of `tests/golden/path.csv`.
struct Golden {
    path: Path,
    name: String,
    level: NoiseLevel,
    sigma: f64,
    time: f64,
    a: f64,
    b: f64,
    x: f64,
    denoised: f64,
    noise: f64,
    score: f64,
    flow_velocity: f64,
    network: f64,
    flow: f64,
}

fn golden() -> Vec<Golden> {
    let lines = include_str!("../golden/path.csv").lines().skip(1);
    let rows: Vec<Golden> = lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let number = |i: usize| cells[i].parse::<f64>().unwrap();
            Golden {
                path: path(cells[1]),
                name: cells[1].to_string(),
                level: NoiseLevel::from_sigma(number(0)).unwrap(),
                sigma: number(0),
                time: number(2),
                a: number(3),
                b: number(4),
                x: number(5),
                denoised: number(6),
                noise: number(7),
                score: number(8),
                flow_velocity: number(9),
                network: number(10),
                flow: number(11),
            }
        })
        .collect();
    assert_eq!(rows.len(), 7 * 3 * 5);
    rows
}

/// `value` within `tolerance` of `right`, in units of the larger of `right` and `size`.
fn near(value: f64, right: f64, size: f64, tolerance: f64, what: &str) {
    let gap = (value - right).abs() / right.abs().max(size);
    assert!(gap <= tolerance, "{what}: {value:e}, right {right:e}, gap {gap:e}");
}

#[test]
fn times_and_coefficients_are_those_of_each_convention() {
    for g in golden() {
        let what = format!("{} at sigma {}", g.name, g.sigma);
        let place = g.path.on(g.level).unwrap();
        for (value, right) in [(place.a(), g.a), (place.b(), g.b), (place.scale(), g.a.hypot(g.b)), (g.path.time(g.level).unwrap(), g.time)]
        {
            near(value, right, 0.0, 1e-15, &what);
        }
        // Back from the time: exact where the time holds the digits of both coefficients, to 1e-16 of the larger otherwise.
        let back = g.path.place(g.time).unwrap();
        near(back.a(), g.a, g.a.max(g.b), 1e-15, &what);
        near(back.b(), g.b, g.a.max(g.b), if g.name == "vp" { 1e-8 } else { 1e-15 }, &what);
        if g.name == "edm" || g.name == "trig" {
            near(back.b(), g.b, 0.0, 1e-15, &what);
        }
    }
}

#[test]
fn predictions_agree_in_all_conventions() {
    for g in golden() {
        let what = format!("{} at sigma {}, x = {}", g.name, g.sigma, g.x);
        let seen = OnPath::new(law(), g.path);
        let x = array![[g.x]];
        let values = [
            (Prediction::Denoised, g.denoised),
            (Prediction::Noise, g.noise),
            (Prediction::Score, g.score),
            (Prediction::FlowVelocity, g.flow_velocity),
            (Prediction::Velocity, g.level.cos() * g.noise - g.level.sin() * g.denoised),
            (Prediction::Edm { sigma_data: SIGMA_DATA }, if g.name == "edm" { g.network } else { f64::NAN }),
            (Prediction::Trig { sigma_data: SIGMA_DATA }, if g.name == "trig" { g.network } else { f64::NAN }),
        ];
        let place = g.path.on(g.level).unwrap();
        for (to, right) in values.into_iter().filter(|v| !v.1.is_nan()) {
            // From the exact score of the law, whose rounding the conversion carries along: near the noise it holds cot θ/ε digits of D.
            let way = place.convert(Prediction::Noise, to).unwrap();
            let size = (way.of_point() * g.x).abs() + (way.of_value() * g.noise).abs();
            // As floats, ᾱ and a time that is 1 at the data hold few digits of the noise near it, one that is 1 at the noise few of the data.
            let lost = match g.name.as_str() {
                "vp" => 2e-16 / (g.b * g.b),
                "linear-from-noise" => 2e-16 / g.b,
                "linear" => 2e-16 / g.a,
                _ => 0.0,
            };
            if lost < 1e-3 {
                near(seen.predict(to, g.time, &x).unwrap()[[0, 0]], right, size, 1e-14 + lost, &format!("{what}: {to}"));
            }
            for (from, given) in values.into_iter().filter(|v| !v.1.is_nan()) {
                let conversion = place.convert(from, to).unwrap();
                // The rounding of the given numbers, carried through.
                let size = (conversion.of_point() * g.x).abs() + (conversion.of_value() * given).abs();
                near(conversion.apply(g.x, given), right, size, 1e-14, &format!("{what}: {from} to {to}"));
            }
        }
    }
}

#[test]
fn networks_become_scores() {
    let g = golden();
    for g in g.iter().filter(|g| g.sigma >= 0.002 && g.sigma < 1e3) {
        let exact = law().score(g.level, &array![[g.x / g.path.on(g.level).unwrap().scale()]])[[0, 0]];
        for (prediction, value) in
            [(Prediction::Denoised, g.denoised), (Prediction::Noise, g.noise), (Prediction::FlowVelocity, g.flow_velocity)]
        {
            let (time, point) = (g.time, g.x);
            let network = move |t: f64, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| {
                assert!((t / time - 1.0).abs() < 1e-14 && (x[[0, 0]] / point - 1.0).abs() < 1e-14);
                out[[0, 0]] = value;
            };
            let score = PathScore::new(g.path, 1, prediction, network);
            let x = array![[g.x / g.path.on(g.level).unwrap().scale()]];
            // D and u leave the noise to a difference of order x, divided by sin²θ.
            let size = 1.0 / g.level.sin() / g.level.sin();
            near(score.score(g.level, &x)[[0, 0]], exact, size, 1e-14, &format!("{} {prediction} {}", g.name, g.sigma));
        }
    }
    // Outside the path: NaN, never a number.
    let edm = PathScore::new(Path::edm(), 1, Prediction::Denoised, |_: f64, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| out.assign(x));
    assert!(edm.score(NoiseLevel::NOISE, &array![[1.0]])[[0, 0]].is_nan());
    assert!(edm.score(NoiseLevel::DATA, &array![[1.0]])[[0, 0]].is_nan());
}

#[test]
fn consistency_functions_agree_in_all_conventions() {
    let sigmas = [0.002, 0.3, 1.0, 6.0, 80.0, 1e9];
    let grid = Grid::from_sigmas(&sigmas).unwrap();
    let law = law();
    let (target, levels) = (law.clone(), grid.levels().to_vec());
    let exact = ConsistencyFn::new(1, 6, move |t, x: &[f64], out: &mut [f64]| {
        out[0] = target.flow(levels[t - 1], levels[0], &array![[x[0]]])[[0, 0]];
    });
    for g in golden().iter().filter(|g| g.name == "edm" && g.sigma >= 0.3) {
        let t = sigmas.iter().position(|s| *s == g.sigma).unwrap() + 1;
        // f^VP(x) = cos θ_1 f^EDM(x/cos θ, tan θ): the flow of each convention written out.
        let edm = ConsistencyOnPath::new(&exact, Path::edm(), &grid).unwrap();
        near(edm.eval(t, &array![[g.x]])[[0, 0]], g.flow, 1.0, 1e-13, &format!("flow at {}", g.sigma));
        let x = g.x * g.level.cos();
        for path in [Path::vp(), Path::trig(SIGMA_DATA).unwrap(), Path::linear(), Path::linear_from_noise()] {
            let seen = ConsistencyOnPath::new(&exact, path, &grid).unwrap();
            let (now, first) = (path.on(grid.level(t)).unwrap().scale(), path.on(grid.level(1)).unwrap().scale());
            let value = seen.eval(t, &array![[now * x]])[[0, 0]] / first;
            near(value, g.flow * grid.level(1).cos(), 1.0, 1e-13, &format!("{path} at {}", g.sigma));
            // And back.
            let there = PathConsistency::new(path, &grid, 1, |time: f64, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| {
                assert!((time - seen.time(t)).abs() <= 1e-15 * time.abs());
                out.assign(&seen.eval(t, x));
            });
            near(there.unwrap().eval(t, &array![[x]])[[0, 0]], g.flow * grid.level(1).cos(), 1.0, 1e-13, "there and back");
        }
    }
}

#[test]
fn both_ends_are_exact() {
    let trig = Path::trig(SIGMA_DATA).unwrap();
    for (path, data, noise) in [
        (Path::vp(), 1.0, Some(0.0)),
        (Path::edm(), 0.0, None),
        (trig, 0.0, Some(FRAC_PI_2)),
        (Path::linear(), 0.0, Some(1.0)),
        (Path::linear_from_noise(), 1.0, Some(0.0)),
    ] {
        assert_eq!(path.time(NoiseLevel::DATA).unwrap(), data);
        assert_eq!(path.place(data).unwrap().level(), NoiseLevel::DATA);
        let place = path.on(NoiseLevel::DATA).unwrap();
        assert_eq!((place.a(), place.b(), place.scale()), (1.0, 0.0, 1.0), "{path}");
        let Some(time) = noise else {
            assert!(matches!(path.on(NoiseLevel::NOISE), Err(PathError::NotReached { .. })));
            continue;
        };
        assert_eq!(path.time(NoiseLevel::NOISE).unwrap(), time);
        assert_eq!(path.place(time).unwrap().level(), NoiseLevel::NOISE);
        let (place, by_time) = (path.on(NoiseLevel::NOISE).unwrap(), path.place(time).unwrap());
        assert_eq!((place.a(), place.b(), place.scale()), (by_time.a(), by_time.b(), by_time.scale()), "{path}");
        assert_eq!(place.a(), 0.0);
    }
    // Digits next to both ends: θ and π/2 − θ of 1e-20.
    let (near_data, near_noise) = (NoiseLevel::from_angle(1e-20).unwrap(), NoiseLevel::from_co_angle(1e-20).unwrap());
    near(Path::linear().time(near_data).unwrap(), 1e-20, 0.0, 1e-15, "linear");
    near(Path::linear_from_noise().time(near_noise).unwrap(), 1e-20, 0.0, 1e-15, "linear from noise");
    near(Path::edm().time(near_noise).unwrap(), 1e20, 0.0, 1e-15, "edm");
    near(trig.on(near_noise).unwrap().a(), SIGMA_DATA * 1e-20, 0.0, 1e-15, "trig");
}

#[test]
fn a_path_of_ones_own_is_inverted() {
    // The linear path, written out, in both directions, and one that stops before the noise.
    let forward = PathFn::new(0.0, 1.0, |s: f64| (1.0 - s, s)).unwrap();
    let backward = PathFn::new(1.0, 0.0, |s: f64| (s, 1.0 - s)).unwrap();
    for sigma in [0.0, 1e-3, 0.4, 1.0, 30.0] {
        let level = NoiseLevel::from_sigma(sigma).unwrap();
        near(forward.time(level).unwrap(), sigma / (1.0 + sigma), 1.0, 1e-15, "forward");
        near(backward.time(level).unwrap(), 1.0 / (1.0 + sigma), 1.0, 1e-15, "backward");
        near(forward.on(level).unwrap().scale(), Path::linear().on(level).unwrap().scale(), 0.0, 1e-15, "scale");
    }
    assert_eq!(forward.time(NoiseLevel::NOISE).unwrap(), 1.0);
    let short = PathFn::new(0.0, 0.5, |s: f64| (1.0 - s, s)).unwrap();
    assert!(matches!(short.time(NoiseLevel::NOISE), Err(PathError::NotReached { .. })));
    assert!(short.place(0.6).is_err() && short.place(f64::NAN).is_err());
    assert!(PathFn::new(f64::NAN, 1.0, |s: f64| (1.0 - s, s)).is_err());
}

#[test]
fn bad_times_and_scales_are_refused() {
    let trig = Path::trig(1.0).unwrap();
    for (path, bad) in [
        (Path::vp(), &[-0.1, 1.1][..]),
        (Path::edm(), &[-1.0, f64::INFINITY, 1e301]),
        (trig, &[-0.1, 1.6]),
        (Path::linear(), &[-0.1, 1.1]),
        (Path::linear_from_noise(), &[-0.1, 1.1]),
    ] {
        for time in bad.iter().copied().chain([f64::NAN]) {
            assert!(path.place(time).is_err(), "{path} at {time}");
        }
    }
    for sigma_data in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e60] {
        assert!(Path::trig(sigma_data).is_err());
    }
    for sigma_data in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Place::new(1.0, 1.0).unwrap().convert(Prediction::Edm { sigma_data }, Prediction::Noise).is_err());
    }
    for (a, b) in [(-1.0, 0.0), (0.0, 0.0), (f64::INFINITY, 1.0), (1.0, f64::NAN), (1.0, 1e-80), (1e-320, 0.0)] {
        assert!(Place::new(a, b).is_err(), "{a}, {b}");
    }
    // What is not determined is said, never infinite.
    let (data, noise) = (Path::linear().place(0.0).unwrap(), Path::linear().place(1.0).unwrap());
    for (place, from, to) in [
        (data, Prediction::Denoised, Prediction::Noise),
        (data, Prediction::Noise, Prediction::Score),
        (data, Prediction::Score, Prediction::Denoised),
        (noise, Prediction::Noise, Prediction::Denoised),
        (noise, Prediction::Score, Prediction::FlowVelocity),
    ] {
        assert!(matches!(place.convert(from, to), Err(PathError::Undetermined { .. })), "{from} to {to}");
    }
}

/// The optimum of training in the angle is that of EDM: a raw network that realises it behind c_skip and c_out gives the same function.
#[test]
fn preconditioning_is_the_identity_only_with_sigma_min_inside_both() {
    let grid = Karras::new(18).unwrap().grid().unwrap();
    let run = LineRecursion::new(&law(), &grid).keep(Keep::All).run().unwrap();
    let edm = ConsistencyOnPath::new(run.consistency(), Path::edm(), &grid).unwrap();
    let (sigma_min, d) = (0.002, SIGMA_DATA);
    for t in [2, 9, 18] {
        let level = grid.level(t);
        // F = (f − c_skip x)/c_out as it would be trained.
        let raw = |sigma: f64, input: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| {
            let x: Array2<f64> = input * sigma.hypot(d);
            let (skip, scale) = (d * d / ((sigma - sigma_min).powi(2) + d * d), d * (sigma - sigma_min) / sigma.hypot(d));
            out.assign(&((edm.eval(t, &x) - &(&x * skip)) / scale));
        };
        let f = Preconditioned::new(&grid, 1, d, raw).unwrap();
        let x = array![[-1.7], [0.1], [1.2]];
        let gap = f.eval(t, &x) - run.consistency().eval(t, &x);
        // c_skip x and c_out F may be of the size of x/cos θ, from where they cancel.
        assert!(gap.iter().all(|g: &f64| g.abs() < 2e-15 * x[[0, 0]].abs() / level.cos()), "{t}: {gap}");
        assert_eq!(f.eval(1, &x), x);
    }
    // Without σ_min the raw network F = −1 moves a point at σ_min by c_out, and c_skip falls short of 1: the boundary says so.
    let scaled = |with: f64| {
        move |sigma: f64, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>| {
            let (skip, scale) = (d * d / ((sigma - with).powi(2) + d * d), d * (sigma - with) / sigma.hypot(d));
            out.assign(&x.mapv(|x| skip * x - scale));
        }
    };
    let x = array![[0.0], [1.0]];
    let gap = |with| PathConsistency::new(Path::edm(), &grid, 1, scaled(with)).unwrap().boundary_gap(&x);
    assert!(gap(sigma_min) < 1e-15);
    let expected = 1.0 - d * d / (sigma_min * sigma_min + d * d) + d * sigma_min / sigma_min.hypot(d) * grid.level(1).cos();
    assert!((gap(0.0) / expected - 1.0).abs() < 1e-12, "{} {expected}", gap(0.0));
}
