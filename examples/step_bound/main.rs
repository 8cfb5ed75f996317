//! The main job: how far are the one-step samples of population-optimal consistency training from their target, and how many steps does
//! Theorem 1 ask for?
//!
//! ```text
//! cargo run --release --example step_bound
//! cargo run --release --example step_bound -- --target diracs --means=-1,1 --steps 256,1024 --format json --plot none
//! cargo run --release --example step_bound -- --target comb --amplitude 0.5 --wavenumber 24 --schedule angle --steps 100,400
//! cargo run --release --example step_bound -- --weights .3,.7 --means=-1,.5 --stds .9,.35 --schedule angle --steps 50,200 --loss huber --huber .03
//! cargo run --release --example step_bound -- --target sphere --dims 2,8,32,128,512 --steps 256,1024
//! ```
//!
//! For every T: f_T by the exact recursion, W_1 of f_T(Z) to X_1 with Z ~ N(0, I), W_1 and W_2 with X_T at its true law, the lower bound,
//! the certificate, L_f, the bound (24) for the constant given, the smallest constant that would do, and the step count (25) for the error
//! that was reached. Beside them, in a second table, what holds without unknown constants: the bracket from second moments, 2.17 from bounds on
//! the Lipschitz constants of the optimal maps, 2.18 and 2.19 where the law is log-concave (proved, or said by `--alpha` and `--beta`), with the
//! step counts that are enough by 2.17 and 2.19. Then the local slopes of W_1 against T: computed numbers have no noise, hence no confidence interval. With `--dims` the
//! same for every dimension, and the slopes against d beside 1/2 (what N(0, I) has) and 5/2 (what the theorem allows).
//!
//! With `--loss huber --huber C` or `--loss l1` f_T is the optimum under the loss √(‖e‖² + C²) − C or ‖e‖, for mixtures on the line. Theorem 1 and
//! 2.15 to 2.19 are about the squared loss: they are left out. C has to be large against √Δθ; under `l1` W_1 does not fall to 0.

#[path = "../common/mod.rs"]
mod common;
mod explicit;
mod plot;
mod problem;

use clap::{Parser, ValueEnum};
use common::loss::LossOptions;
use common::schedule::ScheduleOptions;
use common::target::{EXACT, Target, TargetOptions, taking};
use common::{Format, Provenance, Row, arguments_of, count, fail, limits, name, number, print_last_row, progress, remark, say, slopes};
use explicit::Explicit;
use onestep::Grid;
use onestep::bound::{AccumulatedError, BoundError, StepCount, Theorem1};
use onestep::population::{Evaluations, FewSteps, Loss, PopulationReport};
use problem::Known;
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
    #[command(flatten)]
    loss: LossOptions,
    /// A of --target comb; 0.5 by default.
    #[arg(long)]
    amplitude: Option<f64>,
    /// k of --target comb; 6 by default.
    #[arg(long)]
    wavenumber: Option<f64>,
    /// The law is strongly log-concave: ∇²V ≥ alpha, V = −ln p. Proved for Gaussians and mixtures where it holds.
    #[arg(long)]
    alpha: Option<f64>,
    /// And ∇²V ≤ beta.
    #[arg(long, requires = "alpha")]
    beta: Option<f64>,
    /// Evaluations of the sampler: f_T(Z), then noise up to a lower level and f there, and so on; adds their W1 to the rows.
    #[arg(long, value_parser = limits::count(1, 64))]
    evaluations: Option<usize>,
    /// The levels after T: `best`, or a falling list such as 30,12.
    #[arg(long, requires = "evaluations", default_value = "best")]
    levels: String,
    /// The unknown constant C_1 of Theorem 1.
    #[arg(long, default_value_t = 1.0)]
    constant: f64,
    /// Relative tolerance of the recursion; 1e-9 unless given, and 1e-5 for ball and shells, which take a quadrature over radii at every node.
    #[arg(long)]
    tolerance: Option<f64>,
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// SVG or PNG file for the plot, or `none`.
    #[arg(long, default_value = "step_bound.svg")]
    plot: String,
}

impl Arguments {
    /// Which levels are evaluated, if more than one evaluation is asked for.
    fn evaluations(&self) -> Result<Option<Evaluations>, Box<dyn Error>> {
        let Some(count) = self.evaluations else { return Ok(None) };
        if self.levels == "best" {
            return Ok(Some(Evaluations::Best(count)));
        }
        let levels = self.levels.split(',').map(|t| t.trim().parse::<usize>()).collect::<Result<Vec<_>, _>>();
        let levels = levels.map_err(|_| format!("--levels {}: best, or a list of levels such as 30,12", self.levels))?;
        if levels.len() + 1 != count {
            return Err(format!(
                "--levels has {} levels, --evaluations {count} takes {}: T is the first level and stands in no list",
                levels.len(),
                count - 1
            )
            .into());
        }
        Ok(Some(Evaluations::Levels(levels)))
    }

    /// The loss, where it has an effect.
    fn loss(&self) -> Result<Loss, Box<dyn Error>> {
        let loss = self.loss.read()?;
        if loss != Loss::Squared {
            if self.method == MethodName::Cd {
                return Err("--loss has no effect on --method cd: it regresses on a number, the minimiser of every loss".into());
            }
            if self.dim != 1 || self.dims.is_some() {
                return Err("--loss huber and l1 are for one dimension: the norm couples the coordinates of copies".into());
            }
            if self.alpha.is_some() {
                return Err("--alpha has no effect beside --loss huber and l1: 2.18 and 2.19 are about the squared loss".into());
            }
        }
        Ok(loss)
    }

    /// Refuses options that would be silently without effect.
    fn check(&self, dims: &[usize]) -> Result<(), Box<dyn Error>> {
        let several = dims.iter().any(|&d| d != 1);
        for (option, given, idle, why) in [
            (
                "--evaluations",
                self.evaluations.is_some(),
                several && self.target.target != Target::Gaussian,
                "with several independent copies",
            ),
            (
                "--tolerance",
                self.tolerance.is_some(),
                self.target.target == Target::Gaussian,
                "on --target gaussian, which has a closed form",
            ),
            (
                "--alpha",
                self.alpha.is_some(),
                self.method == MethodName::Cd,
                "on --method cd: 2.18 and 2.19 are about conditional expectations",
            ),
        ] {
            if given && idle {
                return Err(format!("{option} has no effect {why}").into());
            }
        }
        Ok(())
    }

    fn tolerance(&self) -> f64 {
        let radii = matches!(self.target.target, Target::Ball | Target::Shells);
        self.tolerance.unwrap_or(if radii { 1e-5 } else { 1e-9 })
    }
}

/// One T: the report and what Theorem 1 says about it, in logarithms, because L_f can be beyond double precision.
struct Line {
    report: PopulationReport,
    /// Theorem 1 is about the squared loss.
    squared: bool,
    /// The bound (24); infinite where it is not representable.
    bound: f64,
    ln_bound: f64,
    ln_fitted_constant: f64,
    required_steps: StepCount,
    explicit: Explicit,
    few_steps: Option<FewSteps>,
    seconds: f64,
}

impl Line {
    fn within_bound(&self) -> bool {
        if self.bound.is_finite() { self.report.w1.upper <= self.bound } else { self.report.w1.upper.ln() <= self.ln_bound }
    }

    /// What no sampler with the mean of X_1 and no larger spread exceeds.
    fn trivial(&self) -> f64 {
        std::f64::consts::SQRT_2 * self.report.spread
    }

    fn vacuous(&self) -> bool {
        self.ln_bound > self.trivial().ln()
    }

    fn ln_required_steps(&self) -> f64 {
        match self.required_steps {
            StepCount::Every => 2f64.ln(),
            StepCount::AtLeast { ln_steps } => ln_steps,
            StepCount::Never => f64::INFINITY,
        }
    }

    fn upper(&self) -> f64 {
        self.report.certificate + self.report.prior_mismatch
    }

    /// Whether W_1 is within (24), and whether that says anything, in one word.
    fn verdict(&self) -> &'static str {
        match (self.squared, self.within_bound(), self.vacuous()) {
            (false, _, _) => "-",
            (_, false, _) => "above",
            (_, _, true) => "empty",
            _ => "holds",
        }
    }

    fn row(&self, arguments: &Arguments) -> Row {
        let r = &self.report;
        let theorem = |value: f64| number(if self.squared { value } else { f64::NAN });
        let mut row = vec![
            ("steps", r.steps.into()),
            ("dim", r.dim.into()),
            ("schedule", arguments.schedule.name().into()),
            ("method", name(arguments.method).into()),
            ("loss", name(arguments.loss.loss).into()),
            ("huber", arguments.loss.huber.map_or(serde_json::Value::Null, number)),
            ("w1_lower", number(r.w1.lower)),
            ("w1_upper", number(r.w1.upper)),
            ("w1_marginal", r.w1_marginal.value().map_or(serde_json::Value::Null, number)),
            ("w2_marginal", number(r.w2_marginal.upper)),
            ("mean_shift", number(r.mean_shift)),
            ("energy_deficit", number(r.energy_deficit)),
            ("loss_sum", number(r.loss_sum)),
            ("energy_lower", number(r.energy_lower)),
            ("energy_upper", number(r.energy_upper.unwrap_or(f64::NAN))),
            ("lower_bound", number(r.lower_bound)),
            ("certificate", number(r.certificate)),
            ("certificate_error", number(r.certificate_error)),
            ("prior_mismatch", number(r.prior_mismatch)),
            ("lipschitz", number(r.lipschitz())),
            ("ln_lipschitz", number(r.ln_lipschitz)),
            ("loglip", number(r.ln_lipschitz)),
            ("bound", theorem(self.bound)),
            ("ln_bound", theorem(self.ln_bound)),
            ("fitted_constant", theorem(representable(self.ln_fitted_constant))),
            ("ln_fitted_constant", theorem(self.ln_fitted_constant)),
            ("required_steps", if self.squared { count(self.required_steps.steps()) } else { serde_json::Value::Null }),
            ("ln_required_steps", theorem(self.ln_required_steps())),
            ("within_bound", if self.squared { self.within_bound().into() } else { serde_json::Value::Null }),
            ("bound_is_empty", if self.squared { self.vacuous().into() } else { serde_json::Value::Null }),
            ("resolved", r.resolved.into()),
            ("resolution_error", number(r.resolution_error)),
        ];
        row.extend(self.explicit.row());
        if arguments.evaluations.is_some() && self.few_steps.is_none() {
            // W_1 of a product is not that of its factors.
            row.extend([("evaluations", number(f64::NAN)), ("levels", number(f64::NAN)), ("w1_evaluations", number(f64::NAN))]);
        }
        if let Some(few) = &self.few_steps {
            let levels: Vec<String> = few.levels.iter().map(usize::to_string).collect();
            row.extend([
                ("evaluations", few.levels.len().into()),
                ("levels", levels.join(",").into()),
                ("w1_evaluations", number(few.w1.upper)),
            ]);
        }
        row.push(("seconds", number(self.seconds)));
        row
    }
}

/// The number with this logarithm; NaN, printed as null, where it is not representable.
fn representable(ln: f64) -> f64 {
    let value = ln.exp();
    if ln == f64::NEG_INFINITY || value.is_normal() { value } else { f64::NAN }
}

/// A number that is known by its logarithm, in `width` columns.
fn magnitude(ln: f64, width: usize) -> String {
    if ln.is_finite() && representable(ln).is_nan() {
        format!("{:>width$}", format!("e^{ln:.1}"))
    } else {
        format!("{:>width$.4e}", ln.exp())
    }
}

/// What Theorem 1 says about a report.
fn line(
    a: &Arguments,
    grid: &Grid,
    report: PopulationReport,
    known: Known,
    few_steps: Option<FewSteps>,
    seconds: f64,
) -> Result<Line, Box<dyn Error>> {
    let zero = AccumulatedError::ZERO;
    let theorem = Theorem1::from_ln_lipschitz(report.dim, report.ln_lipschitz, a.constant)?;
    let bound = match theorem.bound(report.steps, zero, zero) {
        Ok(bound) => bound.total(),
        Err(BoundError::NotRepresentable { ln_value, .. }) => ln_value.exp(),
        Err(error) => return Err(error.into()),
    };
    let ln_bound = theorem.ln_discretisation(report.steps)?;
    let ln_fitted_constant = theorem.ln_fitted_constant(report.steps, report.w1.upper, zero, zero)?;
    let required_steps = theorem.required_steps(report.w1.upper)?;
    if !report.resolved {
        remark!(
            "warning: T = {}: the relative numerical error is {:.1e}, more than the tolerance {:.1e}",
            report.steps,
            report.resolution_error,
            a.tolerance()
        );
    }
    let squared = a.loss.is_squared();
    let explicit = Explicit::new(a, grid, &report, known)?;
    Ok(Line { report, squared, bound, ln_bound, ln_fitted_constant, required_steps, explicit, few_steps, seconds })
}

/// Prints the line found last; with the last of the run goes what all of them say together.
fn print_line(a: &Arguments, lines: &[Line], complete: bool) {
    let Some(line) = lines.last() else { return };
    match a.format {
        Format::Table => print_table_line(lines.len() == 1, a.dims.is_some(), line),
        Format::Csv | Format::Json => {
            let summary = if complete { summary_object(a, lines) } else { serde_json::Value::Null };
            print_last_row(a.format, lines.len() == 1, &line.row(a), summary);
        }
    }
}

/// Local slopes, and the smallest constant, as an object.
fn summary_object(a: &Arguments, lines: &[Line]) -> serde_json::Value {
    let fits: Vec<serde_json::Value> = if a.dims.is_some() {
        a.steps.iter().flat_map(|&t| fits_of_dimension(t, lines)).collect()
    } else {
        let steps: Vec<f64> = lines.iter().map(|l| l.report.steps as f64).collect();
        let errors: Vec<f64> = lines.iter().map(|l| l.report.w1.upper).collect();
        let by_log: Vec<f64> = errors.iter().zip(&steps).map(|(e, t)| e / t.ln()).collect();
        vec![slopes::object("w1_upper", "steps", &steps, &errors), slopes::object("w1_upper/log(steps)", "steps", &steps, &by_log)]
    };
    let ln = if lines.iter().all(|l| l.squared) { ln_smallest_constant(lines) } else { f64::NAN };
    serde_json::json!({"fits": fits, "smallest_constant": number(representable(ln)), "ln_smallest_constant": number(ln)})
}

fn fits_of_dimension(t: usize, lines: &[Line]) -> Vec<serde_json::Value> {
    let here: Vec<&Line> = lines.iter().filter(|l| l.report.steps == t).collect();
    let dims: Vec<f64> = here.iter().map(|l| l.report.dim as f64).collect();
    let ends: [(&str, fn(&Line) -> f64); 2] = [("w1_lower", |l| l.report.w1.lower), ("w1_upper", |l| l.report.w1.upper)];
    let fit = |(name, end): (&str, fn(&Line) -> f64)| {
        let mut fit = slopes::object(name, "dim", &dims, &here.iter().map(|l| end(l)).collect::<Vec<_>>());
        fit["steps"] = t.into();
        fit
    };
    ends.into_iter().map(fit).collect()
}

fn print_table_line(first: bool, sweep: bool, line: &Line) {
    if first {
        say!(
            "{}{:>7} {:>11} {:>11} {:>11} {:>8} {:>10} {:>10} {:>10}{} (24)",
            if sweep { format!("{:>6} ", "d") } else { String::new() },
            "T",
            "W1",
            "lower bound",
            "certificate",
            "prior",
            "L_f",
            "bound (24)",
            "T for (25)",
            if sweep { String::new() } else { format!(" {:>7}", "seconds") },
        );
    }
    let r = &line.report;
    let w1 = if r.w1.is_exact() { format!("{:.5e}", r.w1.lower) } else { format!("≤ {:.3e}", r.w1.upper) };
    let lipschitz = if r.lipschitz().is_finite() { format!("{:>10.4e}", r.lipschitz()) } else { magnitude(r.ln_lipschitz, 10) };
    say!(
        "{}{:>7} {:>11} {:>11.5e} {:>11.5e} {:>8.1e} {lipschitz} {} {}{} {}{}",
        if sweep { format!("{:>6} ", r.dim) } else { String::new() },
        r.steps,
        w1,
        r.lower_bound,
        r.certificate,
        r.prior_mismatch,
        match line.bound {
            _ if !line.squared => format!("{:>10}", "-"),
            bound if bound.is_finite() => format!("{bound:>10.3e}"),
            _ => magnitude(line.ln_bound, 10),
        },
        match line.required_steps.steps() {
            _ if !line.squared => format!("{:>10}", "-"),
            steps if steps.is_finite() => format!("{steps:>10.3e}"),
            _ => magnitude(line.ln_required_steps(), 10),
        },
        if sweep { String::new() } else { format!(" {:>7.2}", line.seconds) },
        line.verdict(),
        if r.resolved { "" } else { "!" }
    );
}

/// What the words of the last column mean, and ! behind them.
fn print_verdicts(lines: &[Line]) {
    for (word, meaning) in [
        ("above", "W1 is above the bound (24): C1 is too small"),
        ("holds", "W1 is within the bound (24)"),
        ("empty", "W1 is within (24), which is above what no sampler of this mean and spread exceeds,"),
        ("-", "(24) is about the squared loss"),
    ] {
        let Some(line) = lines.iter().find(|l| l.verdict() == word) else { continue };
        say!("{word}: {meaning}");
        if word == "empty" {
            say!("       {:.3e} at T = {}, d = {}", line.trivial(), line.report.steps, line.report.dim);
        }
    }
    if lines.iter().any(|l| !l.report.resolved) {
        say!("!: NOT resolved, the numerical error is larger than the tolerance");
    }
}

/// The closing lines: how W_1 falls with T, and the smallest constant.
fn summary(lines: &[Line]) -> Vec<String> {
    let steps: Vec<f64> = lines.iter().map(|l| l.report.steps as f64).collect();
    let errors: Vec<f64> = lines.iter().map(|l| l.report.w1.upper).collect();
    let by_log: Vec<f64> = errors.iter().zip(&steps).map(|(e, t)| e / t.ln()).collect();
    let mut said = vec![
        format!("W1 against T: {}", slopes::described(&steps, &errors)),
        format!("W1/log T against T: {}", slopes::described(&steps, &by_log)),
    ];
    if lines.iter().all(|l| l.squared) {
        said.push(smallest_constant(lines));
    }
    said
}

fn ln_smallest_constant(lines: &[Line]) -> f64 {
    lines.iter().map(|l| l.ln_fitted_constant).fold(f64::NEG_INFINITY, |a, b| if b > a { b } else { a })
}

fn smallest_constant(lines: &[Line]) -> String {
    format!("smallest C1 for which (24) holds over this run: {}", magnitude(ln_smallest_constant(lines), 0))
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
            let slopes = slopes::described(&dims, &errors);
            said.push(format!("T = {t}: {name} against d: {slopes}; beside 1/2 for N(0, I) and 5/2 in Theorem 1"));
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
    let plot = common::plot::output("--plot", &a.plot)?;
    a.check(&dims)?;
    Provenance {
        law: problem::described(a)?,
        path: vec![("--path", "vp".into())],
        schedule: a.schedule.described(),
        ..Provenance::default()
    }
    .publish();
    a.loss()?;
    let family = problem::family(a, &dims)?;
    Theorem1::new(1, 1.0, a.constant)?;
    // Every grid is made before the first one is run, so that a bad T is refused at once.
    let grids = a.steps.iter().map(|&t| a.schedule.grid(t)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    let bar = progress((grids.len() * dims.len()) as u64, "recursions");
    for grid in &grids {
        problem::run(&family, a, grid, |report, known, few_steps, seconds| {
            let line = bar.suspend(|| line(a, grid, report, known, few_steps, seconds))?;
            lines.push(line);
            bar.suspend(|| print_line(a, &lines, lines.len() == grids.len() * dims.len()));
            bar.inc(1);
            Ok(())
        })?;
    }
    bar.finish_and_clear();
    if a.format == Format::Table {
        print_verdicts(&lines);
        explicit::print_table(a.dims.is_some(), &lines);
    }
    for line in lines.iter().filter(|_| a.format == Format::Table) {
        if let Some(few) = &line.few_steps {
            let (t, gain) = (line.report.steps, few.w1.upper / line.report.w1.upper);
            say!("T = {t}: f at levels {:?}: W1 = {:.6e}, {gain:.6} of one evaluation", few.levels, few.w1.upper);
        }
    }
    for said in if a.dims.is_some() { sweep_summary(&a.steps, &lines) } else { summary(&lines) } {
        match a.format {
            Format::Table => say!("{said}"),
            Format::Csv | Format::Json => remark!("{said}"),
        }
    }
    match &plot {
        Some(plot) if a.dims.is_some() => plot::against_dimension(a, plot, &a.steps, &lines),
        Some(plot) => plot::against_steps(a, plot, &lines),
        None => Ok(()),
    }
}

fn main() {
    if let Err(error) = run(&arguments_of(|command| taking(command, &EXACT))) {
        fail(&error);
    }
}
