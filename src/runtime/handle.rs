//! How other threads ask the driver for something.

use std::time::Duration;

use tokio::sync::oneshot;

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
