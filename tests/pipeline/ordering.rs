use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{
    stage::Stage,
    worker::{Behaviour, Entry, Reply},
};

const KEYS: u64 = 10;
const RECORDS: u64 = 2_000;

fn number(entry: &Entry) -> u64 {
    entry.event.get().trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

#[test]
fn with_ordering_by_key_a_retried_record_is_not_overtaken_by_its_own_key() {
    let seen: Arc<Mutex<BTreeMap<u64, Vec<u64>>>> = Arc::default();
    let book = Arc::clone(&seen);
    // Every 37th record is retried once; what is said to have succeeded goes into the book in the order it is said.
    let reply = move |entries: &[Entry]| {
        let mut book = book.lock().unwrap();
        Reply::each(entries, |entry| {
            let n = number(entry);
            let retry = n % 37 == 5 && entry.attempt == 1;
            if !retry {
                book.entry(n % KEYS).or_default().push(n);
            }
            if retry { "RETRY" } else { "SUCCESS" }
        })
    };
    let stage =
        Stage::new("by-key", 2, Behaviour { delay_of: Box::new(|_| Duration::from_millis(2)), reply: Box::new(reply) });
    for n in 0..RECORDS {
        let (key, value) = (format!("k{}", n % KEYS), format!(r#"{{"n":{n}}}"#));
        stage.writer.send((n % KEYS % 2) as i32, Some(key.as_bytes()), Some(value.as_bytes()), None);
    }
    stage.writer.flush();
    let flags =
        [("ORDERING", "key"), ("QUEUE_WORKERS", "4"), ("RETRY_BACKOFF_MIN", "5ms"), ("RETRY_BACKOFF_MAX", "20ms")];
    let sidecar = stage.sidecar("only", &flags);
    stage.await_no_lag(Duration::from_secs(60));
    for (key, numbers) in seen.lock().unwrap().iter() {
        // A record that went again with a retried one of its key may be seen twice: the last time counts.
        let mut last = BTreeMap::new();
        for (at, n) in numbers.iter().enumerate() {
            last.insert(*n, at);
        }
        assert_eq!(last.len() as u64, RECORDS / KEYS, "key {key}");
        let order: Vec<usize> = last.values().copied().collect();
        assert!(order.is_sorted(), "key {key}: {numbers:?}");
    }
    assert!(sidecar.metric(r#"sluicegate_retried_records_total{cause="verdict"}"#).unwrap() > 50.0);
    assert!(sidecar.stop().0.success());
}
