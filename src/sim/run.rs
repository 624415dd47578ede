//! Running seeds: one or many, random or of a scenario; a failing one is cut down and run again to show its last steps.

use std::fmt::Write;

use crate::sim::{
    checker::Promise,
    report::{Failure, Report},
    scenario,
    setup::Setup,
    shrink, swarm,
    world::{Honest, Tamper, World},
};

/// One seed of one setup.
///
/// # Errors
/// The first promise that does not hold, with the last steps before it.
pub fn run(seed: u64, setup: &Setup) -> Result<Report, Failure> {
    run_tampered(seed, setup, || Honest)
}

/// The same with a bug planted. Made anew for each run, because a failing run is run twice.
///
/// # Errors
/// As [`run`].
pub fn run_tampered<T: Tamper>(seed: u64, setup: &Setup, tamper: impl Fn() -> T) -> Result<Report, Failure> {
    World::new(seed, setup, &mut tamper(), false)
        .run()
        .map_err(|failure| World::new(seed, setup, &mut tamper(), true).run().err().unwrap_or(failure))
}

/// What `sluicegate simulate` does: `seeds` seeds from `seed` on, of a scenario (a path, or a name in
/// `tests/scenarios`) or, without one, of a run drawn from each seed.
///
/// # Errors
/// Text for people: what failed, the last steps before it, and the command that replays it.
pub fn run_command(seed: u64, scenario: Option<&str>, seeds: u64) -> Result<String, String> {
    let loaded = scenario.map(scenario::load).transpose()?;
    let mut text = String::new();
    let mut sum = Sum::default();
    for seed in seed..seed.saturating_add(seeds.max(1)) {
        let drawn = loaded.is_none().then(|| swarm::draw(seed));
        let Some(setup) = loaded.as_ref().or(drawn.as_ref()) else { continue };
        match run(seed, setup) {
            Ok(report) => {
                sum.add(&report);
                if seeds <= 1 {
                    let _ = writeln!(text, "{}\n{report}", setup.why);
                }
            }
            Err(failure) => return Err(explain(setup, scenario, failure)),
        }
    }
    if seeds > 1 {
        let _ = writeln!(
            text,
            "{} seeds from {seed}: every promise held ({} records, {} dispositions, {} steps, {} s of virtual time)",
            sum.seeds, sum.produced, sum.finished, sum.steps, sum.seconds
        );
    }
    Ok(text)
}

#[derive(Debug, Default)]
struct Sum {
    seeds: u64,
    produced: u64,
    finished: u64,
    steps: u64,
    seconds: u64,
}

impl Sum {
    fn add(&mut self, report: &Report) {
        let tally = &report.tally;
        self.seeds += 1;
        self.produced += tally.produced;
        self.finished += tally.completed + tally.expired + tally.dead_lettered + tally.skipped;
        self.steps += report.steps;
        self.seconds += report.over_at.0 / 1_000_000_000;
    }
}

fn explain(setup: &Setup, scenario: Option<&str>, failure: Failure) -> String {
    let seed = failure.seed;
    let mut text = String::new();
    let _ = writeln!(text, "{failure}");
    // Bands are about the scenario as it is.
    if failure.violation.promise != Promise::Expected {
        cut_down(setup, &failure, &mut text);
    }
    let scenario = scenario.map(|name| format!(" --scenario {name}")).unwrap_or_default();
    let _ = writeln!(text, "\nreplay: sluicegate simulate --seed {seed}{scenario}");
    text
}

fn cut_down(setup: &Setup, failure: &Failure, text: &mut String) {
    let (seed, promise) = (failure.seed, failure.violation.promise);
    let small = shrink::shrink(setup, |setup| {
        let result = World::new(seed, setup, &mut Honest, false).run();
        result.is_err_and(|failure| failure.violation.promise == promise)
    });
    let Err(again) = run(seed, &small) else { return };
    let (records, faults, all) = (small.workload.records, small.faults.len(), setup.faults.len());
    let _ = writeln!(text, "\nthe same promise fails with {records} records and {faults} of {all} faults:");
    for fault in &small.faults {
        let _ = writeln!(text, "  at {} ms for {:?}: {:?}", fault.at.0 / 1_000_000, fault.lasts, fault.kind);
    }
    let _ = writeln!(text, "{again}");
}
