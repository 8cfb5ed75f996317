//! The leading term in 1/T on the line: what T·W_1 tends to, and the schedule on which the certificate is smallest.

use crate::error::check_range;
use crate::level::NoiseLevel;
use crate::numeric::special::sum::Sum;
use crate::population::PopulationError;
use crate::population::line::law::{LineLaw, Nodes, Tracker};
use crate::population::line::mesh::LineDensity;
use crate::population::line::target::LineTarget;
use crate::population::quadrature::gauss;
use crate::schedule::{Equidistributed, Grid, ScheduleError, UniformAngle, VarianceSchedule};
use std::f64::consts::FRAC_PI_2;
use std::fmt;

/// The leading term of population consistency training on the line, on a fixed range of angles.
///
/// With q_θ = p_θ² C_θ/p_1 along the labels y (positions at the first level), C_θ(x) = Var(dX_θ/dθ | X_θ = x), and n(θ) steps a radian, T of
/// them in all, the error of T steps is, as T → ∞,
///
/// ```math
/// W_1 \to \tfrac12\, \mathrm{TV}\Big(\int \frac{q_\theta}{n}\, d\theta\Big), \qquad
/// \text{certificate} \to \tfrac12 \int \frac{\mathrm{TV}(q_\theta)}{n}\, d\theta, \qquad
/// \mathrm{E}\|X_1\|^2 - \mathrm{E}\|f_T\|^2 \to \int\!\!\int \frac{q_\theta}{n}\, dy\, d\theta,
/// ```
///
/// TV the total variation over y: finite-step training adds numerical diffusion to the backward transport of f (THEORY 2.6 in
/// `docs/theory.md`). The certificate is smallest for n ∝ √g, g = ½ TV(q_θ), with the value (∫ √g dθ)²/T.
///
/// # Accuracy
/// The angles are cut into panels with eight Gauss points each, the labels stand as in the recursion; both are refined until all limits move by
/// less than the tolerance, relatively; `resolved` says whether they did. Each limit is the leading term alone: what T is needed to come close to
/// it grows with L_f (some 10⁶ at L_f = 120).
///
/// # Cost
/// Panels × nodes × components; a fraction of a second.
///
/// # Example
/// ```
/// use onestep::law::LineMixture;
/// use onestep::population::LineLimits;
/// use std::f64::consts::{FRAC_PI_2, PI};
/// // N(0, 1): T W_1 tends to Θ² E|Z|/2 on uniform angles, and no other schedule does better.
/// let limits = LineLimits::new(&LineMixture::gaussian(0.0, 1.0)?, 0.01, FRAC_PI_2 - 0.001).run()?;
/// let theta = FRAC_PI_2 - 0.011;
/// assert!((limits.w1 - 0.5 * theta * theta * (2.0 / PI).sqrt()).abs() < 1e-6);
/// assert!((limits.optimal_certificate / limits.w1 - 1.0).abs() < 1e-6);
/// # Ok::<(), onestep::Error>(())
/// ```
///
/// # References
/// Derived in `docs/theory.md`, 2.6; the recursion is eq. (14) of Li, Huang and Wei 2025, arXiv 2402.07802.
#[derive(Debug, Clone)]
pub struct LineLimits<'a> {
    target: LineTarget<'a>,
    angle_min: f64,
    angle_max: f64,
    tolerance: f64,
}

/// What [`LineLimits`] found: limits as T → ∞, X_T at its true law.
///
/// # Units
/// Distances are in the units of the data, the energy deficit in their square; angles in radians.
///
/// See [`LineLimits`] for an example.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LeadingOrder {
    /// The first angle.
    pub angle_min: f64,
    /// The last angle.
    pub angle_max: f64,
    /// lim T·W_1(f_T(X_T), X_1) on uniform angles.
    pub w1: f64,
    /// lim T·certificate on uniform angles.
    pub certificate: f64,
    /// lim T·(E‖X_1‖² − E‖f_T(X_T)‖²) on uniform angles.
    pub energy_deficit: f64,
    /// lim T·certificate on the schedule on which it is smallest: (∫ √g dθ)².
    pub optimal_certificate: f64,
    /// lim T·W_1 on that schedule. W_1 itself may be smaller on another: errors of different steps can cancel.
    pub optimal_w1: f64,
    /// The largest relative change of these numbers by the last refinement.
    pub resolution_error: f64,
    /// Whether that reached the tolerance.
    pub resolved: bool,
    /// Angles from the first to the last, at which the density is known.
    pub angles: Vec<f64>,
    /// √g at these angles: the density of steps, up to a factor, on which the certificate is smallest.
    pub density: Vec<f64>,
}

/// Relative tolerance unless one is given.
const TOLERANCE: f64 = 1e-6;
/// Spacing of the labels in local scales in the first run, for this tolerance: the total variation is of this order in it. The width of a panel
/// in ln tan θ, and what a refinement divides both by.
const SPACING: f64 = 0.25;
const ORDER: i32 = 4;
const WIDEST: f64 = 0.8;
const PANEL: f64 = 1.0;
const REFINEMENT: f64 = 1.5;
const REFINEMENTS: usize = 6;
/// Beyond this tan θ the range up to the noise is one panel.
const STEEPEST: f64 = 1e4;
/// Levels at which gaps between modes are looked at.
const LEVELS: usize = 129;
/// ln of the slope in a gap may exceed that at the nodes by this.
const LN_MISSED: f64 = 0.05;

impl<'a> LineLimits<'a> {
    /// For a law, on the angles from `angle_min` to `angle_max`, in radians.
    ///
    /// ```
    /// use onestep::law::Comb;
    /// use onestep::population::LineLimits;
    /// let limits = LineLimits::new(&Comb::new(0.5, 6.0)?, 1e-5, std::f64::consts::FRAC_PI_2).tolerance(1e-4).run()?;
    /// assert!((limits.w1 - 2.891).abs() < 5e-4);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn new(target: impl Into<LineTarget<'a>>, angle_min: f64, angle_max: f64) -> Self {
        Self { target: target.into(), angle_min, angle_max, tolerance: TOLERANCE }
    }

    /// Relative tolerance of all limits, in [1e−12, 1); 1e−6 by default.
    ///
    /// ```
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineLimits;
    /// let law = LineMixture::gaussian(0.0, 1.0)?;
    /// let limits = LineLimits::new(&law, 0.1, 1.5).tolerance(1e-3).run()?;
    /// assert!(limits.resolved && limits.resolution_error <= 1e-3);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Computes the limits.
    ///
    /// # Errors
    /// 0 < `angle_min` < `angle_max` ≤ π/2 does not hold, a tolerance outside [1e−12, 1), a law that [`LineRecursion`](crate::population::LineRecursion)
    /// refuses, or a limit that double precision does not hold. Limits that did not reach the tolerance are no error, see
    /// [`resolved`](LeadingOrder::resolved).
    ///
    /// ```
    /// use onestep::law::LineMixture;
    /// use onestep::population::LineLimits;
    /// let law = LineMixture::gaussian(0.0, 1.0)?;
    /// assert!(LineLimits::new(&law, 0.0, 1.5).run().is_err());
    /// assert!(LineLimits::new(&law, 0.5, 0.4).run().is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn run(&self) -> Result<LeadingOrder, PopulationError> {
        check_range("tolerance", self.tolerance, (1e-12..1.0).contains(&self.tolerance), "[1e-12, 1)")?;
        match self.target {
            LineTarget::Mixture(law) => self.run_on(law),
            LineTarget::Comb(law) => self.run_on(law),
        }
    }

    fn run_on(&self, law: &impl LineLaw) -> Result<LeadingOrder, PopulationError> {
        let grid = UniformAngle::new(LEVELS, self.angle_min, self.angle_max)?.grid()?;
        law.check(&grid)?;
        let density = LineDensity::new(law, &grid);
        let looser = (self.tolerance / TOLERANCE).powf(f64::from(ORDER).recip());
        let (mut spacing, mut panel) = ((SPACING * looser).clamp(SPACING, WIDEST), PANEL);
        let mut found = self.pass(law, &grid, &density, spacing, panel)?;
        for _ in 0..REFINEMENTS {
            (spacing, panel) = (spacing / REFINEMENT, panel / REFINEMENT);
            let mut finer = match self.pass(law, &grid, &density, spacing, panel) {
                Ok(finer) => finer,
                Err(PopulationError::OutOfRange(_)) => break,
                Err(error) => return Err(error),
            };
            finer.0.resolution_error = finer.0.change_from(&found.0);
            found = finer;
            if found.0.resolution_error <= self.tolerance {
                break;
            }
        }
        let (mut limits, ln_slope) = found;
        // A gap without nodes would be left out.
        if law.ln_gap_slope(&grid) > ln_slope + LN_MISSED {
            limits.resolution_error = f64::INFINITY;
        }
        limits.resolved = limits.resolution_error <= self.tolerance;
        limits.check()?;
        Ok(limits)
    }

    /// One run, and ln of the largest slope of Φ_{θ→1} that it saw.
    fn pass(
        &self,
        law: &impl LineLaw,
        grid: &Grid,
        density: &LineDensity,
        spacing: f64,
        panel: f64,
    ) -> Result<(LeadingOrder, f64), PopulationError> {
        let mesh = density.mesh(law, grid, spacing)?;
        let labels = &mesh.labels;
        let first = grid.level(1);
        let tracker = law.tracker(labels, first);
        let mut nodes = tracker.start(first);
        let start = nodes.density.clone();
        let mut q = vec![0.0; labels.len()];
        let (mut even, mut optimal) = (vec![Sum::default(); labels.len()], vec![Sum::default(); labels.len()]);
        let (mut certificate, mut root) = (Sum::default(), Sum::default());
        let mut steepest = 0.0_f64;
        let (mut angles, mut weights) = (Vec::new(), Vec::new());
        for (angle, weight) in self.rule(grid, panel) {
            let level = NoiseLevel::from_angle(angle).map_err(ScheduleError::from)?;
            tracker.advance(level, &mut nodes);
            Self::fill(law, level, &nodes, &start, &mut q);
            let g = 0.5 * variation(labels, |i| q[i]);
            angles.push(angle);
            weights.push(g.sqrt());
            if weight == 0.0 {
                continue;
            }
            steepest = nodes.density.iter().zip(&start).map(|(p, p1)| p / p1).fold(steepest, |a, b| if b > a { b } else { a });
            certificate.add(weight * g);
            root.add(weight * g.sqrt());
            for ((even, optimal), &q) in even.iter_mut().zip(&mut optimal).zip(&q) {
                even.add(weight * q);
                optimal.add(if g > 0.0 { weight * q / g.sqrt() } else { 0.0 });
            }
        }
        let span = self.angle_max - self.angle_min;
        let root = root.value();
        let limits = LeadingOrder {
            angle_min: self.angle_min,
            angle_max: self.angle_max,
            w1: 0.5 * span * variation(labels, |i| even[i].value()),
            certificate: span * certificate.value(),
            energy_deficit: span * integral(labels, |i| even[i].value()),
            optimal_certificate: root * root,
            optimal_w1: 0.5 * root * variation(labels, |i| optimal[i].value()),
            resolution_error: f64::INFINITY,
            resolved: false,
            angles,
            density: weights,
        };
        Ok((limits, steepest.ln()))
    }

    /// q at the nodes.
    fn fill<L: LineLaw>(law: &L, level: NoiseLevel, nodes: &Nodes<L::Own>, start: &[f64], q: &mut [f64]) {
        for (i, q) in q.iter_mut().enumerate() {
            let p = nodes.density[i];
            *q = if p > 0.0 { p * (p / start[i]) * law.noise_variance(level, nodes, i) } else { 0.0 };
        }
    }

    /// Angles with the weights of their Gauss rule, in increasing order, and both ends with weight 0.
    fn rule(&self, grid: &Grid, panel: f64) -> Vec<(f64, f64)> {
        let (low, high) = (grid.level(1).tan().ln(), grid.last().tan().min(STEEPEST).ln());
        let mut ends = vec![self.angle_min];
        if low < high {
            let count = ((high - low) / panel).ceil().max(1.0) as usize;
            ends.extend((1..count).map(|i| (low + (high - low) * i as f64 / count as f64).exp().atan()));
            // The last stretch up to the noise, where tan θ is no measure of it.
            if grid.last().tan() > STEEPEST {
                ends.push(STEEPEST.atan());
            }
        }
        ends.push(self.angle_max);
        let mut rule = vec![(self.angle_min, 0.0)];
        for pair in ends.windows(2) {
            let mut points: Vec<(f64, f64)> = gauss(pair[0], pair[1]).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            rule.extend(points.into_iter().filter(|p| p.0 > self.angle_min && p.0 < self.angle_max));
        }
        rule.push((self.angle_max.min(FRAC_PI_2), 0.0));
        rule
    }
}

/// The total variation of a function that vanishes at ±∞, from its values at `places`; its extremes are those of parabolas.
fn variation(places: &[f64], value: impl Fn(usize) -> f64) -> f64 {
    let n = places.len();
    let values: Vec<f64> = (0..n).map(value).collect();
    let mut sum = Sum::default();
    sum.add(values[0].abs());
    sum.add(values[n - 1].abs());
    for i in 1..n {
        sum.add((values[i] - values[i - 1]).abs());
        if i + 1 < n {
            let slopes =
                [(values[i] - values[i - 1]) / (places[i] - places[i - 1]), (values[i + 1] - values[i]) / (places[i + 1] - places[i])];
            // Of two equal neighbours at a top the left one counts.
            if slopes[0] * slopes[1] < 0.0 || (slopes[1] == 0.0 && slopes[0] != 0.0) {
                // The parabola through three points, relative to the middle one.
                let bend = (slopes[1] - slopes[0]) / (places[i + 1] - places[i - 1]);
                let slope = slopes[0] + bend * (places[i] - places[i - 1]);
                sum.add(0.5 * slope * slope / bend.abs());
            }
        }
    }
    sum.value()
}

/// The integral of a function from its values at `places`: cubics through the four nearest on every cell.
fn integral(places: &[f64], value: impl Fn(usize) -> f64) -> f64 {
    /// The places of the two-point Gauss rule, which integrates cubics exactly.
    const GAUSS: f64 = 0.577_350_269_189_625_8;
    let n = places.len();
    let mut sum = Sum::default();
    for i in 1..n {
        let (middle, half) = (0.5 * (places[i] + places[i - 1]), 0.5 * (places[i] - places[i - 1]));
        let stencil = i.saturating_sub(2).min(n.saturating_sub(4))..(i + 2).max(4).min(n);
        for x in [middle - GAUSS * half, middle + GAUSS * half] {
            for j in stencil.clone() {
                let others = stencil.clone().filter(|&k| k != j);
                let basis: f64 = others.map(|k| (x - places[k]) / (places[j] - places[k])).product();
                sum.add(half * basis * value(j));
            }
        }
    }
    sum.value()
}

impl LeadingOrder {
    /// The schedule of T = `steps` levels on which the certificate is smallest to leading order: n(θ) ∝ √g.
    ///
    /// # Errors
    /// T < 2, or a law without discretisation error, for which every schedule is as good.
    ///
    /// ```
    /// use onestep::law::LineMixture;
    /// use onestep::population::{LineLimits, LineRecursion};
    /// use onestep::VarianceSchedule;
    /// let law = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[0.5, 0.5])?;
    /// let limits = LineLimits::new(&law, 0.01, 1.569).run()?;
    /// let grid = limits.schedule(400)?.grid()?;
    /// let certificate = 400.0 * LineRecursion::new(&law, &grid).tolerance(1e-5).run()?.report().certificate;
    /// // The limit, but for terms of the next order.
    /// assert!((certificate / limits.optimal_certificate - 1.0).abs() < 0.05 && certificate < limits.certificate);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn schedule(&self, steps: usize) -> Result<Equidistributed, ScheduleError> {
        Equidistributed::from_samples(steps, &self.angles, &self.density)
    }

    fn numbers(&self) -> [(&'static str, f64); 5] {
        [
            ("the limit of T W1", self.w1),
            ("the limit of the certificate", self.certificate),
            ("the limit of the energy deficit", self.energy_deficit),
            ("the limit of the certificate on its schedule", self.optimal_certificate),
            ("the limit of T W1 on that schedule", self.optimal_w1),
        ]
    }

    /// The largest relative change; NaN where one is not a number.
    fn change_from(&self, other: &Self) -> f64 {
        let pairs = self.numbers().into_iter().zip(other.numbers());
        let changes = pairs.map(|((_, a), (_, b))| if a == b { 0.0 } else { (a - b).abs() / a.abs().max(b.abs()) });
        changes.fold(0.0, |worst: f64, d| if worst.is_nan() || d <= worst { worst } else { d })
    }

    fn check(&self) -> Result<(), PopulationError> {
        match self.numbers().into_iter().find(|(_, value)| !value.is_finite()) {
            Some((quantity, value)) => Err(PopulationError::NotFinite { quantity, value }),
            None => Ok(()),
        }
    }
}

impl fmt::Display for LeadingOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "limits as T grows, angles from {} to {}:", self.angle_min, self.angle_max)?;
        writeln!(
            f,
            "uniform angles: T W1 {:.6e}, T certificate {:.6e}, T energy deficit {:.6e}",
            self.w1, self.certificate, self.energy_deficit
        )?;
        writeln!(f, "certificate-optimal schedule: T W1 {:.6e}, T certificate {:.6e}", self.optimal_w1, self.optimal_certificate)?;
        let resolution = if self.resolved { "resolved" } else { "NOT resolved" };
        write!(f, "{resolution}: relative numerical error {:.1e}", self.resolution_error)
    }
}
