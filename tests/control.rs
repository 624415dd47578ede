//! What the control laws are held to, in the laboratory: medians over seeds, in bands with a little room.
//!
//! The figures themselves are in docs/CONTROL.md; the last test here prints them.

use sluicegate::sim::control::{
    deadlines::{Slowness, Trial},
    suite::{
        LimitCase, LimitResult, best_rate_auto, deadline_result, elasticity, limit_cases, limit_result, oracle_of,
        plain_ttl, suite_of,
    },
};

/// Few, because a debug build runs them; the suite runs more.
const SEEDS: u64 = 7;

fn case(name: &str) -> LimitCase {
    limit_cases().into_iter().find(|case| case.name == name).unwrap()
}

fn with_elasticity(name: &str) -> LimitResult {
    limit_result(&case(name), elasticity, SEEDS)
}

fn steady(load: f64, cv: f64) -> Trial {
    Trial { load, life_s: 0.3, cv, slowness: Slowness::Steady, seconds: 6.0 }
}

#[test]
fn a_worker_of_eight_or_more_is_used_at_95_percent_without_queueing_in_it() {
    for name in ["C=8", "C=16", "C=32"] {
        let found = with_elasticity(name);
        assert!(found.throughput.median >= 0.95 && found.response.median <= 1.25, "{name}: {found:?}");
        assert!(found.throughput.worst >= 0.90 && found.response.worst <= 1.35, "{name}: {found:?}");
    }
}

#[test]
fn a_small_worker_is_used_at_95_percent_with_hardly_a_queue() {
    for name in ["C=1", "C=2", "C=4"] {
        let found = with_elasticity(name);
        assert!(found.throughput.median >= 0.95 && found.response.median <= 1.35, "{name}: {found:?}");
    }
}

#[test]
fn a_change_of_capacity_is_settled_within_twelve_seconds() {
    for name in ["C 16->4", "C 4->16"] {
        let found = with_elasticity(name);
        assert!(found.settling.median <= 12.0, "{name}: {found:?}");
    }
}

#[test]
fn a_slower_worker_of_the_same_size_keeps_its_limit() {
    let found = with_elasticity("S x3");
    assert!(found.throughput.median >= 0.93 && found.response.median <= 1.25, "{found:?}");
    assert!((15.0..=19.0).contains(&found.limit), "{found:?}");
}

#[test]
fn a_hard_limit_is_approached_and_seldom_hit() {
    let found = with_elasticity("429 above 12");
    assert!(found.throughput.median >= 0.93 && found.refused_per_s <= 0.5, "{found:?}");
}

#[test]
fn noise_does_not_bring_the_limit_down() {
    let found = with_elasticity("C=16 cv 0.5");
    assert!(found.throughput.median >= 0.90 && found.response.median <= 1.3, "{found:?}");
    let found = with_elasticity("C=16 cv 1.5");
    assert!(found.throughput.median >= 0.82 && found.response.median <= 1.5, "{found:?}");
}

#[test]
fn goodput_is_near_the_oracle_from_light_load_to_overload() {
    for (cv, least, least_worst) in [(0.05, 0.97, 0.94), (0.2, 0.95, 0.88), (0.5, 0.87, 0.76)] {
        for load in [0.3, 1.0, 2.0] {
            let trial = steady(load, cv);
            let found = deadline_result(&trial, best_rate_auto, &oracle_of(&trial, SEEDS));
            let goodput = found.goodput;
            assert!(goodput.median >= least && goodput.worst >= least_worst, "load {load} cv {cv}: {found:?}");
        }
    }
}

#[test]
fn fourfold_overload_wastes_next_to_nothing() {
    let trial = steady(4.0, 0.2);
    let found = deadline_result(&trial, best_rate_auto, &oracle_of(&trial, 3));
    assert!(found.wasted.median <= 0.02 && found.goodput.median >= 0.95, "{found:?}");
}

#[test]
fn twofold_overload_finishes_ten_times_what_plain_ttl_does() {
    let trial = steady(2.0, 0.2);
    let most = oracle_of(&trial, SEEDS);
    let ours = deadline_result(&trial, best_rate_auto, &most).goodput.median;
    let plain = deadline_result(&trial, plain_ttl, &most).goodput.median;
    assert!(ours >= 10.0 * plain, "{ours} {plain}");
}

#[test]
fn a_step_and_a_drift_cost_little_over_the_run() {
    for slowness in [Slowness::Step(3.0), Slowness::Drift(3.0)] {
        let trial = Trial { load: 1.5, life_s: 0.4, cv: 0.2, slowness, seconds: 12.0 };
        let found = deadline_result(&trial, best_rate_auto, &oracle_of(&trial, 5));
        assert!(found.goodput.median >= 0.93, "{slowness:?}: {found:?}");
    }
}

#[test]
fn one_seed_is_one_run() {
    let run = || limit_result(&case("C 16->4"), elasticity, 2);
    assert_eq!(format!("{:?}", run()), format!("{:?}", run()));
}

#[test]
fn the_table_has_a_row_for_every_case_and_law() {
    // No seeds, no figures. `SLUICEGATE_SUITE_SEEDS=40`, `--nocapture` and a release build print those of the docs.
    let seeds = std::env::var("SLUICEGATE_SUITE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(0);
    let table = suite_of(seeds);
    println!("{table}");
    let rows = |first: &str| table.lines().filter(|line| line.starts_with(first)).count();
    assert_eq!(rows("| C 16->4 |"), 6);
    assert_eq!(rows("| steady |"), 18);
}
