use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::{
    sidecar::eventually,
    stage::Stage,
    worker::{Behaviour, Entry, Reply},
};

fn poisoned(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| entry.event.get() == r#"{"n":500}"#)
}

#[test]
fn one_poison_record_in_a_thousand_costs_one_dead_letter() {
    let reply = |entries: &[Entry]| if poisoned(entries) { Reply::Status(500) } else { Reply::Done };
    let stage = Stage::new("poison", 4, Behaviour::replying(reply));
    let dead = stage.dead_letters();
    let sidecar = stage.sidecar("only", &[("DLQ_TOPIC", &dead)]);
    (0..1000).for_each(|number| stage.send(number, None));
    stage.writer.flush();
    stage.await_no_lag(Duration::from_secs(60));

    assert_eq!(stage.worker.books().distinct(), 999);
    let letters = crate::kafka::read_all(&stage.brokers, &dead);
    assert_eq!(letters.len(), 1);
    let (value, headers) = &letters[0];
    assert_eq!(value, br#"{"n":500}"#);
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(header("sluicegate-source-topic"), Some(stage.topic.as_str()));
    assert_eq!(header("sluicegate-reason"), Some("out_of_attempts"));
    assert_eq!(header("sluicegate-attempts"), Some("5"));
    assert_eq!(header("sluicegate-worker-status"), Some("500"));
    println!("1000 records, 1 poison: 999 delivered, 1 dead letter, {} requests", stage.worker.books().requests);
    assert!(sidecar.stop().0.success());
}

const RECORDS: usize = 10_000;
const BATCH: &str = "32";

#[test]
fn twelve_seconds_of_503_charge_nobody_commit_nothing_and_cost_few_requests() {
    let stage = Stage::new("busy", 4, Behaviour::replying(|_| Reply::Status(503)));
    let sidecar = stage.sidecar("only", &[("BATCH_SIZE", BATCH)]);
    stage.fill(RECORDS as u64);
    eventually("the first request", Duration::from_secs(30), || (stage.worker.books().requests > 0).then_some(()));
    let start = Instant::now();
    eventually("twelve seconds", Duration::from_secs(20), || {
        assert_eq!(stage.committed(), [0, 0, 0, 0]);
        (start.elapsed() >= Duration::from_secs(12)).then_some(())
    });
    let requests = stage.worker.books().requests;
    assert!(requests < 12 * 30, "{requests} requests in 12 s");
    assert_eq!(sidecar.get("/readyz").unwrap().0, 503);

    let attempts = Arc::new(Mutex::new(0));
    let most = Arc::clone(&attempts);
    stage.worker.behave(Behaviour::replying(move |entries| {
        let mut most = most.lock().unwrap();
        *most = entries.iter().map(|entry| entry.attempt).max().unwrap_or(0).max(*most);
        Reply::Done
    }));
    stage.await_delivered(RECORDS, Duration::from_secs(60));
    stage.await_no_lag(Duration::from_secs(10));
    assert_eq!(*attempts.lock().unwrap(), 1, "a record was charged");
    assert_eq!(stage.worker.books().duplicates(), 0);
    // All of it, the outage included, is at most a tenth more than without one.
    let books = stage.worker.books();
    let (all, sent) = (books.requests, books.entries);
    drop(books);
    let without = (RECORDS / BATCH.parse::<usize>().unwrap()) as u64;
    assert!(10 * all <= 11 * without, "{all} requests, {without} without an outage");
    assert!(10 * sent <= 11 * RECORDS as u64, "{sent} records were sent for {RECORDS}");
    println!(
        "12 s of 503: {requests} requests, nothing committed or charged; then {RECORDS} delivered, {all} requests in all"
    );
    assert!(sidecar.stop().0.success());
}

/// Nothing larger than two records is taken, and of one record nothing at all.
#[test]
fn a_413_is_met_by_smaller_batches_down_to_one_record_and_that_one_is_a_dead_letter() {
    let reply = |entries: &[Entry]| {
        if entries.len() > 2 || poisoned(entries) { Reply::Status(413) } else { Reply::Done }
    };
    let stage = Stage::new("too-large", 2, Behaviour::replying(reply));
    let dead = stage.dead_letters();
    let sidecar = stage.sidecar("only", &[("DLQ_TOPIC", &dead), ("RETRY_BUDGET_PCT", "100")]);
    (0..1000).for_each(|number| stage.send(number, None));
    stage.writer.flush();
    stage.await_no_lag(Duration::from_secs(60));
    assert_eq!(stage.worker.books().distinct(), 999);
    assert_eq!(stage.worker.books().duplicates(), 0);
    let letters = crate::kafka::read_all(&stage.brokers, &dead);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].0, br#"{"n":500}"#);
    assert!(letters[0].1.contains(&("sluicegate-reason".to_owned(), "too_large".to_owned())), "{:?}", letters[0].1);
    println!(
        "413 to more than two records and to one of 1000: 999 delivered, 1 dead letter, {} requests",
        stage.worker.books().requests
    );
    assert!(sidecar.stop().0.success());
}

#[test]
fn a_worker_that_answers_500_to_everything_cannot_empty_the_topic_into_the_dead_letters() {
    let stage = Stage::new("all-500", 4, Behaviour::replying(|_| Reply::Status(500)));
    let dead = stage.dead_letters();
    // Small, because every batch is halved down to single records at the ten retries a second that a failing worker gets.
    let small =
        [("QUEUE_MAXSIZE", "32"), ("BATCH_SIZE", "4"), ("RETRY_MAX_ATTEMPTS", "2"), ("RETRY_BACKOFF_MIN", "10ms")];
    let flags: Vec<_> = small.into_iter().chain([("DLQ_TOPIC", dead.as_str())]).collect();
    let sidecar = stage.sidecar("only", &flags);
    stage.fill(5_000);
    eventually("it is broken", Duration::from_secs(60), || {
        sidecar.get("/readyz")?.1.contains("worker_broken").then_some(())
    });
    assert_eq!(sidecar.state().unwrap()["worker"]["health"], "broken");
    let requests = stage.worker.books().requests;
    eventually("it goes on trying", Duration::from_secs(60), || {
        (stage.worker.books().requests > requests + 8).then_some(())
    });
    let letters = crate::kafka::read_all(&stage.brokers, &dead).len();
    assert!(letters <= 10, "{letters} dead letters");
    let committed: i64 = stage.committed().iter().sum();
    assert!(committed <= letters as i64, "{committed} committed, {letters} dead letters");
    let requests = stage.worker.books().requests;
    println!("500 to everything: {letters} dead letters of 5000 records in {requests} requests, the rest held");

    stage.worker.behave(Behaviour::instant());
    stage.await_delivered(5_000 - letters, Duration::from_secs(60));
    stage.await_no_lag(Duration::from_secs(20));
    assert_eq!(sidecar.get("/readyz").unwrap().0, 200);
    assert!(sidecar.stop().0.success());
}

#[test]
fn a_worker_that_takes_calls_and_never_answers_is_found_out_and_taken_up_again() {
    let stage = Stage::new("hangs", 2, Behaviour::after(Duration::from_secs(3600)));
    let dead = stage.dead_letters();
    let sidecar = stage.sidecar(
        "only",
        &[("INFERENCE_TIMEOUT", "500ms"), ("WORKER_CONNECT_TIMEOUT", "200ms"), ("DLQ_TOPIC", dead.as_str())],
    );
    stage.fill(2_000);
    eventually("it is broken", Duration::from_secs(60), || {
        sidecar.get("/readyz")?.1.contains("worker_broken").then_some(())
    });
    assert_eq!(sidecar.get("/livez").unwrap().0, 200, "a restart would not mend it");
    stage.worker.behave(Behaviour::instant());
    stage.await_delivered(2_000, Duration::from_secs(60));
    stage.await_no_lag(Duration::from_secs(20));
    assert_eq!(crate::kafka::read_all(&stage.brokers, &dead).len(), 0);
    assert!(sidecar.events("worker_held").iter().any(|event| event["cause"] == "broken"));
    assert!(sidecar.stop().0.success());
}

#[test]
fn a_configuration_fault_drops_nothing_and_says_what_to_change() {
    let stage = Stage::new("misconfigured", 2, Behaviour::replying(|_| Reply::Status(404)));
    let sidecar = stage.sidecar("only", &[]);
    stage.fill(100);
    let held = eventually("it is said", Duration::from_secs(30), || sidecar.events("worker_held").pop());
    assert!(held.to_string().contains("404"), "{held}");
    assert!(sidecar.get("/readyz").unwrap().1.contains("worker_misconfigured"));
    assert_eq!(stage.committed(), [0, 0]);
    stage.worker.behave(Behaviour::instant());
    stage.await_delivered(100, Duration::from_secs(60));
    stage.await_no_lag(Duration::from_secs(10));
    assert!(sidecar.stop().0.success());
}

#[test]
fn each_entry_has_its_own_verdict_and_a_dropped_one_is_skipped_where_there_is_no_dead_letter_topic() {
    // Every seventh record is dropped, every fifth is retried once, the rest succeed.
    let reply = |entries: &[Entry]| {
        Reply::each(entries, |entry| match (entry.offset, entry.attempt) {
            (offset, _) if offset % 7 == 3 => "DROP",
            (offset, 1) if offset % 5 == 2 => "RETRY",
            _ => "SUCCESS",
        })
    };
    let stage = Stage::new("verdicts", 1, Behaviour::replying(reply));
    let sidecar = stage.sidecar("only", &[]);
    stage.fill(700);
    stage.await_no_lag(Duration::from_secs(60));
    assert_eq!(stage.worker.books().distinct(), 600);
    assert_eq!(stage.worker.books().duplicates(), 0);
    assert_eq!(sidecar.metric(r#"sluicegate_skipped_records_total{reason="dropped"}"#), Some(100.0));
    assert!(sidecar.stop().0.success());
}

#[test]
fn without_a_dead_letter_topic_a_poison_record_stops_its_partition_until_someone_decides() {
    let refuse = |entries: &[Entry]| if poisoned(entries) { Reply::Status(422) } else { Reply::Done };
    let stage = Stage::new("stop", 2, Behaviour::replying(refuse));
    let sidecar = stage.sidecar("stops", &[]);
    (0..1000).for_each(|number| stage.send(number, None));
    stage.writer.flush();
    // Number 500 is offset 250 of partition 0; partition 1 has nothing to do with it.
    eventually("the other partition is through", Duration::from_secs(60), || {
        (stage.committed() == [250, 500]).then_some(())
    });
    assert!(sidecar.get("/readyz").unwrap().1.contains("partition_stopped"));
    assert_eq!(sidecar.get("/livez").unwrap().0, 200);
    assert_eq!(sidecar.stop().0.code(), Some(0));
    assert_eq!(stage.committed(), [250, 500], "not even leaving passes it");

    let sidecar = stage.sidecar("skips", &[("POISON_POLICY", "skip")]);
    stage.await_no_lag(Duration::from_secs(60));
    assert_eq!(stage.missing(), ["0-250"]);
    assert!(sidecar.stop().0.success());
}
