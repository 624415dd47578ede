//! One run: a fresh worker, a fresh group, one subject, from the first record to the last.

use std::{path::PathBuf, time::Duration};

use crate::{
    Outcome,
    args::Options,
    broker::Broker,
    floor::FloorSettings,
    process::{Process, Worker, cpu_seconds, machine_seconds, peak_rss_mib},
    topic::Topic,
    wall_us,
    worker::{Report, Said, WorkerSettings},
};

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Floor,
    /// The floor, but every record is copied out of the client and goes through the sidecar's encoder.
    CopyingFloor,
    Sidecar,
}

impl Subject {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::CopyingFloor => "floor that copies",
            Self::Sidecar => "sidecar",
        }
    }
}

/// What differs between runs beside the subject.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The worker's time to answer.
    pub delay_ms: u64,
    /// Whether latencies are taken.
    pub latency: bool,
    /// `None` is the sidecar's default; for the floor that is the same number.
    pub linger_ms: Option<u64>,
}

/// `BATCH_TIMEOUT_MS` of the sidecar by default.
pub const LINGER_MS: u64 = 25;

/// Nothing is expected to take this long.
const PATIENCE: Duration = Duration::from_secs(600);

/// The figures of one run.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub records: u64,
    pub records_per_second: f64,
    /// User and system time of the subject from the first record to the last.
    pub cpu_us: f64,
    pub peak_mib: f64,
    /// The same of the worker and of the broker (zero when it is not ours).
    pub worker_cpu_us: f64,
    pub broker_cpu_us: f64,
    pub records_per_request: f64,
    /// Share of the machine's CPU time that went to anything else, in per cent. A figure taken beside much of it says
    /// little.
    pub elsewhere_percent: f64,
}

/// A subject at work.
pub struct Running<'a> {
    /// Before the worker, so that it ends first.
    pub process: Process,
    pub worker: Worker,
    pub group: String,
    broker: &'a Broker,
}

impl<'a> Running<'a> {
    pub fn start(
        options: &Options,
        broker: &'a Broker,
        topic: &Topic,
        subject: Subject,
        setup: &Setup,
    ) -> Outcome<Self> {
        let worker = Worker::start(&WorkerSettings {
            records: topic.records,
            value_bytes: options.value_bytes,
            delay_ms: setup.delay_ms,
            latency: setup.latency,
        })?;
        let group = format!("sluicegate-bench-{}", wall_us());
        let process = match subject {
            Subject::Floor | Subject::CopyingFloor => Process::floor(&FloorSettings {
                brokers: broker.address.clone(),
                topic: topic.name.clone(),
                group: group.clone(),
                worker: worker.address,
                batch_size: options.batch_size,
                in_flight: options.in_flight,
                prefetch_kib: options.prefetch_kib,
                prefetch_records: options.prefetch_records,
                linger_ms: setup.linger_ms.unwrap_or(LINGER_MS),
                copied: subject == Subject::CopyingFloor,
            }),
            Subject::Sidecar => {
                let mut flags = vec![
                    ("KAFKA_BROKERS", broker.address.clone()),
                    ("KAFKA_TOPICS", topic.name.clone()),
                    ("KAFKA_GROUP_ID", group.clone()),
                    ("WORKER_URL", format!("http://{}/predict", worker.address)),
                    ("ADMIN_ADDR", "127.0.0.1:0".into()),
                    ("BATCH_SIZE", options.batch_size.to_string()),
                    ("QUEUE_WORKERS", options.in_flight.to_string()),
                ];
                flags.extend(setup.linger_ms.map(|ms| ("BATCH_TIMEOUT_MS", ms.to_string())));
                let mut flags: Vec<_> = flags.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                flags.extend(options.env.iter().cloned());
                Process::sidecar(&options.binary, &flags, &log())
            }
        }?;
        Ok(Self { worker, process, group, broker })
    }

    /// CPU seconds of subject, worker and broker so far.
    fn cpu(&self) -> Outcome<[f64; 3]> {
        let broker = self.broker.pid.map_or(Ok(0.0), cpu_seconds)?;
        Ok([cpu_seconds(self.process.pid())?, cpu_seconds(self.worker.pid())?, broker])
    }

    /// Until the worker says that the first record came.
    pub fn first(&mut self) -> Outcome<()> {
        loop {
            match self.worker.hear(&mut self.process, PATIENCE)? {
                Some(Said::First) => return Ok(()),
                Some(_) => {}
                None => return Err("no record reaches the worker".into()),
            }
        }
    }

    /// Until the worker says that the last record came; `None` when it does not within `limit`.
    pub fn last(&mut self, limit: Duration) -> Outcome<Option<Report>> {
        loop {
            match self.worker.hear(&mut self.process, limit)? {
                Some(Said::Last(report)) => return Ok(Some(report)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// From the first record to the last, or until `limit` has passed.
    pub fn measure(&mut self, limit: Duration) -> Outcome<Measured> {
        self.first()?;
        let (before, machine_before) = (self.cpu()?, machine_seconds()?);
        let report = match self.last(limit)? {
            Some(report) => report,
            None => self.worker.report(&mut self.process)?,
        };
        let (after, machine_after) = (self.cpu()?, machine_seconds()?);
        let used: f64 = after.iter().sum::<f64>() - before.iter().sum::<f64>();
        let (busy, all) = (machine_after.0 - machine_before.0, machine_after.1 - machine_before.1);
        let records = report.records as f64;
        let each = |index: usize| (after[index] - before[index]) * 1e6 / records;
        Ok(Measured {
            records: report.records,
            records_per_second: records / report.seconds,
            cpu_us: each(0),
            peak_mib: peak_rss_mib(self.process.pid())?,
            worker_cpu_us: each(1),
            broker_cpu_us: each(2),
            records_per_request: records / report.requests as f64,
            elsewhere_percent: (busy - used).max(0.0) / all * 100.0,
        })
    }
}

/// The whole topic once, to the end and committed.
pub fn whole(options: &Options, broker: &Broker, topic: &Topic, subject: Subject, setup: &Setup) -> Outcome<Measured> {
    let mut running = Running::start(options, broker, topic, subject, setup)?;
    let measured = running.measure(PATIENCE)?;
    running.process.stop()?;
    let committed = topic.committed(&broker.address, &running.group)?;
    if committed != topic.records {
        return Err(format!("the {} committed {committed} of {} records", subject.name(), topic.records).into());
    }
    Ok(measured)
}

fn log() -> PathBuf {
    std::env::temp_dir().join(format!("sluicegate-bench-{}.log", std::process::id()))
}
