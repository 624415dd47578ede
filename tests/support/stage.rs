//! What every story needs: a broker, a topic, a worker, and the means to ask them at the end.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    io::PipeReader,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rdkafka::{
    error::KafkaError,
    message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders, Timestamp},
};

use crate::{
    fault_proxy::FaultProxy,
    judge::{Happening, History, Repeats, Rules, Verdict},
    kafka::{GroupReader, Writer, committed, read_each, real::RealKafka, unique, watermarks},
    protocol::group_flags,
    sidecar::{Sidecar, eventually},
    watcher::Watcher,
    worker::{Behaviour, LedgerWorker, number},
};

/// Stories run one at a time: they measure, and the machine is small.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub struct Stage {
    kafka: Broker,
    pub brokers: String,
    /// What the sidecar is told.
    bootstrap: String,
    pub topic: String,
    pub group: String,
    pub partitions: i32,
    pub worker: LedgerWorker,
    pub writer: Arc<Writer>,
    /// What happened to the topic, for the judge.
    pub history: History,
    watcher: Watcher,
    _turn: MutexGuard<'static, ()>,
}

enum Broker {
    Shared(&'static RealKafka),
    Own(RealKafka),
}

/// Where the stage is set.
pub struct Place {
    broker: Broker,
    /// What the sidecar is told to connect to, where that is not the broker itself.
    through: Option<SocketAddr>,
    turn: MutexGuard<'static, ()>,
}

impl Place {
    fn on(broker: impl FnOnce() -> Broker) -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        Self { broker: broker(), through: None, turn }
    }

    /// The broker of this test binary.
    pub fn shared() -> Self {
        Self::shared_as(RealKafka::shared)
    }

    /// Another one that is everybody's.
    pub fn shared_as(broker: fn() -> &'static RealKafka) -> Self {
        Self::on(|| Broker::Shared(broker()))
    }

    /// A broker that can be killed.
    pub fn own() -> Self {
        Self::own_as(RealKafka::start_own)
    }

    /// Another one that can be killed.
    pub fn own_as(start: fn() -> RealKafka) -> Self {
        Self::on(|| Broker::Own(start()))
    }

    /// Several nodes that can be killed, each with every partition.
    pub fn cluster(nodes: usize) -> Self {
        Self::on(|| Broker::Own(RealKafka::start_cluster(nodes)))
    }

    /// A broker that the sidecar reaches only through the proxy.
    pub fn behind(proxy: &FaultProxy) -> Self {
        let place = Self::on(|| Broker::Own(RealKafka::start_behind(proxy.addr.port())));
        proxy.towards(place.broker.get().beside[0]);
        Self { through: Some(proxy.addr), ..place }
    }

    /// The sidecar comes to the broker by this one of its listeners beside the plain one.
    pub fn by(self, listener: usize) -> Self {
        let port = self.broker.get().beside[listener];
        Self { through: Some(SocketAddr::from(([127, 0, 0, 1], port))), ..self }
    }
}

impl Broker {
    fn get(&self) -> &RealKafka {
        match self {
            Self::Shared(kafka) => kafka,
            Self::Own(kafka) => kafka,
        }
    }
}

impl Stage {
    pub fn new(name: &str, partitions: i32, behaviour: Behaviour) -> Self {
        Self::at(Place::shared(), name, partitions, behaviour)
    }

    /// With a broker that can be killed.
    pub fn with_broker_of_its_own(name: &str, partitions: i32, behaviour: Behaviour) -> Self {
        Self::at(Place::own(), name, partitions, behaviour)
    }

    pub fn at(place: Place, name: &str, partitions: i32, behaviour: Behaviour) -> Self {
        let Place { broker, through, turn } = place;
        let kafka = broker.get();
        let topic = unique(name);
        create(kafka, &topic, partitions);
        let (history, worker) = (History::default(), LedgerWorker::start(behaviour));
        worker.watch(&topic, &history);
        let group = format!("{topic}-group");
        let reader = GroupReader::new(kafka.brokers(), &group, &topic, partitions);
        Self {
            watcher: Watcher::new(reader, history.clone()),
            brokers: kafka.brokers().to_owned(),
            bootstrap: through.map_or_else(|| kafka.brokers().to_owned(), |addr| addr.to_string()),
            group,
            writer: Arc::new(witnessed(kafka.brokers(), &topic, &history)),
            topic,
            partitions,
            worker,
            history,
            kafka: broker,
            _turn: turn,
        }
    }

    /// The broker's directory.
    pub fn broker_dir(&self) -> &Path {
        self.kafka.get().dir()
    }

    /// The broker, which must be the stage's own: to be killed and started again.
    pub fn kafka(&mut self) -> &mut RealKafka {
        let Broker::Own(kafka) = &mut self.kafka else { panic!("the broker is everybody's") };
        kafka
    }

    /// Another topic, whose name begins with the topic's.
    pub fn another_topic(&self, name: &str, partitions: i32) -> String {
        let name = format!("{}-{name}", self.topic);
        create(self.kafka.get(), &name, partitions);
        name
    }

    /// The same with properties of its own.
    pub fn another_topic_with(&self, name: &str, partitions: i32, properties: &[(&str, &str)]) -> String {
        let name = format!("{}-{name}", self.topic);
        create_with(self.kafka.get(), &name, partitions, properties);
        name
    }

    /// The topic once more, after it was deleted.
    pub fn create_again(&self) {
        create(self.kafka.get(), &self.topic, self.partitions);
    }

    /// The topic has so many from now on.
    pub fn has_partitions(&mut self, partitions: i32) {
        self.partitions = partitions;
        let reader = GroupReader::new(&self.brokers, &self.group, &self.topic, partitions);
        self.watcher = Watcher::new(reader, self.history.clone());
        // One that has not heard of the topic yet.
        self.writer = Arc::new(witnessed(&self.brokers, &self.topic, &self.history));
    }

    /// A dead-letter topic beside the topic. Its letters say when the broker took them.
    pub fn dead_letters(&self) -> String {
        self.another_topic_with("dead", 1, &[("message.timestamp.type", "LogAppendTime")])
    }

    /// Writes the letters in there into the history, each with its moment; how many there are.
    pub fn read_dead_letters(&self, topic: &str) -> usize {
        let mut letters = Vec::new();
        read_each(&self.brokers, topic, |letter| {
            letters.push(lettered(letter).expect("a letter says where it is from"))
        });
        let many = letters.len();
        self.history.all().extend(letters);
        many
    }

    /// Starts a sidecar on the stage; `flags` come on top of what it needs to know.
    pub fn sidecar(&self, name: &str, flags: &[(&str, &str)]) -> Sidecar {
        self.sidecar_as_it_is(name, &[group_flags(), flags].concat())
    }

    /// The same without the group's times, which only the classic protocol lets a member choose.
    pub fn sidecar_as_it_is(&self, name: &str, flags: &[(&str, &str)]) -> Sidecar {
        self.sidecar_by(&[], name, flags)
    }

    /// The same, by a command that prepares a place for it.
    pub fn sidecar_by(&self, command: &[&str], name: &str, flags: &[(&str, &str)]) -> Sidecar {
        self.started(name, flags, |name, flags| Sidecar::start_by(command, name, flags))
    }

    /// One whose output is a pipe.
    pub fn piped_sidecar(&self, name: &str, flags: &[(&str, &str)]) -> (Sidecar, PipeReader) {
        self.started(name, &[group_flags(), flags].concat(), Sidecar::start_piped)
    }

    fn started<T>(&self, name: &str, flags: &[(&str, &str)], start: impl FnOnce(&str, &[(&str, &str)]) -> T) -> T {
        let url = self.worker.url();
        let mut all = vec![
            ("KAFKA_BROKERS", self.bootstrap.as_str()),
            ("KAFKA_TOPICS", &self.topic),
            ("KAFKA_GROUP_ID", &self.group),
            ("WORKER_URL", &url),
        ];
        all.extend_from_slice(flags);
        start(&format!("{}-{name}", self.topic), &all)
    }

    /// `count` records spread over the partitions, numbered from zero.
    pub fn fill(&self, count: u64) {
        self.fill_from(0, count);
    }

    /// The same, numbered from `first`.
    pub fn fill_from(&self, first: u64, count: u64) {
        (first..first + count).for_each(|number| write(&self.writer, self.partitions, number));
        self.writer.flush();
    }

    /// One JSON record with its number, a key of its own, and perhaps a deadline.
    pub fn send(&self, number: u64, deadline_ms: Option<i64>) {
        self.send_as(&format!("k{number}"), number, deadline_ms);
    }

    /// The same with this key.
    pub fn send_as(&self, key: &str, number: u64, deadline_ms: Option<i64>) {
        let headers = deadline_ms.map(|deadline| {
            let text = deadline.to_string();
            OwnedHeaders::new().insert(Header { key: "deadline_ms", value: Some(&text) })
        });
        let value = format!(r#"{{"n":{number}}}"#);
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

    /// Waits for so many more than there are; returns how many there were.
    pub fn await_more(&self, records: usize, within: Duration) -> usize {
        let delivered = self.worker.books().distinct();
        self.await_delivered(delivered + records, within);
        delivered
    }

    /// To be said when a sidecar was killed, or the broker was and is back: waits until the worker has finished what it had
    /// begun, and writes down what the group has committed. Nothing may be finished again before that.
    pub fn killed(&self) {
        eventually("the worker is idle", Duration::from_secs(30), || {
            (self.worker.books().in_flight == 0).then_some(())
        });
        self.asked(Watcher::look_after_a_kill);
    }

    /// Looks at the committed offsets all the time, from now on.
    pub fn watch_commits(&mut self) {
        self.watcher.start();
    }

    pub fn verdict(&mut self, repeats: Repeats) -> Verdict {
        self.verdict_by(&Rules::repeats(repeats))
    }

    pub fn verdict_by(&mut self, rules: &Rules) -> Verdict {
        self.watcher.stop();
        self.look();
        self.history.judge(rules)
    }

    /// What the group has committed now, written down for the judge.
    pub fn look(&self) -> Vec<i64> {
        self.asked(Watcher::look)
    }

    fn asked(&self, look: fn(&Watcher) -> Result<Vec<i64>, KafkaError>) -> Vec<i64> {
        eventually("the broker says what is committed", Duration::from_secs(30), || look(&self.watcher).ok())
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

/// A writer whose every record gets into the history.
fn witnessed(brokers: &str, topic: &str, history: &History) -> Writer {
    let told = history.clone();
    Writer::telling(brokers, topic, move |record| produced(&told, record))
}

/// Writes down what the broker has acknowledged. Values without a number are not the judge's.
fn produced(history: &History, record: &BorrowedMessage<'_>) {
    let value = String::from_utf8_lossy(record.payload().unwrap_or_default());
    let Some(number) = number(&value) else { return };
    let headers = record.headers().into_iter().flat_map(|headers| headers.iter());
    let deadline = headers.filter(|header| header.key == "deadline_ms").find_map(|header| header.value);
    let deadline_ms = deadline.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    history.add(Happening::Produced { place: (record.partition(), record.offset()), number, deadline_ms });
}

/// What a dead letter tells the judge.
fn lettered(letter: &BorrowedMessage<'_>) -> Option<Happening> {
    let headers = letter.headers()?;
    let text = |name| std::str::from_utf8(headers.iter().find(|header| header.key == name)?.value?).ok();
    let place = (text("sluicegate-source-partition")?.parse().ok()?, text("sluicegate-source-offset")?.parse().ok()?);
    let Timestamp::LogAppendTime(at_ms) = letter.timestamp() else { return None };
    Some(Happening::Lettered { place, at_ms })
}

/// A record of about a hundred bytes.
pub fn write(writer: &Writer, partitions: i32, number: u64) {
    let value = format!(r#"{{"n":{number},"of":"{:x>80}"}}"#, "");
    writer.send((number % partitions as u64) as i32, None, Some(value.as_bytes()), None);
}

fn create(kafka: &RealKafka, topic: &str, partitions: i32) {
    create_with(kafka, topic, partitions, &[]);
}

fn create_with(kafka: &RealKafka, topic: &str, partitions: i32, properties: &[(&str, &str)]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(kafka.create_topic_with(topic, partitions, properties));
}

pub fn wall_ms() -> i64 {
    sluicegate::runtime::clock::system_wall().0
}
