//! A sweep of searches: its cases, the share of one task, the row of a case.

pub(crate) mod family;
pub(crate) mod fits;
pub(crate) mod search;
pub(crate) mod store;

use crate::common::{Provenance, Row, joined, name, number};
use clap::ValueEnum;
use family::{Family, Setting};
use onestep::Grid;
use search::{Searched, search};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// What is maximised over a family, X_T at its true law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Objective {
    /// T · W_1, its certain lower end where it lies between bounds.
    W1,
    /// √T · W_1.
    RootW1,
    /// T times the certificate Σ_t E‖local_t(X_t)‖.
    Certificate,
}

/// Why a sweep stops.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    /// Not a task of a number of tasks.
    #[error("--task {given:?}: it is I/N with 1 ≤ I ≤ N, such as 3/8")]
    Task { given: String },
    /// An environment that only a part of a job array has.
    #[error("{variable} = {value:?} is no task of a job array: give --task I/N")]
    Array { variable: &'static str, value: String },
    /// A part of a sweep without a place for its rows.
    #[error("--task {task} is a part of the sweep: give --out, where all tasks leave their rows")]
    NoPlace { task: Task },
    /// No case is left.
    #[error("no family has one of the dimensions of --dims: comb, two-modes and modes have all, scales those from 2 on, plane has 2")]
    NoCase,
    /// More cases than a folder numbers.
    #[error("{count} cases are more than {}", store::MOST_CASES)]
    ManyCases { count: usize },
    /// A search that cannot move.
    #[error("--evaluations {given} is too few for the family {family}, which takes at least {least}")]
    FewEvaluations { given: usize, family: String, least: usize },
    /// A bound that no law meets: the identity is a flow map.
    #[error("lipschitz[{index}] = {value} is outside [1, 1e300): the flow map from a level to itself has slope 1")]
    Lipschitz { index: usize, value: f64 },
    /// Rows of another sweep.
    #[error("{}: this row belongs to another sweep, {found}; here it is {expected}", .path.display())]
    Foreign { path: PathBuf, found: String, expected: String },
    /// A file that is no row.
    #[error("{}: {reason}", .path.display())]
    Damaged { path: PathBuf, reason: String },
    /// Cases that no task has finished.
    #[error("{} lacks {} of {cases} cases: {missing}; run the tasks again that hold them", .path.display(), .count)]
    Missing { path: PathBuf, count: usize, cases: usize, missing: String },
    /// A folder that holds nothing.
    #[error("{}: no rows of a sweep", .path.display())]
    Empty { path: PathBuf },
    /// Reading and writing.
    #[error("{0}")]
    Io(String),
    /// The library.
    #[error(transparent)]
    Library(#[from] onestep::Error),
    /// A law.
    #[error(transparent)]
    Law(#[from] onestep::law::LawError),
}

/// Task `index` of `count`, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) index: usize,
    pub(crate) count: usize,
}

impl Task {
    pub(crate) const WHOLE: Self = Self { index: 1, count: 1 };

    /// From I/N.
    pub(crate) fn parse(given: &str) -> Result<Self, SweepError> {
        let refused = || SweepError::Task { given: given.to_string() };
        let (index, count) = given.split_once('/').ok_or_else(refused)?;
        let number = |text: &str| text.parse::<usize>().ok();
        match (number(index), number(count)) {
            (Some(index), Some(count)) if 1 <= index && index <= count => Ok(Self { index, count }),
            _ => Err(refused()),
        }
    }

    /// From the environment of a Slurm job array, where there is one: tasks are numbered from the smallest, in steps.
    pub(crate) fn of_array(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, SweepError> {
        const ID: &str = "SLURM_ARRAY_TASK_ID";
        if variable(ID).is_none() {
            return Ok(None);
        }
        let number = |name: &'static str, default: Option<usize>| match (variable(name), default) {
            (None, Some(default)) => Ok(default),
            (value, _) => {
                let value = value.unwrap_or_default();
                value.parse::<usize>().map_err(|_| SweepError::Array { variable: name, value })
            }
        };
        let (id, count) = (number(ID, None)?, number("SLURM_ARRAY_TASK_COUNT", None)?);
        let (first, step) = (number("SLURM_ARRAY_TASK_MIN", Some(1))?, number("SLURM_ARRAY_TASK_STEP", Some(1))?);
        let index = id.checked_sub(first).filter(|rest| step > 0 && rest % step == 0).map(|rest| rest / step + 1);
        match index {
            Some(index) if index <= count => Ok(Some(Self { index, count })),
            _ => Err(SweepError::Array { variable: ID, value: id.to_string() }),
        }
    }

    /// Whether the case is this task's.
    pub(crate) fn holds(self, case: usize) -> bool {
        (case - 1) % self.count == self.index - 1
    }
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// One search: a family at one d, one T and one bound on L_f.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Case {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) family: Family,
    pub(crate) dim: usize,
    pub(crate) steps: usize,
    pub(crate) lipschitz: f64,
}

/// All searches with the same settings.
#[derive(Debug, Clone)]
pub(crate) struct Sweep {
    pub(crate) cases: Vec<Case>,
    pub(crate) objective: Objective,
    pub(crate) modes: usize,
    pub(crate) evaluations: usize,
    pub(crate) seed: u64,
    pub(crate) tolerance: f64,
    /// The options of the schedule.
    pub(crate) schedule: Vec<(&'static str, String)>,
    /// The families, dimensions, numbers of steps and bounds that the cases are made of.
    lists: [String; 4],
}

impl Sweep {
    /// Every family at every bound, T and d that it has.
    pub(crate) fn new(families: &[Family], dims: &[usize], steps: &[usize], lipschitz: &[f64]) -> Result<Self, SweepError> {
        if let Some(i) = lipschitz.iter().position(|l| !(1.0..1e300).contains(l)) {
            return Err(SweepError::Lipschitz { index: i + 1, value: lipschitz[i] });
        }
        let mut cases = Vec::new();
        for &family in families {
            for &lipschitz in lipschitz {
                for &steps in steps {
                    for &dim in dims.iter().filter(|&&dim| family.has(dim)) {
                        cases.push(Case { number: cases.len() + 1, family, dim, steps, lipschitz });
                    }
                }
            }
        }
        match cases.len() {
            0 => return Err(SweepError::NoCase),
            count if count > store::MOST_CASES => return Err(SweepError::ManyCases { count }),
            _ => {}
        }
        let counts = |list: &[usize]| list.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let families = families.iter().map(|&f| name(f)).collect::<Vec<_>>().join(",");
        Ok(Self {
            cases,
            objective: Objective::W1,
            modes: 2,
            evaluations: 1,
            seed: 1,
            tolerance: 1e-4,
            schedule: Vec::new(),
            lists: [families, counts(dims), counts(steps), joined(lipschitz)],
        })
    }

    /// Everything that the rows depend on, as options.
    pub(crate) fn described(&self) -> String {
        let [families, dims, steps, lipschitz] = &self.lists;
        let mut said = format!(
            "--families {families} --dims {dims} --steps {steps} --lipschitz {lipschitz} --objective {} --modes {} --evaluations {} --seed {} --tolerance {}",
            name(self.objective),
            self.modes,
            self.evaluations,
            self.seed,
            self.tolerance
        );
        for (option, value) in &self.schedule {
            said.extend([" ", option, " ", value]);
        }
        said
    }

    /// Searches one case and returns its row: the same bits wherever and whenever it runs.
    pub(crate) fn run(&self, case: &Case, grid: &Grid) -> Result<Row, SweepError> {
        let least = case.family.fewest_evaluations();
        if self.evaluations < least {
            return Err(SweepError::FewEvaluations { given: self.evaluations, family: name(case.family), least });
        }
        let setting = Setting { grid, dim: case.dim, modes: self.modes, ln_lipschitz: case.lipschitz.ln(), tolerance: self.tolerance };
        let searched = search(case.family, &setting, self.objective, self.evaluations, (self.seed, case.number as u64))?;
        Ok(self.row(case, &searched))
    }

    fn row(&self, case: &Case, searched: &Searched) -> Row {
        let worst = searched.worst.as_ref();
        let of = |f: &dyn Fn(&search::Worst) -> f64| number(worst.map_or(f64::NAN, f));
        let law = worst.map_or(Value::Null, |w| {
            let named = case.family.parameters().iter().zip(&w.parameters);
            let named = named.map(|(name, &value)| ((*name).to_string(), number(value)));
            let family = std::iter::once(("name".to_string(), Value::from(name(case.family))));
            Value::Object(family.chain(named).collect::<Map<_, _>>())
        });
        let row = vec![
            ("case", case.number.into()),
            ("cases", self.cases.len().into()),
            ("sweep", self.described().into()),
            ("family", name(case.family).into()),
            ("dim", case.dim.into()),
            ("steps", case.steps.into()),
            ("lipschitz_bound", number(case.lipschitz)),
            ("objective", name(self.objective).into()),
            ("seed", self.seed.into()),
            ("value", of(&|w| w.found.value(self.objective))),
            ("law", law),
            ("w1_marginal_lower", of(&|w| w.found.report.w1_marginal.lower)),
            ("w1_marginal_upper", of(&|w| w.found.report.w1_marginal.upper)),
            ("certificate", of(&|w| w.found.report.certificate)),
            ("ln_lipschitz", of(&|w| w.found.report.ln_lipschitz)),
            ("ln_lipschitz_upper", of(&|w| w.found.ln_upper.unwrap_or(f64::NAN))),
            ("resolution_error", of(&|w| w.found.report.resolution_error)),
            ("evaluations", self.evaluations.into()),
            ("admissible", searched.admissible.into()),
            ("unresolved", searched.unresolved.into()),
        ];
        let (path, schedule, method) = (vec![("--path", "vp".into())], self.schedule.clone(), Some("ct".into()));
        Provenance { path, schedule, method, ..Provenance::default() }.complete(&row)
    }
}

/// A row as one line of JSON.
pub(crate) fn line(row: &Row) -> String {
    format!("{{{}}}", row.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect::<Vec<_>>().join(","))
}
