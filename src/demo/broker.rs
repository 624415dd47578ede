//! librdkafka's mock cluster, in a child process: an outside member with another assignor would abort its host, and
//! the demo should survive what a curious user does to it.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, Command, ExitCode, Stdio},
};

use rdkafka::mocking::MockCluster;

use super::{DEAD_TOPIC, PARTITIONS, TOPIC};

/// The child: prints its address and stays until its standard input ends, which is when the parent is gone.
pub fn host() -> ExitCode {
    let Ok(cluster) = MockCluster::new(1) else { return ExitCode::FAILURE };
    let made = cluster.create_topic(TOPIC, PARTITIONS, 1).and_then(|()| cluster.create_topic(DEAD_TOPIC, 1, 1));
    let told = writeln!(io::stdout(), "{}", cluster.bootstrap_servers()).and_then(|()| io::stdout().flush());
    if made.is_err() || told.is_err() {
        return ExitCode::FAILURE;
    }
    let _ = io::stdin().read_to_end(&mut Vec::new());
    ExitCode::SUCCESS
}

/// The parent's hold on it.
pub struct Broker {
    child: Child,
    /// Closed to end the child.
    _input: ChildStdin,
    pub servers: String,
}

impl Broker {
    /// # Errors
    /// When the child does not start or says no address.
    pub fn start() -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("demo-broker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the mock broker has no pipes"));
        };
        let mut servers = String::new();
        BufReader::new(output).read_line(&mut servers)?;
        if servers.trim().is_empty() {
            return Err(io::Error::other("the mock broker did not start"));
        }
        Ok(Self { child, _input: input, servers: servers.trim().to_owned() })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
