//! A broker that is killed under load and comes back with its data.

use std::time::{Duration, Instant};

use crate::{
    count,
    judge::Repeats,
    load::Load,
    protocol::is_new_protocol,
    sidecar::eventually,
    stage::Stage,
    worker::{Behaviour, Reply},
};

const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn a_broker_killed_and_started_again_under_load_loses_nothing_and_repeats_only_what_was_uncommitted() {
    let kills = count("CHAOS_BROKER_KILLS", 1);
    // Slower than the producer: something is always under way.
    let worker = || Behaviour::after(Duration::from_millis(20));
    let mut stage = Stage::with_broker_of_its_own("broker-killed", 4, worker());
    let flags = [("QUEUE_WORKERS", "4"), ("BATCH_SIZE", "32"), ("COMMIT_INTERVAL_MS", "200")];
    let sidecar = stage.sidecar("only", &flags);
    let load = Load::start(&stage, 0, 1_000);
    stage.watch_commits();
    let (mut random, start) = (fastrand::Rng::with_seed(count("CHAOS_SEED", 7)), Instant::now());
    for kill in 0..kills {
        stage.await_more(2_000 + random.usize(..4_000), WITHIN);
        stage.kafka().kill();
        eventually("what had been read is delivered", WITHIN, || {
            (sidecar.state()?["queue"]["records"] == 0 && stage.worker.books().in_flight == 0).then_some(())
        });
        // Under the newer protocol a client that gets no answer does not say that its session is over.
        if kill % 2 == 0 && !is_new_protocol() {
            eventually("its session is over", WITHIN, || (sidecar.partitions() == 0).then_some(()));
        }
        assert_eq!(sidecar.get("/livez").unwrap().0, 200);
        // Nothing is taken until the judge has seen what is committed.
        stage.worker.behave(Behaviour::replying(|_| Reply::Status(503)));
        stage.kafka().start_again();
        stage.killed();
        stage.worker.behave(worker());
    }
    stage.await_more(2_000, WITHIN);
    let records = load.stop();
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(Repeats::Uncommitted);
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (records, records));
    assert!(verdict.repeats <= verdict.uncommitted && (verdict.repeats > 0 || is_new_protocol()));
    assert_eq!(sidecar.metric("sluicegate_invariant_violations_total"), Some(0.0));
    println!(
        "a broker killed under load, times {kills} ({:.0} s): 0 of {records} missing, {} duplicates of {} uncommitted",
        start.elapsed().as_secs_f64(),
        verdict.repeats,
        verdict.uncommitted
    );
    assert!(sidecar.stop().0.success());
}
