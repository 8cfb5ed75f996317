//! What one iteration gives.

/// What one iteration gives.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) u: Vec<f64>,
    pub(super) v: Vec<f64>,
    /// Σ_i a_i |u_i Σ_j K_ij v_j b_j − 1| before the iteration.
    pub(super) row_error: f64,
    /// Σ_j b_j |v_j Σ_i a_i u_i K_ij − 1| with the u after and the v before the iteration.
    pub(super) column_error: f64,
}
