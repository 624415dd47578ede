//! A wall clock that jumps, for the sidecar alone: libfaketime, which leaves the monotonic clock as it is.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{judge::Repeats, load::Load, stage::Stage, worker::Behaviour};

const WITHIN: Duration = Duration::from_secs(60);

/// One that is missing fails the test: what is not tested must not look tested.
fn libfaketime() -> PathBuf {
    let roots = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let found =
        roots.map(|root| Path::new(root).join("faketime/libfaketime.so.1")).into_iter().find(|path| path.exists());
    found.expect("libfaketime is installed (Debian: libfaketime)")
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
    let load = Load::start(&stage, 0, 1_000);
    stage.watch_commits();
    stage.await_delivered(1_000, WITHIN);
    for offset in ["+3600", "-3600", "+0", "+86400", "-86400", "+0"] {
        jump(offset);
        stage.await_more(2_000, Duration::from_secs(20));
        let committed: i64 = stage.committed().iter().sum();
        crate::sidecar::eventually("commits go on", Duration::from_secs(10), || {
            (stage.committed().iter().sum::<i64>() > committed).then_some(())
        });
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
    println!("a wall clock that jumps an hour and a day: {} of {records} delivered, 0 twice", verdict.done);
    assert!(sidecar.stop().0.success());
}
