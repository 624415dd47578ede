//! PURE. The gate itself: plain structs that are told what happened and say what to do.
//!
//! [`Engine::step`] takes the time and one [`Event`] and appends to [`Effects`]. Nothing in here reads a clock, waits,
//! locks, logs or draws a random number, so the simulator runs the very same code on virtual time, and a recorded run
//! replays.
//!
//! One room per job: `admission` judges at the door, `queue` holds, `dispatch` cuts batches, `settle` turns answers
//! into dispositions and `failed` finds out who is to blame, `retry` and `dead_letter` keep what did not go well,
//! `ledger` and `commit` decide what is finished, `gate` and `credit` bound the intake, `release` gives partitions back.
//! `requests` answers those who ask over HTTP, `share` divides queue and batches between them and Kafka. `watchdog`,
//! `standstill`, `gone` and `audit` watch what should happen and does not, `sentinel` the promises I1-I10 of
//! docs/ARCHITECTURE.md.

pub mod admission;
mod assignment;
mod audit;
mod commit;
mod credit;
mod dead_letter;
mod dispatch;
mod dispose;
pub mod event;
pub mod fact;
mod failed;
mod fill;
mod gate;
mod gone;
mod head_of_line;
mod in_flight;
mod intake;
pub mod ledger;
mod observe;
mod order;
mod pause;
mod queue;
mod release;
mod requests;
pub mod retry;
mod sentinel;
pub mod settings;
mod settle;
mod share;
pub mod snapshot;
mod standstill;
mod steer;
mod watchdog;
mod worker_health;

use crate::{
    control::{Ceilings, Control, Policies, dials::Values},
    engine::{
        assignment::Partitions,
        audit::Audit,
        commit::Commits,
        credit::Credit,
        dead_letter::{LetterBudget, Outbox},
        event::{Action, Command, Event},
        fact::{Fact, FreshHold},
        fill::View,
        gate::Gate,
        head_of_line::HeadBudget,
        in_flight::InFlight,
        observe::Starving,
        order::OrderLocks,
        queue::Queue,
        release::{Drain, Revoke},
        requests::Requests,
        retry::{RetryBudget, RetryPool},
        sentinel::Sentinels,
        settings::EngineSettings,
        standstill::Standstill,
        worker_health::WorkerHealth,
    },
    record::Record,
    time::{Instant, Now},
};

/// What one step asks for and tells. Kept by the caller and cleared between steps, so that a step allocates nothing.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be performed in order.
    pub actions: Vec<Action>,
    pub facts: Vec<Fact>,
}

impl Effects {
    fn command(&mut self, command: Command) {
        self.actions.push(Action::Source(command));
    }

    fn fact(&mut self, fact: Fact) {
        self.facts.push(fact);
    }
}

/// The gate. One task owns it.
#[derive(Debug)]
pub struct Engine {
    settings: EngineSettings,
    partitions: Partitions,
    queue: Queue,
    credit: Credit,
    gate: Gate,
    order: OrderLocks,
    in_flight: InFlight,
    worker: WorkerHealth,
    requests: Requests,
    retries: RetryPool,
    retry_budget: RetryBudget,
    letters: Outbox,
    letter_budget: LetterBudget,
    head_budget: HeadBudget,
    commits: Commits,
    /// Revokes whose in-flight work is waited for; one, or a few when the group is in turmoil.
    revokes: Vec<Revoke>,
    drain: Option<Drain>,
    control: Control,
    /// The thresholds in force: control's with `ADAPTIVE=on`, the flags' otherwise.
    values: Values,
    ticked_at: Instant,
    /// Whether the concurrency limit was used up after the last send.
    was_full: bool,
    /// The gate has opened, and no record has come yet.
    opened_at: Option<Instant>,
    /// What may go into the batch being filled, and where it stands in its lane. Kept to be filled again.
    view: View,
    /// What the worker takes in one request: `BATCH_MAX_BYTES`, or less once it answered 413.
    batch_bytes_max: u64,
    /// The queue is not swept for expired records before this.
    next_sweep: Instant,
    /// Nothing more is sent until a record that is to go with nothing beside it has gone.
    clearing: bool,
    /// What fresh records are held by, as it was last told.
    fresh_held: Option<FreshHold>,
    starving: Starving,
    standstill: Standstill,
    sentinels: Sentinels,
    audit: Audit,
    /// When the brokers were last asked where logs begin.
    starts_asked_at: Option<Instant>,
    /// Emptied record lists, to be filled again. Bound: twice the concurrency limit in force, and a few to fill batches with.
    spare: Vec<Vec<Record>>,
}

impl Engine {
    /// With the product's policies.
    pub fn new(settings: EngineSettings) -> Self {
        let policies = Policies::new(&settings.control);
        Self::with_policies(settings, policies)
    }

    /// With other policies than the product's, to compare it with.
    pub fn with_policies(settings: EngineSettings, policies: Policies) -> Self {
        let ceilings = Ceilings {
            queue_records: settings.queue_records_max,
            queue_bytes: settings.queue_bytes_max,
            timeout: settings.inference_timeout,
            hard_after: settings.pause_hard_after,
        };
        let control = Control::new(&settings.control, policies, ceilings);
        Self {
            values: if control.is_on() { control.values() } else { settings.values() },
            control,
            ticked_at: Instant::ZERO,
            was_full: false,
            opened_at: None,
            view: View::default(),
            retry_budget: RetryBudget::new(settings.retry.budget_pct),
            letter_budget: LetterBudget::new(settings.dead_letter_max_pct),
            head_budget: HeadBudget::default(),
            batch_bytes_max: settings.batch_bytes_max,
            commits: Commits::new(settings.commit_metadata_bytes),
            settings,
            partitions: Partitions::default(),
            queue: Queue::default(),
            credit: Credit::default(),
            gate: Gate::default(),
            order: OrderLocks::default(),
            in_flight: InFlight::default(),
            worker: WorkerHealth::default(),
            requests: Requests::default(),
            retries: RetryPool::default(),
            letters: Outbox::default(),
            revokes: Vec::new(),
            drain: None,
            next_sweep: Instant::ZERO,
            clearing: false,
            fresh_held: None,
            starving: Starving::default(),
            standstill: Standstill::default(),
            sentinels: Sentinels::default(),
            audit: Audit::default(),
            starts_asked_at: None,
            spare: Vec::new(),
        }
    }

    /// Takes one event in and appends what follows from it.
    pub fn step(&mut self, now: Now, event: Event, out: &mut Effects) {
        self.starving.account(now.mono);
        match event {
            Event::Assigned(assignments) => self.on_assigned(&assignments, out),
            Event::Revoked { partitions, lost } => self.on_revoked(now, partitions, lost, out),
            Event::Polled { records, ends } => self.on_polled(now, records, &ends, out),
            Event::Progress(progress) => self.on_progress(now, &progress, out),
            Event::Pulse(pulse) => self.on_pulse(pulse, out),
            Event::Settled(settled) => self.on_settled(now, settled, out),
            Event::Committed { id, results } => self.on_committed(now, id, results, out),
            Event::CommittedRead(found) => self.on_committed_read(&found, out),
            Event::DeadLettered(answer) => self.on_dead_lettered(now, answer, out),
            Event::Requested(request) => self.on_requested(now, request, out),
            Event::CallerGone(id) => self.on_caller_gone(now, id, out),
            Event::StartsRead(found) => self.on_starts_read(&found, out),
            Event::Left => self.on_left(out),
            Event::Drain { deadline } => self.on_drain(deadline, out),
            Event::Wake => {}
        }
        self.advance(now, out);
    }

    /// Does everything the present moment allows.
    fn advance(&mut self, now: Now, out: &mut Effects) {
        self.retry_budget.refill(now.mono);
        self.sweep(now, out);
        self.expire_requests(now, out);
        self.post_letters(now, out);
        // Giving back comes before sending: it frees what others wait for.
        self.advance_revokes(now, out);
        self.advance_drain(now, out);
        self.steer(now, false, out);
        self.dispatch(now, out);
        // The level may have been reached just now, and a higher one be next.
        if self.steer(now, true, out) {
            self.dispatch(now, out);
        }
        self.tell_fresh_hold(out);
        self.commit(now, out);
        self.move_gate(now, out);
        self.grant(out);
        self.starving.look(self.who_starves(now.mono));
    }

    /// When to be stepped with [`Event::Wake`] if nothing happens before.
    pub fn next_wake(&self, now: Now) -> Option<Instant> {
        let sweep = self.queue.earliest_deadline().map(|at| (now.mono_at(at) + SWEEP_SLACK).max(self.next_sweep));
        let commit = self.settings.commit_interval.and_then(|interval| self.commits.next_wake(interval));
        let each = [
            sweep,
            commit,
            self.gate.next_wake(&self.values),
            self.control.next_tick(self.ticked_at, self.in_flight.batches()),
            self.dispatch_wake(now),
            self.requests_wake(now),
            self.letters_wake(),
            self.release_wake(now),
        ];
        each.into_iter().flatten().min()
    }

    fn commit(&mut self, now: Now, out: &mut Effects) {
        let Some(interval) = self.settings.commit_interval else { return };
        if let Some(command) = self.commits.ask(now.mono, interval, false, &mut self.partitions) {
            self.send_commit(command, out);
        }
    }

    fn send_commit(&mut self, command: Command, out: &mut Effects) {
        if let Command::Commit { offsets, .. } = &command {
            for mark in offsets {
                self.look_at_mark(mark, out);
            }
            let offsets = offsets.iter().map(|mark| (mark.partition, mark.offset)).collect();
            out.fact(Fact::CommitAsked { offsets });
        }
        out.command(command);
    }
}

/// Expired means past the deadline, so a sweep at the deadline itself would find nothing.
const SWEEP_SLACK: std::time::Duration = std::time::Duration::from_millis(1);

#[cfg(test)]
mod tests;
