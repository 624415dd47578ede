//! The binary's small commands, run as one runs them.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    process::{Command, Output},
    thread::JoinHandle,
};

fn sluicegate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluicegate")).args(args).env_clear().output().unwrap()
}

fn told(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// Answers one request, and gives back its first line.
fn once(status: &str, body: &str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(head).unwrap().lines().next().unwrap().to_owned()
    });
    (addr, asked)
}

#[test]
fn a_healthcheck_exits_by_what_the_sidecar_answers() {
    let (addr, asked) = once("200 OK", r#"{"ready":true,"reasons":[]}"#);
    assert_eq!(told(&sluicegate(&["healthcheck", "--admin-addr", &addr])), (Some(0), "ready\n".to_owned()));
    assert_eq!(asked.join().unwrap(), "GET /readyz HTTP/1.1");

    let body = r#"{"ready":false,"reasons":["joining","worker_away"]}"#;
    let (addr, _asked) = once("503 Service Unavailable", body);
    let told_why = told(&sluicegate(&["healthcheck", "--admin-addr", &addr]));
    assert_eq!(told_why, (Some(1), "not ready: joining, worker_away\n".to_owned()));

    let (addr, asked) = once("200 OK", r#"{"alive":true,"reasons":[]}"#);
    assert_eq!(told(&sluicegate(&["healthcheck", "--alive", "--admin-addr", &addr])), (Some(0), "alive\n".to_owned()));
    assert_eq!(asked.join().unwrap(), "GET /livez HTTP/1.1");
}

#[test]
fn a_healthcheck_without_anybody_there_names_the_address() {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (code, text) = told(&sluicegate(&["healthcheck", "--admin-addr", &addr]));
    assert_eq!(code, Some(1));
    assert!(text.contains(&format!("ADMIN_ADDR={addr}")) && text.contains("refused"), "{text}");
    let (code, text) = told(&sluicegate(&["healthcheck", "--admin-addr", "everywhere"]));
    assert_eq!(code, Some(2));
    assert!(text.contains("ADMIN_ADDR") && text.contains("everywhere"), "{text}");
}

#[test]
fn a_drain_waits_as_long_as_a_shutdown_may_take() {
    let (addr, asked) = once("200 OK", "{}");
    let output = sluicegate(&["drain", "--admin-addr", &addr, "--shutdown-timeout", "7s"]);
    assert_eq!(asked.join().unwrap(), "POST /drain?wait=12000ms HTTP/1.1");
    let (code, text) = told(&output);
    assert_eq!(code, Some(0));
    assert!(text.starts_with("out of the group after 0."), "{text}");

    let (addr, _asked) = once("202 Accepted", "{}");
    let (code, text) = told(&sluicegate(&["drain", "--admin-addr", &addr]));
    assert_eq!(code, Some(75), "{text}");

    let (addr, _asked) = once("403 Forbidden", r#"{"error":"only from this machine"}"#);
    let (code, text) = told(&sluicegate(&["drain", "--admin-addr", &addr]));
    assert_eq!(code, Some(1));
    assert!(text.contains("only from this machine"), "{text}");
}

#[test]
fn manual_pages_and_completions_are_printed() {
    let (code, page) = told(&sluicegate(&["man", "drain"]));
    assert_eq!(code, Some(0));
    assert!(page.contains(".TH"), "{page}");
    assert_eq!(told(&sluicegate(&["man", "frobnicate"])).0, Some(2));
    for shell in ["bash", "zsh", "fish"] {
        let (code, script) = told(&sluicegate(&["completions", shell]));
        assert_eq!(code, Some(0));
        assert!(script.contains("queue-maxsize"), "{shell}");
    }
}

#[test]
fn producing_says_what_it_lacks() {
    let (code, text) = told(&sluicegate(&["produce"]));
    assert_eq!(code, Some(2), "{text}");
    let lack = if cfg!(feature = "kafka") { "KAFKA_BROKERS" } else { "--features kafka" };
    assert!(text.contains(lack), "{text}");
}

#[cfg(feature = "kafka")]
#[test]
fn producing_without_a_topic_or_to_a_pattern_is_refused() {
    for args in [&["--kafka-brokers", "127.0.0.1:1"][..], &["--kafka-brokers", "127.0.0.1:1", "--topic", "^jobs"]] {
        let (code, text) = told(&sluicegate(&[&["produce"], args].concat()));
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("--topic"), "{text}");
    }
}
