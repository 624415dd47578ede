//! Records that could be sent and are not: I8 (docs/ARCHITECTURE.md), looked at while work goes on.

use std::time::Duration;

use crate::{
    engine::{Effects, Engine, sentinel::Invariant, settings::EngineSettings},
    time::{Instant, Now},
};

/// One look counts for no more than this: while nobody looked (a process that was stopped), nobody could send.
const LOOK_MAX: Duration = Duration::from_secs(2);

/// How long something has waited to be sent with nothing out and nothing in the way.
#[derive(Debug, Default)]
pub struct Standstill {
    /// Added up over looks.
    lasted: Duration,
    looked_at: Option<Instant>,
    /// Batches that had come back, and records that waited: between two looks something may have moved.
    settled: u64,
    waiting: u32,
    told: bool,
}

impl Engine {
    /// Once a second. What may lie between is the linger, a back-off, a token for a retry, a worker's Retry-After, or as
    /// long as a last try apart took, and none of these is longer than what is waited for here.
    pub(super) fn look_at_sending(&mut self, now: Now, out: &mut Effects) {
        let (queued, retries) = (self.queue.records(), self.retries.records());
        let waits = queued > 0 && self.takes_fresh() || retries > 0;
        let may_go = self.in_flight.is_empty() && self.drain.is_none() && self.letters.is_empty();
        let idle = waits && may_go && self.worker.concurrency(now.mono, self.values.concurrency) > 0;

        let (settled, waiting) = (self.in_flight.settled(), queued + retries);
        let Standstill { lasted, looked_at, settled: settled_then, waiting: waiting_then, told } = self.standstill;
        let moved = settled != settled_then || waiting < waiting_then;
        let span = looked_at.map_or(Duration::ZERO, |then| now.mono.since(then).min(LOOK_MAX));
        let (lasted, told) = if idle && !moved { (lasted + span, told) } else { (Duration::ZERO, false) };

        let EngineSettings { stall_after, linger, inference_timeout, .. } = self.settings;
        let retry = &self.settings.retry;
        let patience = stall_after + linger + inference_timeout + retry.backoff_max + retry.retry_after_max;
        let stalled = lasted >= patience;
        if waits {
            let what =
                || format!("{queued} records queued and {retries} to be tried again stand, and the worker is idle");
            self.look(Invariant::I8, !stalled || told, what, out);
        }
        self.standstill = Standstill { lasted, looked_at: Some(now.mono), settled, waiting, told: told || stalled };
    }

    /// Nothing is sent although it could be.
    pub(super) fn is_sending_stalled(&self) -> bool {
        self.standstill.told
    }
}
