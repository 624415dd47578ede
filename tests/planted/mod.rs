//! Bugs planted between the engine and the world, each of which the checker has to find, and by the right promise.
//!
//! A bug is a [`Tamper`]: it gives the engine other numbers, changes what it asks for, or tells it what never happened.

mod bugs;

use sluicegate::sim::{
    checker::Promise,
    requests::Requests,
    run::run_tampered,
    setup::Setup,
    swarm,
    world::{Honest, Tamper},
};

/// Seeds within which a bug has to be found.
const SEEDS: u64 = 60;

/// Runs random seeds with the bug; `promises` are the ones it may be found by.
fn is_found<T: Tamper>(promises: &[Promise], fit: impl Fn(&mut Setup), bug: impl Fn() -> T) {
    for seed in 0..SEEDS {
        let mut setup = swarm::draw(seed);
        // Callers only where the bug is about them.
        (setup.requests, setup.settings.requests) = (Requests::default(), None);
        fit(&mut setup);
        if let Err(failure) = run_tampered(seed, &setup, &bug) {
            let promise = failure.violation.promise;
            assert!(promises.contains(&promise), "found, but as {}", failure.violation);
            let honest = run_tampered(seed, &setup, || Honest);
            assert!(honest.is_ok(), "it fails without the bug too: {}", honest.unwrap_err());
            return;
        }
    }
    panic!("not found within {SEEDS} seeds");
}

fn any(_: &mut Setup) {}

/// The flags taken literally: what control moves meanwhile would be found first.
fn literal(setup: &mut Setup) {
    setup.settings.control = sluicegate::control::settings::ControlSettings::off();
}
