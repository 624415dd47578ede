//! Members that come and go.

use std::time::{Duration, Instant};

use crate::{
    count,
    judge::Repeats,
    load::Load,
    sidecar::{Sidecar, eventually},
    stage::Stage,
    worker::Behaviour,
};

const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn members_that_join_and_leave_under_load_lose_and_repeat_nothing() {
    let rebalances = count("CHAOS_REBALANCES", 6);
    let mut stage = Stage::new("rebalanced", 12, Behaviour::after(Duration::from_millis(8)));
    let flags = [("QUEUE_WORKERS", "4")];
    let first = stage.sidecar("first", &flags);
    let load = Load::start(&stage, 0, 5_000);
    stage.watch_commits();
    stage.await_delivered(1_000, WITHIN);
    let (mut guests, mut violations) = (Vec::<Sidecar>::new(), 0.0);
    let (mut random, start) = (fastrand::Rng::with_seed(count("CHAOS_SEED", 7)), Instant::now());
    for rebalance in 0..rebalances {
        // One or two guests at a time; a member joins or one of them leaves.
        let leaves = guests.len() == 2 || (guests.len() == 1 && random.bool());
        if leaves {
            let guest = guests.swap_remove(random.usize(..guests.len()));
            violations += guest.metric("sluicegate_invariant_violations_total").unwrap();
            let (status, took) = guest.stop();
            assert!(status.success() && took < Duration::from_secs(10), "{status} after {took:?}");
        } else {
            guests.push(stage.sidecar(&format!("guest-{rebalance}"), &flags));
        }
        eventually("everybody has partitions", WITHIN, || {
            guests.iter().chain([&first]).all(|member| member.partitions() > 0).then_some(())
        });
        stage.await_more(random.usize(..1_000), WITHIN);
    }
    let records = load.stop();
    stage.await_no_lag(Duration::from_secs(120));
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (records, records));
    for member in guests.into_iter().chain([first]) {
        violations += member.metric("sluicegate_invariant_violations_total").unwrap();
        assert!(member.stop().0.success());
    }
    assert_eq!(violations, 0.0);
    println!(
        "{records} records, {rebalances} rebalances ({:.0} s): 0 missing, {} duplicates",
        start.elapsed().as_secs_f64(),
        verdict.repeats
    );
}
