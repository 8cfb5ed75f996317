//! Gauss–Hermite rules for N(0, 1).

use crate::numeric::special::jacobi::golub_welsch;

/// Nodes and weights with Σ w g(z) = E g(Z) for every polynomial g of degree below 2·`points`, Z ~ N(0, 1).
///
/// Golub and Welsch (1969): the nodes are the eigenvalues of the Jacobi matrix of the Hermite polynomials, which has √k beside the
/// diagonal, polished by Newton's method; a weight is 1/Σ_k h_k(z)² over the orthonormal polynomials h_0, …, h_{points−1}.
pub(crate) fn gauss_hermite(points: usize) -> (Vec<f64>, Vec<f64>) {
    let nodes = golub_welsch(&vec![0.0; points], |k| (k as f64).sqrt()).0;
    let half: Vec<f64> = (0..points / 2).map(|i| 0.5 * (nodes[points - 1 - i] - nodes[i])).collect();
    let mut nodes: Vec<f64> = half.iter().map(|z| -z).chain((points % 2 == 1).then_some(0.0)).chain(half.iter().rev().copied()).collect();
    let mut weights = Vec::with_capacity(points);
    for z in &mut nodes {
        for _ in 0..2 {
            let (value, slope, _) = orthonormal(points, *z);
            *z -= value / slope;
        }
        weights.push(1.0 / orthonormal(points, *z).2);
    }
    (nodes, weights)
}

/// h_n(z), its derivative √n h_{n−1}(z), and Σ_{k<n} h_k(z)², for the orthonormal Hermite polynomials of N(0, 1).
fn orthonormal(n: usize, z: f64) -> (f64, f64, f64) {
    let (mut before, mut now, mut squares) = (0.0, 1.0, 0.0);
    for k in 0..n {
        squares += now * now;
        let next = (z * now - (k as f64).sqrt() * before) / ((k + 1) as f64).sqrt();
        before = now;
        now = next;
    }
    (now, (n as f64).sqrt() * before, squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrates_monomials_exactly() {
        for points in [1, 2, 3, 5, 8, 20] {
            let (z, w) = gauss_hermite(points);
            let mut moment = 1.0; // E Z^{2k} = (2k−1)!!
            for k in 0..points {
                let sum: f64 = z.iter().zip(&w).map(|(z, w)| w * z.powi(2 * k as i32)).sum();
                assert!((sum / moment - 1.0).abs() < 1e-12, "{points} points, degree {}: {sum} for {moment}", 2 * k);
                moment *= (2 * k + 1) as f64;
            }
        }
    }
}
