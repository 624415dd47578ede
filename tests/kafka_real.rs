//! The Kafka adapter against a real Apache Kafka.

#![cfg(feature = "kafka")]

#[path = "support/kafka/mod.rs"]
mod kafka;

use kafka::{Writer, committed, member::Member, real::RealKafka, settings, unique};

#[tokio::test]
async fn tens_of_thousands_of_records_come_in_once_and_in_order_and_are_committed() {
    let broker = RealKafka::shared();
    let (topic, group) = (unique("echo"), unique("group"));
    broker.create_topic(&topic, 8).await;
    Writer::new(broker.brokers(), &topic).fill(8, 0, 40_000, 100);

    let mut member = Member::join(&settings(broker.brokers(), &topic, &group));
    let started = std::time::Instant::now();
    member.until("40 000 records", |m| m.records.len() >= 40_000).await;
    println!("40 000 records in {:?}", started.elapsed());
    member.until("every end", |m| m.ends.len() == 8).await;
    assert_eq!(member.numbers(), (0..40_000).collect::<Vec<_>>());
    member.commit_applied().await;
    member.leave().await;
    assert_eq!(committed(broker.brokers(), &group, &topic, 8), [Some(5_000); 8]);
}
