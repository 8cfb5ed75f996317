//! Variance schedules and the grid of noise levels they make.
//!
//! | question | take |
//! | --- | --- |
//! | What does the paper use? | [`LiHuangWei`], eq. (23); [`Grid::properties`] says which of its assumptions (27a–d) hold, on any grid |
//! | What do practitioners use? | [`LinearSchedule`] (DDPM, VP), [`CosineSchedule`], [`Karras`] (EDM, VE, consistency models) |
//! | How does an error fall with T, all else equal? | [`UniformAngle`]: the same path, cut evenly |
//! | Where should the levels be? | [`Equidistributed`], from the local errors of a run |
//! | I have a list of β, ᾱ, σ or θ | [`Grid::from_betas`], [`Grid::from_alpha_bars`], [`Grid::from_sigmas`], [`Grid::from_angles`] |
//! | I have a formula for one of them | [`ScheduleFn`], or [`VarianceSchedule`] for a type of your own |

mod angle;
mod backward;
mod classic;
mod equidistributed;
mod error;
mod function;
mod karras;
mod li_huang_wei;
mod properties;

pub use angle::UniformAngle;
pub use backward::Backward;
pub use classic::{CosineSchedule, LinearSchedule};
pub use equidistributed::Equidistributed;
pub use error::ScheduleError;
pub use function::ScheduleFn;
pub use karras::Karras;
pub use li_huang_wei::LiHuangWei;
pub use properties::{Properties, ScheduleWarning};

use crate::delegate::delegate;
use crate::error::{check_entries, check_range};
use crate::level::NoiseLevel;
use crate::numeric::special::sum::Sum;
use std::f64::consts::FRAC_PI_2;

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

/// A grid is the schedule of its own β's: what is asked of a schedule can be asked of a grid.
impl VarianceSchedule for Grid {
    fn steps(&self) -> usize {
        Self::steps(self)
    }

    fn beta(&self, t: usize) -> f64 {
        Self::beta(self, t)
    }

    fn grid(&self) -> Result<Grid, ScheduleError> {
        Ok(self.clone())
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
#[cfg_attr(feature = "serde", serde(try_from = "Lists"))]
pub struct Grid {
    levels: Vec<NoiseLevel>,
    betas: Vec<f64>,
    sin_deltas: Vec<f64>,
}

/// A grid as it is read, before it is checked.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
struct Lists {
    levels: Vec<NoiseLevel>,
    betas: Vec<f64>,
    sin_deltas: Vec<f64>,
}

#[cfg(feature = "serde")]
impl TryFrom<Lists> for Grid {
    type Error = ScheduleError;

    fn try_from(Lists { levels, betas, sin_deltas }: Lists) -> Result<Self, ScheduleError> {
        let grid = Self { levels, betas, sin_deltas };
        if grid.is_sound() { Ok(grid) } else { Err(ScheduleError::Inconsistent) }
    }
}

/// β = 1 − cos²θ_t / cos²θ_{t−1} = sin Δθ_t sin(θ_t + θ_{t−1}) / cos²θ_{t−1}, without cancellation.
fn beta_between(before: NoiseLevel, now: NoiseLevel, sin_delta: f64) -> f64 {
    (sin_delta * (now.sin() * before.cos() + now.cos() * before.sin()) / before.alpha_bar()).min(1.0)
}

/// The largest number of levels: 2^27 of them take 5 GB.
const MOST_STEPS: usize = 1 << 27;

/// Checks the number of levels.
fn check_steps(steps: usize) -> Result<(), ScheduleError> {
    check_range("steps", steps, (2..=MOST_STEPS).contains(&steps), "[2, 134217728]")?;
    Ok(())
}

/// Checks a list with one entry a level.
fn check_levels(name: &'static str, values: &[f64], ok: impl Fn(f64) -> bool, range: &'static str) -> Result<(), ScheduleError> {
    check_steps(values.len())?;
    Ok(check_entries(name, values, ok, range)?)
}

fn check_monotone(name: &'static str, values: &[f64], rising: bool) -> Result<(), ScheduleError> {
    let bad = values.windows(2).position(|w| if rising { !(w[1] > w[0]) } else { !(w[1] < w[0]) });
    match bad {
        Some(i) => {
            let verb = if rising { "increase" } else { "decrease" };
            Err(ScheduleError::NotMonotone { name, index: i + 2, value: values[i + 1].into(), previous: values[i].into(), verb })
        }
        None => Ok(()),
    }
}

/// Sines from here on do not tell their angle to all digits.
const LONG: f64 = 0.5;

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
        check_levels("betas", &betas, |b| b > 0.0 && b < 1.0, "(0, 1)")?;
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
        Self { levels, betas, sin_deltas }.checked()
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
        check_levels("alpha_bars", alpha_bars, |a| a > 0.0 && a < 1.0, "(0, 1)")?;
        check_monotone("alpha_bars", alpha_bars, false)?;
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
        Self { levels, betas, sin_deltas }.checked()
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
        check_levels("sigmas", sigmas, |s| s > 0.0 && s.is_finite(), "(0, inf)")?;
        check_monotone("sigmas", sigmas, true)?;
        let levels = sigmas.iter().map(|&s| NoiseLevel::from_sigma(s)).collect::<Result<Vec<_>, _>>()?;
        // sin(θ_t − θ_{t−1}) = (σ_t − σ_{t−1}) cos θ_t cos θ_{t−1}.
        let sin_deltas = std::iter::once(levels[0].sin())
            .chain(levels.windows(2).zip(sigmas.windows(2)).map(|(l, s)| (s[1] - s[0]) * l[0].cos() * l[1].cos()))
            .collect();
        Self::with_increments(levels, sin_deltas).checked()
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
        check_levels("angles", angles, |a| a > 0.0 && a <= FRAC_PI_2, "(0, π/2]")?;
        check_monotone("angles", angles, true)?;
        let levels = angles.iter().map(|&a| NoiseLevel::from_angle(a)).collect::<Result<Vec<_>, _>>()?;
        let sin_deltas = std::iter::once(levels[0].sin()).chain(angles.windows(2).map(|a| (a[1] - a[0]).sin())).collect();
        Self::with_increments(levels, sin_deltas).checked()
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

    /// The grid, if its noise grows from step to step and nothing underflows.
    pub(crate) fn checked(self) -> Result<Self, ScheduleError> {
        let steps = self.levels.len();
        check_entries("increments", &self.sin_deltas, |s| s > 0.0 && s <= 1.0, "(0, 1]")?;
        check_entries("betas", &self.betas, |b| b > 0.0 && b <= 1.0, "(0, 1]")?;
        let sines: Vec<f64> = self.levels.iter().map(|l| l.sin()).collect();
        check_entries("sin(theta)", &sines, |s| (0.999e-75..=1.0).contains(&s), "[1e-75, 1]")?;
        // The last level may be the noise itself; before it there is data left to remove.
        let alpha_bars: Vec<f64> = self.levels[..steps - 1].iter().map(|l| l.alpha_bar()).collect();
        check_entries("alpha_bar", &alpha_bars, |a| (1e-300..=1.0).contains(&a), "[1e-300, 1]")?;
        Ok(self)
    }

    /// Whether the lists agree and the noise grows: what a grid read from a file must satisfy.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        /// Relative gap between a β and that of the levels and the increment.
        const AGREES: f64 = 1e-6;
        let steps = self.levels.len();
        let grows = |w: &[NoiseLevel]| w[1].sin() >= w[0].sin() && w[1].cos() <= w[0].cos();
        let agrees = |t: usize| {
            let (before, now) = (self.level(t - 1), self.level(t));
            let beta = beta_between(before, now, self.sin_delta(t));
            (beta / self.beta(t) - 1.0).abs() <= AGREES && (now.sin_from(before) - self.sin_delta(t)).abs() <= AGREES
        };
        (2..=MOST_STEPS).contains(&steps)
            && self.betas.len() == steps
            && self.sin_deltas.len() == steps
            && self.levels.windows(2).all(grows)
            && self.clone().checked().is_ok()
            && (1..=steps).all(agrees)
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
        let sin = self.sin_deltas[t - 1];
        if sin < LONG { sin.asin() } else { sin.atan2(self.cos_delta(t)) }
    }

    /// cos Δθ_t: by sin Δθ_t where that is short, and by the levels where 1 − sin² would lose its digits.
    pub(crate) fn cos_delta(&self, t: usize) -> f64 {
        let sin = self.sin_deltas[t - 1];
        if sin < LONG {
            return (1.0 - sin * sin).sqrt();
        }
        let (before, now) = (self.level(t - 1), self.level(t));
        before.cos() * now.cos() + before.sin() * now.sin()
    }
}
