//! When the polling thread last polled: what `/livez` asks, without waiting for anybody.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// A shared view of the polling thread's pulse. Cheap to clone and to read from any thread.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    start: Instant,
    /// Milliseconds from `start` to the last poll.
    beat_ms: Arc<AtomicU64>,
}

impl Heartbeat {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), beat_ms: Arc::new(AtomicU64::new(0)) }
    }

    pub(super) fn beat(&self, now: Instant) {
        let ms = u64::try_from(now.duration_since(self.start).as_millis()).unwrap_or(u64::MAX);
        self.beat_ms.store(ms, Relaxed);
    }

    /// Time since the last poll of the client. Anything near a tenth of `max.poll.interval.ms` means that the thread
    /// hangs; a broker that is away does not make it grow.
    pub fn age(&self) -> Duration {
        self.start.elapsed().saturating_sub(Duration::from_millis(self.beat_ms.load(Relaxed)))
    }
}
