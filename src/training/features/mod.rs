//! Features of the linear classes and the solver behind them; the table of the nearest-neighbour class.

pub(crate) mod affine;
pub(crate) mod bandwidth;
pub(crate) mod basis;
pub(crate) mod distances;
pub(crate) mod fourier;
pub(crate) mod kernel;
pub(crate) mod least_squares;
pub(crate) mod linear;
pub(crate) mod nearest;
pub(crate) mod polynomial;
pub(crate) mod spline;
pub(crate) mod tables;
