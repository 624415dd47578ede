//! A secret in every flag that takes one, and in every property that is one: nothing the real binary says, writes or
//! answers has it in it.

#![cfg(feature = "kafka")]

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use sluicegate::config::table;

const CANARY: &str = "CaNaRy-7f3a-b21c";

/// Properties that are secrets and have no flag: those that librdkafka or its Rust client marks as sensitive, but for
/// the two that name a file, which are to be seen. `ssl.truststore.password` is no property of this library.
const PROPERTIES: [&str; 11] = [
    "KAFKA_CFG_SASL_PASSWORD",
    "KAFKA_CFG_SASL_USERNAME",
    "KAFKA_CFG_SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_PASSPHRASE",
    "KAFKA_CFG_SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_PEM",
    "KAFKA_CFG_SASL_OAUTHBEARER_CLIENT_SECRET",
    "KAFKA_CFG_SASL_OAUTHBEARER_CONFIG",
    "KAFKA_CFG_SSL_CA_PEM",
    "KAFKA_CFG_SSL_KEYSTORE_PASSWORD",
    "KAFKA_CFG_SSL_KEY_PASSWORD",
    "KAFKA_CFG_SSL_KEY_PEM",
    "KAFKA_CFG_SSL_TRUSTSTORE_PASSWORD",
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
        .env("WORKER_URL", format!("http://{}/predict?key={CANARY}", free_addr()))
        .env("WORKER_HEALTH_URL", format!("http://{}/health?key={CANARY}", free_addr()))
        .env("STATE_DIR", dir)
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

/// What a running sidecar wrote, beside what it answers to whoever asks.
struct Running {
    child: Child,
    admin: SocketAddr,
    dir: tempfile::TempDir,
}

impl Running {
    fn start(secrets: &[(String, String)]) -> Self {
        let (admin, dir) = (free_addr(), tempfile::tempdir().unwrap());
        std::fs::create_dir(dir.path().join("state")).unwrap();
        let to = |name: &str| std::fs::File::create(dir.path().join(name)).unwrap();
        let mut command = sluicegate(&["run"], secrets, admin, &dir.path().join("state"));
        let child = command.stdout(to("out")).stderr(to("err")).spawn().unwrap();
        Self { child, admin, dir }
    }

    fn said(&self) -> String {
        read(&self.dir.path().join("out")) + &read(&self.dir.path().join("err"))
    }

    /// Waits for `count` lines with this in them; not longer than the process lives.
    fn await_said(&mut self, what: &str, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.said().matches(what).count() < count && self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "no {what} in {}", self.said());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    fn assert_pages_hide(&self) {
        for path in ["/state", "/metrics", "/livez", "/readyz", "/", "/console", "/nothing"] {
            assert_hidden(path, &get(self.admin, path));
        }
    }

    /// Tells it to leave; nothing it has left behind has the secret in it. Its log.
    fn end(mut self) -> String {
        if self.child.try_wait().unwrap().is_none() {
            let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
            assert!(sent.success());
        }
        self.child.wait().unwrap();
        for entry in std::fs::read_dir(self.dir.path().join("state")).unwrap() {
            let path = entry.unwrap().path();
            assert_hidden(&path.display().to_string(), read(&path).as_bytes());
        }
        let said = self.said();
        assert_hidden("the log", said.as_bytes());
        said
    }
}

fn fit_for_this_build() -> Vec<(String, String)> {
    let mut secrets = flags_with_secrets();
    if cfg!(not(feature = "tls")) {
        // Such a build refuses it, which other tests see.
        secrets.retain(|(name, _)| name != "KAFKA_SSL_KEY_PASSWORD");
    }
    secrets
}

/// Against brokers and a worker that are not there: every failure path of the client says what it can.
#[test]
fn no_log_line_and_no_page_says_a_secret_while_it_runs() {
    let mut secrets = fit_for_this_build();
    secrets.push(("KAFKA_CFG_DEBUG".to_owned(), "all".to_owned()));
    let mut running = Running::start(&secrets);
    // The client is heard before that, where its settings are looked at.
    running.await_said("\"event\":\"started\"", 1);
    for lines in [20, 40, 60] {
        running.await_said("librdkafka", lines);
        running.assert_pages_hide();
    }
    assert!(String::from_utf8_lossy(&get(running.admin, "/state")).contains("phase"), "the pages were there");
    running.end();
}

#[test]
fn who_waits_for_a_worker_does_not_say_the_query_of_its_address() {
    let wait = [("WAIT_FOR_MODEL", "true"), ("MODEL_WAIT_TIMEOUT", "100ms")];
    let wait = wait.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut running = Running::start(&[fit_for_this_build(), wait.to_vec()].concat());
    running.await_said("waiting_for_worker", 1);
    running.assert_pages_hide();
    let said = running.end();
    assert!(said.contains("/predict?***") && said.contains("/health?***"), "{said}");
}

#[test]
fn no_run_says_a_property_that_is_a_secret_whether_this_build_takes_it_or_not() {
    for name in PROPERTIES {
        let mut running = Running::start(&[(name.to_owned(), CANARY.to_owned())]);
        running.await_said("\"event\":\"started\"", 1);
        assert!(running.end().len() > 20, "{name}: something was said");
    }
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
