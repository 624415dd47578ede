//! A secret in every flag that takes one, and in every property that is one: nothing the real binary says, writes or
//! answers has it in it.

#![cfg(feature = "kafka")]

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use sluicegate::config::table;

const CANARY: &str = "CaNaRy-7f3a-b21c";

/// Properties that are secrets and have no flag.
const PROPERTIES: [&str; 4] = [
    "KAFKA_CFG_SSL_KEYSTORE_PASSWORD",
    "KAFKA_CFG_SASL_OAUTHBEARER_CLIENT_SECRET",
    "KAFKA_CFG_SASL_OAUTHBEARER_CONFIG",
    "KAFKA_CFG_SSL_KEY_PEM",
];

fn free_addr() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn sluicegate(arguments: &[&str], secrets: &[(String, String)], admin: SocketAddr, dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command
        .args(arguments)
        .env_clear()
        .current_dir(dir)
        .env("RUST_BACKTRACE", "full")
        .env("KAFKA_BROKERS", free_addr().to_string())
        .env("KAFKA_TOPICS", "orders")
        .env("KAFKA_GROUP_ID", "canary")
        .env("WORKER_URL", format!("http://{}/predict", free_addr()))
        .env("WAIT_FOR_MODEL", "false")
        .env("KAFKA_CFG_SECURITY_PROTOCOL", "sasl_plaintext")
        .env("KAFKA_CFG_SASL_MECHANISM", "PLAIN")
        .env("ADMIN_ADDR", admin.to_string())
        .env("LOG_FORMAT", "json")
        .env("LOG_LEVEL", "trace")
        .envs(secrets.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null());
    command
}

fn flags_with_secrets() -> Vec<(String, String)> {
    let secret = table::all().filter(|flag| flag.secret).map(|flag| (flag.name.to_owned(), CANARY.to_owned()));
    let secrets: Vec<_> = secret.collect();
    assert!(secrets.len() >= 3, "the table has secrets");
    secrets
}

fn assert_hidden(what: &str, said: &[u8]) {
    let said = String::from_utf8_lossy(said);
    let found = said.lines().find(|line| line.contains(CANARY));
    assert!(found.is_none(), "{what} says it: {found:?}");
}

fn assert_output_hides(what: &str, output: &Output) {
    assert_hidden(&format!("{what} (stdout)"), &output.stdout);
    assert_hidden(&format!("{what} (stderr)"), &output.stderr);
    assert!(output.stdout.len() + output.stderr.len() > 0, "{what} said something");
}

#[test]
fn no_command_says_a_secret_whether_the_rest_is_fit_for_use_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = flags_with_secrets();
    let each = PROPERTIES.map(|name| vec![(name.to_owned(), CANARY.to_owned())]);
    let all = [secrets.clone(), each.concat()].concat();
    let misspelt = vec![("KAFKA_SASL_PASWORD".to_owned(), CANARY.to_owned())];
    for (set, secrets) in [secrets, all, misspelt].into_iter().chain(each).enumerate() {
        for arguments in
            [&["check"][..], &["print-config"], &["print-config", "--format", "json"], &["check", "--no-such-flag"]]
        {
            let output = sluicegate(arguments, &secrets, free_addr(), dir.path()).output().unwrap();
            assert_output_hides(&format!("{arguments:?} with set {set}"), &output);
        }
    }
    let (flag, value) = (format!("--kafka-sasl-password={CANARY}"), format!("ssl.keystore.password={CANARY}"));
    for arguments in [&["check", &flag][..], &["check", "--kafka", &value], &["print-config", &flag]] {
        let output = sluicegate(arguments, &[], free_addr(), dir.path()).output().unwrap();
        assert_output_hides("a secret on the command line", &output);
    }
}

/// Against brokers and a worker that are not there: every failure path of the client says what it can.
#[test]
fn no_log_line_and_no_page_says_a_secret_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let admin = free_addr();
    let (out, err) = (dir.path().join("out"), dir.path().join("err"));
    let mut secrets = flags_with_secrets();
    if cfg!(not(feature = "tls")) {
        // Such a build refuses it, which the other test sees.
        secrets.retain(|(name, _)| name != "KAFKA_SSL_KEY_PASSWORD");
    }
    secrets.push(("KAFKA_CFG_DEBUG".to_owned(), "all".to_owned()));
    let mut child = sluicegate(&["run"], &secrets, admin, dir.path())
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(std::fs::File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut seen = 0;
    while seen < 3 {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "{}", read(&err));
        if read(&err).matches("librdkafka").count() + read(&out).matches("librdkafka").count() > 20 {
            seen += 1;
        }
        for path in ["/state", "/metrics", "/livez", "/readyz", "/", "/console", "/nothing"] {
            assert_hidden(path, &get(admin, path));
        }
        std::thread::park_timeout(Duration::from_millis(200));
    }
    assert!(String::from_utf8_lossy(&get(admin, "/state")).contains("phase"), "the pages were there");
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap();
    assert_hidden("the log", read(&err).as_bytes());
    assert_hidden("standard output", read(&out).as_bytes());
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

fn get(addr: SocketAddr, path: &str) -> Vec<u8> {
    let mut answer = Vec::new();
    if let Ok(mut stream) = TcpStream::connect_timeout(&addr, Duration::from_secs(1)) {
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n\r\n");
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.read_to_end(&mut answer).map(drop));
    }
    answer
}
