//! What the admin thread looks at and may set in motion.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tokio::runtime::Handle;

use super::{
    health::Look,
    readiness::{Readiness, Wish},
};
use crate::{
    engine::snapshot::Snapshot,
    runtime::handle::DriverHandle,
    telemetry::{
        Readout,
        exposition::{EngineView, Standing},
        log::Log,
    },
    time::Now,
};

/// Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Context {
    pub readiness: Readiness,
    pub driver: DriverHandle,
    pub readout: Readout,
    pub log: Log,
    pub poll: PollPulse,
    /// The clock that the driver's facts carry.
    pub now: Arc<dyn Fn() -> Now + Send + Sync>,
    /// A tenth of `max.poll.interval.ms`: what hangs longer is not alive.
    pub poll_limit: Duration,
    /// `SHUTDOWN_TIMEOUT`: what a drain gets.
    pub drain_timeout: Duration,
    pub silence: Silence,
    pub tasks: Tasks,
}

/// Runtimes of this process, for the number of tasks that live in them.
#[derive(Debug, Clone, Default)]
pub struct Tasks(Arc<Mutex<Vec<Handle>>>);

impl Tasks {
    pub fn watch(&self, runtime: &Handle) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(runtime.clone());
    }

    pub fn alive(&self) -> usize {
        let runtimes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runtimes.iter().map(|runtime| runtime.metrics().num_alive_tasks()).sum()
    }
}

/// How old the last poll is. The poll thread starts later than the admin thread, so it is attached when it does.
#[derive(Clone, Default)]
pub struct PollPulse {
    age: Arc<OnceLock<Box<dyn Fn() -> Duration + Send + Sync>>>,
}

impl PollPulse {
    /// Only the first one counts.
    pub fn attach(&self, age: impl Fn() -> Duration + Send + Sync + 'static) {
        let _ = self.age.set(Box::new(age));
    }

    pub fn age(&self) -> Option<Duration> {
        self.age.get().map(|age| age())
    }
}

impl fmt::Debug for PollPulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PollPulse({:?})", self.age())
    }
}

/// Since when the driver has not answered. One missed answer is no hang; only asking again can tell.
#[derive(Debug, Clone, Default)]
pub struct Silence {
    since: Arc<Mutex<Option<tokio::time::Instant>>>,
}

impl Silence {
    fn note(&self, asked: tokio::time::Instant, answered: bool) -> Option<Duration> {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            *since = None;
            return None;
        }
        Some(since.get_or_insert(asked).elapsed())
    }
}

impl Context {
    /// Asks everyone there is to ask; takes at most as long as one snapshot may.
    pub async fn look(&self) -> Look {
        let engine_started = self.readiness.engine_started();
        let asked = tokio::time::Instant::now();
        let snapshot: Option<Snapshot> = if engine_started { self.driver.snapshot().await } else { None };
        let silent_for = engine_started.then(|| self.silence.note(asked, snapshot.is_some())).flatten();
        Look {
            phase: self.readiness.phase(),
            waiting_for: self.readiness.waiting_for(),
            engine_started,
            snapshot,
            silent_for,
            poll_age: self.poll.age(),
            limit: self.poll_limit,
        }
    }

    pub fn metrics(&self, look: &Look) -> String {
        let engine = match &look.snapshot {
            Some(snapshot) => EngineView::Answers(snapshot),
            None if look.engine_started => EngineView::Silent,
            None => EngineView::Absent,
        };
        self.readout.metrics(&Standing {
            version: VERSION,
            phase: look.phase.name(),
            ready: look.is_ready(),
            engine,
            poll_age: look.poll_age,
            log_lines_dropped: self.log.lines.dropped(),
        })
    }

    /// Sets the way out in motion: as often as it is asked, it happens once.
    pub fn leave(&self, wish: Wish) {
        leave(&self.readiness, &self.driver, self.drain_timeout, wish);
    }
}

/// The one way out: the wish is noted, the process is not ready any more, the driver is asked to drain.
pub fn leave(readiness: &Readiness, driver: &DriverHandle, timeout: Duration, wish: Wish) {
    if wish > readiness.wished() {
        readiness.wish(wish);
        driver.drain(timeout);
    }
}

pub const VERSION: &str = env!("CARGO_PKG_VERSION");
