//! Faults beginning and ending.

use crate::{
    engine::snapshot::Phase,
    sim::{
        fault::{CommitMood, Kind, Set, SinkMood, WorkerMood},
        trace::Step,
        world::World,
    },
};

impl World<'_> {
    pub(super) fn begin_fault(&mut self, index: usize) {
        let Some(fault) = self.setup.faults.get(index).copied() else { return };
        self.note(Step::Fault { index });
        match fault.kind {
            Kind::Revoke(set) => self.broker(|broker, cx, _, _| broker.take_away(cx, set, false)),
            Kind::Lost(set) => self.broker(|broker, cx, _, _| broker.take_away(cx, set, true)),
            Kind::WallJump { ms } => self.clock.jump(ms),
            Kind::Retention { partition, pct } => self.broker(|broker, cx, _, _| broker.trim(cx, partition, pct)),
            Kind::Rewind { partition, pct } => self.broker(|broker, cx, setup, _| {
                broker.rewind(partition, pct);
                broker.fetch_all(cx, setup);
            }),
            Kind::Stall(partition) => self.broker.stall(partition),
            Kind::Crash => {
                if self.engine.is_some() && self.drained_at.is_none() {
                    self.end_process(fault.lasts);
                }
            }
            Kind::Restart => {
                let running = self.engine.as_ref().is_some_and(|engine| engine.phase() == Phase::Running);
                if running && self.drained_at.is_none() {
                    self.restart_after = Some(fault.lasts);
                    self.drain();
                }
            }
            Kind::Worker(_) | Kind::Sink(_) | Kind::Commits(_) | Kind::LeaderAway(_) | Kind::SlowFetch { .. } => {
                self.active_faults.push(index);
                self.set_moods();
            }
        }
    }

    pub(super) fn end_fault(&mut self, index: usize) {
        let Some(fault) = self.setup.faults.get(index).copied() else { return };
        self.note(Step::FaultOver { index });
        match fault.kind {
            Kind::Revoke(set) | Kind::Lost(set) => {
                self.broker(|broker, cx, setup, _| broker.come_back(cx, setup, set));
            }
            _ => {
                self.active_faults.retain(|active| *active != index);
                self.set_moods();
            }
        }
    }

    /// Of several faults of one sort the one that began last counts.
    fn set_moods(&mut self) {
        let (mut worker, mut sink, mut commits): (Option<WorkerMood>, Option<SinkMood>, Option<CommitMood>) =
            (None, None, None);
        let (mut away, mut times) = (Set(0), 1);
        for fault in self.active_faults.iter().filter_map(|index| self.setup.faults.get(*index)) {
            match fault.kind {
                Kind::Worker(mood) => worker = Some(mood),
                Kind::Sink(mood) => sink = Some(mood),
                Kind::Commits(mood) => commits = Some(mood),
                Kind::LeaderAway(set) => away = Set(away.0 | set.0),
                Kind::SlowFetch { times: slow } => times = slow,
                _ => {}
            }
        }
        self.worker.mood = worker;
        self.sink.mood = sink;
        (self.broker.commit_mood, self.broker.leaders_away, self.broker.fetch_times) = (commits, away, times);
        self.broker(|broker, cx, setup, _| broker.fetch_all(cx, setup));
    }
}
