//! What every story needs: a broker, a topic, a worker, and the means to ask them at the end.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rdkafka::message::{Header, OwnedHeaders};

use crate::{
    kafka::{Writer, committed, real::RealKafka, unique, watermarks},
    sidecar::{Sidecar, eventually},
    worker::{Behaviour, LedgerWorker},
};

/// Stories run one at a time: they measure, and the machine is small.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub struct Stage {
    kafka: Broker,
    pub brokers: String,
    pub topic: String,
    pub group: String,
    pub partitions: i32,
    pub worker: LedgerWorker,
    pub writer: Writer,
    _turn: MutexGuard<'static, ()>,
}

enum Broker {
    Shared,
    Own(RealKafka),
}

impl Broker {
    fn get(&self) -> &RealKafka {
        match self {
            Self::Shared => RealKafka::shared(),
            Self::Own(kafka) => kafka,
        }
    }
}

impl Stage {
    pub fn new(name: &str, partitions: i32, behaviour: Behaviour) -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        Self::on(turn, Broker::Shared, name, partitions, behaviour)
    }

    /// With a broker that can be killed.
    pub fn with_broker_of_its_own(name: &str, partitions: i32, behaviour: Behaviour) -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        Self::on(turn, Broker::Own(RealKafka::start_own()), name, partitions, behaviour)
    }

    fn on(turn: MutexGuard<'static, ()>, broker: Broker, name: &str, partitions: i32, behaviour: Behaviour) -> Self {
        let kafka = broker.get();
        let topic = unique(name);
        create(kafka, &topic, partitions);
        Self {
            brokers: kafka.brokers().to_owned(),
            group: format!("{topic}-group"),
            writer: Writer::new(kafka.brokers(), &topic),
            topic,
            partitions,
            worker: LedgerWorker::start(behaviour),
            kafka: broker,
            _turn: turn,
        }
    }

    /// SIGKILL. Only with a broker of its own.
    pub fn kill_broker(&mut self) {
        let Broker::Own(kafka) = &mut self.kafka else { panic!("the broker is everybody's") };
        kafka.kill();
    }

    /// The same broker again: its port, its log.
    pub fn start_broker(&mut self) {
        let Broker::Own(kafka) = &mut self.kafka else { panic!("the broker is everybody's") };
        kafka.start_again();
    }

    /// Another topic, whose name begins with the topic's.
    pub fn another_topic(&self, name: &str, partitions: i32) -> String {
        let name = format!("{}-{name}", self.topic);
        create(self.kafka.get(), &name, partitions);
        name
    }

    /// A dead-letter topic beside the topic.
    pub fn dead_letters(&self) -> String {
        self.another_topic("dead", 1)
    }

    /// Starts a sidecar on the stage; `flags` come on top of what it needs to know.
    pub fn sidecar(&self, name: &str, flags: &[(&str, &str)]) -> Sidecar {
        // Short, so that a member that is gone is missed soon.
        let short = [("KAFKA_CFG_SESSION_TIMEOUT_MS", "6000"), ("KAFKA_CFG_HEARTBEAT_INTERVAL_MS", "500")];
        self.sidecar_as_it_is(name, &[&short, flags].concat())
    }

    /// The same without the group's times, which only the classic protocol lets a member choose.
    pub fn sidecar_as_it_is(&self, name: &str, flags: &[(&str, &str)]) -> Sidecar {
        let url = self.worker.url();
        let mut all = vec![
            ("KAFKA_BROKERS", self.brokers.as_str()),
            ("KAFKA_TOPICS", &self.topic),
            ("KAFKA_GROUP_ID", &self.group),
            ("WORKER_URL", &url),
        ];
        all.extend_from_slice(flags);
        Sidecar::start(&format!("{}-{name}", self.topic), &all)
    }

    /// `count` records spread over the partitions, numbered from zero.
    pub fn fill(&self, count: u64) {
        self.writer.fill(self.partitions, 0, count, 100);
    }

    /// One JSON record with its number, its key, and perhaps a deadline.
    pub fn send(&self, number: u64, deadline_ms: Option<i64>) {
        let headers = deadline_ms.map(|deadline| {
            let text = deadline.to_string();
            OwnedHeaders::new().insert(Header { key: "deadline_ms", value: Some(&text) })
        });
        let (key, value) = (format!("k{number}"), format!(r#"{{"n":{number}}}"#));
        let partition = (number % self.partitions as u64) as i32;
        self.writer.send(partition, Some(key.as_bytes()), Some(value.as_bytes()), headers);
    }

    pub fn committed(&self) -> Vec<i64> {
        let offsets = committed(&self.brokers, &self.group, &self.topic, self.partitions);
        offsets.into_iter().map(|offset| offset.unwrap_or(0)).collect()
    }

    pub fn ends(&self) -> Vec<i64> {
        (0..self.partitions).map(|number| watermarks(&self.brokers, &self.topic, number).1).collect()
    }

    /// Waits until the group has committed the end of every partition: lag 0 as the broker sees it.
    pub fn await_no_lag(&self, within: Duration) {
        let ends = self.ends();
        let mut seen = Vec::new();
        eventually(&format!("lag 0 on {}: ends {ends:?}", self.topic), within, || {
            seen = self.committed();
            (seen == ends).then_some(())
        });
    }

    pub fn await_delivered(&self, records: usize, within: Duration) {
        eventually(&format!("{records} records delivered"), within, || {
            (self.worker.books().distinct() >= records).then_some(())
        });
    }

    /// Records of the topic that the worker never answered with success, as `partition-offset`.
    pub fn missing(&self) -> Vec<String> {
        let books = self.worker.books();
        let mut missing = Vec::new();
        for (number, end) in self.ends().into_iter().enumerate() {
            let seen = books.succeeded.get(&(self.topic.clone(), number as i32));
            let absent = (0..end).filter(|offset| !seen.is_some_and(|seen| seen.contains_key(offset)));
            missing.extend(absent.map(|offset| format!("{number}-{offset}")));
        }
        missing
    }
}

fn create(kafka: &RealKafka, topic: &str, partitions: i32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(kafka.create_topic(topic, partitions));
}

pub fn wall_ms() -> i64 {
    sluicegate::runtime::clock::system_wall().0
}
