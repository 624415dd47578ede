//! Admitted records that wait for a batch: one lane per topic, one count of records and bytes over all.
//!
//! The bounds themselves are kept by [`credit`](crate::engine::credit): the source is never granted more than there is
//! room for, so the queue cannot be overrun and never refuses.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    record::{PartitionId, Record, RequestId},
    time::{Instant, UnixMillis},
};

/// Index of a topic's lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LaneId(pub usize);

#[derive(Debug, Default)]
pub struct Queue {
    lanes: Vec<Lane>,
    records: u32,
    bytes: u64,
    peak: u32,
}

/// Records of one topic, oldest first.
#[derive(Debug)]
pub struct Lane {
    pub topic: Arc<str>,
    /// Of requests over HTTP, not of a topic's records.
    pub of_requests: bool,
    pub records: VecDeque<Record>,
    pub bytes: u64,
    /// Never later than the earliest deadline in the lane; exact after [`Queue::sweep`].
    earliest: Option<UnixMillis>,
    /// Where the last search found nothing that can go now: `(locks freed, batches settled, lane length)`.
    pub stuck_at: Option<(u64, u64, usize)>,
    /// When it last gave a batch that was not its front: its front says nothing then of how long it has waited.
    pub cut_at: Option<Instant>,
}

impl Queue {
    /// The lane of a topic, made on first sight. Bounded by the number of topics.
    pub fn lane_id(&mut self, topic: &Arc<str>) -> LaneId {
        self.find_or_make(topic, false)
    }

    /// The lane of the requests that the worker is to see as records of this topic.
    pub fn request_lane(&mut self, topic: &Arc<str>) -> LaneId {
        self.find_or_make(topic, true)
    }

    fn find_or_make(&mut self, topic: &Arc<str>, of_requests: bool) -> LaneId {
        let found = self.find(topic, of_requests);
        found.unwrap_or_else(|| {
            let topic = Arc::clone(topic);
            let records = VecDeque::new();
            self.lanes.push(Lane {
                topic,
                of_requests,
                records,
                bytes: 0,
                earliest: None,
                stuck_at: None,
                cut_at: None,
            });
            LaneId(self.lanes.len() - 1)
        })
    }

    fn find(&self, topic: &Arc<str>, of_requests: bool) -> Option<LaneId> {
        self.lanes.iter().position(|lane| lane.of_requests == of_requests && lane.topic == *topic).map(LaneId)
    }

    /// The lane whose records may go in the same batch: the same topic's from the other side.
    pub fn beside(&self, lane: LaneId) -> Option<LaneId> {
        let lane = self.lane(lane)?;
        self.find(&lane.topic, !lane.of_requests)
    }

    pub fn push(&mut self, lane: LaneId, record: Record) {
        let charge = record.charge();
        let Some(lane) = self.lanes.get_mut(lane.0) else { return };
        lane.earliest = min_deadline(lane.earliest, record.notes.deadline);
        lane.bytes += charge;
        lane.records.push_back(record);
        self.bytes += charge;
        self.records += 1;
        self.peak = self.peak.max(self.records);
    }

    /// Takes the oldest record of a lane.
    pub fn pop(&mut self, lane: LaneId) -> Option<Record> {
        let lane = self.lanes.get_mut(lane.0)?;
        let record = lane.records.pop_front()?;
        let charge = record.charge();
        lane.bytes -= charge;
        if lane.records.is_empty() {
            lane.earliest = None;
        }
        self.bytes -= charge;
        self.records -= 1;
        Some(record)
    }

    /// Puts back what was taken and not used, oldest first in `records`.
    pub fn put_back(&mut self, lane: LaneId, records: &mut Vec<Record>) {
        let Some(lane) = self.lanes.get_mut(lane.0) else { return };
        while let Some(record) = records.pop() {
            let charge = record.charge();
            lane.earliest = min_deadline(lane.earliest, record.notes.deadline);
            lane.bytes += charge;
            self.bytes += charge;
            self.records += 1;
            lane.records.push_front(record);
        }
    }

    /// Takes the records at these places of a lane, in ascending order, and hands each over with its index in
    /// `places`. What stays keeps its order. `kept` is lent for the work.
    pub fn pick(&mut self, lane: LaneId, places: &[u32], kept: &mut Vec<Record>, mut with: impl FnMut(usize, Record)) {
        let Some(lane) = self.lanes.get_mut(lane.0) else { return };
        let Some(last) = places.last() else { return };
        let mut next = 0;
        for place in 0..=*last {
            let Some(record) = lane.records.pop_front() else { break };
            if places.get(next) != Some(&place) {
                kept.push(record);
                continue;
            }
            let charge = record.charge();
            lane.bytes -= charge;
            self.bytes -= charge;
            self.records -= 1;
            with(next, record);
            next += 1;
        }
        while let Some(record) = kept.pop() {
            lane.records.push_front(record);
        }
        lane.earliest = lane.records.iter().filter_map(|record| record.notes.deadline).min();
    }

    /// Takes one request out, wherever it is in its lane.
    pub fn remove(&mut self, lane: LaneId, request: RequestId) -> Option<Record> {
        let lane = self.lanes.get_mut(lane.0)?;
        let place = lane.records.iter().position(|record| record.request() == Some(request))?;
        let record = lane.records.remove(place)?;
        let charge = record.charge();
        lane.bytes -= charge;
        self.bytes -= charge;
        self.records -= 1;
        Some(record)
    }

    /// Removes every record that `take` wants, in order, and hands it over.
    pub fn extract(&mut self, mut take: impl FnMut(&Record) -> bool, mut with: impl FnMut(LaneId, Record)) {
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            // In place: the lane is turned round once, and what stays goes to the back again in order.
            for _ in 0..lane.records.len() {
                let Some(record) = lane.records.pop_front() else { break };
                if take(&record) {
                    let charge = record.charge();
                    lane.bytes -= charge;
                    self.bytes -= charge;
                    self.records -= 1;
                    with(LaneId(index), record);
                } else {
                    lane.records.push_back(record);
                }
            }
            lane.stuck_at = None;
        }
    }

    /// Removes what has expired and makes the lanes' earliest deadlines exact.
    pub fn sweep(&mut self, wall: UnixMillis, with: impl FnMut(LaneId, Record)) {
        if self.earliest_deadline().is_none_or(|earliest| earliest >= wall) {
            return;
        }
        self.extract(|record| record.notes.deadline.is_some_and(|deadline| wall > deadline), with);
        for lane in &mut self.lanes {
            lane.earliest = lane.records.iter().filter_map(|record| record.notes.deadline).min();
        }
    }

    /// Removes everything of one partition.
    pub fn abandon(&mut self, partition: PartitionId, with: impl FnMut(LaneId, Record)) {
        self.extract(|record| record.partition == partition, with);
    }

    /// No record in the queue expires before this.
    pub fn earliest_deadline(&self) -> Option<UnixMillis> {
        self.lanes.iter().filter_map(|lane| lane.earliest).min()
    }

    pub fn lanes(&self) -> impl Iterator<Item = (LaneId, &Lane)> {
        self.lanes.iter().enumerate().map(|(index, lane)| (LaneId(index), lane))
    }

    pub fn lane(&self, lane: LaneId) -> Option<&Lane> {
        self.lanes.get(lane.0)
    }

    pub fn lane_mut(&mut self, lane: LaneId) -> Option<&mut Lane> {
        self.lanes.get_mut(lane.0)
    }

    pub fn records(&self) -> u32 {
        self.records
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Highest number of records since the start.
    pub fn peak(&self) -> u32 {
        self.peak
    }

    /// When the oldest record was admitted.
    pub fn oldest(&self) -> Option<Instant> {
        self.lanes.iter().filter_map(|lane| lane.oldest()).min()
    }
}

impl Lane {
    pub fn oldest(&self) -> Option<Instant> {
        self.records.front().map(|record| record.notes.admitted_at)
    }

    /// Since when it has waited for its turn.
    pub fn waits_since(&self) -> Option<Instant> {
        self.oldest().max(self.cut_at)
    }

    /// No record in the lane expires before this.
    pub fn earliest_deadline(&self) -> Option<UnixMillis> {
        self.earliest
    }
}

fn min_deadline(a: Option<UnixMillis>, b: Option<UnixMillis>) -> Option<UnixMillis> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{MIN_CHARGE_BYTES, Payload};

    fn record(offset: i64, deadline: Option<i64>) -> Record {
        let mut record = Record::new(PartitionId(offset as u32 % 2), 0, offset, -1, Payload::new(None, Some(b"")));
        record.notes.deadline = deadline.map(UnixMillis);
        record
    }

    fn filled(deadlines: &[Option<i64>]) -> (Queue, LaneId) {
        let mut queue = Queue::default();
        let lane = queue.lane_id(&Arc::from("t"));
        for (offset, deadline) in deadlines.iter().enumerate() {
            queue.push(lane, record(offset as i64, *deadline));
        }
        (queue, lane)
    }

    #[test]
    fn depth_and_bytes_follow_every_way_in_and_out() {
        let (mut queue, lane) = filled(&[None, None, None, None]);
        assert_eq!((queue.records(), queue.bytes(), queue.peak()), (4, 4 * MIN_CHARGE_BYTES, 4));
        let mut taken = vec![queue.pop(lane).unwrap(), queue.pop(lane).unwrap()];
        queue.put_back(lane, &mut taken);
        assert_eq!(queue.lane(lane).unwrap().records.iter().map(|r| r.offset).collect::<Vec<_>>(), [0, 1, 2, 3]);
        let mut gone = vec![];
        queue.abandon(PartitionId(1), |_, r| gone.push(r.offset));
        assert_eq!(gone, [1, 3]);
        assert_eq!((queue.records(), queue.bytes(), queue.peak()), (2, 2 * MIN_CHARGE_BYTES, 4));
    }

    #[test]
    fn a_sweep_takes_what_is_past_its_deadline_and_keeps_the_order_of_the_rest() {
        let (mut queue, lane) = filled(&[Some(10), None, Some(5), Some(20)]);
        let mut gone = vec![];
        queue.sweep(UnixMillis(5), |_, r| gone.push(r.offset));
        assert!(gone.is_empty(), "at the deadline is not past it");
        queue.sweep(UnixMillis(11), |_, r| gone.push(r.offset));
        assert_eq!(gone, [0, 2]);
        assert_eq!(queue.lane(lane).unwrap().records.iter().map(|r| r.offset).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(queue.earliest_deadline(), Some(UnixMillis(20)));
    }
}
