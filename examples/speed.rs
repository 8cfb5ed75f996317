//! speed
use onestep::*;
fn main() {
    let a: Vec<f64> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let m = LineMixture::new(&[0.5, 0.3, 0.2], &[-1.5, 0.5, 2.0], &[0.4, 0.5, 0.3]).unwrap();
    let t = a[0] as usize;
    let (lo, hi) = (0.01, std::f64::consts::FRAC_PI_2 - 0.001);
    let g = Grid::from_angles(&(0..t).map(|i| lo + (hi - lo) * i as f64 / (t - 1) as f64).collect::<Vec<_>>()).unwrap();
    let t0 = std::time::Instant::now();
    let run = LineRecursion::new(&m, &g).spacing(a[1]).tolerance(a[2]).refinements(a[3] as usize).run().unwrap();
    println!(
        "{t} nodes {} w1 {:.12e} err {:.1e} {:.3}s",
        run.nodes(),
        run.report().w1_marginal.lower,
        run.report().resolution_error,
        t0.elapsed().as_secs_f64()
    );
}
