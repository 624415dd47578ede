//! How far the process is, what still has to be there before it is ready, and whether it was asked to leave. Shared by
//! everyone who starts something, by the probes, and by whoever heeds signals.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// How far the process is. It never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waiting for the worker; the engine does not run yet.
    Starting,
    /// The engine runs and the group has not answered yet.
    Joining,
    Running,
    Draining,
    /// Out of the group.
    Stopped,
}

impl Phase {
    pub const ALL: [Self; 5] = [Self::Starting, Self::Joining, Self::Running, Self::Draining, Self::Stopped];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Joining => "joining",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

/// What the process was asked to do. The stronger wish stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    None,
    /// Leave the group and stay up (`POST /drain`).
    Drain,
    /// Leave the group and end (a signal).
    Shutdown,
}

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Readiness {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    phase: watch::Sender<Phase>,
    wish: watch::Sender<Wish>,
    /// What is still being waited for. A few names, held by components that start.
    latches: Mutex<Vec<&'static str>>,
    /// Whether the engine ever ran: before that there is nobody to ask.
    engine_started: std::sync::atomic::AtomicBool,
}

impl Default for Readiness {
    fn default() -> Self {
        let shared = Shared {
            phase: watch::Sender::new(Phase::Starting),
            wish: watch::Sender::new(Wish::None),
            latches: Mutex::default(),
            engine_started: std::sync::atomic::AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared) }
    }
}

impl Readiness {
    /// Something that has to be there before the process is ready. `/readyz` says `waiting_for_<name>` until the latch
    /// is released; one that is dropped without that never opens, because whoever held it did not make it.
    #[must_use]
    pub fn latch(&self, name: &'static str) -> Latch {
        self.shared.latches.lock().unwrap_or_else(PoisonError::into_inner).push(name);
        Latch { name, readiness: self.clone() }
    }

    pub fn waiting_for(&self) -> Vec<&'static str> {
        self.shared.latches.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn phase(&self) -> Phase {
        *self.shared.phase.borrow()
    }

    /// Goes on to this phase, if it lies ahead.
    pub fn advance(&self, to: Phase) {
        if to == Phase::Joining {
            self.shared.engine_started.store(true, std::sync::atomic::Ordering::Release);
        }
        self.shared.phase.send_if_modified(|phase| {
            let ahead = to > *phase;
            *phase = to.max(*phase);
            ahead
        });
    }

    /// Whether the driver is there to be asked.
    pub fn engine_started(&self) -> bool {
        self.shared.engine_started.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Ends when this phase is reached or passed. Cancel safe.
    pub async fn reached(&self, phase: Phase) {
        // The sender is in `self`, so it cannot be gone.
        let _ = self.shared.phase.subscribe().wait_for(|now| *now >= phase).await;
    }

    /// Notes the wish and leaves the ready phases at once, whatever still has to happen.
    pub fn wish(&self, wish: Wish) {
        self.shared.wish.send_if_modified(|present| {
            let stronger = wish > *present;
            *present = wish.max(*present);
            stronger
        });
        if wish > Wish::None {
            self.advance(Phase::Draining);
        }
    }

    pub fn wished(&self) -> Wish {
        *self.shared.wish.borrow()
    }

    /// Ends when at least this was wished for. Cancel safe.
    pub async fn asked_to(&self, wish: Wish) {
        let _ = self.shared.wish.subscribe().wait_for(|now| *now >= wish).await;
    }
}

/// Keeps the process from being ready.
#[derive(Debug)]
pub struct Latch {
    name: &'static str,
    readiness: Readiness,
}

impl Latch {
    /// It is there.
    pub fn release(self) {
        let mut latches = self.readiness.shared.latches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = latches.iter().position(|name| *name == self.name) {
            latches.swap_remove(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latch_keeps_it_waiting_until_it_is_released_and_for_ever_if_dropped() {
        let readiness = Readiness::default();
        let worker = readiness.latch("worker");
        let group = readiness.latch("group");
        assert_eq!(readiness.waiting_for(), ["worker", "group"]);
        worker.release();
        drop(group);
        assert_eq!(readiness.waiting_for(), ["group"]);
    }

    #[test]
    fn a_phase_never_goes_back() {
        let readiness = Readiness::default();
        assert!(!readiness.engine_started());
        readiness.advance(Phase::Joining);
        readiness.wish(Wish::Drain);
        assert_eq!(readiness.phase(), Phase::Draining);
        readiness.advance(Phase::Running);
        assert_eq!(readiness.phase(), Phase::Draining);
        assert!(readiness.engine_started());
    }

    #[tokio::test(start_paused = true)]
    async fn the_stronger_wish_stays_and_wakes_who_waits_for_it() {
        let readiness = Readiness::default();
        readiness.wish(Wish::Drain);
        readiness.asked_to(Wish::Drain).await;
        let shutdown = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.asked_to(Wish::Shutdown).await }
        });
        readiness.wish(Wish::Shutdown);
        shutdown.await.unwrap();
        readiness.wish(Wish::Drain);
        assert_eq!(readiness.wished(), Wish::Shutdown);
    }
}
