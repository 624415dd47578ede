//! How it stands: progress, a leader that is away, being fenced, leaving.

use std::time::{Duration, Instant};

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use sluicegate::{
    engine::event::{Command, Event},
    kafka::KafkaSource,
    runtime::{Source as _, SourceEvent, SourceNote},
};

use crate::{
    kafka::member::{Member, PATIENCE},
    start,
};

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

#[tokio::test]
async fn a_source_that_was_never_joined_leaves_too() {
    let (_mock, _writer, settings) = start(1);
    let mut source = KafkaSource::connect(&settings).unwrap();
    source.perform(Command::Leave);
    let left = async {
        // It may have told of its pulse before.
        while !matches!(source.next().await, SourceEvent::Engine(Event::Left)) {}
    };
    tokio::time::timeout(PATIENCE, left).await.unwrap();
}

#[tokio::test]
async fn a_refused_partition_at_its_end_is_heard_again_though_a_fetch_takes_seconds() {
    let (mock, writer, mut settings) = start(1);
    settings.fetch_max_wait = Duration::from_secs(3);
    writer.fill(1, 0, 10, 10);
    let mut member = Member::join(&settings);
    member.until("the end", |m| m.records.len() == 10 && m.ends.len() == 1).await;
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    mock.cluster().request_errors(RDKafkaApiKey::Fetch, &[denied]);
    let told = |m: &Member| m.notes.iter().rposition(|n| matches!(n, SourceNote::Refused(_)));
    member.until("it is refused", |m| told(m).is_some_and(|at| matches!(m.notes[at], SourceNote::Refused(true)))).await;
    let ends = member.ends_told;
    member.until("its end again", |m| m.ends_told > ends).await;
    member.until("it is not", |m| told(m).is_some_and(|at| matches!(m.notes[at], SourceNote::Refused(false)))).await;
}

#[tokio::test]
async fn a_group_that_refuses_an_idle_member_for_less_than_a_session_does_not_hold_it_up_for_good() {
    let (mock, _writer, settings) = start(1);
    // What sets the mark is the client's own question, after ours was refused too.
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    mock.cluster().request_errors(RDKafkaApiKey::OffsetFetch, &[denied; 2]);
    let mut member = Member::join(&settings);
    let has =
        |m: &Member, refused: bool| m.notes.iter().any(|n| matches!(n, SourceNote::Refused(told) if *told == refused));
    member.until("it is refused", |m| has(m, true)).await;
    member.until("it is not", |m| has(m, false)).await;
    assert!(member.committed.is_empty() && member.revoked.is_empty());
}
