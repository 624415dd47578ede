//! Requests over HTTP: whoever asked is waiting, so each is answered once, in time, and never tried again for nobody.
//!
//! A request travels as a [`Record`] like any other, through the same queue, batches and retries. What differs is here:
//! it has no partition, so nothing of it is committed, dead-lettered, ordered or paused; and an entry in the table of
//! open requests stands where a partition's epoch stands for a record. Once the entry is gone, the record is nobody's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::{
    control::estimator::rate::Rate,
    engine::{
        Effects, Engine,
        admission::is_expired,
        event::{Action, Outcome, Reason, Reply, Request, Said},
        fact::Fact,
        queue::LaneId,
        sentinel::Invariant,
        share::{Turns, reserve},
        snapshot::RequestsState,
    },
    record::{Record, RequestId},
    time::{Instant, Now, UnixMillis},
};

/// The longest and the shortest that somebody is told to wait before asking again.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Where an open request's record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Queued,
    /// With the worker.
    Out,
    /// Waiting for its next try.
    Retrying,
}

/// A request that is not answered yet.
#[derive(Debug)]
struct Open {
    deadline: UnixMillis,
    arrived: Instant,
    /// When it was first sent.
    sent: Option<Instant>,
    place: Place,
    /// What the worker said of it last.
    said: Said,
}

/// Bound: what the queue, the batches that are out and the retry pool may hold.
#[derive(Debug, Default)]
pub struct Requests {
    open: BTreeMap<RequestId, Open>,
    by_arrival: BTreeSet<(Instant, RequestId)>,
    by_deadline: BTreeSet<(UnixMillis, RequestId)>,
    /// Made with the first request.
    lane: Option<LaneId>,
    /// How fast they leave the queue for the worker.
    leaving: Rate,
    pub turns: Turns,
}

impl Requests {
    pub fn lane(&self) -> Option<LaneId> {
        self.lane
    }

    /// Whether somebody still waits for it.
    pub fn is_open(&self, id: RequestId) -> bool {
        self.open.contains_key(&id)
    }

    pub fn open(&self) -> u32 {
        u32::try_from(self.open.len()).unwrap_or(u32::MAX)
    }

    /// Notes where the record of an open request goes.
    pub fn moved(&mut self, now: Instant, record: &Record, place: Place) {
        let Some(open) = record.request().and_then(|id| self.open.get_mut(&id)) else { return };
        if place == Place::Out && open.place == Place::Queued {
            self.leaving.add(now, 1);
        }
        if place == Place::Out {
            open.sent.get_or_insert(now);
        }
        open.place = place;
    }

    /// Keeps what the worker said, for the answer.
    pub fn heard(&mut self, said: Vec<(RequestId, Said)>) {
        for (id, said) in said {
            if let Some(open) = self.open.get_mut(&id) {
                open.said = said;
            }
        }
    }

    fn enter(&mut self, now: Instant, id: RequestId, deadline: UnixMillis) {
        self.by_deadline.insert((deadline, id));
        self.by_arrival.insert((now, id));
        let (place, said) = (Place::Queued, Said::default());
        self.open.insert(id, Open { deadline, arrived: now, sent: None, place, said });
    }

    fn leave(&mut self, id: RequestId) -> Option<Open> {
        let open = self.open.remove(&id)?;
        self.by_deadline.remove(&(open.deadline, id));
        self.by_arrival.remove(&(open.arrived, id));
        Some(open)
    }

    /// One whose time is up, by its deadline or because it has waited as long as any may.
    fn overdue(&self, now: Now, timeout: Duration) -> Option<RequestId> {
        let expired = self.by_deadline.first().filter(|(deadline, _)| is_expired(Some(*deadline), now.wall));
        let oldest = self.by_arrival.first().filter(|(arrived, _)| now.mono > *arrived + timeout);
        expired.map(|(_, id)| *id).or(oldest.map(|(_, id)| *id))
    }
}

impl Engine {
    pub(super) fn on_requested(&mut self, now: Now, request: Request, out: &mut Effects) {
        let Request { mut record, deadline } = request;
        let (Some(id), Some(settings)) = (record.request(), self.settings.requests.as_ref()) else { return };
        if self.requests.is_open(id) {
            return self.violate(Invariant::I1, format!("two requests are numbered {}", id.0), out);
        }
        let latest = UnixMillis(now.wall.0.saturating_add(millis(settings.timeout)));
        let deadline = deadline.map_or(latest, |asked| asked.min(latest));
        let topic = Arc::clone(&settings.topic);
        record.notes.deadline = Some(deadline);
        record.notes.admitted_at = now.mono;
        let lane = self.request_lane(&topic);
        self.control.arrived(now.mono, lane.0, Some(now.wall.until(deadline)));
        self.requests.leaving.tick(now.mono);
        let (bytes, depth) = (record.charge(), self.requests_queued().0);
        if self.drain.is_some() {
            return self.turn_away(id, Outcome::Draining, out);
        }
        if is_expired(Some(deadline), now.wall) {
            return self.turn_away(id, Outcome::Expired, out);
        }
        if record.payload.len() as u64 > self.settings.max_record_bytes {
            let (reason, said) = (Reason::TooLarge, Said::default());
            return self.turn_away(id, Outcome::Rejected { reason, said, detail: None }, out);
        }
        if !self.has_room_for_request(bytes) {
            let retry_after = self.retry_after(now);
            out.fact(Fact::RequestRejectedFull { request: id, bytes, depth, retry_after });
            return out.actions.push(Action::Reply(Reply { id, outcome: Outcome::Full { retry_after } }));
        }
        self.requests.enter(now.mono, id, deadline);
        self.queue.push(lane, record);
        out.fact(Fact::RequestEnqueued { request: id, bytes, depth: depth + 1 });
    }

    /// Answers one that is not taken in.
    fn turn_away(&mut self, request: RequestId, outcome: Outcome, out: &mut Effects) {
        let (waited, took) = (Duration::ZERO, Duration::ZERO);
        out.fact(Fact::RequestDone { request, outcome: outcome.name(), waited, took });
        out.actions.push(Action::Reply(Reply { id: request, outcome }));
    }

    /// The requests' lane, and the route that control knows it by.
    fn request_lane(&mut self, topic: &Arc<str>) -> LaneId {
        if let Some(lane) = self.requests.lane {
            return lane;
        }
        let lane = self.queue.request_lane(topic);
        self.control.add_route(lane.0, &format!("{topic} over http"));
        self.requests.lane = Some(lane);
        lane
    }

    /// Nobody waits any more: what was not sent is let go, and what is out is not tried again.
    pub(super) fn on_caller_gone(&mut self, now: Now, id: RequestId, out: &mut Effects) {
        self.close(now, id, "gone", out);
    }

    /// Gives the one answer. Nothing where it was given, or where nobody waits.
    pub(super) fn answer(&mut self, now: Now, id: RequestId, outcome: impl FnOnce(Said) -> Outcome, out: &mut Effects) {
        let Some(said) = self.requests.open.get_mut(&id).map(|open| std::mem::take(&mut open.said)) else { return };
        let outcome = outcome(said);
        self.close(now, id, outcome.name(), out);
        out.actions.push(Action::Reply(Reply { id, outcome }));
    }

    /// Its record is nobody's from here on: taken out of wherever it waits, or ignored when it comes back.
    fn close(&mut self, now: Now, id: RequestId, outcome: &'static str, out: &mut Effects) {
        let Some(open) = self.requests.leave(id) else { return };
        let took = now.mono.since(open.arrived);
        let waited = open.sent.map_or(took, |sent| sent.since(open.arrived));
        out.fact(Fact::RequestDone { request: id, outcome, waited, took });
        match (open.place, self.requests.lane) {
            (Place::Queued, Some(lane)) => drop(self.queue.remove(lane, id)),
            (Place::Retrying, _) => {
                let wanted = |record: &Record| record.request() == Some(id);
                self.retries.drop_all(wanted);
                self.in_flight.behind_mut().for_each(|behind| behind.retain(|record| !wanted(record)));
            }
            _ => {}
        }
    }

    /// Its time is up: why depends on whether the worker could have taken it.
    pub(super) fn expire_request(&mut self, now: Now, id: RequestId, out: &mut Effects) {
        let trouble = self.worker.trouble().map(|trouble| (trouble.name(), self.retry_after(now)));
        let outcome =
            trouble.map_or(Outcome::Expired, |(cause, retry_after)| Outcome::Unavailable { cause, retry_after });
        if let Some(lane) = self.requests.lane.filter(|_| self.requests.is_open(id)) {
            self.control.lost(lane.0);
        }
        self.answer(now, id, |_| outcome, out);
    }

    /// Answers everybody whose time is up, wherever their records are.
    pub(super) fn expire_requests(&mut self, now: Now, out: &mut Effects) {
        let Some(timeout) = self.settings.requests.as_ref().map(|settings| settings.timeout) else { return };
        while let Some(id) = self.requests.overdue(now, timeout) {
            self.expire_request(now, id, out);
        }
    }

    /// The record cannot be worked on, whatever its answer is.
    pub(super) fn reject(&mut self, now: Now, id: RequestId, reason: Reason, why: Why, out: &mut Effects) {
        let Why { status, detail } = why;
        let outcome = |said: Said| match reason {
            Reason::OutOfAttempts => Outcome::Failed { detail },
            Reason::Hopeless => Outcome::Expired,
            _ => Outcome::Rejected { reason, said: Said { status: said.status.or(status), ..said }, detail },
        };
        self.answer(now, id, outcome, out);
    }

    /// On the way out, and there is no worker for those who wait, or no more time for anybody: they are told so.
    pub(super) fn dismiss_requests(&mut self, now: Now, with_those_out: bool, out: &mut Effects) {
        let waits = |open: &Open| with_those_out || open.place != Place::Out;
        let ids: Vec<_> = self.requests.open.iter().filter(|(_, open)| waits(open)).map(|(id, _)| *id).collect();
        for id in ids {
            self.answer(now, id, |_| Outcome::Draining, out);
        }
    }

    pub(super) fn requests_state(&self) -> Option<RequestsState> {
        let settings = self.settings.requests.as_ref()?;
        let ((queued, bytes), (kept, kept_bytes)) = (self.requests_queued(), reserve(&self.settings));
        let at = |place| self.requests.open.values().filter(|open| open.place == place).count();
        Some(RequestsState {
            topic: settings.topic.to_string(),
            open: self.requests.open(),
            queued,
            queued_max: self.settings.queue_records_max.map(|max| max.saturating_sub(kept)),
            queued_bytes: bytes,
            queued_bytes_max: self.settings.queue_bytes_max.saturating_sub(kept_bytes),
            reserved_records: kept,
            reserved_bytes: kept_bytes,
            in_flight: u32::try_from(at(Place::Out)).unwrap_or(u32::MAX),
            retrying: u32::try_from(at(Place::Retrying)).unwrap_or(u32::MAX),
            dispatched_per_s: self.requests.leaving.quick(),
            weight_pct: settings.weight_pct,
        })
    }

    /// When there should be room again: as long as those who wait need to leave the queue.
    fn retry_after(&self, now: Now) -> Duration {
        let (least, most) = RETRY_AFTER;
        let (waiting, rate) = (f64::from(self.requests_queued().0.max(1)), self.requests.leaving.quick());
        let drain = if rate > 0.0 { Duration::try_from_secs_f64(waiting / rate).unwrap_or(most) } else { least };
        let hold = self.worker.next_wake().map_or(Duration::ZERO, |until| until.since(now.mono));
        drain.max(hold).clamp(least, most)
    }

    pub(super) fn requests_wake(&self, now: Now) -> Option<Instant> {
        let timeout = self.settings.requests.as_ref()?.timeout;
        let oldest = self.requests.by_arrival.first().map(|(arrived, _)| *arrived + timeout);
        let expired = self.requests.by_deadline.first().map(|(deadline, _)| now.mono_at(*deadline));
        oldest.into_iter().chain(expired).min().map(|at| at + JUST_PAST)
    }
}

/// What is known of a failure beside its reason.
#[derive(Debug, Default)]
pub struct Why {
    pub status: Option<u16>,
    pub detail: Option<Box<str>>,
}

/// Expired means past the deadline.
const JUST_PAST: Duration = Duration::from_millis(1);

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
