//! Filling a batch: which of a lane's records go.
//!
//! Where order is free and control may choose, a window of the lane is laid out in the order asked for, the plan says
//! how many go and how much time each must have left, and the rest stays in place. In every other case the front of
//! the lane goes; the plan then only says how much of it. Every deadline is looked at here, whatever the plan says.

use crate::{
    control::{
        batch_policy::{Bounds, Plan, Waiting},
        route::Order,
        shed::{Fate, Room, Shed},
    },
    engine::{
        Effects, Engine,
        admission::is_expired,
        event::Reason,
        fact::Stage,
        queue::{Lane, LaneId},
        settings::Ordering,
        steer::GUARD,
    },
    record::{PartitionId, Record},
    time::{Now, UnixMillis},
};

/// Records looked at for one batch, so that a choice costs the same however long the lane is.
const VIEW_MAX: usize = 1024;

/// A window of a lane, in the order in which it is to be looked at.
#[derive(Debug, Default)]
pub struct View {
    waiting: Vec<Waiting>,
    /// Where each stands in the lane.
    places: Vec<u32>,
    /// What is taken out: place, and what becomes of it.
    picks: Vec<(u32, Pick)>,
    picked: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pick {
    Send,
    /// Foretold to be late, and sent to see whether that is right.
    Check,
    GiveUp,
    Expire,
}

impl View {
    fn lay_out(&mut self, lane: &Lane, order: Order, most: usize, wall: UnixMillis) {
        self.waiting.clear();
        self.places.clear();
        let len = lane.records.len();
        let many = u32::try_from(len.min(most)).unwrap_or(u32::MAX);
        match order {
            Order::Arrival => self.places.extend(0..many),
            Order::Newest => self.places.extend((0..u32::try_from(len).unwrap_or(u32::MAX)).rev().take(many as usize)),
            Order::Deadline => {
                self.places.extend(0..many);
                let deadline = |place: &u32| lane.records[*place as usize].notes.deadline.map_or(i64::MAX, |at| at.0);
                self.places.sort_unstable_by_key(|place| (deadline(place), *place));
            }
        }
        let seen = self.places.iter().map(|place| waiting(&lane.records[*place as usize], wall));
        self.waiting.extend(seen);
    }

    /// Decides about every record in the window; a plan's batch first, then what is hopeless.
    fn choose(&mut self, plan: &Plan, bounds: &Bounds, shed: &mut Shed) {
        self.picks.clear();
        let (mut taken, mut bytes) = (0, 0_u64);
        for (waiting, place) in self.waiting.iter().zip(&self.places) {
            let is_hopeless = plan.hopeless(waiting);
            let fits = || taken == 0 || bytes.saturating_add(waiting.bytes) <= bounds.bytes_max;
            let pick = if waiting.left_s < 0.0 {
                Pick::Expire
            } else if is_hopeless && shed.gives_up() {
                // What is only sent to see may not make a batch too large, nor be one of its own unless the worker is idle.
                let room = match taken {
                    0 if bounds.worker_is_idle && plan.take == 0 => Room::Idle,
                    1.. if taken < bounds.records_max && fits() => Room::Beside,
                    _ => Room::None,
                };
                match shed.judge(room) {
                    Fate::GiveUp => Pick::GiveUp,
                    Fate::Check => Pick::Check,
                    Fate::Keep => continue,
                }
            } else if waiting.left_s > plan.at_least_s && taken < plan.take && fits() {
                if is_hopeless { Pick::Check } else { Pick::Send }
            } else {
                continue;
            };
            if matches!(pick, Pick::Send | Pick::Check) {
                (taken, bytes) = (taken + 1, bytes.saturating_add(waiting.bytes));
            }
            self.picks.push((*place, pick));
        }
        self.picks.sort_unstable_by_key(|(place, _)| *place);
        self.picked.clear();
        self.picked.extend(self.picks.iter().map(|(place, _)| *place));
    }
}

fn waiting(record: &Record, wall: UnixMillis) -> Waiting {
    let left_s = match record.notes.deadline {
        None => f64::INFINITY,
        deadline if is_expired(deadline, wall) => -1.0,
        Some(deadline) => wall.until(deadline).as_secs_f64(),
    };
    Waiting { left_s, bytes: record.charge() }
}

impl Engine {
    /// Takes the next batch out of a lane, of no more than `most` records.
    pub(super) fn cut(&mut self, now: Now, lane: LaneId, most: u32, out: &mut Effects) -> Vec<Record> {
        let order = self.control.next_order(lane.0);
        let is_free = self.settings.ordering == Ordering::None;
        let chooses = is_free && (self.control.is_predictive() || order != Order::Arrival);
        let front = self.front(lane);
        let records =
            if chooses { self.pick(now, lane, order, most, out) } else { self.cut_front(now, lane, most, out) };
        let stays = self.front(lane) == front;
        if let Some(lane) = self.queue.lane_mut(lane) {
            lane.cut_at = stays.then_some(now.mono);
        }
        records.iter().for_each(|record| self.leave_queue(record, out));
        records
    }

    /// Which record is the first of a lane.
    fn front(&self, lane: LaneId) -> Option<(PartitionId, i64)> {
        self.queue.lane(lane)?.records.front().map(|record| (record.partition, record.offset))
    }

    /// A record goes from the queue into a batch.
    pub(super) fn leave_queue(&mut self, record: &Record, out: &mut Effects) {
        if let Some(partition) = self.partitions.current(record) {
            partition.queued -= 1;
        }
        self.reopen_partition(record.partition, out);
    }

    fn bounds(&self, records_max: u32, skips: bool) -> Bounds {
        Bounds {
            records_max,
            concurrency: self.values.concurrency,
            bytes_max: self.batch_bytes_max,
            guard_s: GUARD.as_secs_f64(),
            skips,
            worker_is_idle: self.in_flight.is_empty(),
        }
    }

    /// Any of the lane's records, in the order asked for.
    fn pick(&mut self, now: Now, lane: LaneId, order: Order, most: u32, out: &mut Effects) -> Vec<Record> {
        let Some(found) = self.queue.lane(lane) else { return Vec::new() };
        let skips = self.control.is_predictive();
        let bounds = self.bounds(most, skips);
        self.view.lay_out(found, order, VIEW_MAX, now.wall);
        let plan = self.control.plan(lane.0, &self.view.waiting, &bounds);
        self.view.choose(&plan, &bounds, self.control.shed_mut());
        let mut batch = self.spare.pop().unwrap_or_default();
        let mut kept = self.spare.pop().unwrap_or_default();
        let mut done = self.spare.pop().unwrap_or_default();
        let picks = &self.view.picks;
        self.queue.pick(lane, &self.view.picked, &mut kept, |index, mut record| match picks[index].1 {
            Pick::Send => batch.push(record),
            Pick::Check => {
                record.notes.foretold_late = true;
                batch.push(record);
            }
            Pick::GiveUp | Pick::Expire => done.push(record),
        });
        self.keep_spare(kept);
        for record in done.drain(..) {
            self.end_unsent(now, lane, record, out);
        }
        self.keep_spare(done);
        batch
    }

    /// A record leaves the queue without being sent: expired, or hopeless.
    pub(super) fn end_unsent(&mut self, now: Now, lane: LaneId, record: Record, out: &mut Effects) {
        if let Some(partition) = self.partitions.current(&record) {
            partition.queued -= 1;
        }
        if is_expired(record.notes.deadline, now.wall) {
            return self.expire(now, record, Stage::Batch, out);
        }
        self.control.lost(lane.0);
        self.skip(now, record, Reason::Hopeless, out);
    }

    /// The front of the lane. In the ordered modes blocked records are stepped over and stay.
    fn cut_front(&mut self, now: Now, lane: LaneId, most: u32, out: &mut Effects) -> Vec<Record> {
        let plan = self.plan_front(now, lane, most);
        let forming = self.in_flight.next_id().0;
        let mut records = self.spare.pop().unwrap_or_default();
        let mut blocked = self.spare.pop().unwrap_or_default();
        let mut bytes = 0;
        while records.len() < plan.take as usize {
            let next = self.queue.lane(lane).and_then(|lane| lane.records.front());
            let Some(charge) = next.map(Record::charge) else { break };
            if !records.is_empty() && bytes + charge > self.batch_bytes_max {
                break;
            }
            let Some(mut record) = self.queue.pop(lane) else { break };
            let is_hopeless = plan.hopeless(&waiting(&record, now.wall));
            if is_expired(record.notes.deadline, now.wall)
                || (is_hopeless && self.control.is_predictive() && self.gives_up())
            {
                self.end_unsent(now, lane, record, out);
            } else if self.order.try_hold(&mut record, forming) {
                bytes += charge;
                record.notes.foretold_late = is_hopeless;
                records.push(record);
            } else {
                blocked.push(record);
            }
        }
        self.queue.put_back(lane, &mut blocked);
        self.keep_spare(blocked);
        records
    }

    /// Whether a hopeless record at the front is given up. It cannot be left where it is, because others wait behind it.
    fn gives_up(&mut self) -> bool {
        self.control.shed_mut().judge(Room::Beside) == Fate::GiveUp
    }

    /// How much of the front is to go. As much as may where nothing is tuned, and where no deadline asks for less.
    fn plan_front(&mut self, now: Now, lane: LaneId, most: u32) -> Plan {
        let whole = Plan { take: most, at_least_s: f64::NEG_INFINITY, hopeless_s: f64::NEG_INFINITY, expected_s: 0.0 };
        let Some(found) = self.queue.lane(lane) else { return whole };
        if self.control.is_off() || found.earliest_deadline().is_none() {
            return whole;
        }
        let bounds = self.bounds(most, false);
        self.view.lay_out(found, Order::Arrival, most as usize, now.wall);
        let plan = self.control.plan(lane.0, &self.view.waiting, &bounds);
        if self.control.is_on() { plan } else { Plan { hopeless_s: plan.hopeless_s, ..whole } }
    }
}
