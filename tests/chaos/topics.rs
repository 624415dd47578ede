//! What happens to topics: more partitions, deleted and made again, cut off by retention, transactions, compaction.

use std::time::Duration;

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewPartitions},
    client::DefaultClientContext,
    producer::{BaseProducer, BaseRecord, Producer as _},
    topic_partition_list::{Offset, TopicPartitionList},
};

use crate::{
    judge::{Happening, Repeats},
    kafka::{Writer, client, unique, watermarks},
    protocol::{is_new_protocol, lasting_name},
    sidecar::eventually,
    stage::{self, Stage},
    worker::Behaviour,
};

const WITHIN: Duration = Duration::from_secs(60);
/// So that what is new is seen soon.
const REFRESH: (&str, &str) = ("KAFKA_CFG_TOPIC_METADATA_REFRESH_INTERVAL_MS", "500");

/// Does something with an administrator.
fn administer<T>(stage: &Stage, act: impl AsyncFnOnce(&AdminClient<DefaultClientContext>, &AdminOptions) -> T) -> T {
    let admin: AdminClient<DefaultClientContext> = client(&stage.brokers).create().unwrap();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(act(&admin, &options))
}

/// Records numbered from zero in another topic of two partitions, or in one of another life.
fn fill(stage: &Stage, topic: &str, records: u64) {
    let writer = Writer::new(&stage.brokers, topic);
    (0..records).for_each(|number| stage::write(&writer, 2, number));
    writer.flush();
}

#[test]
fn partitions_that_are_added_are_read_from_their_beginning() {
    let mut stage = Stage::new("more-partitions", 2, Behaviour::instant());
    let sidecar = stage.sidecar("only", &[REFRESH]);
    stage.fill(1_000);
    stage.await_no_lag(WITHIN);
    let results = administer(&stage, async |admin, options| {
        admin.create_partitions([&NewPartitions::new(&stage.topic, 6)], options).await.unwrap()
    });
    assert!(results.into_iter().all(|result| result.is_ok()));
    stage.has_partitions(6);
    // Into the new ones before the sidecar can know of them.
    stage.fill_from(1_000, 1_200);
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (2_200, 2_200));
    println!("partitions added under way: 2200 of 2200 delivered, 0 twice");
    assert!(sidecar.stop().0.success());
}

#[test]
fn a_topic_deleted_and_made_again_is_read_from_its_new_beginning_and_holds_up_no_other() {
    let stage = Stage::new("made-again", 2, Behaviour::instant());
    let other = stage.another_topic("other", 2);
    let both = format!("{},{other}", stage.topic);
    let sidecar = stage.sidecar("only", &[REFRESH, ("KAFKA_TOPICS", &both)]);
    let of = |topic: &str| -> usize {
        let books = stage.worker.books();
        (0..2)
            .filter_map(|p| books.succeeded.get(&(topic.to_owned(), p)))
            .map(|seen| seen.values().sum::<u32>() as usize)
            .sum()
    };
    stage.fill(1_000);
    stage.await_no_lag(WITHIN);
    administer(&stage, async |admin, options| admin.delete_topics(&[&stage.topic], options).await.unwrap());
    fill(&stage, &other, 500);
    eventually("the other topic goes on", WITHIN, || (of(&other) == 500).then_some(()));
    stage.create_again();
    fill(&stage, &stage.topic, 600);
    // At least the 600 of the new topic, whose offsets are those of the first 600 of the old.
    eventually("the new topic is read from its beginning", WITHIN, || (of(&stage.topic) >= 1_600).then_some(()));
    eventually("and committed to its end", WITHIN, || (stage.committed() == [300, 300]).then_some(()));
    assert_eq!(sidecar.get("/livez").unwrap().0, 200);
    println!("a topic deleted and made again: its 600 new records delivered, the other topic never stopped");
    assert!(sidecar.stop().0.success());
}

#[test]
fn a_topic_that_is_missing_holds_up_no_other_and_is_read_once_it_is_there() {
    let mut stage = Stage::new("missing", 2, Behaviour::instant());
    let missing = format!("{}-later", stage.topic);
    let both = format!("{},{missing}", stage.topic);
    let sidecar = stage.sidecar("only", &[REFRESH, ("KAFKA_TOPICS", &both)]);
    stage.fill(1_000);
    stage.await_no_lag(WITHIN);
    // Under the newer protocol the broker works out what there is, and says nothing of what there is not.
    assert!(is_new_protocol() || !sidecar.events("client_error").is_empty(), "it is said");
    assert_eq!(stage.another_topic("later", 2), missing);
    fill(&stage, &missing, 500);
    stage.await_delivered(1_500, WITHIN);
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    println!("one of two topics missing: the other flows, and so does this one once it is there");
    assert!(sidecar.stop().0.success());
}

#[test]
fn retention_that_passes_the_frontier_costs_what_it_deleted_and_nothing_else() {
    let mut stage = Stage::new("retention", 1, Behaviour::after(Duration::from_millis(20)));
    stage.fill(20_000);
    let flags = [("PREFETCH_MAX_BYTES", "64KiB"), ("QUEUE_MAXSIZE", "64"), ("MAX_UNCOMMITTED_SPAN", "256")];
    let sidecar = stage.sidecar("before", &flags);
    stage.await_delivered(200, WITHIN);
    sidecar.kill();
    stage.killed();
    let gone = 10_000;
    delete_records(&stage, gone);
    assert_eq!(watermarks(&stage.brokers, &stage.topic, 0).0, gone);
    stage.history.add(Happening::Removed { partition: 0, before: gone });
    stage.worker.behave(Behaviour::instant());
    let committed = stage.committed()[0];
    let sidecar = stage.sidecar("after", &flags);
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(Repeats::Uncommitted);
    verdict.holds();
    let told = eventually("what is gone is told", WITHIN, || sidecar.metric(GONE).filter(|gone| *gone > 0.0));
    assert_eq!(told, (gone - committed) as f64, "from the committed offset on");
    println!(
        "retention passes the frontier: {} of 20000 delivered, {told} told as gone, none of the others missing",
        verdict.done
    );
    assert!(sidecar.stop().0.success());
}

const GONE: &str = "sluicegate_gone_records_total";

#[test]
fn retention_that_overtakes_a_slow_reader_is_told_as_it_happens() {
    let mut stage = Stage::new("overtaken", 1, Behaviour::after(Duration::from_millis(50)));
    stage.fill(20_000);
    let flags = [("PREFETCH_MAX_BYTES", "64KiB"), ("QUEUE_MAXSIZE", "64"), ("QUEUE_WORKERS", "1"), ("BATCH_SIZE", "8")];
    let sidecar = stage.sidecar("only", &flags);
    stage.await_delivered(100, WITHIN);
    let before = 15_000;
    delete_records(&stage, before);
    stage.history.add(Happening::Removed { partition: 0, before });
    stage.worker.behave(Behaviour::instant());
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    let told = eventually("what is gone is told", WITHIN, || sidecar.metric(GONE).filter(|gone| *gone > 0.0));
    assert_eq!(verdict.done + told as u64, 20_000, "delivered or told");
    println!("retention overtakes a reader: {} delivered, {told} told as gone", verdict.done);
    assert!(sidecar.stop().0.success());
}

fn delete_records(stage: &Stage, before: i64) {
    administer(stage, async |admin, options| {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&stage.topic, 0, Offset::Offset(before)).unwrap();
        admin.delete_records(&list, options).await.unwrap()
    });
}

#[test]
fn what_a_transaction_aborted_is_never_delivered_across_a_kill() {
    let mut stage = Stage::new("aborted", 2, Behaviour::after(Duration::from_millis(5)));
    let producer: BaseProducer = client(&stage.brokers).set("transactional.id", unique("tx")).create().unwrap();
    let within = Duration::from_secs(20);
    producer.init_transactions(within).unwrap();
    let mut offsets = [0_i64; 2];
    for transaction in 0..40_u64 {
        let aborts = transaction % 3 == 1;
        producer.begin_transaction().unwrap();
        for number in transaction * 100..(transaction + 1) * 100 {
            let (partition, value) = ((number % 2) as usize, format!(r#"{{"n":{number}}}"#));
            let record = BaseRecord::<(), str>::to(&stage.topic).partition(partition as i32).payload(&value);
            producer.send(record).unwrap();
            let place = (partition as i32, offsets[partition]);
            offsets[partition] += 1;
            stage.history.add(match aborts {
                true => Happening::Aborted { number },
                false => Happening::Produced { place, number, deadline_ms: None },
            });
        }
        producer.flush(within).unwrap();
        if aborts { producer.abort_transaction(within) } else { producer.commit_transaction(within) }.unwrap();
        // The marker has an offset of its own.
        offsets.iter_mut().for_each(|offset| *offset += 1);
    }
    stage.watch_commits();
    let flags = [&[("COMMIT_INTERVAL_MS", "50")], lasting_name()].concat();
    let sidecar = stage.sidecar("victim", &flags);
    stage.await_delivered(500, WITHIN);
    sidecar.kill();
    stage.killed();
    let sidecar = stage.sidecar("heir", &flags);
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(Repeats::Uncommitted);
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (2_700, 2_700));
    println!("40 transactions, 13 aborted, a kill: 2700 delivered, no aborted one, lag 0");
    assert!(sidecar.stop().0.success());
}

#[test]
fn a_compacted_topic_with_its_gaps_ends_with_no_lag() {
    let stage = Stage::new("compacted", 1, Behaviour::instant());
    let properties = [
        ("cleanup.policy", "compact"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("segment.bytes", "1048576"),
        ("segment.ms", "200"),
        ("max.compaction.lag.ms", "200"),
        ("delete.retention.ms", "100"),
    ];
    let topic = stage.another_topic_with("kept", 1, &properties);
    let writer = Writer::new(&stage.brokers, &topic);
    let send = |number: u64| {
        let (key, value) = (format!("k{}", number % 10), format!(r#"{{"n":{number}}}"#));
        writer.send(0, Some(key.as_bytes()), Some(value.as_bytes()), None);
    };
    (0..5_000).for_each(send);
    writer.flush();
    // A segment is rolled by the next record, and cleaned after that.
    let mut next = 5_000;
    eventually("it is compacted", WITHIN, || {
        send(next);
        writer.flush();
        next += 1;
        std::thread::park_timeout(Duration::from_millis(300));
        (crate::kafka::records_in(&stage.brokers, &topic) < 500).then_some(())
    });
    let left = crate::kafka::records_in(&stage.brokers, &topic);
    let sidecar = stage.sidecar("only", &[("KAFKA_TOPICS", &topic)]);
    let end = watermarks(&stage.brokers, &topic, 0).1;
    eventually("lag 0", WITHIN, || {
        (crate::kafka::committed(&stage.brokers, &stage.group, &topic, 1) == [Some(end)]).then_some(())
    });
    let delivered = stage.worker.books().distinct();
    assert!(delivered >= 10 && delivered <= left, "{delivered} delivered, {left} left by compaction");
    println!("a compacted topic: {delivered} records left of {next}, lag 0 at {end}");
    assert!(sidecar.stop().0.success());
}
