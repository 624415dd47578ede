//! Child processes and what the kernel tells of them.

use std::{
    error::Error,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    floor::FloorSettings,
    worker::{Report, Said, WorkerSettings},
};

/// The kernel's unit of CPU time in /proc, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

const STOP_WAIT: Duration = Duration::from_secs(30);

/// How often a child is looked after while another is waited for.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// User and system time so far, in seconds, of all threads together.
pub fn cpu_seconds(pid: u32) -> Outcome<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold anything; the fields are counted from behind it.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

/// The machine's CPU time so far, in seconds, of all cores together: what was used, and all there was.
pub fn machine_seconds() -> Outcome<(f64, f64)> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().unwrap_or_default();
    // user nice system idle iowait irq softirq steal; what follows is counted in user already.
    let ticks = line.split_whitespace().skip(1).take(8).map(str::parse::<f64>).collect::<Result<Vec<f64>, _>>()?;
    let all: f64 = ticks.iter().sum();
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    Ok(((all - idle) / TICKS_PER_SECOND, all / TICKS_PER_SECOND))
}

/// Most memory resident at one time, in MiB.
pub fn peak_rss_mib(pid: u32) -> Outcome<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

/// A child that does not outlive its handle.
pub struct Process {
    child: Child,
    what: &'static str,
    ending: Ending,
    /// What it wrote, to be shown when it fails.
    log: Option<PathBuf>,
}

/// How a child is asked to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    EndOfInput,
    Sigterm,
}

impl Process {
    fn spawn(what: &'static str, ending: Ending, command: &mut Command) -> Outcome<Self> {
        let child = command.stdin(Stdio::piped()).spawn().map_err(|error| format!("{what} does not start: {error}"))?;
        Ok(Self { child, what, ending, log: None })
    }

    pub fn floor(settings: &FloorSettings) -> Outcome<Self> {
        let json = serde_json::to_string(settings)?;
        let mut command = Command::new(std::env::current_exe()?);
        Self::spawn("the floor", Ending::EndOfInput, command.args(["floor", &json]))
    }

    /// `sluicegate run` with these flags and nothing else of the environment.
    pub fn sidecar(binary: &Path, flags: &[(String, String)], log: &Path) -> Outcome<Self> {
        let out = fs::File::create(log)?;
        let mut command = Command::new(binary);
        command.arg("run").env_clear().envs(flags.iter().map(|(name, value)| (name, value)));
        let mut process = Self::spawn("the sidecar", Ending::Sigterm, command.stdout(out.try_clone()?).stderr(out))?;
        process.log = Some(log.to_owned());
        Ok(process)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// # Errors
    /// When it ended by itself.
    pub fn check(&mut self) -> Outcome<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.failure(&format!("ended by itself: {status}"))),
        }
    }

    /// Ends it in good order.
    ///
    /// # Errors
    /// When it does not end in time, or not well.
    pub fn stop(&mut self) -> Outcome<()> {
        self.check()?;
        match self.ending {
            Ending::EndOfInput => drop(self.child.stdin.take()),
            Ending::Sigterm => drop(Command::new("kill").arg(self.pid().to_string()).status()?),
        }
        let deadline = Instant::now() + STOP_WAIT;
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(self.failure(&format!("ended badly: {status}"))),
                None if Instant::now() > deadline => return Err(self.failure("does not end")),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn failure(&self, what: &str) -> Box<dyn Error + Send + Sync> {
        let text = self.log.as_ref().and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default();
        let tail: Vec<&str> = text.lines().rev().take(20).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        format!("{} {what}\n{}", self.what, tail.join("\n")).into()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        // What matters of it was told with the failure.
        drop(self.log.as_ref().map(fs::remove_file));
    }
}

/// The worker process, and what it says.
pub struct Worker {
    process: Process,
    said: Receiver<Said>,
    pub address: SocketAddr,
}

impl Worker {
    pub fn start(settings: &WorkerSettings) -> Outcome<Self> {
        let json = serde_json::to_string(settings)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["worker", &json]).stdout(Stdio::piped());
        let mut process = Process::spawn("the worker", Ending::EndOfInput, &mut command)?;
        let stdout = process.child.stdout.take().ok_or("no output of the worker")?;
        let (say, said) = mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            for heard in lines.filter_map(|line| serde_json::from_str(&line).ok()) {
                if say.send(heard).is_err() {
                    break;
                }
            }
        });
        match said.recv_timeout(STOP_WAIT)? {
            Said::Listening { port } => Ok(Self { process, said, address: ([127, 0, 0, 1], port).into() }),
            other => Err(format!("the worker began with {other:?}").into()),
        }
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The next thing it says, for at most `limit`, while `subject` lives.
    ///
    /// # Errors
    /// When the worker or the subject is gone.
    pub fn hear(&mut self, subject: &mut Process, limit: Duration) -> Outcome<Option<Said>> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left.min(LOOK_INTERVAL)) {
                Ok(said) => return Ok(Some(said)),
                Err(RecvTimeoutError::Disconnected) => return Err("the worker ended".into()),
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Ok(None),
                Err(RecvTimeoutError::Timeout) => subject.check()?,
            }
        }
    }

    /// What it saw so far.
    pub fn report(&mut self, subject: &mut Process) -> Outcome<Report> {
        self.process.child.stdin.as_mut().ok_or("no input of the worker")?.write_all(b"report\n")?;
        loop {
            match self.hear(subject, STOP_WAIT)? {
                Some(Said::Report(report)) => return Ok(report),
                Some(_) => {}
                None => return Err("the worker does not answer".into()),
            }
        }
    }
}
