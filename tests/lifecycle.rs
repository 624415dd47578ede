//! From the first signal to the exit code, with real signals and a real engine.

mod watched;

use std::{process::Command, time::Duration};

use sluicegate::{
    admin::readiness::{Phase, Readiness, Wish},
    engine::{
        event::{Answer, CommitOutcome, Event},
        fact::Fact,
    },
    lifecycle::{Course, Exit, Signal, Watched, heed_signals},
    record::PartitionId,
    runtime::{
        Observer, SourceNote,
        handle::{self, Request},
    },
    time::Now,
};
use watched::{Run, record};

struct Nobody;

impl Observer for Nobody {
    fn fact(&mut self, _: Now, _: &Fact) {}

    fn note(&mut self, _: Now, _: &SourceNote) {}
}

fn start() -> (Run<Watched<Nobody>>, Readiness, Course) {
    let (readiness, course) = (Readiness::default(), Course::default());
    let run = Run::new(Watched::new(Nobody, readiness.clone(), course.clone()));
    readiness.advance(Phase::Joining);
    (run, readiness, course)
}

fn send(signal: &str) {
    let sent = Command::new("kill").args([signal, &std::process::id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test]
async fn the_first_signal_drains_and_the_second_ends_at_once() {
    let readiness = Readiness::default();
    let (driver, mut requests) = handle::channel();
    let heeding = tokio::spawn(heed_signals(readiness.clone(), driver, Duration::from_secs(25)));
    // On this single thread, the task has taken the signals over when it comes back to us.
    tokio::task::yield_now().await;
    send("-TERM");
    readiness.asked_to(Wish::Shutdown).await;
    let asked = requests.recv().await;
    assert!(matches!(asked, Some(Request::Drain { timeout }) if timeout == Duration::from_secs(25)), "{asked:?}");
    assert_eq!(readiness.phase(), Phase::Draining);
    assert!(!heeding.is_finished());
    send("-INT");
    let exit = heeding.await.unwrap().unwrap();
    assert_eq!(exit, Exit::Interrupted(Signal::Interrupt));
    assert_eq!(exit.code(), 130);
}

#[test]
fn the_phases_follow_the_facts() {
    let (mut run, readiness, course) = start();
    assert_eq!(readiness.phase(), Phase::Joining);
    run.assign(0..2);
    assert_eq!(readiness.phase(), Phase::Running);
    run.poll((0..4).map(|offset| record(0, offset)));
    let deadline = run.now.mono + Duration::from_secs(5);
    run.step(Event::Drain { deadline });
    assert_eq!(readiness.phase(), Phase::Draining);
    run.answer(Answer::Done, Duration::ZERO);
    run.answer_commit(CommitOutcome::Applied);
    assert_eq!(readiness.phase(), Phase::Draining, "not before the group is left");
    run.step(Event::Left);
    assert_eq!(readiness.phase(), Phase::Stopped);
    assert_eq!(course.exit(), Exit::Clean);
}

#[test]
fn while_the_brokers_let_us_read_nothing_it_waits_for_permission() {
    let (mut run, readiness, _) = start();
    for refused in [true, true, false] {
        run.observer.note(run.now, &SourceNote::Refused(refused));
        let expected: &[&str] = if refused { &["permission"] } else { &[] };
        assert_eq!(readiness.waiting_for(), expected);
    }
}

#[test]
fn losing_partitions_before_any_were_assigned_is_not_joining() {
    let (mut run, readiness, _) = start();
    run.step(Event::Revoked { partitions: vec![PartitionId(0)], lost: true });
    assert_eq!(readiness.phase(), Phase::Joining);
    run.assign(0..0);
    assert_eq!(readiness.phase(), Phase::Running, "a member that is given nothing has joined");
}

#[test]
fn a_drain_that_runs_out_of_time_has_a_code_of_its_own() {
    let (mut run, _, course) = start();
    run.assign(0..1);
    run.poll((0..4).map(|offset| record(0, offset)));
    let deadline = run.now.mono + Duration::from_secs(5);
    run.step(Event::Drain { deadline });
    assert_eq!(course.exit(), Exit::Clean);
    run.pass(Duration::from_secs(5));
    assert_eq!(course.exit(), Exit::DrainTimedOut);
}

#[test]
fn a_broken_promise_outweighs_everything_else() {
    let (mut run, _, course) = start();
    run.observer.fact(run.now, &Fact::Violation { invariant: "I2", what: "never".to_owned() });
    assert_eq!(course.exit(), Exit::ContractBroken);
}

#[test]
fn every_way_to_end_has_its_code() {
    let table = [
        (Exit::Clean, 0),
        (Exit::Fatal, 1),
        (Exit::BadConfiguration, 2),
        (Exit::ContractBroken, 70),
        (Exit::DrainTimedOut, 75),
        (Exit::Interrupted(Signal::Interrupt), 130),
        (Exit::Interrupted(Signal::Terminate), 143),
    ];
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OPERATIONS.md")).unwrap();
    for (exit, code) in table {
        assert_eq!(exit.code(), code);
        assert!(docs.contains(&format!("| {code} |")), "docs/OPERATIONS.md does not list {code}");
    }
}
