//! A real Apache Kafka: KRaft, single node, in a directory of its own, on free ports.
//!
//! `KAFKA_BROKERS` uses a broker that is there already. Otherwise java and (for the jars, once) mvn are needed, and one
//! that is missing fails the test: what is not tested must not look tested.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};

use super::client;

/// Any 16 bytes will do.
const CLUSTER_ID: &str = "c2x1aWNlZ2F0ZS10ZXN0cw";

/// The broker kills itself when its standard input ends, which is when this process is gone, however it went.
const UNTIL_INPUT_ENDS: &str =
    r#""$@" & broker=$!; read -r word; kill -9 "$broker"; wait; [ "$word" = keep ] || rm -rf "$KAFKA_TEST_DIR""#;

/// Said before the end of the input: the broker's directory stays.
const KEEP: &str = "keep";

pub struct RealKafka {
    brokers: String,
    own: Option<Own>,
}

/// A broker of ours.
struct Own {
    process: Child,
    dir: PathBuf,
}

impl RealKafka {
    /// The broker of this test binary, started on first use and gone with the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<RealKafka> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A broker of its own, killed when dropped; with `KAFKA_BROKERS` the one that is there.
    pub fn start() -> Self {
        match std::env::var("KAFKA_BROKERS") {
            Ok(brokers) => Self { brokers, own: None },
            Err(_) => Self::start_own(),
        }
    }

    /// A broker of its own, whatever is there: one that may be killed.
    pub fn start_own() -> Self {
        let jars = jars();
        let dir = tempfile::Builder::new().prefix("sluicegate-kafka-").tempdir().unwrap().keep();
        let port = write_properties(&dir);
        format_storage(&jars, &dir);
        let process = spawn(&jars, &dir);
        Self { brokers: format!("127.0.0.1:{port}"), own: Some(Own { process, dir }) }
    }

    /// SIGKILL; what it had written stays.
    pub fn kill(&mut self) {
        let own = self.own.as_mut().expect("a broker of its own");
        writeln!(own.process.stdin.take().expect("piped"), "{KEEP}").unwrap();
        own.process.wait().unwrap();
    }

    /// The same broker again after [`RealKafka::kill`].
    pub fn start_again(&mut self) {
        let own = self.own.as_mut().expect("a broker of its own");
        own.process = spawn(&jars(), &own.dir);
    }

    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Creates a topic and waits until it has leaders.
    pub async fn create_topic(&self, name: &str, partitions: i32) {
        let admin: AdminClient<DefaultClientContext> = client(&self.brokers).create().unwrap();
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
        let results = admin.create_topics([&topic], &options).await.unwrap();
        for result in results {
            result.unwrap_or_else(|(topic, code)| panic!("create {topic}: {code}"));
        }
    }
}

impl Drop for RealKafka {
    fn drop(&mut self) {
        if let Some(Own { process, dir }) = &mut self.own {
            drop(process.stdin.take());
            let _ = process.wait();
            let _ = fs::remove_dir_all(dir);
        }
    }
}

fn jars() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("tests/support/kafka/jars.sh");
    let status = Command::new("sh").arg(&script).status().expect("sh runs");
    assert!(status.success(), "{} failed: is mvn installed?", script.display());
    root.join(".cache/kafka")
}

/// Returns the port clients connect to.
fn write_properties(dir: &Path) -> u16 {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap();
    // Both held until both are known, so that they differ.
    let (clients, controller) = (free(), free());
    let (port, control) = (clients.local_addr().unwrap().port(), controller.local_addr().unwrap().port());
    let log = dir.join("log").display().to_string();
    let properties = format!(
        "process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.quorum.voters=1@127.0.0.1:{control}
log.dirs={log}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=500
"
    );
    fs::write(dir.join("server.properties"), properties).unwrap();
    port
}

fn java(jars: &Path) -> Vec<String> {
    let class_path = format!("{}/*", jars.display());
    let options = ["-Xmx512m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"];
    let told = "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info";
    let mut command = vec!["java".to_owned()];
    command.extend(options.map(str::to_owned));
    command.extend([told.to_owned(), "-cp".to_owned(), class_path]);
    command
}

fn format_storage(jars: &Path, dir: &Path) {
    let command = java(jars);
    let output = Command::new(&command[0])
        .args(&command[1..])
        .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
        .arg(dir.join("server.properties"))
        .output()
        .expect("java is installed");
    assert!(output.status.success(), "format: {}", String::from_utf8_lossy(&output.stderr));
}

fn spawn(jars: &Path, dir: &Path) -> Child {
    let mut broker = Command::new("sh")
        .args(["-c", UNTIL_INPUT_ENDS, "broker"])
        .args(java(jars))
        .arg("kafka.Kafka")
        .arg(dir.join("server.properties"))
        .env("KAFKA_TEST_DIR", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh runs");
    let lines = follow(broker.stderr.take().expect("piped"));
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut said = Vec::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line.contains("Kafka Server started") => break,
            Ok(line) => said.push(line),
            Err(error) => panic!("Kafka does not start ({error}):\n{}", said.join("\n")),
        }
    }
    broker
}

/// Reads on after the start too: a full pipe would stop the broker.
fn follow(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (tell, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = tell.send(line);
        }
    });
    lines
}
