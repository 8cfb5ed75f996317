//! Gaussian mixtures in any dimension.

use crate::error::{Empty, check_entries, check_equal, check_range};
use crate::float::Float;
use crate::law::covariance::{TINY_VARIANCE, centred};
use crate::law::{Covariance, Gaussian};
use crate::law::{FITS, LARGEST, LawError, LogDensity, Moments, Posterior, SMALLEST, Sample, fits, normalised};
use crate::level::NoiseLevel;
use crate::numeric::batch::for_blocks;
use crate::numeric::shapes::assert_shapes;
use crate::numeric::special::normal::LN_SQRT_2PI;
use crate::score::ScoreFunction;
use crate::space::Space;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, ArrayViewMut1, Axis, Slice, Zip, aview1};
use rand::{Rng, RngCore};

/// The mixture Σ_k w_k N(m_k, Σ_k) on ℝ^d.
///
/// At noise angle θ it is Σ_k w_k N(cos θ m_k, cos²θ Σ_k + sin²θ I), and X_0 | X_θ = x is again a Gaussian mixture, whose weights are the
/// responsibilities r_k(x). Score, denoiser and posterior covariance are averages over r.
///
/// A component with a singular covariance acts without noise as the limit of narrow ones: on its support it takes everything.
///
/// # Cost
/// n·K·d for isotropic components, by matrix products where these lose nothing; n·K·d² for full covariances. Batches are spread over threads.
///
/// # Example
/// ```
/// use ndarray::array;
/// use onestep::{Moments, NoiseLevel, ScoreFunction};
/// use onestep::law::{Covariance, GaussianMixture};
/// let narrow = Covariance::isotropic(2, 0.25)?;
/// let target = GaussianMixture::new(&[0.5, 0.5], &array![[-1.0, 0.0], [1.0, 0.0]], &[narrow.clone(), narrow])?;
/// assert_eq!(target.second_moment(), 1.5);
/// // By symmetry the score vanishes half way between the modes.
/// assert_eq!(target.score(NoiseLevel::DATA, &array![[0.0, 0.0]]), array![[0.0, 0.0]]);
/// # Ok::<(), onestep::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianMixture {
    weights: Vec<f64>,
    /// Partial sums of the weights, the last one being 1.
    cumulative: Vec<f64>,
    /// One row for each component.
    means: Array2<f64>,
    covariances: Vec<Covariance>,
    /// Σ_k w_k m_k: distances are measured from here, so that a far away mixture loses no digits.
    centre: Vec<f64>,
    /// Whether every component is isotropic.
    isotropic: bool,
    /// max_k ‖m_k − centre‖².
    spread: f64,
}

/// Squared distances come from a matrix product where they lose at most this factor (in units of the smallest variance) to cancellation.
const EXPANSION_LOSS: f64 = 1e4;
/// Coordinates below this part of the root of the largest number may be squared and summed.
const SQUARABLE: f64 = 1e-8;
/// Dimension from which the matrix product pays.
const EXPANSION_DIM: usize = 8;
/// A logit of a degenerate component above this means that the point lies on its support.
const ON_SUPPORT: f64 = -1e200;

impl GaussianMixture {
    /// From weights (nonnegative, summing to one within [`weight_tolerance`](crate::error::weight_tolerance); then normalised), means (one a row) and covariances.
    /// Components of weight 0 are dropped.
    ///
    /// # Errors
    /// Empty lists, unequal lengths or dimensions, weights that are negative or do not sum to one, means that are not finite.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::law::{Covariance, GaussianMixture};
    /// let means = array![[0.0], [1.0]];
    /// let unit = Covariance::isotropic(1, 1.0)?;
    /// assert!(GaussianMixture::new(&[0.5, 0.6], &means, &[unit.clone(), unit.clone()]).is_err());
    /// assert!(GaussianMixture::new(&[0.5, 0.5], &means, &[unit]).is_err());
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn new(weights: &[f64], means: &ArrayRef2<f64>, covariances: &[Covariance]) -> Result<Self, LawError> {
        let weights = normalised(weights)?;
        check_equal("weights", weights.len(), "means", means.nrows())?;
        check_equal("weights", weights.len(), "covariances", covariances.len())?;
        let dim = means.ncols();
        check_range("columns of means", dim, dim > 0, "[1, inf)")?;
        for covariance in covariances {
            check_equal("columns of means", dim, "covariance", covariance.dim())?;
        }
        let flat: Vec<f64> = means.iter().copied().collect();
        check_entries("means", &flat, fits, FITS)?;
        for covariance in covariances {
            let largest = covariance.largest();
            check_range("largest eigenvalue of a covariance", largest, largest <= LARGEST * LARGEST, "[0, 1e150]")?;
        }
        let kept: Vec<usize> = (0..weights.len()).filter(|&k| weights[k] > 0.0).collect();
        let means = means.select(Axis(0), &kept);
        let covariances: Vec<Covariance> = kept.iter().map(|&k| covariances[k].clone()).collect();
        let weights: Vec<f64> = kept.iter().map(|&k| weights[k]).collect();
        let mut cumulative: Vec<f64> = weights
            .iter()
            .scan(0.0, |sum, w| {
                *sum += w;
                Some(*sum)
            })
            .collect();
        if let Some(last) = cumulative.last_mut() {
            *last = 1.0;
        }
        let centre = Array1::from(weights.clone()).dot(&means).to_vec();
        let spread = means.rows().into_iter().map(|m| m.iter().zip(&centre).map(|(m, c)| (m - c) * (m - c)).sum()).fold(0.0, f64::max);
        let isotropic = covariances.iter().all(Covariance::is_isotropic);
        Ok(Self { weights, cumulative, means, covariances, centre, isotropic, spread })
    }

    /// Isotropic components of variances `variances`.
    ///
    /// # Errors
    /// As [`new`](Self::new), and a variance that is negative or not finite.
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Moments;
    /// use onestep::law::GaussianMixture;
    /// let target = GaussianMixture::isotropic(&[0.25, 0.75], &array![[1.0, 2.0], [3.0, 4.0]], &[0.0, 1.0])?;
    /// assert_eq!(target.second_moment(), 0.25 * 5.0 + 0.75 * 27.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn isotropic(weights: &[f64], means: &ArrayRef2<f64>, variances: &[f64]) -> Result<Self, LawError> {
        let covariances = variances.iter().map(|&v| Covariance::isotropic(means.ncols(), v)).collect::<Result<Vec<_>, _>>()?;
        Self::new(weights, means, &covariances)
    }

    /// The kernel density of `data` (one point a row): N(x_i, `bandwidth`² I) with equal weights.
    ///
    /// # Units
    /// The bandwidth is a standard deviation; 0 gives the empirical law itself.
    ///
    /// # Errors
    /// No data, entries beyond ±1e75 or not finite, a bandwidth that is neither 0 nor in [1e−75, 1e75].
    ///
    /// ```
    /// use ndarray::array;
    /// use onestep::Moments;
    /// use onestep::law::GaussianMixture;
    /// let target = GaussianMixture::kernel_density(&array![[0.0], [2.0]], 0.5)?;
    /// assert_eq!(target.mean()[0], 1.0);
    /// assert_eq!(target.second_moment(), 2.25);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    pub fn kernel_density(data: &ArrayRef2<f64>, bandwidth: f64) -> Result<Self, LawError> {
        check_range("bandwidth", bandwidth, bandwidth == 0.0 || (SMALLEST..=LARGEST).contains(&bandwidth), "{0} or [1e-75, 1e75]")?;
        let n = data.nrows();
        if n == 0 {
            return Err(Empty { name: "data" }.into());
        }
        Self::isotropic(&vec![1.0 / n as f64; n], data, &vec![bandwidth * bandwidth; n])
    }

    /// The dimension d.
    ///
    /// ```
    /// use onestep::law::GaussianMixture;
    /// assert_eq!(GaussianMixture::kernel_density(&ndarray::array![[0.0, 1.0]], 1.0)?.dim(), 2);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn dim(&self) -> usize {
        self.means.ncols()
    }

    /// The weights w_k, positive, summing to one.
    ///
    /// ```
    /// use onestep::law::GaussianMixture;
    /// assert_eq!(GaussianMixture::kernel_density(&ndarray::array![[0.0], [1.0]], 1.0)?.weights(), [0.5, 0.5]);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The means m_k, one a row.
    ///
    /// ```
    /// use onestep::law::GaussianMixture;
    /// assert_eq!(GaussianMixture::kernel_density(&ndarray::array![[0.0], [1.0]], 1.0)?.means()[[1, 0]], 1.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn means(&self) -> &Array2<f64> {
        &self.means
    }

    /// The covariances Σ_k.
    ///
    /// ```
    /// use onestep::law::GaussianMixture;
    /// assert_eq!(GaussianMixture::kernel_density(&ndarray::array![[0.0]], 2.0)?.covariances()[0].trace(), 4.0);
    /// # Ok::<(), onestep::Error>(())
    /// ```
    #[must_use]
    pub fn covariances(&self) -> &[Covariance] {
        &self.covariances
    }

    /// Whether distances come from a matrix product at this level: not where a square of a coordinate could overflow.
    fn expands<F: Float>(&self, level: NoiseLevel, x: &ArrayRef2<F>) -> bool {
        let most = F::of(SQUARABLE) * F::max_value().sqrt();
        if x.iter().any(|v| !(v.abs() < most)) {
            return false;
        }
        let smallest = self.covariances.iter().map(|c| level.noisy_variance(c.largest())).fold(f64::INFINITY, f64::min);
        self.isotropic && self.dim() >= EXPANSION_DIM && level.alpha_bar() * self.spread <= EXPANSION_LOSS * smallest
    }

    /// cos θ (m_k − centre), one a row.
    fn offsets<F: Float>(&self, level: NoiseLevel) -> Array2<F> {
        Array2::from_shape_fn(self.means.raw_dim(), |(k, j)| F::of(level.cos() * (self.means[[k, j]] - self.centre[j])))
    }

    fn scaled_centre<F: Float>(&self, level: NoiseLevel) -> Vec<F> {
        self.centre.iter().map(|c| F::of(level.cos() * c)).collect()
    }

    /// ln(w_k p_θ(x | k)) for every row and component; degenerate variances are floored.
    pub(crate) fn logits<F: Float>(&self, level: NoiseLevel, x: &ArrayRef2<F>) -> Array2<f64> {
        if self.expands(level, x) {
            return self.expanded_logits(level, &centred(x, &self.scaled_centre(level)), true);
        }
        let constants = self.ln_constants(level);
        let mut logits = Array2::zeros((x.nrows(), self.weights.len()));
        for (k, covariance) in self.covariances.iter().enumerate() {
            let inverse = covariance.map(|s| 1.0 / floored(level, s));
            let quadratic = covariance.quadratic(&inverse, &self.about_mean(level, k, x));
            logits.column_mut(k).iter_mut().zip(quadratic).for_each(|(logit, q)| *logit = constants[k] - 0.5 * q);
        }
        logits
    }

    /// P(component k | X_θ = x) for every row and component.
    pub(crate) fn posterior_weights<F: Float>(&self, level: NoiseLevel, x: &ArrayRef2<F>) -> Array2<f64> {
        let mut r = self.logits(level, x);
        for (i, mut row) in r.rows_mut().into_iter().enumerate() {
            let lost = row.iter().all(|l| !(*l > f64::NEG_INFINITY));
            if lost && x.row(i).iter().all(|v| v.is_finite()) {
                self.far_logits(level, &x.slice_axis(Axis(0), Slice::from(i..=i)), &mut row);
            }
            softmax(row);
        }
        r
    }

    /// The logits of one point that is so far away that every density underflows: all to the component that is nearest in its own units.
    fn far_logits<F: Float>(&self, level: NoiseLevel, x: &ArrayRef2<F>, logits: &mut ArrayViewMut1<'_, f64>) {
        let offset = |k: usize| Array2::from_shape_fn((1, self.dim()), |(_, j)| x[[0, j]].as_f64() - level.cos() * self.means[[k, j]]);
        let offsets: Vec<Array2<f64>> = (0..self.weights.len()).map(offset).collect();
        let size = offsets.iter().flatten().fold(f64::MIN_POSITIVE, |a, o| if o.abs() <= a { a } else { o.abs() });
        let smallest = self.covariances.iter().flat_map(|c| c.map(|s| floored(level, s))).fold(f64::INFINITY, f64::min);
        for ((logit, covariance), offset) in logits.iter_mut().zip(&self.covariances).zip(&offsets) {
            *logit = covariance.quadratic(&covariance.map(|s| smallest / floored(level, s)), &offset.mapv(|o| o / size))[0];
        }
        let nearest = logits.iter().copied().fold(f64::INFINITY, f64::min);
        let constants = self.ln_constants(level);
        logits.iter_mut().zip(constants).for_each(|(l, c)| *l = if *l <= nearest { c } else { f64::NEG_INFINITY });
    }

    /// P(component k | X_θ = x), k = 1, 2, ….
    pub(crate) fn responsibilities(&self, level: NoiseLevel, x: &[f64]) -> Vec<f64> {
        self.posterior_weights(level, &aview1(x).insert_axis(Axis(0))).row(0).to_vec()
    }

    /// ln w_k and the logarithm of the largest density of component k.
    fn ln_constants(&self, level: NoiseLevel) -> Vec<f64> {
        let parts = self.weights.iter().zip(&self.covariances);
        parts.map(|(w, covariance)| w.ln() - covariance.sum(|s| LN_SQRT_2PI + 0.5 * floored(level, s).ln())).collect()
    }

    /// The logits from y = x − cos θ · centre by one matrix product, ‖y − m‖² = ‖y‖² − 2⟨y, m⟩ + ‖m‖². With equal variances ‖y‖² is
    /// common to a row and may be left out where only differences matter.
    fn expanded_logits<F: Float>(&self, level: NoiseLevel, from_centre: &ArrayRef2<F>, with_norms: bool) -> Array2<f64> {
        let offsets = self.offsets::<F>(level);
        let constants = self.ln_constants(level);
        let squares: Vec<f64> = offsets.rows().into_iter().map(|m| m.dot(&m).as_f64()).collect();
        let halves: Vec<f64> = self.covariances.iter().map(|c| 0.5 / floored(level, c.largest())).collect();
        let mut logits = from_centre.dot(&offsets.t()).mapv_into_any(F::as_f64);
        for (mut row, y) in logits.rows_mut().into_iter().zip(from_centre.rows()) {
            let own = if with_norms { y.dot(&y).as_f64() } else { 0.0 };
            // A squared distance rounded below zero is zero; without the norm there is nothing to compare with.
            let least = if with_norms { 0.0 } else { f64::NEG_INFINITY };
            for (k, logit) in row.iter_mut().enumerate() {
                *logit = constants[k] - halves[k] * (own - 2.0 * *logit + squares[k]).max(least);
            }
        }
        logits
    }

    /// x − cos θ m_k for every row.
    pub(crate) fn about_mean<F: Float>(&self, level: NoiseLevel, k: usize, x: &ArrayRef2<F>) -> Array2<F> {
        let mean: Vec<F> = self.means.row(k).iter().map(|m| F::of(level.cos() * m)).collect();
        centred(x, &mean)
    }

    /// As [`average`](Self::average), by matrix products: g_k y + (offset − g_k cos θ)(m_k − centre) + offset · centre averaged over r,
    /// with y = x − cos θ · centre, which is made once, in place.
    fn expanded_average<F: Float>(
        &self,
        level: NoiseLevel,
        offset: f64,
        g: &(impl Fn(f64) -> f64 + Sync),
        x: &ArrayRef2<F>,
        out: &mut ArrayRef2<F>,
    ) {
        let gains: Vec<f64> = self.covariances.iter().map(|c| g(c.largest())).collect();
        let one_variance = self.covariances.iter().all(|c| c.largest() == self.covariances[0].largest());
        let centre = self.scaled_centre::<F>(level);
        for (mut o, x) in out.rows_mut().into_iter().zip(x.rows()) {
            Zip::from(&mut o).and(&x).and(&aview1(&centre)).for_each(|o, &x, &c| *o = x - c);
        }
        let mut r = self.expanded_logits(level, out, !one_variance);
        r.rows_mut().into_iter().for_each(softmax);
        // With one variance the product itself scales y.
        let common = one_variance.then(|| F::of(gains[0]));
        if common.is_none() {
            for (mut o, r) in out.rows_mut().into_iter().zip(r.rows()) {
                let gain = F::of(r.iter().zip(&gains).map(|(r, g)| r * g).sum());
                o.mapv_inplace(|y| gain * y);
            }
        }
        for mut row in r.rows_mut() {
            row.iter_mut().zip(&gains).for_each(|(r, g)| *r *= offset - g * level.cos());
        }
        let deviations = Array2::from_shape_fn(self.means.raw_dim(), |(k, j)| F::of(self.means[[k, j]] - self.centre[j]));
        general_mat_mul(F::one(), &r.mapv(F::of), &deviations, common.unwrap_or(F::one()), out);
        if offset != 0.0 {
            let shift: Vec<F> = self.centre.iter().map(|c| F::of(offset * c)).collect();
            out.rows_mut().into_iter().for_each(|mut o| o.zip_mut_with(&aview1(&shift), |o, &s| *o += s));
        }
    }

    /// Writes Σ_k r_k(x) [`offset` m_k + g(Σ_k)(x − cos θ m_k)] for every row of a block, r_k the responsibilities.
    fn average<F: Float>(
        &self,
        level: NoiseLevel,
        offset: f64,
        g: &(impl Fn(f64) -> f64 + Sync),
        x: &ArrayRef2<F>,
        out: &mut ArrayRef2<F>,
    ) {
        if self.expands(level, x) {
            self.expanded_average(level, offset, g, x, out);
            return;
        }
        let r = self.posterior_weights(level, x);
        out.fill(F::zero());
        let mut image = Array2::zeros(x.raw_dim());
        for (k, covariance) in self.covariances.iter().enumerate() {
            covariance.apply(&covariance.map(g), &self.about_mean(level, k, x), &mut image);
            let mean: Vec<F> = self.means.row(k).iter().map(|m| F::of(offset * m)).collect();
            for ((mut o, image), r) in out.rows_mut().into_iter().zip(image.rows()).zip(r.column(k)) {
                let r = F::of(*r);
                if r > F::zero() {
                    o.iter_mut().zip(image).zip(&mean).for_each(|((o, &i), &m)| *o += r * (m + i));
                }
            }
        }
    }
}

/// The variance of an eigenspace at this level, floored where a density divides by it.
fn floored(level: NoiseLevel, variance: f64) -> f64 {
    level.noisy_variance(variance).max(TINY_VARIANCE)
}

/// Exponentials of the logits, normalised; the largest logit is taken out first. NaN stays NaN.
pub(crate) fn softmax(mut logits: ArrayViewMut1<'_, f64>) {
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for l in &mut logits {
        *l = (*l - top).exp();
        sum += *l;
    }
    logits /= sum;
}

impl Space for GaussianMixture {
    fn dim(&self) -> usize {
        Self::dim(self)
    }
}

impl Sample for GaussianMixture {
    fn sample_into(&self, rng: &mut dyn RngCore, out: &mut ArrayRef2<f64>) {
        assert_eq!(out.ncols(), self.dim(), "sample: out has {} columns, the target dimension {}", out.ncols(), self.dim());
        let mut members = vec![Vec::new(); self.weights.len()];
        for row in 0..out.nrows() {
            let u: f64 = rng.random();
            members[self.cumulative.partition_point(|&c| c <= u).min(self.weights.len() - 1)].push(row);
        }
        let noise = Array2::from_shape_simple_fn(out.raw_dim(), || f64::standard_normal(rng));
        for (k, rows) in members.iter().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            let own = noise.select(Axis(0), rows);
            let mut image = Array2::zeros(own.raw_dim());
            self.covariances[k].apply(&self.covariances[k].map(f64::sqrt), &own, &mut image);
            for (&row, deviation) in rows.iter().zip(image.rows()) {
                Zip::from(out.row_mut(row)).and(self.means.row(k)).and(deviation).for_each(|o, m, d| *o = m + d);
            }
        }
    }
}

impl LogDensity for GaussianMixture {
    fn log_density_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef1<f64>) {
        assert_eq!(x.dim(), (out.len(), self.dim()), "log_density: x has shape {:?}, out length {}", x.dim(), out.len());
        let degenerate: Vec<bool> = self.covariances.iter().map(|c| c.eigenvalues().any(|(s, _)| level.noisy_variance(s) == 0.0)).collect();
        let mut column = out.view_mut().insert_axis(Axis(1));
        for_blocks(x, &mut column, |x, mut out| {
            for (mut o, logits) in out.rows_mut().into_iter().zip(self.logits(level, &x).rows()) {
                let on_support = logits.iter().zip(&degenerate).any(|(&l, &d)| d && l > ON_SUPPORT);
                let smooth = || logits.iter().zip(&degenerate).filter(|(_, d)| !**d).map(|(l, _)| *l);
                let top = smooth().fold(f64::NEG_INFINITY, f64::max);
                o[0] = if on_support {
                    f64::INFINITY
                } else if top == f64::NEG_INFINITY && !logits.iter().any(|l| l.is_nan()) {
                    top
                } else {
                    top + smooth().map(|l| (l - top).exp()).sum::<f64>().ln()
                };
            }
        });
    }
}

impl Posterior for GaussianMixture {
    fn denoise_into(&self, level: NoiseLevel, x: &ArrayRef2<f64>, out: &mut ArrayRef2<f64>) {
        assert_shapes("denoise", self.dim(), x, out);
        let gain = |s: f64| level.gain(s);
        for_blocks(x, out, |x, mut out| self.average(level, 1.0, &gain, &x, &mut out));
    }

    fn posterior_covariance(&self, level: NoiseLevel, x: &ArrayRef1<f64>) -> Array2<f64> {
        assert_eq!(x.len(), self.dim(), "posterior_covariance: x has length {}, the target dimension {}", x.len(), self.dim());
        let point = x.to_owned().insert_axis(Axis(0));
        let r = self.responsibilities(level, &x.to_vec());
        let mean = self.denoise(level, &point);
        let mut total = Array2::zeros((self.dim(), self.dim()));
        for (k, covariance) in self.covariances.iter().enumerate().filter(|(k, _)| r[*k] > 0.0) {
            let own = covariance.function(|s| level.posterior_variance(s));
            let mut deviation = Array2::zeros(point.raw_dim());
            let gain = covariance.map(|s| level.gain(s));
            covariance.apply(&gain, &self.about_mean(level, k, &point), &mut deviation);
            deviation += &self.means.row(k);
            deviation -= &mean;
            total.scaled_add(r[k], &(own + deviation.t().dot(&deviation)));
        }
        total
    }
}

impl Moments for GaussianMixture {
    fn mean(&self) -> Array1<f64> {
        Array1::from(self.centre.clone())
    }

    fn second_moment(&self) -> f64 {
        let own = |k: usize| self.means.row(k).dot(&self.means.row(k)) + self.covariances[k].trace();
        self.weights.iter().enumerate().map(|(k, w)| w * own(k)).sum()
    }
}

impl<F: Float> ScoreFunction<F> for GaussianMixture {
    fn score_into(&self, level: NoiseLevel, x: &ArrayRef2<F>, out: &mut ArrayRef2<F>) {
        assert_shapes("score", self.dim(), x, out);
        let gain = |s: f64| level.over_noisy(-1.0, s);
        for_blocks(x, out, |x, mut out| self.average(level, 0.0, &gain, &x, &mut out));
    }
}

impl From<&Gaussian> for GaussianMixture {
    /// One component.
    fn from(gaussian: &Gaussian) -> Self {
        let means = Array2::from_shape_fn((1, gaussian.dim()), |(_, j)| gaussian.mean_slice()[j]);
        Self {
            weights: vec![1.0],
            cumulative: vec![1.0],
            means,
            covariances: vec![gaussian.covariance().clone()],
            centre: gaussian.mean_slice().to_vec(),
            isotropic: gaussian.covariance().is_isotropic(),
            spread: 0.0,
        }
    }
}
