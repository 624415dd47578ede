//! The broker to measure against: the tests' real Apache Kafka, or the one `KAFKA_BROKERS` names.

use std::fs;

use crate::{Outcome, kafka::real::RealKafka};

pub struct Broker {
    pub address: String,
    /// The JVM, when it is ours.
    pub pid: Option<u32>,
    pub version: String,
    _kafka: RealKafka,
}

impl Broker {
    /// # Errors
    /// When the system does not tell what its processes are. A broker that does not start is a panic with its log.
    pub fn start() -> Outcome<Self> {
        let kafka = RealKafka::start();
        let version = match std::env::var("KAFKA_BROKERS") {
            Ok(_) => "the broker of KAFKA_BROKERS".into(),
            Err(_) => format!("Apache Kafka {}", jar_version().unwrap_or_else(|| "of an unknown version".into())),
        };
        Ok(Self { address: kafka.brokers().to_owned(), pid: jvm()?, version, _kafka: kafka })
    }
}

/// The one grandchild of ours that runs `kafka.Kafka`; the broker is started by a shell that sees to its end.
fn jvm() -> Outcome<Option<u32>> {
    let mut kin = children(std::process::id())?;
    while let Some(pid) = kin.pop() {
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if command.starts_with("java\0") && command.contains("kafka.Kafka") {
            return Ok(Some(pid));
        }
        kin.extend(children(pid)?);
    }
    Ok(None)
}

fn children(pid: u32) -> Outcome<Vec<u32>> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let list = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(list.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Ok(found)
}

fn jar_version() -> Option<String> {
    let jars = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.cache/kafka")).ok()?;
    let names = jars.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|name| Some(name.strip_prefix("kafka-clients-")?.strip_suffix(".jar")?.to_owned())).last()
}
