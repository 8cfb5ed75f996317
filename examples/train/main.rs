//! The CPU reference routine: trains consistency functions from samples, and reports whether T was enough and whose the error is.
//!
//! ```text
//! cargo run --release --example train
//! for target in skewed moons banana ring; do cargo run --release --example train -- --target $target --rows 20000 --steps 128; done
//! cargo run --release --example train -- --target gaussian --class affine --steps 64 --samples 4000
//! cargo run --release --example train -- --data points.csv --out samples.csv
//! cargo run --release --example train --features serde -- --class joint --model model.json
//! cargo run --release --example train -- --class joint --method cd --target gaussian
//! ```
//!
//! By default the way of training is chosen by held-back rows of the training data (`--class auto`), and what was tried is printed:
//! recursions over two classes, and networks on the flow of a learned score.
//!
//! Data of the user's own, and the four shapes in the plane, are centred and scaled column by column inside, and samples are mapped back; the
//! targets with a known answer, mixture and gaussian, are used as they are, so that their exact posterior and flow map apply.

#[path = "../common/mod.rs"]
mod common;
mod model;
mod report;
mod shapes;

use clap::{Parser, ValueEnum};
use common::output::{Output, csv};
use common::table::{ReadOptions, file_of};
use common::{Format, Provenance, fail, joined, limits, name, print_row, progress};
use model::{Model, WITHOUT_SERDE};
use ndarray::{Array2, Axis};
use onestep::audit::StepCheck;
use onestep::bound::Theorem1;
use onestep::law::{LineMixture, Product};
use onestep::population::LineRecursion;
use onestep::schedule::{LiHuangWei, UniformAngle};
use onestep::training::class::{Affine, KernelRidge, NearestNeighbours, Perceptron, Polynomial, RandomFourier, Spline};
use onestep::training::{Candidate, Joint, Scaling, TrainingError};
use onestep::{FunctionClass, Grid, Sample, VarianceSchedule};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use report::{EXTREMES, outside, print_table, row};
use shapes::shape;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    /// Independent copies of ½N(−1, 0.5²) + ½N(1, 0.5²).
    Mixture,
    /// N(0, 0.36 I).
    Gaussian,
    /// Three unlike modes in the plane, of weights 0.7, 0.2 and 0.1.
    Skewed,
    /// Two half circles in the plane with noise of standard deviation 0.1.
    Moons,
    /// A parabola (z, z² − 1), z ~ N(0, 1), in the plane with noise of standard deviation 0.3.
    Banana,
    /// Eight modes of standard deviation 0.2 on a circle of radius 2 in the plane.
    Ring,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Class {
    /// Affine and Fourier functions, and networks on the flow of a learned score: the one whose samples are nearest to a fifth of the
    /// training rows.
    Auto,
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
    /// Rows of data drawn from the built-in target, 4000 by default; half as many are held out, at most 4000.
    #[arg(long, conflicts_with = "data", value_parser = limits::count(2, limits::POINTS))]
    rows: Option<usize>,
    #[arg(long, value_enum, default_value = "auto")]
    class: Class,
    #[arg(long, value_enum, default_value = "ct")]
    method: Method,
    /// T.
    #[arg(long, default_value_t = 32, value_parser = limits::count(1, limits::STEPS))]
    steps: usize,
    #[arg(long, value_enum, default_value = "angle")]
    schedule: Schedule,
    /// Pairs (X_0, Z) at each level of the recursion, 2000 by default. The joint network draws 256 fresh pairs an iteration. The field
    /// `samples` of the output is this number, for networks that of all pairs drawn.
    #[arg(long, value_parser = limits::count(1, limits::POINTS))]
    samples: Option<usize>,
    /// Learn f_t = f_{t−1} + correction.
    #[arg(long)]
    residual: bool,
    /// Confine the values of the functions to the box of the data, wider on every side by this fraction of its range; 0.1 with --class
    /// auto.
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
    /// Optimiser steps of the perceptron (each T) and of the joint network; with --class auto those of the one network tried.
    #[arg(long, value_parser = limits::count(1, limits::ITERATIONS))]
    iterations: Option<usize>,
    /// Hidden widths of networks; 64,64 by default. With --class auto those of the one network tried.
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

/// Clouds of half so many rows are compared exactly in seconds.
const MOST_HELD_OUT: usize = 4000;

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
        let rows = arguments.rows.unwrap_or(4000);
        limits::check_product(&[("--rows", rows), ("--dim", arguments.dim())])?;
        let test = (rows / 2).min(MOST_HELD_OUT);
        if let Some(law) = shape(arguments.target())? {
            return Ok(Self { train: law.sample(rows, rng), held_out: law.sample(test, rng), target: None, names: None });
        }
        let target = Product::copies(arguments.line()?, arguments.dim())?;
        Ok(Self { train: target.sample(rows, rng), held_out: target.sample(test, rng), target: Some(target), names: None })
    }
}

impl Arguments {
    /// Dimension of the built-in target.
    fn dim(&self) -> usize {
        self.dim.unwrap_or(2)
    }

    fn target(&self) -> Target {
        self.target.unwrap_or(Target::Mixture)
    }

    /// Whether the exact answer is there to compare with.
    fn is_known(&self) -> bool {
        self.data.is_none() && matches!(self.target(), Target::Mixture | Target::Gaussian)
    }

    fn hidden(&self) -> &[usize] {
        self.hidden.as_deref().unwrap_or(&[64, 64])
    }

    fn line(&self) -> Outcome<LineMixture> {
        Ok(match self.target() {
            Target::Gaussian => LineMixture::gaussian(0.0, 0.6)?,
            _ => LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5])?,
        })
    }

    /// Refuses options that would otherwise be silently without effect.
    fn check(&self) -> Outcome<()> {
        let without_effect =
            |option: &str, given: bool, why: &str| if given { Err(format!("{option} has no effect: {why}")) } else { Ok(()) };
        if let Some(option) = self.reading.given().filter(|_| self.data.is_none()) {
            return Err(format!("{option} has no effect: there is no file without --data").into());
        }
        let network = matches!(self.class, Class::Perceptron | Class::Joint | Class::Auto);
        let no_network = format!("--class {} is no network", self.name());
        without_effect("--hidden", self.hidden.is_some() && !network, &no_network)?;
        without_effect("--iterations", self.iterations.is_some() && !network, &no_network)?;
        let shaped = self.data.is_none() && !self.is_known();
        without_effect("--dim", self.dim.is_some() && shaped, &format!("--target {} lies in the plane", name(self.target())))?;
        let unknown = !self.is_known() || self.dim() > MOST_KNOWN_DIMENSIONS;
        let why = format!("the exact answer is known for mixture and gaussian in at most {MOST_KNOWN_DIMENSIONS} dimensions");
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
            refuse(self.clip.is_some(), "--clip with --class joint", "this example confines recursions and the choice of --class auto")?;
            refuse(self.warm_start, "--warm-start with --class joint", recursion)?;
        } else {
            refuse(self.method == Method::Cd, "--method cd", "only the joint network (--class joint) is distilled")?;
        }
        if self.class == Class::Auto {
            let settings = "the recursions tried are plain: name a class";
            refuse(self.draws != 1, "--draws with --class auto", settings)?;
            refuse(self.coupling != 1, "--coupling with --class auto", settings)?;
            refuse(self.residual, "--residual with --class auto", settings)?;
            refuse(self.warm_start, "--warm-start with --class auto", settings)?;
        }
        refuse(self.method == Method::Cd && !self.is_known(), "--method cd", "the score of this target is not known")?;
        Ok(())
    }

    /// What every row says of the run.
    fn provenance(&self) -> Outcome<Provenance> {
        let law = if let Some(data) = &self.data {
            vec![("--target", "points".to_string()), ("--data", data.display().to_string())]
        } else if !self.is_known() {
            vec![("--target", name(self.target()))]
        } else {
            let line = self.line()?;
            vec![
                ("--target", name(self.target())),
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
        let method = if self.class == Class::Auto { "auto".to_string() } else { name(self.method) };
        Ok(Provenance { law, path, schedule, method: Some(method), seed: Some(self.seed), ..Provenance::default() })
    }

    fn grid(&self) -> Outcome<Grid> {
        Ok(match self.schedule {
            Schedule::Angle => UniformAngle::new(self.steps, 0.02, std::f64::consts::FRAC_PI_2 - 0.001)?.grid()?,
            Schedule::Paper => LiHuangWei::new(self.steps, 2.0, 4.0)?.grid()?,
        })
    }

    /// Targets with a known answer are used as they are, other data are scaled.
    fn scaling(&self) -> Scaling {
        if self.is_known() { Scaling::None } else { Scaling::Columns }
    }

    /// The ways of training to choose from.
    fn candidates(&self) -> Vec<Candidate> {
        let mut candidates = Candidate::defaults();
        if self.hidden.is_some() || self.iterations.is_some() {
            candidates.retain(|c| !matches!(c, Candidate::Network { .. }));
            candidates.push(Candidate::Network { hidden: self.hidden().to_vec(), iterations: self.iterations.unwrap_or(20_000) });
        }
        for candidate in &mut candidates {
            if let Candidate::Affine { pairs } | Candidate::Fourier { pairs, .. } = candidate {
                *pairs = self.samples.unwrap_or(*pairs);
            }
        }
        candidates
    }

    fn function_class(&self) -> Box<dyn FunctionClass> {
        match self.class {
            Class::Affine => Box::new(Affine::new()),
            Class::Polynomial => Box::new(Polynomial::new(3)),
            Class::Fourier => Box::new(RandomFourier::new(150).bandwidths(&[0.25, 0.5])),
            Class::Kernel => Box::new(KernelRidge::new(150).bandwidths(&[0.25, 0.5])),
            Class::Nearest => Box::new(NearestNeighbours::new()),
            Class::Spline => Box::new(Spline::new()),
            Class::Perceptron | Class::Joint | Class::Auto => {
                Box::new(Perceptron::new(self.hidden()).iterations(self.iterations.unwrap_or(1000)))
            }
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
    let outside = outside(&model.sample(EXTREMES, &mut ChaCha8Rng::seed_from_u64(arguments.seed)), &data.train);
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
        Format::Table => print_table(arguments, (&model, outside), &report, seconds),
        format => print_row(format, true, &row(arguments, (&model, outside), &report, seconds)),
    }
    Ok(())
}

fn main() {
    if let Err(error) = run(&common::arguments()) {
        fail(&error);
    }
}
