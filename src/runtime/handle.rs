//! How others ask the driver for something, from any thread and any runtime.
//!
//! The driver serves [`Request`]s between two events. Nobody waits for it longer than [`ANSWER_WAIT`], and nothing that
//! is asked here can pile up: the channel is bounded, and looking at the driver never takes the places kept for drains.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::engine::snapshot::Snapshot;

/// What the driver answers between two events.
#[derive(Debug)]
pub enum Request {
    Snapshot(oneshot::Sender<Snapshot>),
    /// Leave the group, finishing what is in flight within `timeout`.
    Drain {
        timeout: Duration,
    },
}

/// The longest wait for a snapshot.
pub const ANSWER_WAIT: Duration = Duration::from_millis(500);
const REQUESTS_MAX: usize = 64;
/// Places that only a drain may take.
const KEPT_FOR_DRAINS: usize = 8;

/// The asking end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DriverHandle {
    requests: mpsc::Sender<Request>,
}

/// A handle, and the end that the driver serves. The handle works before the driver does: what is asked waits.
pub fn channel() -> (DriverHandle, mpsc::Receiver<Request>) {
    let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
    (DriverHandle { requests }, inbox)
}

impl DriverHandle {
    /// The engine as it stands, unless the driver is gone, flooded, or silent for [`ANSWER_WAIT`]. Needs a runtime with
    /// time.
    pub async fn snapshot(&self) -> Option<Snapshot> {
        if self.requests.capacity() <= KEPT_FOR_DRAINS {
            return None;
        }
        let (answer, snapshot) = oneshot::channel();
        self.requests.try_send(Request::Snapshot(answer)).ok()?;
        tokio::time::timeout(ANSWER_WAIT, snapshot).await.ok()?.ok()
    }

    /// Asks the driver to leave the group. Of several drains the earliest deadline counts. False when there is no
    /// driver any more.
    pub fn drain(&self, timeout: Duration) -> bool {
        match self.requests.try_send(Request::Drain { timeout }) {
            Ok(()) => true,
            // Full of drains: one of them will do.
            Err(mpsc::error::TrySendError::Full(_)) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_driver_is_not_waited_for_and_cannot_be_flooded() {
        let (handle, mut inbox) = channel();
        for _ in 0..200 {
            assert!(handle.snapshot().await.is_none());
        }
        assert!(handle.drain(Duration::from_secs(1)), "there is always a place for a drain");
        let mut kinds = Vec::new();
        while let Ok(request) = inbox.try_recv() {
            kinds.push(matches!(request, Request::Drain { .. }));
        }
        assert_eq!(kinds.len(), REQUESTS_MAX - KEPT_FOR_DRAINS + 1);
        assert_eq!(kinds.last(), Some(&true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_driver_that_is_gone_is_known_at_once() {
        let (handle, inbox) = channel();
        drop(inbox);
        let before = tokio::time::Instant::now();
        assert!(handle.snapshot().await.is_none());
        assert!(!handle.drain(Duration::ZERO));
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
