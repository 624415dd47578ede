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
