//! Networks of files: the committed one against its own values, and what is refused.

use super::common::path::PathOptions;
use super::common::schedule::ScheduleOptions;
use super::common::table::ReadOptions;
use super::family::{OnnxFamily, Time};
use super::graphs::{Graph, data, options};
use super::network::{Network, NetworkOptions};
use super::{Arguments, report};
use clap::Parser;
use ndarray::{Array2, Axis, Slice, array, concatenate};
use onestep::audit::{Finding, KnownAnswer, LedgerTerm};
use onestep::path::{GaussianPath, Path};
use onestep::population::Method;
use onestep::schedule::Karras;
use onestep::{ConsistencyFunction, Grid, VarianceSchedule};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rten_onnx::onnx::DataType;

/// What the network in PyTorch and the network of the file may differ by: single precision, ten times what was measured (7e-7).
const SAME: f64 = 1e-5;

/// Levels, points and values of the table beside the model.
fn table() -> (Vec<usize>, Array2<f64>, Array2<f64>) {
    let table = ReadOptions::default().load(&data("edm_values.csv")).unwrap();
    let of = |names: [&str; 2]| table.rows.select(Axis(1), &names.map(|name| table.column(name).unwrap()));
    let t = table.rows.column(table.column("t").unwrap()).iter().map(|&t| t as usize).collect();
    (t, of(["x_1", "x_2"]), of(["f_1", "f_2"]))
}

/// The arguments of the committed model's problem.
fn arguments(more: &[&str]) -> Arguments {
    let model = data("edm.onnx").display().to_string();
    let law = ["--dim", "2", "--weights", ".3,.7", "--means=-1,1", "--stds", ".4,.4", "--path", "edm"];
    let schedule = ["--schedule", "karras", "--sigma-min", ".002", "--sigma-max", "80", "--rho", "7", "--steps", "18"];
    let words = ["onestep-onnx", &model].into_iter().chain(law).chain(schedule).chain(more.iter().copied());
    Arguments::try_parse_from(words).unwrap()
}

fn family(a: &Arguments) -> OnnxFamily {
    let (law, path): (_, &PathOptions) = (a.law.law().unwrap(), &a.path);
    let (path, schedule): (Path, &ScheduleOptions) = (path.path().unwrap(), &a.schedule);
    let grid = schedule.grid_on(18, &path).unwrap();
    let network = Network::load(&a.model, 2, &a.network).unwrap();
    OnnxFamily::new(network, &law.known(), &grid, &path, a.time, &mut ChaCha8Rng::seed_from_u64(1)).unwrap()
}

#[test]
fn the_file_has_the_values_that_were_computed_before_its_export() {
    let (t, x, f) = table();
    assert_eq!(t.len(), 500);
    let grid = Karras::new(18).unwrap().grid().unwrap();
    let network = Network::load(&data("edm.onnx"), 2, &options()).unwrap();
    for (row, &t) in t.iter().enumerate() {
        let time = Path::edm().time(grid.level(t)).unwrap();
        let value = network.eval(time, &x.slice_axis(Axis(0), Slice::from(row..=row))).unwrap();
        let gap = (&value.row(0) - &f.row(row)).mapv(f64::abs).fold(0.0, |a: f64, &b| a.max(b));
        assert!(gap < SAME, "row {row}: {gap:e}");
    }
}

#[test]
fn the_known_answer_is_that_of_the_table() {
    let a = arguments(&["--points", "50"]);
    let (law, path) = (a.law.law().unwrap(), Path::edm());
    let grid = a.schedule.grid_on(18, &path).unwrap();
    let problem = report::Problem { law: &law, path: &path, grid: &grid };
    let ours = report::known_answer(&problem, &family(&a), a.points, None, 1).unwrap();
    // The table was made by `known_answer --template` with the same seed: the same points.
    let (t, x, f) = table();
    let levels: Vec<usize> = ours.report.levels.iter().map(|l| l.step).collect();
    let optimum = law.optimum(&grid, Method::Training, &levels, false).unwrap().unwrap();
    let flow = law.flow().unwrap();
    let theirs = KnownAnswer::new(&*flow, &grid).path(&path).population(&optimum).check(&t, &x, &f).unwrap();
    for (ours, theirs) in ours.report.levels.iter().zip(&theirs.levels) {
        assert_eq!((ours.step, ours.rows), (theirs.step, theirs.rows));
        assert!((ours.error.mean.value - theirs.error.mean.value).abs() < SAME);
        assert!((ours.training.unwrap().mean.value - theirs.training.unwrap().mean.value).abs() < SAME);
        assert!((ours.discretisation.unwrap().mean.value - theirs.discretisation.unwrap().mean.value).abs() < 1e-12);
    }
    // The network has learned the optimum of training, which is not the flow map.
    let finding = ours.report.finding();
    assert!(matches!(finding, Finding::Discretisation { step: 18, method: Method::Training, .. }), "{finding}");
    // Single precision: a last bit at σ = 80 and |x| ~ 100 is 1e-5 of a unit, seen through c_skip and c_in.
    assert!(ours.rounding > 0.0 && ours.rounding < 1e-5, "{:e}", ours.rounding);
}

#[test]
fn losses_are_above_their_floors_by_the_squared_own_errors() {
    let a = arguments(&["--samples", "200"]);
    let (law, path) = (a.law.law().unwrap(), Path::edm());
    let grid = a.schedule.grid_on(18, &path).unwrap();
    let problem = report::Problem { law: &law, path: &path, grid: &grid };
    let losses = report::losses(&problem, &family(&a), 200, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
    assert_eq!(losses.steps.len(), 17);
    // One of 17 steps fails by chance below five standard errors with probability 5e-6.
    for step in &losses.steps {
        let spread = step.loss.std_error.hypot(step.floor.floor.std_error);
        assert!(step.loss.value - step.floor.floor.value > -5.0 * spread, "step {}", step.floor.step);
    }
    // Training came near its end: the sum is that of the optimum within a fifth.
    let (loss, optimum) = (losses.sums().0, losses.optimum.unwrap());
    assert!((loss.value / optimum.value - 1.0).abs() < 0.2, "{loss} against {optimum}");
}

#[test]
fn the_ledger_blames_the_steps_of_the_schedule() {
    let a = arguments(&[]);
    let (law, path) = (a.law.law().unwrap(), Path::edm());
    let grid = a.schedule.grid_on(18, &path).unwrap();
    let problem = report::Problem { law: &law, path: &path, grid: &grid };
    let ledger = report::ledger(&problem, &family(&a), 2000, &mut ChaCha8Rng::seed_from_u64(1)).unwrap().unwrap();
    // The network is near the optimum of training, whose error is that of eighteen steps.
    let blame = ledger.blame().unwrap();
    assert!(blame.term == LedgerTerm::Local && blame.clear, "{blame}");
    let error = ledger.steps.last().unwrap().error_square.unwrap().value.sqrt();
    assert!(error < ledger.bound().unwrap().upper);
}

#[test]
fn values_do_not_depend_on_the_batch() {
    let x = table().1.slice_axis(Axis(0), Slice::from(0..50)).to_owned();
    let of = |batch| Network::load(&data("edm.onnx"), 2, &NetworkOptions { batch, ..options() }).unwrap().eval(0.5, &x).unwrap();
    let gap = (of(7) - of(4096)).mapv(f64::abs).fold(0.0, |a: f64, &b| a.max(b));
    assert!(gap < 1e-6, "{gap:e}"); // kernels add up in another order
}

#[test]
fn a_graph_without_a_time_is_refused() {
    let found = Graph::new().input("x", &[-1, 2]).node("Identity", &["x"], "f").load("one_input", &options()).unwrap_err();
    assert!(found.to_string().contains("\"x\" is its only input: the time was frozen into the graph"), "{found}");
}

#[test]
fn a_time_without_effect_is_found() {
    let graph = Graph::new().input("x", &[-1, 2]).input("sigma", &[-1, 1]).node("Add", &["x", "x"], "f");
    let network = graph.load("idle", &options()).unwrap();
    let law = onestep::law::Gaussian::standard(2).unwrap();
    let grid = Grid::from_sigmas(&[0.1, 1.0, 10.0]).unwrap();
    let found = OnnxFamily::new(network, &law, &grid, &Path::edm(), Time::Path, &mut ChaCha8Rng::seed_from_u64(1)).unwrap_err();
    assert!(found.to_string().contains("the input \"sigma\" has no effect"), "{found}");
}

#[test]
fn double_precision_is_refused() {
    let base = || Graph::new().input("sigma", &[-1, 1]);
    let input = base().doubles("x", &[-1, 2]).node("Mul", &["x", "sigma"], "f").load("double_input", &options());
    let weights =
        base().input("x", &[-1, 2]).double_weights("w", &[1.0, 2.0]).node("Mul", &["x", "w"], "f").load("double_weights", &options());
    let cast = base().input("x", &[-1, 2]).cast("x", DataType::DOUBLE, "wide").node("Mul", &["wide", "sigma"], "f");
    for (found, what) in [(input, "input \"x\""), (weights, "the tensor \"w\""), (cast.load("double_cast", &options()), "\"node_wide\"")] {
        let found = found.unwrap_err().to_string();
        assert!(found.contains(what) && found.contains("double precision") && found.contains("model.float()"), "{found}");
    }
}

#[test]
fn times_of_every_shape_are_taken() {
    let x = array![[1.0, -2.0], [3.0, 4.0], [0.5, 0.25]];
    let times: [(&str, &[i64]); 4] = [("row", &[-1, 1]), ("scalar", &[]), ("one", &[1]), ("one_one", &[1, 1])];
    for (name, shape) in times {
        let network = Graph::new().input("x", &[-1, 2]).input("t", shape).node("Mul", &["x", "t"], "f").load(name, &options()).unwrap();
        assert_eq!(network.eval(0.5, &x).unwrap(), &x * 0.5, "{name}");
    }
    // A graph of two rows: the third is evaluated with a copy of itself.
    let fixed = Graph::new().input("x", &[2, 2]).input("t", &[2, 1]).node("Mul", &["x", "t"], "f").load("fixed", &options()).unwrap();
    assert_eq!(fixed.eval(2.0, &x).unwrap(), &x * 2.0);
    let whole = Graph::new().input("x", &[-1, 2]).integers("t", &[-1, 1]).cast("t", DataType::FLOAT, "s").node("Mul", &["x", "s"], "f");
    let whole = whole.load("integer", &options()).unwrap();
    assert_eq!(whole.eval(3.0, &x).unwrap(), &x * 3.0);
    assert!(whole.eval(0.5, &x).unwrap_err().to_string().contains("takes whole numbers"));
}

#[test]
fn inputs_are_found_by_name() {
    let graph = || Graph::new().input("sigma", &[-1, 1]).input("sample", &[-1, 2]).node("Mul", &["sample", "sigma"], "f");
    // The first input is taken for the points, and has one coordinate.
    assert!(graph().load("first", &options()).unwrap_err().to_string().contains("takes points of 1 coordinates, the law has 2"));
    let named = NetworkOptions { input_time: Some("sigma".into()), ..options() };
    assert_eq!(graph().load("named", &named).unwrap().eval(2.0, &array![[1.0, 3.0]]).unwrap(), array![[2.0, 6.0]]);
    let wrong = NetworkOptions { input_x: Some("y".into()), ..options() };
    assert!(graph().load("wrong", &wrong).unwrap_err().to_string().contains("--input-x y: the inputs are sigma, sample"));
}

#[test]
fn weights_kept_apart_are_needed() {
    let folder = std::env::temp_dir().join(format!("onestep-onnx-{}-apart", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let copy = folder.join("edm.onnx");
    std::fs::copy(data("edm.onnx"), &copy).unwrap();
    let found = Network::load(&copy, 2, &options()).unwrap_err().to_string();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(found.contains("edm.onnx"), "{found}");
    let garbage = Network::load(&data("README.md"), 2, &options()).unwrap_err().to_string();
    assert!(garbage.contains("README.md"), "{garbage}");
}

#[test]
fn the_boundary_is_the_identity_to_single_precision() {
    let f = family(&arguments(&[]));
    let x = array![[1.25, -0.75], [-3.0, 0.125]];
    let gap = (f.raw(1, &x).unwrap() - &x).mapv(f64::abs).fold(0.0, |a: f64, &b| a.max(b));
    assert!(gap < 1e-6, "{gap:e}");
    let both = concatenate(Axis(0), &[x.view(), x.view()]).unwrap();
    assert_eq!(f.eval(1, &x), x);
    let values = f.eval(5, &both);
    assert_eq!(values.row(0), values.row(2));
}
