//! Schedules at the ends of the floats, schedules by formula, and grids that are read.

#[cfg(feature = "serde")]
use onestep::NoiseLevel;
use onestep::error;
use onestep::schedule::{Karras, LiHuangWei, LinearSchedule, ScheduleError, ScheduleFn, UniformAngle};
use onestep::{Grid, VarianceSchedule};
use proptest::prelude::*;

/// What every grid that is returned satisfies.
fn sound(grid: &Grid) -> bool {
    let growing = |t: usize| grid.delta(t) > 0.0 && grid.beta(t) > 0.0 && grid.beta(t) <= 1.0 && grid.sin_delta(t) <= 1.0;
    (1..=grid.steps()).all(growing) && grid.levels().iter().all(|l| l.sin() >= 1e-75 && l.cos() >= 0.0 && l.angle().is_finite())
}

#[test]
fn karras_with_an_extreme_exponent_is_refused() {
    // σ^{1/ρ} underflows: the increments were infinite.
    let refused = Karras::with_constants(18, 0.002, 80.0, 0.001);
    assert!(matches!(refused, Err(ScheduleError::OutOfRange(error::OutOfRange { name: "rho", .. }))), "{refused:?}");
    for rho in [0.01, 0.1, 0.5, 1.0, 7.0, 100.0, 1e6, 1e300] {
        if let Ok(grid) = Karras::with_constants(18, 0.002, 80.0, rho).and_then(|s| s.grid()) {
            assert!(sound(&grid), "rho = {rho}");
        }
    }
}

#[test]
fn a_schedule_whose_retention_underflows_is_refused_and_names_the_step() {
    let refused = LinearSchedule::new(1000, 1e-4, 0.999).unwrap().grid();
    let Err(ScheduleError::EntryOutOfRange(error::EntryOutOfRange { name: "alpha_bar", index, .. })) = refused else {
        panic!("{refused:?}");
    };
    // ln ᾱ_t = Σ ln(1 − β) crosses −690 within the path.
    assert!((2..1000).contains(&index));
    assert!(LiHuangWei::new(10_000, 40.0, 50.0).is_err());
}

#[test]
fn step_counts_out_of_reach_are_refused_at_once() {
    const MANY: usize = 1_000_000_000_000;
    assert!(UniformAngle::new(MANY, 0.1, 1.0).is_err() && Karras::new(MANY).is_err() && LinearSchedule::ddpm(MANY).is_err());
    assert!(LiHuangWei::new(MANY, 2.0, 4.0).is_err() && ScheduleFn::from_sigmas(MANY, |t| t as f64).grid().is_err());
    let message = LinearSchedule::ddpm(10).unwrap_err().to_string();
    assert!(message.contains("steps = 10") && message.contains("21"), "{message}");
}

#[test]
fn the_same_schedule_by_every_quantity_is_the_same_grid() {
    let angles = |t: usize| 0.1 + 0.2 * t as f64;
    let grids = [
        ScheduleFn::from_angles(6, angles).grid().unwrap(),
        ScheduleFn::from_sigmas(6, |t| angles(t).tan()).grid().unwrap(),
        ScheduleFn::from_alpha_bars(6, |t| angles(t).cos().powi(2)).grid().unwrap(),
        ScheduleFn::from_betas(6, |t| 1.0 - (angles(t).cos() / if t == 1 { 1.0 } else { angles(t - 1).cos() }).powi(2)).grid().unwrap(),
    ];
    for grid in &grids {
        for t in 1..=6 {
            assert!((grid.delta(t) - grids[0].delta(t)).abs() < 1e-14 && (grid.beta(t) - grids[0].beta(t)).abs() < 1e-14);
            assert!((VarianceSchedule::beta(grid, t) - grid.beta(t)).abs() == 0.0);
        }
        assert_eq!(&VarianceSchedule::grid(grid).unwrap(), grid);
    }
}

proptest! {
    #[test]
    fn grids_of_hostile_lists_are_refused_or_sound(list in prop::collection::vec(prop::sample::select(vec![
        0.0, -0.0, 5e-324, 1e-200, 1e-75, 1e-20, 1e-8, 0.3, 0.5, 1.0 - 1e-16, 1.0, 1.5, 1e20, 1e80, 1e300, f64::NAN, f64::INFINITY,
    ]), 2..6)) {
        let mut sorted = list.clone();
        sorted.sort_by(f64::total_cmp);
        let falling: Vec<f64> = sorted.iter().rev().copied().collect();
        let made = [Grid::from_betas(list), Grid::from_angles(&sorted), Grid::from_sigmas(&sorted), Grid::from_alpha_bars(&falling)];
        for grid in made.into_iter().flatten() {
            prop_assert!(sound(&grid), "{grid:?}");
        }
    }
}

#[cfg(feature = "serde")]
#[test]
fn what_is_read_is_checked() {
    let grid = Grid::from_angles(&[0.1, 0.5, std::f64::consts::FRAC_PI_2]).unwrap();
    for own in [
        grid,
        Karras::new(40).unwrap().grid().unwrap(),
        LiHuangWei::new(500, 2.0, 4.0).unwrap().grid().unwrap(),
        LinearSchedule::ddpm(1000).unwrap().grid().unwrap(),
    ] {
        let text = serde_json::to_string(&own).unwrap();
        assert_eq!(serde_json::from_str::<Grid>(&text).unwrap(), own);
    }
    let text = serde_json::to_string(&Grid::from_angles(&[0.1, 0.5]).unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (list, entry) in [("betas", 2.0), ("betas", 1e-3), ("sin_deltas", -0.1), ("sin_deltas", 0.9)] {
        let mut wrong = value.clone();
        wrong[list][1] = entry.into();
        assert!(serde_json::from_value::<Grid>(wrong).is_err(), "{list} = {entry}");
    }
    assert!(serde_json::from_str::<NoiseLevel>(r#"{"cos": 0.6, "sin": 0.8}"#).is_ok());
    for wrong in
        [r#"{"cos": 0.6, "sin": 0.9}"#, r#"{"cos": -0.6, "sin": 0.8}"#, r#"{"cos": 1.0, "sin": 1e-100}"#, r#"{"cos": 1e400, "sin": 0.0}"#]
    {
        assert!(serde_json::from_str::<NoiseLevel>(wrong).is_err(), "{wrong}");
    }
}
