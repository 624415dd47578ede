//! Alive and ready: two different questions, answered from one look at the process.
//!
//! Alive asks only whether this process works: restarting it must help. A broker or a worker that is away is never a
//! reason. Ready asks whether records get through.

use std::time::Duration;

use super::readiness::Phase;
use crate::engine::snapshot::{NotReady, Snapshot};

/// Everything one look at the process found.
#[derive(Debug, Clone)]
pub struct Look {
    pub phase: Phase,
    pub waiting_for: Vec<&'static str>,
    /// Whether there is a driver to ask.
    pub engine_started: bool,
    /// `None` when it did not answer.
    pub snapshot: Option<Snapshot>,
    /// How long the driver has not answered, as far as it was asked.
    pub silent_for: Option<Duration>,
    /// Since the poll thread last polled; `None` before it started.
    pub poll_age: Option<Duration>,
    /// A poll or an answer older than this is a hang: a tenth of `max.poll.interval.ms`.
    pub limit: Duration,
}

impl Look {
    /// Why this process should be restarted; empty when it is alive.
    pub fn dead_because(&self) -> Vec<&'static str> {
        // Out of the group nobody polls any more, and that is as it should be.
        if self.phase == Phase::Stopped {
            return Vec::new();
        }
        let each = [
            self.poll_age.is_some_and(|age| age > self.limit).then_some("poll_loop_hangs"),
            self.silent_for.is_some_and(|age| age > self.limit).then_some("engine_silent"),
            self.snapshot.as_ref().is_some_and(|s| s.stalled > 0).then_some("partition_stalled"),
            self.snapshot.as_ref().is_some_and(|s| s.sending_stalled).then_some("sending_stalled"),
        ];
        each.into_iter().flatten().collect()
    }

    pub fn is_alive(&self) -> bool {
        self.dead_because().is_empty()
    }

    /// Why no records get through; empty when ready.
    pub fn not_ready_because(&self) -> Vec<String> {
        let mut reasons: Vec<String> = Vec::new();
        if self.phase != Phase::Running {
            reasons.push(self.phase.name().to_owned());
        }
        reasons.extend(self.waiting_for.iter().map(|name| format!("waiting_for_{name}")));
        reasons.extend(self.dead_because().into_iter().map(str::to_owned));
        match &self.snapshot {
            Some(snapshot) => reasons.extend(snapshot.not_ready.iter().map(|reason| name(*reason).to_owned())),
            None if self.engine_started => reasons.push("engine_silent".to_owned()),
            None => {}
        }
        let mut seen = std::collections::HashSet::new();
        reasons.retain(|reason| seen.insert(reason.clone()));
        reasons
    }

    pub fn is_ready(&self) -> bool {
        self.not_ready_because().is_empty()
    }
}

const fn name(reason: NotReady) -> &'static str {
    match reason {
        NotReady::Draining => "draining",
        NotReady::WorkerBusy => "worker_busy",
        NotReady::WorkerAway => "worker_away",
        NotReady::WorkerMisconfigured => "worker_misconfigured",
        NotReady::WorkerBroken => "worker_broken",
        NotReady::DeadLetterHeld => "dead_letter_held",
        NotReady::PartitionStopped => "partition_stopped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(phase: Phase) -> Look {
        Look {
            phase,
            waiting_for: Vec::new(),
            engine_started: phase > Phase::Starting,
            snapshot: None,
            silent_for: None,
            poll_age: None,
            limit: Duration::from_secs(30),
        }
    }

    #[test]
    fn nothing_but_a_hang_of_its_own_is_deadly() {
        let fresh = Some(Duration::from_secs(30));
        let old = Some(Duration::from_secs(31));
        let table: [(Look, &[&str]); 7] = [
            (look(Phase::Starting), &[]),
            (Look { waiting_for: vec!["worker"], ..look(Phase::Starting) }, &[]),
            (Look { poll_age: fresh, silent_for: fresh, ..look(Phase::Running) }, &[]),
            (Look { poll_age: old, ..look(Phase::Running) }, &["poll_loop_hangs"]),
            (Look { silent_for: old, ..look(Phase::Running) }, &["engine_silent"]),
            (Look { poll_age: old, ..look(Phase::Draining) }, &["poll_loop_hangs"]),
            (Look { poll_age: old, silent_for: old, ..look(Phase::Stopped) }, &[]),
        ];
        for (look, expected) in table {
            assert_eq!(look.dead_because(), expected, "{look:?}");
        }
    }

    #[test]
    fn what_stands_still_for_no_reason_is_deadly_and_not_ready() {
        let engine = crate::engine::Engine::new(crate::engine::settings::EngineSettings::default());
        let well = engine.snapshot(crate::time::Now::default());
        let table: [(Snapshot, &[&str]); 4] = [
            (well.clone(), &[]),
            (Snapshot { stalled: 1, ..well.clone() }, &["partition_stalled"]),
            (Snapshot { sending_stalled: true, ..well.clone() }, &["sending_stalled"]),
            (Snapshot { stalled: 2, sending_stalled: true, ..well }, &["partition_stalled", "sending_stalled"]),
        ];
        for (snapshot, expected) in table {
            let look = |phase| Look { snapshot: Some(snapshot.clone()), ..look(phase) };
            assert_eq!(look(Phase::Running).dead_because(), expected);
            assert_eq!(look(Phase::Running).not_ready_because(), expected);
            assert!(look(Phase::Stopped).is_alive(), "out of the group nothing has to move");
        }
    }

    #[test]
    fn it_says_what_it_waits_for() {
        let starting = Look { waiting_for: vec!["worker", "group"], ..look(Phase::Starting) };
        assert_eq!(starting.not_ready_because(), ["starting", "waiting_for_worker", "waiting_for_group"]);
        let silent = Look { silent_for: Some(Duration::from_secs(60)), ..look(Phase::Running) };
        assert_eq!(silent.not_ready_because(), ["engine_silent"]);
    }
}
