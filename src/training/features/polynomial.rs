//! Products of Hermite polynomials.

use crate::training::standardisation::Standardisation;
use ndarray::{Array2, ArrayRef2, ArrayViewMut2};

/// Products of normalised Hermite polynomials of the standardised coordinates.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct PolynomialBasis {
    standardisation: Standardisation,
    degree: usize,
    /// One row a feature: the degree in each coordinate.
    exponents: Vec<Vec<u8>>,
}

impl PolynomialBasis {
    pub(crate) fn new(standardisation: Standardisation, degree: usize) -> Self {
        let mut exponents = Vec::new();
        let mut current = vec![0; standardisation.mean.len()];
        enumerate(&mut current, 0, degree, &mut exponents);
        Self { standardisation, degree, exponents }
    }

    pub(crate) fn inputs(&self) -> usize {
        self.standardisation.mean.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.exponents.len()
    }

    #[cfg(feature = "serde")]
    pub(crate) fn is_sound(&self) -> bool {
        let fits = |e: &Vec<u8>| e.len() == self.inputs() && e.iter().all(|k| usize::from(*k) <= self.degree);
        self.standardisation.is_sound() && (1..=12).contains(&self.degree) && self.exponents.iter().all(fits)
    }

    pub(crate) fn fill(&self, x: &ArrayRef2<f64>, mut out: ArrayViewMut2<'_, f64>) {
        let x = self.standardisation.standardise(x);
        let mut table = Array2::zeros((self.inputs(), self.degree + 1));
        for (point, mut features) in x.rows().into_iter().zip(out.rows_mut()) {
            for (&x, mut he) in point.iter().zip(table.rows_mut()) {
                (he[0], he[1]) = (1.0, x);
                for k in 1..self.degree {
                    // √(k+1) h_{k+1} = x h_k − √k h_{k−1} for h_k = He_k/√k!.
                    he[k + 1] = (x * he[k] - (k as f64).sqrt() * he[k - 1]) / (k as f64 + 1.0).sqrt();
                }
            }
            for (feature, exponents) in features.iter_mut().zip(&self.exponents) {
                *feature = exponents.iter().enumerate().map(|(j, &k)| table[[j, usize::from(k)]]).product();
            }
        }
    }
}

/// All exponents with sum at most `left` in the coordinates from `from` on.
fn enumerate(current: &mut Vec<u8>, from: usize, left: usize, all: &mut Vec<Vec<u8>>) {
    if from == current.len() {
        all.push(current.clone());
        return;
    }
    for k in 0..=left {
        current[from] = k as u8;
        enumerate(current, from + 1, left - k, all);
    }
    current[from] = 0;
}
