//! Bounds without unknown constants beside the truth.

use super::common::{Row, count, number, say};
use super::problem::Known;
use super::{Arguments, Line, MethodName, magnitude};
use onestep::Grid;
use onestep::bound::{LipschitzMaps, LogConcave};
use onestep::population::PopulationReport;
use std::error::Error;

/// What 2.17 to 2.19 say on one grid; `None` where their hypotheses fail or are not known to hold.
#[derive(Debug, Clone)]
pub(crate) struct Explicit {
    pub(crate) known: Known,
    /// ln of the bound on Λ = max Lip f_t* that 2.17 is computed with.
    ln_lambda: Option<f64>,
    pub(crate) lipschitz_maps: Option<f64>,
    energy: Option<f64>,
    pub(crate) log_concave: Option<f64>,
    /// Steps on uniform angles that are enough for the error that was reached, by 2.17 and 2.19.
    steps: [Option<f64>; 2],
}

impl Explicit {
    /// For the optimum of training under the squared loss: other maps are no conditional expectations.
    pub(crate) fn new(a: &Arguments, grid: &Grid, report: &PopulationReport, known: Known) -> Result<Self, Box<dyn Error>> {
        let mut found = Self { known, ln_lambda: None, lipschitz_maps: None, energy: None, log_concave: None, steps: [None; 2] };
        if a.method == MethodName::Cd || !a.loss.is_squared() {
            return Ok(found);
        }
        let (first, last, reached) = (grid.level(1).angle(), grid.last().angle(), report.w1.upper);
        let constants = known.log_concavity.map(|(alpha, beta)| LogConcave::new(report.dim, alpha, beta)).transpose()?;
        if let Some(law) = constants {
            let positive = |x: f64| (x.is_finite() && x > 0.0).then_some(x);
            found.energy = positive(law.energy(grid).sqrt());
            found.log_concave = positive(law.bound(grid).w2);
            found.steps[1] = law.steps_for(reached, first, last).ok().map(|s| s.steps as f64);
        }
        let proved = [known.bounds.map(|b| b.ln_maps), constants.map(|law| law.lipschitz_maps(grid).ln())];
        found.ln_lambda = proved.into_iter().flatten().filter(|ln| ln.is_finite()).reduce(f64::min);
        let lambda = found.ln_lambda.map(|ln| ln.exp().max(1.0) * (1.0 + 1e-12)).filter(|l| l.is_finite());
        if let Some(lambda) = lambda {
            // All eigenvalues of the covariance are one: the bound is √d times that of one coordinate.
            let (maps, root) = (LipschitzMaps::new(lambda, &[known.variance])?, (report.dim as f64).sqrt() * (1.0 + 1e-15));
            found.lipschitz_maps = Some(root * maps.on(grid).w2);
            found.steps[0] = maps.steps_for(reached / root, last - first).ok().map(|s| s.steps as f64);
        }
        Ok(found)
    }

    pub(crate) fn row(&self) -> Row {
        let some = |value: Option<f64>| number(value.unwrap_or(f64::NAN));
        vec![
            ("lipschitz_upper", some(self.known.bounds.map(|b| b.ln_flow.exp()))),
            ("ln_lipschitz_upper", some(self.known.bounds.map(|b| b.ln_flow))),
            ("lambda", some(self.known.lambda)),
            ("ln_lambda_upper", some(self.ln_lambda)),
            ("alpha", some(self.known.log_concavity.map(|c| c.0))),
            ("beta", some(self.known.log_concavity.map(|c| c.1))),
            ("explicit_217", some(self.lipschitz_maps)),
            ("explicit_218", some(self.energy)),
            ("explicit_219", some(self.log_concave)),
            ("steps_217", count(self.steps[0].unwrap_or(f64::NAN))),
            ("steps_219", count(self.steps[1].unwrap_or(f64::NAN))),
        ]
    }
}

/// All bounds beside the distance they bound, in one table, and which hypotheses the law meets.
pub(crate) fn print_table(sweep: bool, lines: &[Line]) {
    let Some(first) = lines.first() else { return };
    say!("");
    say!("W1 and W2 at X_T; bounds on W2 without an unknown constant, and T that is enough by them:");
    say!(
        "{}{:>6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}",
        if sweep { format!("{:>5} ", "d") } else { String::new() },
        "T",
        "W1",
        "2.15 <",
        "W2",
        "2.19",
        "2.18",
        "2.15 >",
        "2.17",
        "T, 2.19",
        "T, 2.17"
    );
    let show = |value: Option<f64>| value.map_or_else(|| format!("{:>9}", "-"), |v| format!("{v:>9.3e}"));
    let count = |value: Option<f64>| value.map_or_else(|| format!("{:>8}", "-"), |v| format!("{v:>8.2e}"));
    for line in lines {
        let (r, e) = (&line.report, &line.explicit);
        say!(
            "{}{:>6} {} {:>9.3e} {:>9.3e} {} {} {} {} {} {}",
            if sweep { format!("{:>5} ", r.dim) } else { String::new() },
            r.steps,
            show(r.w1_marginal.value()),
            r.energy_lower,
            r.w2_marginal.upper,
            show(e.log_concave),
            show(e.energy),
            show(r.energy_upper),
            show(e.lipschitz_maps),
            count(e.steps[1]),
            count(e.steps[0]),
        );
    }
    let known = first.explicit.known;
    let flow = match known.bounds {
        Some(b) => format!("L_f is between {} and {}", magnitude(first.report.ln_lipschitz, 0), magnitude(b.ln_flow, 0)),
        None => format!("L_f is at least {}, no upper bound is known", magnitude(first.report.ln_lipschitz, 0)),
    };
    let maps = match (first.explicit.ln_lambda, known.lambda) {
        (Some(upper), Some(lambda)) => format!("Lip f_T = {lambda:.6}, all f_t have at most {}", magnitude(upper, 0)),
        (Some(upper), None) => format!("all f_t have Lip at most {}", magnitude(upper, 0)),
        _ => "no bound on the Lipschitz constants of f_t".to_string(),
    };
    let concave = match known.log_concavity {
        _ if !first.squared => "2.18 and 2.19 are about the squared loss".to_string(),
        Some((alpha, beta)) => format!("alpha = {alpha:.6}, beta = {beta:.6} (2.18, 2.19)"),
        None => "not known to be strongly log-concave (no 2.18, 2.19; give --alpha and --beta if it is)".to_string(),
    };
    say!("hypotheses at the first T: Assumption 1: {flow};");
    say!("  2.17: {maps};");
    say!("  {concave}");
    say!("(24) is printed with the constant given: C_1 is not known. Lipschitz flow maps and the schedule");
    say!("alone do not imply a bound of its form (2.21, docs/lipschitz_is_not_enough.md)");
}
