//! A small worker on its own thread: a few milliseconds a batch, 500 for any batch with the poison record in it.

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use serde::Deserialize;

use super::burst::POISON;

/// Where it listens and what it got.
#[derive(Clone)]
pub struct DemoWorker {
    pub addr: SocketAddr,
    /// Records it answered with success, each once.
    delivered: Arc<Mutex<BTreeSet<String>>>,
}

/// As much of the request as this worker looks at (docs/WORKER.md has all of it).
#[derive(Deserialize)]
struct Envelope {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    entry_id: String,
    event: serde_json::Value,
}

impl DemoWorker {
    /// # Errors
    /// When no loopback port can be had.
    pub fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let worker = Self { addr: listener.local_addr()?, delivered: Arc::default() };
        let app = Router::new().route("/predict", post(predict)).with_state(worker.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("demo-worker".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, app).await
            })
        })?;
        Ok(worker)
    }

    pub fn delivered(&self) -> usize {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

async fn predict(State(worker): State<DemoWorker>, body: Bytes) -> StatusCode {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(&body) else { return StatusCode::BAD_REQUEST };
    tokio::time::sleep(Duration::from_millis(5)).await;
    if envelope.entries.iter().any(|entry| entry.event.get(POISON).is_some()) {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let mut delivered = worker.delivered.lock().unwrap_or_else(PoisonError::into_inner);
    delivered.extend(envelope.entries.into_iter().map(|entry| entry.entry_id));
    StatusCode::OK
}
