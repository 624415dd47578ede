//! What the engine asks of the source, and what the source brings.

use std::time::Duration;

use super::{COMMIT, Due, Its, POLL, SECOND, World};
use crate::{
    engine::event::{Assignment, Command, CommitOutcome, Event, Mark, Progress},
    record::PartitionId,
    sim::trial::{log::Partition, seen::Seen},
    time::Instant,
};

/// From a released partition to the moment it is assigned again.
const REJOIN: Duration = Duration::from_millis(300);

impl World<'_> {
    pub(super) fn want_poll(&mut self, who: usize, now: Instant) {
        if !std::mem::replace(&mut self.members[who].is_polling, true) {
            self.due.at(now + POLL, Due::Of(who, Its::Poll));
        }
    }

    pub(super) fn poll(&mut self, who: usize, now: Instant) {
        let member = &mut self.members[who];
        member.is_polling = false;
        let records = member.source.poll(now, self.poll_records);
        if records.is_empty() {
            if let Some(at) = member.source.next_ready(now) {
                member.is_polling = true;
                self.due.at(at, Due::Of(who, Its::Poll));
            }
            return;
        }
        self.step(who, Event::Polled { records, ends: Vec::new() });
        self.want_poll(who, now);
    }

    pub(super) fn command(&mut self, who: usize, now: Instant, command: Command) {
        let source = &mut self.members[who].source;
        match command {
            Command::Grant { records, bytes } => {
                source.grant(records, bytes);
                self.want_poll(who, now);
            }
            Command::Pause(ids) => ids.into_iter().for_each(|id| source.pause(id)),
            Command::Resume(ids) => {
                ids.into_iter().for_each(|id| source.resume(now, id));
                self.want_poll(who, now);
            }
            Command::Repair(_) => self.want_poll(who, now),
            Command::ReadCommitted(_) | Command::ReadStarts(_) => {}
            Command::Commit { id, offsets } => {
                let apply = |mark: &Mark| {
                    source.partitions[mark.partition.index()].committed = mark.offset as usize;
                    mark.answered(CommitOutcome::Applied)
                };
                let results = offsets.iter().map(apply).collect();
                self.due.at(now + COMMIT, Due::Of(who, Its::Event(Event::Committed { id, results })));
            }
            Command::Release(ids) => {
                for id in &ids {
                    let partition = &mut source.partitions[id.index()];
                    (partition.assigned, partition.next) = (false, partition.committed);
                }
                self.due.at(now + REJOIN, Due::Of(who, Its::Assign(ids)));
            }
            Command::Leave => {}
        }
    }

    pub(super) fn assign(&mut self, who: usize, ids: &[PartitionId]) {
        let source = &mut self.members[who].source;
        for id in ids {
            let partition = &mut source.partitions[id.index()];
            (partition.assigned, partition.paused) = (true, false);
        }
        let topic = &source.topic;
        let assignment =
            |id: &PartitionId| Assignment { id: *id, topic: topic.clone(), number: id.0 as i32, committed: None };
        let assigned = ids.iter().map(assignment).collect();
        self.step(who, Event::Assigned(assigned));
        self.want_poll(who, self.clock.now(0).mono);
    }

    pub(super) fn progress(&mut self, who: usize, now: Instant) {
        let report = |(id, partition): (usize, &Partition)| Progress {
            partition: PartitionId(id as u32),
            position: Some(partition.next as i64),
            end: Some(partition.records.len() as i64),
            leader_answers: true,
        };
        let ours = self.members[who].source.partitions.iter().enumerate().filter(|(_, partition)| partition.assigned);
        let progress = ours.map(report).collect();
        self.step(who, Event::Progress(progress));
        self.due.at(now + SECOND, Due::Of(who, Its::Progress));
    }

    /// Counts a record's end, once.
    pub(super) fn finish_record(&mut self, who: usize, id: PartitionId, offset: i64, count: fn(&mut Seen) -> &mut u64) {
        let arrival = &mut self.members[who].source.partitions[id.index()].records[offset as usize];
        if !std::mem::replace(&mut arrival.is_done, true) {
            *count(&mut self.seen) += 1;
        }
    }
}
