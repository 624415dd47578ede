//! Three brokers: leaders and the group's coordinator move.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::{
    judge::Repeats,
    kafka::client,
    load::Load,
    protocol::is_new_protocol,
    sidecar::{Sidecar, eventually},
    stage::{Place, Stage},
    worker::Behaviour,
};

const WITHIN: Duration = Duration::from_secs(90);

/// Who leads the partition of the offsets topic that the group is kept in: `offsets.topic.num.partitions` is four, and
/// the group's place is Java's hash of its name.
fn coordinator(stage: &Stage) -> i32 {
    let hash = stage.group.bytes().fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
    leader(stage, "__consumer_offsets", (hash & i32::MAX) % 4)
}

fn leader(stage: &Stage, topic: &str, partition: i32) -> i32 {
    let reader: BaseConsumer = client(&stage.brokers).create().unwrap();
    eventually("the partition has a leader", WITHIN, || {
        let metadata = reader.fetch_metadata(Some(topic), Duration::from_secs(5)).ok()?;
        let partitions = metadata.topics().first()?.partitions();
        partitions.iter().find(|p| p.id() == partition).map(|p| p.leader()).filter(|leader| *leader > 0)
    })
}

#[test]
fn the_coordinator_killed_under_load_loses_nothing() {
    kill_in_turn(&["the coordinator"]);
}

#[test]
#[ignore = "three brokers and more than a minute: scripts/chaos"]
fn the_coordinator_and_then_every_leader_killed_under_load_lose_nothing() {
    kill_in_turn(&["the coordinator", "a leader", "the last of the three"]);
}

/// Every node leads two of the six partitions, so the coordinator is a leader too.
fn kill_in_turn(turns: &[&str]) {
    let mut stage = Stage::at(Place::cluster(3), "cluster", 6, Behaviour::after(Duration::from_millis(20)));
    // Longer than a cluster takes to notice that a node is gone and to find the group another coordinator. Under the
    // newer protocol the broker has it just as long.
    let session: &[_] = if is_new_protocol() { &[] } else { &[("KAFKA_CFG_SESSION_TIMEOUT_MS", "60000")] };
    let flags = [&[("QUEUE_WORKERS", "4"), ("COMMIT_INTERVAL_MS", "200")], session].concat();
    let members = [stage.sidecar("first", &flags), stage.sidecar("second", &flags)];
    let load = Load::start(&stage, 0, 2_000);
    stage.watch_commits();
    // A coordinator that dies while the group takes shape loses who is in it.
    eventually("both have their share", WITHIN, || members.iter().all(|one| one.partitions() == 3).then_some(()));
    stage.await_more(2_000, WITHIN);
    let start = Instant::now();
    let mut dead = Vec::new();
    for turn in turns {
        // Two of three always run.
        if let Some(before) = dead.last() {
            stage.kafka().start_node(*before);
        }
        let victim = match *turn {
            "the coordinator" => coordinator(&stage),
            "a leader" => (0..6).map(|n| leader(&stage, &stage.topic, n)).find(|node| !dead.contains(node)).unwrap(),
            _ => (1..=3).find(|node| !dead.contains(node)).unwrap(),
        };
        dead.push(victim);
        stage.kafka().kill_node(victim);
        let delivered = stage.await_more(2_000, WITHIN);
        let committed: i64 = stage.committed().iter().sum();
        eventually("commits go on", WITHIN, || (stage.committed().iter().sum::<i64>() > committed).then_some(()));
        println!("{turn}, node {victim}, killed: {delivered} delivered before");
    }
    let records = load.stop();
    stage.await_no_lag(WITHIN);
    // On a machine too busy to find another coordinator within the session, members are dropped, and what they had not
    // committed comes again.
    let lost = members.iter().filter_map(|one| one.metric(r#"sluicegate_rebalances_total{kind="lost"}"#)).sum::<f64>();
    let verdict = stage.verdict(Repeats::AtMost(if lost > 0.0 { u64::MAX } else { 0 }));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (records, records));
    println!(
        "of three nodes {} killed in turn ({:.0} s): 0 of {records} missing, {} duplicates, {lost} assignments lost",
        turns.len(),
        start.elapsed().as_secs_f64(),
        verdict.repeats
    );
    members.into_iter().for_each(|member: Sidecar| assert!(member.stop().0.success()));
}
