//! The log of a process, as the process has it: to a real pipe, through a panic, to the end.

use std::{
    io::Read,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use sluicegate::{
    lifecycle::{Exit, end_with_a_panic},
    telemetry::{
        log,
        settings::{LogFormat, LogLevel, LogSettings},
    },
};

/// Tells this test binary to be the process that logs, with so many lines before it panics.
const LINES: &str = "SLUICEGATE_TEST_LINES";
const NAME: &str = "a_panic_of_any_thread_is_a_line_of_the_log_and_the_end_of_the_process_and_waits_for_no_reader";

#[test]
fn a_panic_of_any_thread_is_a_line_of_the_log_and_the_end_of_the_process_and_waits_for_no_reader() {
    if let Ok(lines) = std::env::var(LINES) {
        return log_and_panic(lines.parse().unwrap());
    }
    let mut read = child("10");
    let mut text = String::new();
    read.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(ends_within(&mut read, Duration::from_secs(60)), Some(Exit::ContractBroken.code()));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 11, "{text}");
    assert_eq!(
        (&lines[10]["event"], &lines[10]["level"], &lines[10]["thread"]),
        (&"panicked".into(), &"error".into(), &"engine".into())
    );
    assert!(lines[10]["message"].as_str().unwrap().contains("on purpose"), "{}", lines[10]);

    let mut unread = child("20000");
    let ended = ends_within(&mut unread, Duration::from_secs(30));
    assert_eq!(ended, Some(Exit::ContractBroken.code()), "it waits for its reader");
    let mut text = String::new();
    unread.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(text.ends_with('\n') && text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
}

fn child(lines: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", NAME]).env(LINES, lines).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn log_and_panic(lines: u32) {
    let log = log::install(&LogSettings { format: LogFormat::Json, level: LogLevel::Info }).unwrap();
    end_with_a_panic(log);
    for number in 0..lines {
        tracing::info!(target: "sluicegate", event = "probe", number, padding = "x".repeat(100));
    }
    let engine = std::thread::Builder::new().name("engine".to_owned());
    // Nobody joins it: that it is gone has to be seen without.
    engine.spawn(|| panic!("on purpose")).unwrap();
    loop {
        std::thread::park();
    }
}

/// The code it ended with; `None` when it did not.
fn ends_within(child: &mut Child, within: Duration) -> Option<i32> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            return None;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
