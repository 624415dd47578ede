//! The Kafka the engine runs on in the simulator: logs, the group's committed offsets, and the client in between.
//!
//! It keeps what outlives a process (logs, committed offsets, who owns what) and judges nothing: the checker looks at
//! it from outside.

pub mod client;
mod group;
pub mod log;
mod stash;

use std::sync::Arc;

use crate::{
    engine::event::{Assignment, Command, Committed, Event},
    record::PartitionId,
    sim::{
        broker::{
            client::{Client, Phase},
            log::Log,
        },
        due::{Cx, Due},
        fault::{CommitMood, Set},
        setup::Setup,
        trace::Step,
    },
    time::UnixMillis,
};

#[derive(Debug)]
pub struct Broker {
    pub logs: Vec<Log>,
    /// Of the group, by partition: offset and metadata.
    committed: Vec<Option<Committed>>,
    /// Counts the owners a partition had; a commit of an earlier one is refused.
    owners: Vec<u64>,
    /// Partitions that the group wants elsewhere for now.
    away: Vec<bool>,
    client: Client,
    produced: u32,
    /// What another member finished: partition, from, to.
    pub elsewhere: Vec<(PartitionId, i64, i64)>,
    pub commit_mood: Option<CommitMood>,
    pub fetch_times: u32,
    /// `offset.metadata.max.bytes`
    metadata_bytes_max: usize,
    pub leaders_away: Set,
}

/// How often the client tells its progress.
const PROGRESS_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

impl Broker {
    pub fn new(setup: &Setup) -> Self {
        let mut logs = Vec::new();
        for (topic, partitions) in setup.topics.iter().enumerate() {
            let name: Arc<str> = format!("topic-{topic}").into();
            logs.extend((0..*partitions).map(|number| Log::new(Arc::clone(&name), number as i32)));
        }
        let count = logs.len();
        Self {
            committed: vec![None; count],
            owners: vec![0; count],
            away: vec![false; count],
            client: new_client(setup, count),
            logs,
            produced: 0,
            elsewhere: Vec::new(),
            commit_mood: None,
            fetch_times: 1,
            metadata_bytes_max: setup.broker.metadata_bytes_max,
            leaders_away: Set(0),
        }
    }

    pub fn log(&self, id: PartitionId) -> Option<&Log> {
        self.logs.get(id.index())
    }

    /// What the group has committed.
    pub fn committed(&self, id: PartitionId) -> Option<i64> {
        self.committed.get(id.index())?.as_ref().map(|kept| kept.offset)
    }

    pub fn ids(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.logs.len() as u32).map(PartitionId)
    }

    /// A new process starts and joins.
    pub fn start(&mut self, cx: &mut Cx<'_>, setup: &Setup) {
        self.client = new_client(setup, self.logs.len());
        let delay = setup.broker.rebalance.draw(cx.rng);
        cx.after(delay, Due::Join { process: cx.process });
        cx.after(PROGRESS_EVERY, Due::Progress { process: cx.process });
    }

    /// Producers write.
    pub fn produce(&mut self, cx: &mut Cx<'_>, setup: &Setup, records: u32, rng: &mut crate::sim::rng::Rng) {
        let workload = &setup.workload;
        for _ in 0..records {
            let id = PartitionId(rng.below(self.logs.len() as u64) as u32);
            let Some(log) = self.logs.get_mut(id.index()) else { continue };
            if rng.chance(workload.gap_per_mille) {
                log.skip(rng.range(1, workload.gap_max.max(1)));
            }
            let wall: UnixMillis = cx.now.wall;
            log.append(workload.record(self.produced, log.end(), wall, setup.settings.max_record_bytes, rng));
            self.produced += 1;
            if rng.chance(workload.marker_per_mille) {
                log.skip(1);
            }
        }
        for id in self.ids() {
            if let Some(log) = self.logs.get(id.index()) {
                cx.note(Step::Appended { partition: id, from: log.start(), end: log.end() });
            }
        }
        self.fetch_all(cx, setup);
    }

    /// What the engine asks.
    pub fn perform(&mut self, cx: &mut Cx<'_>, setup: &Setup, command: Command) {
        match command {
            Command::Grant { records, bytes } => {
                cx.note(Step::Granted { records, bytes });
                self.client.grant(cx, records, bytes);
            }
            Command::Pause(ids) => ids.into_iter().for_each(|id| {
                cx.note(Step::Paused { partition: id });
                self.client.pause(id, true);
            }),
            Command::Resume(ids) => ids.into_iter().for_each(|id| {
                cx.note(Step::Resumed { partition: id });
                self.client.pause(id, false);
            }),
            Command::Repair(id) => self.client.repair(cx, id),
            Command::ReadCommitted(ids) => {
                let delay = setup.broker.commit.draw(cx.rng);
                cx.after(delay, Due::ReadCommitted { process: cx.process, partitions: ids });
            }
            Command::ReadStarts(ids) => {
                let delay = setup.broker.fetch.draw(cx.rng);
                cx.after(delay, Due::ReadStarts { process: cx.process, partitions: ids });
            }
            Command::Commit { id, offsets } => self.send_commit(cx, setup, id, offsets),
            Command::Release(ids) => self.release(cx, setup, &ids),
            Command::Leave => self.leave(cx, setup),
        }
        self.fetch_all(cx, setup);
    }

    /// The group says what it has.
    pub fn on_read_committed(&mut self, cx: &mut Cx<'_>, ids: Vec<PartitionId>) {
        if self.client.left {
            return;
        }
        let found = ids.into_iter().map(|id| (id, self.committed(id))).collect();
        self.client.tell(cx, Event::CommittedRead(found));
    }

    /// The leaders that are there say where their logs begin.
    pub fn on_read_starts(&mut self, cx: &mut Cx<'_>, ids: Vec<PartitionId>) {
        let known = ids.into_iter().filter(|id| !self.leaders_away.has(*id));
        let found = known.filter_map(|id| Some((id, self.log(id)?.start()))).collect();
        self.client.tell(cx, Event::StartsRead(found));
    }

    pub fn on_fetched(&mut self, cx: &mut Cx<'_>, setup: &Setup, id: PartitionId, generation: u32) {
        if let Some(log) = self.logs.get(id.index()) {
            self.client.on_fetched(cx, id, generation, log);
        }
        self.fetch_all(cx, setup);
    }

    pub fn turn(&mut self, cx: &mut Cx<'_>, setup: &Setup) {
        self.client.turn(cx, &self.logs);
        self.fetch_all(cx, setup);
    }

    pub fn progress(&mut self, cx: &mut Cx<'_>, setup: &Setup) {
        if self.client.left {
            return;
        }
        if setup.settings.commit_interval.is_none() {
            self.commit_handed();
        }
        let away = self.leaders_away;
        self.client.progress(cx, &self.logs, |id| !away.has(id));
        cx.after(PROGRESS_EVERY, Due::Progress { process: cx.process });
    }

    /// Starts every fetch that is wanted.
    pub fn fetch_all(&mut self, cx: &mut Cx<'_>, setup: &Setup) {
        for id in self.ids() {
            let Some(log) = self.logs.get(id.index()) else { continue };
            let delay = setup.broker.fetch.draw(cx.rng).saturating_mul(self.fetch_times);
            let delay = (!self.leaders_away.has(id)).then_some(delay);
            self.client.fetch(cx, id, log, delay);
        }
    }

    pub fn trim(&mut self, cx: &mut Cx<'_>, id: PartitionId, pct: u32) {
        if let Some(log) = self.logs.get_mut(id.index()) {
            log.trim(pct);
            cx.note(Step::Trimmed { partition: id, start: log.start() });
        }
    }

    pub fn rewind(&mut self, id: PartitionId, pct: u32) {
        if let Some(log) = self.logs.get(id.index()) {
            self.client.rewind(id, log.start(), pct);
        }
    }

    pub fn stall(&mut self, id: PartitionId) {
        if let Some(slot) = self.client.slot_mut(id).filter(|slot| slot.phase == Phase::Assigned) {
            slot.stuck = true;
        }
        self.client.place(id);
    }

    fn assignment(&self, id: PartitionId) -> Option<Assignment> {
        let log = self.logs.get(id.index())?;
        let committed = self.committed.get(id.index()).cloned().flatten();
        Some(Assignment { id, topic: Arc::clone(&log.topic), number: log.number, committed })
    }

    fn tell_revoked(&mut self, cx: &mut Cx<'_>, partitions: Vec<PartitionId>, lost: bool) {
        for partition in &partitions {
            cx.note(Step::Revoked { partition: *partition, lost });
        }
        self.client.tell(cx, Event::Revoked { partitions, lost });
    }
}

fn new_client(setup: &Setup, partitions: usize) -> Client {
    Client::new(partitions, &setup.broker, setup.settings.max_poll_records, setup.settings.max_record_bytes)
}
