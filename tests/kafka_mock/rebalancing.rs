//! Partitions coming and going, under each protocol.

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use sluicegate::kafka::settings::{GroupProtocol, KafkaSettings};

use crate::{
    TOPIC,
    kafka::{committed, member::Member, with},
    start,
};

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
async fn the_newer_group_protocol_works_too() {
    let (_mock, writer, settings) = start(4);
    let settings = KafkaSettings { group_protocol: GroupProtocol::Consumer, ..settings };
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
