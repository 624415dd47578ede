//! Each promise broken on purpose, from inside: its sentinel sees it, and says it by its number.

use super::*;

/// Looks and breaches of one promise.
pub fn of(bench: &Bench, name: &str) -> (u64, u64) {
    let sentinels = bench.engine.snapshot(bench.now).sentinels;
    sentinels.iter().find(|s| s.invariant == name).map(|s| (s.checks, s.breaches)).unwrap()
}

/// Two batches with the worker, and one behind them.
fn busy() -> Bench {
    let mut bench = Bench::new(settings());
    bench.poll(0..96);
    bench
}

fn partition(bench: &mut Bench) -> &mut assignment::Partition {
    bench.engine.partitions.get_mut(P0).unwrap()
}

/// What is out comes back, and is committed.
fn commit(bench: &mut Bench) {
    bench.answer(Answer::Done);
    bench.pass(1_000);
}

fn expired(offset: i64) -> Record {
    let mut record = plain(0, offset);
    record.notes.deadline = Some(UnixMillis(1));
    record
}

fn look_at(bench: &mut Bench, records: &[Record], bytes: u64) {
    let mut effects = Effects::default();
    bench.engine.look_at_batch(bench.now, records, bytes, &mut effects);
}

/// A promise, and what breaks it.
type Break = (&'static str, fn(&mut Bench));

#[test]
fn every_promise_that_is_broken_is_seen_by_its_sentinel() {
    let breaks: [Break; 11] = [
        // A record that an answer finishes is finished already.
        ("I1", |bench| {
            let now = bench.now.mono;
            partition(bench).ledger.finish(now, 0).unwrap();
            bench.answer(Answer::Done);
        }),
        // A record is nowhere, and never finished.
        ("I1", |bench| {
            bench.engine.queue.abandon(P0, |_, _| {});
            partition(bench).queued = 0;
            commit(bench);
        }),
        // Records that are still with the worker count as finished.
        ("I2", |bench| {
            let now = bench.now.mono;
            (32..64).for_each(|seq| assert!(partition(bench).ledger.finish(now, seq).is_ok()));
            commit(bench);
        }),
        ("I3", |bench| {
            commit(bench);
            bench.answer_commit(CommitOutcome::Applied);
            (partition(bench).committed, partition(bench).asked) = (None, None);
            let mark = event::Mark { partition: P0, offset: 32, metadata: "".into() };
            partition(bench).committed = Some(33);
            bench.engine.look_at_mark(&mark, &mut Effects::default());
        }),
        ("I4", |bench| look_at(bench, &[expired(99)], 10)),
        ("I5", |bench| {
            let records: Vec<_> = (0..33).map(|offset| plain(0, offset)).collect();
            look_at(bench, &records, 10);
        }),
        ("I6", |bench| {
            bench.engine.settings.span_max = 1;
            bench.poll(96..97);
        }),
        // Something is left in the queue when the group is left.
        ("I6", |bench| {
            let deadline = bench.now.mono + Duration::from_secs(1);
            bench.step(Event::Drain { deadline });
            let lane = bench.engine.queue.lane_id(&Arc::from("t"));
            bench.engine.queue.push(lane, plain(0, 99));
            bench.step(Event::Left);
        }),
        // Of a partition that was never ours.
        ("I7", |bench| look_at(bench, &[plain(7, 0)], 10)),
        ("I7", |bench| {
            partition(bench).phase = assignment::Phase::Released;
            let mark = event::Mark { partition: P0, offset: 0, metadata: "".into() };
            bench.engine.look_at_mark(&mark, &mut Effects::default());
        }),
        ("I10", |bench| {
            let longest_gap = bench.engine.settings.poll_gap_max + Duration::from_millis(1);
            bench.step(Event::Pulse(event::Pulse { polls: 1, longest_gap }));
        }),
    ];
    for (place, (promise, break_it)) in breaks.into_iter().enumerate() {
        let mut bench = busy();
        assert_eq!(of(&bench, promise).1, 0, "{promise} ({place})");
        break_it(&mut bench);
        let (looks, breaches) = of(&bench, promise);
        assert!(looks > 0 && breaches > 0, "{promise} ({place}): {looks} looks, {breaches} breaches");
    }
}

#[test]
fn no_sentinel_sees_anything_where_nothing_is_wrong() {
    let mut bench = busy();
    for _ in 0..3 {
        commit(&mut bench);
        bench.answer_commit(CommitOutcome::Applied);
    }
    bench.step(Event::Progress(Vec::new()));
    bench.step(Event::Drain { deadline: bench.now.mono + Duration::from_secs(1) });
    bench.step(Event::Left);
    assert_eq!(bench.violations(), 0);
    assert_eq!(of(&bench, "I6").0, 96 + 1, "every record that came in, and what the drain left");
}
