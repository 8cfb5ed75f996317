//! The main job: how far are the one-step samples of population-optimal consistency training from their target, and how many steps does
//! Theorem 1 ask for?
//!
//! ```text
//! cargo run --release --example step_bound
//! cargo run --release --example step_bound -- --target diracs --means=-1,1 --steps 256,1024 --format json --plot none
//! ```
//!
//! For every T: f_T by the exact recursion, W_1 of f_T(Z) to X_1 with Z ~ N(0, I), W_1 and W_2 with X_T at its true law, the lower bound,
//! the certificate, L_f, the bound (24) for the constant given, the smallest constant that would do, and the step count (25) for the error
//! that was reached. Then the fitted rate.

mod common;

use clap::{Parser, ValueEnum};
use common::{Format, Row, fail, number, print_row};
use onestep::{
    AccumulatedError, CosineSchedule, Covariance, Gaussian, GaussianRecursion, Grid, LiHuangWei, LineMixture, LineRecursion,
    LinearSchedule, Method, PopulationReport, RateModel, Theorem1, UniformAngle, VarianceSchedule,
};
use plotters::prelude::*;
use std::error::Error;
use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    Mixture,
    Gaussian,
    Diracs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Schedule {
    /// Li, Huang and Wei, eq. (23), with --c0 and --c1.
    Paper,
    /// Uniform noise angles from --angle-min to --angle-max.
    Angle,
    Cosine,
    Linear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MethodName {
    Ct,
    Cd,
}

/// Population consistency training on the line (and its products) against the step-count bound.
#[derive(Debug, Parser)]
#[command(allow_negative_numbers = true)]
struct Arguments {
    #[arg(long, value_enum, default_value = "mixture")]
    target: Target,
    /// Weights of the components; equal by default.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    weights: Option<Vec<f64>>,
    /// Means of the components; -1,1 by default (0 for one Gaussian).
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    means: Option<Vec<f64>>,
    /// Standard deviations; 0.6 by default (1 for one Gaussian).
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    stds: Option<Vec<f64>>,
    /// Number of independent copies: the dimension.
    #[arg(long, default_value_t = 1)]
    dim: usize,
    #[arg(long, value_enum, default_value = "paper")]
    schedule: Schedule,
    /// β_1 = T^-c0.
    #[arg(long, default_value_t = 2.0)]
    c0: f64,
    /// r = c1 ln T / T.
    #[arg(long, default_value_t = 4.0)]
    c1: f64,
    /// First angle in radians.
    #[arg(long, default_value_t = 0.01)]
    angle_min: f64,
    /// Last angle in radians; π/2 − 0.001 by default.
    #[arg(long, default_value_t = std::f64::consts::FRAC_PI_2 - 0.001)]
    angle_max: f64,
    /// Numbers of steps T.
    #[arg(long, value_delimiter = ',', default_value = "64,128,256,512,1024,2048,4096,8192,16384")]
    steps: Vec<usize>,
    /// Consistency training or distillation with the exact score.
    #[arg(long, value_enum, default_value = "ct")]
    method: MethodName,
    /// The unknown constant C_1 of Theorem 1.
    #[arg(long, default_value_t = 1.0)]
    constant: f64,
    /// Relative tolerance of the recursion.
    #[arg(long, default_value_t = 1e-9)]
    tolerance: f64,
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// SVG file for the plot, or `none`.
    #[arg(long, default_value = "step_bound.svg")]
    plot: String,
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
        let name = |v: Option<clap::builder::PossibleValue>| v.map_or_else(String::new, |v| v.get_name().to_string());
        vec![
            ("steps", r.steps.into()),
            ("dim", r.dim.into()),
            ("schedule", name(arguments.schedule.to_possible_value()).into()),
            ("method", name(arguments.method.to_possible_value()).into()),
            ("w1_lower", number(r.w1.lower)),
            ("w1_upper", number(r.w1.upper)),
            ("w1_marginal", r.w1_marginal.value().map_or(serde_json::Value::Null, number)),
            ("w2_marginal", number(r.w2_marginal)),
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

/// The target with its parameters checked.
enum Problem {
    Line(LineMixture),
    Gaussian(Gaussian),
}

fn problem(a: &Arguments) -> Result<Problem, Box<dyn Error>> {
    if a.dim == 0 {
        return Err("dim = 0 is outside [1, inf)".into());
    }
    let means = a.means.clone().unwrap_or_else(|| if a.target == Target::Gaussian { vec![0.0] } else { vec![-1.0, 1.0] });
    let weights = a.weights.clone().unwrap_or_else(|| vec![1.0 / means.len() as f64; means.len()]);
    match a.target {
        Target::Diracs if a.stds.is_some() => Err("--stds does not belong to --target diracs: its standard deviations are 0".into()),
        Target::Diracs => Ok(Problem::Line(LineMixture::point_masses(&weights, &means)?)),
        Target::Mixture => {
            let stds = a.stds.clone().unwrap_or_else(|| vec![0.6; means.len()]);
            Ok(Problem::Line(LineMixture::new(&weights, &means, &stds)?))
        }
        Target::Gaussian => {
            let stds = a.stds.clone().unwrap_or_else(|| vec![1.0]);
            // The line target checks weights, lengths and signs; the closed form takes over from there.
            let line = LineMixture::new(&weights, &means, &stds)?;
            if line.means().len() != 1 {
                return Err(format!("--target gaussian has one component, {} were given", means.len()).into());
            }
            let variance = line.stds()[0] * line.stds()[0];
            Ok(Problem::Gaussian(Gaussian::new(&vec![line.means()[0]; a.dim], Covariance::isotropic(a.dim, variance)?)?))
        }
    }
}

fn grid(a: &Arguments, steps: usize) -> Result<Grid, Box<dyn Error>> {
    Ok(match a.schedule {
        Schedule::Paper => LiHuangWei::new(steps, a.c0, a.c1)?.grid()?,
        Schedule::Angle => UniformAngle::new(steps, a.angle_min, a.angle_max)?.grid()?,
        Schedule::Cosine => CosineSchedule::new(steps)?.grid()?,
        Schedule::Linear => LinearSchedule::ddpm(steps)?.grid()?,
    })
}

fn line(a: &Arguments, problem: &Problem, grid: &Grid) -> Result<Line, Box<dyn Error>> {
    let start = Instant::now();
    let method = if a.method == MethodName::Ct { Method::Training } else { Method::Distillation };
    let report = match problem {
        Problem::Line(target) => LineRecursion::new(target, grid).method(method).tolerance(a.tolerance).run()?.copies(a.dim),
        Problem::Gaussian(target) => GaussianRecursion::new(target, grid).method(method).run()?.report().clone(),
    };
    let seconds = start.elapsed().as_secs_f64();
    // Without a finite L_f Assumption 1 fails and Theorem 1 says nothing.
    let (mut bound, mut fitted_constant, mut required_steps) = (f64::INFINITY, f64::NAN, f64::INFINITY);
    if report.lipschitz.is_finite() {
        let theorem = Theorem1::new(a.dim, report.lipschitz, a.constant)?;
        bound = theorem.bound(report.steps, AccumulatedError::ZERO, AccumulatedError::ZERO)?.total();
        fitted_constant = theorem.fitted_constant(report.steps, report.w1.upper, AccumulatedError::ZERO, AccumulatedError::ZERO)?;
        required_steps = theorem.required_steps(report.w1.upper)?.steps();
    }
    if !report.resolved {
        eprintln!(
            "warning: T = {}: the last refinement moved the answer by {:.1e} relatively, more than the tolerance {:.1e}",
            report.steps, report.resolution_error, a.tolerance
        );
    }
    Ok(Line { report, bound, fitted_constant, required_steps, seconds })
}

fn print_table_line(first: bool, line: &Line) {
    if first {
        println!(
            "{:>8} {:>12} {:>12} {:>12} {:>12} {:>12} {:>10} {:>11} {:>11} {:>12} {:>8}  verdict",
            "T", "W1", "W1 at X_T", "W2 at X_T", "lower bound", "certificate", "prior", "L_f", "bound (24)", "T for (25)", "seconds"
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
    println!(
        "{:>8} {:>12} {:>12} {:>12.5e} {:>12.5e} {:>12.5e} {:>10.2e} {:>11.5e} {:>11.4e} {:>12.4e} {:>8.3}  {verdict}",
        r.steps,
        w1,
        marginal,
        r.w2_marginal,
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
    let constant = lines.iter().map(|l| l.fitted_constant).fold(f64::NAN, f64::max);
    said.push(if constant.is_nan() {
        "L_f is infinite: Assumption 1 fails and Theorem 1 gives no bound".to_string()
    } else {
        format!("smallest C1 for which (24) holds over this run: {constant:.4e}")
    });
    said
}

fn plot(path: &str, lines: &[Line]) -> Result<(), Box<dyn Error>> {
    let steps = |l: &Line| l.report.steps as f64;
    let curves: [(&str, RGBColor, Vec<(f64, f64)>); 4] = [
        ("W1 of one-step samples", RGBColor(0, 90, 181), lines.iter().map(|l| (steps(l), l.report.w1.upper)).collect()),
        ("lower bound", RGBColor(0, 140, 90), lines.iter().map(|l| (steps(l), l.report.lower_bound)).collect()),
        ("certificate + prior mismatch", RGBColor(220, 120, 0), lines.iter().map(|l| (steps(l), l.upper())).collect()),
        ("bound (24)", RGBColor(170, 30, 60), lines.iter().map(|l| (steps(l), l.bound)).collect()),
    ];
    let drawn = |y: f64| y > 0.0 && y.is_finite();
    let values = || curves.iter().flat_map(|c| c.2.iter().copied()).filter(|p| drawn(p.1));
    let (low, high) = values().fold((f64::INFINITY, 0.0_f64), |(a, b), (_, y)| (a.min(y), b.max(y)));
    let (left, right) = values().fold((f64::INFINITY, 0.0_f64), |(a, b), (x, _)| (a.min(x), b.max(x)));
    if !(low < f64::INFINITY) {
        return Err("nothing to plot: every error is zero".into());
    }
    let root = SVGBackend::new(path, (900, 620)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("One-step error of population consistency training", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d((left * 0.8..right * 1.25).log_scale(), (low * 0.4..high * 2.5).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("number of steps T")
        .y_desc("distance")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0e}"))
        .axis_desc_style(("sans-serif", 17))
        .label_style(("sans-serif", 14))
        .light_line_style(RGBColor(235, 235, 235))
        .draw()?;
    // Drawn in reverse, so that the measured error lies on top.
    for (name, colour, points) in curves.iter().rev() {
        let points: Vec<(f64, f64)> = points.iter().copied().filter(|p| drawn(p.1)).collect();
        if points.is_empty() {
            continue;
        }
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(points.clone(), style))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
        chart.draw_series(points.iter().map(|&p| Circle::new(p, 3, colour.filled())))?;
    }
    // The theorem's slope, through the first measured error.
    if let Some(&(x0, y0)) = curves[0].2.iter().find(|p| drawn(p.1)) {
        let end = right.min(y0 * x0 / (low * 0.6));
        let grey = RGBColor(120, 120, 120).stroke_width(1);
        let reference = [(x0, 0.7 * y0), (end, 0.7 * y0 * x0 / end)];
        chart
            .draw_series(LineSeries::new(reference, grey))?
            .label("slope -1")
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], grey));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .label_font(("sans-serif", 15))
        .draw()?;
    root.present()?;
    Ok(())
}

fn run(a: &Arguments) -> Result<(), Box<dyn Error>> {
    let problem = problem(a)?;
    if a.steps.is_empty() {
        return Err("--steps is empty: at least one number of steps is needed".into());
    }
    Theorem1::new(a.dim, 1.0, a.constant)?;
    // Every grid is made before the first one is run, so that a bad T is refused at once.
    let grids = a.steps.iter().map(|&t| grid(a, t)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    for grid in &grids {
        let line = line(a, &problem, grid)?;
        match a.format {
            Format::Table => print_table_line(lines.is_empty(), &line),
            Format::Csv | Format::Json => print_row(a.format, lines.is_empty(), &line.row(a)),
        }
        lines.push(line);
    }
    for said in summary(&lines) {
        match a.format {
            Format::Table => println!("{said}"),
            Format::Csv | Format::Json => eprintln!("{said}"),
        }
    }
    if a.plot != "none" {
        plot(&a.plot, &lines).map_err(|e| format!("cannot plot to {}: {e}", a.plot))?;
        eprintln!("plot written to {}", a.plot);
    }
    Ok(())
}

fn main() {
    if let Err(error) = run(&Arguments::parse()) {
        fail(&error);
    }
}
