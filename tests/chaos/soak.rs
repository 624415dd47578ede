//! A long run with churn throughout, and what it left behind: `scripts/soak MINUTES`.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::{
    count,
    judge::Repeats,
    load::Load,
    sidecar::{Sidecar, eventually},
    stage::Stage,
    worker::{Behaviour, Entry, Reply},
};

const WITHIN: Duration = Duration::from_secs(60);
/// The judge remembers every record: a minute is some 120,000 of them.
const RECORDS_PER_S: u64 = 2_000;

/// What a process holds at one moment.
#[derive(Debug, Clone, Copy)]
struct Held {
    at_s: f64,
    rss_kib: f64,
    files: usize,
    threads: usize,
}

impl Held {
    fn by(sidecar: &Sidecar, start: Instant) -> Self {
        let process = format!("/proc/{}", sidecar.pid());
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let field = |name: &str| -> f64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
        };
        let files = fs::read_dir(format!("{process}/fd")).unwrap().count();
        let (rss_kib, threads) = (field("VmRSS:"), field("Threads:") as usize);
        Self { at_s: start.elapsed().as_secs_f64(), rss_kib, files, threads }
    }
}

/// KiB a minute, by least squares.
fn slope(held: &[Held]) -> f64 {
    let n = held.len() as f64;
    let mean = |of: fn(&Held) -> f64| held.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|h| h.at_s), mean(|h| h.rss_kib));
    let both: f64 = held.iter().map(|h| (h.at_s - x) * (h.rss_kib - y)).sum();
    let own: f64 = held.iter().map(|h| (h.at_s - x).powi(2)).sum();
    both / own * 60.0
}

/// The sum of a metric over its labels.
fn sum(metrics: &str, name: &str) -> f64 {
    let series =
        metrics.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
    series.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// One turn of the churn, of six kinds.
fn churn(stage: &Stage, turn: u64, flags: &[(&str, &str)]) {
    let mood = |every: usize, reply: fn() -> Reply| {
        let calls = std::sync::atomic::AtomicUsize::new(0);
        let nth = move || calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Behaviour::replying(move |_: &[Entry]| if nth() % every == 0 { reply() } else { Reply::Done })
    };
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
        _ => stage.worker.behave(Behaviour::after(Duration::from_millis(100))),
    }
    std::thread::sleep(Duration::from_secs(2));
    stage.worker.behave(Behaviour::after(Duration::from_millis(5)));
}

#[test]
#[ignore = "minutes: scripts/soak MINUTES"]
fn a_long_run_with_churn_leaves_nothing_behind() {
    let minutes = count("SOAK_MINUTES", 10);
    let mut stage = Stage::new("soak", 8, Behaviour::after(Duration::from_millis(5)));
    let flags = [("INFERENCE_TIMEOUT", "1s"), ("RETRY_MAX_ATTEMPTS", "1000"), ("LOG_LEVEL", "warn")];
    let sidecar = stage.sidecar("only", &flags);
    let load = Load::paced(&stage, 0, 5_000, RECORDS_PER_S);
    stage.watch_commits();
    stage.await_delivered(1_000, WITHIN);
    let (start, mut held, mut turns) = (Instant::now(), Vec::new(), 0);
    while start.elapsed() < Duration::from_secs(60 * minutes) {
        churn(&stage, turns, &flags);
        turns += 1;
        held.push(Held::by(&sidecar, start));
    }
    let records = load.stop();
    stage.await_no_lag(Duration::from_secs(180));
    held.push(Held::by(&sidecar, start));
    let verdict = stage.verdict(Repeats::AtMost(u64::MAX));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (records, records));

    let (_, metrics) = sidecar.get("/metrics").unwrap();
    let total = |name: &str| sum(&metrics, &format!("sluicegate_{name}"));
    let polled = total("polled_records_total");
    let ended = ["completed", "expired", "dead_letter", "skipped", "abandoned"]
        .map(|what| total(&format!("{what}_records_total")));
    let late = &held[held.len() / 3..];
    let range = |of: fn(&Held) -> usize| (late.iter().map(of).min().unwrap(), late.iter().map(of).max().unwrap());
    let (files, threads, slope) = (range(|h| h.files), range(|h| h.threads), slope(late));
    println!("soak of {minutes} min, {turns} turns of churn, {} rebalances:", total("rebalances_total"));
    println!("  records  {records} produced, 0 missing, {} done again", verdict.repeats);
    let mib = |third: usize| held[(held.len() - 1) * third / 3].rss_kib / 1024.0;
    println!(
        "  memory   {:.1}, {:.1}, {:.1} MiB after each third, {slope:+.0} KiB a minute over the last two",
        mib(1),
        mib(2),
        mib(3)
    );
    println!("  files    {} to {}", files.0, files.1);
    println!("  threads  {} to {}", threads.0, threads.1);
    println!(
        "  polled   {polled} = {} completed + {} abandoned + {} others",
        ended[0],
        ended[4],
        ended[1] + ended[2] + ended[3]
    );
    println!(
        "  held     {} in flight, {} waiting to be tried again",
        total("in_flight_records"),
        total("retry_waiting_records")
    );
    assert_eq!(polled, ended.iter().sum::<f64>(), "every polled record ends once");
    assert_eq!(total("invariant_violations_total") + total("in_flight_records") + total("retry_waiting_records"), 0.0);
    assert!(files.1 - files.0 <= 16 && threads.1 - threads.0 <= 4, "files {files:?}, threads {threads:?}");
    assert!(minutes < 5 || slope < 1024.0, "{slope} KiB a minute");
    assert!(sidecar.stop().0.success());
}
