//! The properties a schedule must have for the paper's proof, measured.

use crate::schedule::Grid;

/// Something about a grid that a user of the paper's bound should know.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum ScheduleWarning {
    /// β still rises at the last step: the schedule ends before the plateau β = r of (23). On the paper's schedule this is what
    /// c₁ ≤ c₀ (or too few steps) does, and then ᾱ_T does not become small.
    #[error(
        "beta still rises at the end (beta[T-1] = {previous}, beta[T] = {last}): the plateau is not reached (measured c0 = {c0}, c1 = {c1})"
    )]
    PlateauNotReached {
        /// β_{T−1}.
        previous: f64,
        /// β_T.
        last: f64,
        /// −ln β_1/ln T.
        c0: f64,
        /// r T/ln T.
        c1: f64,
    },
    /// (27a) fails: a step removes more than half of the signal's variance.
    #[error("beta[{t}] = {beta} is above 1/2: property (27a) fails")]
    LargeBeta {
        /// The step.
        t: usize,
        /// β_t.
        beta: f64,
    },
    /// (27b) fails.
    #[error("beta[{t}]/(1 - alpha_bar[{before}]) = {ratio} is above 4 r = {limit}: property (27b) fails", before = t - 1)]
    NoiseRatio {
        /// The step.
        t: usize,
        /// β_t/(1−ᾱ_{t−1}).
        ratio: f64,
        /// 4r.
        limit: f64,
    },
    /// (27c) fails.
    #[error("(1 - alpha_bar[{t}])/(1 - alpha_bar[{before}]) = {ratio} is above 1 + 4 r = {limit}: property (27c) fails", before = t - 1)]
    NoiseGrowth {
        /// The step.
        t: usize,
        /// (1−ᾱ_t)/(1−ᾱ_{t−1}).
        ratio: f64,
        /// 1 + 4r.
        limit: f64,
    },
    /// (27d) with c₂ ≤ 1: starting from N(0, I) costs as much as the 1/T term, or more, even for centred data.
    #[error("alpha_bar[T] = T^-{c2}: the prior mismatch hides the 1/T term (c2 above 2 is needed, above 1 for centred data)")]
    PriorMismatch {
        /// −ln ᾱ_T/ln T.
        c2: f64,
    },
    /// (27d) with 1 < c₂ ≤ 2: the mismatch is below the 1/T term for centred data only.
    #[error("alpha_bar[T] = T^-{c2}: the prior mismatch hides the 1/T term unless the data are centred (c2 above 2 is needed)")]
    PriorMismatchUnlessCentred {
        /// −ln ᾱ_T/ln T.
        c2: f64,
    },
}

/// What [`Grid::properties`] measures. Where a supremum over steps is reported, `..._step` is the step that attains it.
///
/// # Units
/// Ratios of variances; c₀, c₁, c₂ are exponents or factors as in (23) and (27).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Properties {
    /// T.
    pub steps: usize,
    /// r = max β_t over t ≥ 2; on the paper's schedule c₁ ln T/T once the plateau is reached.
    pub rate: f64,
    /// The step of that maximum (the first, if several).
    pub rate_step: usize,
    /// c₀ measured: −ln β_1/ln T.
    pub c0: f64,
    /// c₁ measured: r T/ln T.
    pub c1: f64,
    /// c₂ measured: −ln ᾱ_T/ln T. The paper's proof asks for at least 1000, a constant of the proof that no practical schedule has.
    pub c2: f64,
    /// (27a): the smallest α_t = 1 − β_t over t ≥ 2.
    pub min_alpha: f64,
    /// (27b) at t = 2: β_2/(1−ᾱ_1), in units of r. On the paper's schedule (1+r)².
    pub noise_ratio_at_2: f64,
    /// (27b): the supremum of β_t/(1−ᾱ_{t−1}) over t ≥ 3, in units of r (at most 4 for (27b)); NaN if T = 2.
    /// On the paper's schedule it tends to e/(e−1) = 1.582 as T grows.
    pub noise_ratio: f64,
    /// The step of that supremum.
    pub noise_ratio_step: usize,
    /// (27c): the supremum over t ≥ 2 of ((1−ᾱ_t)/(1−ᾱ_{t−1}) − 1), in units of r (at most 4 for (27c)).
    pub noise_growth: f64,
    /// The step of that supremum.
    pub noise_growth_step: usize,
    /// Whether (27a) holds: α_t ≥ 1/2 for every t ≥ 2.
    pub retention_holds: bool,
    /// Whether (27b) holds: β_t/(1−ᾱ_{t−1}) ≤ 4r for every t ≥ 2.
    pub noise_ratio_holds: bool,
    /// Whether (27c) holds: 1 ≤ (1−ᾱ_t)/(1−ᾱ_{t−1}) ≤ 1 + 4r for every t ≥ 2.
    pub noise_growth_holds: bool,
    /// What deserves attention.
    pub warnings: Vec<ScheduleWarning>,
}

impl Properties {
    /// Whether (27a–c) hold, and (27d) with the given c₂: ᾱ_T ≤ T^{−c₂}.
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::schedule::LiHuangWei;
    /// let properties = LiHuangWei::new(4096, 1.0, 6.0).unwrap().grid().unwrap().properties();
    /// assert!(properties.holds(2.0));
    /// assert!(!properties.holds(1000.0)); // the constant of the proof
    /// ```
    #[must_use]
    pub fn holds(&self, c2: f64) -> bool {
        self.retention_holds && self.noise_ratio_holds && self.noise_growth_holds && self.c2 >= c2
    }
}

impl std::fmt::Display for Properties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let holds = |holds: bool| if holds { "holds" } else { "fails" };
        writeln!(
            f,
            "T = {}, r = {:.4e} at step {}; measured c0 = {:.3}, c1 = {:.3}, c2 = {:.3}",
            self.steps, self.rate, self.rate_step, self.c0, self.c1, self.c2
        )?;
        let [a, b, c] = [self.retention_holds, self.noise_ratio_holds, self.noise_growth_holds].map(holds);
        write!(f, "(27a) {a}, (27b) {b} ({:.3} r), (27c) {c} ({:.3} r)", self.noise_ratio.max(self.noise_ratio_at_2), self.noise_growth)?;
        self.warnings.iter().try_for_each(|warning| write!(f, "\nwarning: {warning}"))
    }
}

/// β may fall or rise by rounding on a plateau.
const PLATEAU_TOLERANCE: f64 = 1e-9;

/// Largest value of `f` over the steps and the first step that attains it; NaN over an empty range.
fn supremum(steps: std::ops::RangeInclusive<usize>, f: impl Fn(usize) -> f64) -> (f64, usize) {
    let mut best = (f64::NAN, 0);
    for t in steps {
        let value = f(t);
        if !(value <= best.0) {
            best = (value, t);
        }
    }
    best
}

impl Grid {
    /// Measures the properties (27a–d) that the paper's proof asks of a schedule, on any grid.
    ///
    /// With r = max β_t (t ≥ 2): (27a) α_t ≥ 1 − r ≥ 1/2; (27b) β_t/(1−ᾱ_{t−1}) ≤ 4r; (27c) 1 ≤ (1−ᾱ_t)/(1−ᾱ_{t−1}) ≤ 1 + 4r;
    /// (27d) ᾱ_T ≤ T^{−c₂}. All four are stated for t ≥ 2. 1−ᾱ_t over 1−ᾱ_{t−1} is computed as 1 + β_t ᾱ_{t−1}/(1−ᾱ_{t−1}).
    ///
    /// Nothing is refused here: what fails is in [`warnings`](Properties::warnings).
    ///
    /// # Example
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::schedule::LiHuangWei;
    /// let schedule = LiHuangWei::new(100_000, 2.0, 6.0)?;
    /// let properties = schedule.grid()?.properties();
    /// assert!((properties.rate - schedule.rate()).abs() < 1e-15);
    /// assert!(properties.warnings.is_empty());
    /// // At t = 2 the ratio is (1 + r)², later it stays near e/(e-1).
    /// assert!((properties.noise_ratio_at_2 - (1.0 + properties.rate).powi(2)).abs() < 1e-12);
    /// assert!((properties.noise_ratio - 1.0 / (1.0 - (-1f64).exp())).abs() < 1e-2);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    ///
    /// # References
    /// Li, Huang and Wei 2025, (27a–d), arXiv 2402.07802, after Li, Wei, Chen and Chi 2024, arXiv 2306.09251.
    #[must_use]
    pub fn properties(&self) -> Properties {
        let grid = self;
        let steps = grid.steps();
        let ln_steps = (steps as f64).ln();
        let (rate, rate_step) = supremum(2..=steps, |t| grid.beta(t));
        let before = |t: usize| grid.level(t - 1);
        let ratio = |t: usize| grid.beta(t) / before(t).one_minus_alpha_bar() / rate;
        let growth = |t: usize| ratio(t) * before(t).alpha_bar();
        let (noise_ratio, noise_ratio_step) = supremum(3..=steps, ratio);
        let (noise_growth, noise_growth_step) = supremum(2..=steps, growth);
        let noise_ratio_at_2 = ratio(2);
        let mut properties = Properties {
            steps,
            rate,
            rate_step,
            c0: -grid.beta(1).ln() / ln_steps,
            c1: rate * steps as f64 / ln_steps,
            c2: -grid.last().ln_alpha_bar() / ln_steps,
            min_alpha: 1.0 - rate,
            noise_ratio_at_2,
            noise_ratio,
            noise_ratio_step,
            noise_growth,
            noise_growth_step,
            retention_holds: rate <= 0.5,
            noise_ratio_holds: noise_ratio_at_2 <= 4.0 && !(noise_ratio > 4.0),
            noise_growth_holds: noise_growth <= 4.0,
            warnings: Vec::new(),
        };
        properties.warnings = warnings(&properties, grid);
        properties
    }
}

fn warnings(properties: &Properties, grid: &Grid) -> Vec<ScheduleWarning> {
    let mut warnings = Vec::new();
    let steps = properties.steps;
    let (previous, last) = (grid.beta(steps - 1), grid.beta(steps));
    if last > previous * (1.0 + PLATEAU_TOLERANCE) {
        warnings.push(ScheduleWarning::PlateauNotReached { previous, last, c0: properties.c0, c1: properties.c1 });
    }
    if !properties.retention_holds {
        warnings.push(ScheduleWarning::LargeBeta { t: properties.rate_step, beta: properties.rate });
    }
    if !properties.noise_ratio_holds {
        let worst = if properties.noise_ratio > properties.noise_ratio_at_2 {
            (properties.noise_ratio, properties.noise_ratio_step)
        } else {
            (properties.noise_ratio_at_2, 2)
        };
        warnings.push(ScheduleWarning::NoiseRatio { t: worst.1, ratio: worst.0 * properties.rate, limit: 4.0 * properties.rate });
    }
    if !properties.noise_growth_holds {
        let ratio = 1.0 + properties.noise_growth * properties.rate;
        warnings.push(ScheduleWarning::NoiseGrowth { t: properties.noise_growth_step, ratio, limit: 1.0 + 4.0 * properties.rate });
    }
    let c2 = properties.c2;
    if !(c2 > 1.0) {
        warnings.push(ScheduleWarning::PriorMismatch { c2 });
    } else if !(c2 > 2.0) {
        warnings.push(ScheduleWarning::PriorMismatchUnlessCentred { c2 });
    }
    warnings
}
