//! The admin thread over real sockets, beside an engine on a thread of its own that can be made to hang.

mod asked;
mod probes;
mod shown;
mod visitors;
#[path = "../watched/mod.rs"]
mod watched;

use std::{
    any::Any,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::{Value, json};
use sluicegate::{
    admin::{
        Admin, AdminSettings, Bound, Context, PollPulse, Silence, Tasks,
        readiness::{Latch, Phase, Readiness, Wish},
    },
    control::settings::Adaptive,
    engine::{
        event::{Answer, CommitOutcome, Event, Progress, Told},
        settings::EngineSettings,
    },
    lifecycle::{Course, Watched},
    record::PartitionId,
    runtime::handle::{self, Request},
    telemetry::{
        self, Telemetry,
        log::{self, Log, lines::Lines},
        settings::{LogFormat, LogLevel, LogSettings},
    },
};
use watched::{Page, Run, record};

type Engine = Run<Watched<Telemetry>>;

/// An admin thread, an engine, and the thread that lets the engine answer.
struct Stage {
    admin: Admin,
    engine: Arc<Mutex<Engine>>,
    readiness: Readiness,
    worker: Option<Latch>,
    poll: PollPulse,
    /// The engine says that its sending stands, to which it does not come without a bug.
    stands: Arc<AtomicBool>,
    _log: Box<dyn Any + Send + Sync>,
}

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

impl Stage {
    fn new() -> Self {
        Self::with_limit(Duration::from_secs(30))
    }

    fn with_limit(poll_limit: Duration) -> Self {
        Self::with(watched::settings(), poll_limit)
    }

    fn with(settings: EngineSettings, poll_limit: Duration) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let bound = Bound::new(&AdminSettings { addr: any, probe_addr: Some(any) }).unwrap();
        let (telemetry, readout) = telemetry::start(Some(40)).unwrap();
        let (readiness, poll) = (Readiness::default(), PollPulse::default());
        let worker = Some(readiness.latch("worker"));
        let engine = Run::with(settings, Watched::new(telemetry, readiness.clone(), Course::default()));
        let engine = Arc::new(Mutex::new(engine));
        let (driver, inbox) = handle::channel();
        let stands = Arc::new(AtomicBool::new(false));
        std::thread::spawn({
            let (engine, stands) = (Arc::clone(&engine), Arc::clone(&stands));
            move || serve(inbox, &engine, &stands)
        });
        let settings = LogSettings { format: LogFormat::Json, level: LogLevel::Info };
        let (subscriber, level) = log::subscriber(&settings, std::io::sink);
        let admin = bound.serve(Context {
            readiness: readiness.clone(),
            driver,
            readout,
            log: Log { level, lines: Lines::default() },
            poll: poll.clone(),
            now: Arc::new(Default::default),
            poll_limit,
            drain_timeout: Duration::from_secs(5),
            silence: Silence::default(),
            tasks: Tasks::default(),
        });
        Self { admin: admin.unwrap(), engine, readiness, worker, poll, stands, _log: Box::new(subscriber) }
    }

    /// The worker is there, the group has answered with two partitions.
    fn running() -> Self {
        Self::running_with(watched::settings())
    }

    fn running_with(settings: EngineSettings) -> Self {
        let mut stage = Self::with(settings, Duration::from_secs(30));
        stage.run();
        stage
    }

    fn run(&mut self) {
        self.worker.take().unwrap().release();
        self.readiness.advance(Phase::Joining);
        self.engine().assign(0..2);
    }

    /// While this is held the engine answers nobody.
    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap()
    }

    fn get(&self, path: &str) -> Reply {
        request(self.admin.addr(), "GET", path, &[("host", "127.0.0.1")], "")
    }

    fn post(&self, path: &str, body: &str) -> Reply {
        request(self.admin.addr(), "POST", path, &[("host", "localhost:9464")], body)
    }
}

/// What the driver does with requests.
fn serve(mut inbox: tokio::sync::mpsc::Receiver<Request>, engine: &Mutex<Engine>, stands: &AtomicBool) {
    while let Some(asked) = inbox.blocking_recv() {
        let mut run = engine.lock().unwrap();
        match asked {
            Request::Snapshot(answer) => {
                let mut snapshot = run.engine.snapshot(run.now);
                snapshot.sending_stalled |= stands.load(Relaxed);
                drop(answer.send(snapshot));
            }
            Request::Drain { timeout } => {
                let deadline = run.now.mono + timeout;
                run.step(Event::Drain { deadline });
            }
        }
    }
}

fn request(addr: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("chunked"), "{head}");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}
