//! The CPU reference routine: trains consistency functions from samples, and reports whether T was enough and whose the error is.
//!
//! ```text
//! cargo run --release --example train
//! cargo run --release --example train -- --target gaussian --class affine --steps 64 --samples 4000
//! cargo run --release --example train -- --data points.csv --class fourier --out samples.csv
//! cargo run --release --example train --features serde -- --class joint --model model.json
//! cargo run --release --example train -- --class joint --method cd --target gaussian
//! ```
//!
//! Data of the user's own are centred and scaled column by column inside, and samples are mapped back; a built-in target is used as it
//! is, so that its exact posterior and flow map apply.

mod common;

use clap::{Parser, ValueEnum};
use common::output::{Output, csv};
use common::table::{ReadOptions, file_of};
use common::{Format, Provenance, Row, count, fail, joined, limits, name, number, print_row, progress, say, training_progress};
use ndarray::{Array2, Axis};
use onestep::audit::{Jump, StepCheck, StepReport};
use onestep::bound::Theorem1;
use onestep::law::{LineMixture, Product};
use onestep::population::LineRecursion;
use onestep::schedule::{LiHuangWei, UniformAngle};
use onestep::training::class::{Affine, KernelRidge, NearestNeighbours, Perceptron, Polynomial, RandomFourier, Spline};
use onestep::training::{Joint, JointModel, Learned, OptimalPairs, Recursion, Scaling, Trained, TrainingError};
use onestep::{FunctionClass, Grid, Sample, VarianceSchedule};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Independent copies of ½N(−1, 0.5²) + ½N(1, 0.5²).
    Mixture,
    /// N(0, 0.36 I).
    Gaussian,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Class {
    Affine,
    Polynomial,
    Fourier,
    Kernel,
    Nearest,
    Spline,
    Perceptron,
    /// One time-conditioned network for all levels, instead of the recursion.
    Joint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Consistency training: pairs of levels share their noise.
    Ct,
    /// Consistency distillation with the exact score of a built-in target; only for the joint network.
    Cd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Schedule {
    /// Uniform noise angles from 0.02 to π/2 − 0.001.
    Angle,
    /// Li, Huang and Wei, eq. (23), with c_0 = 2 and c_1 = 4.
    Paper,
}

/// Consistency functions trained from data, step count checked.
#[derive(Debug, Parser)]
#[command(allow_negative_numbers = true)]
struct Arguments {
    /// A file of one sample a row: text, .npy or .npz, also compressed by gzip; - for standard input. A fifth of the rows is held out.
    /// Without it, a built-in target.
    #[arg(long)]
    data: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadOptions,
    /// Columns of the data to take, in this order: names, or numbers from 0; all by default.
    #[arg(long, value_delimiter = ',', requires = "data")]
    columns: Option<Vec<String>>,
    /// The built-in target; the mixture by default.
    #[arg(long, value_enum, conflicts_with = "data")]
    target: Option<Target>,
    /// Dimension of the built-in target; 2 by default.
    #[arg(long, conflicts_with = "data", value_parser = limits::count(1, limits::DIMENSIONS))]
    dim: Option<usize>,
    /// Rows of data drawn from the built-in target, 4000 by default; half as many are held out.
    #[arg(long, conflicts_with = "data", value_parser = limits::count(2, limits::POINTS))]
    rows: Option<usize>,
    #[arg(long, value_enum, default_value = "fourier")]
    class: Class,
    #[arg(long, value_enum, default_value = "ct")]
    method: Method,
    /// T.
    #[arg(long, default_value_t = 32, value_parser = limits::count(1, limits::STEPS))]
    steps: usize,
    #[arg(long, value_enum, default_value = "angle")]
    schedule: Schedule,
    /// Pairs (X_0, Z) at each level of the recursion, 2000 by default. The joint network draws 256 fresh pairs an iteration. The field
    /// `samples` of the output is this number, for the joint network that of all pairs drawn.
    #[arg(long, value_parser = limits::count(1, limits::POINTS))]
    samples: Option<usize>,
    /// Learn f_t = f_{t−1} + correction.
    #[arg(long)]
    residual: bool,
    /// Confine the values of the functions to the box of the data, wider on every side by this fraction of its range.
    #[arg(long)]
    clip: Option<f64>,
    /// Start every fit from the last.
    #[arg(long)]
    warm_start: bool,
    /// Posterior draws averaged in every target.
    #[arg(long, default_value_t = 1, value_parser = limits::count(1, limits::BATCH))]
    draws: usize,
    /// Couple data and noise by optimal assignment in batches of this size; 1 for independence.
    #[arg(long, default_value_t = 1, value_parser = limits::count(1, limits::BATCH))]
    coupling: usize,
    /// Optimiser steps of the perceptron (each T) and of the joint network.
    #[arg(long, value_parser = limits::count(1, limits::ITERATIONS))]
    iterations: Option<usize>,
    /// Hidden widths of networks; 64,64 by default.
    #[arg(long, value_delimiter = ',', value_parser = limits::count(1, limits::WIDTH))]
    hidden: Option<Vec<usize>>,
    /// Points a step for the best function of a linear class, which separates ε from ε_F on a built-in target; 0 for their sum alone.
    #[arg(long, default_value_t = 0, value_parser = limits::count(0, limits::POINTS))]
    separate: usize,
    /// The unknown constant C_1 of Theorem 1; 1 by default.
    #[arg(long)]
    constant: Option<f64>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// CSV file for one-step samples, with the names of the columns of the data where they have names.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Number of samples written; 2000 by default.
    #[arg(long, requires = "out", value_parser = limits::count(1, limits::POINTS))]
    out_rows: Option<usize>,
    /// JSON file for the trained model (needs the feature `serde`).
    #[arg(long)]
    model: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Pairs a minibatch of the joint network.
const BATCH: usize = 256;

/// Training and held-out rows, and the target where it is known.
struct Data {
    train: Array2<f64>,
    held_out: Array2<f64>,
    target: Option<Product<LineMixture>>,
    names: Option<Vec<String>>,
}

/// In more dimensions the tensor rule of the posterior has too many nodes.
const MOST_KNOWN_DIMENSIONS: usize = 2;

impl Data {
    fn new(arguments: &Arguments, rng: &mut ChaCha8Rng) -> Outcome<Self> {
        if let Some(path) = &arguments.data {
            let table = arguments.reading.load(path)?.choose(arguments.columns.as_deref())?;
            // Before the shuffle, so that the message names the line of the file.
            table.check_finite()?;
            let rows = table.rows;
            let mut order: Vec<usize> = (0..rows.nrows()).collect();
            order.shuffle(rng);
            let (test, train) = order.split_at(rows.nrows() / 5);
            return Ok(Self { train: rows.select(Axis(0), train), held_out: rows.select(Axis(0), test), target: None, names: table.names });
        }
        let target = Product::copies(arguments.line()?, arguments.dim())?;
        let rows = arguments.rows.unwrap_or(4000);
        limits::check_product(&[("--rows", rows), ("--dim", arguments.dim())])?;
        Ok(Self { train: target.sample(rows, rng), held_out: target.sample(rows / 2, rng), target: Some(target), names: None })
    }
}

impl Arguments {
    /// Dimension of the built-in target.
    fn dim(&self) -> usize {
        self.dim.unwrap_or(2)
    }

    fn hidden(&self) -> &[usize] {
        self.hidden.as_deref().unwrap_or(&[64, 64])
    }

    fn line(&self) -> Outcome<LineMixture> {
        Ok(match self.target.unwrap_or(Target::Mixture) {
            Target::Mixture => LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5])?,
            Target::Gaussian => LineMixture::gaussian(0.0, 0.6)?,
        })
    }

    /// Refuses options that would otherwise be silently without effect.
    fn check(&self) -> Outcome<()> {
        let without_effect =
            |option: &str, given: bool, why: &str| if given { Err(format!("{option} has no effect: {why}")) } else { Ok(()) };
        if let Some(option) = self.reading.given().filter(|_| self.data.is_none()) {
            return Err(format!("{option} has no effect: there is no file without --data").into());
        }
        let network = matches!(self.class, Class::Perceptron | Class::Joint);
        let no_network = format!("--class {} is no network", self.name());
        without_effect("--hidden", self.hidden.is_some() && !network, &no_network)?;
        without_effect("--iterations", self.iterations.is_some() && !network, &no_network)?;
        let unknown = self.data.is_some() || self.dim() > MOST_KNOWN_DIMENSIONS;
        let why = format!("the exact answer is known for built-in targets in at most {MOST_KNOWN_DIMENSIONS} dimensions");
        without_effect("--separate", self.separate > 0 && unknown, &why)?;
        without_effect("--constant", self.constant.is_some() && unknown, &why)?;
        limits::check_widths("--hidden", self.hidden())?;
        let refuse = |wrong, what, reason| if wrong { Err(TrainingError::Unsupported { what, reason }) } else { Ok(()) };
        if self.class == Class::Joint {
            let recursion = "the joint network is trained at all levels at once, the option belongs to the recursion";
            refuse(
                self.samples.is_some(),
                "--samples with --class joint",
                "the joint network draws 256 pairs an iteration: set --iterations",
            )?;
            refuse(self.draws != 1, "--draws with --class joint", recursion)?;
            refuse(self.coupling != 1, "--coupling with --class joint", recursion)?;
            refuse(self.residual, "--residual with --class joint", recursion)?;
            refuse(self.clip.is_some(), "--clip with --class joint", recursion)?;
            refuse(self.warm_start, "--warm-start with --class joint", recursion)?;
        } else {
            refuse(self.method == Method::Cd, "--method cd", "only the joint network (--class joint) is distilled")?;
        }
        refuse(self.method == Method::Cd && self.data.is_some(), "--method cd with --data", "the score of the data is not known")?;
        Ok(())
    }

    /// What every row says of the run.
    fn provenance(&self) -> Outcome<Provenance> {
        let law = if let Some(data) = &self.data {
            vec![("--target", "points".to_string()), ("--data", data.display().to_string())]
        } else {
            let line = self.line()?;
            vec![
                ("--target", name(self.target.unwrap_or(Target::Mixture))),
                ("--weights", joined(line.weights())),
                ("--means", joined(line.means())),
                ("--stds", joined(line.stds())),
            ]
        };
        let angle_max = std::f64::consts::FRAC_PI_2 - 0.001;
        let constants = match self.schedule {
            Schedule::Angle => [("--angle-min", "0.02".to_string()), ("--angle-max", angle_max.to_string())],
            Schedule::Paper => [("--c0", "2".to_string()), ("--c1", "4".to_string())],
        };
        let schedule = std::iter::once(("--schedule", name(self.schedule))).chain(constants).collect();
        let path = vec![("--path", "vp".to_string())];
        Ok(Provenance { law, path, schedule, method: Some(name(self.method)), seed: Some(self.seed), ..Provenance::default() })
    }

    fn grid(&self) -> Outcome<Grid> {
        Ok(match self.schedule {
            Schedule::Angle => UniformAngle::new(self.steps, 0.02, std::f64::consts::FRAC_PI_2 - 0.001)?.grid()?,
            Schedule::Paper => LiHuangWei::new(self.steps, 2.0, 4.0)?.grid()?,
        })
    }

    /// Built-in targets are used as they are, a file is scaled.
    fn scaling(&self) -> Scaling {
        if self.data.is_some() { Scaling::Columns } else { Scaling::None }
    }

    fn function_class(&self) -> Box<dyn FunctionClass> {
        match self.class {
            Class::Affine => Box::new(Affine::new()),
            Class::Polynomial => Box::new(Polynomial::new(3)),
            Class::Fourier => Box::new(RandomFourier::new(150).bandwidths(&[0.25, 0.5])),
            Class::Kernel => Box::new(KernelRidge::new(150).bandwidths(&[0.25, 0.5])),
            Class::Nearest => Box::new(NearestNeighbours::new()),
            Class::Spline => Box::new(Spline::new()),
            Class::Perceptron | Class::Joint => Box::new(Perceptron::new(self.hidden()).iterations(self.iterations.unwrap_or(1000))),
        }
    }

    fn joint_iterations(&self) -> usize {
        self.iterations.unwrap_or(20_000)
    }

    /// Pairs (X_0, Z): at each level of the recursion, in all for the joint network.
    fn pairs(&self) -> usize {
        if self.class == Class::Joint { BATCH * self.joint_iterations() } else { self.samples.unwrap_or(2000) }
    }

    /// The joint network in the making.
    fn joint(&self, grid: Grid) -> Joint {
        Joint::new(grid, self.hidden()).batch(BATCH).iterations(self.joint_iterations()).scaling(self.scaling())
    }

    fn name(&self) -> String {
        self.class.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
    }

    /// Theorem 1 with the Lipschitz constant of the built-in target's flow maps on this grid.
    fn theorem(&self, grid: &Grid) -> Outcome<Theorem1> {
        let line = self.line()?;
        let ln_lipschitz = LineRecursion::new(&line, grid).tolerance(1e-4).run()?.report().ln_lipschitz;
        Ok(Theorem1::from_ln_lipschitz(self.dim(), ln_lipschitz, self.constant.unwrap_or(1.0))?)
    }
}

/// What either way of training returns.
enum Model {
    Recursion(Learned),
    Joint(JointModel<f32>),
}

impl Model {
    fn train(arguments: &Arguments, data: &Array2<f64>, rng: &mut ChaCha8Rng) -> Outcome<Self> {
        let grid = arguments.grid()?;
        if arguments.method == Method::Cd {
            let score = Product::copies(arguments.line()?, arguments.dim())?;
            let bar = progress(1, "distilling");
            let model = arguments.joint(grid).distil(&data.mapv(|v| v as f32), &score, rng)?;
            bar.finish_and_clear();
            return Ok(Self::Joint(model));
        }
        let model = if arguments.class == Class::Joint {
            let bar = training_progress(arguments.joint_iterations());
            Self::Joint(arguments.joint(grid).train_with(&data.mapv(|v| v as f32), rng, &mut |p| {
                bar.set_position(p.iteration as u64);
                bar.set_message(format!("loss {:.3e}", p.loss));
                ControlFlow::Continue(())
            })?)
        } else {
            let bar = training_progress(grid.steps());
            let mut recursion = Recursion::new(grid, arguments.pairs()).scaling(arguments.scaling());
            recursion = recursion.residual(arguments.residual).warm_start(arguments.warm_start).posterior_draws(arguments.draws);
            if let Some(margin) = arguments.clip {
                recursion = recursion.clip(margin);
            }
            if arguments.coupling != 1 {
                recursion = recursion.coupling(OptimalPairs::new(arguments.coupling)?);
            }
            Self::Recursion(recursion.train_with(data, arguments.function_class().as_ref(), rng, &mut |p| {
                bar.set_position(p.step as u64);
                bar.set_message(format!("loss {:.3e}", p.loss));
                ControlFlow::Continue(())
            })?)
        };
        Ok(model)
    }

    fn measure(&self, check: &StepCheck<'_>, held_out: &Array2<f64>, rng: &mut ChaCha8Rng) -> Outcome<StepReport> {
        Ok(match self {
            Self::Recursion(m) => check.measure(m as &dyn Trained, held_out, rng)?,
            Self::Joint(m) => check.measure(m as &dyn Trained<f32>, &held_out.mapv(|v| v as f32), rng)?,
        })
    }

    fn sample(&self, n: usize, rng: &mut ChaCha8Rng) -> Array2<f64> {
        match self {
            Self::Recursion(m) => m.sample(n, rng),
            Self::Joint(m) => m.sample(n, rng).mapv(f64::from),
        }
    }

    /// The model as JSON.
    #[cfg(feature = "serde")]
    fn json(&self) -> Outcome<Vec<u8>> {
        let mut json = Vec::new();
        match self {
            Self::Recursion(m) => m.save(&mut json)?,
            Self::Joint(m) => m.save(&mut json)?,
        }
        Ok(json)
    }

    #[cfg(not(feature = "serde"))]
    #[allow(clippy::unused_self, reason = "the form with the feature uses it")]
    fn json(&self) -> Outcome<Vec<u8>> {
        Err(WITHOUT_SERDE.into())
    }
}

const WITHOUT_SERDE: &str = "--model cannot be written: build with --features serde";

fn row(arguments: &Arguments, report: &StepReport, seconds: f64) -> Row {
    let errors = report.known.as_ref().map(|k| k.errors);
    let estimation = report.known.as_ref().and_then(|k| k.estimation.as_ref()).map(|e| e.accumulated);
    let approximation = report.known.as_ref().and_then(|k| k.approximation.as_ref()).map(|e| e.accumulated);
    let optional = |v: Option<f64>| v.map_or(Value::Null, number);
    let verdict = report.verdict.as_ref();
    vec![
        ("steps", report.steps.into()),
        ("dim", report.dim.into()),
        ("class", arguments.name().into()),
        ("samples", arguments.pairs().into()),
        ("w1", number(report.w1.value)),
        ("w1_std_error", number(report.w1.std_error)),
        ("w1_baseline", number(report.w1_baseline.value)),
        ("w1_baseline_std_error", number(report.w1_baseline.std_error)),
        ("sliced_w1", number(report.sliced_w1.value)),
        ("sliced_w1_std_error", number(report.sliced_w1.std_error)),
        ("epsilon_sum", optional(errors.map(|e| e.sum))),
        ("epsilon_max_times_steps", optional(errors.map(|e| e.max_times_steps))),
        ("estimation_sum", optional(estimation.map(|e| e.sum))),
        ("approximation_sum", optional(approximation.map(|e| e.sum))),
        ("energy_residual", number(report.energy_residual.value)),
        ("required_steps", verdict.map_or(Value::Null, |v| count(v.required.steps()))),
        ("within_bound", verdict.map_or(Value::Null, |v| (v.w1.value <= v.bound.total()).into())),
        ("verdict", verdict.map_or(Value::Null, |v| json!({"bound": number(v.bound.total()), "text": v.to_string()}))),
        ("seconds", number(seconds)),
    ]
}

fn print_table(arguments: &Arguments, report: &StepReport, seconds: f64) {
    say!(
        "class {}, T = {}, d = {}, {} pairs {}, seed {}, {seconds:.1} s",
        arguments.name(),
        report.steps,
        report.dim,
        arguments.pairs(),
        if arguments.class == Class::Joint { "in all" } else { "a step" },
        arguments.seed
    );
    if let Some(margin) = arguments.clip {
        say!("values confined to the box of the data, {} % wider on every side", 100.0 * margin);
    }
    say!(
        "W1 of one-step samples to held-out data   {:.4} ± {:.4}   ({} rows a cloud)",
        report.w1.value,
        report.w1.std_error,
        report.samples
    );
    say!(
        "W1 between two halves of held-out data    {:.4} ± {:.4}   (what a perfect sampler would show)",
        report.w1_baseline.value,
        report.w1_baseline.std_error
    );
    say!("sliced W1                                 {:.4} ± {:.4}", report.sliced_w1.value, report.sliced_w1.std_error);
    say!("energy residual                           {:+.2e} ± {:.0e}", report.energy_residual.value, report.energy_residual.std_error);
    if let Some(jump) = report.largest_jump.filter(Jump::is_outlier) {
        say!("largest jump between levels               {jump}");
    }
    if let Some(known) = &report.known {
        say!(
            "training error ε + ε_F: sum over steps    {:.4}   (largest step times T: {:.4})",
            known.errors.sum,
            known.errors.max_times_steps
        );
        for (name, part) in [("estimation ε:     ", &known.estimation), ("approximation ε_F:", &known.approximation)] {
            if let Some(part) = part {
                let e = part.accumulated;
                say!("  {name} sum over steps    {:.4}   (largest step times T: {:.4})", e.sum, e.max_times_steps);
            }
        }
        say!(
            "W1 at the true law of X_T lies in         [{:.4}, {:.4}]   (sample means, ± {:.4})",
            known.sandwich.lower,
            known.sandwich.upper,
            known.sandwich.std_error
        );
    }
    match &report.verdict {
        Some(verdict) => say!("verdict: {verdict}"),
        None => say!("verdict: none; ε is known only for built-in targets in at most {MOST_KNOWN_DIMENSIONS} dimensions"),
    }
}

fn run(arguments: &Arguments) -> Outcome<()> {
    let started = Instant::now();
    let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
    arguments.check()?;
    let inputs: Vec<PathBuf> = arguments.data.iter().filter_map(|path| file_of(path)).collect();
    let out = Output::optional("--out", arguments.out.as_deref(), &inputs, &[])?;
    let others: Vec<&Output> = out.iter().collect();
    let saved = Output::optional("--model", arguments.model.as_deref(), &inputs, &others)?;
    if saved.is_some() && !cfg!(feature = "serde") {
        return Err(WITHOUT_SERDE.into());
    }
    arguments.provenance()?.publish();
    let data = Data::new(arguments, &mut rng)?;
    let columns = data.train.ncols();
    if arguments.class != Class::Joint {
        limits::check_product(&[("--samples", arguments.pairs()), ("columns", columns)])?;
    }
    limits::check_product(&[("--separate", arguments.separate), ("columns", columns)])?;
    for &width in arguments.hidden() {
        limits::check_product(&[("--hidden", width), ("columns", columns.max(BATCH))])?;
    }
    let model = Model::train(arguments, &data.train, &mut rng)?;
    let mut check = StepCheck::new();
    let known = data.target.as_ref().filter(|t| t.dim() <= MOST_KNOWN_DIMENSIONS);
    if let Some(target) = known {
        check =
            check.known(target, target).theorem(arguments.theorem(&arguments.grid()?)?).points(if target.dim() == 1 { 512 } else { 64 });
    }
    if arguments.separate > 0 {
        check = check.separate(arguments.separate);
    }
    let bar = progress(1, "measuring");
    let report = model.measure(&check, &data.held_out, &mut rng)?;
    bar.finish_and_clear();
    if let Some(out) = out {
        let rows = arguments.out_rows.unwrap_or(2000);
        limits::check_product(&[("--out-rows", rows), ("columns", data.train.ncols())])?;
        let samples = model.sample(rows, &mut rng);
        out.write(&csv(data.names.as_deref(), samples.rows().into_iter().map(|row| row.to_vec())))?;
    }
    if let Some(saved) = saved {
        saved.write(&model.json()?)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    match arguments.format {
        Format::Table => print_table(arguments, &report, seconds),
        format => print_row(format, true, &row(arguments, &report, seconds)),
    }
    Ok(())
}

fn main() {
    if let Err(error) = run(&common::arguments()) {
        fail(&error);
    }
}
