//! What becomes of commits.

use std::time::{Duration, Instant};

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use sluicegate::{
    engine::event::{Command, CommitOutcome},
    record::PartitionId,
    runtime::Source as _,
};

use crate::{
    TOPIC,
    kafka::{
        committed,
        member::{Member, PATIENCE},
    },
    start,
};

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
async fn what_the_group_has_is_read_back() {
    let (_mock, writer, settings) = start(2);
    writer.fill(2, 0, 20, 10);
    let mut member = Member::join(&settings);
    member.until("20", |m| m.records.len() == 20).await;
    member.commit_applied().await;
    let ids = member.ids();
    member.source.perform(Command::ReadCommitted(ids.clone()));
    member.until("an answer", |m| !m.read_back.is_empty()).await;
    assert_eq!(member.read_back, ids.into_iter().map(|id| (id, Some(10))).collect::<Vec<_>>());
}
