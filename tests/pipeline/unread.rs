//! A log that nobody reads. Standard output and standard error are one pipe here, as under a service manager.

use std::{
    io::{PipeReader, Read},
    time::Duration,
};

use serde_json::Value;

use crate::{
    sidecar::{Sidecar, eventually},
    stage::Stage,
    worker::Behaviour,
};

/// More than a pipe and the room for lines can take.
const TALKATIVE: [(&str, &str); 2] = [("LOG_LEVEL", "debug"), ("KAFKA_CFG_DEBUG", "all")];
const MINUTE: Duration = Duration::from_secs(60);

/// Waits until the pipe is full, and the room for lines too.
fn await_drops(sidecar: &Sidecar) -> f64 {
    eventually("lines are dropped", MINUTE, || {
        sidecar.metric("sluicegate_log_lines_dropped_total").filter(|lines| *lines > 0.0)
    })
}

/// Every line is one, and how many they say are missing.
fn read(mut log: PipeReader) -> (Vec<Value>, u64) {
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert!(text.ends_with('\n'), "the last line is whole: {:?}", text.lines().last());
    let parsed = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let lines: Vec<Value> = text.lines().map(parsed).collect();
    let missing = lines.iter().filter(|line| line["event"] == "log_lines_dropped");
    let missing = missing.map(|line| line["dropped"].as_u64().unwrap()).sum();
    (lines, missing)
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up_and_a_reader_that_comes_is_told_what_is_missing() {
    let stage = Stage::new("unread", 4, Behaviour::instant());
    let (sidecar, log) = stage.piped_sidecar("only", &TALKATIVE);
    stage.fill(20_000);
    stage.await_no_lag(MINUTE);
    await_drops(&sidecar);
    stage.fill_from(20_000, 20_000);
    stage.await_no_lag(MINUTE);
    assert_eq!(stage.missing(), Vec::<String>::new());
    assert_eq!(stage.worker.books().duplicates(), 0);
    assert_eq!(sidecar.get("/livez").unwrap().0, 200);
    let dropped = sidecar.state().unwrap()["log_lines_dropped"].as_u64().unwrap();

    let reading = std::thread::spawn(move || read(log));
    stage.fill_from(40_000, 100);
    stage.await_no_lag(MINUTE);
    let (status, took) = sidecar.stop();
    assert_eq!(status.code(), Some(0));
    let (lines, missing) = reading.join().unwrap();
    assert!(missing >= dropped, "{missing} are said to be missing, {dropped} were");
    assert_eq!(lines.last().unwrap()["event"], "stopped");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let lines = lines.len();
    println!(
        "40,000 records beside a log that nobody reads: lag 0; {lines} lines for a reader that comes then, {missing} missing"
    );
}

#[test]
fn sigterm_with_a_log_that_nobody_reads_exits_0_in_time() {
    let stage = Stage::new("unread-stop", 4, Behaviour::instant());
    let (sidecar, log) = stage.piped_sidecar("only", &TALKATIVE);
    stage.fill(20_000);
    await_drops(&sidecar);
    stage.await_no_lag(MINUTE);
    stage.worker.behave(Behaviour::after(Duration::from_millis(20)));
    stage.fill_from(20_000, 20_000);
    stage.await_more(100, MINUTE);
    let (status, took) = sidecar.stop();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(stage.worker.books().distinct() as i64, stage.committed().iter().sum::<i64>());
    let (lines, _) = read(log);
    println!("SIGTERM with a log that nobody reads: exit 0 after {took:.2?}, {} whole lines in the pipe", lines.len());
}

#[test]
fn a_second_signal_ends_at_once_whoever_reads_the_log() {
    let stage = Stage::new("unread-twice", 4, Behaviour::instant());
    let (sidecar, log) = stage.piped_sidecar("only", &TALKATIVE);
    stage.fill(20_000);
    await_drops(&sidecar);
    stage.worker.behave(Behaviour::after(Duration::from_secs(14)));
    stage.fill_from(20_000, 5_000);
    eventually("the worker has a batch", MINUTE, || (stage.worker.books().in_flight > 0).then_some(()));
    sidecar.signal("TERM");
    eventually("it drains", MINUTE, || (sidecar.state()?["phase"] == "draining").then_some(()));
    let (status, took) = sidecar.stop();
    assert_eq!(status.code(), Some(143));
    assert!(took < Duration::from_secs(5), "{took:?}");
    read(log);
}
