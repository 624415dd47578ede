//! The real binary as a child process, set up by environment flags only, watched through its admin port.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    io::{PipeReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

pub struct Sidecar {
    child: Child,
    pub admin: SocketAddr,
    /// Everything it logged, one JSON object a line.
    pub log: PathBuf,
}

impl Sidecar {
    /// Starts `sluicegate run` with these flags and nothing else of the environment but PATH.
    pub fn start(name: &str, flags: &[(&str, &str)]) -> Self {
        Self::start_by(&[], name, flags)
    }

    /// The same, by a command that prepares a place for it and then becomes it: its arguments go on with the binary's.
    pub fn start_by(command: &[&str], name: &str, flags: &[(&str, &str)]) -> Self {
        let log = log_file(name);
        let out = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        Self::spawn(command, log, flags, out.try_clone().unwrap(), out)
    }

    /// With all of its output in one pipe, which is read by whoever gets the other end, or by nobody.
    pub fn start_piped(name: &str, flags: &[(&str, &str)]) -> (Self, PipeReader) {
        let (reader, writer) = std::io::pipe().unwrap();
        (Self::spawn(&[], log_file(name), flags, writer.try_clone().unwrap(), writer), reader)
    }

    fn spawn(
        command: &[&str],
        log: PathBuf,
        flags: &[(&str, &str)],
        out: impl Into<Stdio>,
        err: impl Into<Stdio>,
    ) -> Self {
        let admin = free_addr();
        let program = binary();
        let program = program.to_str().unwrap();
        let words = [command, &[program, "run"]].concat();
        let child = Command::new(words[0])
            .args(&words[1..])
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("RUST_BACKTRACE", "1")
            .env("ADMIN_ADDR", admin.to_string())
            .env("LOG_FORMAT", "json")
            .envs(flags.iter().copied())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap();
        Self { child, admin, log }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `/state`, while it answers.
    pub fn state(&self) -> Option<Value> {
        serde_json::from_str(&self.get("/state")?.1).ok()
    }

    /// How many partitions it has; none while it does not answer.
    pub fn partitions(&self) -> usize {
        self.partition_numbers().len()
    }

    /// Their numbers.
    pub fn partition_numbers(&self) -> Vec<usize> {
        let state = self.state().unwrap_or_default();
        let each = state["partitions"].as_array().into_iter().flatten();
        each.filter_map(|partition| Some(partition["partition"].as_u64()? as usize)).collect()
    }

    /// Status and body of a GET.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        self.request("GET", path, "")
    }

    pub fn request(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect_timeout(&self.admin, Duration::from_secs(1)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        let (host, len) = (self.admin, body.len());
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {len}\r\n\r\n");
        stream.write_all((head + body).as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        Some((status, if chunked { unchunk(body) } else { body.to_owned() }))
    }

    /// One unlabelled or fully named series of `/metrics`.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics")?;
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.trim().parse().ok())
    }

    /// The log's events of one name.
    pub fn events(&self, name: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let parsed = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        parsed.filter(|event| event["event"] == name).collect()
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.pid().to_string()]).status().unwrap();
        assert!(sent.success(), "kill -{signal}");
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, then its exit status and how long it took.
    pub fn stop(self) -> (ExitStatus, Duration) {
        self.signal("TERM");
        self.wait(Duration::from_secs(60))
    }

    pub fn wait(mut self, within: Duration) -> (ExitStatus, Duration) {
        let start = Instant::now();
        let status = eventually("the sidecar exits", within, || self.child.try_wait().unwrap());
        (status, start.elapsed())
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            let text = std::fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = text.lines().rev().take(40).collect();
            eprintln!("--- last lines of {}", self.log.display());
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// The binary of this build, or another: `SLUICEGATE_BINARY`, for what needs TLS.
pub fn binary() -> PathBuf {
    std::env::var_os("SLUICEGATE_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_sluicegate").into(), PathBuf::from)
}

/// Looks every few milliseconds until there is something to see.
pub fn eventually<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn log_file(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("sluicegate-test-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir.join(format!("{name}.log"))
}

/// A port that is free now.
pub fn free_addr() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let Ok(size @ 1..) = usize::from_str_radix(size, 16) else { break };
        whole.push_str(rest.get(..size).unwrap_or(rest));
        body = rest.get(size + 2..).unwrap_or("");
    }
    whole
}
