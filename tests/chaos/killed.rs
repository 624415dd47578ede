//! SIGKILL at random points.

use std::{
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    time::{Duration, Instant},
};

use crate::{
    count,
    judge::{Repeats, Rules},
    sidecar::eventually,
    stage::{Stage, lasting_name},
    worker::{Behaviour, Entry},
};

/// Records for each kill, so that there is something to kill until the last.
const RECORDS_A_KILL: u64 = 5_000;

#[test]
fn sigkills_at_random_points_lose_nothing_and_repeat_only_what_was_uncommitted() {
    let flags = [("QUEUE_WORKERS", "4"), ("COMMIT_INTERVAL_MS", "200")];
    kill_again_and_again("killed", count("CHAOS_KILLS", 5), &flags, &Rules::repeats(Repeats::Uncommitted));
}

#[test]
fn sigkills_at_random_points_keep_the_order_of_a_partition() {
    let flags = [("ORDERING", "partition"), ("QUEUE_WORKERS", "4"), ("COMMIT_INTERVAL_MS", "200")];
    let rules = Rules { order: Some(|place, _| place.0 as u64), ..Rules::repeats(Repeats::Uncommitted) };
    kill_again_and_again("killed-in-order", count("CHAOS_KILLS", 5).div_ceil(2), &flags, &rules);
}

/// Where a bug may be planted.
#[cfg_attr(not(feature = "planted"), expect(dead_code, reason = "for planted bugs"))]
pub fn three_times(planted: &[(&str, &str)]) {
    let flags = [("QUEUE_WORKERS", "4"), ("COMMIT_INTERVAL_MS", "100")];
    kill_again_and_again("killed", 3, &[&flags[..], planted].concat(), &Rules::repeats(Repeats::Uncommitted));
}

fn kill_again_and_again(name: &str, kills: u64, flags: &[(&str, &str)], rules: &Rules) {
    let calls = AtomicU64::new(0);
    // One call of ten takes long: what is finished lies behind what is not.
    let delay_of = move |_: &[Entry]| Duration::from_millis(if calls.fetch_add(1, SeqCst) % 10 == 9 { 100 } else { 3 });
    let mut stage = Stage::new(name, 8, Behaviour { delay_of: Box::new(delay_of), ..Behaviour::instant() });
    let flags = [flags, lasting_name()].concat();
    let records = kills * RECORDS_A_KILL;
    stage.fill(records);
    stage.watch_commits();
    let seed = count("CHAOS_SEED", 7);
    let (mut random, start) = (fastrand::Rng::with_seed(seed), Instant::now());
    for kill in 0..kills {
        let sidecar = stage.sidecar("victim", &flags);
        if random.u8(..5) == 0 {
            // Whatever it is doing then: starting, joining, reading its first record.
            std::thread::sleep(Duration::from_millis(random.u64(..1500)));
        } else {
            let point = kill * RECORDS_A_KILL + random.u64(..RECORDS_A_KILL);
            stage.await_delivered(point as usize, Duration::from_secs(60));
            std::thread::sleep(Duration::from_micros(random.u64(..20_000)));
        }
        sidecar.kill();
        stage.killed();
    }
    let sidecar = stage.sidecar("last", &flags);
    stage.await_no_lag(Duration::from_secs(120));
    let verdict = stage.verdict_by(rules);
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done, u64::from(verdict.kills)), (records, records, kills));
    println!(
        "{records} records, {kills} SIGKILLs (seed {seed}, {:.0} s): 0 missing, {} duplicates of {} uncommitted",
        start.elapsed().as_secs_f64(),
        verdict.repeats,
        verdict.uncommitted
    );
    eventually("no violation seen from inside", Duration::from_secs(5), || {
        (sidecar.metric("sluicegate_invariant_violations_total")? == 0.0).then_some(())
    });
    assert!(sidecar.stop().0.success());
}
