//! The bugs.

use std::time::Duration;

use sluicegate::{
    engine::{
        event::{
            Action, Answer, Batch, BatchId, Command, CommitId, DeadLettered, Event, Mark, Outcome, Reply, Settled, Told,
        },
        ledger::completed,
        settings::{EngineSettings, Ordering, PoisonPolicy, RequestSettings},
    },
    record::PartitionId,
    sim::{
        checker::Promise::*,
        fault::{Fault, Kind, Set, WorkerMood},
        setup::Setup,
        world::Tamper,
    },
    time::{Instant, Now},
};

use super::{any, is_found, literal};

/// A bug that is a change of what the engine asks for.
struct Alters<F>(F);

impl<F: FnMut(&mut Vec<Action>) -> Vec<Event>> Tamper for Alters<F> {
    fn alter(&mut self, _: Now, actions: &mut Vec<Action>) -> Vec<Event> {
        (self.0)(actions)
    }
}

/// A bug that is a wrong number.
struct Sets(fn(&mut EngineSettings));

impl Tamper for Sets {
    fn settings(&self, settings: &mut EngineSettings) {
        (self.0)(settings);
    }
}

/// A bug in single actions.
fn each(mut alter: impl FnMut(&mut Action)) -> impl Tamper {
    Alters(move |actions: &mut Vec<Action>| {
        actions.iter_mut().for_each(&mut alter);
        Vec::new()
    })
}

fn batches(actions: &mut [Action]) -> impl Iterator<Item = &mut Batch> {
    actions.iter_mut().filter_map(|action| if let Action::Dispatch(batch) = action { Some(batch) } else { None })
}

#[test]
fn the_highest_offset_seen_is_committed_instead_of_the_frontier() {
    is_found(&[I2], any, || {
        let mut highest = [0; 64];
        each(move |action| match action {
            Action::Dispatch(batch) => {
                for record in &batch.records {
                    highest[record.partition.index()] = record.offset + 1;
                }
            }
            Action::Source(Command::Commit { offsets, .. }) => {
                offsets.iter_mut().for_each(|mark| mark.offset = mark.offset.max(highest[mark.partition.index()]));
            }
            _ => {}
        })
    });
}

#[test]
fn one_offset_too_many_is_committed() {
    let gapless = |setup: &mut Setup| {
        (setup.workload.marker_per_mille, setup.workload.gap_per_mille) = (0, 0);
    };
    is_found(&[I2], gapless, || {
        each(|action| {
            if let Action::Source(Command::Commit { offsets, .. }) = action {
                offsets.iter_mut().for_each(|mark| mark.offset += 1);
            }
        })
    });
}

#[test]
fn a_commit_goes_back() {
    is_found(&[I3], any, || {
        let mut first = [None; 64];
        each(move |action| {
            if let Action::Source(Command::Commit { offsets, .. }) = action {
                for Mark { partition, offset, .. } in offsets {
                    *offset =
                        first[partition.index()].replace(*offset).map_or(*offset, |first: i64| (first - 1).max(0));
                }
            }
        })
    });
}

#[test]
fn what_is_not_finished_is_told_to_be() {
    is_found(&[I2], any, || {
        each(|action| {
            if let Action::Source(Command::Commit { offsets, .. }) = action {
                for mark in offsets.iter_mut().filter(|mark| !mark.metadata.is_empty()) {
                    let runs = [(mark.offset + 1, mark.offset + 1_000)];
                    mark.metadata = completed::encode(mark.offset, runs.into_iter(), 100).into();
                }
            }
        })
    });
}

#[test]
fn what_is_finished_is_told_of_another_frontier() {
    let gapless = |setup: &mut Setup| {
        (setup.workload.marker_per_mille, setup.workload.gap_per_mille) = (0, 0);
    };
    is_found(&[I2], gapless, || {
        let mut last = vec![Box::<str>::default(); 64];
        each(move |action| {
            if let Action::Source(Command::Commit { offsets, .. }) = action {
                offsets
                    .iter_mut()
                    .for_each(|mark| std::mem::swap(&mut mark.metadata, &mut last[mark.partition.index()]));
            }
        })
    });
}

#[test]
fn a_partition_is_committed_after_it_was_released() {
    is_found(&[I7], any, || {
        Alters(|actions: &mut Vec<Action>| {
            let released = actions.iter().find_map(|action| match action {
                Action::Source(Command::Release(ids)) => ids.first().copied(),
                _ => None,
            });
            let late = released.map(|id| Command::Commit { id: CommitId(u64::MAX), offsets: vec![mark(id, 0)] });
            actions.extend(late.map(Action::Source));
            Vec::new()
        })
    });
}

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

fn mark(partition: PartitionId, offset: i64) -> Mark {
    Mark { partition, offset, metadata: "".into() }
}

fn copy(batch: &Batch) -> Batch {
    let (id, topic) = (BatchId(batch.id.0 + 1_000_000), batch.topic.clone());
    Batch { id, topic, records: batch.records.clone(), not_after: batch.not_after, timeout: batch.timeout }
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
fn a_knob_moves_by_itself() {
    is_found(&[I9], any, || Sets(|settings| settings.linger += Duration::from_millis(1)));
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
fn the_queue_is_larger_than_it_may_be() {
    is_found(&[I6, Gate], any, || {
        Sets(|settings| settings.queue_records_max = settings.queue_records_max.map(|n| n * 2))
    });
}

#[test]
fn more_credit_is_granted_than_there_is_room() {
    is_found(&[I6], any, || {
        each(|action| {
            if let Action::Source(Command::Grant { records, bytes }) = action {
                (*records, *bytes) = (*records * 2, *bytes * 2);
            }
        })
    });
}

#[test]
fn credit_is_lost_on_the_way() {
    is_found(&[I8], any, || {
        let mut granted = 0;
        Alters(move |actions: &mut Vec<Action>| {
            actions.retain(|action| {
                let grant = matches!(action, Action::Source(Command::Grant { .. }));
                granted += u32::from(grant);
                !grant || granted < 3
            });
            Vec::new()
        })
    });
}

#[test]
fn a_span_has_no_bound() {
    is_found(&[I6], any, || Sets(|settings| settings.span_max *= 10));
}

#[test]
fn a_partition_is_never_given_back() {
    is_found(&[I8], any, || {
        Alters(|actions: &mut Vec<Action>| {
            actions.retain(|action| !matches!(action, Action::Source(Command::Release(_))));
            Vec::new()
        })
    });
}

#[test]
fn a_revoke_waits_too_long() {
    let hanging = |setup: &mut Setup| {
        let fault = |ms, lasts, kind| Fault { at: Instant::from_millis(ms), lasts: Duration::from_secs(lasts), kind };
        setup.settings.inference_timeout = Duration::from_secs(15);
        setup.settings.revoke_drain = Duration::from_millis(100);
        setup.faults = vec![fault(0, 20, Kind::Worker(WorkerMood::Hanging)), fault(4_000, 1, Kind::Revoke(Set::ALL))];
    };
    is_found(&[I8], hanging, || Sets(|settings| settings.revoke_drain += Duration::from_secs(60)));
}

#[test]
fn a_pause_never_reaches_the_client() {
    is_found(&[Gate], any, || {
        Alters(|actions: &mut Vec<Action>| {
            actions.retain(|action| !matches!(action, Action::Source(Command::Pause(_))));
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

/// Many callers, each with time enough.
fn asking(setup: &mut Setup) {
    let topic = std::sync::Arc::from("topic-0");
    setup.settings.requests = Some(RequestSettings { topic, reserved_pct: 50, ..RequestSettings::default() });
    (setup.settings.queue_records_max, setup.settings.queue_bytes_max) = (Some(64), 4 << 20);
    (setup.requests.count, setup.requests.bursts, setup.requests.bytes) = (100, 20, (10, 20));
    (setup.requests.over, setup.requests.gone_per_mille) = (Duration::from_secs(5), 0);
}

#[test]
fn a_request_is_answered_twice() {
    is_found(&[I1], asking, || {
        Alters(|actions: &mut Vec<Action>| {
            let reply =
                actions.iter().find_map(|action| if let Action::Reply(reply) = action { Some(reply.id) } else { None });
            actions.extend(reply.map(|id| Action::Reply(Reply { id, outcome: Outcome::Expired })));
            Vec::new()
        })
    });
}

#[test]
fn a_request_is_never_answered() {
    is_found(&[I1, I6, I8], asking, || {
        Alters(|actions: &mut Vec<Action>| {
            actions.retain(|action| !matches!(action, Action::Reply(_)));
            Vec::new()
        })
    });
}

#[test]
fn two_requests_get_each_others_answers() {
    is_found(&[I1], asking, || {
        Alters(|actions: &mut Vec<Action>| {
            let mut replies: Vec<&mut Reply> = actions
                .iter_mut()
                .filter_map(|action| if let Action::Reply(reply) = action { Some(reply) } else { None })
                .collect();
            if let [first, second, ..] = replies.as_mut_slice() {
                std::mem::swap(&mut first.id, &mut second.id);
            }
            Vec::new()
        })
    });
}

#[test]
fn a_partition_is_never_committed() {
    is_found(&[I8], any, || {
        Alters(|actions: &mut Vec<Action>| {
            for action in actions.iter_mut() {
                if let Action::Source(Command::Commit { offsets, .. }) = action {
                    offsets.retain(|mark| mark.partition != PartitionId(0));
                }
            }
            Vec::new()
        })
    });
}
