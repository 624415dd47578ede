//! A record that makes the worker, or what stands before it, turn the whole batch away, for ever.

use super::*;

/// One of 2,016 records is answered like that, the others well. How many are finished within an hour.
fn finished_beside(bad: &Answer, concurrency: u32, takes: Duration) -> u32 {
    let mut bench = Bench::new(EngineSettings { concurrency, batch_records_max: 8, ..settings() });
    let (mut next, mut due, began) = (0, Vec::new(), bench.now.mono);
    while bench.now.mono.since(began) < Duration::from_secs(3600) {
        while next < 2_016 && bench.engine.snapshot(bench.now).queue.records < 128 {
            bench.poll(next..next + 32);
            next += 32;
        }
        for batch in &bench.out {
            if due.iter().all(|(id, _)| *id != batch.id) {
                due.push((batch.id, bench.now.mono + takes));
            }
        }
        if bench.engine.snapshot(bench.now).commit.in_flight {
            bench.answer_commit(CommitOutcome::Applied);
        }
        let answers = due.iter().map(|(_, at)| *at);
        let Some(at) = answers.chain(bench.engine.next_wake(bench.now)).min() else { break };
        bench.pass((at.since(bench.now.mono).as_millis() as u64).max(1));
        let ready: Vec<_> = due.extract_if(.., |(_, at)| *at <= bench.now.mono).collect();
        for (id, _) in ready {
            let place = bench.out.iter().position(|batch| batch.id == id).unwrap();
            let is_bad = bench.out[place].records.iter().any(|record| record.offset == 70);
            bench.settle(place, if is_bad { bad.clone() } else { Answer::Done }, Some(503));
        }
    }
    bench.finished()
}

#[test]
fn others_have_their_turn_when_the_same_records_are_turned_away_again_and_again() {
    for bad in [Answer::Busy { retry_after: None }, Answer::Away, Answer::Misconfigured] {
        for (concurrency, takes) in [(1, 20), (2, 20), (2, 1_500), (8, 1_500)] {
            let finished = finished_beside(&bad, concurrency, Duration::from_millis(takes));
            // All but the batch that it is in.
            assert!(finished >= 2_008, "{bad:?}, {concurrency} at a time, {takes} ms: {finished} of 2016");
        }
    }
}
