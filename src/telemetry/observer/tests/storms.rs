//! How many lines there may be of one event, and of which level.

use super::*;

#[test]
fn a_storm_of_moves_is_a_hundred_lines_and_every_one_of_them_is_counted() {
    let mut bench = Bench::new(LogLevel::Info);
    for _ in 0..250 {
        bench.telemetry.fact(bench.now, &Fact::KnobMoved { decision: decision(), applied: true });
    }
    assert_eq!(bench.take().len(), 100);
    let series = r#"sluicegate_knob_moves_total{knob="pause_threshold_pct",reason="need"} 250"#;
    assert!(bench.readout.counters().contains(series), "{}", bench.readout.counters());
}

#[test]
fn a_storm_of_one_event_is_a_hundred_lines_and_a_number() {
    let mut bench = Bench::new(LogLevel::Info);
    for _ in 0..250 {
        bench.telemetry.fact(bench.now, &expired(None));
    }
    assert_eq!(bench.take().len(), 100);
    bench.readout.upkeep(bench.now.mono);
    assert_eq!(bench.take(), [] as [Value; 0], "the second is not over");
    bench.readout.upkeep(bench.now.mono + SECOND);
    let settled = bench.take();
    assert_eq!((&settled[0]["event"], &settled[0]["of"]), (&json!("events_suppressed"), &json!("ttl_expired")));
    assert_eq!(settled[0]["suppressed"], json!(150));

    bench.now.mono = bench.now.mono + 2 * SECOND;
    for _ in 0..101 {
        bench.telemetry.fact(bench.now, &expired(None));
    }
    bench.take();
    bench.now.mono = bench.now.mono + SECOND;
    let next = bench.tell(&expired(None));
    assert_eq!(next[0]["suppressed"], json!(1));
}

#[test]
fn trouble_that_lasts_is_a_line_a_minute_and_a_number() {
    let mut bench = Bench::new(LogLevel::Info);
    let down = SourceNote::ClientError { code: "_ALL_BROKERS_DOWN".to_owned(), text: "1/1 are down".to_owned() };
    let refused = answered(&[CommitOutcome::Failed("GROUP_AUTHORIZATION_FAILED".to_owned())]);
    for _ in 0..59 {
        bench.telemetry.note(bench.now, &down);
        bench.telemetry.fact(bench.now, &refused);
        bench.now.mono = bench.now.mono + SECOND;
    }
    assert_eq!(bench.take().len(), 2);
    bench.readout.upkeep(bench.now.mono);
    assert_eq!(bench.take(), [] as [Value; 0], "it is said with the next line");
    bench.now.mono = bench.now.mono + SECOND;
    bench.telemetry.note(bench.now, &down);
    assert_eq!(bench.take()[0]["suppressed"], json!(58));
    let counted = r#"sluicegate_client_errors_total{code="_ALL_BROKERS_DOWN"} 60"#;
    assert!(bench.readout.counters().contains(counted), "{}", bench.readout.counters());
    assert_eq!(bench.readout.last_errors()[1].times, 60);
}

#[test]
fn the_level_can_be_changed_while_it_runs() {
    let mut bench = Bench::new(LogLevel::Info);
    let stale = Fact::Stale { what: "answer" };
    assert_eq!(bench.tell(&stale).len(), 0);
    bench.control.set(LogLevel::Debug);
    assert_eq!(bench.tell(&stale).len(), 1);
    bench.control.set(LogLevel::Error);
    assert_eq!(bench.tell(&expired(None)).len(), 0);
    assert_eq!(bench.tell(&Fact::Violation { invariant: "I1", what: String::new() }).len(), 1);
}

#[test]
fn what_is_not_logged_uses_up_nobodys_share() {
    let mut bench = Bench::new(LogLevel::Error);
    for _ in 0..200 {
        bench.telemetry.fact(bench.now, &expired(None));
    }
    bench.control.set(LogLevel::Info);
    assert_eq!(bench.tell(&expired(None)).len(), 1);
}
