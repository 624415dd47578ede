//! Lines that are more than a fact each: what is told twice, what the source notes, what is remembered as an error.

use super::*;

#[test]
fn a_commit_that_is_partly_refused_is_two_lines() {
    let mut bench = Bench::new(LogLevel::Info);
    let failed = CommitOutcome::Failed("UnknownTopic".to_owned());
    let lines = bench.tell(&answered(&[CommitOutcome::Applied, failed]));
    let events: Vec<_> = lines.iter().map(|line| (&line["event"], &line["tps"][0])).collect();
    assert_eq!(events, [(&json!("commits_applied"), &json!("a-0")), (&json!("commit_refused"), &json!("a-1"))]);
    assert_eq!(lines[1]["epoch_over"], json!(false));
    assert_eq!(bench.readout.last_errors()[0].text, "a-1: UnknownTopic");
}

#[test]
fn what_the_source_notes_is_told_and_remembered() {
    let mut bench = Bench::new(LogLevel::Debug);
    let notes = [
        SourceNote::Refetch { bytes: 4096 },
        SourceNote::Resumed { first_record: SECOND },
        SourceNote::ClientError { code: "AllBrokersDown".to_owned(), text: "1/1 brokers are down".to_owned() },
        SourceNote::Recalled { routes: 1, concurrency: 5, age: SECOND },
        SourceNote::NotRecalled { reason: "stale", detail: "old".to_owned() },
        SourceNote::Kept(Ok(())),
        SourceNote::Kept(Err("disk full".to_owned())),
    ];
    notes.iter().for_each(|note| bench.telemetry.note(bench.now, note));
    let lines = bench.take();
    let names: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    let state = ["state_recalled", "state_ignored", "state_not_kept"];
    assert_eq!(names, [["refetched", "reading_resumed", "client_error"], state].concat());
    let recalled = (&lines[3]["routes"], &lines[3]["concurrency"], &lines[3]["age_ms"]);
    assert_eq!(recalled, (&json!(1), &json!(5), &json!(1000)));
    assert_eq!((&lines[4]["reason"], &lines[5]["detail"]), (&json!("stale"), &json!("disk full")));
    assert_eq!(bench.readout.last_errors()[1].text, "disk full");
    let written = bench.readout.counters();
    assert!(written.contains(r#"sluicegate_state_writes_total{came="ok"} 1"#), "{written}");
    assert!(written.contains(r#"sluicegate_state_writes_total{came="failed"} 1"#), "{written}");
    assert_eq!((&lines[0]["bytes"], &lines[1]["first_record_ms"]), (&json!(4096), &json!(1000)));
    assert_eq!(lines[2]["detail"], json!("1/1 brokers are down"));
    assert_eq!(bench.readout.last_errors()[0].text, "AllBrokersDown: 1/1 brokers are down");
}

#[test]
fn what_is_given_up_early_is_no_error() {
    let mut bench = Bench::new(LogLevel::Warn);
    let given_up = Fact::Skipped { topic: topic(), number: 1, offset: 17, reason: Reason::Hopeless };
    assert_eq!(bench.tell(&given_up), [] as [Value; 0]);
    assert_eq!(bench.readout.last_errors(), []);
    let counted = r#"sluicegate_skipped_records_total{reason="hopeless"} 1"#;
    assert!(bench.readout.counters().contains(counted));
}

#[test]
fn an_unknown_partition_is_told_as_one() {
    let mut bench = Bench::new(LogLevel::Info);
    let lines = bench.tell(&Fact::CommitAsked { offsets: vec![(PartitionId(99), 1)] });
    assert_eq!(lines[0]["tps"], json!(["?--1"]));
}
