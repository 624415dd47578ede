//! Records that keep coming: a producer that stays a little ahead of the worker until it is told to stop.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::Duration,
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
        let shared = Arc::<Shared>::default();
        let (theirs, writer, worker) = (Arc::clone(&shared), Arc::clone(&stage.writer), stage.worker.clone());
        let partitions = stage.partitions;
        let thread = std::thread::spawn(move || write(&theirs, &writer, &worker, partitions, first, ahead));
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

fn write(shared: &Shared, writer: &Writer, worker: &LedgerWorker, partitions: i32, first: u64, ahead: u64) {
    let before = worker.books().distinct() as u64;
    while !shared.stop.load(SeqCst) {
        let written = shared.written.load(SeqCst);
        let done = worker.books().distinct() as u64 - before;
        if written.saturating_sub(done) >= ahead {
            std::thread::park_timeout(Duration::from_millis(5));
            continue;
        }
        let chunk = (ahead / 10).max(1);
        (first + written..first + written + chunk).for_each(|number| stage::write(writer, partitions, number));
        shared.written.store(written + chunk, SeqCst);
    }
    writer.flush();
}
