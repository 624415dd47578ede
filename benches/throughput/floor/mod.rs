//! The floor: the least a program can do for the sidecar's job.
//!
//! One poll thread and one single-threaded runtime, like the sidecar, with the same client settings, the same HTTP
//! library and the same requests. Records are taken in order and committed in order; there is no ledger, no queue with
//! watermarks, no admission, no retry, no metric and no log. Whatever is not as the benchmark made it ends the process.

pub mod envelope;
mod poll;
mod progress;
mod queue;
mod send;

use std::{
    io::Read as _,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use rdkafka::consumer::{CommitMode, Consumer as _};
use serde::{Deserialize, Serialize};

use crate::Outcome;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FloorSettings {
    pub brokers: String,
    pub topic: String,
    pub group: String,
    pub worker: SocketAddr,
    /// Records in a request.
    pub batch_size: usize,
    /// Requests at one time, each on a connection of its own.
    pub in_flight: usize,
    /// `queued.max.messages.kbytes`
    pub prefetch_kib: u64,
    /// `queued.min.messages`
    pub prefetch_records: u64,
    /// The longest wait for a full request.
    pub linger_ms: u64,
    /// Whether records are copied out of the client first, as the sidecar has to.
    pub copied: bool,
}

/// Runs until standard input ends.
///
/// # Errors
/// When Kafka, the worker or a record is not as it should be.
pub fn run(settings: &FloorSettings) -> Outcome<()> {
    let (client, queue) = poll::connect(settings)?;
    let (feed, batches) = tokio::sync::mpsc::channel(settings.in_flight);
    let poller = poll::Poller::new(Arc::clone(&client), queue, feed, settings);
    let handed_over = poller.handed_over();
    let progress = Arc::new(progress::Progress::default());
    let poll_thread = std::thread::Builder::new().name("poll".into()).spawn(move || or_exit(poller.run()))?;
    {
        let (settings, client, progress) = (settings.clone(), Arc::clone(&client), Arc::clone(&progress));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("send".into()).spawn(move || {
            let sent = send::run(&settings, batches, &client, &progress, poll_thread.thread());
            or_exit(runtime.block_on(tokio::task::LocalSet::new().run_until(sent)));
        })?;
    }
    std::io::stdin().read_to_end(&mut Vec::new())?;
    while progress.finished() < handed_over.load(Relaxed) {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    // All of it again: the last asynchronous commit may not have been answered yet.
    client.commit(&progress.all(&settings.topic), CommitMode::Sync)?;
    Ok(())
}

fn or_exit(outcome: Outcome<()>) {
    if let Err(error) = outcome {
        eprintln!("floor: {error}");
        std::process::exit(1);
    }
}
