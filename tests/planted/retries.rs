//! Retries and dead letters.

use super::*;

#[test]
fn a_retried_record_is_dropped() {
    // A batch of two that goes alone is charged alone, too. What it holds up, where order counts, the engine sees itself.
    is_found(&[I1, I8, Charge, Engine], literal, || {
        Alters(|actions: &mut Vec<Action>| {
            // Sent again without one of its records.
            for batch in batches(actions).filter(|batch| batch.records.len() > 1) {
                if batch.records.iter().any(|record| record.notes.attempts > 0) {
                    batch.records.pop();
                }
            }
            Vec::new()
        })
    });
}

#[test]
fn a_batch_that_is_tried_again_never_gives_its_slot_back() {
    is_found(&[I8], literal, || {
        Alters(|actions: &mut Vec<Action>| {
            actions.retain(|action| {
                let again = |batch: &Batch| batch.records.iter().any(|record| record.notes.attempts > 0);
                !matches!(action, Action::Dispatch(batch) if again(batch))
            });
            Vec::new()
        })
    });
}

#[test]
fn what_waits_to_be_tried_again_is_dropped_when_its_partition_is_revoked() {
    is_found(&[I2, I3, I7], literal, || {
        let mut tried = [None; 64];
        Alters(move |actions: &mut Vec<Action>| {
            for record in batches(actions).flat_map(|batch| &batch.records) {
                tried[record.partition.index()] = Some(record.offset + 1);
            }
            let released = actions.iter().find_map(|action| match action {
                Action::Source(Command::Release(ids)) => Some(ids.clone()),
                _ => None,
            });
            let ids = released.into_iter().flatten();
            let offsets: Vec<_> = ids.filter_map(|id| Some(mark(id, tried[id.index()].take()?))).collect();
            if !offsets.is_empty() {
                // As if nothing of it were left to do: before the partition is given back.
                let id = CommitId(u64::MAX);
                actions.insert(0, Action::Source(Command::Commit { id, offsets }));
            }
            Vec::new()
        })
    });
}

#[test]
fn a_dead_letter_counts_before_the_topic_has_it() {
    let letters = |setup: &mut Setup| {
        setup.settings.poison = PoisonPolicy::DeadLetter;
        setup.workload.poison_per_mille = 50;
    };
    is_found(&[I2, Facts], letters, || {
        Alters(|actions: &mut Vec<Action>| {
            let letters = actions.extract_if(.., |action| matches!(action, Action::DeadLetter(_)));
            let acknowledge = |action| match action {
                Action::DeadLetter(letter) => Some(Event::DeadLettered(DeadLettered::Acknowledged { letter })),
                _ => None,
            };
            letters.filter_map(acknowledge).collect()
        })
    });
}

#[test]
fn a_record_is_dead_lettered_for_no_reason() {
    is_found(&[Charge], any, || {
        Alters(|actions: &mut Vec<Action>| {
            for action in actions.iter_mut() {
                if let Action::DeadLetter(letter) = action {
                    letter.reason = sluicegate::engine::event::Reason::Undecodable;
                }
            }
            Vec::new()
        })
    });
}

#[test]
fn a_failure_is_charged_twice() {
    is_found(&[Charge], any, || {
        Alters(|actions: &mut Vec<Action>| {
            for batch in batches(actions) {
                batch.records.iter_mut().for_each(|record| record.notes.attempts *= 2);
            }
            Vec::new()
        })
    });
}

#[test]
fn the_dead_letter_budget_is_not_kept() {
    let broken = |setup: &mut Setup| {
        (setup.settings.poison, setup.settings.dead_letter_max_pct) = (PoisonPolicy::DeadLetter, 0.0);
        (setup.workload.poison_per_mille, setup.workload.records) = (500, 300);
    };
    is_found(&[Budget], broken, || Sets(|settings| settings.dead_letter_max_pct = 100.0));
}
