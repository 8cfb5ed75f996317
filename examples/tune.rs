//! tune
use ndarray::Array2;
use onestep::{Assignment, Float};
use rand::SeedableRng;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (n, d, p): (usize, usize, f64) = (a[1].parse().unwrap(), a[2].parse().unwrap(), a[3].parse().unwrap());
    let reps: usize = a.get(4).map_or(3, |s| s.parse().unwrap());
    let law = a.get(5).map_or("y", |s| s.as_str());
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut x = Array2::<f64>::from_shape_simple_fn((n, d), || f64::standard_normal(&mut rng));
    let mut y = Array2::<f64>::from_shape_simple_fn((n, d), || f64::standard_normal(&mut rng));
    match law {
        "p" => {
            for (k, mut c) in y.columns_mut().into_iter().enumerate() {
                let s = if d > 1 { 0.5 + k as f64 / (d - 1) as f64 } else { 0.5 };
                c.mapv_inplace(|v| v * s);
            }
            y.column_mut(0).mapv_inplace(|v| v + 0.5);
        }
        "z" => y.mapv_inplace(|v| v * 0.9 + 0.5),
        "l" => {
            x.mapv_inplace(|v| (2.0 * v).round() / 2.0);
            y.mapv_inplace(|v| (2.0 * v).round() / 2.0);
        }
        "g" | "h" => {
            let k = (n as f64).powf(1.0 / d as f64).ceil() as usize;
            for i in 0..n {
                let mut r = i;
                for c in 0..d {
                    x[[i, c]] = (r % k) as f64;
                    y[[i, c]] = if law == "g" { (r % k) as f64 * 2.0 - 3.0 } else { (r % k) as f64 + 0.5 };
                    r /= k;
                }
            }
        }
        "m" => {
            for (i, mut r) in x.rows_mut().into_iter().enumerate() {
                if i % 10 < 5 {
                    r[0] += 10.0;
                }
            }
            for (i, mut r) in y.rows_mut().into_iter().enumerate() {
                if i % 10 < 6 {
                    r[0] += 10.0;
                }
            }
        }
        "c" => {
            x.mapv_inplace(|v| v * v * v * v * v);
            y.mapv_inplace(|v| v * v * v * v * v);
        }
        _ => {}
    }
    if let Some(m) = a.get(6) {
        let m: usize = m.parse().unwrap();
        let y = y.select(ndarray::Axis(0), &(0..m).collect::<Vec<_>>());
        use rand::Rng;
        let mut w = |n: usize| {
            let w: Vec<f64> = (0..n).map(|_| rng.random::<f64>()).collect();
            let s: f64 = w.iter().sum();
            w.iter().map(|v| v / s).collect::<Vec<f64>>()
        };
        let (wa, wb) = (w(n), w(m));
        for _ in 0..reps {
            let t = std::time::Instant::now();
            let m = onestep::NetworkSimplex::new(p).unwrap().solve(&x, &wa, &y, &wb).unwrap();
            println!(
                "{n} {d} {p} {law}: {:.4} s W {:.15} gap/cost {:.2e} {:?}",
                t.elapsed().as_secs_f64(),
                m.distance,
                m.gap / m.cost,
                m.effort
            );
        }
        return;
    }
    for _ in 0..reps {
        let t = std::time::Instant::now();
        let m = Assignment::new(p).unwrap().solve(&x, &y).unwrap();
        let s = t.elapsed().as_secs_f64();
        println!(
            "{n} {d} {p} {law}: {s:.4} s  W {:.15} gap/cost {:.2e} phases {} bids/row {:.1} scans/row {:.2} paths {}",
            m.distance,
            m.gap / m.cost,
            m.effort.phases,
            m.effort.iterations as f64 / n as f64,
            m.effort.scans as f64 / n as f64,
            m.effort.paths
        );
    }
}
