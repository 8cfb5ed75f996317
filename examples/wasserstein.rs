//! The Wasserstein distance between two clouds of points, read from files: text, NumPy's .npy and .npz, also compressed by gzip.
//!
//! ```text
//! cargo run --release --example wasserstein -- a.csv b.csv --method exact --order 2 --bootstrap 100 --format json
//! ```
//!
//! `value` is W_p for `exact` and `line`, SW_p for `sliced` (its lower bound on W_p is √d times larger at p = 2), (Σ P c)^{1/p} for
//! `sinkhorn`, and the Gelbrich lower bound on W_2 for `gaussian`. It is the distance of the two clouds as they are, `estimator` plug-in, biased
//! upwards as an estimate for the laws they are drawn from; `--estimator bias-removed` takes the bias off the Gelbrich bound, and `--confidence`
//! off W_p of any clouds. `interval` says what `lower` and `upper` are: certified bounds on W_p between the two clouds, all rounding included,
//! or an interval at the level it names, and for what. `gap` is the duality gap of W_p^p.
//!
//! `--confidence` gives an interval for W_p of the two **laws** that the clouds are samples of, from half-samples, by
//! `onestep::transport::inference::confidence`, whose documentation says how often it holds. Where it begins at 0 the samples cannot be told from
//! two samples of one law: `separated` is false, and the table says so.
//!
//! Columns with names are matched by their names; a file that can be read in two ways is refused with the option that decides.

mod common;

use clap::{Parser, ValueEnum};
use common::table::{ReadOptions, Table};
use common::{Format, Provenance, Row, fail, limits, name, number, print_row, progress, say};
use onestep::Estimate;
use onestep::transport::gaussian::{gelbrich, gelbrich_lower_bound, gelbrich_plug_in};
use onestep::transport::inference::{bootstrap, confidence};
use onestep::transport::{Assignment, Bottleneck, DistanceFn, Line, Measure, NetworkSimplex, Sinkhorn, Sliced, TransportError};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

/// Wasserstein distance W_p between two clouds of points.
#[derive(Parser)]
struct Arguments {
    /// First cloud, one point a row: text with or without a line of names, .npy, or file.npz:array; - for standard input.
    first: PathBuf,
    /// Second cloud.
    second: PathBuf,
    #[command(flatten)]
    reading: ReadOptions,
    /// Columns of both files that are the coordinates: names, or numbers from 0. All but the weights by default.
    #[arg(long, value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Column of both files that holds the weights: a name, or a number from 0. They must sum to one.
    #[arg(long)]
    weights: Option<String>,
    /// Divide the weights by their sum.
    #[arg(long, requires = "weights")]
    normalise: bool,
    /// Which distance.
    #[arg(long, value_enum, default_value_t = Method::Exact)]
    method: Method,
    /// The order p ≥ 1; inf for W_∞, the longest way in the best plan, by --method exact.
    #[arg(long, default_value_t = 2.0)]
    order: f64,
    /// ε of `sinkhorn`, in the units of ‖x − y‖^p; 1 by default.
    #[arg(long)]
    reg: Option<f64>,
    /// Directions of `sliced`; 200 by default.
    #[arg(long, value_parser = limits::count(1, limits::POINTS))]
    projections: Option<usize>,
    /// What `gaussian` estimates; the distance of the clouds as they are by default, whatever the other options.
    #[arg(long, value_enum)]
    estimator: Option<Estimator>,
    /// Seed of directions and resampling; 0 by default.
    #[arg(long)]
    seed: Option<u64>,
    /// Replicates of the bootstrap for `std_error`; 0 for none. It knows nothing of the bias: `onestep::transport::inference` does.
    #[arg(long, default_value_t = 0, value_parser = limits::count(0, limits::POINTS))]
    bootstrap: usize,
    /// A 95 % interval for W_p of the laws behind the clouds, bias removed, from half-samples; for `exact` and `line`.
    #[arg(long, conflicts_with = "bootstrap")]
    confidence: bool,
    /// Random halvings of `--confidence`, each of them six distances of half-samples; 40 by default.
    #[arg(long, requires = "confidence", value_parser = limits::count(2, limits::POINTS))]
    splits: Option<usize>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    Exact,
    Line,
    Sliced,
    Sinkhorn,
    Gaussian,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Line => "line",
            Self::Sliced => "sliced",
            Self::Sinkhorn => "sinkhorn",
            Self::Gaussian => "gaussian",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Estimator {
    /// The bound between the two clouds, from their means and covariances.
    PlugIn,
    /// An estimate for the laws the clouds are drawn from, with a 95 % interval; for clouds without weights.
    BiasRemoved,
}

/// Halvings of `--confidence` unless told.
const SPLITS: usize = 40;

impl Arguments {
    fn estimator(&self) -> Estimator {
        self.estimator.unwrap_or(Estimator::PlugIn)
    }

    /// Whether anything is random.
    fn draws(&self) -> bool {
        self.method == Method::Sliced || self.bootstrap > 0 || self.confidence
    }

    /// Refuses options that would be silently without effect.
    fn check(&self) -> Result<(), Box<dyn Error>> {
        let only = |option: &str, given: bool, owner: Method| {
            if !given || self.method == owner {
                return Ok(());
            }
            Err(format!("{option} belongs to --method {}, it has no effect on {}", owner.name(), self.method.name()))
        };
        only("--reg", self.reg.is_some(), Method::Sinkhorn)?;
        only("--projections", self.projections.is_some(), Method::Sliced)?;
        only("--estimator", self.estimator.is_some(), Method::Gaussian)?;
        if self.seed.is_some() && !self.draws() {
            return Err("--seed has no effect: nothing is drawn without --method sliced, --bootstrap or --confidence".into());
        }
        if self.confidence && !matches!(self.method, Method::Exact | Method::Line) {
            return Err(format!("--confidence is for --method exact and line, not {}", self.method.name()).into());
        }
        if self.confidence && self.order == f64::INFINITY {
            return Err("--confidence is for a finite --order: the longest way of samples says little of their laws".into());
        }
        if self.method == Method::Gaussian && self.order != 2.0 {
            return Err(format!("--order {}: the method gaussian knows W_2 only", self.order).into());
        }
        if self.order == f64::INFINITY && self.method != Method::Exact {
            return Err(format!("--order inf belongs to --method exact, {} does not know it", self.method.name()).into());
        }
        if self.estimator() == Estimator::BiasRemoved {
            if self.weights.is_some() {
                return Err("--estimator bias-removed is for clouds without --weights".into());
            }
            if self.bootstrap > 0 {
                return Err("--estimator bias-removed has an interval of its own: leave --bootstrap out".into());
            }
        }
        Ok(())
    }

    /// The coordinates and the weights of a table.
    fn part(&self, mut table: Table) -> Result<(Table, Option<Vec<f64>>), Box<dyn Error>> {
        let Some(column) = &self.weights else {
            let points = table.choose(self.columns.as_deref())?;
            return Ok((points, None));
        };
        let index = table.column(column)?;
        let chosen = match &self.columns {
            Some(columns) => {
                for coordinate in columns {
                    if table.column(coordinate)? == index {
                        return Err(format!("column {coordinate} is named by --columns and by --weights").into());
                    }
                }
                Some(table.choose(Some(columns))?)
            }
            None => None,
        };
        let mut weights = table.rows.column(index).to_vec();
        if let Some(row) = weights.iter().position(|w| !(*w >= 0.0 && w.is_finite())) {
            return Err(format!("{}: the weight {} is outside [0, inf)", table.place(row, index), weights[row]).into());
        }
        if self.normalise {
            let sum: f64 = weights.iter().sum();
            if !(sum > 0.0 && sum.is_finite()) {
                return Err(format!("{}: the weights sum to {sum}", table.shown).into());
            }
            weights.iter_mut().for_each(|w| *w /= sum);
        }
        let points = if let Some(chosen) = chosen {
            chosen
        } else {
            table.take_column(column)?;
            table.choose(None)?
        };
        Ok((points, Some(weights)))
    }
}

/// What a method found; NaN where it says nothing.
struct Answer {
    value: f64,
    std_error: f64,
    lower: f64,
    upper: f64,
    interval: &'static str,
    gap: f64,
    iterations: Option<usize>,
}

/// What `lower` and `upper` are.
const CERTIFIED: &str = "certified for the clouds";
const DIRECTIONS: &str = "95 % over directions";
const JACKKNIFE: &str = "95 % for the laws by a jackknife";
const HALF_SAMPLES: &str = "95 % for the laws by half-samples";

impl Answer {
    /// With bounds that hold for the two clouds, rounding included.
    fn certified(value: f64, lower: f64, upper: f64) -> Self {
        Self { value, std_error: f64::NAN, lower, upper, interval: CERTIFIED, gap: f64::NAN, iterations: None }
    }

    fn estimated(e: &Estimate, interval: &'static str) -> Self {
        Self { std_error: e.std_error, interval, ..Self::certified(e.value, e.lower, e.upper) }
    }
}

type Cloud<'a> = Measure<'a, f64>;

fn exact(order: f64, x: Cloud, y: Cloud) -> Result<Answer, TransportError> {
    if order == f64::INFINITY {
        let worst = Bottleneck::new().solve(x, y)?;
        return Ok(Answer::certified(worst.distance, worst.lower, worst.upper));
    }
    if x.weights().is_none() && y.weights().is_none() && x.points().nrows() == y.points().nrows() {
        let m = Assignment::new(order)?.solve(&x.points(), &y.points())?;
        return Ok(Answer { gap: m.gap, iterations: Some(m.effort.iterations), ..Answer::certified(m.distance, m.lower, m.upper) });
    }
    let plan = NetworkSimplex::new(order)?.solve(x, y)?;
    Ok(Answer { gap: plan.gap, iterations: Some(plan.effort.iterations), ..Answer::certified(plan.distance, plan.lower, plan.upper) })
}

/// The relative accuracy that the distance on the line documents, and the rounding of the ends.
const LINE_ACCURACY: f64 = 1.1e-14;

/// Sums of weights round: so much of the mass may go the longest way, or need not.
fn line(order: f64, x: Cloud, y: Cloud) -> Result<Answer, TransportError> {
    let value = Line::new(order)?.samples(x, y)?;
    let points = || x.points().into_iter().chain(y.points()).copied();
    let (low, high) = points().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let weighted = x.weights().is_some() || y.weights().is_some();
    let mass = if weighted { f64::EPSILON * (points().count() + 16) as f64 } else { 0.0 };
    let moved = if mass > 0.0 { mass.powf(1.0 / order) * (1.0 + 1e-14) * (high - low) } else { 0.0 };
    let lower = value * (1.0 - LINE_ACCURACY) - moved;
    Ok(Answer::certified(value, if lower < 0.0 { 0.0 } else { lower }, value * (1.0 + LINE_ACCURACY) + moved))
}

fn sliced(sliced: &Sliced, x: Cloud, y: Cloud) -> Result<Answer, TransportError> {
    let d = sliced.measure(x, y)?.distance;
    Ok(Answer { iterations: Some(d.evaluations), ..Answer::estimated(&d, DIRECTIONS) })
}

fn sinkhorn(order: f64, reg: f64, x: Cloud, y: Cloud) -> Result<Answer, TransportError> {
    let s = Sinkhorn::new(order, reg)?.solve(x, y)?;
    Ok(Answer { iterations: Some(s.iterations), ..Answer::certified(s.cost.powf(1.0 / order), s.lower, s.upper) })
}

/// The bound itself is rounded; what is below W_2 with certainty is a little smaller. Means and covariances bound nothing from above.
fn gaussian(x: Cloud, y: Cloud) -> Result<Answer, TransportError> {
    Ok(Answer::certified(gelbrich_plug_in(x, y)?, gelbrich_lower_bound(x, y)?, f64::NAN))
}

/// Reads both clouds, with their columns in one order.
fn clouds(arguments: &Arguments) -> Result<[(Table, Option<Vec<f64>>); 2], Box<dyn Error>> {
    let [first, second] = arguments.reading.load_all([&arguments.first, &arguments.second])?;
    let (first, second) = (arguments.part(first)?, arguments.part(second)?);
    let second = if arguments.columns.is_none() { (second.0.in_order_of(&first.0)?, second.1) } else { second };
    for table in [&first.0, &second.0] {
        table.check_finite()?;
    }
    let columns = [&first.0, &second.0].map(|t| t.rows.ncols());
    if columns[0] != columns[1] {
        let (one, other) = (&first.0.shown, &second.0.shown);
        return Err(format!("{one} has {} coordinates, {other} has {}", columns[0], columns[1]).into());
    }
    if arguments.method == Method::Line && columns[0] != 1 {
        return Err(
            format!("--method line is for points on the line, these have {} coordinates: choose one with --columns", columns[0]).into()
        );
    }
    Ok([first, second])
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    arguments.check()?;
    let [(first, a), (second, b)] = clouds(arguments)?;
    let [x, y]: [Cloud; 2] = match (&a, &b) {
        (Some(a), Some(b)) => [Measure::weighted(&first.rows, a), Measure::weighted(&second.rows, b)],
        _ => [(&first.rows).into(), (&second.rows).into()],
    };
    let (n, m, dim) = (first.rows.nrows(), second.rows.nrows(), first.rows.ncols());
    let seed = arguments.seed.unwrap_or(0);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let directions = match arguments.method {
        Method::Sliced => {
            let projections = arguments.projections.unwrap_or(200);
            limits::check_product(&[("--projections", projections), ("columns", dim)])?;
            Some(Sliced::new(arguments.order, dim, projections, &mut rng)?)
        }
        _ => None,
    };
    let (order, reg) = (arguments.order, arguments.reg.unwrap_or(1.0));
    let measure = |x: Cloud, y: Cloud| -> Result<Answer, TransportError> {
        match (arguments.method, &directions) {
            (Method::Sliced, Some(directions)) => sliced(directions, x, y),
            (Method::Exact | Method::Sliced, _) => exact(order, x, y),
            (Method::Line, _) => line(order, x, y),
            (Method::Sinkhorn, _) => sinkhorn(order, reg, x, y),
            (Method::Gaussian, _) => gaussian(x, y),
        }
    };
    Provenance { seed: arguments.draws().then_some(seed), ..Provenance::default() }.publish();
    let start = Instant::now();
    let splits = arguments.splits.unwrap_or(SPLITS);
    let distances = if arguments.confidence { 6 * splits as u64 } else { arguments.bootstrap as u64 };
    let bar = progress(distances + 1, arguments.method.name());
    let counted = DistanceFn::new(|x: Cloud, y: Cloud| {
        bar.inc(1);
        Ok(measure(x, y)?.value)
    });
    let mut of_laws = None;
    let mut answer = if arguments.confidence {
        let found = confidence(&counted, x, y, splits, &mut rng)?;
        of_laws = Some(found);
        Answer::estimated(&found.distance, HALF_SAMPLES)
    } else if arguments.estimator() == Estimator::BiasRemoved {
        Answer::estimated(&gelbrich(&first.rows, &second.rows)?.distance, JACKKNIFE)
    } else {
        measure(x, y)?
    };
    if arguments.bootstrap > 0 {
        let spread = bootstrap(&counted, x, y, arguments.bootstrap, &mut rng)?;
        answer = Answer { std_error: spread.std_error, ..answer };
    }
    bar.finish_and_clear();
    let estimator = if arguments.confidence { Estimator::BiasRemoved } else { arguments.estimator() };
    let mut row: Row = vec![
        ("method", json!(arguments.method.name())),
        ("estimator", json!(name(estimator))),
        ("order", if order == f64::INFINITY { json!("inf") } else { number(order) }),
        ("n", json!(n)),
        ("m", json!(m)),
        ("dim", json!(dim)),
        ("value", number(answer.value)),
        ("std_error", number(answer.std_error)),
        ("lower", number(answer.lower)),
        ("upper", number(answer.upper)),
        ("interval", json!(answer.interval)),
        ("gap", number(answer.gap)),
        ("iterations", json!(answer.iterations)),
    ];
    if let Some(found) = &of_laws {
        row.extend([
            ("plug_in", number(found.plug_in)),
            ("splits", json!(splits)),
            ("separated", json!(found.separated)),
            ("mostly_bias", json!(found.mostly_bias)),
        ]);
    }
    row.push(("seconds", number(start.elapsed().as_secs_f64())));
    if arguments.format == Format::Table {
        for (name, value) in &row {
            say!("{name:<11}  {value}");
        }
        if arguments.draws() {
            say!("{:<11}  {seed}", "seed");
        }
        if of_laws.is_some_and(|found| !found.separated) {
            say!("the laws may be equal: two samples of one law are often as far apart as these, and the interval begins at 0");
        }
        if of_laws.is_some_and(|found| found.mostly_bias) {
            say!("the bias that was subtracted is larger than what is left: more rows would tell more");
        }
    } else {
        print_row(arguments.format, true, &row);
    }
    Ok(())
}

fn main() {
    if let Err(error) = run(&common::arguments()) {
        fail(&error);
    }
}
