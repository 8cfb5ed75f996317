//! try
use onestep::*;
fn show(name: &str, target: &LineMixture, grid: &Grid, scale: f64, method: Method) {
    let t0 = std::time::Instant::now();
    let run = LineRecursion::new(target, grid).method(method).run().unwrap();
    let r = run.report();
    println!(
        "{name} {} scaled w1 {:.7} marg {:.7} nodes {} err {:.1e} {} mean {:.1e} energy {:.10e} ident {:.1e} lb {:.4e} w2 {:.4e} cert {:.4e}+{:.0e} prior {:.2e} L {:.6e} {:.3}s",
        r.steps,
        r.w1.lower * scale,
        r.w1_marginal.lower * scale,
        run.nodes(),
        r.resolution_error,
        r.resolved,
        r.mean_shift,
        r.energy_deficit,
        r.loss_sum / r.energy_deficit - 1.0,
        r.lower_bound * scale,
        r.w2_marginal * scale,
        r.certificate * scale,
        r.certificate_error * scale,
        r.prior_mismatch * scale,
        r.lipschitz,
        t0.elapsed().as_secs_f64()
    );
}
fn angles(t: usize) -> Grid {
    let (a, b) = (0.01, std::f64::consts::FRAC_PI_2 - 0.001);
    Grid::from_angles(&(0..t).map(|i| a + (b - a) * i as f64 / (t - 1) as f64).collect::<Vec<_>>()).unwrap()
}
fn main() {
    let which = std::env::args().nth(1).unwrap_or_default();
    if which == "dirac" {
        let d = LineMixture::point_masses(&[0.5, 0.5], &[-1.0, 1.0]).unwrap();
        for steps in [64, 256, 1024, 4096] {
            let grid = LiHuangWei::new(steps, 2.0, 4.0).unwrap().grid().unwrap();
            show("diracs", &d, &grid, 1.0 / ((steps as f64).ln() / steps as f64).sqrt(), Method::Training);
        }
        let d = LineMixture::point_masses(&[0.3, 0.7], &[-1.0, 0.5]).unwrap();
        for steps in [64, 1024] {
            let grid = LiHuangWei::new(steps, 2.0, 4.0).unwrap().grid().unwrap();
            show("diracs asym", &d, &grid, 1.0 / ((steps as f64).ln() / steps as f64).sqrt(), Method::Training);
        }
    }
    if which == "angle" {
        let m = LineMixture::new(&[0.5, 0.5], &[-0.7, 0.7], &[0.6, 0.6]).unwrap();
        for t in [50, 400, 1600, 12800] {
            show("0.7", &m, &angles(t), t as f64, Method::Training);
        }
        for t in [50, 400] {
            show("0.7 CD", &m, &angles(t), t as f64, Method::Distillation);
        }
        let m = LineMixture::new(&[0.5, 0.5], &[-1.5, 1.5], &[0.5, 0.5]).unwrap();
        for t in [50, 400, 1600, 12800] {
            show("1.5", &m, &angles(t), t as f64, Method::Training);
        }
        let g = LineMixture::gaussian(0.3, 1.7).unwrap();
        for t in [50, 400] {
            show("gauss", &g, &angles(t), t as f64, Method::Training);
        }
        let g = LineMixture::new(&[0.1, 0.2, 0.3, 0.4], &[-2.0, 0.0, 0.1, 3.0], &[0.5, 0.1, 2.0, 0.3]).unwrap();
        for t in [50, 400] {
            show("four", &g, &angles(t), t as f64, Method::Training);
        }
    }
    if which == "million" {
        let m = LineMixture::new(&[0.5, 0.5], &[-1.5, 1.5], &[0.5, 0.5]).unwrap();
        for t in [100_000, 1_000_000] {
            show("1.5", &m, &angles(t), t as f64, Method::Training);
        }
    }
}
