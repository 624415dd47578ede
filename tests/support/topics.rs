//! Producing into and reading the books of a real cluster, with the client's own tools.

use std::time::Duration;

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, Message, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer},
};

/// One record to produce.
#[derive(Debug, Clone, Default)]
pub struct Fresh {
    pub partition: Option<i32>,
    pub key: Option<String>,
    pub value: Vec<u8>,
    pub deadline_ms: Option<i64>,
}

impl Fresh {
    pub fn json(partition: i32, number: usize) -> Self {
        let value = format!(r#"{{"n":{number}}}"#).into_bytes();
        Self { partition: Some(partition), key: Some(format!("k{number}")), value, deadline_ms: None }
    }

    pub fn with_deadline(self, deadline_ms: i64) -> Self {
        Self { deadline_ms: Some(deadline_ms), ..self }
    }
}

/// Produces all of them and waits for every acknowledgement.
pub fn produce(brokers: &str, topic: &str, records: impl IntoIterator<Item = Fresh>) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("linger.ms", "20")
        .set("batch.num.messages", "10000")
        .set("queue.buffering.max.messages", "200000")
        .create()
        .unwrap();
    for record in records {
        let headers = record.deadline_ms.map(|deadline| {
            let value = deadline.to_string();
            OwnedHeaders::new().insert(Header { key: "deadline_ms", value: Some(&value) })
        });
        loop {
            let mut message: BaseRecord<'_, String, Vec<u8>> = BaseRecord::to(topic).payload(&record.value);
            message.key = record.key.as_ref();
            message.partition = record.partition;
            message.headers = headers.clone();
            match producer.send(message) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    producer.poll(Duration::from_millis(10));
                }
                Err((error, _)) => panic!("produce: {error}"),
            }
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(Duration::from_secs(120)).unwrap();
}

fn reader(brokers: &str, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .create()
        .unwrap()
}

/// The group's committed offset of each partition; `None` where there is none.
pub fn committed(brokers: &str, group: &str, topic: &str, partitions: i32) -> Vec<Option<i64>> {
    let mut asked = TopicPartitionList::new();
    (0..partitions).for_each(|number| drop(asked.add_partition(topic, number)));
    let answer = reader(brokers, group).committed_offsets(asked, Duration::from_secs(20)).unwrap();
    let offset = |number| match answer.find_partition(topic, number).unwrap().offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    };
    (0..partitions).map(offset).collect()
}

/// The end of each partition.
pub fn ends(brokers: &str, topic: &str, partitions: i32) -> Vec<i64> {
    let reader = reader(brokers, "sluicegate-test-reader");
    let end = |number| reader.fetch_watermarks(topic, number, Duration::from_secs(20)).unwrap().1;
    (0..partitions).map(end).collect()
}

/// Everything in a topic: value, and headers as text.
pub fn read_all(brokers: &str, topic: &str, partitions: i32) -> Vec<(Vec<u8>, Vec<(String, String)>)> {
    let reader = reader(brokers, "sluicegate-test-reader");
    let mut assigned = TopicPartitionList::new();
    for number in 0..partitions {
        assigned.add_partition_offset(topic, number, Offset::Beginning).unwrap();
    }
    reader.assign(&assigned).unwrap();
    let wanted: i64 = ends(brokers, topic, partitions).iter().sum();
    let mut all = Vec::new();
    while (all.len() as i64) < wanted {
        let message = reader.poll(Duration::from_secs(20)).expect("the topic holds more").unwrap();
        let headers = message.headers().map(|headers| {
            use rdkafka::message::Headers;
            let text = |header: Header<'_, &[u8]>| {
                (header.key.to_owned(), String::from_utf8_lossy(header.value.unwrap_or_default()).into_owned())
            };
            headers.iter().map(text).collect()
        });
        all.push((message.payload().unwrap_or_default().to_vec(), headers.unwrap_or_default()));
    }
    all
}
