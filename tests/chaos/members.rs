//! Members that stand still, and members in a hurry.

use std::time::{Duration, Instant};

use crate::{count, judge::Repeats, load::Load, sidecar::eventually, stage::Stage, worker::Behaviour};

const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn a_member_stopped_for_longer_than_its_session_does_not_commit_over_the_new_owner_when_it_goes_on() {
    let mut stage = Stage::new("stopped-still", 4, Behaviour::after(Duration::from_millis(20)));
    // Nothing is committed before it is stopped: all it would commit afterwards is old.
    let zombie = stage.sidecar("zombie", &[("COMMIT_INTERVAL_MS", "600000")]);
    stage.fill(5_000);
    stage.await_delivered(1_000, WITHIN);
    zombie.signal("STOP");
    stage.killed();
    stage.watch_commits();
    let heir = stage.sidecar("heir", &[]);
    stage.fill_from(5_000, 5_000);
    stage.await_delivered(10_000, WITHIN);
    stage.await_no_lag(WITHIN);
    zombie.signal("CONT");
    eventually("both have partitions", WITHIN, || (zombie.partitions() > 0 && heir.partitions() > 0).then_some(()));
    stage.fill_from(10_000, 5_000);
    stage.await_delivered(15_000, WITHIN);
    assert!(zombie.stop().0.success());
    stage.await_no_lag(WITHIN);
    // What it held in its queue and in flight when it was stopped it sends before it learns that all of it was lost.
    let uncommitted = stage.verdict(Repeats::AtMost(u64::MAX)).uncommitted;
    let verdict = stage.verdict(Repeats::AtMost(uncommitted + 512 + 2 * 256));
    verdict.holds();
    println!(
        "stopped for longer than its session: 0 of {} missing, {} duplicates of {} uncommitted, no commit went back",
        verdict.produced, verdict.repeats, verdict.uncommitted
    );
    assert!(heir.stop().0.success());
}

#[test]
fn members_that_join_and_leave_every_few_seconds_stop_nothing() {
    let lasts = Duration::from_secs(count("CHAOS_HURRY_S", 8));
    let mut stage = Stage::new("in-a-hurry", 12, Behaviour::after(Duration::from_millis(8)));
    let first = stage.sidecar("first", &[]);
    let load = Load::start(&stage, 0, 5_000);
    stage.watch_commits();
    stage.await_delivered(1_000, WITHIN);
    let (start, mut visits) = (Instant::now(), 0);
    while start.elapsed() < lasts {
        // Nobody waits for the group to settle: some leave before they have anything.
        let guests: Vec<_> = (0..2).map(|n| stage.sidecar(&format!("guest-{visits}-{n}"), &[])).collect();
        let delivered = stage.worker.books().distinct();
        for guest in &guests {
            eventually("it heeds signals", WITHIN, || guest.get("/livez"));
        }
        std::thread::sleep(Duration::from_millis(500 * (visits % 4)));
        for guest in guests {
            assert!(guest.stop().0.success());
        }
        stage.await_delivered(delivered + 1, WITHIN);
        visits += 1;
    }
    let records = load.stop();
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (records, records));
    println!("{visits} pairs of members in {} s: {records} records, 0 missing, 0 duplicates", lasts.as_secs());
    assert!(first.stop().0.success());
}
