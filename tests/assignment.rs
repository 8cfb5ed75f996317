//! Exact assignment.
use ndarray::array;
use onestep::{Assignment, NetworkSimplex};
#[test]
fn small() {
    let x = array![[0.0], [1.0], [5.0]];
    let y = array![[5.5], [0.5], [1.0]];
    let m = Assignment::new(1.0).unwrap().solve(&x, &y).unwrap();
    assert!((m.cost - 1.0 / 3.0).abs() < 1e-14, "{m:?}");
    assert!(m.gap < 1e-14);
    let p = NetworkSimplex::new(2.0).unwrap().solve(&x, &[0.2, 0.3, 0.5], &y, &[0.4, 0.4, 0.2]).unwrap();
    assert!(p.gap < 1e-14, "{p:?}");
}
