//! The worker adapter: one HTTP call per batch. It translates and decides nothing.
//!
//! [`HttpWorker`] writes a batch as one request ([`protocol`]), sends it over a kept connection (`call`, `pool`, `link`),
//! and turns whatever comes back into an answer ([`answer`], by the table in [`classify`]), with what the worker says of
//! itself ([`told`]). The batch always comes back, within its timeout. [`probe`] waits for the worker before the group is joined.

pub mod answer;
mod call;
pub mod classify;
mod link;
mod pool;
pub mod probe;
pub mod protocol;
mod request;
pub mod settings;
mod stream;
pub mod told;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

pub use self::request::{BATCH_ID, BadTarget, Destination, REMAINING_MS};
use self::{call::Caller, settings::WorkerSettings};
use crate::{
    engine::event::{Batch, Settled},
    runtime::{Worker, clock::system_wall},
    time::UnixMillis,
};

/// Reads the wall clock.
pub type WallClock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// The worker behind `WORKER_URL`, protocol `json`. Cheap to clone; clones share their connections. Calls have to be
/// polled inside a tokio runtime with time and I/O enabled.
#[derive(Clone)]
pub struct HttpWorker {
    caller: Arc<Caller>,
}

impl HttpWorker {
    /// # Errors
    /// When the target cannot be put into a request.
    pub fn new(settings: &WorkerSettings) -> Result<Self, BadTarget> {
        Self::with_wall_clock(settings, Arc::new(system_wall))
    }

    /// With a wall clock of the caller's: what deadlines are compared with.
    ///
    /// # Errors
    /// As [`HttpWorker::new`].
    pub fn with_wall_clock(settings: &WorkerSettings, wall: WallClock) -> Result<Self, BadTarget> {
        Ok(Self { caller: Arc::new(Caller::new(settings, wall)?) })
    }
}

impl Worker for HttpWorker {
    fn call(&self, batch: Batch) -> impl Future<Output = Settled> + Send + 'static {
        let caller = self.caller.clone();
        async move { caller.call(batch).await }
    }
}

/// `by` from now, or as good as never when that is off the clock.
fn in_time(by: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
    let now = Instant::now();
    now.checked_add(by).unwrap_or(now + NEVER)
}
