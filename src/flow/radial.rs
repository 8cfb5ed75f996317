//! The exact flow map of a rotation-invariant target: a monotone map of the radii.

use crate::float::Float;
use crate::flow::{FlowJacobian, FlowMap, SecondDerivative};
use crate::law::Radial;
use crate::law::radial::norm;
use crate::level::NoiseLevel;
use crate::numeric::batch::for_blocks;
use crate::numeric::parallel;
use crate::numeric::rows::length;
use crate::numeric::shapes::assert_shapes;
use ndarray::{ArrayRef2, Axis, concatenate};

/// Columns of the extrapolation: order 10.
const COLUMNS: usize = 5;
/// The last two columns may differ by this, relative to the radius; the error of the last one is smaller by about two orders.
const TOLERANCE: f64 = 1e-13;
/// A column that moves the result by this part of the tolerance is the last one.
const EARLY: f64 = 0.1;
/// Steps of one integration.
const STEPS: usize = 20_000;
/// Levels closer to the data than this angle count as the data.
const SMALLEST_ANGLE: f64 = 1e-12;
/// Relative error of the map of the radii and of the logarithms of densities.
const MAP_ERROR: f64 = 1e-12;
/// The longest and the first step in ln tan(θ/2).
const LONGEST: f64 = 0.5;

/// φ'' and (φ' − φ/r)/r for the map φ of the radii, with their errors.
#[derive(Debug, Clone, Copy, Default)]
struct RadiusBend {
    along: f64,
    along_error: f64,
    across: f64,
    across_error: f64,
}

impl Radial {
    /// The radius that the probability flow from `from` to `to` takes `r` to.
    ///
    /// In τ = ln tan(θ/2) the flow reads dr/dτ = cos θ r − ‖D_θ‖(r), which is regular from τ = −∞ (data) to 0 (noise). It is integrated
    /// by the extrapolated midpoint rule of Gragg, Bulirsch and Stoer with step-size control. The result is the monotone transport of
    /// the noncentral χ laws of the radius.
    pub(crate) fn radius_map(&self, from: NoiseLevel, to: NoiseLevel, r: f64) -> f64 {
        let mut step = LONGEST;
        self.integrate(half_angle(from), half_angle(to), r, &mut step)
    }

    /// As [`radius_map`](Self::radius_map) between values of τ, with a first step that is updated to the last one taken.
    pub(crate) fn integrate(&self, from: f64, to: f64, r: f64, step: &mut f64) -> f64 {
        self.integrate_within(TOLERANCE, from, to, r, step)
    }

    /// As [`integrate`](Self::integrate), to another relative tolerance a step.
    pub(crate) fn integrate_within(&self, tolerance: f64, from: f64, to: f64, mut r: f64, step: &mut f64) -> f64 {
        let mut tau = from;
        for _ in 0..STEPS {
            let left = to - tau;
            if left == 0.0 {
                break;
            }
            let h = if left.abs() <= *step { left } else { step.copysign(left) };
            let allowed = tolerance * r.abs();
            let (next, error) = self.extrapolate(tau, r, h, EARLY * allowed);
            if error <= allowed || h.abs() < 1e-9 {
                tau = if h == left { to } else { tau + h };
                r = next.max(0.0);
                if error <= EARLY * allowed {
                    *step = (1.5 * *step).min(LONGEST);
                }
            } else {
                *step = 0.5 * h.abs();
            }
        }
        r
    }

    /// dr/dτ.
    fn velocity(&self, tau: f64, r: f64) -> f64 {
        let (cos, sin) = (-tau.tanh(), 1.0 / tau.cosh());
        // The field is odd in r.
        cos * r - self.denoised_radius(cos, sin, r.abs()).copysign(r)
    }

    /// One step and the difference of the last two columns; a column that moves the result by `enough` is the last one.
    fn extrapolate(&self, tau: f64, r: f64, h: f64, enough: f64) -> (f64, f64) {
        let slope = self.velocity(tau, r);
        let mut row = [0.0; COLUMNS];
        let mut error = f64::INFINITY;
        for j in 0..COLUMNS {
            let substeps = 2 * (j + 1);
            let mut above = self.midpoint(tau, r, slope, h, substeps);
            // Aitken–Neville in h²; `row` holds the row before.
            for k in 0..j {
                let ratio = (substeps as f64 / (2 * (j - k)) as f64).powi(2);
                let next = above + (above - row[k]) / (ratio - 1.0);
                row[k] = above;
                error = (next - above).abs();
                above = next;
            }
            row[j] = above;
            // A short step converges in fewer columns.
            if error <= enough {
                return (above, error);
            }
        }
        (row[COLUMNS - 1], error)
    }

    /// Gragg's modified midpoint rule.
    fn midpoint(&self, tau: f64, r: f64, slope: f64, h: f64, substeps: usize) -> f64 {
        let small = h / substeps as f64;
        let (mut before, mut now) = (r, r + small * slope);
        for i in 1..substeps {
            let next = before + 2.0 * small * self.velocity(tau + small * i as f64, now);
            before = now;
            now = next;
        }
        0.5 * (before + now + small * self.velocity(tau + h, now))
    }

    /// The two numbers that the second derivative of the flow at radius `r` consists of.
    fn radius_bend(&self, from: NoiseLevel, to: NoiseLevel, r: f64) -> RadiusBend {
        if r == 0.0 {
            return RadiusBend::default();
        }
        let image = self.radius_map(from, to, r);
        let slope = self.radius_slope(from, to, r, image);
        let curved = (self.dim() - 1) as f64;
        // (ln of the density of the radius)', the size of what it is a difference of, and its slope's scale.
        let pull = |level: NoiseLevel, r: f64| {
            let (cos, sin) = (level.cos(), level.sin().max(SMALLEST_ANGLE));
            let mean = cos * self.denoised_radius(cos, sin, r);
            let spread = self.radii().iter().copied().fold(0.0, f64::max) * cos / sin;
            ((mean - r) / (sin * sin) + curved / r, (mean + r) / (sin * sin) + curved / r, (1.0 + spread * spread) / (sin * sin))
        };
        let ((here, here_size, _), (there, there_size, there_slope)) = (pull(from, r), pull(to, image));
        let bend = slope * (here - there * slope);
        let image_error = MAP_ERROR * image;
        let slope_error = MAP_ERROR * (1.0 + there.abs() * image);
        let pulls = MAP_ERROR * (here_size + slope * there_size) + slope * (there_slope + curved / (image * image)) * image_error;
        let ratio = image / r;
        RadiusBend {
            along: bend,
            along_error: slope * ((here.abs() + 2.0 * there.abs() * slope) * slope_error + pulls),
            across: if curved > 0.0 { (slope - ratio) / r } else { 0.0 },
            across_error: if curved > 0.0 { (slope * slope_error + MAP_ERROR * ratio) / r } else { 0.0 },
        }
    }

    /// Slope of the radius map at `r`, where it takes the value `image`: the ratio of the densities of the radii.
    fn radius_slope(&self, from: NoiseLevel, to: NoiseLevel, r: f64, image: f64) -> f64 {
        let sin = |l: NoiseLevel| l.sin().max(SMALLEST_ANGLE);
        let d = self.dim() as f64;
        let ln_mass = |l: NoiseLevel, r: f64| self.ln_mass(l.cos(), sin(l), r) - d * sin(l).ln();
        ((d - 1.0) * (r / image).ln() + ln_mass(from, r) - ln_mass(to, image)).exp()
    }
}

/// τ = ln tan(θ/2), bounded below.
pub(crate) fn half_angle(level: NoiseLevel) -> f64 {
    (level.sin().max(SMALLEST_ANGLE) / (1.0 + level.cos())).ln()
}

/// Φ_{θ→θ'}(x) = r_{θ→θ'}(‖x‖) x/‖x‖ with the monotone map of the radii, whose laws are mixtures of noncentral χ laws.
///
/// Without noise shells have no flow back: the data end is taken as the angle 1e−12.
///
/// # Accuracy
/// About 1e−13 of the radius.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{FlowMap, NoiseLevel};
/// use onestep::law::Radial;
/// let target = Radial::sphere(3, 2.0)?;
/// // Noise flows onto the sphere, without turning.
/// let image = target.flow(NoiseLevel::NOISE, NoiseLevel::DATA, &array![[0.3, 0.0, -0.4]]);
/// assert!((image - array![[1.2, 0.0, -1.6]]).iter().all(|e: &f64| e.abs() < 1e-9));
/// # Ok::<(), onestep::Error>(())
/// ```
impl<F: Float> FlowMap<F> for Radial {
    fn flow_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("flow", Self::dim(self), x, out);
        for_blocks(x, out, |x, mut out| {
            for (x, mut o) in x.rows().into_iter().zip(out.rows_mut()) {
                let r = norm(x);
                let factor = F::of(if r > 0.0 { self.radius_map(from, to, r) / r } else { 0.0 });
                o.zip_mut_with(&x, |o, &x| *o = factor * x);
            }
        });
    }
}

impl<F: Float> FlowJacobian<F> for Radial {
    fn jvp_into(&self, from: NoiseLevel, to: NoiseLevel, x: &ArrayRef2<F>, v: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        let dim = Self::dim(self);
        assert_shapes("jvp", dim, x, out);
        assert_shapes("jvp", dim, v, out);
        let paired = concatenate![Axis(1), x.view(), v.view()];
        for_blocks(&paired, out, |paired, mut out| {
            for (pair, mut o) in paired.rows().into_iter().zip(out.rows_mut()) {
                let (x, v) = pair.split_at(Axis(0), dim);
                // At the origin the derivative is the limit of the slopes there.
                let r = norm(x).max(1e-100);
                let image = self.radius_map(from, to, r);
                let (across, along) = (image / r, self.radius_slope(from, to, r, image));
                let share = F::of((along - across) / (r * r)) * x.dot(&v);
                let across = F::of(across);
                o.iter_mut().zip(x).zip(v).for_each(|((o, &x), &v)| *o = across * v + share * x);
            }
        });
    }

    /// With the map φ of the radii and unit vector e = x/‖x‖, for directions split along and across e:
    /// D²Φ\[u, v\] = φ'' u_e v_e e + ((φ' − φ/r)/r)(⟨u_⊥, v_⊥⟩ e + u_e v_⊥ + v_e u_⊥), φ'' = φ' (q_θ(r) − q_θ'(φ) φ') with the slopes q of the
    /// logarithms of the densities of the radii.
    fn second_derivative(
        &self,
        from: NoiseLevel,
        to: NoiseLevel,
        x: &ArrayRef2<F>,
        u: &ArrayRef2<F>,
        v: &ArrayRef2<F>,
    ) -> Option<SecondDerivative<F>> {
        let dim = Self::dim(self);
        assert_shapes("second_derivative", dim, x, u);
        assert_shapes("second_derivative", dim, x, v);
        let bends = parallel::map(x.nrows(), |i| self.radius_bend(from, to, length(x.row(i))));
        let mut whole = SecondDerivative::zero(x.nrows(), dim);
        for (i, (bend, mut out)) in bends.into_iter().zip(whole.value.rows_mut()).enumerate() {
            let (x, u, v) = (x.row(i), u.row(i), v.row(i));
            let r = length(x);
            // At the origin the map is odd and has no second derivative but 0.
            let e: Vec<f64> = x.iter().map(|c| if r > 0.0 { c.as_f64() / r } else { 0.0 }).collect();
            let along = |w: ndarray::ArrayView1<'_, F>| w.iter().zip(&e).map(|(w, e)| w.as_f64() * e).sum::<f64>();
            let (u_e, v_e) = (along(u), along(v));
            let across = u.iter().zip(v).map(|(u, v)| u.as_f64() * v.as_f64()).sum::<f64>() - u_e * v_e;
            for (((o, e), u), v) in out.iter_mut().zip(&e).zip(u).zip(v) {
                let mixed = u_e * (v.as_f64() - v_e * e) + v_e * (u.as_f64() - u_e * e);
                *o = F::of(bend.along * u_e * v_e * e + bend.across * (across * e + mixed));
            }
            whole.error[i] = (bend.along_error + bend.across_error) * length(u) * length(v);
        }
        Some(whole)
    }
}
