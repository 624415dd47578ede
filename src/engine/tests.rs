//! The engine as a whole, one promise a test. Longer stories and random ones are in the simulator.

use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    engine::{
        event::{Answer, Assignment, Batch, CommitOutcome, DeadLettered, Progress, Reason, Settled, Told, Verdict},
        settings::{Ordering, PoisonPolicy, tests::settings},
        snapshot::{NotReady, Phase},
    },
    record::{PartitionId, Payload, PayloadBuilder},
    time::UnixMillis,
};

mod apart;
mod broken;
mod completed;
mod heads;
mod watching;

/// An engine with its effects sorted into what a test asks about.
struct Bench {
    engine: Engine,
    now: Now,
    out: Vec<Batch>,
    commands: Vec<Command>,
    letters: Vec<event::DeadLetter>,
    facts: Vec<Fact>,
}

const P0: PartitionId = PartitionId(0);

impl Bench {
    fn new(settings: EngineSettings) -> Self {
        let now = Now { mono: Instant::from_millis(1_000), wall: UnixMillis(1_000_000), jitter: u32::MAX };
        let mut bench =
            Self { engine: Engine::new(settings), now, out: vec![], commands: vec![], letters: vec![], facts: vec![] };
        let assign = |id, number| Assignment { id: PartitionId(id), topic: Arc::from("t"), number, committed: None };
        bench.step(Event::Assigned(vec![assign(0, 0), assign(1, 1)]));
        bench
    }

    fn step(&mut self, event: Event) {
        let mut effects = Effects::default();
        self.engine.step(self.now, event, &mut effects);
        for action in effects.actions {
            match action {
                Action::Reply(reply) => panic!("nobody asked: {reply:?}"),
                Action::Source(command) => self.commands.push(command),
                Action::Dispatch(batch) => self.out.push(batch),
                Action::DeadLetter(letter) => self.letters.push(letter),
            }
        }
        self.facts.extend(effects.facts);
        let wake = self.engine.next_wake(self.now);
        assert!(wake.is_none_or(|at| at > self.now.mono), "nothing is left undone that can be done now");
    }

    fn pass(&mut self, ms: u64) {
        self.now.mono = self.now.mono + Duration::from_millis(ms);
        self.now.wall = UnixMillis(self.now.wall.0 + ms as i64);
        self.step(Event::Wake);
    }

    /// Records the worker has finished.
    fn finished(&self) -> u32 {
        self.facts.iter().map(|f| if let Fact::Completed { records, .. } = f { *records } else { 0 }).sum()
    }

    /// Steps at every moment the engine asks for, until nothing is left to do or a batch is out.
    fn wake_until_dispatch(&mut self) {
        for _ in 0..1000 {
            if !self.out.is_empty() {
                return;
            }
            if self.engine.snapshot(self.now).commit.in_flight {
                self.answer_commit(CommitOutcome::Applied);
            }
            let Some(at) = self.engine.next_wake(self.now) else { return };
            let ms = at.since(self.now.mono).as_millis() as u64;
            self.pass(ms.max(1));
        }
        panic!("woke a thousand times for nothing");
    }

    fn poll(&mut self, offsets: std::ops::Range<i64>) {
        self.poll_records(offsets.map(|offset| plain(0, offset)).collect());
    }

    fn poll_records(&mut self, records: Vec<Record>) {
        self.step(Event::Polled { records, ends: vec![] });
    }

    fn answer(&mut self, answer: Answer) {
        self.settle(0, answer, Some(500));
    }

    /// The batch at this place comes back.
    fn settle(&mut self, place: usize, answer: Answer, status: Option<u16>) {
        let batch = self.out.remove(place);
        self.step(Event::Settled(Settled {
            batch,
            answer,
            took: Duration::ZERO,
            status,
            detail: None,
            told: Told::default(),
            said: Vec::new(),
        }));
    }

    fn last_commit(&self) -> Option<(event::CommitId, Vec<(PartitionId, i64)>)> {
        let (id, marks) = self.last_marks()?;
        Some((id, marks.iter().map(|mark| (mark.partition, mark.offset)).collect()))
    }

    fn last_marks(&self) -> Option<(event::CommitId, Vec<event::Mark>)> {
        self.commands.iter().rev().find_map(|command| match command {
            Command::Commit { id, offsets } => Some((*id, offsets.clone())),
            _ => None,
        })
    }

    fn answer_commit(&mut self, outcome: CommitOutcome) {
        let (id, marks) = self.last_marks().unwrap();
        let results = marks.iter().map(|mark| mark.answered(outcome.clone())).collect();
        self.step(Event::Committed { id, results });
    }

    fn offsets_out(&self) -> Vec<Vec<i64>> {
        self.out.iter().map(|batch| batch.records.iter().map(|record| record.offset).collect()).collect()
    }

    fn violations(&self) -> u64 {
        self.engine.snapshot(self.now).violations
    }
}

fn plain(partition: u32, offset: i64) -> Record {
    keyed(partition, offset, b"k")
}

fn keyed(partition: u32, offset: i64, key: &[u8]) -> Record {
    Record::new(PartitionId(partition), partition as i32, offset, -1, Payload::new(Some(key), Some(b"v")))
}

fn with_deadline(offset: i64, deadline: i64) -> Record {
    let mut builder = PayloadBuilder::with_capacity(None, Some(b"v"), 64);
    builder.header(b"deadline_ms", Some(deadline.to_string().as_bytes()));
    Record::new(P0, 0, offset, -1, builder.finish())
}

#[test]
fn a_full_batch_goes_at_once_and_a_part_of_one_after_its_linger() {
    let mut bench = Bench::new(settings());
    bench.poll(0..40);
    assert_eq!(bench.offsets_out(), [(0..32).collect::<Vec<_>>()]);
    bench.pass(24);
    assert_eq!(bench.out.len(), 1);
    bench.pass(1);
    assert_eq!(bench.offsets_out()[1], (32..40).collect::<Vec<_>>());
}

#[test]
fn no_more_batches_are_out_than_the_concurrency_limit() {
    let mut bench = Bench::new(settings());
    bench.poll(0..128);
    assert_eq!(bench.out.len(), 2);
    bench.answer(Answer::Done);
    assert_eq!(bench.out.len(), 2);
    assert_eq!(bench.engine.snapshot(bench.now).in_flight.batches, 2);
}

#[test]
fn only_the_contiguous_frontier_is_committed_and_once_per_interval() {
    let mut bench = Bench::new(settings());
    bench.poll(0..64);
    let first = bench.out.remove(0);
    bench.answer(Answer::Done);
    bench.pass(1_000);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 0)], "the second batch is done, the first holds the frontier");
    bench.answer_commit(CommitOutcome::Applied);
    bench.out.push(first);
    bench.answer(Answer::Done);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 64)]);
    bench.answer_commit(CommitOutcome::Applied);
    bench.poll(64..96);
    bench.answer(Answer::Done);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 64)], "the interval is not over");
    bench.pass(1_000);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 96)]);
}

#[test]
fn a_failed_commit_is_asked_for_again() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    bench.answer_commit(CommitOutcome::Failed("COORDINATOR_LOAD_IN_PROGRESS".into()));
    let asked = bench.commands.len();
    bench.pass(1_000);
    assert!(bench.commands[asked..].iter().any(|c| matches!(c, Command::Commit { .. })));
}

#[test]
fn credit_never_exceeds_the_room_in_the_queue() {
    let mut bench = Bench::new(EngineSettings { queue_records_max: Some(40), concurrency: 1, ..settings() });
    let granted = |bench: &Bench| -> u32 {
        bench.commands.iter().map(|c| if let Command::Grant { records, .. } = c { *records } else { 0 }).sum()
    };
    assert_eq!(granted(&bench), 40);
    bench.poll(0..40);
    assert_eq!(bench.engine.snapshot(bench.now).queue.records, 8, "32 are out");
    assert_eq!(granted(&bench), 72);
    bench.poll(40..72);
    assert_eq!(bench.engine.snapshot(bench.now).queue.records, 40);
    assert_eq!(granted(&bench), 72, "full: nothing more");
    assert!(matches!(bench.facts.last(), Some(Fact::Paused(gate)) if gate.pct == 100.0), "{:?}", bench.facts.last());
}

#[test]
fn expired_records_are_finished_at_intake_in_the_queue_and_before_the_send() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    let wall = bench.now.wall.0;
    bench.poll_records(vec![with_deadline(0, wall - 1), with_deadline(1, wall + 10), with_deadline(2, wall + 60_000)]);
    assert_eq!(bench.offsets_out(), [[1, 2]], "a near deadline does not wait for the linger");
    assert_eq!(bench.out[0].not_after, Some(UnixMillis(wall + 10)));
    bench.poll_records(vec![with_deadline(3, wall + 20), plain(0, 4)]);
    bench.pass(21);
    bench.answer(Answer::NotSent);
    let stages: Vec<&str> = bench
        .facts
        .iter()
        .filter_map(|f| if let Fact::Expired { stage, .. } = f { Some(stage.name()) } else { None })
        .collect();
    assert_eq!(stages, ["intake", "queue", "send"]);
    assert_eq!(bench.offsets_out(), [[2]]);
}

#[test]
fn a_success_after_the_deadline_counts_as_late_and_is_not_sent_again() {
    let mut bench = Bench::new(settings());
    bench.poll_records(vec![with_deadline(0, bench.now.wall.0 + 10)]);
    bench.pass(11);
    bench.answer(Answer::Done);
    assert!(bench.facts.iter().any(|f| matches!(f, Fact::Completed { late: 1, .. })));
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 1)]);
}

#[test]
fn a_call_is_given_no_more_time_than_its_last_deadline_leaves() {
    let mut bench = Bench::new(settings());
    let wall = bench.now.wall.0;
    bench.poll_records(vec![with_deadline(0, wall + 5), with_deadline(1, wall + 9)]);
    assert_eq!(bench.out[0].timeout, Duration::from_millis(10));
    bench.poll_records(vec![with_deadline(2, wall + 5), plain(0, 3)]);
    assert_eq!(bench.out[1].timeout, Duration::from_secs(15));
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
    assert!(refused.facts.iter().any(|f| matches!(f, Fact::DeadLetterHeld { .. })));
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
fn busy_charges_nobody_and_holds_everything_back() {
    let mut bench = Bench::new(settings());
    bench.poll(0..64);
    bench.answer(Answer::Busy { retry_after: Some(Duration::from_secs(2)) });
    bench.answer(Answer::Busy { retry_after: None });
    bench.pass(1_999);
    assert!(bench.out.is_empty());
    assert_eq!(bench.engine.snapshot(bench.now).not_ready, [NotReady::WorkerBusy]);
    bench.pass(1);
    assert_eq!(bench.out.len(), 1, "one probe");
    assert!(bench.out[0].records.iter().all(|record| record.notes.attempts == 0));
    bench.answer(Answer::Done);
    assert_eq!(bench.out.len(), 1);
    assert!(bench.engine.snapshot(bench.now).not_ready.is_empty());
}

#[test]
fn each_record_of_a_batch_gets_its_own_verdict() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    bench.poll(0..3);
    bench.pass(25);
    bench.answer(Answer::Each(vec![Verdict::Success, Verdict::Retry, Verdict::Drop]));
    assert_eq!(bench.letters[0].reason, Reason::Dropped);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 1)]);
    bench.wake_until_dispatch();
    assert_eq!((bench.offsets_out(), bench.out[0].records[0].notes.attempts), (vec![vec![1]], 1));
}

#[test]
fn too_large_is_split_by_bytes_and_the_cap_is_learnt() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    bench.poll(0..32);
    bench.answer(Answer::TooLarge);
    assert_eq!(bench.offsets_out(), [(0..16).collect::<Vec<_>>()]);
    assert_eq!(bench.engine.snapshot(bench.now).knobs.batch_bytes_max, 16 * crate::record::MIN_CHARGE_BYTES);
}

#[test]
fn a_revoke_lets_the_queue_go_waits_for_what_is_in_flight_commits_and_then_releases() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    bench.poll(0..64);
    bench.step(Event::Revoked { partitions: vec![P0], lost: false });
    assert_eq!(bench.engine.snapshot(bench.now).queue.records, 0);
    bench.answer(Answer::Done);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 32)]);
    assert!(!bench.commands.iter().any(|c| matches!(c, Command::Release(_))), "not before the answer");
    bench.answer_commit(CommitOutcome::Applied);
    assert!(bench.commands.contains(&Command::Release(vec![P0])));
}

#[test]
fn a_revoke_does_not_wait_longer_than_its_drain_timeout_and_late_answers_are_stale() {
    let mut bench = Bench::new(settings());
    bench.poll(0..64);
    bench.step(Event::Revoked { partitions: vec![P0], lost: false });
    bench.pass(9_999);
    assert!(!bench.commands.contains(&Command::Release(vec![P0])));
    bench.pass(1);
    assert!(bench.commands.contains(&Command::Release(vec![P0])));
    bench.answer(Answer::Done);
    bench.answer(Answer::Failed);
    bench.pass(60_000);
    assert_eq!(bench.last_commit(), None);
    assert!(bench.out.is_empty() && bench.letters.is_empty());
    assert_eq!(bench.violations(), 0);
}

#[test]
fn lost_partitions_commit_nothing_and_nothing_is_given_up_because_of_them() {
    let mut bench = Bench::new(settings());
    bench.poll(0..96);
    bench.step(Event::Revoked { partitions: vec![P0, PartitionId(1)], lost: true });
    bench.answer(Answer::Done);
    bench.answer(Answer::Refused);
    bench.pass(10_000);
    assert_eq!((bench.last_commit(), bench.letters.len(), bench.violations()), (None, 0, 0));
    assert!(!bench.commands.iter().any(|c| matches!(c, Command::Release(_))), "they are already gone");
}

#[test]
fn an_offset_that_goes_back_starts_a_new_epoch() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    bench.poll(100..132);
    bench.poll(0..32);
    bench.answer(Answer::Done);
    bench.answer(Answer::Done);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 32)]);
    assert!(bench.facts.iter().any(|f| matches!(f, Fact::OffsetReset { expected: 132, offset: 0, .. })));
    assert_eq!(bench.violations(), 0);
}

#[test]
fn the_same_key_is_never_out_twice_and_other_keys_go_on() {
    let mut bench = Bench::new(EngineSettings { ordering: Ordering::Key, batch_records_max: 2, ..settings() });
    bench.poll_records(vec![keyed(0, 0, b"a"), keyed(0, 1, b"a"), keyed(0, 2, b"a"), keyed(0, 3, b"b")]);
    bench.pass(25);
    assert_eq!(bench.offsets_out(), [vec![0, 1], vec![3]]);
    bench.answer(Answer::Each(vec![Verdict::Retry, Verdict::Success]));
    bench.wake_until_dispatch();
    bench.answer(Answer::Done);
    bench.wake_until_dispatch();
    assert_eq!(bench.offsets_out(), [[0, 1]], "what follows a retried record of its key goes with it");
    bench.answer(Answer::Done);
    bench.wake_until_dispatch();
    assert_eq!(bench.offsets_out(), [[2]]);
}

#[test]
fn a_partition_in_order_is_halved_in_order() {
    let mut bench = Bench::new(EngineSettings { ordering: Ordering::Partition, ..settings() });
    bench.poll(0..4);
    bench.pass(25);
    let mut seen: Vec<i64> = Vec::new();
    for _ in 0..50 {
        bench.wake_until_dispatch();
        let Some(offsets) = bench.offsets_out().first().cloned() else { break };
        assert_eq!(bench.out.len(), 1);
        let poison = offsets.contains(&1);
        seen.extend(offsets.iter().filter(|_| !poison));
        bench.answer(if poison { Answer::Refused } else { Answer::Done });
    }
    assert_eq!(seen, [0, 2, 3]);
    assert_eq!(bench.letters[0].record.offset, 1);
}

#[test]
fn without_a_dead_letter_topic_a_poison_record_stops_its_partition_only() {
    let mut bench = Bench::new(EngineSettings { poison: PoisonPolicy::Stop, batch_records_max: 1, ..settings() });
    bench.poll_records(vec![plain(0, 0), plain(1, 0), plain(0, 1)]);
    bench.answer(Answer::Refused);
    bench.answer(Answer::Done);
    assert!(bench.commands.contains(&Command::Pause(vec![P0])));
    assert_eq!(bench.engine.snapshot(bench.now).not_ready, [NotReady::PartitionStopped]);
    bench.poll_records(vec![plain(0, 2), plain(1, 1)]);
    bench.answer(Answer::Done);
    bench.pass(1_000);
    assert!(bench.out.is_empty());
    let commits: Vec<_> = bench
        .commands
        .iter()
        .filter_map(|c| if let Command::Commit { offsets, .. } = c { Some(offsets.clone()) } else { None })
        .flatten()
        .collect();
    assert!(commits.iter().all(|mark| mark.partition == PartitionId(1)), "{commits:?}");
}

#[test]
fn a_partition_far_behind_its_frontier_is_paused_alone_and_resumed_when_it_moves() {
    let mut bench = Bench::new(EngineSettings { span_max: 400, concurrency: 8, ..settings() });
    bench.poll(0..32);
    let first = bench.out.remove(0);
    for start in (32..224).step_by(32) {
        bench.poll(start..start + 32);
        bench.answer(Answer::Done);
    }
    assert!(bench.commands.contains(&Command::Pause(vec![P0])));
    bench.out.push(first);
    bench.answer(Answer::Done);
    assert!(bench.commands.contains(&Command::Resume(vec![P0])));
    assert_eq!(bench.violations(), 0);
}

#[test]
fn the_gate_hardens_after_its_time_and_pauses_what_is_assigned_later_too() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, queue_records_max: Some(64), ..settings() });
    bench.poll(0..64);
    bench.poll(64..96);
    bench.pass(5_000);
    assert!(bench.commands.contains(&Command::Pause(vec![P0, PartitionId(1)])));
    let late = Assignment { id: PartitionId(2), topic: Arc::from("t"), number: 2, committed: None };
    bench.step(Event::Assigned(vec![late]));
    assert!(bench.commands.contains(&Command::Pause(vec![PartitionId(2)])));
    bench.answer(Answer::Done);
    bench.answer(Answer::Done);
    assert!(bench.commands.contains(&Command::Resume(vec![P0, PartitionId(1), PartitionId(2)])));
}

#[test]
fn a_drain_finishes_what_is_in_flight_commits_it_and_leaves() {
    let mut bench = Bench::new(settings());
    bench.poll(0..128);
    let deadline = bench.now.mono + Duration::from_secs(25);
    bench.step(Event::Drain { deadline });
    assert_eq!(bench.engine.snapshot(bench.now).queue.records, 0);
    bench.answer(Answer::Done);
    bench.answer(Answer::Each(vec![Verdict::Retry; 32]));
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 32)]);
    assert!(bench.letters.is_empty());
    bench.answer_commit(CommitOutcome::Applied);
    assert_eq!(bench.commands.last(), Some(&Command::Leave));
    bench.step(Event::Left);
    assert_eq!(bench.engine.phase(), Phase::Stopped);
    assert_eq!(bench.engine.next_wake(bench.now), None);
}

#[test]
fn a_drain_with_a_hung_worker_leaves_at_its_deadline() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    let deadline = bench.now.mono + Duration::from_secs(25);
    bench.step(Event::Drain { deadline });
    assert_eq!(bench.engine.next_wake(bench.now), Some(deadline));
    bench.pass(25_000);
    assert_eq!(bench.commands.last(), Some(&Command::Leave));
}

#[test]
fn a_partition_that_stands_still_for_no_reason_is_repaired_and_at_last_counts_as_stalled() {
    let mut bench = Bench::new(settings());
    let progress = Progress { partition: P0, position: None, end: Some(10), leader_answers: true };
    for _ in 0..=92 {
        bench.pass(1_000);
        bench.step(Event::Progress(vec![progress]));
    }
    let repairs = bench.commands.iter().filter(|c| **c == Command::Repair(P0)).count();
    assert_eq!((repairs, bench.engine.snapshot(bench.now).stalled), (3, 1));
    bench.poll(0..10);
    bench.step(Event::Progress(vec![progress]));
    assert_eq!(bench.engine.snapshot(bench.now).stalled, 0);
}

#[test]
fn a_partition_is_not_repaired_while_its_leader_does_not_answer() {
    let mut bench = Bench::new(settings());
    for _ in 0..200 {
        bench.pass(1_000);
        let progress = Progress { partition: P0, position: None, end: Some(10), leader_answers: false };
        bench.step(Event::Progress(vec![progress]));
    }
    assert!(!bench.commands.contains(&Command::Repair(P0)));
}

#[test]
fn the_end_of_an_idle_partition_is_committed_past_markers() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    bench.answer_commit(CommitOutcome::Applied);
    let ends = vec![event::PartitionEnd { partition: P0, offset: 33 }];
    bench.step(Event::Polled { records: vec![], ends });
    bench.pass(1_000);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 33)]);
}

#[test]
fn where_a_partition_begins_is_committed_at_once_if_the_group_has_nothing_and_nobody_else_remembers() {
    for commits_start in [false, true] {
        let mut bench = Bench::new(EngineSettings { commits_start, ..settings() });
        bench.poll(7..9);
        let ends = vec![event::PartitionEnd { partition: PartitionId(1), offset: 30 }];
        bench.step(Event::Polled { records: vec![], ends });
        let first = bench.last_commit();
        if !commits_start {
            assert_eq!(first.unwrap().1, [(PartitionId(1), 30)], "an end is committed in any case");
            continue;
        }
        assert_eq!(first.unwrap().1, [(P0, 7)], "before any answer");
        bench.answer_commit(CommitOutcome::Applied);
        assert_eq!(bench.last_commit().unwrap().1, [(PartitionId(1), 30)], "no interval is waited for");
        bench.answer_commit(CommitOutcome::Applied);
        bench.poll(9..11);
        bench.pass(2_000);
        assert_eq!(bench.last_commit().unwrap().1, [(PartitionId(1), 30)], "once");
        // Known to the group, it is not committed again before something is finished.
        let committed = Some(event::Committed { offset: 50, metadata: "".into() });
        let again = Assignment { id: P0, topic: Arc::from("t"), number: 0, committed };
        bench.step(Event::Assigned(vec![again]));
        bench.poll(50..52);
        bench.pass(2_000);
        assert_eq!(bench.last_commit().unwrap().1, [(PartitionId(1), 30)]);
    }
}

#[test]
fn an_end_that_arrives_during_a_drain_does_not_carry_the_commit_past_refused_records() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    let deadline = bench.now.mono + Duration::from_secs(25);
    bench.step(Event::Drain { deadline });
    let ends = vec![event::PartitionEnd { partition: P0, offset: 40 }];
    bench.step(Event::Polled { records: (32..40).map(|offset| plain(0, offset)).collect(), ends });
    bench.answer_commit(CommitOutcome::Applied);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 32)]);
    assert_eq!(bench.commands.last(), Some(&Command::Leave));
}

#[test]
fn a_commit_that_is_never_answered_is_asked_for_again() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    let asked = bench.commands.len();
    bench.pass(59_999);
    assert!(!bench.commands[asked..].iter().any(|c| matches!(c, Command::Commit { .. })));
    bench.pass(1);
    assert_eq!(bench.last_commit().unwrap().1, [(P0, 32)]);
    assert!(bench.commands[asked..].iter().any(|c| matches!(c, Command::Commit { .. })));
    bench.answer_commit(CommitOutcome::Applied);
    bench.pass(120_000);
    let commits = bench.commands.iter().filter(|c| matches!(c, Command::Commit { .. })).count();
    assert_eq!(commits, 2);
}

#[test]
fn a_queued_record_that_expires_does_not_free_its_key() {
    let mut bench = Bench::new(EngineSettings { ordering: Ordering::Partition, batch_records_max: 1, ..settings() });
    bench.poll(0..1);
    bench.poll_records(vec![with_deadline(1, bench.now.wall.0 + 5), plain(0, 2)]);
    bench.pass(50);
    assert!(bench.facts.iter().any(|fact| matches!(fact, Fact::Expired { .. })));
    assert_eq!(bench.offsets_out(), [[0]], "offset 2 waits for offset 0");
    bench.step(Event::Revoked { partitions: vec![P0], lost: true });
    bench.step(Event::Assigned(vec![Assignment { id: P0, topic: Arc::from("t"), number: 0, committed: None }]));
    bench.poll(0..3);
    bench.pass(50);
    assert_eq!(bench.offsets_out(), [[0]], "the old batch is still out");
}

#[test]
fn what_waited_behind_a_record_that_stops_its_partition_is_let_go() {
    let stop = EngineSettings { poison: PoisonPolicy::Stop, ordering: Ordering::Partition, ..settings() };
    let mut bench = Bench::new(EngineSettings { batch_records_max: 2, ..stop });
    bench.poll(0..2);
    bench.answer(Answer::Refused);
    bench.wake_until_dispatch();
    assert_eq!(bench.offsets_out(), [[0]]);
    bench.answer(Answer::Refused);
    bench.pass(60_000);
    assert!(bench.out.is_empty(), "{:?}", bench.offsets_out());
    assert_eq!(bench.engine.snapshot(bench.now).retry.records, 0);
}

#[test]
fn a_revoke_and_a_drain_wait_for_a_commit_that_was_under_way_without_spinning() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    bench.step(Event::Revoked { partitions: vec![P0], lost: false });
    bench.pass(10_000);
    bench.pass(2_999);
    assert!(!bench.commands.contains(&Command::Release(vec![P0])));
    bench.pass(1);
    assert!(bench.commands.contains(&Command::Release(vec![P0])));
    bench.step(Event::Drain { deadline: bench.now.mono });
    assert_eq!(bench.commands.last(), Some(&Command::Leave));
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
fn a_record_over_the_size_limit_takes_no_byte_credit() {
    let bytes = EngineSettings { queue_bytes_max: 4096, max_record_bytes: 256, batch_bytes_max: 1024, ..settings() };
    let mut bench = Bench::new(EngineSettings { linger: Duration::from_secs(1), poison: PoisonPolicy::Skip, ..bytes });
    let sized = |offset, size| Record::new(P0, 0, offset, -1, Payload::new(None, Some(&vec![b'v'; size])));
    let granted = |bench: &Bench| -> u64 {
        bench.commands.iter().map(|c| if let Command::Grant { bytes, .. } = c { *bytes } else { 0 }).sum()
    };
    assert_eq!(granted(&bench), 4096);
    bench.poll_records(vec![sized(0, 100_000), sized(1, 200)]);
    bench.poll_records((2..60).map(|offset| sized(offset, 100_000)).collect());
    assert_eq!(granted(&bench), 4096, "3896 of them are left, and the queue holds the rest");
}

#[test]
fn the_byte_cap_is_learnt_from_what_was_sent_not_from_what_is_still_ours() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, ..settings() });
    bench.poll(0..32);
    bench.step(Event::Revoked { partitions: vec![P0], lost: true });
    bench.answer(Answer::TooLarge);
    assert_eq!(bench.engine.snapshot(bench.now).knobs.batch_bytes_max, 16 * crate::record::MIN_CHARGE_BYTES);
}

#[test]
fn a_pause_that_crosses_a_reassignment_does_not_outlive_it() {
    let mut bench = Bench::new(EngineSettings { span_max: 400, concurrency: 8, ..settings() });
    (0..224).step_by(32).for_each(|start| bench.poll(start..start + 32));
    assert_eq!(bench.commands.iter().filter(|c| matches!(c, Command::Pause(_))).count(), 1);
    bench.step(Event::Revoked { partitions: vec![P0], lost: true });
    let told = bench.commands.len();
    bench.step(Event::Assigned(vec![Assignment { id: P0, topic: Arc::from("t"), number: 0, committed: None }]));
    assert!(bench.commands[told..].contains(&Command::Resume(vec![P0])), "{:?}", &bench.commands[told..]);
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
}

#[test]
fn a_partition_whose_next_record_may_not_fit_the_queue_stands_still_for_a_reason() {
    let bytes = EngineSettings { queue_bytes_max: 1_000, max_record_bytes: 900, ..settings() };
    let mut bench = Bench::new(EngineSettings { batch_records_max: 1, concurrency: 1, ..bytes });
    bench.poll(0..3);
    assert_eq!(bench.out.len(), 1, "the worker hangs on the first, two wait");
    for _ in 0..200 {
        bench.pass(1_000);
        let progress = Progress { partition: P0, position: Some(3), end: Some(10), leader_answers: true };
        bench.step(Event::Progress(vec![progress]));
    }
    assert!(!bench.commands.iter().any(|command| matches!(command, Command::Repair(_))));
    assert_eq!(bench.engine.snapshot(bench.now).stalled, 0);
}

#[test]
fn a_batch_of_which_nothing_was_sent_says_nothing_about_the_worker() {
    let mut bench = Bench::new(EngineSettings { batch_records_max: 1, concurrency: 1, ..settings() });
    bench.poll(0..2);
    bench.answer(Answer::Away);
    bench.pass(200);
    bench.answer(Answer::Each(vec![Verdict::Undecodable]));
    assert_eq!(bench.engine.snapshot(bench.now).worker.health, "away");
    assert_eq!(bench.out.len(), 1, "the next goes as the probe");
    bench.answer(Answer::Done);
    assert_eq!(bench.engine.snapshot(bench.now).worker.health, "ready");
}

#[test]
fn a_drain_whose_last_commit_nobody_answers_leaves_in_time_and_says_what_is_uncommitted() {
    let mut bench = Bench::new(settings());
    bench.poll(0..32);
    bench.answer(Answer::Done);
    let deadline = bench.now.mono + Duration::from_secs(25);
    bench.step(Event::Drain { deadline });
    while !bench.commands.contains(&Command::Leave) {
        let at = bench.engine.next_wake(bench.now).expect("there is something to wait for");
        bench.pass(at.since(bench.now.mono).as_millis().max(1) as u64);
    }
    assert_eq!(deadline.since(bench.now.mono), Duration::from_secs(3), "time is left for leaving");
    let leaving = |fact: &Fact| matches!(fact, Fact::Drain { state: fact::DrainState::Leaving { uncommitted: 1 } });
    assert!(bench.facts.iter().any(leaving), "{:?}", bench.facts.last());
}

#[test]
fn a_drain_that_lets_untouched_records_go_leaves_nothing_uncommitted() {
    let mut bench = Bench::new(EngineSettings { concurrency: 1, batch_records_max: 4, ..settings() });
    bench.poll_records((0..4).map(|offset| plain(0, offset)).chain((0..4).map(|offset| plain(1, offset))).collect());
    let deadline = bench.now.mono + Duration::from_secs(25);
    bench.step(Event::Drain { deadline });
    bench.answer(Answer::Done);
    bench.answer_commit(CommitOutcome::Applied);
    let leaving = |fact: &Fact| matches!(fact, Fact::Drain { state: fact::DrainState::Leaving { uncommitted: 0 } });
    assert!(bench.facts.iter().any(leaving), "{:?}", bench.facts.last());
}

#[test]
fn retries_that_succeed_drain_as_fast_as_the_worker_takes_them() {
    let mut bench = Bench::new(EngineSettings { batch_records_max: 1, concurrency: 1, ..settings() });
    bench.poll(0..100);
    for _ in 0..100 {
        bench.answer(Answer::Each(vec![Verdict::Retry]));
    }
    bench.pass(100);
    let (mut answered, start) = (0, bench.now.mono);
    while answered < 100 {
        bench.wake_until_dispatch();
        bench.answer(Answer::Done);
        answered += 1;
    }
    assert!(bench.now.mono.since(start) < Duration::from_secs(1), "{:?}", bench.now.mono.since(start));
}
