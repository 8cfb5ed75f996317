//! What the recursions share: their settings, refinement until the answer stands still, and the functions that are kept.

use crate::error::check_range;
use crate::numeric::parallel;
use crate::population::{Keep, Loss, Method, PopulationError, PopulationReport};

/// Spacing of the nodes in local scales in the first run for a tolerance of 1e−9.
const SPACING: f64 = 0.235;
/// The factor between the spacings of the first two runs, and the least and the largest that follow.
const REFINEMENT: f64 = 1.4;
const LEAST_REFINED: f64 = 1.2;
const MOST_REFINED: f64 = 2.2;
/// Order of the error in the spacing, used to choose the next one.
const ORDER: f64 = 9.0;
/// The order that is relied on, and the factor.
const LEAST_ORDER: f64 = 7.0;
const SAFETY: f64 = 3.0;
/// Above a move of this size the error may not fall yet.
const SETTLED: f64 = 1e-6;
/// After a move of this size the next one should be below it.
const SETTLED_AFTER: f64 = 1e-5;
/// Moves below this are rounding.
const ROUNDED: f64 = 1e-13;
/// Refinements tried before a run is reported as not resolved.
const REFINEMENTS: usize = 6;

/// What a recursion is asked for: the same for all laws.
///
/// # Example
/// ```
/// use onestep::Grid;
/// use onestep::law::LineMixture;
/// use onestep::population::{LineRecursion, Method, Settings};
/// let (law, grid) = (LineMixture::gaussian(0.0, 1.0)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
/// let settings = Settings::new().method(Method::Distillation).tolerance(1e-6);
/// let run = LineRecursion::new(&law, &grid).settings(settings).run()?;
/// assert_eq!(run.report().loss_sum, 0.0);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Settings {
    pub(crate) method: Method,
    pub(crate) loss: Loss,
    pub(crate) keep: Keep,
    tolerance: Option<f64>,
    spacing: Option<f64>,
    refinements: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl Settings {
    /// Training under the squared loss, keeping f_T only, to the default tolerance of the recursion.
    ///
    /// ```
    /// use onestep::population::{Keep, Method, Settings};
    /// assert_eq!(Settings::new(), Settings::new().method(Method::Training).keep(Keep::Last).refinements(6));
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { method: Method::Training, loss: Loss::Squared, keep: Keep::Last, tolerance: None, spacing: None, refinements: REFINEMENTS }
    }

    /// Training or distillation.
    ///
    /// ```
    /// use onestep::population::{Method, Settings};
    /// assert_ne!(Settings::new().method(Method::Distillation), Settings::new());
    /// ```
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// What a step of training minimises; the squared loss by default. Distillation with the exact score regresses on a number, which is its
    /// own minimiser under every loss.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::{Loss, PopulationLaw, Settings};
    /// let (law, grid) = (LineMixture::gaussian(0.0, 1.0)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// assert!(law.population(&grid, &Settings::new().loss(Loss::PseudoHuber { c: 0.0 })).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn loss(mut self, loss: Loss) -> Self {
        self.loss = loss;
        self
    }

    /// Which functions to keep; by default f_T alone.
    ///
    /// ```
    /// use onestep::population::{Keep, Settings};
    /// assert_ne!(Settings::new().keep(Keep::All), Settings::new());
    /// ```
    #[must_use]
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Relative tolerance of W_1, W_2, energy deficit and loss, in [1e−13, 1). By default 1e−9 on the line, 1e−8 for radial laws and 1e−3 on
    /// the lattice; a Gaussian has a closed form and needs none.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::{PopulationLaw, Settings};
    /// let (law, grid) = (LineMixture::gaussian(0.0, 1.0)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// assert!(law.population(&grid, &Settings::new().tolerance(f64::NAN)).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// Spacing of the nodes in local length scales in the first run, in (0, 1], for the recursions on moving nodes (line and radial); by
    /// default chosen from the tolerance.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::{PopulationLaw, Settings};
    /// let (law, grid) = (LineMixture::gaussian(0.0, 1.0)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// assert!(law.population(&grid, &Settings::new().spacing(2.0)).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn spacing(mut self, spacing: f64) -> Self {
        self.spacing = Some(spacing);
        self
    }

    /// How many finer runs may follow the first, for the recursions on moving nodes; 6 by default. With 0 there is one run, at the spacing
    /// asked for, and its numerical error is reported as infinite, that is unknown.
    ///
    /// ```
    /// use onestep::Grid;
    /// use onestep::law::LineMixture;
    /// use onestep::population::{PopulationLaw, Settings};
    /// let (law, grid) = (LineMixture::gaussian(0.0, 1.0)?, Grid::from_angles(&[0.1, 0.8, 1.5])?);
    /// let once = law.population(&grid, &Settings::new().refinements(0))?;
    /// assert!(!once.report().resolved && once.report().resolution_error == f64::INFINITY);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn refinements(mut self, refinements: usize) -> Self {
        self.refinements = refinements;
        self
    }

    /// The tolerance in force: `default` unless one was given.
    pub(crate) fn tolerance_or(&self, default: f64) -> f64 {
        self.tolerance.unwrap_or(default)
    }

    /// Whether every f_t is the conditional expectation of its target.
    pub(crate) fn projects(&self) -> bool {
        self.method == Method::Training && self.loss == Loss::Squared
    }

    /// Refuses to train under another loss than the squared one: `law` has no recursion for it.
    pub(crate) fn check_squared(&self, law: &'static str) -> Result<(), PopulationError> {
        match (self.method, self.loss) {
            (Method::Distillation, _) | (_, Loss::Squared) => Ok(()),
            (Method::Training, loss) => Err(PopulationError::LossNotKnown { loss, law }),
        }
    }

    /// A tolerance outside [1e−13, 1), a c outside [1e−100, 1e100], a spacing outside (0, 1], or a level to keep that does not exist is an error.
    pub(crate) fn check(&self, steps: usize) -> Result<(), PopulationError> {
        if let Some(tolerance) = self.tolerance {
            check_range("tolerance", tolerance, (1e-13..1.0).contains(&tolerance), "[1e-13, 1)")?;
        }
        if let Some(spacing) = self.spacing {
            check_range("spacing", spacing, spacing > 0.0 && spacing <= 1.0, "(0, 1]")?;
        }
        self.loss.check()?;
        self.keep.check(steps)
    }
}

/// Calls `run` with smaller and smaller spacings until the error that is left in its report is below the tolerance, relatively; the bounds of
/// the report are moved outwards by their own errors. The first two runs are made side by side. `scale` is the size of the data, `default` the
/// tolerance where none was given. Where a finer run is not possible the report stays unresolved; a report that is not finite is an error.
pub(crate) fn refine<R: Send>(
    settings: &Settings,
    default: f64,
    scale: f64,
    run: impl Fn(f64) -> Result<R, PopulationError> + Sync,
    report: impl Fn(&mut R) -> &mut PopulationReport + Sync,
) -> Result<R, PopulationError> {
    let tolerance = settings.tolerance_or(default);
    let mut spacing = settings.spacing.unwrap_or_else(|| (SPACING * (tolerance / 1e-9).powf(1.0 / ORDER)).clamp(0.1, 0.5));
    let checked = |spacing: f64| -> Result<R, PopulationError> {
        let mut found = run(spacing)?;
        report(&mut found).check()?;
        Ok(found)
    };
    let mut refinement = REFINEMENT;
    let (mut best, mut next) = if settings.refinements == 0 {
        (checked(spacing)?, None)
    } else {
        let (first, second) = parallel::join(|| checked(spacing), || checked(spacing / refinement));
        (first?, Some(second))
    };
    let mut moves: Vec<Move> = Vec::new();
    for _ in 0..settings.refinements {
        let from = spacing;
        spacing /= refinement;
        let mut finer = match next.take().unwrap_or_else(|| checked(spacing)) {
            Ok(finer) => finer,
            Err(PopulationError::OutOfRange(_)) => break,
            Err(error) => return Err(error),
        };
        let before = &*report(&mut best);
        let by = report(&mut finer).change_from(before, scale);
        // The certificate is not asked to stand still: its terms have kinks, and jumps where the posterior has few points.
        let bare = |r: &PopulationReport| r.certificate - r.certificate_error;
        let certificate = (bare(report(&mut finer)) - bare(before)).abs();
        moves.push(Move { from, by, certificate });
        best = finer;
        let found = report(&mut best);
        let off = certificate_left_over(&moves, spacing);
        found.certificate += off;
        found.certificate_error += off;
        found.lower_bound *= 1.0 - pessimistic(&moves).min(1.0);
        found.resolution_error = left_over(&moves, spacing);
        found.resolved = found.resolution_error <= tolerance;
        if found.resolved {
            break;
        }
        // The next run moves by about the error of this one.
        let expected = larger(falling(&moves, spacing), left_at(spacing, spacing, by / refinement.powf(ORDER)));
        let enough = (1.1 * expected / tolerance).powf(1.0 / LEAST_ORDER);
        let wanted = if by > SETTLED_AFTER && tolerance <= SETTLED { MOST_REFINED } else { enough };
        refinement = wanted.clamp(LEAST_REFINED, MOST_REFINED);
    }
    report(&mut best).enclose_moments(pessimistic(&moves), scale);
    Ok(best)
}

/// By how much a report moved, relatively, and its certificate when the nodes were refined from a spacing.
struct Move {
    from: f64,
    by: f64,
    certificate: f64,
}

/// The larger of two numbers; the first where the second is NaN.
fn larger(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

/// What is left at `spacing` of a relative error `by` at the spacing `from` if it has fallen with the power 7 of the spacing, and a factor.
fn left_at(spacing: f64, from: f64, by: f64) -> f64 {
    SAFETY * by * (spacing / from).powf(LEAST_ORDER)
}

/// The relative error at `spacing` if it has fallen with the power 7 of the spacing since it was what each of the moves shows.
///
/// It falls with the power 9 to 11, less evenly where it changes its sign, which is why all moves are looked at.
fn falling(moves: &[Move], spacing: f64) -> f64 {
    moves.iter().map(|m| left_at(spacing, m.from, m.by)).fold(0.0, larger)
}

/// The relative error after the last move, if nothing is known of how it falls: five times the only move, which is small by chance now and
/// then; twice the last of several.
fn pessimistic(moves: &[Move]) -> f64 {
    match moves {
        [] => f64::INFINITY,
        [only] => 5.0 * only.by,
        [.., last] => 2.0 * last.by,
    }
}

/// The relative error at the last spacing, estimated (`tests/population/line_resolution.rs`): less than the pessimistic one where all of several
/// moves agree that it falls.
fn left_over(moves: &[Move], spacing: f64) -> f64 {
    match moves {
        [_, .., last] if last.by <= SETTLED => falling(moves, spacing).max(ROUNDED).min(pessimistic(moves)),
        _ => pessimistic(moves),
    }
}

/// The error of the certificate at the last spacing, estimated: twice the last move where the moves fall fast, as they do for smooth terms;
/// otherwise, where terms jump within a cell, twice what the moves leave of themselves if they fall like the spacing.
fn certificate_left_over(moves: &[Move], spacing: f64) -> f64 {
    let Some((last, before)) = moves.split_last() else { return f64::INFINITY };
    let fast = before.last().is_none_or(|m| last.certificate <= m.certificate * (last.from / m.from).powi(6));
    let left = |m: &Move| 2.0 * m.certificate * spacing / m.from;
    let slow = if fast { &[] } else { moves };
    slow.iter().map(left).fold(2.0 * last.certificate, larger)
}

/// The functions f_t, t ≥ 2, that were kept, by level.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept<T>(Vec<(usize, T)>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Kept<T> {
    /// Adds f_t; levels come in increasing order.
    pub(crate) fn push(&mut self, t: usize, function: T) {
        self.0.push((t, function));
    }

    /// Whether f_t is known: it was kept, or is the identity f_1.
    pub(crate) fn holds(&self, t: usize) -> bool {
        t == 1 || self.find(t).is_some()
    }

    /// f_t, if it was kept.
    pub(crate) fn find(&self, t: usize) -> Option<&T> {
        self.0.binary_search_by_key(&t, |(level, _)| *level).ok().map(|i| &self.0[i].1)
    }

    /// The last one.
    pub(crate) fn last(&self) -> Option<&T> {
        self.0.last().map(|(_, function)| function)
    }
}
