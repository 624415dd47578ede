//! The worker: `alpha + beta·b` for a batch, two at a time, the others wait inside of it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use tokio::sync::Semaphore;

/// Microseconds a record adds to its batch.
pub const BETA_US: u64 = 2_000;
const QUICK: Duration = Duration::from_millis(20);
const SLOW: Duration = Duration::from_millis(200);
const AT_ONCE: usize = 2;

/// What it did: per second since the start, records in time.
#[derive(Debug, Default)]
pub struct Book {
    pub in_time: Vec<u64>,
    pub late: u64,
    pub requests: u64,
}

struct Inner {
    /// When the records began to come.
    began: OnceLock<Instant>,
    third: Duration,
    at_once: Semaphore,
    book: Mutex<Book>,
}

impl Inner {
    fn elapsed(&self) -> Duration {
        self.began.get().map(Instant::elapsed).unwrap_or_default()
    }
}

/// A running worker; it ends with the process.
pub struct SteppingWorker {
    inner: Arc<Inner>,
    addr: SocketAddr,
}

impl SteppingWorker {
    /// Slow in the middle third of `seconds` from [`SteppingWorker::begin`] on.
    pub fn start(seconds: u64) -> Self {
        let third = Duration::from_secs(seconds) / 3;
        let book = Mutex::new(Book { in_time: vec![0; seconds as usize + 10], ..Book::default() });
        let inner = Arc::new(Inner { began: OnceLock::new(), third, at_once: Semaphore::new(AT_ONCE), book });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Arc::clone(&inner);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let app = Router::new().route("/predict", post(predict)).with_state(state);
                axum::serve(listener, app).await.unwrap();
            });
        });
        Self { inner, addr }
    }

    pub fn url(&self) -> String {
        format!("http://{}/predict", self.addr)
    }

    /// The run begins now, everything being ready.
    pub fn begin(&self) -> Instant {
        *self.inner.began.get_or_init(Instant::now)
    }

    pub fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.inner.book.lock().unwrap()
    }
}

async fn predict(State(inner): State<Arc<Inner>>, body: Bytes) {
    // In a task of its own: a worker finishes what it began, whether its caller is still there or not.
    tokio::spawn(work(inner, body)).await.unwrap();
}

async fn work(inner: Arc<Inner>, body: Bytes) {
    let request: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let entries = request["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let records = entries.len() as u64;
    let place = inner.at_once.acquire().await.unwrap();
    let is_slow = (inner.third..2 * inner.third).contains(&inner.elapsed());
    let alpha = if is_slow { SLOW } else { QUICK };
    tokio::time::sleep(alpha + Duration::from_micros(BETA_US * records)).await;
    drop(place);
    let wall = sluicegate::runtime::clock::system_wall().0;
    let in_time =
        entries.iter().filter(|entry| entry["deadlineMs"].as_i64().is_none_or(|at| wall <= at)).count() as u64;
    let second = inner.elapsed().as_secs() as usize;
    let mut book = inner.book.lock().unwrap();
    book.requests += 1;
    book.late += records - in_time;
    if let Some(slot) = book.in_time.get_mut(second) {
        *slot += in_time;
    }
}
