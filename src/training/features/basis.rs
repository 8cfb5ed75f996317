//! The features of all linear classes behind one type.

use crate::numeric::batch;
use crate::training::error::TrainingError;
use crate::training::features::affine::AffineBasis;
use crate::training::features::fourier::FourierBasis;
use crate::training::features::kernel::KernelBasis;
use crate::training::features::least_squares::{Penalty, Problem};
use crate::training::features::polynomial::PolynomialBasis;
use crate::training::features::spline::SplineBasis;
use crate::training::limits::check_entries_of;
use ndarray::{Array1, Array2, ArrayRef2, ArrayViewMut2, Axis};

/// The features of a linear class, evaluated in `f64`.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub(crate) enum Basis {
    Affine(AffineBasis),
    Polynomial(PolynomialBasis),
    Fourier(FourierBasis),
    Kernel(KernelBasis),
    Spline(SplineBasis),
}

impl Basis {
    pub(crate) fn inputs(&self) -> usize {
        match self {
            Self::Affine(b) => b.inputs(),
            Self::Polynomial(b) => b.inputs(),
            Self::Fourier(b) => b.inputs(),
            Self::Kernel(b) => b.inputs(),
            Self::Spline(_) => 1,
        }
    }

    /// The number of features.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Affine(b) => b.len(),
            Self::Polynomial(b) => b.len(),
            Self::Fourier(b) => b.len(),
            Self::Kernel(b) => b.len(),
            Self::Spline(b) => b.len(),
        }
    }

    /// Fills n × `len()` features of n × `inputs()` points.
    pub(crate) fn fill(&self, x: &ArrayRef2<f64>, out: ArrayViewMut2<'_, f64>) {
        match self {
            Self::Affine(b) => b.fill(x, out),
            Self::Polynomial(b) => b.fill(x, out),
            Self::Fourier(b) => b.fill(x, out),
            Self::Kernel(b) => b.fill(x, out),
            Self::Spline(b) => b.fill(x, out),
        }
    }

    /// The number of leading features that are never penalised.
    fn free(&self) -> usize {
        match self {
            Self::Fourier(b) => b.len() - b.waves(),
            Self::Kernel(b) => b.inputs() + 1,
            Self::Affine(_) | Self::Polynomial(_) | Self::Spline(_) => self.len(),
        }
    }

    /// The combination of the features nearest to `y` over the rows of `x`, at the rows of `at`. Waves and kernels are nearly dependent:
    /// they carry a penalty of 1e−10 a unit coefficient, which rounding needs and no error of interest notices.
    pub(crate) fn project(&self, x: &ArrayRef2<f64>, y: &ArrayRef2<f64>, at: &ArrayRef2<f64>) -> Result<Array2<f64>, TrainingError> {
        const FLOOR: f64 = 1e-10;
        if x.nrows() < self.len() {
            return Err(TrainingError::TooFewRows { what: "points of the projection", rows: x.nrows(), needed: self.len() });
        }
        check_entries_of("points times features", x.nrows(), self.len())?;
        let weights = Array1::from_elem(x.nrows(), 1.0 / x.nrows() as f64);
        let features = self.features(x);
        let (free, shrunk) = features.view().split_at(Axis(1), self.free());
        let problem = Problem { class: "best of the class", free, shrunk, y: y.view(), weights };
        Ok(self.features(at).dot(&problem.solve(Penalty::Fixed(FLOOR))?.coefficients))
    }

    /// What features read from a file must satisfy.
    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        match self {
            Self::Affine(b) => b.is_sound(),
            Self::Polynomial(b) => b.is_sound(),
            Self::Fourier(b) => b.is_sound(),
            Self::Kernel(b) => b.is_sound(),
            Self::Spline(b) => b.is_sound(),
        }
    }

    /// The feature table of all rows of `x`.
    pub(crate) fn features(&self, x: &ArrayRef2<f64>) -> Array2<f64> {
        let mut out = Array2::zeros((x.nrows(), self.len()));
        batch::for_blocks(x, &mut out, |x, out| self.fill(&x, out));
        out
    }
}
