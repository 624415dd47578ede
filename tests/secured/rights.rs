//! What one may do: at the start, taken away under way, and given back.

use std::time::Duration;

use crate::{
    acls::Right,
    broker::Door,
    judge::Repeats,
    kafka::read_all,
    protocol::is_new_protocol,
    sidecar::eventually,
    visitor::{Visitor, WITHIN, assert_no_flood, await_held_up, await_ready, complaint},
    worker::{Behaviour, Entry, Reply},
};

/// Topics are asked for so often that a test need not wait for half a minute.
const SOON: (&str, &str) = ("KAFKA_CFG_TOPIC_METADATA_REFRESH_INTERVAL_MS", "500");

/// Nobody who has a right: not ready, whatever else.
const REFUSED: &str = "waiting_for_permission";

#[test]
fn a_topic_that_may_not_be_read_is_named_and_read_once_it_may_be() {
    let mut visitor = Visitor::by(Door::Login, "topic-refused", Behaviour::instant());
    visitor.rights.give(Right::Join(&visitor.stage.group));
    visitor.stage.fill(1_000);
    let mut sidecar = visitor.sidecar(&[SOON]);
    let said = complaint(&sidecar, "TOPIC_AUTHORIZATION_FAILED");
    assert!(said.contains(&visitor.stage.topic) && said.ends_with("is needed"), "{said}");
    await_held_up(&mut sidecar, "joining");
    assert_no_flood(&sidecar);
    visitor.rights.give(Right::Read(&visitor.stage.topic));
    visitor.stage.await_delivered(1_000, WITHIN);
    visitor.stage.await_no_lag(WITHIN);
    await_ready(&sidecar);
    assert!(sidecar.stop().0.success());
    visitor.stage.verdict(Repeats::AtMost(0)).holds();
    println!("a topic that may not be read: {said}; then 1000 delivered");
}

#[test]
fn a_group_that_may_not_be_joined_is_named_and_joined_once_it_may_be() {
    let mut visitor = Visitor::by(Door::Login, "group-refused", Behaviour::instant());
    visitor.rights.give(Right::Read(&visitor.stage.topic));
    visitor.stage.fill(1_000);
    let mut sidecar = visitor.sidecar(&[]);
    let said = complaint(&sidecar, "GROUP_AUTHORIZATION_FAILED");
    assert!(said.ends_with(&format!("READ on the group {} is needed", visitor.stage.group)), "{said}");
    await_held_up(&mut sidecar, "joining");
    await_held_up(&mut sidecar, REFUSED);
    assert_no_flood(&sidecar);
    visitor.rights.give(Right::Join(&visitor.stage.group));
    visitor.stage.await_delivered(1_000, WITHIN);
    visitor.stage.await_no_lag(WITHIN);
    await_ready(&sidecar);
    assert!(sidecar.stop().0.success());
    visitor.stage.verdict(Repeats::AtMost(0)).holds();
    println!("a group that may not be joined: {said}; then 1000 delivered");
}

/// It may still be seen, so that nothing but the refusal says why nothing comes.
#[test]
fn a_topic_that_may_no_longer_be_read_stops_nothing_for_good_and_loses_and_repeats_nothing() {
    let mut visitor = Visitor::by(Door::Login, "topic-taken", Behaviour::instant());
    visitor.allow();
    let topic = visitor.stage.topic.clone();
    visitor.rights.give(Right::Describe(&topic));
    visitor.stage.fill(1_000);
    let mut sidecar = visitor.sidecar(&[("STALL_AFTER", "1s")]);
    visitor.stage.watch_commits();
    visitor.stage.await_no_lag(WITHIN);
    visitor.rights.take(Right::Read(&topic));
    visitor.stage.fill_from(1_000, 1_000);
    let said = complaint(&sidecar, "Fetch from broker");
    assert!(said.contains(&topic) && said.ends_with("READ on the topic is needed"), "{said}");
    eventually("it asks again, for each partition", WITHIN, || {
        let refusals = r#"sluicegate_client_errors_total{code="TOPIC_AUTHORIZATION_FAILED"}"#;
        sidecar.metric(refusals).filter(|count| *count >= 4.0)
    });
    await_held_up(&mut sidecar, REFUSED);
    assert_no_flood(&sidecar);
    visitor.rights.give(Right::Read(&topic));
    visitor.stage.await_delivered(2_000, WITHIN);
    visitor.stage.await_no_lag(WITHIN);
    await_ready(&sidecar);
    // With nothing to read, nothing but the broker's answer to a question says that it may be read again.
    visitor.rights.take(Right::Read(&topic));
    await_held_up(&mut sidecar, REFUSED);
    visitor.rights.give(Right::Read(&topic));
    await_ready(&sidecar);
    assert!(sidecar.events("partition_repaired").is_empty(), "it does not stand for no reason");
    assert!(sidecar.stop().0.success());
    visitor.stage.verdict(Repeats::AtMost(0)).holds();
    println!("a topic that may no longer be read: {said}; then 2000 delivered, 0 twice");
}

/// The client lets go of a topic that it may not even see.
#[test]
fn a_topic_that_may_no_longer_be_seen_is_let_go_and_taken_up_again() {
    let mut visitor = Visitor::by(Door::Login, "topic-hidden", Behaviour::after(Duration::from_millis(5)));
    visitor.allow();
    visitor.stage.fill(2_000);
    let mut sidecar = visitor.sidecar(&[SOON]);
    visitor.stage.watch_commits();
    visitor.stage.await_delivered(200, WITHIN);
    visitor.rights.take(Right::Read(&visitor.stage.topic));
    // Under the newer protocol its partitions stay, to be read once they may be.
    let left = if is_new_protocol() { 2 } else { 0 };
    eventually("it lets go", WITHIN, || (sidecar.partitions() == left).then_some(()));
    await_held_up(&mut sidecar, REFUSED);
    assert_no_flood(&sidecar);
    visitor.rights.give(Right::Read(&visitor.stage.topic));
    visitor.stage.await_delivered(2_000, WITHIN);
    visitor.stage.await_no_lag(WITHIN);
    await_ready(&sidecar);
    assert!(sidecar.stop().0.success());
    let verdict = visitor.stage.verdict(Repeats::AtMost(2_000));
    verdict.holds();
    println!("a topic that may no longer be seen: then 2000 delivered, {} twice", verdict.repeats);
}

#[test]
fn a_group_that_may_no_longer_be_joined_gets_no_commit_and_goes_on_once_it_may_be() {
    let mut visitor = Visitor::by(Door::Login, "group-taken", Behaviour::after(Duration::from_millis(5)));
    visitor.allow();
    let group = visitor.stage.group.clone();
    visitor.stage.fill(1_000);
    let mut sidecar = visitor.sidecar(&[]);
    visitor.stage.watch_commits();
    visitor.stage.await_no_lag(WITHIN);
    let before = visitor.stage.committed();
    visitor.rights.take(Right::Join(&group));
    visitor.stage.fill_from(1_000, 1_000);
    if is_new_protocol() {
        // To the client that is the end.
        assert_eq!(sidecar.wait(WITHIN).0.code(), Some(1));
        assert_eq!(visitor.stage.committed(), before);
        return;
    }
    await_held_up(&mut sidecar, REFUSED);
    // After a session timeout the client is out, and asks to be let in again.
    let said = complaint(&sidecar, "JoinGroup failed");
    assert!(said.ends_with(&format!("READ on the group {group} is needed")), "{said}");
    assert_eq!((sidecar.partitions(), visitor.stage.committed()), (0, before));
    await_held_up(&mut sidecar, REFUSED);
    assert_no_flood(&sidecar);
    visitor.rights.give(Right::Join(&group));
    visitor.stage.await_delivered(2_000, WITHIN);
    visitor.stage.await_no_lag(WITHIN);
    await_ready(&sidecar);
    assert!(sidecar.stop().0.success());
    let verdict = visitor.stage.verdict(Repeats::AtMost(1_000));
    verdict.holds();
    println!("a group that may no longer be joined: {said}; then 2000 delivered, {} twice", verdict.repeats);
}

#[test]
fn a_dead_letter_topic_that_may_not_be_written_is_named_and_not_committed_past() {
    let refuse = |entries: &[Entry]| {
        let poisoned = entries.iter().any(|entry| entry.number() == Some(57));
        if poisoned { Reply::Status(422) } else { Reply::Done }
    };
    let visitor = Visitor::by(Door::Login, "letters-refused", Behaviour::replying(refuse));
    visitor.allow();
    let dead = visitor.stage.dead_letters();
    visitor.stage.fill(1_000);
    let mut sidecar = visitor.sidecar(&[("DLQ_TOPIC", &dead)]);
    await_held_up(&mut sidecar, "dead_letter_held");
    let failed = eventually("it says why", WITHIN, || sidecar.events("dead_letter_failed").pop());
    let said = failed["error"].as_str().unwrap();
    assert!(said.starts_with(&format!("{dead}: TOPIC_AUTHORIZATION_FAILED")), "{said}");
    assert!(said.ends_with("WRITE on it is needed"), "{said}");
    visitor.stage.await_delivered(999, WITHIN);
    let poisoned = visitor.stage.committed()[1];
    assert!(poisoned <= 28, "{poisoned} was committed, past the letter at 28");
    visitor.rights.give(Right::Write(&dead));
    visitor.stage.await_no_lag(WITHIN);
    await_ready(&sidecar);
    assert_eq!(read_all(&visitor.stage.brokers, &dead).len(), 1);
    assert!(sidecar.stop().0.success());
    println!("a dead-letter topic that may not be written: {said}; then 999 delivered, 1 dead letter");
}
