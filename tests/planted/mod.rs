//! Bugs planted between the engine and the world, each of which the checker has to find, and by the right promise.
//!
//! A bug is a [`Tamper`]: it gives the engine other numbers, changes what it asks for, or tells it what never happened.

mod batches;
mod bounds;
mod commits;
mod named;
mod requests;
mod retries;

use std::time::Duration;

use sluicegate::{
    engine::{
        event::{
            Action, Answer, Batch, BatchId, Command, CommitId, DeadLettered, Event, Mark, Outcome, Reply, Settled,
            Told, Verdict,
        },
        ledger::completed,
        settings::{EngineSettings, Ordering, PoisonPolicy, RequestSettings},
    },
    record::PartitionId,
    sim::{
        checker::Promise::{self, *},
        fault::{Fault, Kind, Set, WorkerMood},
        requests::Requests,
        run::run_tampered,
        setup::Setup,
        swarm,
        world::{Honest, Tamper},
    },
    time::{Instant, Now},
};

/// Seeds within which a bug has to be found.
const SEEDS: u64 = 60;

/// Runs random seeds with the bug; `promises` are the ones it may be found by.
fn is_found<T: Tamper>(promises: &[Promise], fit: impl Fn(&mut Setup), bug: impl Fn() -> T) {
    let found = (0..SEEDS).any(|seed| is_found_in(seed, promises, &fit, &bug));
    assert!(found, "not found within {SEEDS} seeds");
}

fn is_found_in<T: Tamper>(seed: u64, promises: &[Promise], fit: impl Fn(&mut Setup), bug: impl Fn() -> T) -> bool {
    let mut setup = swarm::draw(seed);
    // Callers only where the bug is about them.
    (setup.requests, setup.settings.requests) = (Requests::default(), None);
    fit(&mut setup);
    let Err(failure) = run_tampered(seed, &setup, &bug) else { return false };
    let promise = failure.violation.promise;
    assert!(promises.contains(&promise), "found, but as {}", failure.violation);
    let honest = run_tampered(seed, &setup, || Honest);
    assert!(honest.is_ok(), "it fails without the bug too: {}", honest.unwrap_err());
    true
}

fn any(_: &mut Setup) {}

/// The flags taken literally: what control moves meanwhile would be found first.
fn literal(setup: &mut Setup) {
    setup.settings.control = sluicegate::control::settings::ControlSettings::off();
}

/// A bug that is a change of what the engine asks for.
struct Alters<F>(F);

impl<F: FnMut(&mut Vec<Action>) -> Vec<Event>> Tamper for Alters<F> {
    fn alter(&mut self, _: Now, actions: &mut Vec<Action>) -> Vec<Event> {
        (self.0)(actions)
    }
}

/// A bug that is a wrong number.
struct Sets(fn(&mut EngineSettings));

impl Tamper for Sets {
    fn settings(&self, settings: &mut EngineSettings) {
        (self.0)(settings);
    }
}

/// A bug in single actions.
fn each(mut alter: impl FnMut(&mut Action)) -> impl Tamper {
    Alters(move |actions: &mut Vec<Action>| {
        actions.iter_mut().for_each(&mut alter);
        Vec::new()
    })
}

fn batches(actions: &mut [Action]) -> impl Iterator<Item = &mut Batch> {
    actions.iter_mut().filter_map(|action| if let Action::Dispatch(batch) = action { Some(batch) } else { None })
}

fn mark(partition: PartitionId, offset: i64) -> Mark {
    Mark { partition, offset, metadata: "".into() }
}
