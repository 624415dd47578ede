//! Records that keep coming: a producer that stays a little ahead of the worker until it is told to stop.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    kafka::Writer,
    stage::{self, Stage},
    worker::LedgerWorker,
};

pub struct Load {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    written: AtomicU64,
}

impl Load {
    /// Writes records numbered from `first` on, as long as fewer than `ahead` of them are waiting.
    pub fn start(stage: &Stage, first: u64, ahead: u64) -> Self {
        Self::paced(stage, first, ahead, u64::MAX)
    }

    /// The same, and never more than so many a second.
    pub fn paced(stage: &Stage, first: u64, ahead: u64, per_s: u64) -> Self {
        let shared = Arc::<Shared>::default();
        let (theirs, writer, worker) = (Arc::clone(&shared), Arc::clone(&stage.writer), stage.worker.clone());
        let (partitions, pace) = (stage.partitions, Pace { ahead, per_s });
        let thread = std::thread::spawn(move || write(&theirs, &writer, &worker, partitions, first, &pace));
        Self { shared, thread: Some(thread) }
    }

    pub fn written(&self) -> u64 {
        self.shared.written.load(SeqCst)
    }

    /// Writes no more; returns how many there are once all of them are acknowledged.
    pub fn stop(mut self) -> u64 {
        self.shared.stop.store(true, SeqCst);
        self.thread.take().unwrap().join().unwrap();
        self.written()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
    }
}

struct Pace {
    /// Records that may be waiting.
    ahead: u64,
    per_s: u64,
}

fn write(shared: &Shared, writer: &Writer, worker: &LedgerWorker, partitions: i32, first: u64, pace: &Pace) {
    let before = worker.books().distinct() as u64;
    let (start, chunk) = (Instant::now(), (pace.ahead / 10).min(pace.per_s / 200).max(1));
    while !shared.stop.load(SeqCst) {
        let written = shared.written.load(SeqCst);
        let done = worker.books().distinct() as u64 - before;
        let due = (start.elapsed().as_secs_f64() * pace.per_s as f64) as u64;
        if written.saturating_sub(done) >= pace.ahead || written >= due {
            std::thread::park_timeout(Duration::from_millis(5));
            continue;
        }
        (first + written..first + written + chunk).for_each(|number| stage::write(writer, partitions, number));
        shared.written.store(written + chunk, SeqCst);
    }
    writer.flush();
}
