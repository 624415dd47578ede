//! `KAFKA_OFFSET_RESET=latest` and a group that has committed nothing yet: where it began is not forgotten.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    judge::{Happening, Repeats},
    kafka::committed,
    load::Load,
    protocol::lasting_name,
    sidecar::eventually,
    stage::Stage,
    worker::{Behaviour, Reply},
};

const WITHIN: Duration = Duration::from_secs(30);
const OLD: u64 = 100;

/// Waits until the group has a place on every partition; where.
fn places(stage: &Stage) -> Vec<i64> {
    eventually("the group has a place on every partition", WITHIN, || {
        let offsets = committed(&stage.brokers, &stage.group, &stage.topic, stage.partitions);
        offsets.into_iter().collect()
    })
}

/// Everything from these offsets on was delivered, and nothing before.
fn verdict_from(stage: &mut Stage, first: &[i64]) -> u64 {
    let before =
        |(partition, before): (usize, &i64)| Happening::Removed { partition: partition as i32, before: *before };
    stage.history.all().extend(first.iter().enumerate().map(before));
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    assert_eq!(verdict.done, verdict.produced - first.iter().sum::<i64>() as u64);
    verdict.done
}

#[test]
fn with_latest_what_comes_while_an_idle_sidecar_is_down_is_delivered() {
    let mut stage = Stage::new("latest-idle", 2, Behaviour::instant());
    stage.fill(OLD);
    let flags = [&[("KAFKA_OFFSET_RESET", "latest")], lasting_name()].concat();
    let first = stage.sidecar("first", &flags);
    let start = places(&stage);
    assert_eq!(start, stage.ends());
    first.kill();
    stage.fill_from(OLD, 200);
    let second = stage.sidecar("second", &flags);
    stage.await_no_lag(WITHIN);
    assert_eq!(verdict_from(&mut stage, &start), 200);
    assert!(second.stop().0.success());
}

#[test]
fn with_latest_a_first_record_that_was_never_answered_is_delivered_after_a_restart() {
    let mut stage = Stage::new("latest", 2, Behaviour::replying(|_| Reply::Never));
    stage.fill(OLD);
    // Without a pause, so that no partition is ever at its end.
    let load = Load::paced(&stage, OLD, u64::MAX, 2_000);
    let flags = [&[("KAFKA_OFFSET_RESET", "latest")], lasting_name()].concat();
    let first = stage.sidecar("first", &flags);
    eventually("the worker has some of it", WITHIN, || (stage.worker.books().requests >= 2).then_some(()));
    let start = places(&stage);
    first.kill();
    let mut sent = BTreeMap::new();
    for happening in stage.history.all().iter() {
        if let Happening::Sent { place, .. } = happening {
            let lowest = sent.entry(place.0).or_insert(place.1);
            *lowest = place.1.min(*lowest);
        }
    }
    stage.worker.behave(Behaviour::instant());
    let second = stage.sidecar("second", &flags);
    load.stop();
    stage.await_no_lag(WITHIN);
    assert!(sent.iter().all(|(partition, lowest)| start[*partition as usize] <= *lowest), "{start:?}, {sent:?}");
    let done = verdict_from(&mut stage, &start);
    println!("latest, killed before the first answer: {done} of {done} from the start on delivered, 0 twice");
    assert!(second.stop().0.success());
}
