//! The main job: how far are the one-step samples of population-optimal consistency training from their target, and how many steps does
//! Theorem 1 ask for?
//!
//! ```text
//! cargo run --release --example step_bound
//! cargo run --release --example step_bound -- --target diracs --means=-1,1 --steps 256,1024 --format json --plot none
//! cargo run --release --example step_bound -- --target sphere --dims 2,8,32,128,512 --steps 256,1024
//! ```
//!
//! For every T: f_T by the exact recursion, W_1 of f_T(Z) to X_1 with Z ~ N(0, I), W_1 and W_2 with X_T at its true law, the lower bound,
//! the certificate, L_f, the bound (24) for the constant given, the smallest constant that would do, and the step count (25) for the error
//! that was reached. Then the fitted rate. With `--dims` the same for every dimension, and the fitted exponent of d beside 1/2 (what N(0, I)
//! has) and 5/2 (what the theorem allows).

#[path = "../common/mod.rs"]
mod common;
mod plot;
mod problem;

use clap::{Parser, ValueEnum};
use common::output::Output;
use common::schedule::ScheduleOptions;
use common::target::{Target, TargetOptions};
use common::{Format, Row, arguments, fail, limits, name, number, print_row, remark, say};
use onestep::audit::RateModel;
use onestep::bound::{AccumulatedError, Theorem1};
use onestep::population::PopulationReport;
use std::error::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodName {
    Ct,
    Cd,
}

/// Population consistency training against the step-count bound: targets on the line, their products, and rotation-invariant ones.
#[derive(Debug, Parser)]
#[command(allow_negative_numbers = true)]
struct Arguments {
    #[command(flatten)]
    target: TargetOptions,
    /// The dimension: of a sphere, ball or shells, otherwise the number of independent copies.
    #[arg(long, default_value_t = 1, value_parser = limits::count(1, limits::DIMENSIONS))]
    dim: usize,
    /// Dimensions of a sweep, in place of --dim: W_1 against d at every T, with the fitted exponent.
    #[arg(long, value_delimiter = ',', conflicts_with = "dim", value_parser = limits::count(1, limits::DIMENSIONS))]
    dims: Option<Vec<usize>>,
    #[command(flatten)]
    schedule: ScheduleOptions,
    /// Numbers of steps T.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "64,128,256,512,1024,2048,4096,8192,16384",
        value_parser = limits::count(1, limits::STEPS)
    )]
    steps: Vec<usize>,
    /// Consistency training or distillation with the exact score.
    #[arg(long, value_enum, default_value = "ct")]
    method: MethodName,
    /// The unknown constant C_1 of Theorem 1.
    #[arg(long, default_value_t = 1.0)]
    constant: f64,
    /// Relative tolerance of the recursion; 1e-9 unless given, and 1e-5 for ball and shells, which take a quadrature over radii at every node.
    #[arg(long)]
    tolerance: Option<f64>,
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// SVG file for the plot, or `none`.
    #[arg(long, default_value = "step_bound.svg")]
    plot: String,
}

impl Arguments {
    fn tolerance(&self) -> f64 {
        let radii = matches!(self.target.target, Target::Ball | Target::Shells);
        self.tolerance.unwrap_or(if radii { 1e-5 } else { 1e-9 })
    }
}

/// One T: the report and what Theorem 1 says about it.
struct Line {
    report: PopulationReport,
    bound: f64,
    fitted_constant: f64,
    required_steps: f64,
    seconds: f64,
}

impl Line {
    fn within_bound(&self) -> bool {
        self.report.w1.upper <= self.bound
    }

    fn upper(&self) -> f64 {
        self.report.certificate + self.report.prior_mismatch
    }

    fn row(&self, arguments: &Arguments) -> Row {
        let r = &self.report;
        vec![
            ("steps", r.steps.into()),
            ("dim", r.dim.into()),
            ("schedule", arguments.schedule.name().into()),
            ("method", name(arguments.method).into()),
            ("w1_lower", number(r.w1.lower)),
            ("w1_upper", number(r.w1.upper)),
            ("w1_marginal", r.w1_marginal.value().map_or(serde_json::Value::Null, number)),
            ("w2_marginal", number(r.w2_marginal.upper)),
            ("mean_shift", number(r.mean_shift)),
            ("energy_deficit", number(r.energy_deficit)),
            ("loss_sum", number(r.loss_sum)),
            ("lower_bound", number(r.lower_bound)),
            ("certificate", number(r.certificate)),
            ("prior_mismatch", number(r.prior_mismatch)),
            ("lipschitz", number(r.lipschitz)),
            ("bound", number(self.bound)),
            ("fitted_constant", number(self.fitted_constant)),
            ("required_steps", number(self.required_steps)),
            ("within_bound", self.within_bound().into()),
            ("seconds", number(self.seconds)),
        ]
    }
}

/// What Theorem 1 says about a report.
fn line(a: &Arguments, report: PopulationReport, seconds: f64) -> Result<Line, Box<dyn Error>> {
    // Without a finite L_f Assumption 1 fails and Theorem 1 says nothing.
    let (mut bound, mut fitted_constant, mut required_steps) = (f64::INFINITY, f64::NAN, f64::INFINITY);
    if report.lipschitz.is_finite() {
        let theorem = Theorem1::new(report.dim, report.lipschitz, a.constant)?;
        bound = theorem.bound(report.steps, AccumulatedError::ZERO, AccumulatedError::ZERO)?.total();
        fitted_constant = theorem.fitted_constant(report.steps, report.w1.upper, AccumulatedError::ZERO, AccumulatedError::ZERO)?;
        required_steps = theorem.required_steps(report.w1.upper)?.steps();
    }
    if !report.resolved {
        remark!(
            "warning: T = {}: the last refinement moved the answer by {:.1e} relatively, more than the tolerance {:.1e}",
            report.steps,
            report.resolution_error,
            a.tolerance()
        );
    }
    Ok(Line { report, bound, fitted_constant, required_steps, seconds })
}

fn print_table_line(first: bool, sweep: bool, line: &Line) {
    if first {
        say!(
            "{}{:>8} {:>12} {:>12} {:>12} {:>12} {:>12} {:>10} {:>11} {:>11} {:>12} {:>8}  verdict",
            if sweep { format!("{:>8} ", "d") } else { String::new() },
            "T",
            "W1",
            "W1 at X_T",
            "W2 at X_T",
            "lower bound",
            "certificate",
            "prior",
            "L_f",
            "bound (24)",
            "T for (25)",
            "seconds"
        );
    }
    let r = &line.report;
    let marginal = r.w1_marginal.value().map_or_else(|| "-".to_string(), |v| format!("{v:.5e}"));
    let w1 = if r.w1.is_exact() { format!("{:.5e}", r.w1.lower) } else { format!("≤ {:.4e}", r.w1.upper) };
    let verdict = if !r.lipschitz.is_finite() {
        "no bound: L_f is infinite"
    } else if line.within_bound() {
        "within the bound"
    } else {
        "above the bound: C1 is too small"
    };
    say!(
        "{}{:>8} {:>12} {:>12} {:>12.5e} {:>12.5e} {:>12.5e} {:>10.2e} {:>11.5e} {:>11.4e} {:>12.4e} {:>8.3}  {verdict}",
        if sweep { format!("{:>8} ", r.dim) } else { String::new() },
        r.steps,
        w1,
        marginal,
        r.w2_marginal.upper,
        r.lower_bound,
        r.certificate,
        r.prior_mismatch,
        r.lipschitz,
        line.bound,
        line.required_steps,
        line.seconds
    );
}

/// The closing lines: fitted rates and the smallest constant.
fn summary(lines: &[Line]) -> Vec<String> {
    let steps: Vec<f64> = lines.iter().map(|l| l.report.steps as f64).collect();
    let errors: Vec<f64> = lines.iter().map(|l| l.report.w1.upper).collect();
    let mut said = Vec::new();
    for (name, model) in [
        ("W1 = c T^a", RateModel::new()),
        ("W1 = c T^a log T", RateModel::new().log_power(1.0)),
        ("W1 = c T^a log^q T", RateModel::new().fit_log_power()),
    ] {
        match model.fit(&steps, &errors) {
            Ok(fit) => {
                let power = if fit.log_power.std_error > 0.0 {
                    format!(", q = {:.3} [{:.3}, {:.3}]", fit.log_power.value, fit.log_power.lower, fit.log_power.upper)
                } else {
                    String::new()
                };
                said.push(format!(
                    "{name}: a = {:.4}, 95 % interval [{:.4}, {:.4}]{power}, c = {:.4e}, R² = {:.6}",
                    fit.slope.value,
                    fit.slope.lower,
                    fit.slope.upper,
                    fit.constant(),
                    fit.r_squared
                ));
            }
            Err(error) => said.push(format!("{name}: no fit ({error})")),
        }
    }
    said.push(smallest_constant(lines));
    said
}

fn smallest_constant(lines: &[Line]) -> String {
    let constant = lines.iter().map(|l| l.fitted_constant).fold(f64::NAN, f64::max);
    if constant.is_nan() {
        "L_f is infinite: Assumption 1 fails and Theorem 1 gives no bound".to_string()
    } else {
        format!("smallest C1 for which (24) holds over this run: {constant:.4e}")
    }
}

/// The closing lines of a sweep: for every T the exponent of d.
fn sweep_summary(steps: &[usize], lines: &[Line]) -> Vec<String> {
    let mut said = Vec::new();
    for &t in steps {
        let here: Vec<&Line> = lines.iter().filter(|l| l.report.steps == t).collect();
        let dims: Vec<f64> = here.iter().map(|l| l.report.dim as f64).collect();
        let exact = here.iter().all(|l| l.report.w1.is_exact());
        let ends: [(&str, fn(&Line) -> f64); 2] = [("lower bound", |l| l.report.w1.lower), ("upper bound", |l| l.report.w1.upper)];
        for (name, end) in ends.into_iter().skip(usize::from(exact)) {
            let name = if exact { "W1" } else { name };
            let errors: Vec<f64> = here.iter().map(|l| end(l)).collect();
            said.push(match RateModel::new().fit(&dims, &errors) {
                Ok(fit) => format!(
                    "T = {t}: {name} = c d^a: a = {:.4}, 95 % interval [{:.4}, {:.4}], beside 1/2 for N(0, I) and 5/2 in Theorem 1; c = {:.4e}, R² = {:.6}",
                    fit.slope.value,
                    fit.slope.lower,
                    fit.slope.upper,
                    fit.constant(),
                    fit.r_squared
                ),
                Err(error) => format!("T = {t}: {name} = c d^a: no fit ({error})"),
            });
        }
    }
    said.push(smallest_constant(lines));
    said
}

fn run(a: &Arguments) -> Result<(), Box<dyn Error>> {
    let dims = a.dims.clone().unwrap_or_else(|| vec![a.dim]);
    if dims.is_empty() || a.steps.is_empty() {
        return Err("--steps and --dims need at least one number".into());
    }
    let plot = Output::unless_none("--plot", &a.plot, &[], &[])?;
    let family = a.target.family(&dims)?;
    Theorem1::new(1, 1.0, a.constant)?;
    // Every grid is made before the first one is run, so that a bad T is refused at once.
    let grids = a.steps.iter().map(|&t| a.schedule.grid(t)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    for grid in &grids {
        problem::run(&family, a, grid, |report, seconds| {
            let line = line(a, report, seconds)?;
            match a.format {
                Format::Table => print_table_line(lines.is_empty(), a.dims.is_some(), &line),
                Format::Csv | Format::Json => print_row(a.format, lines.is_empty(), &line.row(a)),
            }
            lines.push(line);
            Ok(())
        })?;
    }
    for said in if a.dims.is_some() { sweep_summary(&a.steps, &lines) } else { summary(&lines) } {
        match a.format {
            Format::Table => say!("{said}"),
            Format::Csv | Format::Json => remark!("{said}"),
        }
    }
    match &plot {
        Some(plot) if a.dims.is_some() => plot::against_dimension(plot, &a.steps, &lines),
        Some(plot) => plot::against_steps(plot, &lines),
        None => Ok(()),
    }
}

fn main() {
    if let Err(error) = run(&arguments()) {
        fail(&error);
    }
}
