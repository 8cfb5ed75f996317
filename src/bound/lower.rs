//! Lower bounds: what no schedule, and no training, can beat.

use crate::bound::BoundError;
use crate::bound::error::{check_dim, check_steps, is_nonnegative, nonnegative};
use crate::error::{check_entries, check_equal, check_range, check_some, normalised};
use std::f64::consts::{FRAC_PI_2, PI};

/// Moves a product of a few functions, each good to 3e−15, down by more than its rounding.
const ROUNDED_DOWN: f64 = 1.0 - 1e-14;

/// E‖Z‖ = √2 Γ((d+1)/2)/Γ(d/2) for Z ~ N(0, I_d).
///
/// # Errors
/// d = 0.
///
/// # Accuracy
/// About 1e−15 relative at any d: the recurrence E‖Z_{d+2}‖ = E‖Z_d‖ (d+1)/d up to d = 32, the asymptotic series of the Γ ratio above.
///
/// ```
/// use onestep::bound::mean_norm;
/// assert!((mean_norm(1)? - (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-15);
/// // √(d − 1/2) < E‖Z‖ < √d.
/// assert!(mean_norm(1000)? < 1000f64.sqrt() && mean_norm(1000)? > 999.5f64.sqrt());
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn mean_norm(dim: usize) -> Result<f64, BoundError> {
    let dim = check_dim(dim)?;
    if dim <= 32 {
        let (start, first) = if dim % 2 == 1 { (1, (2.0 / PI).sqrt()) } else { (2, FRAC_PI_2.sqrt()) };
        return Ok((start..dim).step_by(2).fold(first, |e, k| e * (k as f64 + 1.0) / k as f64));
    }
    // Γ(x + ½)/Γ(x) = √x (1 − 1/(8x) + 1/(128x²) + 5/(1024x³) − 21/(32768x⁴) − …), x = d/2 (DLMF 5.11.13).
    let y = 2.0 / dim as f64;
    let series = [
        -1.0 / 8.0,
        1.0 / 128.0,
        5.0 / 1024.0,
        -21.0 / 32768.0,
        -399.0 / 262_144.0,
        869.0 / 4_194_304.0,
        39_325.0 / 33_554_432.0,
        -334_477.0 / 2_147_483_648.0,
        -28_717_403.0 / 17_179_869_184.0,
    ];
    let sum = series.iter().rev().fold(0.0, |s, c| (s + c) * y);
    Ok((dim as f64).sqrt() * (1.0 + sum))
}

/// The least W_1 error of population consistency training for N(0, I_d) over all grids of T levels that span `span` = θ_T − θ_1:
/// (1 − cos^{T−1}(span/(T−1))) E‖Z‖, reached by uniform angles.
///
/// For span → π/2 it is (π²/8) E‖Z‖/(T−1) to leading order: no schedule that goes from the data to the noise beats this, so on this
/// target the error is of order √d/T at best. Grids that stop short of the noise do beat it, and pay through the prior mismatch.
///
/// # Units
/// `span` in radians.
///
/// # Errors
/// d = 0, T < 2, or `span` outside [0, π/2].
///
/// ```
/// use onestep::bound::{gaussian_lower_bound, mean_norm};
/// let half_pi = std::f64::consts::FRAC_PI_2;
/// let bound = gaussian_lower_bound(3, 1_000_001, half_pi)?;
/// let leading = half_pi.powi(2) / 2.0 * mean_norm(3)? / 1e6;
/// assert!((bound / leading - 1.0).abs() < 2e-6);
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn gaussian_lower_bound(dim: usize, steps: usize, span: f64) -> Result<f64, BoundError> {
    let intervals = (check_steps(steps)? - 1) as f64;
    check_range("span", span, (0.0..=FRAC_PI_2).contains(&span), "[0, π/2]")?;
    // ln cos x = ½ ln(1 − sin²x): 1 − cos^N keeps its digits for large N.
    let sin = (span / intervals).sin();
    let ln_cos = 0.5 * (-sin * sin).ln_1p();
    Ok(-(intervals * ln_cos).exp_m1() * mean_norm(dim)? * ROUNDED_DOWN)
}

/// W_2(f_T(X_T), X_1) ≥ √E‖X_1‖² − √E‖f_T(X_T)‖², by the triangle inequality in L²; for the population optimum the energy identity makes
/// it nonnegative. The absolute value is a bound as well, for any f_T.
///
/// # Errors
/// A second moment is negative or not finite.
///
/// ```
/// use onestep::bound::second_moment_lower_bound;
/// // N(0, 4) against N(0, 1): exact, since the laws are scalings of each other.
/// let bound = second_moment_lower_bound(4.0, 1.0)?;
/// assert!(bound <= 1.0 && bound > 1.0 - 1e-14);
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn second_moment_lower_bound(truth: f64, output: f64) -> Result<f64, BoundError> {
    let (truth, output) = (nonnegative("truth", truth)?, nonnegative("output", output)?);
    let (a, b) = (truth.sqrt(), output.sqrt());
    Ok(((a - b).abs() - 2.0 * f64::EPSILON * (a + b)).max(0.0))
}

/// A lower bound on W_1 by a convex function, and the radius that gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ConvexLowerBound {
    /// The bound, ≥ 0, in the units of the norms.
    pub value: f64,
    /// R of the function h_R(x)/(2R) that attains it; 0 stands for the limit ‖x‖.
    pub radius: f64,
}

impl std::fmt::Display for ConvexLowerBound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "W1 >= {:.4e}, by the function that turns from a square into a cone at radius {:.4e}", self.value, self.radius)
    }
}

/// W_1 ≥ sup_R |E h_R(X_1) − E h_R(f_T)|/(2R), h_R(x) = ‖x‖² inside radius R and 2R‖x‖ − R² outside.
///
/// h_R/(2R) is convex and 1-Lipschitz for every R > 0, R → 0 being the norm itself. For the population optimum the difference without
/// absolute value is nonnegative, since f_T is below X_1 in convex order. The arguments are the **norms** ‖x‖ under either law (distances
/// to any fixed centre do as well) with their weights; on the line, |x|. `None` means equal weights.
///
/// For two samples the value is exact for the empirical laws: it bounds the distance between the *laws* only up to sampling error.
///
/// # Accuracy
/// Between two neighbouring norms the difference is a/R + b + cR, so its extrema are found exactly; cost n log n.
///
/// # Errors
/// An empty list, a norm that is negative or not finite, weights of another length, negative, or not summing to one.
///
/// ```
/// use onestep::bound::convex_lower_bound;
/// // Two laws whose norms differ by a shift: the norm itself is the best function.
/// let b = convex_lower_bound(&[2.0, 3.0], None, &[1.0, 2.0], None)?;
/// assert!(b.value <= 1.0 && b.value > 1.0 - 1e-13 && b.radius == 0.0);
/// // Equal mean norm, unequal spread: only a finite radius sees it.
/// let b = convex_lower_bound(&[0.0, 2.0], None, &[1.0], None)?;
/// assert!(b.value > 0.1 && b.radius > 0.0);
/// # Ok::<(), onestep::Error>(())
/// ```
pub fn convex_lower_bound(
    truth: &[f64],
    truth_weights: Option<&[f64]>,
    output: &[f64],
    output_weights: Option<&[f64]>,
) -> Result<ConvexLowerBound, BoundError> {
    let mut atoms = signed_atoms("truth", truth, "truth_weights", truth_weights, 1.0)?;
    atoms.extend(signed_atoms("output", output, "output_weights", output_weights, -1.0)?);
    atoms.sort_by(|a, b| a.0.total_cmp(&b.0));

    // With signed weights w: inside(R) = Σ_{ρ≤R} w ρ², outside(R) = Σ_{ρ>R} w ρ, mass(R) = Σ_{ρ>R} w;
    // E h_R/(2R) = inside/(2R) + outside − mass R/2.
    let mut outside: f64 = atoms.iter().map(|(rho, w)| w * rho).sum();
    let (mut inside, mut mass) = (0.0_f64, 0.0_f64);
    let mut best = ConvexLowerBound { value: outside.abs(), radius: 0.0 };
    for (i, &(rho, weight)) in atoms.iter().enumerate() {
        inside += weight * rho * rho;
        outside -= weight * rho;
        mass -= weight;
        let next = atoms.get(i + 1).map_or(f64::INFINITY, |a| a.0);
        let turn = if inside * mass < 0.0 { (-inside / mass).sqrt() } else { 0.0 };
        for radius in [rho, turn] {
            if radius > 0.0 && radius >= rho && radius <= next {
                let value = (inside / (2.0 * radius) + outside - 0.5 * mass * radius).abs();
                if value > best.value {
                    best = ConvexLowerBound { value, radius };
                }
            }
        }
    }
    // Running sums of n terms: what cancels is known to n roundings of the whole.
    let size: f64 = atoms.iter().map(|(rho, w)| w.abs() * rho).sum();
    let rounding = (atoms.len() + 8) as f64 * f64::EPSILON * (size + best.radius);
    best.value = (best.value - rounding).max(0.0);
    Ok(best)
}

/// The norms of one law with weights of the given sign.
fn signed_atoms(
    name: &'static str,
    norms: &[f64],
    weights_name: &'static str,
    weights: Option<&[f64]>,
    sign: f64,
) -> Result<Vec<(f64, f64)>, BoundError> {
    check_some(name, norms)?;
    check_entries(name, norms, is_nonnegative, "[0, inf)")?;
    let Some(weights) = weights else {
        let each = sign / norms.len() as f64;
        return Ok(norms.iter().map(|&rho| (rho, each)).collect());
    };
    check_equal(name, norms.len(), weights_name, weights.len())?;
    check_entries(weights_name, weights, is_nonnegative, "[0, inf)")?;
    Ok(norms.iter().zip(normalised(weights_name, weights)?).map(|(&rho, w)| (rho, sign * w)).collect())
}
