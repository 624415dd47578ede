use std::time::Duration;

use crate::{
    kafka::Writer,
    sidecar::eventually,
    stage::Stage,
    worker::{Behaviour, Entry, Reply},
};

const WITHIN: Duration = Duration::from_secs(60);

fn number(topic: &str, value: u64) -> String {
    format!(r#"{{"topic":"{topic}","n":{value}}}"#)
}

fn fill(stage: &Stage, topic: &str, count: u64) {
    let writer = Writer::new(&stage.brokers, topic);
    for n in 0..count {
        writer.send((n % 2) as i32, None, Some(number(topic, n).as_bytes()), None);
    }
    writer.flush();
}

/// Refuses what came in the wrong envelope: a batch is of one topic.
fn of_one_topic(entries: &[Entry]) -> Reply {
    let topic = |entry: &Entry| entry.entry_id.rsplitn(3, '-').nth(2).map(str::to_owned);
    if entries.iter().any(|entry| topic(entry) != topic(&entries[0])) { Reply::Status(404) } else { Reply::Done }
}

fn delivered(stage: &Stage, topic: &str) -> usize {
    let books = stage.worker.books();
    (0..2).filter_map(|p| books.succeeded.get(&(topic.to_owned(), p))).map(|seen| seen.len()).sum()
}

#[test]
fn several_topics_share_one_sidecar_and_no_batch_mixes_them() {
    let stage = Stage::new("several", 2, Behaviour::replying(of_one_topic));
    let other = stage.another_topic("other", 2);
    let both = format!("{},{other}", stage.topic);
    let sidecar = stage.sidecar("only", &[("KAFKA_TOPICS", &both), ("QUEUE_WORKERS", "4")]);
    fill(&stage, &stage.topic, 3_000);
    fill(&stage, &other, 3_000);
    stage.await_delivered(6_000, WITHIN);
    assert_eq!((delivered(&stage, &stage.topic), delivered(&stage, &other)), (3_000, 3_000));
    assert_eq!(sidecar.events("worker_held"), Vec::<serde_json::Value>::new(), "a mixed batch was refused");
    stage.await_no_lag(Duration::from_secs(10));
    assert!(sidecar.stop().0.success());
}

#[test]
fn a_pattern_takes_new_topics_in_and_leaves_its_own_dead_letters_out() {
    let poison = |entries: &[Entry]| {
        let poisoned = entries.iter().any(|entry| entry.event.get().ends_with(r#""n":7}"#));
        if poisoned { Reply::Status(422) } else { Reply::Done }
    };
    let stage = Stage::new("pattern", 2, Behaviour::replying(poison));
    let dead = stage.dead_letters();
    let pattern = format!("^{}.*", stage.topic);
    let flags = [
        ("KAFKA_TOPICS", pattern.as_str()),
        ("DLQ_TOPIC", &dead),
        ("KAFKA_CFG_TOPIC_METADATA_REFRESH_INTERVAL_MS", "500"),
    ];
    let sidecar = stage.sidecar("only", &flags);
    fill(&stage, &stage.topic, 100);
    stage.await_no_lag(WITHIN);
    let later = stage.another_topic("later", 2);
    fill(&stage, &later, 100);
    eventually("the new topic is read", WITHIN, || (delivered(&stage, &later) == 99).then_some(()));
    let letters = || crate::kafka::read_all(&stage.brokers, &dead).len();
    eventually("both dead letters", WITHIN, || (letters() == 2).then_some(()));
    let state = sidecar.state().unwrap();
    let topics: Vec<_> = state["partitions"].as_array().unwrap().iter().map(|p| p["topic"].as_str().unwrap()).collect();
    assert!(topics.contains(&later.as_str()) && !topics.contains(&dead.as_str()), "{topics:?}");
    assert!(sidecar.stop().0.success());
    assert_eq!(letters(), 2);
}
