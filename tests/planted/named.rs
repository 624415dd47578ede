//! The bugs of `src/planted.rs`, under the same names and with the same effect: what the chaos suite finds in the real
//! binary is found here too, by one promise.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[test]
fn the_highest_finished_offset_committed_instead_of_the_frontier() {
    found("max_offset_commit", I2, any, || Marking::of(|marks, offset| *offset = marks.highest.max(*offset)));
}

#[test]
fn a_late_answer_that_counts_after_a_revoke() {
    found("late_ack_after_revoke", I2, slow_and_revoked, || {
        Marking::of(|marks, offset| *offset = marks.late.max(*offset))
    });
}

#[test]
fn a_failed_batch_that_never_gives_its_slot_back() {
    found("leaked_permit", I8, literal, || {
        Tells(|event| match event {
            Event::Settled(settled) if settled.answer == Answer::Failed => None,
            event => Some(event),
        })
    });
}

#[test]
fn a_dead_letter_that_was_not_taken_and_is_committed_past() {
    let letters = |setup: &mut Setup| {
        literal(setup);
        setup.settings.poison = PoisonPolicy::DeadLetter;
        setup.settings.commit_interval = Some(Duration::from_millis(100));
        (setup.workload.poison_per_mille, setup.sink.fail_per_mille) = (50, 500);
    };
    found("commit_past_failed_dead_letter", I2, letters, || {
        Tells(|event| match event {
            Event::DeadLettered(DeadLettered::Failed { letter, .. }) => {
                Some(Event::DeadLettered(DeadLettered::Acknowledged { letter }))
            }
            event => Some(event),
        })
    });
}

#[test]
fn a_retry_that_is_dropped_on_a_revoke() {
    found("retry_dropped_on_revoke", I2, retried_and_revoked, || {
        Marking::of(|marks, offset| {
            while marks.revoking && marks.answered.contains(offset) {
                *offset += 1;
            }
        })
    });
}

/// In whatever seed it is found, it is by this promise.
fn found<T: Tamper>(name: &str, promise: Promise, fit: impl Fn(&mut Setup), bug: impl Fn() -> T) {
    let found = (0..SEEDS).filter(|seed| is_found_in(*seed, &[promise], &fit, &bug)).count();
    println!("planted {name}: found by {promise:?} in {found} of {SEEDS} seeds");
    assert!(found > 0, "{name} is not found");
}

/// Partitions go and come back while the worker is slower than the drain.
fn slow_and_revoked(setup: &mut Setup) {
    revoked(setup);
    setup.settings.revoke_drain = Duration::from_millis(100);
    (setup.worker.alpha, setup.settings.inference_timeout) = (Duration::from_secs(2), Duration::from_secs(20));
}

/// Partitions go while much waits to be tried again.
fn retried_and_revoked(setup: &mut Setup) {
    revoked(setup);
    setup.worker.retry_per_mille = 300;
}

fn revoked(setup: &mut Setup) {
    literal(setup);
    setup.settings.commit_interval = Some(Duration::from_millis(100));
    let at = |n: u64| Instant::from_millis(3_000 + n * 5_000);
    let revoke = |n| Fault { at: at(n), lasts: Duration::from_secs(1), kind: Kind::Revoke(Set::ALL) };
    setup.faults = (0..5).map(revoke).collect();
}

/// A bug that is a change of what the engine is told.
struct Tells(fn(Event) -> Option<Event>);

impl Tamper for Tells {
    fn tell(&mut self, event: Event) -> Option<Event> {
        (self.0)(event)
    }
}

/// What a bug needs to know of a partition.
#[derive(Debug, Default)]
struct Marks {
    /// Next offset after the highest finished.
    highest: i64,
    /// The same of answers that came after a release.
    late: i64,
    releases: u32,
    revoking: bool,
    /// Offsets the worker has answered for, whatever it said.
    answered: BTreeSet<i64>,
}

/// A bug that commits another offset, for what it has seen of the answers.
struct Marking {
    change: fn(&Marks, &mut i64),
    marks: BTreeMap<PartitionId, Marks>,
    /// How often each record's partition had been given back when its batch went.
    out: BTreeMap<BatchId, Vec<u32>>,
}

impl Marking {
    fn of(change: fn(&Marks, &mut i64)) -> Self {
        Self { change, marks: BTreeMap::new(), out: BTreeMap::new() }
    }

    fn marks(&mut self, id: PartitionId) -> &mut Marks {
        self.marks.entry(id).or_default()
    }

    fn note(&mut self, settled: &Settled) {
        let Some(before) = self.out.remove(&settled.batch.id) else { return };
        for (at, (record, before)) in settled.batch.records.iter().zip(before).enumerate() {
            let marks = self.marks(record.partition);
            let done = match &settled.answer {
                Answer::Done => true,
                Answer::Each(verdicts) => verdicts.get(at) == Some(&Verdict::Success),
                _ => false,
            };
            let is_late = marks.releases > before;
            if done && is_late {
                marks.late = marks.late.max(record.offset + 1);
            }
            if done {
                marks.highest = marks.highest.max(record.offset + 1);
            }
            if !is_late {
                marks.answered.insert(record.offset);
            }
        }
    }
}

impl Tamper for Marking {
    fn tell(&mut self, event: Event) -> Option<Event> {
        match &event {
            Event::Settled(settled) => self.note(settled),
            Event::Revoked { partitions, lost: false } => {
                partitions.iter().for_each(|id| self.marks(*id).revoking = true);
            }
            _ => {}
        }
        Some(event)
    }

    fn alter(&mut self, _: Now, actions: &mut Vec<Action>) -> Vec<Event> {
        for action in actions {
            match action {
                Action::Dispatch(batch) => {
                    let before = batch.records.iter().map(|record| self.marks(record.partition).releases).collect();
                    self.out.insert(batch.id, before);
                }
                Action::Source(Command::Commit { offsets, .. }) => {
                    let change = self.change;
                    offsets.iter_mut().for_each(|mark| change(self.marks(mark.partition), &mut mark.offset));
                }
                Action::Source(Command::Release(ids)) => ids.iter().for_each(|id| {
                    let marks = self.marks(*id);
                    (marks.releases, marks.revoking) = (marks.releases + 1, false);
                    marks.answered.clear();
                }),
                _ => {}
            }
        }
        Vec::new()
    }
}
