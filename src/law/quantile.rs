//! Laws on the line as distances take them.

use crate::law::{CombMarginal, LineMarginal};
use crate::transport::LineQuantile;

impl LineQuantile for LineMarginal {
    fn quantile(&self, u: f64) -> f64 {
        LineMarginal::quantile(self, u)
    }
    fn upper_quantile(&self, q: f64) -> f64 {
        LineMarginal::upper_quantile(self, q)
    }
}

impl LineQuantile for CombMarginal {
    fn quantile(&self, u: f64) -> f64 {
        CombMarginal::quantile(self, u)
    }
    fn upper_quantile(&self, q: f64) -> f64 {
        CombMarginal::upper_quantile(self, q)
    }
}
