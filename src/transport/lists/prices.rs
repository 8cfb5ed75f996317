//! Prices of the columns: they only fall.

use crate::transport::cost::Geometry;
use crate::transport::screen::Screen;
use crate::transport::screen::boxes::{Boxes, spatial};

/// Prices v_j and what stands for them in scans: a number a column or, in few dimensions, the boxes.
#[derive(Debug)]
pub(super) struct Prices {
    values: Vec<f64>,
    priced: Vec<f32>,
    boxes: Option<Boxes>,
}

impl Prices {
    /// All zero.
    pub(super) fn new(geometry: &Geometry, screen: &Screen) -> Self {
        let values = vec![0.0; geometry.columns()];
        let priced = screen.priced_all(&values);
        let boxes = spatial(geometry.dim).then(|| Boxes::new(geometry, &values));
        Self { values, priced, boxes }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub(super) fn of(&self, j: u32) -> f64 {
        self.values[j as usize]
    }

    #[inline]
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(super) fn into_values(self) -> Vec<f64> {
        self.values
    }

    /// What [`Screen::scan`] takes.
    pub(super) fn priced(&self) -> &[f32] {
        &self.priced
    }

    #[inline]
    pub(super) fn boxes(&self) -> Option<&Boxes> {
        self.boxes.as_ref()
    }

    /// Lowers v_j; a rise would break the thresholds and is ignored.
    #[inline]
    pub(super) fn lower(&mut self, screen: &Screen, j: u32, price: f64) {
        let at = j as usize;
        if price < self.values[at] {
            self.values[at] = price;
            match &mut self.boxes {
                Some(boxes) => boxes.lower(at, price),
                None => self.priced[at] = screen.priced(at, price),
            }
        }
    }
}
