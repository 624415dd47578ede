//! The broker to measure against: `KAFKA_BROKERS`, or a single-node Apache Kafka of our own from the jars in
//! `KAFKA_JARS`.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::Outcome;

pub struct Broker {
    pub address: String,
    pub version: String,
    own: Option<Own>,
}

struct Own {
    child: Child,
    dir: PathBuf,
}

const START_WAIT: Duration = Duration::from_secs(60);

impl Broker {
    pub fn start() -> Outcome<Self> {
        if let Ok(address) = std::env::var("KAFKA_BROKERS") {
            return Ok(Self { address, version: "as given by KAFKA_BROKERS".into(), own: None });
        }
        let jars = std::env::var("KAFKA_JARS").map_err(|_| "neither KAFKA_BROKERS nor KAFKA_JARS is set")?;
        let dir = std::env::temp_dir().join(format!("sluicegate-bench-{}", std::process::id()));
        fs::create_dir_all(&dir)?;
        let (port, controller) = (free_port()?, free_port()?);
        let properties = dir.join("server.properties");
        fs::write(&properties, server_properties(port, controller, &dir))?;
        let java = |class: &str| {
            let mut command = Command::new("java");
            command.args(["-Xmx1g", "-Xms1g", "-cp", &format!("{jars}/*"), class]).stdin(Stdio::null());
            command
        };
        let log = fs::File::create(dir.join("kafka.log"))?;
        let formatted = java("kafka.tools.StorageTool")
            .args(["format", "-t", "c2x1aWNlZ2F0ZS1iZW5jaA", "-c"])
            .arg(&properties)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !formatted.success() {
            return Err("the broker's storage cannot be formatted".into());
        }
        let child = java("kafka.Kafka").arg(&properties).stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut own = Own { child, dir };
        own.wait_until_started()?;
        Ok(Self { address: format!("127.0.0.1:{port}"), version: version(&jars), own: Some(own) })
    }

    /// Its process, when it is ours.
    pub fn pid(&self) -> Option<u32> {
        self.own.as_ref().map(|own| own.child.id())
    }
}

impl Own {
    fn wait_until_started(&mut self) -> Outcome<()> {
        let deadline = Instant::now() + START_WAIT;
        loop {
            let log = fs::read_to_string(self.dir.join("kafka.log"))?;
            if log.contains("Kafka Server started") {
                return Ok(());
            }
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(format!("the broker does not start:\n{log}").into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Nothing of it is kept, so it need not end in good order.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.dir));
    }
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn version(jars: &str) -> String {
    let names = fs::read_dir(jars).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    let version = names.filter_map(|name| Some(name.strip_prefix("kafka-clients-")?.strip_suffix(".jar")?.to_owned()));
    format!("Apache Kafka {}", version.last().unwrap_or_else(|| "of unknown version".into()))
}

fn server_properties(port: u16, controller: u16, dir: &Path) -> String {
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
         inter.broker.listener.name=PLAINTEXT\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         log.dirs={}/data\n\
         offsets.topic.num.partitions=1\n\
         offsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         auto.create.topics.enable=false\n",
        dir.display()
    )
}
