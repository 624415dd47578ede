//! The consumer as the engine meets it: fetches ahead, hands over against credit, pauses, resumes, holds what is
//! revoked until it is released.
//!
//! It keeps the real adapter's habits that matter: a pause throws the prefetch away but not what was already taken; every
//! resume and every rebalance puts the client back to the last record taken; commands and events cross on their way,
//! each in its own order.

use std::collections::VecDeque;

use crate::{
    engine::event::{Event, PartitionEnd, Progress},
    record::PartitionId,
    sim::{
        broker::{
            log::Log,
            stash::{Entry, Stash},
        },
        due::{Cx, Due},
        scheduler::Pipe,
        setup::{BrokerSetup, Latency},
        trace::Step,
    },
};

#[derive(Debug)]
pub struct Client {
    pub slots: Vec<Slot>,
    stash: Stash,
    ahead: VecDeque<Ahead>,
    events: Pipe,
    channel: Latency,
    fetch_records: usize,
    prefetch_records: usize,
    turn_due: bool,
    pub left: bool,
}

/// One partition as the client has it.
#[derive(Debug, Default)]
pub struct Slot {
    pub phase: Phase,
    /// How often it was assigned.
    pub begun: u32,
    /// What was fetched under an older one is thrown away.
    generation: u32,
    fetching: bool,
    fetch_from: i64,
    /// The next offset to take out of the prefetch.
    taken: i64,
    /// The next offset to hand over, once something was.
    pub handed: Option<i64>,
    paused: bool,
    /// A stall: not fetched until it is repaired.
    pub stuck: bool,
    end_told: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    #[default]
    Released,
    Assigned,
    Revoking,
}

/// Something fetched.
#[derive(Debug)]
struct Ahead {
    partition: PartitionId,
    generation: u32,
    /// Index of the record, or the end that was reached.
    what: Result<usize, i64>,
}

impl Client {
    pub fn new(partitions: usize, setup: &BrokerSetup, poll_records_max: u32, record_bytes_max: u64) -> Self {
        Self {
            slots: (0..partitions).map(|_| Slot::default()).collect(),
            stash: Stash::new(poll_records_max, record_bytes_max),
            ahead: VecDeque::new(),
            events: Pipe::default(),
            channel: setup.channel,
            fetch_records: setup.fetch_records as usize,
            prefetch_records: setup.prefetch_records as usize,
            turn_due: false,
            left: false,
        }
    }

    /// Sends an event to the engine, behind all that were sent before.
    pub fn tell(&mut self, cx: &mut Cx<'_>, event: Event) {
        let delay = self.channel.draw(cx.rng);
        let at = self.events.arrival(cx.now.mono, delay);
        cx.schedule.at(at, Due::ToEngine { process: cx.process, event });
    }

    pub fn assigned(&self) -> impl Iterator<Item = PartitionId> {
        self.in_phase(Phase::Assigned)
    }

    pub fn in_phase(&self, phase: Phase) -> impl Iterator<Item = PartitionId> {
        (0..).map(PartitionId).zip(&self.slots).filter(move |(_, slot)| slot.phase == phase).map(|(id, _)| id)
    }

    pub fn slot_mut(&mut self, id: PartitionId) -> Option<&mut Slot> {
        self.slots.get_mut(id.index())
    }

    /// Begins to read a partition.
    pub fn begin(&mut self, id: PartitionId, from: i64) {
        if let Some(slot) = self.slots.get_mut(id.index()) {
            let (generation, begun) = (slot.generation + 1, slot.begun + 1);
            *slot =
                Slot { phase: Phase::Assigned, begun, generation, fetch_from: from, taken: from, ..Slot::default() };
        }
    }

    /// Nothing more of a partition is handed over.
    pub fn stop(&mut self, id: PartitionId, phase: Phase) {
        self.stash.drop_partition(id);
        if let Some(slot) = self.slots.get_mut(id.index()) {
            slot.phase = phase;
            slot.reset();
        }
        self.purge();
    }

    pub fn stop_all(&mut self) {
        self.stash.clear();
        self.slots.iter_mut().for_each(|slot| {
            slot.phase = Phase::Released;
            slot.reset();
        });
        self.purge();
    }

    /// Puts a partition to where it was last taken from.
    pub fn place(&mut self, id: PartitionId) {
        if let Some(slot) = self.slots.get_mut(id.index()) {
            slot.reset();
        }
        self.purge();
    }

    /// Of what was read the log is read again from `pct` percent on.
    pub fn rewind(&mut self, id: PartitionId, start: i64, pct: u32) {
        if let Some(slot) = self.slots.get_mut(id.index()).filter(|slot| slot.phase == Phase::Assigned) {
            slot.taken = start + (slot.taken - start).max(0) * i64::from(pct) / 100;
            slot.reset();
        }
        self.purge();
    }

    pub fn pause(&mut self, id: PartitionId, paused: bool) {
        let changes = |slot: &&mut Slot| slot.phase == Phase::Assigned && slot.paused != paused;
        if let Some(slot) = self.slots.get_mut(id.index()).filter(changes) {
            slot.paused = paused;
            slot.reset();
        }
        self.purge();
    }

    /// Throws away what was fetched before a partition was put elsewhere, which makes room for other fetches.
    fn purge(&mut self) {
        let slots = &self.slots;
        let current =
            |ahead: &Ahead| slots.get(ahead.partition.index()).is_some_and(|s| s.generation == ahead.generation);
        self.ahead.retain(current);
    }

    pub fn grant(&mut self, cx: &mut Cx<'_>, records: u32, bytes: u64) {
        self.stash.grant(records, bytes);
        self.hand_over(cx);
        self.wake(cx);
    }

    /// Starts a fetch where one is wanted. `delay` is how long it will take, or `None` while the leader is away.
    pub fn fetch(&mut self, cx: &mut Cx<'_>, id: PartitionId, log: &Log, delay: Option<std::time::Duration>) {
        let room = self.ahead.len() < self.prefetch_records;
        let Some(slot) = self.slots.get_mut(id.index()) else { return };
        let news = slot.fetch_from < log.end() || slot.end_told != Some(log.end());
        let wanted = slot.phase == Phase::Assigned && !slot.paused && !slot.fetching && !slot.stuck && news && room;
        if let Some(delay) = delay.filter(|_| wanted) {
            slot.fetching = true;
            let generation = slot.generation;
            cx.after(delay, Due::Fetched { process: cx.process, partition: id, generation });
        }
    }

    /// A fetch comes back.
    pub fn on_fetched(&mut self, cx: &mut Cx<'_>, id: PartitionId, generation: u32, log: &Log) {
        let Some(slot) = self.slots.get_mut(id.index()).filter(|slot| slot.generation == generation) else { return };
        slot.fetching = false;
        // Out of range: `auto.offset.reset=earliest`.
        slot.fetch_from = slot.fetch_from.max(log.start());
        let from = log.index_at(slot.fetch_from);
        let to = log.records().len().min(from + self.fetch_records);
        let entry = |what| Ahead { partition: id, generation, what };
        self.ahead.extend((from..to).map(|index| entry(Ok(index))));
        if let Some(last) = log.records().get(from..to).and_then(<[_]>::last) {
            slot.fetch_from = last.offset + 1;
        }
        if to == log.records().len() {
            slot.fetch_from = log.end();
            slot.end_told = Some(log.end());
            self.ahead.push_back(entry(Err(log.end())));
        }
        self.wake(cx);
    }

    fn wake(&mut self, cx: &mut Cx<'_>) {
        if !std::mem::replace(&mut self.turn_due, true) {
            let delay = self.channel.draw(cx.rng);
            cx.after(delay, Due::Turn { process: cx.process });
        }
    }

    /// Takes some of what was fetched, as far as there is credit, and hands it over.
    pub fn turn(&mut self, cx: &mut Cx<'_>, logs: &[Log]) {
        self.turn_due = false;
        let room = self.stash.room();
        if room == 0 || self.ahead.is_empty() {
            return;
        }
        for _ in 0..cx.rng.range(1, room.into()) {
            let Some(ahead) = self.ahead.pop_front() else { break };
            self.take(&ahead, logs);
        }
        self.hand_over(cx);
        if !self.ahead.is_empty() {
            self.wake(cx);
        }
    }

    fn take(&mut self, ahead: &Ahead, logs: &[Log]) {
        let id = ahead.partition;
        let Some(slot) = self.slots.get_mut(id.index()).filter(|slot| slot.generation == ahead.generation) else {
            return;
        };
        let Some(log) = logs.get(id.index()) else { return };
        match ahead.what {
            Ok(index) => {
                let Some(record) = log.records().get(index) else { return };
                slot.taken = record.offset + 1;
                self.stash.push(Entry::Record(record.to_record(id, log.number)));
            }
            Err(end) => {
                slot.taken = end;
                self.stash.push(Entry::End(PartitionEnd { partition: id, offset: end }));
            }
        }
    }

    fn hand_over(&mut self, cx: &mut Cx<'_>) {
        while let Some((records, ends)) = self.stash.poll() {
            let nexts = records.iter().map(|record| (record.partition, record.offset + 1));
            for (id, next) in nexts.chain(ends.iter().map(|end| (end.partition, end.offset))) {
                if let Some(slot) = self.slots.get_mut(id.index()) {
                    slot.handed = Some(next);
                }
            }
            self.tell(cx, Event::Polled { records, ends });
        }
    }

    /// Tells where every partition stands.
    pub fn progress(&mut self, cx: &mut Cx<'_>, logs: &[Log], answers: impl Fn(PartitionId) -> bool) {
        let mut report = Vec::new();
        for id in self.assigned() {
            let (Some(slot), Some(log)) = (self.slots.get(id.index()), logs.get(id.index())) else { continue };
            let answers = answers(id);
            let end = answers.then_some(log.end());
            report.push(Progress { partition: id, position: slot.handed, end, leader_answers: answers });
        }
        self.tell(cx, Event::Progress(report));
    }

    pub fn repair(&mut self, cx: &mut Cx<'_>, id: PartitionId) {
        let runs = |slot: &&mut Slot| slot.phase == Phase::Assigned && !slot.paused;
        if let Some(slot) = self.slots.get_mut(id.index()).filter(runs) {
            cx.note(Step::Repaired { partition: id });
            slot.stuck = false;
            slot.reset();
        }
        self.purge();
    }
}

impl Slot {
    /// Drops what was fetched and not taken.
    fn reset(&mut self) {
        self.generation += 1;
        self.fetching = false;
        self.fetch_from = self.taken;
        self.end_told = None;
    }
}
