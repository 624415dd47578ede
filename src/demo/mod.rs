//! `sluicegate demo`: the real pipeline between librdkafka's mock cluster and a small worker, with a sum at the end.
//!
//! Nothing of the pipeline is replaced: the same configuration, client, engine, adapter and admin server as in `run`.
//! It ends by itself, with exit code 0 when every record is accounted for.

pub mod broker;
mod burst;
mod progress;
mod worker;

use std::process::ExitCode;

use crate::{
    app::{self, Inside},
    config::{self, Overrides},
    demo::{broker::Broker, progress::Progress, worker::DemoWorker},
    say,
};

const TOPIC: &str = "demo";
const DEAD_TOPIC: &str = "demo.dead";
const PARTITIONS: i32 = 4;

/// Runs it all.
pub fn run() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(error) => {
            say::complain(&format!("the demo did not start: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<ExitCode, Box<dyn std::error::Error>> {
    say::print(&format!(
        "sluicegate demo: {} records on {PARTITIONS} partitions of a mock broker, a worker that takes 5 ms a batch,\n\
         a queue of 200. 1 % of the records are too late already, 10 % have 6 s to live, one is poisonous.\n\
         Joining the group takes about three seconds.\n",
        burst::RECORDS
    ));
    let broker = Broker::start()?;
    let worker = DemoWorker::start()?;
    let settings = config::load_with(&overrides(&broker, &worker), &[], None).into_settings()?;
    if !burst::produce(&settings.kafka)? {
        return Err("the mock broker did not take the records".into());
    }
    let progress = Progress::new(worker);
    let watcher = progress.clone();
    let code = app::serve(settings, move |inside: Inside| watcher.watch(inside));
    Ok(if progress.finish() { code } else { ExitCode::FAILURE })
}

fn overrides(broker: &Broker, worker: &DemoWorker) -> Overrides {
    let url = format!("http://{}/predict", worker.addr);
    let flags = [
        ("KAFKA_BROKERS", broker.servers.as_str()),
        ("KAFKA_TOPICS", TOPIC),
        ("KAFKA_GROUP_ID", "demo"),
        ("DLQ_TOPIC", DEAD_TOPIC),
        ("WORKER_URL", &url),
        ("QUEUE_MAXSIZE", "200"),
        ("QUEUE_WORKERS", "1"),
        // Free ports: the demo must start beside a running sidecar.
        ("ADMIN_ADDR", "127.0.0.1:0"),
        ("LOG_LEVEL", "error"),
    ];
    let flags = flags.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec();
    // The mock's group forms faster with short heartbeats.
    let kafka = ["session.timeout.ms=3000", "heartbeat.interval.ms=300"].map(str::to_owned).to_vec();
    Overrides { file: None, flags, kafka }
}
