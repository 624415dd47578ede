//! One record that holds its partition's frontier while everything behind it is done.

use super::*;
use crate::engine::event::Reason;

fn head_settings() -> EngineSettings {
    let mut settings = settings();
    (settings.head_of_line_after, settings.head_of_line_letters) = (Duration::from_secs(10), true);
    (settings.retry.attempts_max, settings.concurrency) = (1000, 8);
    settings
}

fn progress(bench: &mut Bench) {
    bench.step(Event::Progress(Vec::new()));
}

/// Offset 0 has failed by itself and waits; offsets 1 to 199 are done.
fn held(settings: EngineSettings) -> Bench {
    let mut bench = Bench::new(settings);
    bench.poll(0..32);
    let verdicts = (0..32).map(|n| if n == 0 { Verdict::Retry } else { Verdict::Success }).collect();
    bench.answer(Answer::Each(verdicts));
    for start in (32..192).step_by(32) {
        bench.poll(start..start + 32);
        let fresh = bench.out.iter().position(|batch| batch.records.len() == 32).unwrap();
        bench.out.swap(0, fresh);
        bench.answer(Answer::Done);
    }
    bench
}

/// Time goes by, and the head is tried again and fails whenever it goes out.
fn fail_for(bench: &mut Bench, seconds: u64) {
    for _ in 0..seconds * 10 {
        bench.pass(100);
        while !bench.out.is_empty() {
            bench.answer(Answer::Each(vec![Verdict::Retry]));
        }
        progress(bench);
    }
}

fn told(bench: &Bench) -> Vec<i64> {
    let offset = |fact: &Fact| if let Fact::HeadOfLine(head) = fact { Some(head.offset) } else { None };
    bench.facts.iter().filter_map(offset).collect()
}

#[test]
fn it_is_told_once_and_given_up_by_policy() {
    let mut bench = held(head_settings());
    fail_for(&mut bench, 9);
    assert!(told(&bench).is_empty(), "not long enough");
    fail_for(&mut bench, 2);
    assert_eq!(told(&bench), [0]);
    assert_eq!(
        bench.letters.iter().map(|l| (l.record.offset, l.reason)).collect::<Vec<_>>(),
        [(0, Reason::HeadOfLine)]
    );
    assert_eq!(bench.violations(), 0);
}

#[test]
fn without_the_policy_it_is_only_told() {
    let mut bench = held(EngineSettings { head_of_line_letters: false, ..head_settings() });
    fail_for(&mut bench, 30);
    assert_eq!((told(&bench), bench.letters.len()), (vec![0], 0));
    assert_eq!(bench.engine.snapshot(bench.now).heads_of_line, 1);
}

#[test]
fn while_the_worker_is_unwell_the_time_does_not_count() {
    let mut bench = held(head_settings());
    fail_for(&mut bench, 8);
    bench.wake_until_dispatch();
    bench.answer(Answer::Away);
    for _ in 0..60 {
        bench.pass(1_000);
        while !bench.out.is_empty() {
            bench.answer(Answer::Away);
        }
        progress(&mut bench);
    }
    assert!(told(&bench).is_empty() && bench.letters.is_empty(), "an outage is nobody's fault");
    bench.wake_until_dispatch();
    bench.answer(Answer::Each(vec![Verdict::Retry]));
    fail_for(&mut bench, 9);
    assert!(bench.letters.is_empty());
    fail_for(&mut bench, 2);
    assert_eq!(bench.letters.len(), 1, "now it is");
}

#[test]
fn one_that_has_not_failed_is_never_given_up() {
    let mut bench = Bench::new(head_settings());
    bench.poll(0..32);
    let slow = bench.out.remove(0);
    for start in (32..192).step_by(32) {
        bench.poll(start..start + 32);
        bench.answer(Answer::Done);
    }
    for _ in 0..30 {
        bench.pass(1_000);
        progress(&mut bench);
    }
    assert!(bench.letters.is_empty(), "it is with the worker");
    bench.out.push(slow);
    bench.answer(Answer::Done);
}

#[test]
fn no_more_than_ten_in_a_row_and_one_a_minute_go_for_it() {
    let mut budget = crate::engine::head_of_line::HeadBudget::default();
    let mut taken = |ms: u64| (0..100).filter(|_| budget.take(Instant::from_millis(ms))).count();
    assert_eq!([1_000, 59_000, 61_000, 181_000].map(&mut taken), [10, 0, 1, 2]);
    assert_eq!(taken(3_600_000), 10);
}
