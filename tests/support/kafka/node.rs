//! One node of an Apache Kafka (KRaft): its directory, its properties, its process.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

/// Any 16 bytes will do.
const CLUSTER_ID: &str = "c2x1aWNlZ2F0ZS10ZXN0cw";

/// The broker kills itself when its standard input ends, which is when this process is gone, however it went.
const UNTIL_INPUT_ENDS: &str =
    r#""$@" & broker=$!; read -r word; kill -9 "$broker"; wait; [ "$word" = keep ] || rm -rf "$KAFKA_TEST_DIR""#;

/// Said before the end of the input: the broker's directory stays.
const KEEP: &str = "keep";

/// A listener beside the plain one.
#[derive(Debug, Clone, Copy)]
pub struct Listener {
    pub name: &'static str,
    /// `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
    pub protocol: &'static str,
    pub port: u16,
    /// The port it tells its clients: another than its own where a proxy stands before it.
    pub advertised: u16,
}

/// What a node has beyond the plain one.
#[derive(Debug, Default)]
pub struct Extras {
    pub listeners: Vec<Listener>,
    /// Lines of its properties.
    pub properties: String,
    /// Its first users with SCRAM, as `kafka-storage --add-scram` takes them.
    pub scram: Vec<String>,
}

/// Ports that were free a moment ago.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    pub clients: u16,
    pub controller: u16,
    /// For listeners beside the plain one, where there are any.
    pub beside: [u16; BESIDE],
}

const BESIDE: usize = 5;

impl Ports {
    /// For so many nodes. All are held until all are known, so that they differ; and they are not of those that the
    /// kernel gives to outgoing connections, so that none takes one before the broker has it, or while it is down.
    pub fn free(nodes: usize) -> Vec<Self> {
        let tried = std::iter::repeat_with(|| TcpListener::bind(("127.0.0.1", fastrand::u16(10_000..30_000))));
        let held: Vec<_> = tried.flatten().take(nodes * (2 + BESIDE)).collect();
        let ports: Vec<u16> = held.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        let each = ports.chunks(2 + BESIDE).map(|ports| Self {
            clients: ports[0],
            controller: ports[1],
            beside: ports[2..].try_into().unwrap(),
        });
        each.collect()
    }
}

pub struct Node {
    dir: PathBuf,
    process: Option<Child>,
}

impl Node {
    /// Node number `index` of those with these ports. Not started yet. `extras` are told its directory, which is gone
    /// when the node is.
    pub fn prepare(index: usize, ports: &[Ports], extras: impl FnOnce(&Path) -> Extras) -> Self {
        let dir = tempfile::Builder::new().prefix("sluicegate-kafka-").tempdir().unwrap().keep();
        let extras = extras(&dir);
        fs::write(dir.join("server.properties"), properties(index, ports, &extras, &dir)).unwrap();
        format_storage(&dir, &extras.scram);
        Self { dir, process: None }
    }

    /// Starts it; what is returned waits until it is up. The nodes of a cluster come up together or not at all.
    pub fn start(&mut self) -> impl FnOnce() + use<> {
        let mut broker = Command::new("sh")
            .args(["-c", UNTIL_INPUT_ENDS, "broker"])
            .args(java())
            .arg("kafka.Kafka")
            .arg(self.dir.join("server.properties"))
            .env("KAFKA_TEST_DIR", &self.dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let lines = follow(broker.stderr.take().expect("piped"));
        self.process = Some(broker);
        move || await_start(&lines)
    }

    /// SIGKILL; what it had written stays.
    pub fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        writeln!(process.stdin.take().expect("piped"), "{KEEP}").unwrap();
        process.wait().unwrap();
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn properties(index: usize, ports: &[Ports], extras: &Extras, dir: &Path) -> String {
    let Ports { clients, controller, .. } = ports[index];
    let voters: Vec<_> =
        ports.iter().enumerate().map(|(n, p)| format!("{}@127.0.0.1:{}", n + 1, p.controller)).collect();
    let mut listeners = format!("PLAINTEXT://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{controller}");
    let mut advertised = format!("PLAINTEXT://127.0.0.1:{clients}");
    let mut protocols = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT".to_owned();
    for Listener { name, protocol, port, advertised: told } in &extras.listeners {
        listeners += &format!(",{name}://127.0.0.1:{port}");
        advertised += &format!(",{name}://127.0.0.1:{told}");
        protocols += &format!(",{name}:{protocol}");
    }
    let more = &extras.properties;
    let (id, voters, replicas) = (index + 1, voters.join(","), ports.len());
    // Under the newer protocol the session is the broker's. A cluster takes a while to find a group another coordinator.
    let session_ms = if replicas > 1 { 30_000 } else { 6_000 };
    let (in_sync, log) = (replicas.div_ceil(2), dir.join("log").display().to_string());
    format!(
        "process.roles=broker,controller
node.id={id}
listeners={listeners}
advertised.listeners={advertised}
controller.listener.names=CONTROLLER
listener.security.protocol.map={protocols}
inter.broker.listener.name=PLAINTEXT
controller.quorum.voters={voters}
log.dirs={log}
auto.create.topics.enable=false
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
broker.session.timeout.ms=5000
broker.heartbeat.interval.ms=1000
log.cleaner.backoff.ms=500
log.retention.check.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms={session_ms}
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=500
{more}"
    )
}

fn jars() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("tests/support/kafka/jars.sh");
    let status = Command::new("sh").arg(&script).status().expect("sh runs");
    assert!(status.success(), "{} failed: is mvn installed?", script.display());
    root.join(".cache/kafka")
}

fn java() -> Vec<String> {
    let class_path = format!("{}/*", jars().display());
    let options = ["-Xmx512m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"];
    let told = "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info";
    let mut command = vec!["java".to_owned()];
    command.extend(options.map(str::to_owned));
    command.extend([told.to_owned(), "-cp".to_owned(), class_path]);
    command
}

fn format_storage(dir: &Path, scram: &[String]) {
    let command = java();
    let output = Command::new(&command[0])
        .args(&command[1..])
        .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"])
        .arg(dir.join("server.properties"))
        .args(scram.iter().flat_map(|user| ["--add-scram", user]))
        .output()
        .expect("java is installed");
    assert!(output.status.success(), "format: {}", String::from_utf8_lossy(&output.stderr));
}

fn await_start(lines: &Receiver<String>) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut said = Vec::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line.contains("Kafka Server started") => return,
            Ok(line) => said.push(line),
            Err(error) => panic!("Kafka does not start ({error}):\n{}", said.join("\n")),
        }
    }
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
