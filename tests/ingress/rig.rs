//! The ingress and the driver in this process, each on the thread it has in the real one, and a worker over HTTP.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use serde_json::{Value, json};
use sluicegate::{
    control::settings::ControlSettings,
    engine::{
        event::{Command, DeadLetter, DeadLettered, Event},
        fact::Fact,
        settings::{EngineSettings, RequestSettings},
        snapshot::Snapshot,
    },
    ingress::{Bound, Ingress, IngressSettings},
    runtime::{
        DeadLetterSink, Observer, Source, SourceEvent, SourceNote,
        clock::{Clock, system_wall},
        driver::Driver,
        handle::{self, DriverHandle},
    },
    time::Now,
    worker::{
        HttpWorker,
        settings::{Target, ValueFormat, WorkerSettings},
    },
};
use tokio::sync::{mpsc, oneshot};

pub fn engine() -> EngineSettings {
    let requests = RequestSettings { topic: Arc::from("orders"), ..RequestSettings::default() };
    let control = ControlSettings::off();
    EngineSettings { requests: Some(requests), linger: Duration::from_millis(2), control, ..EngineSettings::default() }
}

pub fn wall_ms() -> i64 {
    system_wall().0
}

/// What the worker says.
#[derive(Debug, Clone, Copy)]
pub enum Says {
    /// Twice the number it was sent.
    Twice { after: Duration },
    /// 500, always.
    Fail { after: Duration },
    /// As the number asks for.
    ByNumber,
}

#[derive(Clone)]
pub struct Worker {
    says: Says,
    seen: Arc<Mutex<Vec<u64>>>,
    batch_max: Arc<AtomicUsize>,
}

impl Worker {
    /// The numbers it was sent, in order.
    pub fn seen(&self) -> Vec<u64> {
        self.seen.lock().unwrap().clone()
    }

    pub fn batch_max(&self) -> usize {
        self.batch_max.load(SeqCst)
    }

    pub async fn until(&self, count: usize) {
        until(|| async { self.seen.lock().unwrap().len() >= count }).await;
    }
}

/// A source that hands nothing over and leaves when it is told to.
struct NoRecords {
    left: mpsc::UnboundedReceiver<()>,
    leave: mpsc::UnboundedSender<()>,
}

impl Source for NoRecords {
    fn perform(&mut self, command: Command) {
        if command == Command::Leave {
            self.leave.send(()).unwrap();
        }
    }

    async fn next(&mut self) -> SourceEvent {
        self.left.recv().await;
        SourceEvent::Engine(Event::Left)
    }
}

struct NoLetters;

impl DeadLetterSink for NoLetters {
    fn send(&self, letter: DeadLetter) -> impl Future<Output = DeadLettered> + Send + 'static {
        panic!("a request was dead-lettered: {letter:?}");
        #[allow(unreachable_code, reason = "only its type is needed")]
        std::future::ready(DeadLettered::Acknowledged { letter })
    }
}

struct NoViolations;

impl Observer for NoViolations {
    fn fact(&mut self, _: Now, fact: &Fact) {
        assert!(!matches!(fact, Fact::Violation { .. }), "{fact:?}");
    }

    fn note(&mut self, _: Now, _: &SourceNote) {}
}

pub struct Rig {
    pub addr: SocketAddr,
    pub worker: Worker,
    driver: DriverHandle,
    ingress: Ingress,
    drained: Option<oneshot::Receiver<()>>,
}

impl Rig {
    pub async fn start(engine: EngineSettings, says: Says) -> Self {
        Self::keeping(engine, says, Duration::from_secs(75)).await
    }

    /// With connections kept for so long.
    pub async fn keeping(engine: EngineSettings, says: Says, keep_alive: Duration) -> Self {
        let worker = Worker { says, seen: Arc::default(), batch_max: Arc::default() };
        let http = HttpWorker::new(&settings(listen(worker.clone()).await)).unwrap();
        let bound = Bound::new(IngressSettings {
            addr: ([127, 0, 0, 1], 0).into(),
            paths: vec!["/predict".into()],
            timeout: engine.requests.as_ref().unwrap().timeout,
            headers: vec!["x-request-id".into()],
            body_bytes_max: engine.max_record_bytes,
            reading_bytes_max: engine.queue_bytes_max,
            connections_max: 512,
            keep_alive,
            drain_grace: Duration::from_millis(300),
        });
        let (ingress, callers) = bound.unwrap().serve(Arc::new(system_wall)).unwrap();
        let (driver, inbox) = handle::channel();
        let (done, drained) = oneshot::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let (leave, left) = mpsc::unbounded_channel();
                let source = NoRecords { left, leave };
                let driver = Driver::new(engine, Clock::system(), source, http, NoLetters, NoViolations, inbox);
                let mut driver = driver.with_callers(callers);
                driver.run().await.unwrap();
                let _ = done.send(());
                driver.linger().await;
            });
        });
        ingress.open();
        Self { addr: ingress.addr(), worker, driver, ingress, drained: Some(drained) }
    }

    pub async fn snapshot(&self) -> Snapshot {
        self.driver.snapshot().await.unwrap()
    }

    pub async fn open(&self) -> u32 {
        self.snapshot().await.requests.unwrap().open
    }

    pub async fn until_open(&self, count: u32) {
        until(|| async { self.open().await == count }).await;
    }

    pub async fn until_idle(&self) {
        until(|| async {
            let seen = self.snapshot().await;
            (seen.in_flight.batches, seen.queue.records, seen.retry.records) == (0, 0, 0)
        })
        .await;
    }

    /// As SIGTERM does: the driver first, the connections after it.
    pub async fn drain(&mut self) {
        assert!(self.driver.drain(Duration::from_secs(10)));
        self.ingress.drain();
        self.drained.take().unwrap().await.unwrap();
        self.ingress.close().await;
    }
}

async fn until<F: Future<Output = bool>>(look: impl Fn() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !look().await {
        assert!(tokio::time::Instant::now() < deadline, "it never came to that");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn settings(port: u16) -> WorkerSettings {
    WorkerSettings {
        target: Target::Tcp { host: "127.0.0.1".into(), port, path: "/infer".into() },
        health: None,
        value_format: ValueFormat::Auto,
        connect_timeout: Duration::from_secs(1),
        pool_idle: Duration::from_millis(1500),
        response_bytes_max: 1 << 20,
        wait_for_model: true,
        model_wait_timeout: Duration::from_secs(5),
        prewarm: None,
        inference_timeout: Duration::from_secs(15),
    }
}

async fn listen(worker: Worker) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/infer", post(infer)).with_state(worker)).await.unwrap();
    });
    port
}

async fn infer(State(worker): State<Worker>, body: Bytes) -> (StatusCode, String) {
    let envelope: Value = serde_json::from_slice(&body).unwrap();
    let entries = envelope["entries"].as_array().unwrap();
    let number = |entry: &Value| entry["event"].as_u64().unwrap();
    worker.seen.lock().unwrap().extend(entries.iter().map(number));
    worker.batch_max.fetch_max(entries.len(), SeqCst);
    let said = |entry: &Value| json!({ "entryId": entry["entryId"], "status": "SUCCESS", "result": 2 * number(entry) });
    let statuses = match worker.says {
        Says::Twice { after } => {
            tokio::time::sleep(after).await;
            entries.iter().map(said).collect()
        }
        Says::Fail { after } => {
            tokio::time::sleep(after).await;
            return (StatusCode::INTERNAL_SERVER_ERROR, String::new());
        }
        Says::ByNumber => match number(&entries[0]) {
            500 => return (StatusCode::INTERNAL_SERVER_ERROR, "broken".into()),
            400 => return (StatusCode::BAD_REQUEST, "no".into()),
            _ => entries.iter().map(by_number).collect::<Vec<_>>(),
        },
    };
    (StatusCode::OK, json!({ "statuses": statuses }).to_string())
}

fn by_number(entry: &Value) -> Value {
    let id = &entry["entryId"];
    match entry["event"].as_u64().unwrap() {
        418 => json!({ "entryId": id, "status": "DROP", "httpStatus": 418, "result": "named" }),
        422 => json!({ "entryId": id, "status": "DROP" }),
        204 => json!({ "entryId": id, "status": "SUCCESS", "httpStatus": 204 }),
        number => json!({ "entryId": id, "status": "SUCCESS", "result": 2 * number }),
    }
}
