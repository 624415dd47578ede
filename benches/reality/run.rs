//! One setting: a topic, a worker and a sidecar of its own, and records at an even rate.

use std::time::{Duration, Instant};

use rdkafka::message::{Header, OwnedHeaders};

use crate::{
    kafka::{Writer, real::RealKafka, unique},
    sidecar::{Sidecar, eventually},
    worker::SteppingWorker,
};

/// Records a second, and what each has to live when it is written.
pub const RATE: u64 = 400;
pub const LIFE_MS: i64 = 1_000;
const PARTITIONS: i32 = 4;

pub struct Contender {
    pub name: &'static str,
    pub flags: &'static [(&'static str, &'static str)],
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Run {
    pub offered: u64,
    pub in_time: u64,
    pub late: u64,
    pub requests: u64,
    /// Per second: records in time, and the knobs `(concurrency, batch size)`.
    pub goodput: Vec<u64>,
    pub knobs: Vec<(f64, f64)>,
}

impl Run {
    /// In time and offered of each third.
    pub fn thirds(&self) -> Vec<(u64, u64)> {
        let third = self.goodput.len() / 3;
        self.goodput.chunks(third.max(1)).take(3).map(|part| (part.iter().sum(), part.len() as u64 * RATE)).collect()
    }
}

pub fn run(contender: &Contender, seconds: u64) -> Run {
    let kafka = RealKafka::shared();
    let topic = unique("reality");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(kafka.create_topic(&topic, PARTITIONS));
    let worker = SteppingWorker::start(seconds);
    let (url, group) = (worker.url(), format!("{topic}-group"));
    let mut flags = vec![
        ("KAFKA_BROKERS", kafka.brokers()),
        ("KAFKA_TOPICS", &topic),
        ("KAFKA_GROUP_ID", &group),
        ("WORKER_URL", &url),
        ("KAFKA_OFFSET_RESET", "earliest"),
    ];
    flags.extend_from_slice(contender.flags);
    let sidecar = Sidecar::start(&topic, &flags);
    let writer = Writer::new(kafka.brokers(), &topic);
    eventually("the sidecar is ready", Duration::from_secs(60), || {
        sidecar.get("/readyz").filter(|(status, _)| *status == 200)
    });
    let mut run = drive(&worker, &sidecar, &writer, seconds);
    let book = worker.book();
    run.in_time = book.in_time.iter().sum();
    run.goodput = book.in_time.iter().take(seconds as usize).copied().collect();
    (run.late, run.requests) = (book.late, book.requests);
    drop(book);
    assert!(sidecar.stop().0.success());
    run
}

/// Writes records on time for so many seconds, and looks at the knobs once a second.
fn drive(worker: &SteppingWorker, sidecar: &Sidecar, writer: &Writer, seconds: u64) -> Run {
    let from = worker.begin();
    let end = from + Duration::from_secs(seconds);
    let mut run = Run::default();
    let mut next_look = from;
    while Instant::now() < end {
        let due = (from.elapsed().as_secs_f64() * RATE as f64) as u64;
        for number in run.offered..due {
            write(writer, number);
        }
        run.offered = due;
        if Instant::now() >= next_look {
            next_look += Duration::from_secs(1);
            let knob = |state: &serde_json::Value, name: &str| state["knobs"][name].as_f64().unwrap_or(0.0);
            let state = sidecar.state().unwrap_or_default();
            run.knobs.push((knob(&state, "concurrency"), knob(&state, "batch_records_max")));
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
    writer.flush();
    // What was written last may still be worked on until its deadline.
    std::thread::park_timeout(Duration::from_millis(LIFE_MS as u64 + 500));
    run
}

fn write(writer: &Writer, number: u64) {
    let deadline = (sluicegate::runtime::clock::system_wall().0 + LIFE_MS).to_string();
    let headers = OwnedHeaders::new().insert(Header { key: "deadline_ms", value: Some(&deadline) });
    let value = format!(r#"{{"n":{number}}}"#);
    writer.send((number % PARTITIONS as u64) as i32, None, Some(value.as_bytes()), Some(headers));
}
