//! What the recursions share: their settings, refinement until the answer stands still, and the functions that are kept.

use crate::population::{Keep, Method, PopulationError, PopulationReport};

/// Spacing of the nodes in local scales in the first run for a tolerance of 1e−9.
const SPACING: f64 = 0.25;
/// Smallest factor between the spacings of two runs.
const REFINEMENT: f64 = 1.4;
/// Order of the error in the spacing, used to choose the next one.
const ORDER: f64 = 10.0;
/// Refinements tried before a run is reported as not resolved.
const REFINEMENTS: usize = 6;

/// Settings of a recursion on nodes.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) method: Method,
    pub(crate) keep: Keep,
    /// Relative tolerance of the measured quantities.
    pub(crate) tolerance: f64,
    /// Spacing of the nodes in local scales in the first run; chosen from the tolerance if not given.
    pub(crate) spacing: Option<f64>,
    pub(crate) refinements: usize,
}

impl Settings {
    /// Training, keeping f_T only.
    pub(crate) fn new(tolerance: f64) -> Self {
        Self { method: Method::Training, keep: Keep::Last, tolerance, spacing: None, refinements: REFINEMENTS }
    }

    /// A tolerance outside [1e−13, 1), a spacing outside (0, 1], or a level to keep that does not exist is an error.
    pub(crate) fn check(&self, steps: usize) -> Result<(), PopulationError> {
        if !(self.tolerance >= 1e-13 && self.tolerance < 1.0) {
            return Err(PopulationError::OutOfRange { name: "tolerance", value: self.tolerance, range: "[1e-13, 1)" });
        }
        if let Some(value) = self.spacing.filter(|&s| !(s > 0.0 && s <= 1.0)) {
            return Err(PopulationError::OutOfRange { name: "spacing", value, range: "(0, 1]" });
        }
        self.keep.check(steps)
    }
}

/// Calls `run` with smaller and smaller spacings until its report moves by less than the tolerance, relatively; the certificate is
/// raised by what the last refinement moved it. `scale` is the size of the data.
pub(crate) fn refine<R>(settings: &Settings, scale: f64, run: impl Fn(f64) -> R, report: impl Fn(&mut R) -> &mut PopulationReport) -> R {
    let tolerance = settings.tolerance;
    let mut spacing = settings.spacing.unwrap_or_else(|| (SPACING * (tolerance / 1e-9).powf(1.0 / ORDER)).clamp(0.1, 0.5));
    let mut best = run(spacing);
    let mut refinement: f64 = REFINEMENT;
    for _ in 0..settings.refinements {
        spacing /= refinement;
        let mut finer = run(spacing);
        let before = &*report(&mut best);
        let moved = report(&mut finer).change_from(before, scale);
        // The certificate is not asked to stand still: its terms have kinks, and jumps where the posterior has few points.
        let bare = |r: &PopulationReport| r.certificate - r.certificate_error;
        let moved_certificate = (bare(report(&mut finer)) - bare(before)).abs();
        best = finer;
        let found = report(&mut best);
        found.certificate += moved_certificate;
        found.certificate_error += moved_certificate;
        found.resolution_error = moved;
        found.resolved = moved <= tolerance;
        if found.resolved {
            break;
        }
        // The spacing at which the next run should move by the tolerance, if the error falls with the order of the interpolant.
        refinement = (moved / tolerance).powf(1.0 / ORDER).clamp(REFINEMENT, 2.0);
    }
    best
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
