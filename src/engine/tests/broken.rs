//! A worker that fails whatever it is sent, and what tells it from a bad record.

use super::*;

fn poll(bench: &mut Bench, from: i64) {
    bench.poll(from..from + 32);
}

/// Lets everything fail that goes out, until the worker is taken for broken.
fn broken(settings: EngineSettings) -> Bench {
    let mut bench = Bench::new(settings);
    for batch in 0..16 {
        poll(&mut bench, 32 * batch);
    }
    for _ in 0..200 {
        if bench.engine.snapshot(bench.now).not_ready.contains(&NotReady::WorkerBroken) {
            return bench;
        }
        if bench.out.is_empty() {
            bench.wake_until_dispatch();
        }
        bench.answer(Answer::Failed);
    }
    panic!("never found out");
}

fn held_causes(bench: &Bench) -> Vec<&'static str> {
    let cause = |fact: &Fact| if let Fact::WorkerHeld { cause, .. } = fact { Some(*cause) } else { None };
    bench.facts.iter().filter_map(cause).collect()
}

#[test]
fn a_worker_that_fails_everything_is_broken_and_then_charges_nobody() {
    let mut bench = broken(settings());
    assert_eq!(held_causes(&bench), ["broken"], "told once, when a probe has failed too");
    let attempts = |bench: &Bench| bench.out.iter().flat_map(|b| &b.records).map(|r| r.notes.attempts).max();
    let failed = bench.facts.iter().filter(|fact| matches!(fact, Fact::BatchSettled { .. })).count();
    assert!(failed <= 16, "{failed} calls until it was clear");
    for probe in 0..50 {
        bench.wake_until_dispatch();
        assert_eq!(bench.out.len(), 1, "one probe at a time");
        assert!(probe > 6 || attempts(&bench) == Some(0), "and at first a fresh one");
        bench.answer(Answer::Failed);
    }
    let spent = bench.now.mono.since(Instant::from_millis(1_000));
    let charged = bench.facts.iter().filter(|f| matches!(f, Fact::Retried { cause: "failed" | "failed_alone", .. }));
    let charged = charged.count() as u64;
    // A halved group counts twice.
    assert!(charged <= failed as u64 + 2 * (spent.as_secs() / 30), "{charged} in {spent:?}");
    assert!(bench.letters.is_empty());
    assert_eq!(bench.violations(), 0);
}

#[test]
fn probes_of_a_broken_worker_are_single_records_and_get_rarer() {
    let mut bench = broken(settings());
    let began = bench.now.mono;
    let mut sizes = Vec::new();
    for _ in 0..20 {
        bench.wake_until_dispatch();
        sizes.push(bench.out[0].records.len());
        bench.answer(Answer::Failed);
    }
    assert!(sizes.iter().all(|size| *size == 1), "{sizes:?}");
    let took = bench.now.mono.since(began);
    assert!((Duration::from_secs(60)..=Duration::from_secs(110)).contains(&took), "{took:?} for twenty probes");
}

#[test]
fn after_an_outage_the_load_comes_back_step_by_step() {
    let mut bench = broken(EngineSettings { concurrency: 8, ..settings() });
    for _ in 0..5 {
        bench.wake_until_dispatch();
        bench.answer(Answer::Failed);
    }
    bench.wake_until_dispatch();
    let mut most = Vec::new();
    for _ in 0..6 {
        bench.answer(Answer::Done);
        most.push(bench.out.len());
    }
    assert!(bench.facts.iter().any(|fact| matches!(fact, Fact::WorkerBack { .. })));
    assert_eq!(most[0], 1, "{most:?}");
    assert!(most.windows(2).all(|pair| pair[1] <= 2 * pair[0] + 1) && most[5] > 2, "{most:?}");
    assert!(bench.engine.snapshot(bench.now).not_ready.is_empty());
}

#[test]
fn one_bad_record_alone_is_not_a_broken_worker() {
    let mut bench = Bench::new(settings());
    bench.poll(0..1);
    for _ in 0..settings().retry.attempts_max {
        bench.wake_until_dispatch();
        bench.answer(Answer::Failed);
    }
    assert_eq!(bench.letters.len(), 1, "it is given up after its attempts");
    assert!(held_causes(&bench).is_empty());
}

#[test]
fn bad_records_among_good_ones_do_not_make_it_broken() {
    let mut bench = Bench::new(EngineSettings { batch_records_max: 4, concurrency: 1, ..settings() });
    let mut next = 0;
    for _ in 0..400 {
        if bench.out.is_empty() {
            bench.poll(next..next + 4);
            next += 4;
            bench.wake_until_dispatch();
        }
        // Every tenth record is bad: a third of the batches fail.
        let bad = bench.out[0].records.iter().any(|record| record.offset % 10 == 3);
        bench.answer(if bad { Answer::Failed } else { Answer::Done });
        bench.letters.clear();
    }
    assert!(held_causes(&bench).is_empty());
}

#[test]
fn an_outage_of_half_a_day_gives_nobody_up_and_then_all_is_delivered() {
    let mut bench = broken(settings());
    let began = bench.now.mono;
    while bench.now.mono.since(began) < Duration::from_secs(12 * 3600) {
        bench.wake_until_dispatch();
        bench.answer(Answer::Failed);
    }
    assert!(bench.letters.is_empty(), "{} innocent records are given up", bench.letters.len());
    let most = bench.engine.snapshot(bench.now).retry.records;
    assert!(most <= 512 + 512, "{most} wait to be tried again");
    for _ in 0..2_000 {
        bench.wake_until_dispatch();
        if bench.out.is_empty() {
            break;
        }
        bench.answer(Answer::Done);
    }
    assert_eq!((bench.finished(), bench.letters.len(), bench.violations()), (512, 0, 0));
}

#[test]
fn bad_records_in_a_row_hold_up_the_good_ones_behind_them_for_a_while_and_are_given_up_as_those_get_through() {
    let mut bench = Bench::new(EngineSettings { batch_records_max: 1, ..settings() });
    bench.poll(0..64);
    let (mut delivered, mut next, began) = (0, 64, bench.now.mono);
    for call in 0..20_000 {
        bench.wake_until_dispatch();
        if bench.out.is_empty() {
            break;
        }
        let bad = bench.out[0].records[0].offset < 40;
        delivered += usize::from(!bad);
        bench.answer(if bad { Answer::Failed } else { Answer::Done });
        while let Some(letter) = bench.letters.pop() {
            bench.step(Event::DeadLettered(DeadLettered::Acknowledged { letter }));
        }
        if call % 50 == 0 {
            bench.poll(next..next + 1);
            next += 1;
        }
    }
    let lettered = bench.facts.iter().filter(|f| matches!(f, Fact::DeadLettered { .. })).count();
    let took = bench.now.mono.since(began);
    assert_eq!((delivered as i64, lettered), (next - 40, 40), "after {took:?}");
}

#[test]
fn calls_cut_off_at_a_deadline_say_that_it_is_broken_only_when_nothing_succeeds_for_half_a_minute() {
    let mut bench = Bench::new(EngineSettings { batch_records_max: 4, concurrency: 1, ..settings() });
    let began = bench.now.mono;
    for call in 0.. {
        let deadline = bench.now.wall.0 + 500;
        bench.poll_records((4 * call..4 * call + 4).map(|offset| with_deadline(offset, deadline)).collect());
        bench.wake_until_dispatch();
        bench.pass(bench.out[0].timeout.as_millis() as u64);
        bench.answer(Answer::Failed);
        if !held_causes(&bench).is_empty() {
            break;
        }
        assert!(bench.now.mono < began + Duration::from_secs(60), "one that never answers is found out");
    }
    assert!(bench.now.mono >= began + Duration::from_secs(30), "{:?}", bench.now.mono.since(began));
    assert_eq!(held_causes(&bench), ["broken"]);
    assert!(bench.letters.is_empty());
}

#[test]
fn a_broken_worker_that_is_away_between_its_failures_is_still_broken() {
    let mut bench = Bench::new(settings());
    let (mut next, mut up_at, began) = (0, bench.now.mono, bench.now.mono);
    // It dies of every call, and takes eight seconds to start again.
    while bench.now.mono.since(began) < Duration::from_secs(6 * 3600) {
        while bench.engine.snapshot(bench.now).queue.records < 256 {
            poll(&mut bench, next);
            next += 32;
        }
        bench.wake_until_dispatch();
        let is_up = bench.now.mono >= up_at;
        if is_up {
            up_at = bench.now.mono + Duration::from_secs(8);
        }
        while !bench.out.is_empty() {
            bench.settle(0, if is_up { Answer::Failed } else { Answer::Away }, None);
        }
        bench.facts.clear();
    }
    let waiting = bench.engine.snapshot(bench.now).retry.records;
    assert!(bench.letters.is_empty() && waiting < 1_000, "{} letters, {waiting} waiting", bench.letters.len());
}
