//! Shapes of arguments.

use ndarray::ArrayRef2;

/// Panics, as ndarray does, when `x` and `out` are not both n × `dim`.
pub(crate) fn assert_shapes<F, G>(what: &str, dim: usize, x: &ArrayRef2<F>, out: &ArrayRef2<G>) {
    assert_eq!(x.ncols(), dim, "{what}: x has {} columns, the space has dimension {dim}", x.ncols());
    assert_eq!(x.dim(), out.dim(), "{what}: x has shape {:?}, out {:?}", x.dim(), out.dim());
}
