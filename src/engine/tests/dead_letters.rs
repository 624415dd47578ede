//! What is given up goes to the dead letters, within their budget and as fast as they are taken.

use super::*;
use crate::engine::fact::LetterHold;

/// Why letters were held, as it was told.
fn held_by(bench: &Bench) -> Vec<LetterHold> {
    let cause = |fact: &Fact| if let Fact::DeadLetterHeld { cause, .. } = fact { Some(*cause) } else { None };
    bench.facts.iter().filter_map(cause).collect()
}

#[test]
fn one_poison_record_is_found_by_halving_and_the_others_pay_nothing() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    bench.poll(0..32);
    let mut delivered = Vec::new();
    for _ in 0..100 {
        bench.wake_until_dispatch();
        let Some(offsets) = bench.offsets_out().first().cloned() else { break };
        assert!(bench.out[0].records.iter().all(|r| r.offset == 13 || r.notes.attempts == 0));
        if offsets.contains(&13) {
            bench.answer(Answer::Failed);
        } else {
            delivered.extend(offsets);
            bench.answer(Answer::Done);
        }
    }
    delivered.sort_unstable();
    assert_eq!(delivered, (0..32).filter(|o| *o != 13).collect::<Vec<_>>());
    assert_eq!(bench.letters.len(), 1);
    assert_eq!((bench.letters[0].reason, bench.letters[0].record.notes.attempts), (Reason::OutOfAttempts, 5));
}

#[test]
fn a_dead_letter_is_finished_only_when_it_is_acknowledged() {
    let mut bench = Bench::new(settings());
    bench.poll(0..1);
    bench.pass(25);
    bench.answer(Answer::Refused);
    let letter = bench.letters.remove(0);
    bench.pass(2_000);
    assert_eq!(bench.last_commit(), None);
    bench.step(Event::DeadLettered(DeadLettered::Failed { letter, error: "topic away".into() }));
    assert_eq!(bench.engine.snapshot(bench.now).not_ready, [NotReady::DeadLetterHeld]);
    assert_eq!(held_by(&bench), [LetterHold::Failing]);
    bench.poll(1..40);
    assert!(bench.out.is_empty(), "fresh records wait while the way out is blocked");
    bench.pass(200);
    let letter = bench.letters.remove(0);
    bench.step(Event::DeadLettered(DeadLettered::Acknowledged { letter }));
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 1)]);
    assert!(!bench.out.is_empty());
}

#[test]
fn a_worker_that_fails_or_refuses_everything_cannot_empty_the_topic_into_the_dead_letters() {
    let (lettered, failed) = lettered_by(Answer::Failed);
    assert!(lettered <= 10, "{lettered}");
    assert_eq!(failed.engine.snapshot(failed.now).not_ready, [NotReady::WorkerBroken]);
    let (lettered, refused) = lettered_by(Answer::Refused);
    assert_eq!(lettered, 10);
    assert_eq!(held_by(&refused), [LetterHold::Budget]);
    assert_eq!(refused.engine.snapshot(refused.now).dead_letters.held_by, Some(LetterHold::Budget));
    assert!(refused.engine.snapshot(refused.now).queue.records > 80, "the rest waits in the queue");
}

/// Dead letters of a hundred records after 200 such answers.
fn lettered_by(answer: Answer) -> (usize, Bench) {
    let retry = settings::RetrySettings { attempts_max: 1, ..settings().retry };
    let mut bench = Bench::new(EngineSettings { batch_records_max: 1, retry, ..settings() });
    bench.poll(0..100);
    for _ in 0..200 {
        if bench.out.is_empty() {
            bench.pass(100);
        } else {
            bench.answer(answer.clone());
        }
        while let Some(letter) = bench.letters.pop() {
            bench.step(Event::DeadLettered(DeadLettered::Acknowledged { letter }));
        }
    }
    let lettered = bench.facts.iter().filter(|f| matches!(f, Fact::DeadLettered { .. })).count();
    (lettered, bench)
}

#[test]
fn records_given_up_at_the_door_do_not_pile_up_behind_held_letters() {
    let mut bench = Bench::new(EngineSettings { max_record_bytes: 8, max_poll_records: 10, ..settings() });
    let large = |offset| Record::new(P0, 0, offset, -1, Payload::new(None, Some(b"too much for it")));
    let granted = bench.commands.len();
    bench.poll_records((0..20).map(large).collect());
    assert_eq!((bench.letters.len(), bench.engine.snapshot(bench.now).dead_letters.held), (10, 10));
    assert_eq!(bench.commands.len(), granted, "no credit while the way out is blocked");
    bench.pass(70_000);
    assert_eq!(bench.engine.snapshot(bench.now).dead_letters.held, 0);
    assert!(bench.commands[granted..].iter().any(|c| matches!(c, Command::Grant { records: 20, .. })));
}

#[test]
fn a_slow_dead_letter_topic_holds_the_records_back_instead_of_filling_the_memory() {
    let mut bench = Bench::new(EngineSettings { dead_letter_max_pct: 100.0, batch_records_max: 64, ..settings() });
    for start in (0..640).step_by(64) {
        bench.poll(start..start + 64);
        if start < 320 {
            bench.answer(Answer::Done);
        } else if !bench.out.is_empty() {
            bench.answer(Answer::Each(vec![Verdict::Drop; 64]));
        }
    }
    assert_eq!((bench.letters.len(), bench.engine.snapshot(bench.now).dead_letters.held), (128, 64));
    assert!(bench.out.is_empty());
    let letter = bench.letters.remove(0);
    bench.step(Event::DeadLettered(DeadLettered::Acknowledged { letter }));
    assert_eq!((bench.letters.len(), bench.engine.snapshot(bench.now).dead_letters.held), (128, 63));
    assert_eq!(held_by(&bench), [LetterHold::Unanswered], "told once");
}
