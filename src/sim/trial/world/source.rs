//! What the engine asks of the source, and what the source brings.

use std::time::Duration;

use super::{COMMIT, Due, POLL, SECOND, World};
use crate::{
    engine::event::{Assignment, Command, CommitOutcome, Event, Mark, Progress},
    record::PartitionId,
    sim::trial::{log::Partition, seen::Seen},
    time::Instant,
};

/// From a released partition to the moment it is assigned again.
const REJOIN: Duration = Duration::from_millis(300);

impl World<'_> {
    pub(super) fn want_poll(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.is_polling, true) {
            self.due.at(now + POLL, Due::Poll);
        }
    }

    pub(super) fn poll(&mut self, now: Instant) {
        self.is_polling = false;
        let records = self.source.poll(now, self.poll_records);
        if records.is_empty() {
            if let Some(at) = self.source.next_ready(now) {
                self.is_polling = true;
                self.due.at(at, Due::Poll);
            }
            return;
        }
        self.step(Event::Polled { records, ends: Vec::new() });
        self.want_poll(now);
    }

    pub(super) fn command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Grant { records, bytes } => {
                self.source.grant(records, bytes);
                self.want_poll(now);
            }
            Command::Pause(ids) => ids.into_iter().for_each(|id| self.source.pause(id)),
            Command::Resume(ids) => {
                ids.into_iter().for_each(|id| self.source.resume(now, id));
                self.want_poll(now);
            }
            Command::Repair(_) => self.want_poll(now),
            Command::ReadCommitted(_) => {}
            Command::Commit { id, offsets } => {
                let apply = |mark: &Mark| {
                    self.source.partitions[mark.partition.index()].committed = mark.offset as usize;
                    mark.answered(CommitOutcome::Applied)
                };
                let results = offsets.iter().map(apply).collect();
                self.due.at(now + COMMIT, Due::Event(Event::Committed { id, results }));
            }
            Command::Release(ids) => {
                for id in &ids {
                    let partition = &mut self.source.partitions[id.index()];
                    (partition.assigned, partition.next) = (false, partition.committed);
                }
                self.due.at(now + REJOIN, Due::Assign(ids));
            }
            Command::Leave => {}
        }
    }

    pub(super) fn assignments(&self, ids: &[PartitionId]) -> Vec<Assignment> {
        let topic = &self.source.topic;
        let assignment =
            |id: &PartitionId| Assignment { id: *id, topic: topic.clone(), number: id.0 as i32, committed: None };
        ids.iter().map(assignment).collect()
    }

    pub(super) fn assign(&mut self, ids: &[PartitionId]) {
        for id in ids {
            let partition = &mut self.source.partitions[id.index()];
            (partition.assigned, partition.paused) = (true, false);
        }
        self.step(Event::Assigned(self.assignments(ids)));
        self.want_poll(self.clock.now(0).mono);
    }

    pub(super) fn progress(&mut self, now: Instant) {
        let report = |(id, partition): (usize, &Partition)| Progress {
            partition: PartitionId(id as u32),
            position: Some(partition.next as i64),
            end: Some(partition.records.len() as i64),
            leader_answers: true,
        };
        let ours = self.source.partitions.iter().enumerate().filter(|(_, partition)| partition.assigned);
        let progress = ours.map(report).collect();
        self.step(Event::Progress(progress));
        self.due.at(now + SECOND, Due::Progress);
    }

    /// Counts a record's end, once.
    pub(super) fn finish_record(&mut self, id: PartitionId, offset: i64, count: fn(&mut Seen) -> &mut u64) {
        let arrival = &mut self.source.partitions[id.index()].records[offset as usize];
        if !std::mem::replace(&mut arrival.is_done, true) {
            *count(&mut self.seen) += 1;
        }
    }
}
