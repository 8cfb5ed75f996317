//! Variance schedules and the grid of noise levels they make.

mod angle;
mod backward;
mod classic;
mod equidistributed;
mod karras;
mod li_huang_wei;
mod properties;

pub use angle::UniformAngle;
pub use backward::Backward;
pub use classic::{CosineSchedule, LinearSchedule};
pub use equidistributed::Equidistributed;
pub use karras::Karras;
pub use li_huang_wei::LiHuangWei;
pub use properties::{Properties, ScheduleWarning};

use crate::delegate::delegate;
use crate::level::{LevelError, NoiseLevel};
use crate::numeric::special::sum::Sum;
use std::f64::consts::FRAC_PI_2;

/// Why a schedule or a grid could not be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// There must be at least two levels.
    #[error("steps = {steps} is outside [2, inf)")]
    TooFewSteps {
        /// The number of levels asked for.
        steps: usize,
    },
    /// A parameter is NaN or outside its range.
    #[error("{name} = {value:?} is outside {range}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The valid range.
        range: &'static str,
    },
    /// An entry of a list is NaN or outside its range.
    #[error("{name}[{index}] = {value:?} is outside {range}")]
    Entry {
        /// The list.
        name: &'static str,
        /// Position in the list, from 0.
        index: usize,
        /// The value there.
        value: f64,
        /// The valid range.
        range: &'static str,
    },
    /// Two lists that must have the same length have not.
    #[error("{left_name} has length {left}, {right_name} has length {right}: they must be equal")]
    Lengths {
        /// The first list.
        left_name: &'static str,
        /// Its length.
        left: usize,
        /// The second list.
        right_name: &'static str,
        /// Its length.
        right: usize,
    },
    /// A list must increase strictly (the noise grows with t).
    #[error("{name}[{index}] = {value:?} does not {verb} after {previous}")]
    NotMonotone {
        /// The list.
        name: &'static str,
        /// Position of the offending entry, from 0.
        index: usize,
        /// The value there.
        value: f64,
        /// The value before it.
        previous: f64,
        /// What it should do: `increase` or `decrease`.
        verb: &'static str,
    },
    /// The rate r = c₁ log T / T of the Li–Huang–Wei schedule must be below one.
    #[error("r = c1 ln T / T = {rate} is not below 1 (c1 = {c1}, T = {steps}): take more steps or a smaller c1")]
    RateTooLarge {
        /// r.
        rate: f64,
        /// c₁.
        c1: f64,
        /// T.
        steps: usize,
    },
    /// A level could not be made.
    #[error(transparent)]
    Level(#[from] LevelError),
}

/// A variance schedule β_1, …, β_T of the forward process X_t = √(1−β_t) X_{t−1} + √β_t W_t
/// (Li, Huang and Wei 2025, eqs. (5), (7), arXiv 2402.07802).
///
/// A schedule says what its β are; [`Grid::new`] discretises it. Implement it for a schedule of your own, or build a [`Grid`] from
/// β's, ᾱ's, σ's or angles directly.
///
/// # Units
/// β_t is a variance in (0, 1).
pub trait VarianceSchedule: std::fmt::Debug + Send + Sync {
    /// The number T of steps.
    fn steps(&self) -> usize;

    /// β_t for t in 1..=T.
    ///
    /// # Panics
    /// May panic when `t` is outside 1..=T.
    fn beta(&self, t: usize) -> f64;

    /// The grid of noise levels. A schedule that is given by its angles overrides this, so that no digit is lost on the way through β.
    ///
    /// # Errors
    /// [`ScheduleError`] when a β is outside (0, 1) or there are fewer than two.
    fn grid(&self) -> Result<Grid, ScheduleError> {
        Grid::from_betas((1..=self.steps()).map(|t| self.beta(t)).collect())
    }
}

delegate! {
    impl[] VarianceSchedule {
        fn steps(&self) -> usize;
        fn beta(&self, t: usize) -> f64;
        fn grid(&self) -> Result<Grid, ScheduleError>;
    }
}

/// A discretised schedule: the levels θ_1 < … < θ_T with everything the theory uses, to full relative accuracy at both ends.
///
/// ln ᾱ_t is a compensated sum of ln(1−β_k), 1−ᾱ_t comes from it by `exp_m1`, and the increments satisfy
/// sin Δθ_t = cos θ_{t−1} β_t / (sin θ_t + √(1−β_t) sin θ_{t−1}), where nothing cancels: they keep their digits at T = 10⁶.
///
/// # Indexing
/// Steps count from 1 to T as in the paper; θ_0 = 0 is the data.
///
/// # Example
/// ```
/// use onestep::{Grid, VarianceSchedule};
/// use onestep::schedule::LiHuangWei;
/// let grid = LiHuangWei::new(256, 2.0, 4.0)?.grid()?;
/// assert_eq!(grid.steps(), 256);
/// // β_1 = T^{-c0} is the noise variance of the first level.
/// assert!((grid.level(1).one_minus_alpha_bar() * 256f64.powi(2) - 1.0).abs() < 1e-13);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Grid {
    levels: Vec<NoiseLevel>,
    betas: Vec<f64>,
    sin_deltas: Vec<f64>,
}

/// β = 1 − cos²θ_t / cos²θ_{t−1} = sin Δθ_t sin(θ_t + θ_{t−1}) / cos²θ_{t−1}, without cancellation.
fn beta_between(before: NoiseLevel, now: NoiseLevel, sin_delta: f64) -> f64 {
    (sin_delta * (now.sin() * before.cos() + now.cos() * before.sin()) / before.alpha_bar()).min(1.0)
}

/// Checks a parameter.
fn within(name: &'static str, value: f64, ok: bool, range: &'static str) -> Result<f64, ScheduleError> {
    if ok { Ok(value) } else { Err(ScheduleError::OutOfRange { name, value, range }) }
}

/// Checks the number of levels.
fn check_steps(steps: usize) -> Result<(), ScheduleError> {
    if steps < 2 { Err(ScheduleError::TooFewSteps { steps }) } else { Ok(()) }
}

fn check_entries(name: &'static str, values: &[f64], ok: impl Fn(f64) -> bool, range: &'static str) -> Result<(), ScheduleError> {
    check_steps(values.len())?;
    match values.iter().position(|&v| !ok(v)) {
        Some(index) => Err(ScheduleError::Entry { name, index, value: values[index], range }),
        None => Ok(()),
    }
}

fn check_monotone(name: &'static str, values: &[f64], rising: bool) -> Result<(), ScheduleError> {
    let bad = values.windows(2).position(|w| if rising { !(w[1] > w[0]) } else { !(w[1] < w[0]) });
    match bad {
        Some(i) => {
            let verb = if rising { "increase" } else { "decrease" };
            Err(ScheduleError::NotMonotone { name, index: i + 1, value: values[i + 1], previous: values[i], verb })
        }
        None => Ok(()),
    }
}

impl Grid {
    /// Discretises a schedule; the same as [`VarianceSchedule::grid`].
    ///
    /// # Errors
    /// As [`VarianceSchedule::grid`].
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::schedule::LiHuangWei;
    /// let schedule = LiHuangWei::new(100, 2.0, 4.0)?;
    /// assert_eq!(Grid::new(&schedule)?.steps(), 100);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(schedule: &(impl VarianceSchedule + ?Sized)) -> Result<Self, ScheduleError> {
        schedule.grid()
    }

    /// From β_1, …, β_T.
    ///
    /// # Errors
    /// Fewer than two entries, or one outside (0, 1).
    ///
    /// ```
    /// use onestep::Grid;
    /// let grid = Grid::from_betas(vec![0.1, 0.2, 0.3])?;
    /// assert!((grid.level(3).alpha_bar() - 0.9 * 0.8 * 0.7).abs() < 1e-15);
    /// assert!(Grid::from_betas(vec![0.1, 1.0]).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_betas(betas: Vec<f64>) -> Result<Self, ScheduleError> {
        check_entries("beta", &betas, |b| b > 0.0 && b < 1.0, "(0, 1)")?;
        let mut levels = Vec::with_capacity(betas.len());
        let mut sum = Sum::default();
        for &beta in &betas {
            levels.push(NoiseLevel::from_ln_alpha_bar(sum.add((-beta).ln_1p()))?);
        }
        let mut before = NoiseLevel::DATA;
        let mut sin_deltas = Vec::with_capacity(betas.len());
        for (&beta, &level) in betas.iter().zip(&levels) {
            sin_deltas.push(before.cos() * beta / (level.sin() + (1.0 - beta).sqrt() * before.sin()));
            before = level;
        }
        Ok(Self { levels, betas, sin_deltas })
    }

    /// From ᾱ_1 > … > ᾱ_T. Near ᾱ = 1 a float holds few digits of 1−ᾱ: prefer [`from_betas`](Self::from_betas) or
    /// [`from_sigmas`](Self::from_sigmas) for a schedule that starts very close to the data.
    ///
    /// # Errors
    /// Fewer than two entries, one outside (0, 1), or not decreasing.
    ///
    /// ```
    /// use onestep::Grid;
    /// let grid = Grid::from_alpha_bars(&[0.9, 0.45])?;
    /// assert!((grid.beta(2) - 0.5).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_alpha_bars(alpha_bars: &[f64]) -> Result<Self, ScheduleError> {
        check_entries("alpha_bar", alpha_bars, |a| a > 0.0 && a < 1.0, "(0, 1)")?;
        check_monotone("alpha_bar", alpha_bars, false)?;
        let levels = alpha_bars.iter().map(|&a| NoiseLevel::from_alpha_bar(a)).collect::<Result<Vec<_>, _>>()?;
        let first = levels[0].sin();
        // sin²θ_t − sin²θ_{t−1} = ᾱ_{t−1} − ᾱ_t exactly as given; divided by the sum of sines it gives sin Δθ without cancellation.
        let sin_deltas = std::iter::once(first)
            .chain(levels.windows(2).zip(alpha_bars.windows(2)).map(|(l, a)| {
                let (before, now) = (l[0], l[1]);
                let beta = (a[0] - a[1]) / a[0];
                before.cos() * beta / (now.sin() + (1.0 - beta).sqrt() * before.sin())
            }))
            .collect();
        let betas = std::iter::once(levels[0].one_minus_alpha_bar()).chain(alpha_bars.windows(2).map(|a| (a[0] - a[1]) / a[0])).collect();
        Ok(Self { levels, betas, sin_deltas })
    }

    /// From variance-exploding standard deviations 0 < σ_1 < … < σ_T, σ = tan θ.
    ///
    /// # Errors
    /// Fewer than two entries, one outside (0, ∞), or not increasing.
    ///
    /// ```
    /// use onestep::Grid;
    /// let grid = Grid::from_sigmas(&[0.002, 1.0, 80.0])?;
    /// assert!((grid.level(2).alpha_bar() - 0.5).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_sigmas(sigmas: &[f64]) -> Result<Self, ScheduleError> {
        check_entries("sigma", sigmas, |s| s > 0.0 && s.is_finite(), "(0, inf)")?;
        check_monotone("sigma", sigmas, true)?;
        let levels = sigmas.iter().map(|&s| NoiseLevel::from_sigma(s)).collect::<Result<Vec<_>, _>>()?;
        // sin(θ_t − θ_{t−1}) = (σ_t − σ_{t−1}) cos θ_t cos θ_{t−1}.
        let sin_deltas = std::iter::once(levels[0].sin())
            .chain(levels.windows(2).zip(sigmas.windows(2)).map(|(l, s)| (s[1] - s[0]) * l[0].cos() * l[1].cos()))
            .collect();
        Ok(Self::with_increments(levels, sin_deltas))
    }

    /// From angles 0 < θ_1 < … < θ_T ≤ π/2 in radians.
    ///
    /// # Errors
    /// Fewer than two entries, one outside (0, π/2], or not increasing.
    ///
    /// ```
    /// use onestep::Grid;
    /// let grid = Grid::from_angles(&[0.5, 0.75, 1.0])?;
    /// assert!((grid.delta(2) - 0.25).abs() < 1e-15);
    /// assert!(Grid::from_angles(&[0.5, 0.5]).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn from_angles(angles: &[f64]) -> Result<Self, ScheduleError> {
        check_entries("angle", angles, |a| a > 0.0 && a <= FRAC_PI_2, "(0, π/2]")?;
        check_monotone("angle", angles, true)?;
        let levels = angles.iter().map(|&a| NoiseLevel::from_angle(a)).collect::<Result<Vec<_>, _>>()?;
        let sin_deltas = std::iter::once(levels[0].sin()).chain(angles.windows(2).map(|a| (a[1] - a[0]).sin())).collect();
        Ok(Self::with_increments(levels, sin_deltas))
    }

    /// From levels and the sines of their increments, both to full accuracy.
    pub(crate) fn with_increments(levels: Vec<NoiseLevel>, sin_deltas: Vec<f64>) -> Self {
        let before = std::iter::once(NoiseLevel::DATA).chain(levels.iter().copied());
        let betas = before.zip(&levels).zip(&sin_deltas).map(|((a, &b), &s)| beta_between(a, b, s)).collect();
        Self { levels, betas, sin_deltas }
    }

    /// The refinement that bisects every interval [θ_{t−1}, θ_t], t ≥ 2, in the angle: T levels become 2T − 1 with the same end points.
    ///
    /// If f^{(N)} is computed on a grid of N = T − 1 intervals and f^{(2N)} on its bisection, the leading 1/N error cancels in
    /// 2 f^{(2N)} − f^{(N)} (Richardson extrapolation), whatever the shape of the grid. Taking the same schedule at T and 2T does not do
    /// this in general: θ_1 and the shape move with T.
    ///
    /// # Accuracy
    /// With h = Δθ/2, cos h = √((1 + cos Δθ)/2), the midpoint has sine (sin θ_{t−1} + sin θ_t)/(2 cos h) and cosine
    /// (cos θ_{t−1} + cos θ_t)/(2 cos h), and its two increments have sine sin Δθ/(2 cos h): sums of positive terms only, so no digit is
    /// lost at either end of the path.
    ///
    /// ```
    /// use onestep::Grid;
    /// let grid = Grid::from_angles(&[0.1, 0.3, 0.9])?;
    /// let fine = grid.bisect();
    /// assert_eq!(fine.steps(), 5);
    /// assert_eq!((fine.level(1), fine.last()), (grid.level(1), grid.last()));
    /// assert!((fine.level(4).angle() - 0.6).abs() < 1e-15 && (fine.delta(4) - 0.3).abs() < 1e-15);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn bisect(&self) -> Self {
        let size = 2 * self.steps() - 1;
        let (mut levels, mut sin_deltas) = (Vec::with_capacity(size), Vec::with_capacity(size));
        levels.push(self.levels[0]);
        sin_deltas.push(self.sin_deltas[0]);
        for (ends, &sin_delta) in self.levels.windows(2).zip(&self.sin_deltas[1..]) {
            let (a, b) = (ends[0], ends[1]);
            let twice_cos_half = (2.0 * (1.0 + a.cos() * b.cos() + a.sin() * b.sin())).sqrt();
            let half = sin_delta / twice_cos_half;
            levels.push(NoiseLevel::from_cos_sin((a.cos() + b.cos()) / twice_cos_half, (a.sin() + b.sin()) / twice_cos_half));
            levels.push(b);
            sin_deltas.extend([half, half]);
        }
        Self::with_increments(levels, sin_deltas)
    }

    /// Whether the lists agree and the noise grows: what a grid read from a file must satisfy.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let steps = self.levels.len();
        let level = |l: &NoiseLevel| l.sin() > 0.0 && l.cos() >= 0.0 && (l.alpha_bar() + l.one_minus_alpha_bar() - 1.0).abs() < 1e-12;
        steps >= 2
            && self.betas.len() == steps
            && self.sin_deltas.len() == steps
            && self.levels.iter().all(level)
            && self.levels.windows(2).all(|w| w[1].sin_from(w[0]) > 0.0)
            && self.betas.iter().chain(&self.sin_deltas).all(|b| *b > 0.0 && *b <= 1.0)
    }

    /// The number T of levels.
    ///
    /// ```
    /// assert_eq!(onestep::Grid::from_betas(vec![0.1; 7]).unwrap().steps(), 7);
    /// ```
    #[must_use]
    pub fn steps(&self) -> usize {
        self.levels.len()
    }

    /// The level θ_t for t in 0..=T; θ_0 = 0 is the data.
    ///
    /// # Panics
    /// `t` > T.
    ///
    /// ```
    /// use onestep::{Grid, NoiseLevel};
    /// let grid = Grid::from_betas(vec![0.1; 7]).unwrap();
    /// assert_eq!(grid.level(0), NoiseLevel::DATA);
    /// assert_eq!(grid.level(7), grid.last());
    /// ```
    #[must_use]
    pub fn level(&self, t: usize) -> NoiseLevel {
        if t == 0 { NoiseLevel::DATA } else { self.levels[t - 1] }
    }

    /// The last level θ_T.
    ///
    /// ```
    /// let grid = onestep::Grid::from_angles(&[0.1, 1.5]).unwrap();
    /// assert!((grid.last().angle() - 1.5).abs() < 1e-15);
    /// ```
    #[must_use]
    pub fn last(&self) -> NoiseLevel {
        self.level(self.steps())
    }

    /// The levels θ_1, …, θ_T.
    ///
    /// ```
    /// let grid = onestep::Grid::from_betas(vec![0.1; 7]).unwrap();
    /// assert!(grid.levels().windows(2).all(|w| w[1].sin() > w[0].sin()));
    /// ```
    #[must_use]
    pub fn levels(&self) -> &[NoiseLevel] {
        &self.levels
    }

    /// β_t for t in 1..=T.
    ///
    /// # Panics
    /// `t` outside 1..=T.
    ///
    /// ```
    /// assert_eq!(onestep::Grid::from_betas(vec![0.1, 0.2]).unwrap().beta(2), 0.2);
    /// ```
    #[must_use]
    pub fn beta(&self, t: usize) -> f64 {
        self.betas[t - 1]
    }

    /// sin Δθ_t, Δθ_t = θ_t − θ_{t−1}, for t in 1..=T, without cancellation.
    ///
    /// # Panics
    /// `t` outside 1..=T.
    ///
    /// ```
    /// let grid = onestep::Grid::from_angles(&[0.5, 0.75]).unwrap();
    /// assert_eq!(grid.sin_delta(2), 0.25f64.sin());
    /// ```
    #[must_use]
    pub fn sin_delta(&self, t: usize) -> f64 {
        self.sin_deltas[t - 1]
    }

    /// Δθ_t = θ_t − θ_{t−1} in radians, for t in 1..=T, without cancellation.
    ///
    /// # Panics
    /// `t` outside 1..=T.
    ///
    /// ```
    /// let grid = onestep::Grid::from_angles(&[0.5, 0.75]).unwrap();
    /// assert!((grid.delta(1) - 0.5).abs() < 1e-15);
    /// ```
    #[must_use]
    pub fn delta(&self, t: usize) -> f64 {
        self.sin_deltas[t - 1].min(1.0).asin()
    }
}

/// A schedule given by a list of β's.
///
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::schedule::CustomSchedule;
/// let s = CustomSchedule::new(vec![0.1, 0.2])?;
/// assert_eq!((s.steps(), s.beta(2)), (2, 0.2));
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CustomSchedule {
    betas: Vec<f64>,
}

impl CustomSchedule {
    /// From β_1, …, β_T.
    ///
    /// # Errors
    /// Fewer than two entries, or one outside (0, 1).
    ///
    /// ```
    /// assert!(onestep::schedule::CustomSchedule::new(vec![0.1, f64::NAN]).is_err());
    /// ```
    pub fn new(betas: Vec<f64>) -> Result<Self, ScheduleError> {
        check_entries("beta", &betas, |b| b > 0.0 && b < 1.0, "(0, 1)")?;
        Ok(Self { betas })
    }
}

impl VarianceSchedule for CustomSchedule {
    fn steps(&self) -> usize {
        self.betas.len()
    }
    fn beta(&self, t: usize) -> f64 {
        self.betas[t - 1]
    }
}
