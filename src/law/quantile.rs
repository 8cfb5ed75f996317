//! Laws on the line as distances take them.

use crate::law::LineMarginal;
use crate::transport::LineQuantile;

impl LineQuantile for LineMarginal {
    fn quantile(&self, u: f64) -> f64 {
        LineMarginal::quantile(self, u)
    }
    fn upper_quantile(&self, q: f64) -> f64 {
        LineMarginal::upper_quantile(self, q)
    }
}
