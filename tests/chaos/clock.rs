//! A wall clock that jumps, for the sidecar alone: libfaketime, which leaves the monotonic clock as it is.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    judge::Repeats,
    load::Load,
    sidecar::eventually,
    stage::{Stage, wall_ms},
    worker::Behaviour,
};

const WITHIN: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 86_400_000;
/// Records with a deadline, each time; their numbers are beyond those of the load.
const DATED: u64 = 200;
const DATED_FROM: u64 = 1_000_000_000;

/// One that is missing fails the test: what is not tested must not look tested.
fn libfaketime() -> PathBuf {
    let roots = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let found =
        roots.map(|root| Path::new(root).join("faketime/libfaketime.so.1")).into_iter().find(|path| path.exists());
    found.expect("libfaketime is installed (Debian: libfaketime)")
}

/// Records that have more time than any jump is wide. While the sidecar has the right time, also as many with about the
/// time that a record takes; the next jump comes when they are past.
fn with_deadlines(stage: &Stage, turn: u64, has_right_time: bool) {
    let first = DATED_FROM + turn * 2 * DATED;
    (first..first + DATED).for_each(|number| stage.send(number, Some(wall_ms() + 3 * DAY_MS)));
    if has_right_time {
        let soon = |number: u64| wall_ms() + (number % DATED) as i64 * 3;
        (first + DATED..first + 2 * DATED).for_each(|number| stage.send(number, Some(soon(number))));
    }
    stage.writer.flush();
    let ends = stage.ends();
    eventually("they are past", WITHIN, || {
        stage.committed().iter().zip(&ends).all(|(committed, end)| committed >= end).then_some(())
    });
}

#[test]
fn a_wall_clock_that_jumps_an_hour_there_and_back_loses_repeats_and_holds_up_nothing() {
    let library = libfaketime();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("offset");
    let jump = |offset: &str| std::fs::write(&file, offset).unwrap();
    jump("+0");
    let mut stage = Stage::new("clock", 4, Behaviour::after(Duration::from_millis(5)));
    let flags = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    let sidecar = stage.sidecar("only", &flags);
    let load = Load::paced(&stage, 0, 1_000, 10_000);
    stage.watch_commits();
    stage.await_delivered(1_000, WITHIN);
    for (turn, offset) in ["+3600", "-3600", "+0", "+86400", "-86400", "+0"].into_iter().enumerate() {
        jump(offset);
        stage.await_more(2_000, Duration::from_secs(20));
        with_deadlines(&stage, turn as u64, offset == "+0");
        assert_eq!(sidecar.get("/livez").unwrap().0, 200);
        println!("the wall clock at {offset} s: it goes on");
    }
    let log = std::fs::read_to_string(&sidecar.log).unwrap();
    let date = |line: &str| Some(line.strip_prefix(r#"{"timestamp":""#)?.get(..10)?.to_owned());
    let dates: BTreeSet<String> = log.lines().filter_map(date).collect();
    assert!(dates.len() >= 3, "the clock did not jump: {dates:?}");
    let records = load.stop();
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    let (of_load, with_little_time) = (records + 6 * DATED, 2 * DATED);
    assert_eq!((verdict.produced, verdict.done + verdict.expired), (of_load + with_little_time, verdict.produced));
    assert!((1..with_little_time).contains(&verdict.expired), "{} of {with_little_time} expired", verdict.expired);
    println!(
        "a wall clock that jumps an hour and a day: {} of {} delivered, 0 twice, {} of {with_little_time} with little \
         time expired, 0 sent late",
        verdict.done, verdict.produced, verdict.expired
    );
    assert!(sidecar.stop().0.success());
}
