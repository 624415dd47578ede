//! The HTTP side: raw hyper, one task a connection.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;

use super::{Report, Said, WorkerSettings, latency, say, tally::Tally};
use crate::{Outcome, wall_us};

pub struct Books {
    settings: WorkerSettings,
    first: OnceLock<Instant>,
    records: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
    /// Nanoseconds from the first record to the last one.
    last_ns: AtomicU64,
    latencies: Mutex<Vec<u64>>,
}

impl Books {
    pub fn new(settings: &WorkerSettings) -> Self {
        Self {
            settings: settings.clone(),
            first: OnceLock::new(),
            records: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            last_ns: AtomicU64::new(0),
            latencies: Mutex::default(),
        }
    }

    pub fn report(&self) -> Report {
        let latencies = std::mem::take(&mut *self.latencies.lock().unwrap_or_else(PoisonError::into_inner));
        Report {
            records: self.records.load(Relaxed),
            requests: self.requests.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            seconds: self.last_ns.load(Relaxed) as f64 / 1e9,
            latency: latency::summary(latencies),
        }
    }

    /// The clock starts when the head of the first request is there.
    fn begin(&self) -> Instant {
        *self.first.get_or_init(|| {
            say(&Said::First);
            Instant::now()
        })
    }

    fn count(&self, entries: u64, bytes: u64, start: Instant) {
        self.requests.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        self.last_ns.store(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX), Relaxed);
        let before = self.records.fetch_add(entries, Relaxed);
        let expected = self.settings.records;
        if before < expected && before + entries >= expected {
            say(&Said::Last(self.report()));
        }
    }
}

pub async fn serve(listener: std::net::TcpListener, books: Arc<Books>) -> Outcome<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let books = Arc::clone(&books);
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| answer(request, &books));
            // A connection that breaks off is the client's affair.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(request: Request<Incoming>, books: &Books) -> Result<Response<Empty<Bytes>>, hyper::Error> {
    let mut body = request.into_body();
    if books.settings.latency {
        let whole = body.collect().await?.to_bytes();
        let arrived = wall_us();
        let latencies: Vec<u64> = latency::sent_us(&whole).map(|sent| arrived.saturating_sub(sent)).collect();
        let start = books.begin();
        let entries = latencies.len() as u64;
        books.latencies.lock().unwrap_or_else(PoisonError::into_inner).extend(latencies);
        books.count(entries, whole.len() as u64, start);
    } else {
        let (mut tally, mut bytes) = (Tally::new(books.settings.value_bytes), 0);
        while let Some(frame) = body.frame().await {
            if let Some(data) = frame?.data_ref() {
                if bytes == 0 {
                    books.begin();
                }
                bytes += data.len() as u64;
                tally.read(data);
            }
        }
        if tally.entries > 0 {
            books.count(tally.entries, bytes, books.begin());
        }
    }
    if books.settings.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(books.settings.delay_ms)).await;
    }
    Ok(Response::new(Empty::new()))
}
