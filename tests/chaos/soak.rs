//! A long run with churn throughout, and what it left behind: `scripts/soak MINUTES`.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::{Duration, Instant},
};

use crate::{
    count,
    judge::Repeats,
    load::Load,
    sidecar::{Sidecar, eventually},
    stage::{Stage, wall_ms},
    worker::{Behaviour, Entry, Reply},
};

const WITHIN: Duration = Duration::from_secs(60);
/// The judge remembers every record: a minute is some 120,000 of them.
const RECORDS_PER_S: u64 = 2_000;
/// Numbers of the records beside them, of which a turn has so many.
const MIXED_FROM: u64 = 1 << 40;
const MIXED: u64 = 100;
/// What a container of 64 MiB leaves, KiB. How it got there is printed: it goes up in steps, and minutes do not tell a step
/// from a slope.
const RSS_MAX: f64 = 64.0 * 1024.0;

/// What a process holds at one moment.
#[derive(Debug, Clone, Copy)]
struct Held {
    rss_kib: f64,
    files: usize,
    threads: usize,
    tasks: usize,
}

impl Held {
    fn by(sidecar: &Sidecar) -> Self {
        let process = format!("/proc/{}", sidecar.pid());
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let field = |name: &str| -> f64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
        };
        let files = fs::read_dir(format!("{process}/fd")).unwrap().count();
        let (rss_kib, threads) = (field("VmRSS:"), field("Threads:") as usize);
        let tasks =
            sidecar.state().and_then(|state| state["tasks"].as_u64()).expect("it says how many tasks there are");
        Self { rss_kib, files, threads, tasks: tasks as usize }
    }
}

/// The least it held in one of three equal parts of the run, KiB. What is in use goes up and down by some MiB with the size
/// and the number of the batches; what leaks raises the least.
fn floor(held: &[Held], third: usize) -> f64 {
    let part = &held[held.len() * third / 3..held.len() * (third + 1) / 3];
    part.iter().map(|held| held.rss_kib).fold(f64::INFINITY, f64::min)
}

/// The sum of a metric over its labels.
fn sum(metrics: &str, name: &str) -> f64 {
    let series =
        metrics.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
    series.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// One turn of the churn, of six kinds, with poison and deadlines in each.
fn churn(stage: &Stage, turn: u64, flags: &[(&str, &str)]) {
    let mood = |every: usize, reply: fn() -> Reply| {
        let calls = AtomicUsize::new(0);
        Behaviour::replying(
            move |entries| if calls.fetch_add(1, SeqCst).is_multiple_of(every) { reply() } else { judged(entries) },
        )
    };
    send_mixed(stage, turn);
    match turn % 6 {
        0 | 3 => {
            let guest = stage.sidecar("guest", flags);
            eventually("the guest has its share", WITHIN, || (guest.partitions() > 0).then_some(()));
            std::thread::sleep(Duration::from_secs(1));
            if turn.is_multiple_of(6) { assert!(guest.stop().0.success()) } else { guest.kill() }
        }
        1 => stage.worker.behave(mood(1, || Reply::Status(503))),
        2 => stage.worker.behave(mood(5, || Reply::Status(500))),
        4 => stage.worker.behave(mood(7, || Reply::Never)),
        _ => stage.worker.behave(judging(Duration::from_millis(100))),
    }
    std::thread::sleep(Duration::from_secs(2));
    stage.worker.behave(judging(Duration::from_millis(5)));
}

/// A worker that takes all but the poisoned.
fn judging(delay: Duration) -> Behaviour {
    Behaviour { reply: Box::new(judged), ..Behaviour::after(delay) }
}

fn judged(entries: &[Entry]) -> Reply {
    let poisoned = |entry: &Entry| entry.number().is_some_and(is_poisoned);
    if !entries.iter().any(poisoned) {
        return Reply::Done;
    }
    Reply::each(entries, |entry| if poisoned(entry) { "DROP" } else { "SUCCESS" })
}

fn is_poisoned(number: u64) -> bool {
    number >= MIXED_FROM && number % 10 == 7
}

/// Poison, and records with from nothing to two seconds to live.
fn send_mixed(stage: &Stage, turn: u64) {
    for number in (MIXED_FROM + turn * MIXED..).take(MIXED as usize) {
        let dated = number % 2 == 0;
        stage.send(number, dated.then(|| wall_ms() + (number * 7_919 % 2_000) as i64));
    }
    stage.writer.flush();
}

/// The broker is killed under load, and comes back once there is nothing left that had been read.
fn kill_the_broker(stage: &mut Stage) {
    stage.kafka().kill();
    eventually("the worker is idle", WITHIN, || (stage.worker.books().in_flight == 0).then_some(()));
    stage.kafka().start_again();
    stage.await_more(1_000, WITHIN);
}

#[test]
#[ignore = "minutes: scripts/soak MINUTES"]
fn a_long_run_with_churn_leaves_nothing_behind() {
    let minutes = count("SOAK_MINUTES", 10);
    let mut stage = Stage::with_broker_of_its_own("soak", 8, judging(Duration::from_millis(5)));
    let dead = stage.dead_letters();
    let flags = [
        ("INFERENCE_TIMEOUT", "1s"),
        ("RETRY_MAX_ATTEMPTS", "1000"),
        ("LOG_LEVEL", "warn"),
        ("DLQ_TOPIC", dead.as_str()),
    ];
    let sidecar = stage.sidecar("only", &flags);
    eventually("it has all there is", WITHIN, || (sidecar.partitions() == 8).then_some(()));
    let at_rest = Held::by(&sidecar);
    let load = Load::paced(&stage, 0, 5_000, RECORDS_PER_S);
    stage.watch_commits();
    stage.await_delivered(1_000, WITHIN);
    let (start, mut held, mut turns, mut broker_killed) = (Instant::now(), Vec::new(), 0, false);
    while start.elapsed() < Duration::from_secs(60 * minutes) {
        if !broker_killed && start.elapsed() > Duration::from_secs(30 * minutes) {
            kill_the_broker(&mut stage);
            broker_killed = true;
        }
        churn(&stage, turns, &flags);
        turns += 1;
        held.push(Held::by(&sidecar));
    }
    let records = load.stop();
    stage.await_no_lag(Duration::from_secs(180));
    held.push(Held::by(&sidecar));
    stage.read_dead_letters(&dead);
    let verdict = stage.verdict(Repeats::AtMost(u64::MAX));
    verdict.holds();
    assert_eq!(verdict.produced, records + turns * MIXED);
    assert_eq!(verdict.done + verdict.lettered + verdict.expired, verdict.produced);
    assert!(broker_killed && verdict.lettered > 0 && verdict.expired > 0, "{verdict:?}");

    let (_, metrics) = sidecar.get("/metrics").unwrap();
    let total = |name: &str| sum(&metrics, &format!("sluicegate_{name}"));
    let polled = total("polled_records_total");
    let ended = ["completed", "expired", "dead_letter", "skipped", "abandoned"]
        .map(|what| total(&format!("{what}_records_total")));
    let late = &held[held.len() / 3..];
    let range = |of: fn(&Held) -> usize| (late.iter().map(of).min().unwrap(), late.iter().map(of).max().unwrap());
    let (files, threads, tasks) = (range(|h| h.files), range(|h| h.threads), range(|h| h.tasks));
    let rests = held[held.len() - 1];
    let floors = [0, 1, 2].map(|third| floor(&held, third));
    let slope = (floors[2] - floors[1]) * 3.0 / minutes as f64;
    let most = held.iter().map(|held| held.rss_kib).fold(0.0, f64::max);
    println!(
        "soak of {minutes} min, {turns} turns of churn, {} rebalances, one broker kill:",
        total("rebalances_total")
    );
    println!(
        "  records  {} produced, 0 missing: {} done, {} dead letters, {} expired; {} done again",
        verdict.produced, verdict.done, verdict.lettered, verdict.expired, verdict.repeats
    );
    println!(
        "  memory   at least {:.1}, {:.1}, {:.1} MiB in each third, {slope:+.0} KiB a minute; at most {:.1} MiB",
        floors[0] / 1024.0,
        floors[1] / 1024.0,
        floors[2] / 1024.0,
        most / 1024.0
    );
    println!("  files    {} to {}; {} at rest before, {} after", files.0, files.1, at_rest.files, rests.files);
    println!("  threads  {} to {}", threads.0, threads.1);
    println!("  tasks    {} to {}; {} at rest before, {} after", tasks.0, tasks.1, at_rest.tasks, rests.tasks);
    let [completed, expired, lettered, skipped, abandoned] = ended;
    println!(
        "  polled   {polled} = {completed} completed + {expired} expired + {lettered} dead letters + {skipped} skipped + {abandoned} abandoned"
    );
    println!(
        "  held     {} in flight, {} waiting to be tried again",
        total("in_flight_records"),
        total("retry_waiting_records")
    );
    assert_eq!(polled, ended.iter().sum::<f64>(), "every polled record ends once");
    assert_eq!(total("invariant_violations_total") + total("in_flight_records") + total("retry_waiting_records"), 0.0);
    // Kept connections to the worker are as many as calls were out at once.
    let more = 16 + total("in_flight_limit_batches") as usize;
    assert!(rests.files <= at_rest.files + more && rests.tasks <= at_rest.tasks + more, "{at_rest:?}, then {rests:?}");
    assert!(threads.1 - threads.0 <= 4, "threads {threads:?}");
    assert!(most < RSS_MAX, "{most} KiB");
    assert!(sidecar.stop().0.success());
}
