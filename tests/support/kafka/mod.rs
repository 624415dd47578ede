//! Kafka for tests: a real broker ([`real`]), librdkafka's mock ([`mock`]), and a trivial engine ([`member`]) that
//! drives a `KafkaSource` without the real one.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod member;
pub mod mock;
pub mod node;
pub mod real;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers as _, Message as _, OwnedHeaders},
    producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer},
    topic_partition_list::{Offset, TopicPartitionList},
};
use sluicegate::kafka::settings::{GroupProtocol, KafkaSettings};

/// A name nobody else in this run has, and no earlier run on the same broker either.
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Settings for tests: short session, otherwise as compiled in.
pub fn settings(brokers: &str, topic: &str, group: &str) -> KafkaSettings {
    KafkaSettings {
        brokers: brokers.to_owned(),
        topics: vec![topic.to_owned()],
        group_id: group.to_owned(),
        group_instance_id: None,
        group_protocol: GroupProtocol::Classic,
        client_id: "sluicegate-test".to_owned(),
        fetch_max_wait: Duration::from_millis(50),
        fetch_queue_backoff: Duration::from_millis(5),
        prefetch_bytes_max: 4 << 20,
        prefetch_records: 20_000,
        offset_reset: "earliest".to_owned(),
        session_timeout: Duration::from_secs(6),
        max_poll_interval: Duration::from_secs(60),
        max_record_bytes: 1 << 20,
        max_poll_records: 64,
        manual_commit: true,
        auto_commit_interval: Duration::from_millis(200),
        oauth_token_file: None,
        pass_through: BTreeMap::new(),
        dead_letter_topic: None,
    }
}

/// Settings with a property passed through.
pub fn with(mut settings: KafkaSettings, name: &str, value: &str) -> KafkaSettings {
    settings.pass_through.insert(name.to_owned(), value.to_owned());
    settings
}

pub fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("allow.auto.create.topics", "false");
    // A broker that was killed is seen soon after it is back.
    config.set("reconnect.backoff.max.ms", "500");
    config
}

/// A producer and the topic it writes to.
pub struct Writer {
    producer: ThreadedProducer<Acknowledged>,
    topic: String,
}

/// Hears of each record that the broker has acknowledged.
pub struct Acknowledged(Box<dyn Fn(&BorrowedMessage<'_>) + Send + Sync>);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(record) => (self.0)(record),
            // What is thrown away because a test has failed already says nothing new.
            Err((error, _)) => assert!(std::thread::panicking(), "produce: {error}"),
        }
    }
}

impl Writer {
    pub fn new(brokers: &str, topic: &str) -> Self {
        Self::telling(brokers, topic, |_| {})
    }

    /// Tells of each record that the broker has acknowledged.
    pub fn telling(brokers: &str, topic: &str, tell: impl Fn(&BorrowedMessage<'_>) + Send + Sync + 'static) -> Self {
        let mut config = client(brokers);
        // A broker that dies is waited for, and what it may have written before is not written again.
        config.set("linger.ms", "1").set("enable.idempotence", "true");
        let producer = config.create_with_context(Acknowledged(Box::new(tell))).unwrap();
        Self { producer, topic: topic.to_owned() }
    }

    pub fn send(&self, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>, headers: Option<OwnedHeaders>) {
        let mut record = BaseRecord::to(&self.topic).partition(partition);
        (record.key, record.payload, record.headers) = (key, value, headers);
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    self.producer.poll(Duration::from_millis(5));
                    record = back;
                }
                Err((error, _)) => panic!("produce: {error}"),
            }
        }
    }

    /// `count` records of about `bytes`, spread over the partitions, beginning with number `first`. All are
    /// acknowledged when this returns.
    pub fn fill(&self, partitions: i32, first: u64, count: u64, bytes: usize) {
        for number in first..first + count {
            let value = format!("{number:0>bytes$}");
            self.send((number % partitions as u64) as i32, None, Some(value.as_bytes()), None);
        }
        self.flush();
    }

    pub fn flush(&self) {
        self.producer.flush(Duration::from_secs(30)).unwrap();
    }
}

/// What the group has committed, by partition number; `None` where it has committed nothing.
pub fn committed(brokers: &str, group: &str, topic: &str, partitions: i32) -> Vec<Option<i64>> {
    let reader = GroupReader::new(brokers, group, topic, partitions);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match reader.committed() {
            Ok(found) => return found,
            // A broker that has just started makes its coordinator when it is first asked for.
            Err(error) => assert!(Instant::now() < deadline, "committed offsets: {error}"),
        }
    }
}

/// Asks the broker what a group has committed, again and again.
pub struct GroupReader {
    consumer: BaseConsumer,
    list: TopicPartitionList,
}

impl GroupReader {
    pub fn new(brokers: &str, group: &str, topic: &str, partitions: i32) -> Self {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(topic, 0, partitions - 1);
        Self { consumer: client(brokers).set("group.id", group).create().unwrap(), list }
    }

    /// By partition number; `None` where nothing is committed.
    pub fn committed(&self) -> Result<Vec<Option<i64>>, KafkaError> {
        let found = self.consumer.committed_offsets(self.list.clone(), Duration::from_secs(10))?;
        let offset = |o: Offset| if let Offset::Offset(offset) = o { Some(offset) } else { None };
        Ok(found.elements().iter().map(|element| offset(element.offset())).collect())
    }
}

/// Low and high watermark.
pub fn watermarks(brokers: &str, topic: &str, partition: i32) -> (i64, i64) {
    let consumer: BaseConsumer = client(brokers).create().unwrap();
    consumer.fetch_watermarks(topic, partition, Duration::from_secs(10)).unwrap()
}

/// How many records a topic of one partition holds, gaps not counted.
pub fn records_in(brokers: &str, topic: &str) -> usize {
    let mut config = client(brokers);
    config.set("group.id", unique("counter")).set("enable.partition.eof", "true");
    let reader: BaseConsumer = config.create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    reader.assign(&list).unwrap();
    let mut count = 0;
    loop {
        match reader.poll(Duration::from_secs(20)).expect("a record or the end") {
            Ok(_) => count += 1,
            Err(KafkaError::PartitionEOF(_)) => return count,
            Err(error) => panic!("read {topic}: {error}"),
        }
    }
}

/// A header whose name need not be UTF-8.
pub fn add_header(headers: OwnedHeaders, name: &[u8], value: Option<&[u8]>) -> OwnedHeaders {
    let list = std::ptr::from_ref(headers.as_borrowed()).cast_mut().cast();
    let (at, len) = value.map_or((std::ptr::null(), 0), |v| (v.as_ptr().cast(), v.len() as isize));
    // SAFETY: the list is the headers' own, and it copies what it is given.
    let error = unsafe { rdkafka_sys::rd_kafka_header_add(list, name.as_ptr().cast(), name.len() as isize, at, len) };
    assert_eq!(error as i32, 0);
    headers
}

/// A record's value and its headers, as text.
pub type Read = (Vec<u8>, Vec<(String, String)>);

/// Everything in a topic of one partition.
pub fn read_all(brokers: &str, topic: &str) -> Vec<Read> {
    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let mut all = Vec::new();
    read_each(brokers, topic, |record| {
        let headers = record.headers().into_iter().flat_map(|headers| headers.iter());
        let headers = headers.map(|header| (header.key.to_owned(), text(header.value))).collect();
        all.push((record.payload().unwrap_or_default().to_vec(), headers));
    });
    all
}

/// Looks at every record of a topic of one partition.
pub fn read_each(brokers: &str, topic: &str, mut look: impl FnMut(&BorrowedMessage<'_>)) {
    let reader: BaseConsumer = client(brokers).set("group.id", unique("reader")).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    reader.assign(&list).unwrap();
    for _ in 0..watermarks(brokers, topic, 0).1 {
        look(&reader.poll(Duration::from_secs(20)).expect("the topic holds more").unwrap());
    }
}
