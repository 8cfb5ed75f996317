//! Any law of the library that the arguments describe, with its flow and, where it has one, its population optimum.

use super::limits;
use super::provenance::Options;
use super::table::{ReadOptions, source};
use super::target::{Target, TargetOptions};
use ndarray::Array2;
use onestep::flow::FlowSolver;
use onestep::law::PosteriorSample;
use onestep::law::{Covariance, Gaussian, GaussianMixture, LineMixture, NoisyCurve, PointMasses, Product, Radial};
use onestep::population::{GaussianRecursion, Keep, LatticeRecursion, LineRecursion, Loss, Method, RadialRecursion, noise_apart};
use onestep::{ConsistencyFunction, FlowJacobian, Grid, Moments, Posterior, PosteriorRule, Sample, ScoreJacobian};
use std::error::Error;
use std::path::PathBuf;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Options of laws beyond [`TargetOptions`].
#[derive(Debug, clap::Args)]
pub(crate) struct LawOptions {
    #[command(flatten)]
    pub(crate) target: TargetOptions,
    /// Independent copies of a target on the line, or the dimension of a radial one.
    #[arg(long, value_parser = limits::count(1, limits::DIMENSIONS))]
    dim: Option<usize>,
    /// Normals of --target ring; 8 by default.
    #[arg(long, value_parser = limits::count(1, 10_000))]
    modes: Option<usize>,
    /// Standard deviation around the curves of moons and banana; 0.1 by default.
    #[arg(long)]
    noise: Option<f64>,
    /// JSON file of --target file: {"weights": [..], "means": [[..], ..], and "stds": [..] or "covariances": [[[..], ..], ..]}.
    #[arg(long)]
    law: Option<PathBuf>,
    /// Table of --target points, one point a row.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// The options that a header holds for the law.
pub(crate) const KNOWN: [&str; 11] =
    ["--target", "--weights", "--means", "--stds", "--radius", "--dim", "--modes", "--noise", "--law", "--data", "--digest"];

/// What a law has to be for an audit.
pub(crate) trait Known: Sample + Moments + PosteriorRule {}
impl<T: Sample + Moments + PosteriorRule> Known for T {}

/// What a law has to be for a ledger by draws.
pub(crate) trait Sampled: PosteriorSample + Posterior {}
impl<T: PosteriorSample + Posterior> Sampled for T {}

/// A law, with all that is known of it.
pub(crate) enum Law {
    Copies(Product<LineMixture>),
    Gaussian(Gaussian),
    Radial(Radial),
    Mixture(GaussianMixture),
    Curve(NoisyCurve),
    Points(PointMasses),
}

/// Tolerance of flows that are integrated.
const FLOW_TOLERANCE: f64 = 1e-9;

impl Law {
    pub(crate) fn known(&self) -> &dyn Known {
        match self {
            Self::Copies(law) => law,
            Self::Gaussian(law) => law,
            Self::Radial(law) => law,
            Self::Mixture(law) => law,
            Self::Curve(law) => law,
            Self::Points(law) => law,
        }
    }

    /// The law with a sampler of its posterior, where it has one.
    pub(crate) fn sampled(&self) -> Option<&dyn Sampled> {
        match self {
            Self::Copies(law) => Some(law),
            Self::Gaussian(law) => Some(law),
            Self::Mixture(law) => Some(law),
            Self::Points(law) => Some(law),
            Self::Radial(_) | Self::Curve(_) => None,
        }
    }

    pub(crate) fn dim(&self) -> usize {
        self.known().dim()
    }

    /// The exact flow map: in closed form, or integrated.
    pub(crate) fn flow(&self) -> Outcome<Box<dyn FlowJacobian + '_>> {
        fn integrated<'a, S: ScoreJacobian>(score: &'a S) -> Outcome<Box<dyn FlowJacobian + 'a>> {
            Ok(Box::new(FlowSolver::new(FLOW_TOLERANCE)?.flow_of(score)))
        }
        match self {
            Self::Copies(law) => Ok(Box::new(law)),
            Self::Gaussian(law) => Ok(Box::new(law)),
            Self::Radial(law) => Ok(Box::new(law)),
            Self::Mixture(law) => integrated(law),
            Self::Curve(law) => integrated(law),
            Self::Points(law) => integrated(law),
        }
    }

    /// The population optimum at the levels asked for; `None` where the law has no recursion, or only one on a lattice and that is not asked for.
    pub(crate) fn optimum(
        &self,
        grid: &Grid,
        method: Method,
        levels: &[usize],
        lattice: bool,
    ) -> Outcome<Option<Box<dyn ConsistencyFunction>>> {
        let keep = Keep::Levels(levels.to_vec());
        Ok(match self {
            Self::Copies(law) => {
                let run = LineRecursion::new(&law.factors()[0], grid).method(method).keep(keep).run()?;
                Some(Box::new(Product::copies(run.consistency().clone(), law.factors().len())?))
            }
            Self::Gaussian(law) => Some(Box::new(GaussianRecursion::new(law, grid).method(method).keep(keep).run()?.consistency().clone())),
            Self::Radial(law) => Some(Box::new(RadialRecursion::new(law, grid).method(method).keep(keep).run()?.consistency().clone())),
            Self::Mixture(law) if lattice && law.dim() <= 3 => {
                Some(Box::new(LatticeRecursion::new(law, grid).method(method).keep(keep).run()?.consistency().clone()))
            }
            Self::Mixture(_) | Self::Curve(_) | Self::Points(_) => None,
        })
    }

    /// What training without shared noise ends with, where it is known.
    pub(crate) fn apart(&self, grid: &Grid, levels: &[usize]) -> Outcome<Option<Box<dyn ConsistencyFunction>>> {
        Ok(match self {
            Self::Copies(law) => {
                let wrong = noise_apart(&law.factors()[0], grid, &Keep::Levels(levels.to_vec()))?;
                Some(Box::new(Product::copies(wrong, law.factors().len())?))
            }
            _ => None,
        })
    }

    /// The population optimum of training under another loss.
    pub(crate) fn optimum_under(&self, grid: &Grid, loss: Loss, levels: &[usize]) -> Outcome<Box<dyn ConsistencyFunction>> {
        match self {
            Self::Copies(law) if law.factors().len() == 1 => {
                let run = LineRecursion::new(&law.factors()[0], grid).loss(loss).keep(Keep::Levels(levels.to_vec())).run()?;
                Ok(Box::new(run.consistency().clone()))
            }
            _ => Err("--loss huber and l1 are for mixtures on the line".into()),
        }
    }
}

impl LawOptions {
    /// The law.
    pub(crate) fn law(&self) -> Outcome<Law> {
        self.check_owners()?;
        let target = &self.target;
        Ok(match target.target {
            Target::Mixture | Target::Diracs => Law::Copies(Product::copies(target.line()?, self.dim())?),
            Target::Gaussian => {
                let line = target.line()?;
                let covariance = Covariance::isotropic(self.dim(), line.stds()[0] * line.stds()[0])?;
                Law::Gaussian(Gaussian::new(&vec![line.means()[0]; self.dim()], covariance)?)
            }
            Target::Sphere | Target::Ball | Target::Shells => Law::Radial(target.radial(self.dim())?),
            Target::Ring => {
                let (radius, std) = target.ring()?;
                Law::Mixture(GaussianMixture::ring(self.modes.unwrap_or(8), radius, std)?)
            }
            Target::Comb => return Err("--target comb is taken by step_bound only".into()),
            Target::Moons => Law::Curve(NoisyCurve::two_moons(self.noise.unwrap_or(0.1))?),
            Target::Banana => Law::Curve(NoisyCurve::banana(1.0, 1.0, self.noise.unwrap_or(0.1))?),
            Target::File => Law::Mixture(self.file_mixture()?),
            Target::Points => {
                let data = self.data.as_ref().ok_or("--target points needs --data")?;
                let table = ReadOptions::default().load(data)?;
                table.check_names()?;
                table.check_finite()?;
                Law::Points(PointMasses::empirical(&table.rows)?)
            }
        })
    }

    /// The copies that are asked for.
    pub(crate) fn dim(&self) -> usize {
        self.dim.unwrap_or(1)
    }

    pub(crate) fn name(&self) -> String {
        super::name(self.target.target)
    }

    /// Refuses options without effect.
    fn check_owners(&self) -> Outcome<()> {
        let target = self.target.target;
        let own = self.target.is_line() || self.target.is_radial();
        let mut idle: Vec<&str> = match target {
            _ if own => Vec::new(),
            Target::Ring => self.target.given().into_iter().filter(|o| !["--radius", "--stds"].contains(o)).collect(),
            _ => self.target.given(),
        };
        for (option, given, owned) in [
            ("--dim", self.dim.is_some(), own),
            ("--modes", self.modes.is_some(), target == Target::Ring),
            ("--noise", self.noise.is_some(), matches!(target, Target::Moons | Target::Banana)),
            ("--law", self.law.is_some(), target == Target::File),
            ("--data", self.data.is_some(), target == Target::Points),
        ] {
            if given && !owned {
                idle.push(option);
            }
        }
        match idle.first() {
            Some(option) => Err(format!("{option} has no effect on --target {}", super::name(target)).into()),
            None => Ok(()),
        }
    }

    fn file_mixture(&self) -> Outcome<GaussianMixture> {
        let path = self.law.as_ref().ok_or("--target file needs --law")?;
        let said = |error: &dyn std::fmt::Display| format!("--law {}: {error}", path.display());
        let text = String::from_utf8(source::read(path).map_err(|e| said(&e))?).map_err(|e| said(&e))?;
        mixture(&text).map_err(|e| said(&e).into())
    }

    /// The options with their values; files with a digest of their content.
    pub(crate) fn described(&self) -> Outcome<Options> {
        let target = &self.target;
        let mut described = vec![("--target", super::name(target.target))];
        match target.target {
            _ if target.is_line() || target.is_radial() => {
                described = target.described(self.dim())?;
                described.push(("--dim", self.dim().to_string()));
            }
            Target::Ring => {
                let (radius, std) = target.ring()?;
                let modes = self.modes.unwrap_or(8).to_string();
                described.extend([("--modes", modes), ("--radius", radius.to_string()), ("--stds", std.to_string())]);
            }
            Target::Moons | Target::Banana => described.push(("--noise", self.noise.unwrap_or(0.1).to_string())),
            _ => {
                let file = self.law.iter().map(|f| ("--law", f)).chain(self.data.iter().map(|f| ("--data", f))).next();
                if let Some((option, file)) = file {
                    described.extend([(option, file.display().to_string()), ("--digest", digest(&std::fs::read(file)?))]);
                }
            }
        }
        Ok(described)
    }
}

/// FNV-1a of 64 bits: enough to notice another file.
fn digest(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

/// A Gaussian mixture from JSON.
fn mixture(text: &str) -> Outcome<GaussianMixture> {
    let value: serde_json::Value = serde_json::from_str(text)?;
    let fields = value.as_object().ok_or("an object {\"weights\": .., \"means\": .., \"stds\": ..} is expected")?;
    if let Some(other) = fields.keys().find(|k| !["weights", "means", "stds", "covariances"].contains(&k.as_str())) {
        return Err(format!("unknown field {other:?}: weights, means, stds and covariances are known").into());
    }
    let means = matrix("means", fields.get("means").ok_or("means are missing")?)?;
    let weights = match fields.get("weights") {
        Some(weights) => numbers("weights", weights)?,
        None => vec![1.0 / means.nrows() as f64; means.nrows()],
    };
    let covariances = match (fields.get("stds"), fields.get("covariances")) {
        (Some(stds), None) => {
            let isotropic = |std: f64| Ok(Covariance::isotropic(means.ncols(), std * std)?);
            numbers("stds", stds)?.into_iter().map(isotropic).collect::<Outcome<Vec<_>>>()?
        }
        (None, Some(list)) => {
            let list = list.as_array().ok_or("covariances: a list of matrices is expected")?;
            list.iter().map(|m| Ok(Covariance::full(&matrix("covariances", m)?)?)).collect::<Outcome<Vec<_>>>()?
        }
        _ => return Err("either stds or covariances are expected".into()),
    };
    Ok(GaussianMixture::new(&weights, &means, &covariances)?)
}

fn numbers(name: &str, value: &serde_json::Value) -> Outcome<Vec<f64>> {
    let list = value.as_array().ok_or_else(|| format!("{name}: a list of numbers is expected"))?;
    list.iter().map(|v| v.as_f64().ok_or_else(|| format!("{name}: {v} is not a number").into())).collect()
}

fn matrix(name: &str, value: &serde_json::Value) -> Outcome<Array2<f64>> {
    let rows = value.as_array().ok_or_else(|| format!("{name}: a list of rows is expected"))?;
    let rows = rows.iter().map(|row| numbers(name, row)).collect::<Outcome<Vec<_>>>()?;
    let columns = rows.first().map_or(0, Vec::len);
    if columns == 0 || rows.iter().any(|row| row.len() != columns) {
        return Err(format!("{name}: rows of one length above 0 are expected").into());
    }
    Ok(Array2::from_shape_vec((rows.len(), columns), rows.concat())?)
}
