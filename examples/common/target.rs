//! The target that the arguments describe.

use super::help;
use clap::{Command, ValueEnum};
use onestep::law::{Comb, Covariance, Gaussian, LineMixture, Radial};
use std::error::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    Mixture,
    Gaussian,
    Diracs,
    /// Uniform on a sphere of --radius in --dim dimensions.
    Sphere,
    /// Uniform on a ball.
    Ball,
    /// Concentric spheres with --weights.
    Shells,
    /// Normals on a circle of --radius in the plane, --modes of them.
    Ring,
    /// Two interleaved half circles in the plane, blurred by --noise.
    Moons,
    /// A parabola in the plane, blurred by --noise.
    Banana,
    /// The Gaussian mixture of the JSON file --law.
    File,
    /// Point masses at the rows of the table --data.
    Points,
    /// N(0, 1) times 1 + A cos kx, with --amplitude and --wavenumber.
    Comb,
}

/// Independent copies of targets on the line.
pub(crate) const ON_THE_LINE: [Target; 3] = [Target::Mixture, Target::Gaussian, Target::Diracs];

/// Those and the rotation-invariant ones, and the comb.
pub(crate) const EXACT: [Target; 7] =
    [Target::Mixture, Target::Gaussian, Target::Diracs, Target::Sphere, Target::Ball, Target::Shells, Target::Comb];

/// All but the comb.
pub(crate) const OF_LAWS: [Target; 11] = [
    Target::Mixture,
    Target::Gaussian,
    Target::Diracs,
    Target::Sphere,
    Target::Ball,
    Target::Shells,
    Target::Ring,
    Target::Moons,
    Target::Banana,
    Target::File,
    Target::Points,
];

/// The command that takes only these targets, and lists no option that belongs to others alone.
pub(crate) fn taking(command: Command, targets: &[Target]) -> Command {
    let command = help::taking(command, "target", targets);
    let radial = targets.iter().any(|t| matches!(t, Target::Sphere | Target::Ball | Target::Shells | Target::Ring));
    if radial { command } else { command.mut_arg("radius", |argument| argument.hide(true)) }
}

/// Options of a target.
#[derive(Debug, clap::Args)]
pub(crate) struct TargetOptions {
    #[arg(long, value_enum, default_value = "mixture")]
    pub(crate) target: Target,
    /// Weights of the components or shells; equal by default.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    weights: Option<Vec<f64>>,
    /// Means of the components; -1,1 by default (0 for one Gaussian).
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    means: Option<Vec<f64>>,
    /// Standard deviations; 0.6 by default (1 for one Gaussian).
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    stds: Option<Vec<f64>>,
    /// Radius of a sphere or ball, radii of shells; by default such that E‖X_0‖² = d for sphere and ball, and √d/2, √d for shells.
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    radius: Option<Vec<f64>>,
}

/// The target in every dimension asked for, with its parameters checked.
pub(crate) enum Family {
    /// Independent copies of one target on the line.
    Copies(LineMixture, Vec<usize>),
    Gaussians(Vec<Gaussian>),
    /// Independent copies of a comb.
    Combs(Comb, Vec<usize>),
    Radials(Vec<Radial>),
}

impl TargetOptions {
    pub(crate) fn is_radial(&self) -> bool {
        matches!(self.target, Target::Sphere | Target::Ball | Target::Shells)
    }

    /// Whether the target is independent copies of one on the line.
    pub(crate) fn is_line(&self) -> bool {
        matches!(self.target, Target::Mixture | Target::Gaussian | Target::Diracs)
    }

    /// The options that were given beside --target.
    pub(crate) fn given(&self) -> Vec<&'static str> {
        let given = [
            ("--weights", self.weights.is_some()),
            ("--means", self.means.is_some()),
            ("--stds", self.stds.is_some()),
            ("--radius", self.radius.is_some()),
        ];
        given.into_iter().filter(|g| g.1).map(|g| g.0).collect()
    }

    /// The one radius and the one standard deviation of a ring, 2 and 0.2 by default.
    pub(crate) fn ring(&self) -> Result<(f64, f64), Box<dyn Error>> {
        let one = |option: &str, list: &Option<Vec<f64>>, default: f64| match list.as_deref() {
            None => Ok(default),
            Some([one]) => Ok(*one),
            Some(list) => Err(format!("{option} has {} values, a ring has one", list.len())),
        };
        Ok((one("--radius", &self.radius, 2.0)?, one("--stds", &self.stds, 0.2)?))
    }

    /// The options that make a target on the line or a radial one, with their values.
    pub(crate) fn described(&self, dim: usize) -> Result<Vec<(&'static str, String)>, Box<dyn Error>> {
        let mut described = vec![("--target", super::name(self.target))];
        let mut add = |option, values: &[f64]| described.push((option, super::joined(values)));
        if self.is_radial() {
            let radial = self.radial(dim)?;
            match (&self.radius, self.target) {
                (Some(radius), _) => add("--radius", radius),
                (None, Target::Shells) => add("--radius", radial.radii()),
                (None, Target::Sphere) => add("--radius", &[(dim as f64).sqrt()]),
                (None, _) => add("--radius", &[(dim as f64 + 2.0).sqrt()]),
            }
            if self.target == Target::Shells {
                add("--weights", radial.weights());
            }
        } else {
            let line = self.line()?;
            add("--weights", line.weights());
            add("--means", line.means());
            if self.target != Target::Diracs {
                add("--stds", line.stds());
            }
        }
        Ok(described)
    }

    /// The target on the line whose independent copies are meant.
    pub(crate) fn line(&self) -> Result<LineMixture, Box<dyn Error>> {
        if self.is_radial() {
            return Err("--target sphere, ball and shells are not made of targets on the line: take mixture, gaussian or diracs".into());
        }
        if self.target == Target::Comb {
            return Err("--target comb is taken by step_bound only: here take mixture, gaussian, diracs or a radial target".into());
        }
        if !self.is_line() {
            let name = super::name(self.target);
            return Err(
                format!("--target {name} is taken by known_answer only: here take mixture, gaussian, diracs or a radial target").into()
            );
        }
        if self.radius.is_some() {
            return Err("--radius belongs to --target sphere, ball or shells".into());
        }
        let gaussian = self.target == Target::Gaussian;
        let means = self.means.clone().unwrap_or_else(|| if gaussian { vec![0.0] } else { vec![-1.0, 1.0] });
        let weights = self.weights.clone().unwrap_or_else(|| vec![1.0 / means.len() as f64; means.len()]);
        if self.target == Target::Diracs {
            if self.stds.is_some() {
                return Err("--stds does not belong to --target diracs: its standard deviations are 0".into());
            }
            return Ok(LineMixture::point_masses(&weights, &means)?);
        }
        let std = if gaussian { 1.0 } else { 0.6 };
        let stds = self.stds.clone().unwrap_or_else(|| vec![std; means.len()]);
        let line = LineMixture::new(&weights, &means, &stds)?;
        if gaussian && line.means().len() != 1 {
            return Err(format!("--target gaussian has one component, {} were given", means.len()).into());
        }
        Ok(line)
    }

    /// The target in the dimensions `dims`.
    pub(crate) fn family(&self, dims: &[usize]) -> Result<Family, Box<dyn Error>> {
        if self.is_radial() {
            return Ok(Family::Radials(dims.iter().map(|&dim| self.radial(dim)).collect::<Result<_, _>>()?));
        }
        let line = self.line()?;
        if self.target != Target::Gaussian {
            return Ok(Family::Copies(line, dims.to_vec()));
        }
        // The line target has checked weights, lengths and signs; the closed form takes over from there.
        let (mean, variance) = (line.means()[0], line.stds()[0] * line.stds()[0]);
        let gaussian = |&dim: &usize| Ok(Gaussian::new(&vec![mean; dim], Covariance::isotropic(dim, variance)?)?);
        Ok(Family::Gaussians(dims.iter().map(gaussian).collect::<Result<_, Box<dyn Error>>>()?))
    }

    pub(crate) fn radial(&self, dim: usize) -> Result<Radial, Box<dyn Error>> {
        for (given, name) in [(self.means.is_some(), "--means"), (self.stds.is_some(), "--stds")] {
            if given {
                return Err(format!("{name} belongs to targets on the line, not to sphere, ball or shells").into());
            }
        }
        let d = dim as f64;
        let radii = self.radius.clone().unwrap_or_else(|| match self.target {
            // E‖X_0‖² = d, as for N(0, I): that of the ball is d R²/(d + 2).
            Target::Sphere => vec![d.sqrt()],
            Target::Ball => vec![(d + 2.0).sqrt()],
            _ => vec![0.5 * d.sqrt(), d.sqrt()],
        });
        if self.target == Target::Shells {
            let weights = self.weights.clone().unwrap_or_else(|| vec![1.0 / radii.len() as f64; radii.len()]);
            return Ok(Radial::shells(dim, &weights, &radii)?);
        }
        if self.weights.is_some() {
            return Err("--weights belongs to --target shells, not to a sphere or ball".into());
        }
        let [radius] = radii[..] else {
            return Err(format!("a sphere or ball has one radius, {} were given", radii.len()).into());
        };
        Ok(if self.target == Target::Sphere { Radial::sphere(dim, radius)? } else { Radial::ball(dim, radius)? })
    }
}
