//! SIGKILL at random points.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    time::{Duration, Instant},
};

use crate::{
    count,
    judge::{Repeats, Rules, Verdict},
    protocol::lasting_name,
    sidecar::eventually,
    stage::{Stage, wall_ms},
    worker::{Behaviour, Entry, Reply},
};

/// Records for each kill, and as many more, so that there is something to kill until the last.
const RECORDS_A_KILL: u64 = 5_000;
const FAST_COMMITS: [(&str, &str); 2] = [("QUEUE_WORKERS", "4"), ("COMMIT_INTERVAL_MS", "200")];

#[test]
fn sigkills_at_random_points_lose_nothing_and_repeat_only_what_was_uncommitted() {
    let rules = Rules::repeats(Repeats::Uncommitted);
    Run::of("killed", count("CHAOS_KILLS", 5), &rules).of_good_records();
}

#[test]
fn sigkills_at_random_points_keep_the_order_of_a_partition() {
    let rules = Rules { order: Some(|place, _| place.0 as u64), ..Rules::repeats(Repeats::Uncommitted) };
    let run = Run::of("killed-in-order", count("CHAOS_KILLS", 5).div_ceil(2), &rules);
    Run { flags: &[("ORDERING", "partition")], ..run }.of_good_records();
}

#[test]
fn sigkills_among_dead_letters_retries_and_deadlines_lose_nothing_and_repeat_only_what_was_uncommitted() {
    let rules = Rules::repeats(Repeats::Uncommitted);
    Run::of("killed-mixed", count("CHAOS_KILLS", 5).div_ceil(3), &rules).of_mixed_records();
}

#[test]
fn sigkills_among_dead_letters_retries_and_deadlines_keep_the_order_of_a_key() {
    let rules = Rules { order: Some(|_, number| number % KEYS), ..Rules::repeats(Repeats::Uncommitted) };
    let run = Run::of("killed-by-key", count("CHAOS_KILLS", 5).div_ceil(3), &rules);
    Run { flags: &[("ORDERING", "key")], ..run }.of_mixed_records();
}

/// Where a bug may be planted.
#[cfg_attr(not(feature = "planted"), expect(dead_code, reason = "for planted bugs"))]
pub fn three_times(planted: &[(&str, &str)]) {
    let rules = Rules::repeats(Repeats::Uncommitted);
    let flags = [&[("COMMIT_INTERVAL_MS", "100")], planted].concat();
    Run { flags: &flags, ..Run::of("killed", 3, &rules) }.of_good_records();
}

struct Run<'a> {
    name: &'a str,
    kills: u64,
    flags: &'a [(&'a str, &'a str)],
    rules: &'a Rules,
}

impl<'a> Run<'a> {
    fn of(name: &'a str, kills: u64, rules: &'a Rules) -> Self {
        Self { name, kills, flags: &[], rules }
    }

    fn of_good_records(self) {
        let mut stage =
            Stage::new(self.name, 8, Behaviour { delay_of: Box::new(a_tenth_is_slow()), ..Behaviour::instant() });
        let verdict = self.kill_again_and_again(&mut stage, 100, Stage::fill_from);
        assert_eq!(verdict.produced, verdict.done);
    }

    /// Beside good records those that are refused in each of the ways there are, those that are tried again, and those
    /// that have little time.
    fn of_mixed_records(self) {
        let mut stage = Stage::new(
            self.name,
            8,
            Behaviour { delay_of: Box::new(a_tenth_is_slow()), reply: Box::new(by_kind(self.rules.order.is_some())) },
        );
        let dead = stage.dead_letters();
        let flags = [
            ("DLQ_TOPIC", dead.as_str()),
            ("RETRY_BACKOFF_MIN", "10ms"),
            ("RETRY_BACKOFF_MAX", "100ms"),
            ("RETRY_BUDGET_PCT", "100"),
            ("DLQ_MAX_PCT", "100"),
        ];
        let flags = [self.flags, &flags].concat();
        let mixed = Run { flags: &flags, ..self };
        let verdict = mixed.kill_again_and_again(&mut stage, 90, |stage, first, count| {
            (first..first + count).for_each(|number| send(stage, number));
            stage.writer.flush();
        });
        let Verdict { produced, done, lettered, expired, .. } = verdict;
        assert_eq!(done + lettered + expired, produced);
        let refused = (0..produced).filter(|number| is_refused(*number)).count() as u64;
        let dated = (0..produced).filter(|number| is_dated(*number)).count() as u64;
        assert_eq!(lettered, refused);
        assert!(expired > 0 && expired < dated, "{expired} of {dated} with a deadline expired");
        println!("  among them {lettered} dead letters, {expired} expired of {dated} with a deadline, 0 sent late");
    }

    /// Of a hundred records the worker takes at least `taken`.
    fn kill_again_and_again(&self, stage: &mut Stage, taken: u64, write: fn(&Stage, u64, u64)) -> Verdict {
        let flags = [&FAST_COMMITS, self.flags, lasting_name()].concat();
        stage.watch_commits();
        write(stage, 0, RECORDS_A_KILL);
        let seed = count("CHAOS_SEED", 7);
        let (mut random, start) = (fastrand::Rng::with_seed(seed), Instant::now());
        for kill in 0..self.kills {
            write(stage, (kill + 1) * RECORDS_A_KILL, RECORDS_A_KILL);
            let sidecar = stage.sidecar("victim", &flags);
            if random.u8(..5) == 0 {
                // Whatever it is doing then: starting, joining, reading its first record.
                std::thread::sleep(Duration::from_millis(random.u64(..1500)));
            } else {
                let point = (kill * RECORDS_A_KILL + random.u64(..RECORDS_A_KILL)) * taken / 100;
                stage.await_delivered(point as usize, Duration::from_secs(60));
                std::thread::sleep(Duration::from_micros(random.u64(..20_000)));
            }
            sidecar.kill();
            stage.killed();
        }
        let sidecar = stage.sidecar("last", &flags);
        stage.await_no_lag(Duration::from_secs(120));
        if let Some((_, dead)) = self.flags.iter().find(|(name, _)| *name == "DLQ_TOPIC") {
            stage.read_dead_letters(dead);
        }
        let verdict = stage.verdict_by(self.rules);
        verdict.holds();
        let records = (self.kills + 1) * RECORDS_A_KILL;
        assert_eq!((verdict.produced, u64::from(verdict.kills)), (records, self.kills));
        println!(
            "{}: {records} records, {} SIGKILLs (seed {seed}, {:.0} s): 0 missing, {} duplicates of {} uncommitted",
            self.name,
            self.kills,
            start.elapsed().as_secs_f64(),
            verdict.repeats,
            verdict.uncommitted
        );
        eventually("no violation seen from inside", Duration::from_secs(5), || {
            (sidecar.metric("sluicegate_invariant_violations_total")? == 0.0).then_some(())
        });
        assert!(sidecar.stop().0.success());
        verdict
    }
}

/// One call of ten takes long: what is finished lies behind what is not.
fn a_tenth_is_slow() -> impl Fn(&[Entry]) -> Duration + Send + 'static {
    let calls = AtomicU64::new(0);
    move |_| Duration::from_millis(if calls.fetch_add(1, SeqCst) % 10 == 9 { 100 } else { 3 })
}

/// Each in one partition of the eight.
const KEYS: u64 = 64;

/// Dropped by its own status, refused with its whole batch, or failed with it until it is out of attempts.
fn is_refused(number: u64) -> bool {
    [number % 200 == 57, refuses_its_batch(number), fails_its_batch(number)].contains(&true)
}

fn refuses_its_batch(number: u64) -> bool {
    number % 5_000 == 133
}

fn fails_its_batch(number: u64) -> bool {
    number % 10_000 == 411
}

fn is_dated(number: u64) -> bool {
    number % 20 == 3
}

fn send(stage: &Stage, number: u64) {
    // Some have less time than a new process takes to start.
    let left_ms = (number * 7_919 % 6_000) as i64;
    stage.send_as(&format!("k{}", number % KEYS), number, is_dated(number).then(|| wall_ms() + left_ms));
}

fn by_kind(in_order: bool) -> impl Fn(&[Entry]) -> Reply {
    move |entries| judge_by_kind(entries, in_order)
}

fn judge_by_kind(entries: &[Entry], in_order: bool) -> Reply {
    let any = |is: fn(u64) -> bool| entries.iter().any(|entry| entry.number().is_some_and(is));
    if any(fails_its_batch) {
        return Reply::Status(500);
    }
    if any(refuses_its_batch) {
        return Reply::Status(422);
    }
    // In order, what comes after a record of its key that is to be tried again is not done before it.
    let mut waiting = BTreeSet::new();
    Reply::each(entries, |entry| {
        let number = entry.number().expect("every value has one");
        let again = number % 50 == 7 && entry.attempt <= 2;
        if again || (in_order && waiting.contains(&(number % KEYS))) {
            waiting.insert(number % KEYS);
            return "RETRY";
        }
        if is_refused(number) { "DROP" } else { "SUCCESS" }
    })
}
