//! try
use onestep::*;
fn main() {
    for s in [0.8, 0.6, 0.5, 0.4, 0.2] {
        let target = LineMixture::new(&[0.5, 0.5], &[-1.0, 1.0], &[s, s]).unwrap();
        for steps in [64, 256, 1024, 4096] {
            let grid = LiHuangWei::new(steps, 2.0, 4.0).unwrap().grid().unwrap();
            let t0 = std::time::Instant::now();
            let run = LineRecursion::new(&target, &grid).run().unwrap();
            let r = run.report();
            println!(
                "{s} {steps} TW/lnT {:.7} nodes {} err {:.1e} {} mean {:.1e} energy {:.10e} ident {:.1e} lb {:.4e} w1m {:.4e} w2 {:.4e} cert {:.4e}+{:.0e} prior {:.2e} L {:.6} {:.3}s",
                r.w1.lower * steps as f64 / (steps as f64).ln(),
                run.nodes(),
                r.resolution_error,
                r.resolved,
                r.mean_shift,
                r.energy_deficit,
                r.loss_sum / r.energy_deficit - 1.0,
                r.lower_bound,
                r.w1_marginal.lower,
                r.w2_marginal,
                r.certificate,
                r.certificate_error,
                r.prior_mismatch,
                r.lipschitz,
                t0.elapsed().as_secs_f64()
            );
        }
    }
}
