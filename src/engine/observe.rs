//! Looking at the engine from outside: the snapshot, and who waited for whom.

use crate::{
    control::dials::Values,
    engine::{
        Engine,
        assignment::{self, Partition},
        snapshot::{
            CommitState, DeadLetterState, GateState, InFlightState, Knobs, NotReady, PartitionState, Phase, QueueState,
            RetryState, Snapshot, Starvation, WorkerState,
        },
    },
    time::{Instant, Now},
};

/// Adds up the time in which the worker had room and nothing to do.
#[derive(Debug, Default)]
pub struct Starving {
    last: Instant,
    who: Option<Who>,
    worker_ns: u64,
    gate_ns: u64,
    source_ns: u64,
    /// Whether the log holds records beyond what was read, as of the last progress report.
    pub behind: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// There are records in the log that did not reach it.
    Worker,
    /// The same, because the gate is shut.
    WorkerAtGate,
    /// The log is read to its end.
    Source,
}

impl Starving {
    pub fn account(&mut self, now: Instant) {
        let span = now.0.saturating_sub(self.last.0);
        self.last = now;
        match self.who {
            Some(Who::Worker) => self.worker_ns += span,
            Some(Who::WorkerAtGate) => {
                self.worker_ns += span;
                self.gate_ns += span;
            }
            Some(Who::Source) => self.source_ns += span,
            None => {}
        }
    }

    pub fn look(&mut self, who: Option<Who>) {
        self.who = who;
    }
}

impl Engine {
    pub(super) fn who_starves(&self, now: Instant) -> Option<Who> {
        let room =
            self.drain.is_none() && self.in_flight.batches() < self.worker.concurrency(now, self.values.concurrency);
        let idle = room && self.queue.records() == 0 && self.retries.records() == 0;
        let who = match self.gate.stage() {
            _ if !self.starving.behind => Who::Source,
            Some(_) => Who::WorkerAtGate,
            None => Who::Worker,
        };
        idle.then_some(who)
    }

    pub fn settings(&self) -> &crate::engine::settings::EngineSettings {
        &self.settings
    }

    /// Everything a person may want to know about this moment. Allocates; meant for scrapes and pages.
    pub fn snapshot(&self, now: Now) -> Snapshot {
        let age_ms = |at: Option<Instant>| at.map_or(0, |at| now.mono.since(at).as_millis() as u64);
        let partitions: Vec<_> =
            self.partitions.owned().map(|(_, p)| partition_state(p, self.gate.is_hard(), now)).collect();
        Snapshot {
            phase: self.phase(),
            not_ready: self.not_ready(),
            queue: QueueState {
                records: self.queue.records(),
                records_peak: self.queue.peak(),
                records_max: self.settings.queue_records_max,
                bytes: self.queue.bytes(),
                bytes_max: self.settings.queue_bytes_max,
                oldest_age_ms: age_ms(self.queue.oldest()),
            },
            requests: self.requests_state(),
            gate: GateState {
                stage: self.gate.stage(),
                pct: self.fill_pct(),
                shut_for_ms: self.gate.shut_for(now.mono).as_millis() as u64,
                shut_total_ms: self.gate.shut_total(now.mono).as_millis() as u64,
                shuts: self.gate.shuts(),
            },
            in_flight: InFlightState {
                batches: self.in_flight.batches(),
                batches_max: self.values.concurrency,
                records: self.in_flight.records(),
                oldest_age_ms: age_ms(self.in_flight.oldest()),
            },
            retry: RetryState {
                records: self.retries.records(),
                bytes: self.retries.bytes(),
                budget: self.retry_budget.tokens(),
                holds_fresh: self.fresh_held_by(),
            },
            dead_letters: DeadLetterState {
                in_flight: self.letters.in_flight(),
                held: self.letters.held(),
                held_by: self.letters.held_by(now.mono, &self.letter_budget),
                budget: self.letter_budget.peek_left(),
            },
            worker: WorkerState {
                health: self.worker.trouble().map_or("ready", |trouble| trouble.name()),
                charges: !self.worker.is_broken(),
                for_ms: age_ms(Some(self.worker.since())),
                detail: self.worker.detail().map(Into::into),
            },
            commit: CommitState {
                in_flight: self.commits.in_flight(),
                last_applied_age_ms: self.commits.applied_at().map(|at| age_ms(Some(at))),
                last_error: self.commits.last_error().map(Into::into),
            },
            knobs: self.knobs(&self.values),
            control: self.control_state(now),
            backlog_records: partitions.iter().filter_map(|p| p.lag).map(|lag| lag.max(0) as u64).sum(),
            starvation: Starvation {
                worker_ms: self.starving.worker_ns / 1_000_000,
                gate_ms: self.starving.gate_ns / 1_000_000,
                source_ms: self.starving.source_ns / 1_000_000,
            },
            partitions,
            stalled: self.stalled(),
            sending_stalled: self.is_sending_stalled(),
            heads_of_line: self.heads(),
            violations: self.sentinels.breaches(),
            sentinels: self.sentinels.state(),
            audits: self.audit.compared,
        }
    }

    pub fn phase(&self) -> Phase {
        match &self.drain {
            None => Phase::Running,
            Some(drain) if drain.is_done() => Phase::Stopped,
            Some(drain) if drain.is_leaving() => Phase::Leaving,
            Some(_) => Phase::Draining,
        }
    }

    fn not_ready(&self) -> Vec<NotReady> {
        let stopped = self.partitions.active().any(|(_, partition)| partition.pauses.stopped);
        let each = [
            self.drain.is_some().then_some(NotReady::Draining),
            self.worker.not_ready(),
            (self.letters.held() > 0).then_some(NotReady::DeadLetterHeld),
            stopped.then_some(NotReady::PartitionStopped),
        ];
        each.into_iter().flatten().collect()
    }

    pub(super) fn knobs(&self, values: &Values) -> Knobs {
        Knobs {
            concurrency: values.concurrency,
            batch_records_max: values.batch_records,
            batch_bytes_max: self.batch_bytes_max,
            linger_ms: values.linger.as_secs_f64() * 1000.0,
            pause_threshold_pct: values.pause_pct,
            resume_threshold_pct: values.resume_pct,
            pause_hard_after_ms: values.hard_after.as_secs_f64() * 1000.0,
        }
    }
}

fn partition_state(p: &Partition, hard: bool, now: Now) -> PartitionState {
    let held = p.ledger.held_since().map_or(0, |at| now.mono.since(at).as_millis() as u64);
    let phase = match p.phase {
        _ if p.pauses.stopped => "stopped",
        assignment::Phase::Active => "active",
        assignment::Phase::Draining => "draining",
        assignment::Phase::Released => "released",
    };
    let gate = hard.then_some(crate::engine::fact::PauseReason::QueueFull);
    PartitionState {
        topic: p.topic.to_string(),
        partition: p.number,
        epoch: p.epoch.0,
        phase,
        paused: gate.into_iter().chain(p.pauses.reasons()).collect(),
        position: p.ledger.position(),
        frontier: p.ledger.frontier(),
        committed: p.committed,
        end: p.end,
        lag: p.lag(),
        span: p.ledger.span(),
        beyond: p.ledger.beyond(),
        in_flight: p.in_flight,
        frontier_age_ms: held,
    }
}
