//! Dead letters that nobody takes.

use std::time::Duration;

use crate::{
    judge::Repeats,
    sidecar::eventually,
    stage::Stage,
    worker::{Behaviour, Entry, Reply},
};

const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn a_dead_letter_that_its_topic_does_not_take_is_not_committed_past() {
    topic_away(&[]);
}

/// The dead-letter topic does not exist until long after the first letter.
pub fn topic_away(planted: &[(&str, &str)]) {
    let refuse = |entries: &[Entry]| {
        let poisoned = entries.iter().any(|entry| entry.number().is_some_and(|number| number % 200 == 57));
        if poisoned { Reply::Status(422) } else { Reply::Done }
    };
    let mut stage = Stage::new("letters-away", 2, Behaviour::replying(refuse));
    let dead = format!("{}-dead", stage.topic);
    // The client gives a letter up after this long; the engine sends it again.
    let flags = [("DLQ_TOPIC", dead.as_str()), ("COMMIT_INTERVAL_MS", "100")];
    let sidecar = stage.sidecar("only", &[&flags[..], planted].concat());
    stage.fill(1_000);
    stage.watch_commits();
    eventually("letters are not taken, or counted as if they were", WITHIN, || {
        let failed = sidecar.metric("sluicegate_dead_letter_failures_total").unwrap_or(0.0) > 0.0;
        (failed || stage.committed() == stage.ends()).then_some(())
    });
    assert_eq!(stage.dead_letters(), dead);
    stage.await_no_lag(WITHIN);
    let letters = stage.read_dead_letters(&dead);
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done, verdict.lettered, letters), (1_000, 995, 5, 5));
    println!("a dead-letter topic that is away: 995 delivered, 5 dead letters once it is there, 0 missing");
    assert!(sidecar.stop().0.success());
}
