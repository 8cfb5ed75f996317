//! A network as a consistency function of the library.

use super::network::{Network, Outcome};
use clap::ValueEnum;
use ndarray::{Array2, ArrayRef2};
use onestep::path::{GaussianPath, Path, Place};
use onestep::{ConsistencyFunction, Family, ForwardProcess, Grid, Sample, Space};
use rand::RngCore;
use std::sync::OnceLock;

/// What the network takes as its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Time {
    /// The time of the path: σ on edm, t on trig, s on linear, ᾱ on vp.
    Path,
    Sigma,
    LogSigma,
    /// (ln σ)/4, the noise condition of EDM.
    QuarterLogSigma,
    /// The noise angle in radians.
    Angle,
    AlphaBar,
    /// The number of the level, from 1 (data) on.
    Step,
    /// The number of the level, from 0 (data) on.
    Index,
}

impl Time {
    fn at(self, grid: &Grid, path: &Path, t: usize) -> Outcome<f64> {
        let level = grid.level(t);
        Ok(match self {
            Self::Path => path.time(level)?,
            Self::Sigma => level.sigma(),
            Self::LogSigma => level.sigma().ln(),
            Self::QuarterLogSigma => level.sigma().ln() / 4.0,
            Self::Angle => level.angle(),
            Self::AlphaBar => level.alpha_bar(),
            Self::Step => t as f64,
            Self::Index => t as f64 - 1.0,
        })
    }
}

/// f_t(x) = f(m_t x, time)/m_1, with the network f in the convention of a path.
#[derive(Debug)]
pub(crate) struct OnnxFamily {
    network: Network,
    dim: usize,
    stations: Vec<(f64, Place)>,
    /// The first evaluation that failed: evaluations of the library cannot.
    failure: OnceLock<String>,
}

/// Draws at which a network is tried.
const TRIED: usize = 16;

impl OnnxFamily {
    /// Refuses a network that cannot be evaluated at the levels of the grid, or whose values do not depend on the time.
    pub(crate) fn new(network: Network, law: &dyn Sample, grid: &Grid, path: &Path, time: Time, rng: &mut dyn RngCore) -> Outcome<Self> {
        let stations = (1..=grid.steps()).map(|t| Ok((time.at(grid, path, t)?, path.on(grid.level(t))?))).collect::<Outcome<Vec<_>>>()?;
        let family = Self { network, dim: law.dim(), stations, failure: OnceLock::new() };
        let last = grid.steps();
        let draws = ForwardProcess::new(grid).marginal(last, &law.sample(TRIED, rng), rng);
        let x = family.stations[last - 1].1.from_vp(&draws);
        let values = (1..=last).map(|t| family.network.eval(family.stations[t - 1].0, &x)).collect::<Outcome<Vec<_>>>()?;
        // One point, two times: with no difference, to the bit, between any two levels, the time has no effect.
        if last > 1 && values.windows(2).all(|pair| pair[0] == pair[1]) {
            let name = family.network.time_name();
            return Err(format!(
                "its values are the same at all {last} times: the input {name:?} has no effect, the time was frozen into the graph when it was exported"
            )
            .into());
        }
        Ok(family)
    }

    /// The network at level t and points of the path, also where the library takes f_1 = id for granted.
    pub(crate) fn raw(&self, t: usize, x: &ArrayRef2<f64>) -> Outcome<Array2<f64>> {
        let (time, place) = self.stations[t - 1];
        let mut values = self.network.eval(time, &place.from_vp(x))?;
        values /= self.stations[0].1.scale();
        Ok(values)
    }

    /// The error of an evaluation that failed.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// What the rounding of the points to single precision moves the values at `x` by, at most: the largest change of f over the last bit of x,
    /// up and down.
    pub(crate) fn rounding(&self, t: usize, x: &ArrayRef2<f64>) -> Outcome<f64> {
        let (time, place) = self.stations[t - 1];
        let here = place.from_vp(x).mapv(|v| v as f32);
        let f = self.network.eval(time, &here.mapv(f64::from))?;
        let mut largest = 0.0_f64;
        for moved in [here.mapv(f32::next_up), here.mapv(f32::next_down)] {
            let gap = (&self.network.eval(time, &moved.mapv(f64::from))? - &f).mapv(f64::abs);
            largest = gap.iter().copied().fold(largest, f64::max);
        }
        Ok(largest / self.stations[0].1.scale())
    }
}

impl Space for OnnxFamily {
    fn dim(&self) -> usize {
        self.dim
    }
}

impl Family for OnnxFamily {
    fn steps(&self) -> usize {
        self.stations.len()
    }
}

impl ConsistencyFunction for OnnxFamily {
    fn eval_into(&self, t: usize, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        if t == 1 {
            out.assign(x);
            return;
        }
        match self.raw(t, x) {
            Ok(values) => out.assign(&values),
            Err(error) => {
                // An audit refuses what is not a number, and the message is kept for its end.
                self.failure.get_or_init(|| error.to_string());
                out.fill(f64::NAN);
            }
        }
    }
}
