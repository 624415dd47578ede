//! What the worker is sent and answers, and what befalls it.

use std::time::Duration;

use super::{Due, Its, Out, WAY, World, settled};
use crate::{
    engine::event::{Answer, Batch, Event, Settled},
    record::{PartitionId, Record},
    sim::trial::{
        case::{Fault, FaultKind},
        worker::{Begun, Met},
    },
    time::Instant,
};

impl World<'_> {
    /// An answer on its way to whoever sent the batch.
    fn reply(&mut self, who: usize, at: Instant, settled: Settled, worked: Duration) {
        self.due.at(at, Due::Of(who, Its::Answer { settled, worked }));
    }

    pub(super) fn send(&mut self, who: usize, now: Instant, batch: Batch) {
        let wall = self.clock.now(0).wall;
        if batch.not_after.is_some_and(|not_after| wall > not_after) {
            let unsent = settled(batch, Answer::NotSent, Duration::ZERO, None);
            return self.reply(who, now + WAY, unsent, Duration::ZERO);
        }
        let number = batch.id.0 * self.members.len() as u64 + who as u64;
        let bytes = batch.records.iter().map(Record::charge).sum();
        let met = self.worker.send(now, number, batch.records.len() as u32, bytes);
        let answer = match met {
            Met::Taken | Met::Swallowed => {
                self.due.at(now + batch.timeout, Due::GiveUp { number });
                let place = number as usize;
                if self.out.len() <= place {
                    self.out.resize_with(place + 1, || None);
                }
                self.out[place] = Some(Out { member: who, batch, sent: now, is_swallowed: met == Met::Swallowed });
                return self.begin(now);
            }
            Met::Busy { retry_after } => Answer::Busy { retry_after },
            Met::TooLarge => Answer::TooLarge,
            Met::Away => Answer::Away,
        };
        self.seen.refused += u64::from(matches!(answer, Answer::Busy { .. }));
        self.reply(who, now + 4 * WAY, settled(batch, answer, 4 * WAY, None), Duration::ZERO);
    }

    pub(super) fn begin(&mut self, now: Instant) {
        while let Some(begun) = self.worker.begin(now) {
            self.due.at(now + begun.takes, Due::Done(begun));
            self.seen.worked(begun.takes);
        }
    }

    pub(super) fn done(&mut self, now: Instant, done: Begun) {
        if !self.worker.finish(done) {
            return;
        }
        let Some(out) = self.out.get_mut(done.number as usize).and_then(Option::take) else {
            // Given up meanwhile: the work was for nothing.
            self.seen.wasted(done.takes);
            return self.begin(now);
        };
        let capacity = self.case.worker.tells_capacity.then(|| self.worker.servers(now));
        let took = now.since(out.sent);
        let bytes = out.batch.records.iter().map(Record::charge).sum();
        let mean_s = self.worker.mean_s(now, out.batch.records.len() as u32, bytes);
        self.seen.answered(now, took.as_secs_f64(), mean_s);
        let settled = settled(out.batch, Answer::Done, took, capacity);
        self.reply(out.member, now + WAY, settled, done.takes);
        self.begin(now);
    }

    pub(super) fn give_up(&mut self, now: Instant, number: u64) {
        let Some(out) = self.out.get_mut(number as usize).and_then(Option::take) else { return };
        if !out.is_swallowed {
            self.seen.timed_out += 1;
        }
        let took = now.since(out.sent);
        self.reply(out.member, now, settled(out.batch, Answer::Failed, took, None), Duration::ZERO);
    }

    pub(super) fn answer(&mut self, who: usize, now: Instant, settled: Settled, worked: Duration) {
        let is_done = settled.answer == Answer::Done;
        if is_done {
            let wall = self.clock.now(0).wall;
            let mut late = 0;
            for record in &settled.batch.records {
                let source = &mut self.members[who].source;
                let arrival = &mut source.partitions[record.partition.index()].records[record.offset as usize];
                let in_time = arrival.deadline_ms.is_none_or(|at| wall.0 <= at);
                late += u32::from(!in_time);
                if !std::mem::replace(&mut arrival.is_done, true) {
                    self.seen.completed(who, now, now.since(arrival.at), in_time);
                }
            }
            self.seen.wasted(worked * late / settled.batch.records.len().max(1) as u32);
        }
        self.step(who, Event::Settled(settled));
        if is_done && self.seen.watches_model(self.case, now) {
            let at = self.now();
            self.seen.model(self.case, now, &self.members[who].engine.snapshot(at));
        }
    }

    pub(super) fn fault(&mut self, now: Instant, index: usize) {
        let Fault { lasts, kind, every, .. } = self.case.faults[index];
        match kind {
            FaultKind::Rebalance => (0..self.members.len()).for_each(|who| self.rebalance(who)),
            FaultKind::Away => {
                self.worker.mood = Some(kind);
                self.worker.crash();
                self.lose_all(now);
            }
            FaultKind::Hang | FaultKind::Busy => self.worker.mood = Some(kind),
        }
        self.due.at(now + Duration::from_secs_f64(lasts), Due::FaultOver(index));
        if every > 0.0 {
            self.due.at(now + Duration::from_secs_f64(every), Due::Fault(index));
        }
    }

    fn rebalance(&mut self, who: usize) {
        let partitions = &mut self.members[who].source.partitions;
        let half: Vec<usize> = (0..partitions.len()).step_by(2).collect();
        if half.iter().all(|id| partitions[*id].assigned) {
            // Nothing more of them is handed over from here on.
            half.iter().for_each(|id| partitions[*id].assigned = false);
            let partitions = half.into_iter().map(|id| PartitionId(id as u32)).collect();
            self.step(who, Event::Revoked { partitions, lost: false });
        }
    }

    /// Whatever was inside is lost with its connection.
    pub(super) fn lose_all(&mut self, now: Instant) {
        for place in 0..self.out.len() {
            if let Some(out) = self.out[place].take() {
                let took = now.since(out.sent);
                self.reply(out.member, now + WAY, settled(out.batch, Answer::Failed, took, None), Duration::ZERO);
            }
        }
    }

    pub(super) fn fault_over(&mut self, index: usize) {
        if self.case.faults[index].kind != FaultKind::Rebalance {
            self.worker.mood = None;
        }
    }
}
