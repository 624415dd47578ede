//! What the demo shows while it runs, and the sum at the end.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{burst::RECORDS, worker::DemoWorker};
use crate::{app::Inside, engine::snapshot::Snapshot, say};

const EVERY: Duration = Duration::from_millis(500);
/// How often the end waits for the last commit before it ends without it.
const LAST_COMMIT_TURNS: u32 = 10;

#[derive(Clone)]
pub struct Progress {
    worker: DemoWorker,
    sums: Arc<Mutex<Sums>>,
}

/// What became of the records, so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    expired: u64,
    dead_lettered: u64,
    skipped: u64,
    pauses: u64,
    /// Everything up to the end of every partition.
    committed: bool,
}

impl Progress {
    pub fn new(worker: DemoWorker) -> Self {
        Self { worker, sums: Arc::default() }
    }

    /// Prints a line now and then, and ends the run when every record has been dealt with.
    pub async fn watch(self, inside: Inside) {
        let mut done_for = 0;
        loop {
            tokio::time::sleep(EVERY).await;
            let Some(snapshot) = inside.handle.snapshot().await else { continue };
            let sums = Sums { committed: lag(&snapshot) == Some(0), ..Sums::read(&inside.readout.counters()) };
            *self.sums.lock().unwrap_or_else(PoisonError::into_inner) = sums;
            say::print(&self.line(&snapshot, sums));
            let accounted = self.worker.delivered() as u64 + sums.expired + sums.dead_lettered + sums.skipped;
            if accounted >= u64::from(RECORDS) && snapshot.in_flight.batches == 0 {
                done_for += 1;
                if sums.committed || done_for > LAST_COMMIT_TURNS {
                    return inside.stop();
                }
            }
        }
    }

    fn line(&self, snapshot: &Snapshot, sums: Sums) -> String {
        if snapshot.partitions.is_empty() {
            return "joining the group".to_owned();
        }
        let queue = &snapshot.queue;
        let lag = lag(snapshot).map_or_else(|| "not known yet".to_owned(), |lag| lag.to_string());
        let gate = snapshot.gate.stage.map_or("open", |stage| stage.name());
        format!(
            "delivered {:>6}  expired {:>5}  dead letters {}  queue {:>3}/{} (gate {gate})  in flight {:>2}  lag {lag}",
            self.worker.delivered(),
            sums.expired,
            sums.dead_lettered,
            queue.records,
            queue.records_max.unwrap_or(0),
            snapshot.in_flight.records,
        )
    }

    /// The sum. True when it adds up.
    pub fn finish(&self) -> bool {
        let sums = *self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let Sums { expired, dead_lettered, skipped, pauses, committed } = sums;
        let delivered = self.worker.delivered() as u64;
        let sum = delivered + expired + dead_lettered + skipped;
        let adds_up = sum == u64::from(RECORDS);
        say::print(&format!(
            "\nproduced {RECORDS} = delivered {delivered} + expired {expired} + dead-lettered {dead_lettered} + skipped \
             {skipped}{}\ncommitted to the end of every partition: {}\nthe gate shut {pauses} times",
            if adds_up { "" } else { "   DOES NOT ADD UP" },
            if committed { "yes" } else { "not within five seconds" },
        ));
        adds_up
    }
}

/// What is not committed yet; `None` while the end of a partition is not known, because a sum over the others would
/// look like progress.
fn lag(snapshot: &Snapshot) -> Option<i64> {
    let known: Option<Vec<i64>> = snapshot.partitions.iter().map(|partition| partition.lag).collect();
    known.filter(|lags| !lags.is_empty()).map(|lags| lags.iter().sum())
}

impl Sums {
    /// Adds up the series of `/metrics`.
    fn read(page: &str) -> Self {
        let sum = |name: &str| {
            let series = page.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
            let values = series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            values.sum::<f64>() as u64
        };
        Self {
            expired: sum("sluicegate_expired_records_total"),
            dead_lettered: sum("sluicegate_dead_letter_records_total"),
            skipped: sum("sluicegate_skipped_records_total"),
            pauses: sum("sluicegate_pauses_total"),
            committed: false,
        }
    }
}
