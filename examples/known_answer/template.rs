//! The file of points at which a model is to be evaluated.

use super::common::output::{Output, csv};
use super::common::{limits, progress, provenance, remark};
use super::{Arguments, Outcome, Problem};
use ndarray::Array2;
use onestep::path::GaussianPath;
use onestep::{ForwardProcess, NoiseLevel};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Levels that are spread over the grid: its ends and about eight between.
fn spread(last: usize) -> Vec<usize> {
    (0..=9).map(|i| 1 + (last - 1) * i / 9).collect()
}

pub(crate) fn write(a: &Arguments, output: &Output, problem: &Problem) -> Outcome<()> {
    let Problem { law, path, grid } = problem;
    let (last, dim) = (grid.steps(), law.dim());
    let mut levels = a.levels.clone().unwrap_or_else(|| spread(last));
    if let Some(level) = levels.iter().find(|l| !(1..=last).contains(*l)) {
        return Err(format!("level {level} is outside [1, {last}]").into());
    }
    levels.dedup();
    limits::check_product(&[("--points", a.points), ("the levels", levels.len()), ("columns", 5 + 4 * dim)])?;
    let (methods, lattice) = a.methods();
    let bar = progress(1, "recursion and flow");
    let optimum = match methods.first() {
        Some(&method) => law.optimum(grid, method, &levels, lattice)?,
        None => None,
    };
    let (flow, seed) = (law.flow()?, a.seed.unwrap_or(1));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let first = path.on(grid.level(1))?;
    let named = |what: &str| (1..=dim).map(|j| format!("{what}_{j}")).collect::<Vec<_>>();
    let mut names: Vec<String> = ["t", "angle", "sigma", "alpha_bar", "time"].map(String::from).to_vec();
    names.extend([named("x"), named("f"), named("phi")].concat());
    if optimum.is_some() {
        names.extend(named("best"));
    }
    let mut table = Vec::new();
    for &t in &levels {
        let level: NoiseLevel = grid.level(t);
        let x = ForwardProcess::new(grid).marginal(t, &law.known().sample(a.points, &mut rng), &mut rng);
        let exact = if t == 1 { x.clone() } else { flow.flow(level, grid.level(1), &x) };
        let missing: Array2<f64> = x.mapv(|_| f64::NAN);
        let mut blocks = vec![path.on(level)?.from_vp(&x), missing, first.from_vp(&exact)];
        blocks.extend(optimum.as_ref().map(|optimum| first.from_vp(&optimum.eval(t, &x))));
        let place = [t as f64, level.angle(), level.sigma(), level.alpha_bar(), path.time(level)?];
        for row in 0..a.points {
            table.push(place.iter().copied().chain(blocks.iter().flat_map(|block| block.row(row).to_vec())).collect::<Vec<f64>>());
        }
    }
    bar.finish_and_clear();
    let mut groups = a.described(grid)?;
    groups.push(("seed", vec![("--seed", seed.to_string())]));
    let mut text = provenance::header(&groups)?.into_bytes();
    text.extend(csv(Some(&names), table.into_iter()));
    output.write(&text)?;
    let (rows, file) = (a.points * levels.len(), output.path().display());
    remark!("{rows} rows written to {file}, seed {seed}: put your values in the columns f");
    Ok(())
}
