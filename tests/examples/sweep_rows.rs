//! Sweeps of `worst_case` in parts: shares, rows that are kept, folders that are refused.

use crate::sweep::family::Family;
use crate::sweep::fits::{curves, fits};
use crate::sweep::store::{Store, Stored};
use crate::sweep::{Sweep, SweepError, Task, line};
use onestep::schedule::UniformAngle;
use onestep::{Grid, VarianceSchedule};
use std::path::PathBuf;

/// A folder that is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("onestep-sweep-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn sweep() -> Sweep {
    let mut sweep = Sweep::new(&[Family::Comb, Family::TwoModes], &[1, 4], &[4, 8], &[2.0]).unwrap();
    sweep.evaluations = 8;
    sweep.tolerance = 1e-3;
    sweep
}

fn grid(steps: usize) -> Grid {
    UniformAngle::new(steps, 0.05, 1.5).unwrap().grid().unwrap()
}

fn row(sweep: &Sweep, case: usize) -> String {
    let case = &sweep.cases[case - 1];
    line(&sweep.run(case, &grid(case.steps)).unwrap())
}

/// Runs a task, at most `most` cases of it, over what stands in the folder.
fn run(sweep: &Sweep, task: Task, store: &Store, most: usize) {
    let described = sweep.described();
    store.clear_unfinished(task, &sweep.cases).unwrap();
    let open = |case: &usize| store.find(*case, &described).unwrap().is_none();
    for case in sweep.cases.iter().map(|c| c.number).filter(|&c| task.holds(c)).filter(open).take(most) {
        store.keep(case, &row(sweep, case)).unwrap();
    }
}

#[test]
fn tasks_share_all_cases_and_none_twice() {
    for count in 1..12 {
        for case in 1..40 {
            assert_eq!((1..=count).filter(|&index| Task { index, count }.holds(case)).count(), 1);
        }
    }
    assert_eq!(Task::parse("3/8").unwrap(), Task { index: 3, count: 8 });
    for given in ["0/8", "9/8", "3", "3/", "/8", "-1/8", "3/0", "1.5/8", "3/8/2"] {
        assert!(matches!(Task::parse(given), Err(SweepError::Task { .. })), "{given}");
    }
}

#[test]
fn a_job_array_says_which_task_this_is() {
    let array = |pairs: &'static [(&'static str, &'static str)]| {
        Task::of_array(|name| {
            pairs.iter().find(|p| p.0.strip_prefix("SLURM_ARRAY_TASK_") == name.strip_prefix("SLURM_ARRAY_TASK_")).map(|p| p.1.to_string())
        })
    };
    assert_eq!(array(&[]).unwrap(), None);
    let of = |index, count| Some(Task { index, count });
    assert_eq!(array(&[("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_COUNT", "8")]).unwrap(), of(3, 8));
    let zero = array(&[("SLURM_ARRAY_TASK_ID", "0"), ("SLURM_ARRAY_TASK_COUNT", "8"), ("SLURM_ARRAY_TASK_MIN", "0")]);
    assert_eq!(zero.unwrap(), of(1, 8));
    let stepped = array(&[
        ("SLURM_ARRAY_TASK_ID", "9"),
        ("SLURM_ARRAY_TASK_COUNT", "3"),
        ("SLURM_ARRAY_TASK_MIN", "1"),
        ("SLURM_ARRAY_TASK_STEP", "4"),
    ]);
    assert_eq!(stepped.unwrap(), of(3, 3));
    for bad in [
        &[("SLURM_ARRAY_TASK_ID", "x"), ("SLURM_ARRAY_TASK_COUNT", "8")][..],
        &[("SLURM_ARRAY_TASK_ID", "3")],
        &[("SLURM_ARRAY_TASK_ID", "9"), ("SLURM_ARRAY_TASK_COUNT", "8")],
        &[("SLURM_ARRAY_TASK_ID", "0"), ("SLURM_ARRAY_TASK_COUNT", "8")],
        &[("SLURM_ARRAY_TASK_ID", "2"), ("SLURM_ARRAY_TASK_COUNT", "8"), ("SLURM_ARRAY_TASK_STEP", "0")],
    ] {
        let found = Task::of_array(|name| bad.iter().find(|p| p.0 == name).map(|p| p.1.to_string()));
        assert!(matches!(found, Err(SweepError::Array { .. })), "{bad:?}");
    }
}

#[test]
fn tasks_with_stops_are_one_run_to_the_bit() {
    let sweep = sweep();
    let (one, three) = (Folder::new("one"), Folder::new("three"));
    let whole = Store::create(&one.0).unwrap();
    run(&sweep, Task::WHOLE, &whole, usize::MAX);
    let store = Store::create(&three.0).unwrap();
    for index in (1..=3).rev() {
        run(&sweep, Task { index, count: 3 }, &store, if index == 2 { 1 } else { usize::MAX });
    }
    // Task 2 stopped after its first case, while it wrote the second; then before it had written any.
    let part = three.0.join(".case-00005.json.77.part");
    std::fs::write(&part, "{\"case\":5,").unwrap();
    let foreign = three.0.join(".case-00001.json.77.part");
    std::fs::write(&foreign, "").unwrap();
    assert!(matches!(store.collect(), Err(SweepError::Missing { count: 2, cases: 8, .. })));
    run(&sweep, Task { index: 2, count: 3 }, &store, 0);
    run(&sweep, Task { index: 2, count: 3 }, &store, usize::MAX);
    assert!(!part.exists() && foreign.exists());
    let (rows, expected) = (store.collect().unwrap(), whole.collect().unwrap());
    assert_eq!(rows, expected);
    // Cases come in pairs, one copy and four; where both found a law, there is an exponent of d.
    let pairs = rows.chunks(2).filter(|pair| pair.iter().all(|row| row.number("value") > 0.0)).count();
    assert!(pairs > 0);
    assert_eq!(fits(&rows).iter().filter(|f| f.against == "dim").count(), pairs);
}

/// One T has no exponent, but a place on the picture.
#[test]
fn one_size_is_a_curve_and_no_fit() {
    let rows = [Stored::parse(&row(&sweep(), 1)).unwrap()];
    assert!(fits(&rows).is_empty());
    let drawn = curves(&rows, "steps");
    assert_eq!((drawn.len(), drawn[0].sizes.clone(), drawn[0].values.clone()), (1, vec![4.0], vec![rows[0].number("value")]));
    assert_eq!(drawn[0].fixed_in_words(" ≤ "), "d = 1, L_f ≤ 2");
}

#[test]
fn finished_cases_are_not_computed_again() {
    let (sweep, folder) = (sweep(), Folder::new("kept"));
    let store = Store::create(&folder.0).unwrap();
    run(&sweep, Task::WHOLE, &store, 3);
    let modified = |case: usize| folder.0.join(format!("case-{case:05}.json")).metadata().unwrap().modified().unwrap();
    let before: Vec<_> = (1..=3).map(modified).collect();
    run(&sweep, Task::WHOLE, &store, usize::MAX);
    assert_eq!((1..=3).map(modified).collect::<Vec<_>>(), before);
}

#[test]
fn rows_of_other_sweeps_and_damaged_rows_are_refused() {
    let (sweep, folder) = (sweep(), Folder::new("refused"));
    let store = Store::create(&folder.0).unwrap();
    assert!(matches!(store.collect(), Err(SweepError::Empty { .. })));
    assert!(matches!(Store::open(&folder.0.join("missing")), Err(SweepError::Io(_))));
    let text = row(&sweep, 1);
    store.keep(1, &text).unwrap();
    let mut other = sweep.clone();
    other.seed += 1;
    assert!(matches!(store.find(1, &other.described()), Err(SweepError::Foreign { .. })));
    // A task whose own cases are not there yet puts none beside those of another sweep.
    assert!(matches!(store.check_sweep(&other.described()), Err(SweepError::Foreign { .. })));
    store.check_sweep(&sweep.described()).unwrap();
    // A row under the name of another case.
    store.keep(2, &text).unwrap();
    assert!(matches!(store.find(2, &sweep.described()), Err(SweepError::Foreign { .. })));
    assert!(matches!(store.collect(), Err(SweepError::Foreign { .. })));
    let path = folder.0.join("case-00002.json");
    let whole = format!("{text}\n");
    for damaged in
        ["", "\n", "{}\n", &text, &whole[..40], "{\"case\":1,\"cases\":1000000000000}\n", "[1]\n", "{\"case\":1e0,\"cases\":8}\n"]
    {
        std::fs::write(&path, damaged).unwrap();
        assert!(matches!(store.find(2, &sweep.described()), Err(SweepError::Damaged { .. })), "{damaged}");
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(store.collect(), Err(SweepError::Damaged { .. })));
}

#[test]
fn a_row_is_read_with_all_its_digits() {
    let text = row(&sweep(), 3);
    let stored = Stored::parse(&text).unwrap();
    assert_eq!(stored.count("case"), Some(3));
    let (value, w1) = (stored.number("value"), stored.number("w1_marginal_lower"));
    assert_eq!(value, 8.0 * w1);
    assert!(text.contains(&format!("\"value\":{value}")));
}

#[test]
fn sweeps_without_sense_are_refused() {
    let refused = |families: &[Family], dims: &[usize], lipschitz: &[f64]| Sweep::new(families, dims, &[8], lipschitz).unwrap_err();
    assert!(matches!(refused(&[Family::Plane], &[1, 3], &[2.0]), SweepError::NoCase));
    assert!(matches!(refused(&[Family::Comb], &[1], &[2.0, 0.5]), SweepError::Lipschitz { index: 2, .. }));
    assert!(matches!(refused(&[Family::Comb], &[1], &[f64::NAN]), SweepError::Lipschitz { index: 1, .. }));
    assert!(matches!(refused(&[Family::Comb], &vec![1; 100_000], &[2.0]), SweepError::ManyCases { count: 100_000 }));
    let mut few = sweep();
    few.evaluations = 3;
    assert!(matches!(few.run(&few.cases[0], &grid(4)), Err(SweepError::FewEvaluations { given: 3, least: 4, .. })));
}

/// The search stays within the bound on L_f and finds combs that are worse than a normal law.
#[test]
fn what_is_found_is_within_the_bound() {
    let mut sweep = Sweep::new(&[Family::Comb], &[1], &[16], &[1.0, 1.5]).unwrap();
    sweep.evaluations = 24;
    // No comb has L_f = 1 but the normal law, which no draw hits.
    let none = Stored::parse(&row(&sweep, 1)).unwrap();
    assert!(none.number("value").is_nan() && none.count("admissible") == Some(0));
    let found = Stored::parse(&row(&sweep, 2)).unwrap();
    assert!(found.number("ln_lipschitz") <= found.number("ln_lipschitz_upper"));
    assert!(found.number("ln_lipschitz_upper") <= 1.5_f64.ln());
    // N(0, 1) has T W1 = T (1 − Π cos Δθ) E|Z| on these angles.
    let normal = 16.0 * (1.0 - (1.45_f64 / 15.0).cos().powi(15)) * (2.0 / std::f64::consts::PI).sqrt();
    assert!(found.number("value") > normal);
}
