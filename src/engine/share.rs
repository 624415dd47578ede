//! How Kafka and the callers over HTTP share queue and batches, so that neither starves the other.
//!
//! Of the queue each has a reserve that the other cannot take; the rest goes to whoever comes first. Of the batches
//! each has its share by weight while both wait, counted in records; while one of them has nothing due the other may
//! have it all. A batch with room to spare takes along what waits on the other side of the same topic.

use crate::{
    engine::{
        Effects, Engine,
        admission::is_expired,
        queue::{Lane, LaneId},
        settings::EngineSettings,
        steer::GUARD,
    },
    record::Record,
    time::Now,
};

/// Whose turn it is.
#[derive(Debug, Default)]
pub struct Turns {
    /// Records, in hundredths, that the requests are owed; negative when they have had more than their share.
    owed: i64,
}

/// Nobody saves up more than this many records.
const SAVED_MAX: i64 = 256;

impl Turns {
    pub fn is_for_requests(&self) -> bool {
        self.owed >= 0
    }

    /// A batch went while both waited.
    pub fn took(&mut self, weight_pct: u32, requests: usize, others: usize) {
        let count = |records: usize| i64::try_from(records).unwrap_or(i64::MAX);
        let weight = i64::from(weight_pct.min(100));
        let due = weight.saturating_mul(count(others)).saturating_sub((100 - weight).saturating_mul(count(requests)));
        self.owed = self.owed.saturating_add(due).clamp(-100 * SAVED_MAX, 100 * SAVED_MAX);
    }
}

/// Records and bytes that only one side may take; the same for both.
pub fn reserve(settings: &EngineSettings) -> (u32, u64) {
    let Some(requests) = &settings.requests else { return (0, 0) };
    let pct = u64::from(requests.reserved_pct.min(50));
    let records = settings.queue_records_max.map_or(0, |max| {
        let share = u64::from(max) * pct / 100;
        u32::try_from(share).unwrap_or(u32::MAX).clamp(1, (max / 2).max(1))
    });
    (records, settings.queue_bytes_max / 100 * pct)
}

impl Engine {
    /// Requests in the queue, and their bytes.
    pub(super) fn requests_queued(&self) -> (u32, u64) {
        let lane = self.requests.lane().and_then(|lane| self.queue.lane(lane));
        lane.map_or((0, 0), |lane| (u32::try_from(lane.records.len()).unwrap_or(u32::MAX), lane.bytes))
    }

    /// Kafka's records in the queue, and their bytes.
    pub(super) fn kafka_queued(&self) -> (u32, u64) {
        let (records, bytes) = self.requests_queued();
        (self.queue.records() - records, self.queue.bytes() - bytes)
    }

    /// What of the queue Kafka cannot have: what requests hold, or what is kept for them.
    pub(super) fn not_for_kafka(&self) -> (u32, u64) {
        let ((records, bytes), (kept, kept_bytes)) = (self.requests_queued(), reserve(&self.settings));
        (records.max(kept), bytes.max(kept_bytes))
    }

    /// Whether a request of this size may enter: within its own bound, and beside what Kafka has and was granted.
    pub(super) fn has_room_for_request(&self, charge: u64) -> bool {
        let (queued, bytes) = self.requests_queued();
        let ((kafka, kafka_bytes), (kept, kept_bytes)) = (self.kafka_queued(), reserve(&self.settings));
        let (granted, granted_bytes) = self.credit.outstanding();
        let fits = self.settings.queue_records_max.is_none_or(|max| {
            queued < max.saturating_sub(kept) && kafka.saturating_add(granted).saturating_add(queued) < max
        });
        let (max, with) = (self.settings.queue_bytes_max, bytes.saturating_add(charge));
        let all = kafka_bytes.saturating_add(granted_bytes).saturating_add(with);
        fits && with <= max.saturating_sub(kept_bytes) && all <= max
    }

    /// The lane whose batch goes next, and whether the other side had one due as well.
    pub(super) fn next_lane(&self, now: Now) -> Option<(LaneId, bool)> {
        self.lane_of_turn(|id, lane| self.lane_wake(now, id, lane).is_some_and(|at| at <= now.mono))
    }

    /// The same, of those that have a record to probe a worker with that is taken for broken.
    pub(super) fn lane_to_probe_from(&self) -> Option<(LaneId, bool)> {
        let takes_requests = self.takes_requests();
        self.lane_of_turn(|_, lane| {
            !lane.records.is_empty() && !self.is_stuck(lane) && (takes_requests || !lane.of_requests)
        })
    }

    /// The lane that has waited longest, on the side whose turn it is.
    fn lane_of_turn(&self, may_go: impl Fn(LaneId, &Lane) -> bool) -> Option<(LaneId, bool)> {
        let first = |of_requests: bool| {
            let lanes = self.queue.lanes().filter(|(id, lane)| lane.of_requests == of_requests && may_go(*id, lane));
            lanes.min_by_key(|(_, lane)| lane.waits_since()).map(|(id, _)| id)
        };
        match (first(false), first(true)) {
            (Some(_), Some(requests)) if self.requests.turns.is_for_requests() => Some((requests, true)),
            (Some(kafka), Some(_)) => Some((kafka, true)),
            (one, other) => one.or(other).map(|lane| (lane, false)),
        }
    }

    /// When the lane's next batch is due, as far as its side may send at all.
    pub(super) fn lane_wake(&self, now: Now, id: LaneId, lane: &Lane) -> Option<crate::time::Instant> {
        let takes = if lane.of_requests { self.takes_requests() } else { self.takes_fresh() };
        if takes { self.lane_due(now, id, lane) } else { None }
    }

    /// Notes who had a batch that both waited for.
    pub(super) fn note_turn(&mut self, records: &[Record]) {
        let Some(weight) = self.settings.requests.as_ref().map(|settings| settings.weight_pct) else { return };
        let requests = records.iter().filter(|record| record.request().is_some()).count();
        self.requests.turns.took(weight, requests, records.len() - requests);
    }

    /// Fills what room a batch has left with what waits for the same topic on the other side, oldest first. Only where
    /// its own lane has nothing more to give: a batch that was kept small was kept so for a reason.
    pub(super) fn take_along(
        &mut self,
        now: Now,
        lane: LaneId,
        records: &mut Vec<Record>,
        most: u32,
        out: &mut Effects,
    ) {
        let is_spent = self.queue.lane(lane).is_some_and(|lane| lane.records.is_empty());
        let Some(beside) = self.queue.beside(lane).filter(|_| is_spent && !records.is_empty()) else { return };
        let takes = if lane_is_of_requests(self, beside) { self.takes_requests() } else { self.takes_fresh() };
        if !takes || !self.may_grow(now, lane, records, most) {
            return;
        }
        let forming = self.in_flight.next_id().0;
        let mut bytes: u64 = records.iter().map(Record::charge).sum();
        while records.len() < most as usize {
            let next = self.queue.lane(beside).and_then(|lane| lane.records.front());
            let Some(charge) = next.map(Record::charge).filter(|charge| bytes + charge <= self.batch_bytes_max) else {
                return;
            };
            let Some(mut record) = self.queue.pop(beside) else { return };
            if is_expired(record.notes.deadline, now.wall) {
                self.end_unsent(now, beside, record, out);
                continue;
            }
            if !self.order.try_hold(&mut record, forming) {
                return self.queue.put_back(beside, &mut vec![record]);
            }
            self.leave_queue(&record, out);
            bytes += charge;
            records.push(record);
        }
    }

    /// Whether a full batch still finishes before the tightest deadline in this one, as far as that is known.
    fn may_grow(&self, now: Now, lane: LaneId, records: &[Record], most: u32) -> bool {
        let tightest = records.iter().filter_map(|record| record.notes.deadline).min();
        let Some(tightest) = tightest.filter(|_| self.control.is_on()) else { return true };
        now.wall.until(tightest).as_secs_f64() > self.control.needs(lane.0, most) + GUARD.as_secs_f64()
    }
}

fn lane_is_of_requests(engine: &Engine, lane: LaneId) -> bool {
    engine.queue.lane(lane).is_some_and(|lane| lane.of_requests)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::settings::{RequestSettings, tests::settings};

    #[test]
    fn each_side_has_its_share_of_records_while_both_wait() {
        for (weight, batch) in [(50, 32), (20, 32), (80, 10), (1, 32), (99, 7)] {
            let (mut turns, mut requests, mut others) = (Turns::default(), 0, 0);
            for _ in 0..1000 {
                let for_requests = turns.is_for_requests();
                let (one, other) = if for_requests { (batch, 0) } else { (0, batch) };
                turns.took(weight, one, other);
                (requests, others) = (requests + one, others + other);
            }
            let share = 100.0 * requests as f64 / (requests + others) as f64;
            assert!((share - f64::from(weight)).abs() < 1.0, "{share} of {weight}");
        }
    }

    #[test]
    fn nobody_saves_up_for_long() {
        let mut turns = Turns::default();
        turns.took(50, 0, 1_000_000);
        let owed = (0..).take_while(|_| {
            turns.took(50, 32, 0);
            turns.is_for_requests()
        });
        assert!(owed.count() <= 16);
    }

    #[test]
    fn the_reserve_leaves_each_side_something_and_is_nothing_without_requests() {
        let with = |queue_records_max, reserved_pct| EngineSettings {
            queue_records_max,
            queue_bytes_max: 1000,
            requests: Some(RequestSettings { reserved_pct, ..RequestSettings::default() }),
            ..settings()
        };
        assert_eq!(reserve(&with(Some(512), 20)), (102, 200));
        assert_eq!(reserve(&with(Some(2), 1)), (1, 10));
        assert_eq!(reserve(&with(Some(10), 50)), (5, 500));
        assert_eq!(reserve(&with(None, 20)), (0, 200));
        assert_eq!(reserve(&EngineSettings { requests: None, ..settings() }), (0, 0));
    }
}
