//! The targets that the arguments describe, in every dimension asked for.

use super::{Arguments, MethodName, Target};
use onestep::{
    Covariance, Gaussian, GaussianRecursion, Grid, LineMixture, LineRecursion, Method, PopulationReport, Radial, RadialRecursion,
};
use std::error::Error;
use std::time::Instant;

/// The target with its parameters checked.
pub(crate) enum Family {
    /// Independent copies of one target on the line.
    Copies(LineMixture, Vec<usize>),
    Gaussians(Vec<Gaussian>),
    Radials(Vec<Radial>),
}

impl Family {
    pub(crate) fn new(a: &Arguments, dims: &[usize]) -> Result<Self, Box<dyn Error>> {
        if a.target.is_radial() {
            return Ok(Self::Radials(dims.iter().map(|&dim| radial(a, dim)).collect::<Result<_, _>>()?));
        }
        if a.radius.is_some() {
            return Err("--radius belongs to --target sphere, ball or shells".into());
        }
        let means = a.means.clone().unwrap_or_else(|| if a.target == Target::Gaussian { vec![0.0] } else { vec![-1.0, 1.0] });
        let weights = a.weights.clone().unwrap_or_else(|| vec![1.0 / means.len() as f64; means.len()]);
        if a.target == Target::Diracs {
            if a.stds.is_some() {
                return Err("--stds does not belong to --target diracs: its standard deviations are 0".into());
            }
            return Ok(Self::Copies(LineMixture::point_masses(&weights, &means)?, dims.to_vec()));
        }
        let std = if a.target == Target::Gaussian { 1.0 } else { 0.6 };
        let stds = a.stds.clone().unwrap_or_else(|| vec![std; means.len()]);
        let line = LineMixture::new(&weights, &means, &stds)?;
        if a.target == Target::Mixture {
            return Ok(Self::Copies(line, dims.to_vec()));
        }
        // The line target has checked weights, lengths and signs; the closed form takes over from there.
        if line.means().len() != 1 {
            return Err(format!("--target gaussian has one component, {} were given", means.len()).into());
        }
        let (mean, variance) = (line.means()[0], line.stds()[0] * line.stds()[0]);
        let gaussian = |&dim: &usize| Ok(Gaussian::new(&vec![mean; dim], Covariance::isotropic(dim, variance)?)?);
        Ok(Self::Gaussians(dims.iter().map(gaussian).collect::<Result<_, Box<dyn Error>>>()?))
    }

    /// Runs the recursion in every dimension and hands over the report and the seconds it took.
    pub(crate) fn run(
        &self,
        a: &Arguments,
        grid: &Grid,
        mut found: impl FnMut(PopulationReport, f64) -> Result<(), Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let method = if a.method == MethodName::Ct { Method::Training } else { Method::Distillation };
        let start = Instant::now();
        match self {
            Self::Copies(target, dims) => {
                let run = LineRecursion::new(target, grid).method(method).tolerance(a.tolerance()).run()?;
                let seconds = start.elapsed().as_secs_f64();
                dims.iter().try_for_each(|&dim| found(run.copies(dim), seconds))
            }
            Self::Gaussians(targets) => targets.iter().try_for_each(|target| {
                let start = Instant::now();
                let run = GaussianRecursion::new(target, grid).method(method).run()?;
                found(run.report().clone(), start.elapsed().as_secs_f64())
            }),
            Self::Radials(targets) => targets.iter().try_for_each(|target| {
                let start = Instant::now();
                let run = RadialRecursion::new(target, grid).method(method).tolerance(a.tolerance()).run()?;
                found(run.report().clone(), start.elapsed().as_secs_f64())
            }),
        }
    }
}

fn radial(a: &Arguments, dim: usize) -> Result<Radial, Box<dyn Error>> {
    for (given, name) in [(a.means.is_some(), "--means"), (a.stds.is_some(), "--stds")] {
        if given {
            return Err(format!("{name} belongs to targets on the line, not to sphere, ball or shells").into());
        }
    }
    let d = dim as f64;
    let radii = a.radius.clone().unwrap_or_else(|| match a.target {
        // E‖X_0‖² = d, as for N(0, I): that of the ball is d R²/(d + 2).
        Target::Sphere => vec![d.sqrt()],
        Target::Ball => vec![(d + 2.0).sqrt()],
        _ => vec![0.5 * d.sqrt(), d.sqrt()],
    });
    if a.target == Target::Shells {
        let weights = a.weights.clone().unwrap_or_else(|| vec![1.0 / radii.len() as f64; radii.len()]);
        return Ok(Radial::shells(dim, &weights, &radii)?);
    }
    if a.weights.is_some() {
        return Err("--weights belongs to --target shells, not to a sphere or ball".into());
    }
    let [radius] = radii[..] else {
        return Err(format!("a sphere or ball has one radius, {} were given", radii.len()).into());
    };
    Ok(if a.target == Target::Sphere { Radial::sphere(dim, radius)? } else { Radial::uniform_ball(dim, radius)? })
}
