//! What is sent, when and how often.

use super::*;

#[test]
fn a_batch_is_sent_twice() {
    is_found(&[I1], any, || {
        Alters(|actions: &mut Vec<Action>| {
            let again: Vec<Action> = batches(actions).take(1).map(|batch| Action::Dispatch(copy(batch))).collect();
            actions.extend(again);
            Vec::new()
        })
    });
}

#[test]
fn a_finished_batch_is_sent_once_more() {
    is_found(&[I1, I5, I7], any, || {
        let mut last: Option<Batch> = None;
        let mut dispatched = 0;
        Alters(move |actions: &mut Vec<Action>| {
            dispatched += batches(actions).count();
            last = batches(actions).last().map(|batch| copy(batch)).or(last.take());
            let again = last.take_if(|_| dispatched > 3 && !actions.iter().any(|a| matches!(a, Action::Dispatch(_))));
            actions.extend(again.map(Action::Dispatch));
            Vec::new()
        })
    });
}

fn copy(batch: &Batch) -> Batch {
    let (id, topic) = (BatchId(batch.id.0 + 1_000_000), batch.topic.clone());
    Batch { id, topic, records: batch.records.clone(), not_after: batch.not_after, timeout: batch.timeout }
}

#[test]
fn a_batch_is_sent_after_its_deadline() {
    let dying = |setup: &mut Setup| {
        setup.settings.ttl = true;
        (setup.workload.deadline_per_mille, setup.workload.deadline_ms) = (1000, (0, 100));
    };
    is_found(&[I4], dying, || {
        Alters(|actions: &mut Vec<Action>| {
            batches(actions).for_each(|batch| batch.not_after = None);
            Vec::new()
        })
    });
}

#[test]
fn deadlines_are_not_looked_at() {
    let dying = |setup: &mut Setup| {
        setup.settings.ttl = true;
        (setup.workload.deadline_per_mille, setup.workload.deadline_ms) = (1000, (-100, 100));
    };
    is_found(&[I4], dying, || Sets(|settings| settings.ttl = false));
}

#[test]
fn one_batch_too_many_is_out() {
    let one = |setup: &mut Setup| (setup.settings.concurrency, setup.settings.batch_records_max) = (1, 8);
    is_found(&[I5], one, || {
        Alters(|actions: &mut Vec<Action>| {
            let mut halves = Vec::new();
            for batch in batches(actions).filter(|batch| batch.records.len() > 1) {
                let mut half = copy(batch);
                half.records.truncate(1);
                batch.records.remove(0);
                halves.push(Action::Dispatch(half));
            }
            actions.extend(halves);
            Vec::new()
        })
    });
}

#[test]
fn a_batch_is_too_long() {
    let parallel = |setup: &mut Setup| {
        literal(setup);
        (setup.settings.concurrency, setup.settings.batch_records_max) = (4, 2);
    };
    is_found(&[I5], parallel, || {
        let mut kept: Vec<Batch> = Vec::new();
        Alters(move |actions: &mut Vec<Action>| {
            let sent = actions.extract_if(.., |action| matches!(action, Action::Dispatch(_)));
            kept.extend(
                sent.filter_map(|action| if let Action::Dispatch(batch) = action { Some(batch) } else { None }),
            );
            if kept.len() > 1
                && let (Some(mut last), Some(first)) = (kept.pop(), kept.pop())
            {
                last.records.extend(first.records);
                actions.push(Action::Dispatch(last));
            }
            Vec::new()
        })
    });
}

#[test]
fn order_is_not_kept() {
    let ordered = |setup: &mut Setup| {
        (setup.settings.ordering, setup.workload.keys) = (Ordering::Key, 2);
        setup.workload.unkeyed_per_mille = 0;
    };
    is_found(&[I5], ordered, || Sets(|settings| settings.ordering = Ordering::None));
}

#[test]
fn an_answer_is_made_up() {
    is_found(&[I1, I2], any, || {
        Alters(|actions: &mut Vec<Action>| {
            let sent = actions.extract_if(.., |action| matches!(action, Action::Dispatch(_)));
            let settle = |action| match action {
                Action::Dispatch(batch) => Some(Event::Settled(Settled {
                    batch,
                    answer: Answer::Done,
                    took: Duration::ZERO,
                    status: None,
                    detail: None,
                    told: Told::default(),
                    said: Vec::new(),
                })),
                _ => None,
            };
            sent.filter_map(settle).collect()
        })
    });
}
