//! Out of the group.
//!
//! Leaving is closing the client, which revokes, leaves and waits for the coordinator's word. With the brokers away the
//! client may hold out for a session timeout (a commit is parked that long), so [`Event::Left`] is told after
//! [`LEAVE_WAIT`] at the latest and the thread goes on alone: the process may end any time after that, which is what
//! the group's session timeout is for.

use std::time::{Duration, Instant};

use super::{Phase, Poller};
use crate::engine::event::Event;

/// The longest wait for the coordinator before the driver is told that we have left.
const LEAVE_WAIT: Duration = Duration::from_secs(3);

impl Poller {
    pub(super) fn leave(&mut self) {
        if matches!(self.phase, Phase::Leaving { .. } | Phase::Over) {
            return;
        }
        // A client that met a fatal error does not close: it can only go.
        let closes = self.consumer.close_queue().is_ok();
        self.phase = Phase::Leaving { since: Instant::now(), told: false, closes };
        self.stash.clear();
        if self.revoke.is_some() || self.assigning.is_some() {
            self.answer_quietly();
        }
    }

    pub(super) fn check_left(&mut self, now: Instant) {
        let Phase::Leaving { since, told, closes } = self.phase else { return };
        let closed = !closes || self.consumer.closed();
        if !told && (closed || now.duration_since(since) > LEAVE_WAIT) {
            self.tell_left();
        }
        if closed && (self.outbox.is_empty() || self.outbox.is_closed()) {
            self.phase = Phase::Over;
        }
    }

    fn tell_left(&mut self) {
        self.outbox.push(Event::Left);
        if let Phase::Leaving { told, .. } = &mut self.phase {
            *told = true;
        }
    }
}
