//! 2.18 and 2.19: strongly log-concave targets.

use crate::bound::BoundError;
use crate::bound::error::{check_dim, positive};
use crate::bound::explicit::lipschitz::check_span;
use crate::bound::explicit::{OUTWARDS, SufficientSteps};
use crate::error::check_range;
use crate::level::NoiseLevel;
use crate::numeric::special::kronrod::{K15, Piece, Value, adaptive};
use crate::numeric::special::sum::Sum;
use crate::schedule::{Grid, UniformAngle, VarianceSchedule};
use std::fmt;

/// The hypothesis α I ≤ ∇²V ≤ β I, V = −ln p_data, α > 0 (2.18, 2.19). β = ∞ is allowed where only α is used.
///
/// Everything is measured against the Gaussian of variance λ = 1/α: v_θ = λ cos²θ + sin²θ and tan ψ = tan θ/√λ.
///
/// # Example
/// The standard Gaussian, α = β = 1: the bound is exact to leading order, (π²/8) √d/T.
/// ```
/// use onestep::VarianceSchedule;
/// use onestep::bound::LogConcave;
/// use onestep::schedule::UniformAngle;
/// let grid = UniformAngle::new(1000, 1e-6, std::f64::consts::FRAC_PI_2 - 1e-6)?.grid()?;
/// let bound = LogConcave::new(9, 1.0, 1.0)?.bound(&grid);
/// assert!((bound.w2 / (std::f64::consts::PI.powi(2) / 8.0 * 3.0 / 999.0) - 1.0).abs() < 1e-3);
/// assert_eq!(bound.spread, 0.0);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogConcave {
    dim: usize,
    alpha: f64,
    beta: f64,
}

/// The bound 2.19 on one grid, term by term: `w2` = `transport` + `spread`.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LogConcaveBound {
    /// √d Σ_t √(a_1/a_{t−1}) ∫ sin(τ − θ_{t−1}) B_τ dτ: the posterior mean is not the flow's step (T_1).
    pub transport: f64,
    /// √d Σ_t ½ M_{t−1} sin²Δθ_t/a_t: the spread of X_{t−1} about it meets the curvature of Φ_{t−1} (T_2).
    pub spread: f64,
    /// The bound on ‖f_T* − Φ_T‖, hence on W_2 and W_1.
    pub w2: f64,
}

/// The leading order of [`LogConcave::bound`] on uniform angles: T · bound → (k1 + k2) √d.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LogConcaveRate {
    /// (Θ/2) ∫ √(a_1/a_τ) B_τ dτ.
    pub k1: f64,
    /// (Θ/2) ∫ M_τ/a_τ dτ.
    pub k2: f64,
}

impl fmt::Display for LogConcaveBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "W2 <= {:.4e} = {:.4e} (mean against flow) + {:.4e} (spread)", self.w2, self.transport, self.spread)
    }
}

impl fmt::Display for LogConcaveRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T W2 <= {:.6} sqrt(d) to leading order", self.k1 + self.k2)
    }
}

impl LogConcaveRate {
    /// K(α, β) = k1 + k2.
    ///
    /// ```
    /// use onestep::bound::LogConcave;
    /// let rate = LogConcave::new(1, 1.0, 2.0)?.rate(0.0, std::f64::consts::FRAC_PI_2)?;
    /// assert!((rate.k1 - 1.7746383976).abs() < 1e-9 && (rate.k2 - 0.6300983030).abs() < 1e-9);
    /// assert_eq!(rate.k(), rate.k1 + rate.k2);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn k(&self) -> f64 {
        self.k1 + self.k2
    }
}

/// The quantities of 2.19 at one angle.
struct At {
    sin: f64,
    cos: f64,
    a: f64,
    hat: f64,
}

impl LogConcave {
    /// On ℝ^`dim` with α I ≤ ∇²V ≤ β I.
    ///
    /// # Errors
    /// d = 0; α outside [1e−100, 1e100], where its powers are representable; β below α, above 1e100 and finite, or NaN.
    ///
    /// ```
    /// use onestep::bound::LogConcave;
    /// assert!(LogConcave::new(1, 0.0, 1.0).is_err());
    /// assert!(LogConcave::new(1, 2.0, 1.0).is_err());
    /// assert!(LogConcave::new(1, 1.0, f64::INFINITY).is_ok());
    /// ```
    pub fn new(dim: usize, alpha: f64, beta: f64) -> Result<Self, BoundError> {
        check_dim(dim)?;
        check_range("alpha", alpha, (1e-100..=1e100).contains(&alpha), "[1e-100, 1e100]")?;
        check_range("beta", beta, beta >= alpha && (beta <= 1e100 || beta.is_infinite()), "[alpha, 1e100] or inf")?;
        Ok(Self { dim, alpha, beta })
    }

    /// α.
    ///
    /// ```
    /// assert_eq!(onestep::bound::LogConcave::new(1, 0.5, 2.0)?.alpha(), 0.5);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// β.
    ///
    /// ```
    /// assert_eq!(onestep::bound::LogConcave::new(1, 0.5, 2.0)?.beta(), 2.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// 2.18 (ii): Σ_t loss_t* ≤ d v_1 (1 − Π_t cos²Δψ_t), attained by N(m, I/α); its root bounds W_2. Needs α alone.
    ///
    /// # Accuracy
    /// An upper bound, rounding included.
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::bound::LogConcave;
    /// use onestep::schedule::UniformAngle;
    /// // N(0, 1): T · Σ loss on 50 uniform angles.
    /// let grid = UniformAngle::new(50, 0.01, std::f64::consts::FRAC_PI_2 - 0.001)?.grid()?;
    /// let energy = LogConcave::new(1, 1.0, 1.0)?.energy(&grid);
    /// assert!((50.0 * energy - 2.4223896770).abs() < 1e-9);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn energy(&self, grid: &Grid) -> f64 {
        self.dim as f64 * self.variance(grid.level(1)) * -(2.0 * self.ln_gain(grid, grid.steps())).exp_m1() * OUTWARDS
    }

    /// 2.18 (i): a bound on Λ = max_t Lip f_t*, √(v_1/v_t) Π_{s≤t} cos Δψ_s at its largest; at least 1. Needs α alone.
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::bound::LogConcave;
    /// use onestep::schedule::UniformAngle;
    /// let grid = UniformAngle::new(50, 0.01, 1.57)?.grid()?;
    /// assert!((LogConcave::new(1, 4.0, 9.0)?.lipschitz_maps(&grid) - 1.0).abs() < 1e-11); // contractions
    /// let lambda = LogConcave::new(1, 0.25, 9.0)?.lipschitz_maps(&grid);
    /// assert!(lambda > 1.8 && lambda <= 2.0 * (1.0 + 1e-11)); // at most α^{−1/2}
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn lipschitz_maps(&self, grid: &Grid) -> f64 {
        let first = self.variance(grid.level(1));
        let (mut best, mut ln_gain) = (1.0_f64, 0.0);
        for t in 2..=grid.steps() {
            ln_gain += self.ln_cos(grid, t);
            let slope = (first / self.variance(grid.level(t))).sqrt() * f64::exp(ln_gain);
            if slope > best {
                best = slope;
            }
        }
        best * OUTWARDS
    }

    /// A bound on L_f = sup Lip Φ_{t→k}: max(1, α^{−1/2}). Needs α alone.
    ///
    /// ```
    /// assert!((onestep::bound::LogConcave::new(1, 0.25, 1.0)?.lipschitz() - 2.0).abs() < 1e-11);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn lipschitz(&self) -> f64 {
        (1.0 / self.alpha.sqrt()).max(1.0) * OUTWARDS
    }

    /// 2.18 (iii), on the line, needs V'' ≤ β alone: W_2 ≥ v_1 (1 − Π cos²Δψ_t)/(2 √Var X_1) with λ = 1/β. No β-smooth law on the line
    /// beats 1/T on a schedule that reaches the noise. `None` for β = ∞.
    ///
    /// # Errors
    /// `variance`, Var X_1 at the first level of the grid, is not positive and finite.
    ///
    /// # Accuracy
    /// A lower bound, rounding included.
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::bound::LogConcave;
    /// use onestep::schedule::UniformAngle;
    /// let grid = UniformAngle::new(50, 0.01, 1.57)?.grid()?;
    /// let line = LogConcave::new(1, 1.0, 1.0)?;
    /// let lower = line.line_lower_bound(&grid, 1.0)?.unwrap();
    /// assert!(lower > 0.0 && lower <= line.bound(&grid).w2);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn line_lower_bound(&self, grid: &Grid, variance: f64) -> Result<Option<f64>, BoundError> {
        positive("variance", variance)?;
        if self.beta.is_infinite() {
            return Ok(None);
        }
        let gaussian = Self { dim: 1, alpha: self.beta, beta: self.beta };
        Ok(Some(gaussian.energy(grid) / (2.0 * variance.sqrt()) / OUTWARDS.powi(2)))
    }

    /// 2.19 on any grid; infinite for β = ∞.
    ///
    /// ```math
    /// W_2 \le \sqrt d \sum_{t=2}^T \Bigl\{ \sqrt{\tfrac{a_1}{a_{t-1}}} \int_{\theta_{t-1}}^{\theta_t} \sin(\tau - \theta_{t-1}) B_\tau\, d\tau
    ///   + \tfrac12 M_{t-1} \frac{\sin^2 \Delta\theta_t}{a_t} \Bigr\}
    /// ```
    ///
    /// with a = α sin² + cos², â = β sin² + cos², B = √(β/â)/a + 2 sin cos (β−α)/(a^{3/2}(a+â)),
    /// M_t = (√a_1/a_t) ∫_{θ_1}^{θ_t} √a 2 cos² (β−α)/(a^{3/2}(a+â)) dτ.
    ///
    /// # Accuracy
    /// An upper bound: the integrals to about 1e−13, their error and rounding included. O(T).
    ///
    /// See [`LogConcave`] for an example.
    #[must_use]
    pub fn bound(&self, grid: &Grid) -> LogConcaveBound {
        if self.beta.is_infinite() {
            return LogConcaveBound { transport: f64::INFINITY, spread: f64::INFINITY, w2: f64::INFINITY };
        }
        let first = self.a(grid.level(1));
        let (mut transport, mut spread, mut curvature) = (Sum::default(), Sum::default(), Sum::default());
        for t in 2..=grid.steps() {
            let (before, level, delta) = (grid.level(t - 1), grid.level(t), grid.delta(t));
            let from = self.a(before);
            let drift = upper_integral(0.0, delta, |s| s.sin() * self.drift(&self.after(before, s)));
            transport.add((first / from).sqrt() * drift);
            let m = first.sqrt() / from * curvature.value();
            spread.add(0.5 * m * grid.sin_delta(t).powi(2) / self.a(level));
            curvature.add(upper_integral(0.0, delta, |s| self.bend(&self.after(before, s))));
        }
        let root = (self.dim as f64).sqrt();
        let (transport, spread) = (root * transport.value() * OUTWARDS, root * spread.value() * OUTWARDS);
        LogConcaveBound { transport, spread, w2: (transport + spread) * OUTWARDS }
    }

    /// The limit of T · [`bound`](Self::bound)/√d on uniform angles from `first` to `last`.
    ///
    /// # Units
    /// Angles in radians, 0 ≤ `first` < `last` ≤ π/2.
    ///
    /// # Errors
    /// Angles outside that range, or β = ∞.
    ///
    /// See [`LogConcaveRate::k`] for an example.
    pub fn rate(&self, first: f64, last: f64) -> Result<LogConcaveRate, BoundError> {
        check_range("first", first, first >= 0.0 && first < last, "[0, last)")?;
        check_span(last - first)?;
        check_range("beta", self.beta, self.beta.is_finite(), "[alpha, inf)")?;
        let at = |tau: f64| self.at(tau.sin(), tau.cos());
        let (start, half) = (at(first).a, 0.5 * (last - first));
        let k1 = half * upper_integral(first, last, |tau| (start / at(tau).a).sqrt() * self.drift(&at(tau)));
        // ∫ M/a dθ = √a_1 ∫ √a η G(τ) dτ with G(τ) = ∫_τ^last a^{−2} dθ, which is elementary.
        let end = self.inverse_square(last.sin(), last.cos());
        let k2 = half
            * start.sqrt()
            * upper_integral(first, last, |tau| self.bend(&at(tau)) * (end - self.inverse_square(tau.sin(), tau.cos())).max(0.0));
        Ok(LogConcaveRate { k1, k2 })
    }

    /// Uniform angles from `first` to `last`: a T at which [`bound`](Self::bound) is at most `epsilon`, found from the leading order
    /// K √d/ε and verified by the sum itself up to 200 000 steps; the least such T up to 5000.
    ///
    /// # Errors
    /// ε not positive and finite, angles outside 0 < `first` < `last` < π/2, β = ∞, or a T beyond 2^53.
    ///
    /// ```
    /// use onestep::VarianceSchedule;
    /// use onestep::bound::LogConcave;
    /// use onestep::schedule::UniformAngle;
    /// let law = LogConcave::new(16, 1.0, 4.0)?;
    /// let steps = law.steps_for(0.1, 0.01, 1.57)?.steps;
    /// let bound = |steps| Ok::<_, onestep::Error>(law.bound(&UniformAngle::new(steps, 0.01, 1.57)?.grid()?).w2);
    /// assert!(bound(steps)? <= 0.1 && bound(steps - 1)? > 0.1);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn steps_for(&self, epsilon: f64, first: f64, last: f64) -> Result<SufficientSteps, BoundError> {
        /// Above this the sum is not evaluated.
        const MOST_VERIFIED: f64 = 200_000.0;
        /// Up to this the least T is sought.
        const MOST_SOUGHT: usize = 5000;
        positive("epsilon", epsilon)?;
        check_range("first", first, first > 0.0 && first < last, "(0, last)")?;
        check_range("last", last, last < std::f64::consts::FRAC_PI_2, "(first, π/2)")?;
        let leading = 1.0 + self.rate(first, last)?.k() * (self.dim as f64).sqrt() / epsilon;
        check_range("epsilon", epsilon, leading < 2f64.powi(53), "values that ask for fewer than 2^53 steps")?;
        if leading > MOST_VERIFIED {
            return Ok(SufficientSteps { steps: leading.ceil() as usize, verified: false });
        }
        let enough = |steps: usize| {
            let grid = UniformAngle::new(steps, first, last).and_then(|s| s.grid());
            grid.is_ok_and(|grid| self.bound(&grid).w2 <= epsilon)
        };
        let mut steps = (leading.ceil() as usize).max(2);
        while !enough(steps) {
            steps += 1 + steps / 64;
        }
        if steps <= MOST_SOUGHT {
            let mut fails = 1;
            while steps - fails > 1 {
                let middle = usize::midpoint(steps, fails);
                if enough(middle) {
                    steps = middle;
                } else {
                    fails = middle;
                }
            }
        }
        Ok(SufficientSteps { steps, verified: true })
    }

    /// a_θ = α sin²θ + cos²θ.
    fn a(&self, level: NoiseLevel) -> f64 {
        self.alpha * level.one_minus_alpha_bar() + level.alpha_bar()
    }

    /// v_θ = cos²θ/α + sin²θ.
    fn variance(&self, level: NoiseLevel) -> f64 {
        level.alpha_bar() / self.alpha + level.one_minus_alpha_bar()
    }

    /// ln cos Δψ_t, from sin Δψ = √λ sin Δθ/√(v_t v_{t−1}).
    fn ln_cos(&self, grid: &Grid, t: usize) -> f64 {
        let product = self.variance(grid.level(t)) * self.variance(grid.level(t - 1));
        0.5 * (-(grid.sin_delta(t).powi(2) / (self.alpha * product))).ln_1p()
    }

    /// Σ_{2 ≤ s ≤ t} ln cos Δψ_s.
    fn ln_gain(&self, grid: &Grid, t: usize) -> f64 {
        (2..=t).map(|s| self.ln_cos(grid, s)).collect::<Sum>().value()
    }

    fn at(&self, sin: f64, cos: f64) -> At {
        let (s, c) = (sin * sin, cos * cos);
        At { sin, cos, a: self.alpha * s + c, hat: self.beta * s + c }
    }

    /// The angle s beyond a level.
    fn after(&self, level: NoiseLevel, s: f64) -> At {
        let (sin, cos) = s.sin_cos();
        self.at(level.sin() * cos + level.cos() * sin, level.cos() * cos - level.sin() * sin)
    }

    /// (β−α)/(a^{3/2}(a+â)).
    fn skew(&self, at: &At) -> f64 {
        (self.beta - self.alpha) / (at.a.sqrt() * at.a * (at.a + at.hat))
    }

    /// B.
    fn drift(&self, at: &At) -> f64 {
        (self.beta / at.hat).sqrt() / at.a + 2.0 * at.sin * at.cos.max(0.0) * self.skew(at)
    }

    /// √a η.
    fn bend(&self, at: &At) -> f64 {
        at.a.sqrt() * 2.0 * at.cos * at.cos * self.skew(at)
    }

    /// An antiderivative of a^{−2} in θ: with x = tan θ, (α−1) x/(2α(1+αx²)) + (α+1)/(2α^{3/2}) arctan(√α x).
    fn inverse_square(&self, sin: f64, cos: f64) -> f64 {
        let a = self.alpha * sin * sin + cos * cos;
        let root = self.alpha.sqrt();
        (self.alpha - 1.0) * sin * cos / (2.0 * self.alpha * a) + (self.alpha + 1.0) / (2.0 * self.alpha * root) * (root * sin).atan2(cos)
    }
}

/// An upper bound on the integral of a nonnegative function, up to the roundings that [`OUTWARDS`] covers.
fn upper_integral(low: f64, high: f64, f: impl Fn(f64) -> f64 + Send + Sync) -> f64 {
    let integral = adaptive(&K15, &[Piece { low, high, tag: () }], |(), x| Value { value: f(x), rounding: 0.0 }, 1e-13);
    integral.value + integral.error
}
