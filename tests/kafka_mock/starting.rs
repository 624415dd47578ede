//! Where an assignment starts: the group's committed offset, with what stands beside it.

use std::time::{Duration, Instant};

use rdkafka::{
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    topic_partition_list::{Offset, TopicPartitionList},
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use sluicegate::{
    engine::event::{Command, Committed, Event},
    kafka::{KafkaSource, settings::KafkaSettings},
    runtime::{Source as _, SourceEvent, SourceNote},
};

use crate::{
    TOPIC,
    kafka::{
        client,
        member::{Member, PATIENCE},
        mock::Mock,
        watermarks,
    },
    start,
};

/// Commits as somebody else would.
fn commit(brokers: &str, group: &str, offset: i64, metadata: &[u8]) {
    let other: BaseConsumer = client(brokers).set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    let mut element = list.add_partition(TOPIC, 0);
    element.set_offset(Offset::Offset(offset)).unwrap();
    // SAFETY: the text is only copied as bytes. There is no safe way to commit what is no text.
    element.set_metadata(unsafe { std::str::from_utf8_unchecked(metadata) });
    other.commit(&list, CommitMode::Sync).unwrap();
}

fn starts(member: &Member) -> Vec<Option<(i64, &str)>> {
    member.starts.values().map(|start| start.as_ref().map(|kept| (kept.offset, &*kept.metadata))).collect()
}

#[tokio::test]
async fn what_stands_beside_a_committed_offset_is_there_at_the_next_assignment() {
    let (_mock, writer, settings) = start(2);
    writer.fill(2, 0, 20, 10);
    let mut member = Member::join(&settings);
    member.until("20", |m| m.records.len() == 20).await;
    assert_eq!(starts(&member), [None, None], "nothing was ever committed");
    member.metadata = format!("sg1:{}", "A".repeat(3_896));
    member.commit_applied().await;
    let metadata = member.metadata.clone();
    member.leave().await;

    let mut next = Member::join(&settings);
    next.until("assigned", |m| m.owned.len() == 2).await;
    assert_eq!(starts(&next), [Some((10, &*metadata)), Some((10, &*metadata))]);
    writer.fill(2, 10, 2, 10);
    next.until("what is new", |m| m.records.len() == 2).await;
    assert!(next.records.iter().all(|record| record.offset == 10), "read from there on");
}

#[tokio::test]
async fn metadata_that_is_no_text_is_somebody_elses() {
    let (mock, writer, settings) = start(1);
    writer.fill(1, 0, 20, 10);
    commit(&mock.brokers(), &settings.group_id, 7, &[0xff, 0xfe, 0]);
    let mut member = Member::join(&settings);
    member.until("the rest", |m| m.records.len() == 13).await;
    assert_eq!(member.starts.values().next(), Some(&Some(Committed { offset: 7, metadata: "".into() })));
}

#[tokio::test]
async fn an_assignment_whose_start_nobody_tells_is_taken_all_the_same() {
    let (mock, writer, settings) = start(1);
    writer.fill(1, 0, 20, 10);
    commit(&mock.brokers(), &settings.group_id, 7, b"sg1:AAAA");
    // The first question is ours, and it is answered with something that asking again does not help.
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    mock.cluster().request_errors(RDKafkaApiKey::OffsetFetch, &[denied]);
    let began = Instant::now();
    let mut member = Member::join(&settings);
    member.until("the rest", |m| m.records.len() == 13).await;
    assert_eq!(starts(&member), [None]);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn leaving_while_the_start_is_looked_up_takes_no_longer() {
    let (mock, writer, settings) = start(1);
    writer.fill(1, 0, 20, 10);
    let loading = RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
    mock.cluster().request_errors(RDKafkaApiKey::OffsetFetch, &[loading; 1_000]);
    let mut member = Member::join(&settings);
    member.run_for(Duration::from_millis(800)).await;
    assert!(member.owned.is_empty(), "the coordinator does not tell yet");
    let began = Instant::now();
    member.leave().await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

/// What a member says that is not to choose where it starts.
async fn ends_with(mut settings: KafkaSettings) -> String {
    settings.offset_reset = "error".to_owned();
    let mut source = KafkaSource::connect(&settings).unwrap();
    source.join();
    source.perform(Command::Grant { records: 10, bytes: 1 << 20 });
    fatal(&mut source).await
}

/// The word it ends with. It may have read nothing before.
async fn fatal(source: &mut KafkaSource) -> String {
    let fatal = async {
        loop {
            match source.next().await {
                SourceEvent::Fatal(text) => return text,
                SourceEvent::Engine(Event::Polled { records, .. }) => assert!(records.is_empty(), "{records:?}"),
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, fatal).await.unwrap()
}

#[tokio::test]
async fn with_nothing_committed_and_no_leave_to_choose_it_ends_and_says_what_to_do() {
    let (_mock, writer, settings) = start(1);
    writer.fill(1, 0, 20, 10);
    let text = ends_with(settings).await;
    assert!(text.contains("no valid offset for t [0], and KAFKA_OFFSET_RESET=error"), "{text}");
    assert!(text.contains("earliest or latest"), "{text}");
}

#[tokio::test]
async fn a_committed_offset_that_retention_has_passed_ends_it_too_when_it_may_not_choose() {
    let (mock, writer, settings) = start(1);
    // The mock keeps five MiB of a partition.
    writer.fill(1, 0, 140, 60_000);
    assert!(watermarks(&mock.brokers(), TOPIC, 0).0 > 3);
    commit(&mock.brokers(), &settings.group_id, 3, b"");
    let text = ends_with(settings).await;
    assert!(text.contains("no valid offset for t [0], and KAFKA_OFFSET_RESET=error"), "{text}");
}

#[tokio::test]
async fn that_no_offset_is_valid_is_heard_though_everything_is_paused_before_it_is_read() {
    let (mock, writer, mut settings) = start(1);
    writer.fill(1, 0, 140, 60_000);
    commit(&mock.brokers(), &settings.group_id, 3, b"");
    settings.offset_reset = "error".to_owned();
    let mut member = Member::join(&settings);
    // Without credit, what the client says waits in the queue.
    member.window = 0;
    member.until("assigned", |m| m.owned.len() == 1).await;
    member.run_for(Duration::from_secs(1)).await;
    let ids = member.ids();
    member.source.perform(Command::Pause(ids));
    let text = fatal(&mut member.source).await;
    assert!(text.contains("no valid offset for t [0], and KAFKA_OFFSET_RESET=error"), "{text}");
}

/// A member of a group whose offsets neither we nor the client were told: the client lets such a partition lie, and
/// takes no seek either. Then it is repaired, as the engine does with one that stands.
async fn let_lie(mut settings: KafkaSettings, mock: &Mock, policy: &str) -> Member {
    settings.offset_reset = policy.to_owned();
    commit(&mock.brokers(), &settings.group_id, 7, b"");
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    mock.cluster().request_errors(RDKafkaApiKey::OffsetFetch, &[denied; 2]);
    let mut member = Member::join(&settings);
    let is_refusal = |n: &SourceNote| matches!(n, SourceNote::ClientError { text, .. } if text.contains("committed"));
    member.until("the client was not told either", |m| m.notes.iter().any(is_refusal)).await;
    let ids = member.ids();
    member.source.perform(Command::Repair(ids[0]));
    member
}

#[tokio::test]
async fn a_partition_the_client_lets_lie_ends_it_when_it_may_not_choose() {
    let (mock, writer, settings) = start(1);
    writer.fill(1, 0, 20, 10);
    let mut member = let_lie(settings, &mock, "error").await;
    let text = fatal(&mut member.source).await;
    assert!(text.contains("KAFKA_OFFSET_RESET=error (the client has stopped reading it)"), "{text}");
}

#[tokio::test]
async fn a_partition_the_client_lets_lie_is_told_once_when_it_may_choose() {
    let (mock, writer, settings) = start(1);
    writer.fill(1, 0, 20, 10);
    let mut member = let_lie(settings, &mock, "earliest").await;
    let is_seek = |n: &&SourceNote| matches!(n, SourceNote::ClientError { code, .. } if code == "SEEK");
    member.until("it is told", |m| m.notes.iter().find(is_seek).is_some()).await;
    let (note, polls) = (format!("{:?}", member.notes.iter().find(is_seek)), member.polls);
    assert!(note.contains("t [0]: seek: "), "{note}");
    member.until("more attempts", |m| m.polls > polls + 2_000).await;
    assert_eq!(member.notes.iter().filter(is_seek).count(), 1);
}
