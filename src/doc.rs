//! Prose. [`guide`] is the path from a first result to one's own; [`which`] has a table for every choice; [`coming_from`] translates from PyTorch,
//! diffusers and POT, and [`conventions`] brings a model of one's own. [`theory`] has all statements with their proofs, [`reading_a_bound`] and
//! [`explicit_bounds`] what they say; [`point_masses`], [`lipschitz_is_not_enough`] and [`known_failures`] where they fail.

/// A page of `docs/`. Of two definitions of a link the first one counts: here the pages are modules, on their own they are files.
macro_rules! pages {
    ($($page:ident, $file:literal;)*) => { $(
        /// [guide]: crate::doc::guide
        /// [which]: crate::doc::which
        /// [coming_from]: crate::doc::coming_from
        /// [conventions]: crate::doc::conventions
        /// [known_failures]: crate::doc::known_failures
        /// [theory]: crate::doc::theory
        /// [reading_a_bound]: crate::doc::reading_a_bound
        /// [explicit_bounds]: crate::doc::explicit_bounds
        /// [lipschitz_is_not_enough]: crate::doc::lipschitz_is_not_enough
        /// [point_masses]: crate::doc::point_masses
        /// [sweeps]: crate::doc::sweeps
        /// [from_data]: crate::doc::from_data
        #[doc = include_str!($file)]
        pub mod $page {}
    )* };
}

pages! {
    guide, "../docs/guide.md";
    which, "../docs/which.md";
    coming_from, "../docs/coming_from.md";
    conventions, "../docs/conventions.md";
    known_failures, "../docs/known_failures.md";
    theory, "../docs/theory.md";
    reading_a_bound, "../docs/reading_a_bound.md";
    explicit_bounds, "../docs/explicit_bounds.md";
    lipschitz_is_not_enough, "../docs/lipschitz_is_not_enough.md";
    point_masses, "../docs/point_masses.md";
    sweeps, "../docs/sweeps.md";
    from_data, "../docs/from_data.md";
}
