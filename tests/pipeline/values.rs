use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rdkafka::{
    message::OwnedHeaders,
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use crate::{
    kafka::{add_header, client, unique},
    stage::Stage,
    worker::{Behaviour, Entry, Reply},
};

const WITHIN: Duration = Duration::from_secs(60);

#[test]
fn tombstones_binary_values_and_odd_keys_and_headers_arrive() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let book = Arc::clone(&seen);
    let stage = Stage::new(
        "values",
        1,
        Behaviour::replying(move |entries: &[Entry]| {
            book.lock().unwrap().extend(entries.iter().map(|entry| entry.event.get().to_owned()));
            Reply::Done
        }),
    );
    let sidecar = stage.sidecar("only", &[("QUEUE_WORKERS", "1")]);
    let odd = add_header(OwnedHeaders::new(), b"na\xffme", Some(b"\xfe\x00"));
    stage.writer.send(0, Some(b"\xff\x00"), None, None);
    stage.writer.send(0, None, Some(b""), Some(odd));
    stage.writer.send(0, Some(b""), Some(b"\x00\xff"), None);
    stage.writer.send(0, None, Some(br#"{"a": 1.0e2 }"#), None);
    stage.writer.flush();
    stage.await_no_lag(WITHIN);
    assert_eq!(*seen.lock().unwrap(), ["null", r#""""#, r#""AP8=""#, r#"{"a": 1.0e2 }"#]);
    assert!(sidecar.stop().0.success());
}

#[test]
fn tombstones_are_dead_letters_or_nothing_where_the_policy_says_so() {
    let stage = Stage::new("tombstones", 1, Behaviour::instant());
    let dead = stage.dead_letters();
    let first = stage.sidecar("skip", &[("TOMBSTONE_POLICY", "skip")]);
    stage.writer.send(0, Some(b"k"), None, None);
    stage.writer.flush();
    stage.await_no_lag(WITHIN);
    assert!(first.stop().0.success());
    let second = stage.sidecar("dlq", &[("TOMBSTONE_POLICY", "dlq"), ("DLQ_TOPIC", &dead)]);
    stage.writer.send(0, Some(b"k"), None, None);
    stage.writer.flush();
    stage.await_no_lag(WITHIN);
    assert_eq!(crate::kafka::read_all(&stage.brokers, &dead).len(), 1);
    assert_eq!(stage.worker.books().requests, 0);
    assert!(second.stop().0.success());
}

#[test]
fn a_transactional_topic_ends_with_no_lag() {
    let stage = Stage::new("transactional", 1, Behaviour::instant());
    let sidecar = stage.sidecar("only", &[]);
    let producer: BaseProducer = client(&stage.brokers).set("transactional.id", unique("tx")).create().unwrap();
    let within = Duration::from_secs(20);
    producer.init_transactions(within).unwrap();
    for commits in [true, false, true] {
        producer.begin_transaction().unwrap();
        for _ in 0..100 {
            producer.send(BaseRecord::<(), str>::to(&stage.topic).partition(0).payload("1")).unwrap();
        }
        producer.flush(within).unwrap();
        if commits { producer.commit_transaction(within) } else { producer.abort_transaction(within) }.unwrap();
    }
    assert_eq!(stage.ends(), [303]);
    stage.await_no_lag(WITHIN);
    assert_eq!(stage.worker.books().distinct(), 200, "what was aborted is not delivered");
    assert!(sidecar.stop().0.success());
}

#[test]
fn records_over_the_limit_however_many_do_not_stop_the_others() {
    let stage = Stage::new("oversized", 1, Behaviour::instant());
    let flags = [
        ("MAX_RECORD_BYTES", "1KiB"),
        ("BATCH_MAX_BYTES", "8KiB"),
        ("QUEUE_MAX_BYTES", "16KiB"),
        ("POISON_POLICY", "skip"),
    ];
    let sidecar = stage.sidecar("only", &flags);
    for n in 0..200 {
        let bytes = if n % 2 == 0 { 2_000 } else { 100 };
        stage.writer.send(0, None, Some(format!("{n:0>bytes$}").as_bytes()), None);
    }
    stage.writer.flush();
    stage.await_no_lag(WITHIN);
    assert_eq!(stage.worker.books().distinct(), 100);
    assert_eq!(sidecar.metric(r#"sluicegate_skipped_records_total{reason="too_large"}"#), Some(100.0));
    assert!(sidecar.stop().0.success());
}
