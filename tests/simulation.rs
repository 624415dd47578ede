//! The engine in the simulator: random runs, the scenarios of `tests/scenarios`, and the simulator itself put to the
//! test: the same seed is the same run, and a planted bug is found.
//!
//! `SIM_SEEDS` sets how many random runs there are, `SIM_FROM` the first seed.

mod planted;

use std::time::Instant;

use sluicegate::control::settings::Adaptive;
use sluicegate::sim::{
    run::{run, run_command},
    scenario, swarm,
};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn every_promise_holds_whatever_comes() {
    let (from, seeds) = (number("SIM_FROM", 0), number("SIM_SEEDS", 2000));
    let start = Instant::now();
    match run_command(from, None, seeds) {
        Ok(text) => print!("{text}"),
        Err(text) => panic!("{text}"),
    }
    let took = start.elapsed().as_secs_f64();
    println!("{took:.1} s, {:.0} seeds a second", seeds as f64 / took);
}

#[test]
fn every_scenario_keeps_its_promises_and_its_bands() {
    let mut files: Vec<_> = std::fs::read_dir("tests/scenarios").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "the scenarios are gone");
    let failed: Vec<String> = files.iter().filter_map(|path| run_command(0, path.to_str(), 20).err()).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..50 {
        let first = run(seed, &swarm::draw(seed)).map(|report| (report.trace_hash, report.steps, report.tally));
        let second = run(seed, &swarm::draw(seed)).map(|report| (report.trace_hash, report.steps, report.tally));
        assert_eq!(first, second, "seed {seed}");
    }
    let hash = |seed| run(seed, &swarm::draw(seed)).unwrap().trace_hash;
    assert_ne!(hash(1), hash(2));
}

/// Seeds, and the hashes of their traces. Whatever changes what the engine does changes them: then run this test with
/// SLUICEGATE_UPDATE_GOLDEN=1. `scripts/test` holds the release build to the same file.
const GOLDEN: &str = "tests/golden_traces.txt";

#[test]
fn the_trace_of_a_seed_is_the_same_in_every_build() {
    let line = |seed: u64| {
        let report = run(seed, &swarm::draw(seed)).unwrap_or_else(|failure| panic!("{failure}"));
        format!("{seed} {:016x}\n", report.trace_hash)
    };
    let found: String = (1..=16).map(line).collect();
    if std::env::var_os("SLUICEGATE_UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &found).unwrap();
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap();
    assert!(
        found == golden,
        "{GOLDEN} has other hashes. If what the engine does was changed on purpose, run this with SLUICEGATE_UPDATE_GOLDEN=1; found\n{found}"
    );
    let tuned = (1..=16).filter(|seed| swarm::draw(*seed).settings.control.adaptive == Adaptive::On).count();
    assert!(tuned >= 3, "only {tuned} of these seeds have control switched on");
}

#[test]
fn another_seed_of_a_scenario_is_another_run() {
    let setup = scenario::load("poison_in_a_thousand").unwrap();
    assert_ne!(run(1, &setup).unwrap().trace_hash, run(2, &setup).unwrap().trace_hash);
}

#[test]
fn a_failing_seed_says_what_failed_and_how_to_replay_it() {
    let path = tempfile::NamedTempFile::new().unwrap();
    let text = "why = \"nothing is delivered in no time\"\n[workload]\nrecords = 8\n[expect]\ndrained_ms = [0, 1]\n";
    std::fs::write(path.path(), text).unwrap();
    let said = run_command(7, path.path().to_str(), 3).unwrap_err();
    assert!(said.contains("drained_ms is") && said.contains("expected 0 to 1"), "{said}");
    assert!(said.contains("replay: sluicegate simulate --seed 7 --scenario"), "{said}");
    assert!(said.contains(" ms  Dispatched"), "{said}");
}
