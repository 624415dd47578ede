//! Nothing is sent after its deadline, and nothing waits beyond it.

use super::*;

#[test]
fn expired_records_are_finished_at_intake_in_the_queue_and_before_the_send() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    let wall = bench.now.wall.0;
    bench.poll_records(vec![with_deadline(0, wall - 1), with_deadline(1, wall + 10), with_deadline(2, wall + 60_000)]);
    assert_eq!(bench.offsets_out(), [[1, 2]], "a near deadline does not wait for the linger");
    assert_eq!(bench.out[0].not_after, Some(UnixMillis(wall + 10)));
    bench.poll_records(vec![with_deadline(3, wall + 20), plain(0, 4)]);
    bench.pass(21);
    bench.answer(Answer::NotSent);
    let stages: Vec<&str> = bench
        .facts
        .iter()
        .filter_map(|f| if let Fact::Expired { stage, .. } = f { Some(stage.name()) } else { None })
        .collect();
    assert_eq!(stages, ["intake", "queue", "send"]);
    assert_eq!(bench.offsets_out(), [[2]]);
}

#[test]
fn a_success_after_the_deadline_counts_as_late_and_is_not_sent_again() {
    let mut bench = Bench::new(settings());
    bench.poll_records(vec![with_deadline(0, bench.now.wall.0 + 10)]);
    bench.pass(11);
    bench.answer(Answer::Done);
    assert!(bench.facts.iter().any(|f| matches!(f, Fact::Completed { late: 1, .. })));
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 1)]);
}

#[test]
fn a_call_is_given_no_more_time_than_its_last_deadline_leaves() {
    let mut bench = Bench::new(settings());
    let wall = bench.now.wall.0;
    bench.poll_records(vec![with_deadline(0, wall + 5), with_deadline(1, wall + 9)]);
    assert_eq!(bench.out[0].timeout, Duration::from_millis(10));
    bench.poll_records(vec![with_deadline(2, wall + 5), plain(0, 3)]);
    assert_eq!(bench.out[1].timeout, Duration::from_secs(15));
}
