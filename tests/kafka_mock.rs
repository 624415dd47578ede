//! The Kafka adapter against librdkafka's mock cluster: what a real broker cannot be made to do on demand.

#![cfg(feature = "kafka")]

#[path = "support/kafka/mod.rs"]
mod kafka;

use std::time::{Duration, Instant};

use kafka::{
    Writer, committed,
    member::{Member, PATIENCE},
    mock::Mock,
    settings, unique, with,
};
use rdkafka::{message::OwnedHeaders, types::RDKafkaApiKey, types::RDKafkaRespErr};
use sluicegate::{
    engine::event::{Command, CommitOutcome, DeadLetter, DeadLettered, Event, Reason},
    kafka::{KafkaDeadLetters, KafkaSource, settings::KafkaSettings},
    record::{PartitionId, PayloadBuilder, Record},
    runtime::{DeadLetterSink as _, Source as _, SourceEvent, SourceNote},
};

const TOPIC: &str = "t";

/// A cluster with a topic, and settings of a member of a group of its own.
fn start(partitions: i32) -> (Mock, Writer, KafkaSettings) {
    let mock = Mock::start();
    mock.create_topic(TOPIC, partitions);
    let writer = Writer::new(&mock.brokers(), TOPIC);
    let mut settings = settings(&mock.brokers(), TOPIC, &unique("group"));
    settings.session_timeout = Duration::from_secs(3);
    (mock, writer, settings)
}

#[tokio::test]
async fn no_more_records_come_than_were_granted() {
    let (_mock, writer, settings) = start(1);
    writer.fill(1, 0, 300, 100);
    let mut member = Member::join(&settings);
    member.window = 0;
    member.until("assigned", |m| !m.owned.is_empty()).await;
    member.commit_and_wait().await;
    assert!(member.records.is_empty(), "nothing was granted");
    for (granted, total) in [(5, 5), (1, 6), (64, 70), (200, 270)] {
        member.grant_exactly(granted, 1 << 20);
        member.until("what was granted", |m| m.records.len() >= total).await;
        // An answer that comes later than any record the thread might still hold.
        member.commit_and_wait().await;
        assert_eq!(member.records.len(), total);
    }
}

#[tokio::test]
async fn no_more_bytes_come_than_were_granted_but_an_oversized_record_always_comes() {
    let (_mock, writer, mut settings) = start(1);
    settings.max_record_bytes = 5_000;
    for bytes in [1_000, 1_000, 1_000, 9_000, 1_000] {
        writer.send(0, None, Some(&vec![b'x'; bytes]), None);
    }
    writer.flush();
    let mut member = Member::join(&settings);
    member.window = 0;
    member.until("assigned", |m| !m.owned.is_empty()).await;
    member.grant_exactly(100, 2_500);
    member.until("two records", |m| m.records.len() == 2).await;
    member.commit_and_wait().await;
    assert_eq!(member.records.len(), 2, "the third is not covered");
    // Covers the third, and 600 bytes are left for the oversized one.
    member.grant_exactly(0, 1_100);
    member.until("the oversized record", |m| m.records.len() == 4).await;
    member.commit_and_wait().await;
    assert_eq!(member.records.len(), 4, "it used the credit up");
}

#[tokio::test]
async fn every_partition_tells_its_end_behind_its_records_and_again_after_more() {
    let (_mock, writer, settings) = start(3);
    writer.fill(2, 0, 200, 10);
    let mut member = Member::join(&settings);
    member.until("three ends", |m| m.ends.len() == 3).await;
    let mut ends: Vec<_> = member.ends.values().copied().collect();
    ends.sort_unstable();
    assert_eq!(ends, [0, 100, 100]);
    writer.fill(1, 200, 7, 10);
    member.until("the end moved", |m| m.ends.values().any(|end| *end == 107)).await;
    assert_eq!(member.numbers(), (0..207).collect::<Vec<_>>());
}

#[tokio::test]
async fn names_values_and_keys_come_as_they_were_whatever_bytes_they_are() {
    let (_mock, writer, settings) = start(1);
    let headers = || OwnedHeaders::new().insert(rdkafka::message::Header { key: "ok", value: Some("1") });
    writer.send(0, Some(b"\xff\x00"), None, Some(kafka::add_header(headers(), b"\xff\xfe\x80", None)));
    writer.send(0, None, Some(b""), Some(kafka::add_header(headers(), b"", Some(b"\x00\xff"))));
    writer.send(0, Some(b""), Some(b"\xc3\x28"), None);
    writer.flush();
    let mut member = Member::join(&settings);
    member.until("three records", |m| m.records.len() == 3).await;
    let [first, second, third] = [0, 1, 2].map(|i| &member.records[i].payload);
    assert_eq!((first.key(), first.value()), (Some(&b"\xff\x00"[..]), None));
    assert_eq!(first.headers().collect::<Vec<_>>(), [(&b"ok"[..], Some(&b"1"[..])), (b"\xff\xfe\x80", None)]);
    assert_eq!((second.key(), second.value()), (None, Some(&b""[..])));
    assert_eq!(second.headers().nth(1), Some((&b""[..], Some(&b"\x00\xff"[..]))));
    assert_eq!((third.key(), third.value()), (Some(&b""[..]), Some(&b"\xc3\x28"[..])));
    assert_eq!(third.headers().count(), 0);
    assert!(member.records[0].timestamp > 1_600_000_000_000);
}

#[tokio::test]
async fn pauses_lose_nothing_repeat_nothing_and_end_within_a_tenth_of_a_second() {
    let (_mock, writer, settings) = start(4);
    writer.fill(4, 0, 8_000, 100);
    let mut member = Member::join(&settings);
    member.window = 0;
    member.until("assigned", |m| m.owned.len() == 4).await;
    let mut granted = 0;
    for round in 0..20 {
        member.grant_exactly(150, 1 << 20);
        granted += 150;
        member.until("a part", |m| m.records.len() >= granted).await;
        let ids = member.ids();
        member.source.perform(Command::Pause(ids.clone()));
        member.commit_and_wait().await;
        member.source.perform(Command::Resume(ids));
        // The first record after a resume is measured where it is taken, so there must be credit for it.
        member.grant_exactly(1, 1 << 20);
        granted += 1;
        member.until("resumed", |m| m.resumed().len() > round).await;
    }
    member.window = 128;
    member.until("the rest", |m| m.records.len() >= 8_000).await;
    assert_eq!(member.numbers(), (0..8_000).collect::<Vec<_>>());
    let mut times = member.resumed();
    times.sort_unstable();
    println!("resume to first record: p50 {:?}, max {:?}", times[10], times[19]);
    // A plain resume takes most of a second nearly every time; a busy machine takes it now and then.
    assert!(times[16] < Duration::from_millis(100), "{times:?}");
    assert!(member.notes.iter().any(|n| matches!(n, SourceNote::Refetch { bytes } if *bytes > 0)));
}

#[tokio::test]
async fn a_record_behind_a_partition_end_is_not_skipped_by_a_pause() {
    let (_mock, writer, settings) = start(2);
    writer.fill(2, 0, 20, 10);
    let mut member = Member::join(&settings);
    member.until("both ends", |m| m.ends.len() == 2 && m.records.len() == 20).await;
    let ids = member.ids();
    for round in 0..5 {
        member.source.perform(Command::Pause(ids.clone()));
        member.commit_and_wait().await;
        writer.fill(2, 20 + round * 2, 2, 10);
        member.source.perform(Command::Resume(ids.clone()));
        member.until("one more each", |m| m.records.len() as u64 == 22 + round * 2).await;
        member.until("both ends again", |m| m.ends.values().all(|end| *end as u64 == 11 + round)).await;
    }
    assert_eq!(member.numbers(), (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_resume_at_the_end_of_a_partition_is_not_timed_until_the_next_record_happens_to_come() {
    let (_mock, writer, settings) = start(1);
    let mut member = Member::join(&settings);
    member.until("the end", |m| m.ends.len() == 1).await;
    member.source.perform(Command::Pause(member.ids()));
    member.source.perform(Command::Resume(member.ids()));
    member.until("the end again", |m| m.ends_told == 2).await;
    writer.fill(1, 0, 1, 10);
    member.until("a record", |m| m.records.len() == 1).await;
    member.commit_and_wait().await;
    assert!(member.resumed().is_empty());
}

#[tokio::test]
async fn a_repair_moves_nothing() {
    let (_mock, writer, settings) = start(1);
    writer.fill(1, 0, 3_000, 100);
    let mut member = Member::join(&settings);
    member.window = 0;
    member.until("assigned", |m| m.owned.len() == 1).await;
    let id = member.ids()[0];
    // Before anything was read, in the middle, and at the end.
    member.source.perform(Command::Repair(id));
    member.grant_exactly(500, 1 << 20);
    member.until("500", |m| m.records.len() == 500).await;
    member.source.perform(Command::Repair(id));
    member.window = 128;
    member.until("the end", |m| m.ends.get(&id) == Some(&3_000)).await;
    member.source.perform(Command::Repair(id));
    writer.fill(1, 3_000, 1, 100);
    member.until("one more", |m| m.records.len() == 3_001).await;
    assert_eq!(member.numbers(), (0..3_001).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_revoke_waits_for_its_release_and_the_next_owner_goes_on_where_the_commit_was() {
    let (mock, writer, settings) = start(4);
    writer.fill(4, 0, 400, 10);
    let mut first = Member::join(&settings);
    first.until("all", |m| m.records.len() == 400 && m.ends.len() == 4).await;
    // Here and not in the revoke: the mock refuses commits while members join, which a real broker does not.
    first.commit_applied().await;
    first.releases = false;
    let mut second = Member::join(&settings);
    Member::until_both(&mut first, &mut second, "a revoke", |a, _| !a.revoked.is_empty()).await;
    let (revoked, lost) = first.revoked[0].clone();
    assert!(!lost && revoked.len() == 2, "{revoked:?}");
    // Polling goes on meanwhile: commits are answered, nothing goes to the other.
    assert_eq!(first.commit_and_wait().await.len(), 4);
    assert!(second.owned.is_empty());
    first.releases = true;
    first.release();
    Member::until_both(&mut first, &mut second, "two each", |a, b| a.owned.len() == 2 && b.owned.len() == 2).await;
    writer.fill(4, 400, 40, 10);
    Member::until_both(&mut first, &mut second, "the rest", |a, b| a.records.len() + b.records.len() >= 440).await;
    let mut numbers = [first.numbers(), second.numbers()].concat();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..440).collect::<Vec<_>>(), "nothing twice, nothing missing");
    Member::until_both(&mut first, &mut second, "ends", |a, b| {
        [a, b].iter().all(|m| m.ends.values().all(|e| *e == 110))
    })
    .await;
    first.commit_applied().await;
    second.commit_applied().await;
    assert_eq!(committed(&mock.brokers(), &settings.group_id, TOPIC, 4), [Some(110); 4]);
}

#[tokio::test]
async fn a_rebalance_at_the_end_of_a_partition_skips_nothing_and_does_not_hold_the_next_record() {
    let (_mock, writer, settings) = start(4);
    writer.fill(4, 0, 40, 10);
    let mut first = Member::join(&settings);
    first.until("four ends", |m| m.ends.len() == 4).await;
    first.commit_applied().await;
    let mut second = Member::join(&settings);
    Member::until_both(&mut first, &mut second, "two each", |a, b| a.owned.len() == 2 && b.owned.len() == 2).await;
    writer.fill(4, 40, 4, 10);
    Member::until_both(&mut first, &mut second, "one more each", |a, b| a.records.len() + b.records.len() >= 44).await;
    let mut numbers = [first.numbers(), second.numbers()].concat();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..44).collect::<Vec<_>>(), "first: {}\nsecond: {}", first.story(), second.story());
}

#[tokio::test]
async fn a_partition_that_went_paused_comes_back_flowing_and_one_that_stayed_stays_paused() {
    let (_mock, writer, settings) = start(2);
    let mut first = Member::join(&settings);
    first.until("both", |m| m.ends.len() == 2).await;
    let ids = first.ids();
    first.source.perform(Command::Pause(ids.clone()));
    let mut second = Member::join(&settings);
    Member::until_both(&mut first, &mut second, "one each", |a, b| a.owned.len() == 1 && b.owned.len() == 1).await;
    let stayed = first.ids()[0];
    second.leave().await;
    first.until("both again", |m| m.owned.len() == 2).await;
    let back = *ids.iter().find(|id| **id != stayed).unwrap();
    writer.fill(2, 0, 2, 10);
    first.until("the one that came back flows", |m| m.records.iter().any(|r| r.partition == back)).await;
    first.commit_and_wait().await;
    assert!(first.records.iter().all(|r| r.partition == back), "the other is still paused");
    first.source.perform(Command::Resume(vec![stayed]));
    first.until("both flow", |m| m.records.len() == 2).await;
}

#[tokio::test]
async fn a_commit_s_fate_is_told_partition_by_partition() {
    let (mock, writer, settings) = start(2);
    writer.fill(2, 0, 20, 10);
    let mut member = Member::join(&settings);
    member.until("20", |m| m.records.len() == 20).await;
    let rebalance = RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    let errors = [
        (vec![RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE], "OFFSET_METADATA_TOO_LARGE"),
        // Longer than anybody is patient.
        (vec![rebalance; 1_000], "REBALANCE_IN_PROGRESS"),
    ];
    for (errors, name) in errors {
        mock.cluster().request_errors(RDKafkaApiKey::OffsetCommit, &errors);
        let results = member.commit_and_wait().await;
        assert_eq!(results.len(), 2);
        assert!(results.iter().all(|r| r.outcome == CommitOutcome::Failed(name.to_owned())), "{results:?}");
        mock.cluster().clear_request_errors(RDKafkaApiKey::OffsetCommit);
    }
    member.commit_applied().await;
    // The first is tried again by the client itself, the others by us.
    let again = RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
    mock.cluster().request_errors(RDKafkaApiKey::OffsetCommit, &[again, rebalance, rebalance]);
    member.commit_applied().await;
}

#[tokio::test]
async fn a_member_the_group_does_not_know_loses_its_partitions_and_gets_them_anew() {
    let (mock, writer, settings) = start(2);
    writer.fill(2, 0, 20, 10);
    let mut member = Member::join(&settings);
    member.until("20", |m| m.records.len() == 20).await;
    let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    mock.cluster().request_errors(RDKafkaApiKey::OffsetCommit, &[unknown]);
    let results = member.commit_and_wait().await;
    let over = CommitOutcome::EpochOver("UNKNOWN_MEMBER_ID".to_owned());
    assert!(results.iter().all(|r| r.outcome == over), "{results:?}");
    member.until("lost", |m| m.revoked.iter().any(|(ids, lost)| *lost && ids.len() == 2)).await;
    member.until("read again", |m| m.records.len() == 40).await;
}

#[tokio::test]
async fn a_revoke_that_turns_into_a_loss_is_told_as_one() {
    let (mock, _writer, settings) = start(4);
    let mut first = Member::join(&settings);
    first.until("all", |m| m.ends.len() == 4).await;
    first.releases = false;
    let mut second = Member::join(&settings);
    Member::until_both(&mut first, &mut second, "a revoke", |a, _| !a.revoked.is_empty()).await;
    let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    mock.cluster().request_errors(RDKafkaApiKey::OffsetCommit, &[unknown]);
    first.commit();
    let revoked = first.revoked[0].0.clone();
    Member::until_both(&mut first, &mut second, "the loss", |a, _| {
        a.revoked.iter().any(|(ids, lost)| *lost && *ids == revoked)
    })
    .await;
    first.releases = true;
    Member::until_both(&mut first, &mut second, "two each", |a, b| a.owned.len() == 2 && b.owned.len() == 2).await;
}

#[tokio::test]
async fn a_commit_for_what_is_not_ours_is_answered_without_asking() {
    let (_mock, _writer, settings) = start(1);
    let mut member = Member::join(&settings);
    member.until("assigned", |m| m.ends.len() == 1).await;
    member.next.insert(PartitionId(77), 5);
    let results = member.commit_and_wait().await;
    let over = CommitOutcome::EpochOver("NOT_ASSIGNED".to_owned());
    assert_eq!(results.iter().find(|r| r.partition == PartitionId(77)).unwrap().outcome, over);
    assert!(results.iter().any(|r| r.outcome == CommitOutcome::Applied));
}

#[tokio::test]
async fn leaving_with_the_brokers_away_and_a_commit_pending_ends_in_bound() {
    let (mock, writer, mut settings) = start(1);
    settings.session_timeout = Duration::from_secs(45);
    writer.fill(1, 0, 10, 10);
    let mut member = Member::join(&settings);
    member.until("10", |m| m.records.len() == 10).await;
    mock.cluster().broker_down(-1).unwrap();
    member.commit();
    let started = Instant::now();
    member.leave().await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[tokio::test]
async fn without_manual_commit_what_is_handed_over_is_committed_by_the_client() {
    let (mock, writer, mut settings) = start(2);
    settings.manual_commit = false;
    writer.fill(2, 0, 100, 10);
    let mut member = Member::join(&settings);
    member.window = 0;
    member.until("assigned", |m| m.owned.len() == 2).await;
    member.grant_exactly(30, 1 << 20);
    member.until("30", |m| m.records.len() == 30).await;
    let expected: i64 = 30;
    let started = Instant::now();
    loop {
        let sum: i64 = committed(&mock.brokers(), &settings.group_id, TOPIC, 2).into_iter().flatten().sum();
        assert!(sum <= expected, "more than was handed over");
        if sum == expected {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "never committed: {sum}");
        member.run_for(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn lag_does_not_freeze_while_nothing_is_read() {
    let (_mock, writer, settings) = start(1);
    writer.fill(1, 0, 10, 10);
    let mut member = Member::join(&settings);
    member.until("10", |m| m.records.len() == 10).await;
    let id = member.ids()[0];
    member.until("the end is told", |m| m.progress.get(&id).is_some_and(|p| p.end == Some(10))).await;
    member.source.perform(Command::Pause(vec![id]));
    writer.fill(1, 10, 90, 10);
    member.until("the new end is told", |m| m.progress.get(&id).is_some_and(|p| p.end == Some(100))).await;
    let progress = member.progress[&id];
    assert!(progress.leader_answers);
    assert_eq!(progress.position, Some(10));
}

#[tokio::test]
async fn a_leader_that_is_away_is_told_and_is_no_fault_of_the_thread() {
    let (mock, writer, mut settings) = start(1);
    // Long enough not to be lost first.
    settings.session_timeout = Duration::from_secs(45);
    writer.fill(1, 0, 10, 10);
    let mut member = Member::join(&settings);
    member.until("10", |m| m.records.len() == 10).await;
    let id = member.ids()[0];
    member.until("it answers", |m| m.progress.get(&id).is_some_and(|p| p.leader_answers)).await;
    mock.cluster().broker_down(-1).unwrap();
    member.until("it does not", |m| m.progress.get(&id).is_some_and(|p| !p.leader_answers)).await;
    assert!(member.source.heartbeat().age() < Duration::from_secs(1));
    assert!(member.notes.iter().any(|n| matches!(n, SourceNote::ClientError { .. })));
}

#[tokio::test]
async fn the_newer_group_protocol_works_too() {
    let (_mock, writer, settings) = start(4);
    let settings = with(settings, "group.protocol", "consumer");
    writer.fill(4, 0, 400, 10);
    let mut first = Member::join(&settings);
    first.until("all", |m| m.records.len() == 400 && m.ends.len() == 4).await;
    first.commit_applied().await;
    let mut second = Member::join(&settings);
    Member::until_both(&mut first, &mut second, "two each", |a, b| a.owned.len() == 2 && b.owned.len() == 2).await;
    writer.fill(4, 400, 40, 10);
    Member::until_both(&mut first, &mut second, "the rest", |a, b| a.records.len() + b.records.len() >= 440).await;
    let mut numbers = [first.numbers(), second.numbers()].concat();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..440).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_eager_protocol_works_too() {
    let (_mock, writer, settings) = start(4);
    let settings = with(settings, "partition.assignment.strategy", "range");
    writer.fill(4, 0, 400, 10);
    let mut first = Member::join(&settings);
    first.until("all", |m| m.records.len() == 400 && m.ends.len() == 4).await;
    first.commit_applied().await;
    let mut second = Member::join(&settings);
    Member::until_both(&mut first, &mut second, "two each", |a, b| a.owned.len() == 2 && b.owned.len() == 2).await;
    writer.fill(4, 400, 40, 10);
    Member::until_both(&mut first, &mut second, "the rest", |a, b| a.records.len() + b.records.len() >= 440).await;
}

#[tokio::test]
async fn a_fenced_static_member_is_beyond_repair() {
    let (mock, _writer, mut settings) = start(1);
    settings.group_instance_id = Some("pod-0".to_owned());
    let mut member = Member::join(&settings);
    member.until("assigned", |m| m.ends.len() == 1).await;
    let fenced = RDKafkaRespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    mock.cluster().request_errors(RDKafkaApiKey::Heartbeat, &[fenced]);
    let fatal = async {
        loop {
            if let SourceEvent::Fatal(text) = member.source.next().await {
                return text;
            }
        }
    };
    let text = tokio::time::timeout(PATIENCE, fatal).await.unwrap();
    assert!(text.contains("FENCED_INSTANCE_ID"), "{text}");
}

fn letter(number: i64, value: Option<&[u8]>) -> DeadLetter {
    let mut payload = PayloadBuilder::with_capacity(Some(b"key"), value, 0);
    payload.header(b"\xff\xfe", Some(b"kept"));
    payload.header(b"null", None);
    let mut record = Record::new(PartitionId(3), 7, number, 1_700_000_000_000, payload.finish());
    record.notes.attempts = 5;
    let detail = Some("no such shape: ".to_owned() + &"ä".repeat(2_000));
    DeadLetter {
        record,
        topic: "source".into(),
        reason: Reason::OutOfAttempts,
        status: Some(500),
        detail: detail.map(Into::into),
    }
}

#[tokio::test]
async fn a_dead_letter_is_the_record_with_its_story_in_headers() {
    let (_mock, _writer, mut settings) = start(1);
    settings.dead_letter_topic = Some(TOPIC.to_owned());
    let sink = KafkaDeadLetters::connect(&settings).unwrap();
    for (number, value) in [(41, Some(&b"value"[..])), (42, None)] {
        let answer = sink.send(letter(number, value)).await;
        let DeadLettered::Acknowledged { letter } = answer else { panic!("{answer:?}") };
        assert_eq!(letter.record.offset, number);
    }
    let mut member = Member::join(&settings);
    member.until("both letters", |m| m.records.len() == 2).await;
    let payload = &member.records[0].payload;
    assert_eq!((payload.key(), payload.value()), (Some(&b"key"[..]), Some(&b"value"[..])));
    assert_eq!(member.records[1].payload.value(), None, "a null value stays null");
    let headers: Vec<_> = payload.headers().collect();
    let expected: [(&[u8], Option<&[u8]>); 9] = [
        (b"\xff\xfe", Some(b"kept")),
        (b"null", None),
        (b"sluicegate-source-topic", Some(b"source")),
        (b"sluicegate-source-partition", Some(b"7")),
        (b"sluicegate-source-offset", Some(b"41")),
        (b"sluicegate-source-timestamp", Some(b"1700000000000")),
        (b"sluicegate-attempts", Some(b"5")),
        (b"sluicegate-reason", Some(b"out_of_attempts")),
        (b"sluicegate-worker-status", Some(b"500")),
    ];
    assert_eq!(headers[..9], expected);
    let (name, detail) = headers[9];
    assert_eq!(name, b"sluicegate-worker-detail");
    assert!(detail.is_some_and(|d| d.len() <= 1024 && d.starts_with(b"no such shape")));
}

#[tokio::test]
async fn a_dead_letter_that_is_not_taken_comes_back() {
    let (mock, _writer, mut settings) = start(1);
    settings.dead_letter_topic = Some(TOPIC.to_owned());
    let sink = KafkaDeadLetters::connect(&settings).unwrap();
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    mock.cluster().request_errors(RDKafkaApiKey::Produce, &[refused]);
    let answer = sink.send(letter(1, Some(b"v"))).await;
    let DeadLettered::Failed { letter: back, error } = answer else { panic!("{answer:?}") };
    assert_eq!(back.record.payload, letter(1, Some(b"v")).record.payload);
    assert!(error.contains("MSG_SIZE_TOO_LARGE"), "{error}");
    let answer = sink.send(back).await;
    assert!(matches!(answer, DeadLettered::Acknowledged { .. }), "{answer:?}");
}

#[tokio::test]
async fn a_source_that_was_never_joined_leaves_too() {
    let (_mock, _writer, settings) = start(1);
    let mut source = KafkaSource::connect(&settings).unwrap();
    source.perform(Command::Leave);
    let left = tokio::time::timeout(PATIENCE, source.next()).await.unwrap();
    assert!(matches!(left, SourceEvent::Engine(Event::Left)), "{left:?}");
}
