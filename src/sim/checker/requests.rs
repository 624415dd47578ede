//! Requests over HTTP: each is answered once and in time, with what was said of it and of no other; nothing is sent for
//! who was answered or has gone.

use std::collections::BTreeMap;

use crate::{
    control::settings::TtlMode,
    engine::{
        event::{Batch, BatchId, Outcome, Reply, Request, Said},
        snapshot::Snapshot,
    },
    record::RequestId,
    sim::{
        checker::{Checker, Promise, answers::Meaning},
        requests::result,
    },
    time::{Instant, Now, UnixMillis},
};

/// Those that reached the engine and are not answered.
#[derive(Debug, Default)]
pub struct Requests {
    open: BTreeMap<RequestId, Ask>,
    /// Deadlines of those that are out, answered or not.
    sent: BTreeMap<RequestId, UnixMillis>,
}

#[derive(Debug, Clone, Copy)]
struct Ask {
    deadline: UnixMillis,
    /// As long as any of them may wait.
    until: Instant,
    too_large: bool,
    out: Option<BatchId>,
    /// What the last answer meant for it.
    last: Option<Meaning>,
}

impl Requests {
    pub fn all_answered(&self) -> bool {
        self.open.is_empty()
    }

    /// Those that are not with the worker.
    pub fn waiting(&self) -> u64 {
        self.open.values().filter(|ask| ask.out.is_none()).count() as u64
    }
}

impl Checker {
    pub(super) fn on_requested(&mut self, now: Now, request: &Request) {
        let (Some(id), Some(settings)) = (request.record.request(), &self.settings.requests) else { return };
        self.tally.asked += 1;
        let latest = UnixMillis(now.wall.0 + settings.timeout.as_millis() as i64);
        let ask = Ask {
            deadline: request.deadline.map_or(latest, |asked| asked.min(latest)),
            until: now.mono + settings.timeout,
            too_large: request.record.payload.len() as u64 > self.settings.max_record_bytes,
            out: None,
            last: None,
        };
        self.requests.open.insert(id, ask);
    }

    pub(super) fn on_caller_gone(&mut self, id: RequestId) {
        self.tally.hung_up += u64::from(self.requests.open.remove(&id).is_some());
    }

    pub(super) fn on_request_sent(&mut self, now: Now, id: RequestId, batch: &Batch) {
        let topic = self.settings.requests.as_ref().map(|settings| &settings.topic);
        if topic != Some(&batch.topic) {
            self.violate(now.mono, Promise::I5, format!("request {} is in a batch of {}", id.0, batch.topic));
        }
        let Some(ask) = self.requests.open.get_mut(&id) else {
            return self.violate(now.mono, Promise::I1, format!("request {} is sent, and nobody waits for it", id.0));
        };
        let (was_out, deadline) = (ask.out.replace(batch.id), ask.deadline);
        self.requests.sent.insert(id, deadline);
        if was_out.is_some() {
            self.violate(now.mono, Promise::I1, format!("request {} is sent where it is out already", id.0));
        }
    }

    pub(super) fn check_request_deadline(&mut self, now: Now, id: RequestId) {
        if self.requests.sent.get(&id).is_some_and(|deadline| now.wall > *deadline) {
            self.violate(now.mono, Promise::I4, format!("request {} is sent after its deadline", id.0));
        }
    }

    pub(super) fn on_request_settled(&mut self, now: Now, id: RequestId, meaning: Meaning) {
        if self.requests.sent.remove(&id).is_none() {
            self.violate(now.mono, Promise::I1, format!("request {} is answered twice by the worker", id.0));
        }
        if let Some(ask) = self.requests.open.get_mut(&id) {
            (ask.out, ask.last) = (None, Some(meaning));
        }
    }

    pub(super) fn on_reply(&mut self, now: Now, reply: &Reply) {
        let Reply { id, outcome } = reply;
        let Some(ask) = self.requests.open.remove(id) else {
            return self.violate(
                now.mono,
                Promise::I1,
                format!("request {} is answered, and nobody waits for it", id.0),
            );
        };
        let has_expired = now.wall > ask.deadline || now.mono > ask.until;
        let foretold = self.settings.control.ttl_mode == TtlMode::Predictive;
        let given_up = matches!(ask.last, Some(Meaning::GivenUp(_) | Meaning::Charged));
        let own = |said: &Said| said.result.as_ref().is_none_or(|said| *said == result(*id));
        let tally = &mut self.tally;
        let (count, fits) = match outcome {
            Outcome::Done(said) => (&mut tally.served, ask.last == Some(Meaning::Success) && own(said)),
            Outcome::Rejected { said, .. } => (&mut tally.refused, (given_up || ask.too_large) && own(said)),
            Outcome::Failed { .. } => (&mut tally.refused, given_up),
            Outcome::Expired | Outcome::Unavailable { .. } => (&mut tally.timed_out, has_expired || foretold),
            Outcome::Full { retry_after } => (&mut tally.turned_away, !retry_after.is_zero() && ask.last.is_none()),
            Outcome::Draining => (&mut tally.dismissed, self.draining),
        };
        *count += 1;
        if !fits {
            self.violate(now.mono, Promise::I1, format!("request {} is answered {outcome:?}: {ask:?}", id.0));
        }
    }

    /// After a step nobody is left whose time is up, and all that is shown is true.
    pub(super) fn check_requests(&mut self, now: Now, snapshot: &Snapshot) {
        let overdue = |ask: &Ask| now.wall > ask.deadline || now.mono > ask.until;
        if let Some((id, ask)) = self.requests.open.iter().find(|(_, ask)| overdue(ask)) {
            let what = format!("request {} still waits: {ask:?}", id.0);
            return self.violate(now.mono, Promise::I8, what);
        }
        let Some(shown) = &snapshot.requests else { return };
        if u64::from(shown.open) != self.requests.open.len() as u64 {
            let what = format!("{} requests are said to be open, {} are", shown.open, self.requests.open.len());
            self.violate(now.mono, Promise::I6, what);
        }
        let kafka = (snapshot.queue.records - shown.queued, snapshot.queue.bytes - shown.queued_bytes);
        let share = |max: u32| max - shown.reserved_records;
        let over = shown.queued_max.is_some_and(|max| shown.queued > max)
            || shown.queued_bytes > shown.queued_bytes_max
            || self.settings.queue_records_max.is_some_and(|max| kafka.0 > share(max))
            || kafka.1 > self.settings.queue_bytes_max - shown.reserved_bytes;
        if over {
            self.violate(
                now.mono,
                Promise::I6,
                format!("one side has what is kept for the other: {shown:?}, {kafka:?}"),
            );
        }
    }

    /// Their process is gone, and their connections with it.
    pub(super) fn requests_lost(&mut self) {
        self.tally.hung_up += self.requests.open.len() as u64;
        self.requests = Requests::default();
    }
}
