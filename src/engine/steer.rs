//! Between the engine and control: what control is told, when it is asked, and what becomes of its decisions.

use std::time::Duration;

use crate::{
    control::{
        knobs::Reason,
        learned::{Learned, Unfit},
        limit::Condition,
        route::Route,
        sample::{BatchSample, Outcome},
    },
    engine::{
        Effects, Engine,
        event::{Answer, Told, Verdict},
        fact::Fact,
        in_flight::Flight,
        queue::{Lane, LaneId},
        sentinel::Invariant,
        snapshot::{ControlState, DecisionState, RouteState, ShedState},
        worker_health::Trouble,
    },
    record::Record,
    time::{Instant, Now},
};

/// Taken off every deadline: the way to the worker and back, and a clock that counts whole milliseconds.
pub(super) const GUARD: Duration = Duration::from_millis(2);
/// How long it is said that somebody else uses the worker too.
const CONTENDED_FOR: Duration = Duration::from_secs(60);

impl Engine {
    /// Asks control, tells its decisions, and applies them where they count. Whether a threshold moved.
    ///
    /// It is asked before anything is sent, so that a cut holds for what is sent, and after. Before, the places of what
    /// has just come back are empty and about to be filled again: whether the limit was used is what it was after the
    /// last send.
    pub(super) fn steer(&mut self, now: Now, has_sent: bool, out: &mut Effects) -> bool {
        if self.control.is_off() {
            return false;
        }
        self.ticked_at = now.mono;
        if has_sent {
            self.was_full = self.in_flight.batches() >= self.values.concurrency;
        }
        self.control.tick(now.mono, self.in_flight.batches(), self.condition());
        let (applied, moved) = (self.control.is_on(), self.control.dials().has_news());
        let decisions: Vec<_> = self.control.dials_mut().news().collect();
        for decision in decisions {
            let (min, max) = self.control.dials().bounds(decision.knob);
            let (to, what) = (decision.to(), || format!("{decision:?}: bounds {min} to {max}"));
            self.look(Invariant::I9, (min..=max).contains(&to), what, out);
            out.fact(Fact::KnobMoved { decision, applied });
        }
        if applied && moved {
            self.values = self.control.values();
        }
        applied && moved
    }

    /// What the law may conclude from how things stand.
    fn condition(&self) -> Condition {
        match self.worker.trouble() {
            Some(Trouble::Away | Trouble::Misconfigured | Trouble::Broken) => return Condition::Away,
            Some(Trouble::Busy) => return Condition::Disturbed,
            None => {}
        }
        if self.drain.is_some() || !self.revokes.is_empty() {
            return Condition::Rebalancing;
        }
        let waits = self.queue.records() > 0 || self.retries.records() > 0;
        if self.was_full && waits { Condition::Open } else { Condition::Idle }
    }

    /// Whether the worker has so much room that waiting for a fuller batch gains nothing.
    pub(super) fn has_room_to_spare(&self, now: Instant) -> bool {
        let limit = self.worker.concurrency(now, self.values.concurrency);
        self.control.is_on() && 2 * self.in_flight.batches() < limit
    }

    /// When a batch has to go for the earliest deadline in it, if that is before the linger is over.
    pub(super) fn last_call(&self, now: Now, id: LaneId, lane: &Lane, linger_end: Instant) -> Option<Instant> {
        let deadline = now.mono_at(lane.earliest_deadline()?);
        if !self.control.is_on() {
            // That the linger would cost it is all that is known.
            return (deadline < linger_end).then_some(now.mono);
        }
        let records = u32::try_from(lane.records.len()).unwrap_or(u32::MAX).min(self.values.batch_records);
        let needs = Duration::try_from_secs_f64(self.control.needs(id.0, records)).unwrap_or_default();
        let call = deadline.before(needs + GUARD).max(now.mono);
        (call < linger_end).then_some(call)
    }

    pub(super) fn note_arrival(&mut self, now: Now, record: &Record) {
        if self.control.is_off() {
            return;
        }
        let Some(lane) = self.partitions.get(record.partition).map(|partition| partition.lane) else { return };
        let slack = record.notes.deadline.map(|deadline| now.wall.until(deadline));
        self.control.arrived(now.mono, lane.0, slack);
        if let Some(opened_at) = self.opened_at.take() {
            self.control.refilled(lane.0, now.mono.since(opened_at));
        }
    }

    /// What the worker says of itself. Another model makes everything learnt worthless.
    pub(super) fn note_told(&mut self, now: Now, told: Told, out: &mut Effects) {
        if self.control.told(now.mono, told.capacity, told.queued.is_some(), told.model) {
            out.fact(Fact::ModelChanged { model: told.model.unwrap_or_default() });
        }
    }

    /// A batch has come back: what it teaches.
    pub(super) fn note_sample(&mut self, now: Now, lane: LaneId, records: &[Record], sample: &BatchSample) {
        let late = |record: &&Record| record.notes.deadline.is_some_and(|deadline| now.wall > deadline);
        let late = u32::try_from(records.iter().filter(late).count()).unwrap_or(u32::MAX);
        self.control.settled(lane.0, sample, late);
    }

    /// What is worth keeping over a restart.
    pub fn learned(&self, now: Now) -> Learned {
        self.control.learned(now.wall.0)
    }

    /// Takes up what an earlier run has learnt, before the first event.
    ///
    /// # Errors
    /// Why it is of no use: too old, of another form, or nothing is tuned.
    pub fn recall(&mut self, now: Now, learned: &Learned) -> Result<(), Unfit> {
        self.control.recall(now.mono, now.wall.0, learned)
    }

    pub(super) fn control_state(&self, now: Now) -> ControlState {
        let (settings, dials) = (self.control.settings(), self.control.dials());
        let decisions = dials.decisions();
        let tally = self.control.shed().tally();
        ControlState {
            adaptive: settings.adaptive,
            ttl_mode: settings.ttl_mode,
            queue_order: settings.queue_order,
            wanted: self.knobs(&if self.control.is_off() { self.values } else { self.control.values() }),
            decisions_made: decisions.made(),
            decisions: decisions
                .newest()
                .map(|decision| DecisionState {
                    age_ms: now.mono.since(decision.at).as_millis() as u64,
                    knob: decision.knob,
                    from: decision.from(),
                    to: decision.to(),
                    reason: decision.reason,
                })
                .collect(),
            routes: self.control.routes().iter().map(|route| self.route_state(route)).collect(),
            shed: ShedState {
                hopeless: tally.given_up,
                checked: tally.checked,
                checked_in_time: tally.checked_in_time,
                capped: tally.capped,
            },
            worker_capacity: self.control.capacity(),
            contended: decisions
                .newest()
                .any(|decision| decision.reason == Reason::Contended && now.mono.since(decision.at) < CONTENDED_FOR),
        }
    }

    fn route_state(&self, route: &Route) -> RouteState {
        let ms = |seconds: f64| 1e3 * seconds;
        let known = &route.known;
        let batch_ms = |records| ms(known.batch_time.seconds_of(records));
        // The model is a straight line over ordinary records.
        let each_ms = (batch_ms(2) - batch_ms(1)).max(0.0);
        RouteState {
            topic: route.topic().to_owned(),
            samples: known.batch_time.samples(),
            batch_of_one_ms: batch_ms(1),
            batch_of_most_ms: batch_ms(self.control.values().batch_records),
            batch_fixed_ms: (batch_ms(1) - each_ms).max(0.0),
            batch_each_ms: each_ms,
            spread: known.batch_time.spread(),
            pessimistic: known.pessimistic.factor().max(1.0),
            optimistic: known.optimistic.factor().min(1.0),
            arrivals_per_s: known.arrivals.slow(),
            completions_per_s: known.completions.slow(),
            refill_gap_ms: known.refill_gap.get().map(ms),
            slack_ms: known.slack.get().map(ms),
            lost_pct: 100.0 * known.lost(),
            newest_first: route.is_newest_first(),
        }
    }
}

/// What a batch that came back can teach. `None` when nothing was sent.
pub(super) fn sample(
    now: Now,
    flight: &Flight,
    records: &[Record],
    answer: &Answer,
    told: &Told,
) -> Option<BatchSample> {
    Some(BatchSample {
        sent_at: flight.since,
        settled_at: now.mono,
        records: flight.records,
        bytes: records.iter().map(Record::charge).sum(),
        in_flight: flight.in_flight,
        worked: worked(now.mono.since(flight.since), told),
        outcome: outcome(now, flight, answer)?,
    })
}

/// How long the worker says it worked. It cannot have been longer than the answer took, nor no time at all; where it
/// tells only the wait inside of it, the rest of the time was work.
fn worked(took: Duration, told: &Told) -> Option<Duration> {
    let waited = || told.queued.and_then(|queued| took.checked_sub(queued));
    told.worked.filter(|worked| *worked <= took).or_else(waited).filter(|worked| !worked.is_zero())
}

/// How a batch came back, as far as control cares. `None` when nothing was sent.
fn outcome(now: Now, flight: &Flight, answer: &Answer) -> Option<Outcome> {
    Some(match answer {
        Answer::NotSent => return None,
        Answer::Each(verdicts) if verdicts.iter().all(|verdict| *verdict == Verdict::Undecodable) => return None,
        Answer::Done | Answer::Each(_) => Outcome::Answered,
        Answer::Busy { .. } => Outcome::Busy,
        Answer::Away | Answer::Misconfigured => Outcome::Away,
        Answer::Failed if now.mono.since(flight.since) >= flight.timeout => {
            if flight.by_deadline {
                Outcome::CutShort
            } else {
                Outcome::TimedOut
            }
        }
        Answer::Failed | Answer::Refused | Answer::TooLarge => Outcome::Failed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_worked_is_what_the_worker_says_as_far_as_it_can_be_true() {
        let ms = Duration::from_millis;
        let worked = |worked: Option<u64>, queued: Option<u64>| {
            let told = Told { worked: worked.map(ms), queued: queued.map(ms), ..Told::default() };
            super::worked(ms(100), &told).map(|time| time.as_millis())
        };
        assert_eq!(worked(Some(40), Some(50)), Some(40));
        assert_eq!(worked(None, Some(30)), Some(70), "the rest of the time was work");
        assert_eq!(worked(Some(101), Some(30)), Some(70), "longer than the answer took");
        for (worked_ms, queued_ms) in
            [(None, None), (Some(101), None), (Some(0), None), (None, Some(101)), (None, Some(100))]
        {
            assert_eq!(worked(worked_ms, queued_ms), None, "{worked_ms:?} {queued_ms:?}");
        }
    }
}
