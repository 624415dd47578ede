//! Topics and the records in them.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use crate::{Outcome, wall_us};

const WAIT: Duration = Duration::from_secs(30);

pub struct Topic {
    pub name: String,
    pub partitions: i32,
    pub records: u64,
}

impl Topic {
    /// A new topic of that name, empty.
    pub fn create(brokers: &str, name: &str, partitions: i32) -> Outcome<Self> {
        // A broker that is not ours keeps its topics: the name tells the benchmark's apart.
        let name = format!("sluicegate-bench-{name}-{}-{}", std::process::id(), wall_us() % 1_000_000);
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", brokers).create()?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        let made = runtime.block_on(admin.create_topics([&topic], &AdminOptions::new()))?;
        for one in made {
            one.map_err(|(name, code)| format!("topic {name}: {code}"))?;
        }
        Ok(Self { name, partitions, records: 0 })
    }

    /// Adds records in turn over all partitions, uncompressed, with librdkafka's own batching.
    pub fn fill(&mut self, brokers: &str, records: u64, value_bytes: usize) -> Outcome<()> {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("queue.buffering.max.kbytes", "65536")
            .set("acks", "1")
            .create()?;
        let mut values = Values::new(value_bytes);
        for number in self.records..self.records + records {
            let key = format!("user-{:05}", number % 100_000);
            values.next(number);
            let partition = i32::try_from(number % u64::try_from(self.partitions)?)?;
            let mut record = BaseRecord::to(&self.name).partition(partition).key(&key).payload(&values.value);
            while let Err((error, back)) = producer.send(record) {
                if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                    return Err(error.into());
                }
                producer.poll(Duration::from_millis(10));
                record = back;
            }
        }
        producer.flush(WAIT)?;
        self.records += records;
        let stored = self.stored(brokers)?;
        if stored != self.records {
            return Err(format!("{} records were produced and {stored} are in the topic", self.records).into());
        }
        Ok(())
    }

    /// By the log's ends.
    fn stored(&self, brokers: &str) -> Outcome<u64> {
        let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", brokers).create()?;
        let mut stored = 0;
        for partition in 0..self.partitions {
            let (low, high) = client.fetch_watermarks(&self.name, partition, WAIT)?;
            stored += u64::try_from(high - low)?;
        }
        Ok(stored)
    }

    /// How many records a group has committed.
    pub fn committed(&self, brokers: &str, group: &str) -> Outcome<u64> {
        let client: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", group).create()?;
        let mut asked = rdkafka::TopicPartitionList::new();
        asked.add_partition_range(&self.name, 0, self.partitions - 1);
        let offsets = client.committed_offsets(asked, WAIT)?;
        let committed =
            offsets.elements().into_iter().filter_map(|element| element.offset().to_raw()).filter(|o| *o > 0);
        Ok(committed.map(i64::unsigned_abs).sum())
    }
}

/// Produces at a steady rate, each value beginning with the time it was made at, until told to stop.
///
/// # Errors
/// When the client does not take a record.
pub fn produce_steadily(
    brokers: &str,
    topic: &Topic,
    per_second: u32,
    value_bytes: usize,
    stop: &AtomicBool,
) -> Outcome<()> {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("linger.ms", "1").set("acks", "1").create()?;
    let mut values = Values::new(value_bytes);
    let start = Instant::now();
    for number in 0_u32.. {
        if stop.load(Relaxed) {
            break;
        }
        let due = start + Duration::from_secs(1) / per_second * number;
        producer.poll(Duration::ZERO);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        values.next_at(number.into(), Some(wall_us()));
        let key = format!("user-{number:05}");
        let partition = i32::try_from(number)? % topic.partitions;
        let record = BaseRecord::to(&topic.name).partition(partition).key(&key).payload(&values.value);
        producer.send(record).map_err(|(error, _)| error)?;
    }
    producer.flush(WAIT)?;
    Ok(())
}

/// JSON objects of one exact length: a few short fields and a long text of random words, so that neither compression
/// nor a lucky branch helps anybody. The same values in every run.
struct Values {
    rng: fastrand::Rng,
    length: usize,
    value: String,
}

impl Values {
    fn new(length: usize) -> Self {
        Self { rng: fastrand::Rng::with_seed(7), length, value: String::with_capacity(length) }
    }

    fn next(&mut self, number: u64) {
        self.next_at(number, None);
    }

    /// With the microseconds since the Unix epoch in front, where the worker looks for them.
    fn next_at(&mut self, number: u64, sent_us: Option<u64>) {
        use std::fmt::Write as _;
        let rng = &mut self.rng;
        self.value.clear();
        self.value.push('{');
        // Writing into a string does not fail.
        if let Some(sent_us) = sent_us {
            let _ = write!(self.value, r#""sent_us":{sent_us},"#);
        }
        let _ = write!(
            self.value,
            r#""id":{number},"model":"m-{}","user":"u-{:08x}","score":{:.4},"urgent":{},"tags":["{:04x}","{:04x}"],"text":""#,
            number % 5,
            rng.u32(..),
            rng.f64(),
            rng.bool(),
            rng.u16(..),
            rng.u16(..),
        );
        let mut word = rng.usize(2..10);
        while self.value.len() < self.length - 2 {
            if word == 0 {
                self.value.push(' ');
                word = rng.usize(2..10);
            } else {
                self.value.push(rng.alphanumeric());
                word -= 1;
            }
        }
        self.value.push_str("\"}");
    }
}
