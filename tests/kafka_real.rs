//! The Kafka adapter against a real Apache Kafka.

#![cfg(feature = "kafka")]

#[path = "support/kafka/mod.rs"]
mod kafka;

use std::time::{Duration, Instant};

use kafka::{Writer, client, committed, member::Member, real::RealKafka, settings, unique, watermarks};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use sluicegate::{
    engine::event::Command,
    kafka::settings::{GroupProtocol, KafkaSettings},
    runtime::Source as _,
};

/// A topic, and settings of a member of a group of its own.
async fn start(name: &str, partitions: i32) -> (&'static RealKafka, Writer, KafkaSettings) {
    let broker = RealKafka::shared();
    let topic = unique(name);
    broker.create_topic(&topic, partitions).await;
    let settings = settings(broker.brokers(), &topic, &unique("group"));
    (broker, Writer::new(broker.brokers(), &topic), settings)
}

fn committed_by(settings: &KafkaSettings, partitions: i32) -> Vec<Option<i64>> {
    committed(&settings.brokers, &settings.group_id, &settings.topics[0], partitions)
}

fn all_numbers(members: &[&Member]) -> Vec<u64> {
    let mut numbers: Vec<_> = members.iter().flat_map(|m| m.numbers()).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn tens_of_thousands_of_records_come_in_once_and_in_order_and_are_committed() {
    let (_broker, writer, settings) = start("echo", 8).await;
    writer.fill(8, 0, 40_000, 100);
    let mut member = Member::join(&settings);
    member.until("assigned", |m| m.owned.len() == 8).await;
    let started = Instant::now();
    member.until("40 000 records", |m| m.records.len() >= 40_000).await;
    println!("40 000 records in {:?}", started.elapsed());
    member.until("every end", |m| m.ends.len() == 8).await;
    assert_eq!(member.numbers(), (0..40_000).collect::<Vec<_>>());
    member.commit_applied().await;
    member.leave().await;
    assert_eq!(committed_by(&settings, 8), [Some(5_000); 8]);
}

#[tokio::test]
async fn after_a_pause_the_first_record_comes_in_milliseconds() {
    let (_broker, writer, settings) = start("pause", 4).await;
    writer.fill(4, 0, 20_000, 200);
    let mut member = Member::join(&settings);
    member.window = 0;
    member.until("assigned", |m| m.owned.len() == 4).await;
    let mut granted = 0;
    for round in 0..15 {
        member.grant_exactly(200, 1 << 20);
        granted += 200;
        member.until("a part", |m| m.records.len() >= granted).await;
        member.source.perform(Command::Pause(member.ids()));
        // The time is what is tested: long enough for the leader's connection to fall asleep.
        member.run_for(Duration::from_millis(200)).await;
        member.source.perform(Command::Resume(member.ids()));
        member.grant_exactly(1, 1 << 20);
        granted += 1;
        member.until("resumed", |m| m.resumed().len() > round).await;
    }
    let mut times = member.resumed();
    times.sort_unstable();
    println!("resume to first record: p50 {:?}, max {:?}", times[7], times[14]);
    // A plain resume takes most of a second nearly every time; a busy machine takes it now and then.
    assert!(times[12] < Duration::from_millis(100), "{times:?}");
    member.window = 128;
    member.until("the rest", |m| m.records.len() >= 20_000).await;
    assert_eq!(member.numbers(), (0..20_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_partition_paused_before_its_first_record_is_resumed_in_milliseconds_too() {
    let (_broker, writer, settings) = start("fresh", 1).await;
    writer.fill(1, 0, 10, 200);
    let mut member = Member::join(&settings);
    member.window = 0;
    member.until("assigned", |m| m.owned.len() == 1).await;
    member.source.perform(Command::Pause(member.ids()));
    member.run_for(Duration::from_millis(1_500)).await;
    member.source.perform(Command::Resume(member.ids()));
    member.window = 128;
    member.until("all ten", |m| m.records.len() == 10).await;
    let times = member.resumed();
    println!("first resume of a partition never read: {times:?}");
    assert!(times[0] < Duration::from_millis(300), "{times:?}");
}

#[tokio::test]
async fn a_partition_that_was_empty_when_it_was_paused_is_resumed_in_milliseconds_too() {
    let (_broker, writer, settings) = start("empty", 1).await;
    let mut member = Member::join(&settings);
    member.until("the end", |m| m.ends.values().any(|end| *end == 0)).await;
    member.source.perform(Command::Pause(member.ids()));
    member.run_for(Duration::from_millis(200)).await;
    writer.fill(1, 0, 1, 10);
    member.source.perform(Command::Resume(member.ids()));
    member.until("the record", |m| m.resumed().len() == 1).await;
    println!("resume of a partition that was empty: {:?}", member.resumed());
    assert!(member.resumed()[0] < Duration::from_millis(300), "{:?}", member.resumed());
}

#[tokio::test]
async fn on_a_transactional_topic_the_end_is_past_the_markers_and_can_be_committed() {
    let (broker, _writer, settings) = start("transactions", 1).await;
    let topic = &settings.topics[0];
    let producer: BaseProducer = client(broker.brokers()).set("transactional.id", unique("tx")).create().unwrap();
    producer.init_transactions(Duration::from_secs(20)).unwrap();
    for (number, commits) in [(0, true), (1, false), (2, true)] {
        producer.begin_transaction().unwrap();
        let value = number.to_string();
        producer.send(BaseRecord::<(), str>::to(topic).partition(0).payload(&value)).unwrap();
        let end = Duration::from_secs(20);
        if commits {
            producer.commit_transaction(end)
        } else {
            producer.flush(end).and_then(|()| producer.abort_transaction(end))
        }
        .unwrap();
    }
    let (_, high) = watermarks(broker.brokers(), topic, 0);
    assert_eq!(high, 6, "three records and three markers");
    let mut member = Member::join(&settings);
    member.until("the end past the last marker", |m| m.ends.values().any(|end| *end == high)).await;
    assert_eq!(member.numbers(), [0, 2], "the aborted one is not seen");
    member.commit_applied().await;
    member.leave().await;
    assert_eq!(committed_by(&settings, 1), [Some(high)], "lag is zero");
}

#[tokio::test]
async fn a_partition_at_an_open_transaction_has_been_read_to_its_end() {
    let (broker, writer, settings) = start("open-transaction", 1).await;
    let topic = &settings.topics[0];
    writer.fill(1, 0, 5, 10);
    let producer: BaseProducer = client(broker.brokers()).set("transactional.id", unique("tx")).create().unwrap();
    producer.init_transactions(Duration::from_secs(20)).unwrap();
    producer.begin_transaction().unwrap();
    producer.send(BaseRecord::<(), str>::to(topic).partition(0).payload("5")).unwrap();
    producer.flush(Duration::from_secs(20)).unwrap();
    let mut member = Member::join(&settings);
    member.until("the readable end", |m| m.ends.values().any(|end| *end == 5)).await;
    // Long enough for the partition to be asked about, twice.
    member.run_for(Duration::from_secs(6)).await;
    let progress: Vec<_> = member.progress.values().map(|p| (p.position, p.end, p.leader_answers)).collect();
    assert_eq!(progress, [(Some(5), Some(5), true)], "nothing is left to read: it is not to be repaired");
    producer.commit_transaction(Duration::from_secs(20)).unwrap();
    member.until("the record", |m| m.records.len() == 6).await;
    member.until("the end past the marker", |m| m.progress.values().all(|p| p.end == Some(7))).await;
}

#[tokio::test]
async fn two_members_share_under_load_and_hand_over_without_loss_or_repetition() {
    let (_broker, writer, settings) = start("share", 8).await;
    writer.fill(8, 0, 4_000, 100);
    let mut first = Member::join(&settings);
    first.until("a part", |m| m.records.len() > 1_000).await;
    let mut second = Member::join(&settings);
    Member::until_both(&mut first, &mut second, "four each", |a, b| a.owned.len() == 4 && b.owned.len() == 4).await;
    writer.fill(8, 4_000, 4_000, 100);
    Member::until_both(&mut first, &mut second, "8 000", |a, b| a.records.len() + b.records.len() >= 8_000).await;
    assert_eq!(all_numbers(&[&first, &second]), (0..8_000).collect::<Vec<_>>());
    assert!(!second.records.is_empty());
    second.commit_applied().await;
    second.leave().await;
    first.until("all eight", |m| m.owned.len() == 8).await;
    writer.fill(8, 8_000, 800, 100);
    first.until("the rest", |m| m.ends.len() == 8 && m.ends.values().all(|end| *end == 1_100)).await;
    assert_eq!(all_numbers(&[&first, &second]), (0..8_800).collect::<Vec<_>>());
    first.commit_applied().await;
    assert_eq!(committed_by(&settings, 8), [Some(1_100); 8]);
}

#[tokio::test]
async fn a_revoke_is_held_for_as_long_as_it_takes_and_its_last_commit_is_taken() {
    let (_broker, writer, settings) = start("hold", 4).await;
    writer.fill(4, 0, 400, 10);
    let mut first = Member::join(&settings);
    first.until("all", |m| m.records.len() == 400 && m.ends.len() == 4).await;
    first.releases = false;
    let mut second = Member::join(&settings);
    Member::until_both(&mut first, &mut second, "a revoke", |a, _| !a.revoked.is_empty()).await;
    let (revoked, lost) = first.revoked[0].clone();
    assert!(!lost && revoked.len() == 2, "{revoked:?}");
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        first.commit_applied().await;
        second.run_for(Duration::from_millis(100)).await;
        assert!(second.owned.is_empty(), "nothing goes over before the release");
    }
    first.releases = true;
    first.release();
    Member::until_both(&mut first, &mut second, "two each", |a, b| a.owned.len() == 2 && b.owned.len() == 2).await;
    writer.fill(4, 400, 40, 10);
    Member::until_both(&mut first, &mut second, "the rest", |a, b| a.records.len() + b.records.len() >= 440).await;
    assert_eq!(all_numbers(&[&first, &second]), (0..440).collect::<Vec<_>>(), "nothing twice, nothing missing");
}

#[tokio::test]
async fn a_rebalance_at_the_end_of_a_partition_skips_nothing_and_holds_nothing_up() {
    let (_broker, writer, settings) = start("edge", 4).await;
    writer.fill(4, 0, 40, 10);
    let mut first = Member::join(&settings);
    first.until("four ends", |m| m.ends.len() == 4).await;
    let mut second = Member::join(&settings);
    Member::until_both(&mut first, &mut second, "two each", |a, b| a.owned.len() == 2 && b.owned.len() == 2).await;
    writer.fill(4, 40, 4, 10);
    let started = Instant::now();
    Member::until_both(&mut first, &mut second, "one more each", |a, b| a.records.len() + b.records.len() >= 44).await;
    println!("the record behind the end came {:?} after it was produced", started.elapsed());
    assert_eq!(all_numbers(&[&first, &second]), (0..44).collect::<Vec<_>>());
}

#[tokio::test]
async fn leaving_hands_over_at_once_and_so_does_being_dropped() {
    let (_broker, _writer, mut settings) = start("leave", 2).await;
    settings.session_timeout = Duration::from_secs(45);
    let mut first = Member::join(&settings);
    first.until("both", |m| m.owned.len() == 2).await;
    let started = Instant::now();
    first.leave().await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    let mut second = Member::join(&settings);
    second.until("both", |m| m.owned.len() == 2).await;
    drop(second);
    let mut third = Member::join(&settings);
    let started = Instant::now();
    third.until("both", |m| m.owned.len() == 2).await;
    assert!(started.elapsed() < Duration::from_secs(10), "no session timeout is waited for: {:?}", started.elapsed());
}

#[tokio::test]
async fn the_newer_group_protocol_shares_and_hands_over_too() {
    let (_broker, writer, settings) = start("kip848", 4).await;
    let settings = KafkaSettings { group_protocol: GroupProtocol::Consumer, ..settings };
    writer.fill(4, 0, 400, 10);
    let mut first = Member::join(&settings);
    first.until("all", |m| m.records.len() == 400 && m.ends.len() == 4).await;
    let mut second = Member::join(&settings);
    Member::until_both(&mut first, &mut second, "two each", |a, b| a.owned.len() == 2 && b.owned.len() == 2).await;
    writer.fill(4, 400, 40, 10);
    Member::until_both(&mut first, &mut second, "the rest", |a, b| a.records.len() + b.records.len() >= 440).await;
    assert_eq!(all_numbers(&[&first, &second]), (0..440).collect::<Vec<_>>());
    first.commit_applied().await;
    second.commit_applied().await;
    assert_eq!(committed_by(&settings, 4), [Some(110); 4]);
}

#[tokio::test]
async fn a_member_that_takes_nothing_for_longer_than_max_poll_interval_stays_in_the_group() {
    let (_broker, writer, mut settings) = start("gated", 2).await;
    (settings.session_timeout, settings.max_poll_interval) = (Duration::from_secs(6), Duration::from_secs(7));
    writer.fill(2, 0, 40, 10);
    let mut member = Member::join(&settings);
    member.window = 0;
    member.until("assigned", |m| m.owned.len() == 2).await;
    // The time is what is tested: the worker is away, and the gate shut, for twice the interval.
    member.run_for(Duration::from_secs(15)).await;
    assert!(member.revoked.is_empty(), "{:?}", member.revoked);
    member.window = 128;
    member.until("all of it", |m| m.records.len() == 40).await;
    member.commit_applied().await;
    assert_eq!(member.numbers(), (0..40).collect::<Vec<_>>());
}
