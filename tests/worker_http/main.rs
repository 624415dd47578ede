//! The worker adapter over real sockets: every row of the answer table, and everything a connection can do wrong.

mod anything;
mod connections;
mod probe;
mod request;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod time;
mod told;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use sluicegate::{
    engine::event::{Answer, Batch, BatchId, Settled, Verdict},
    record::{PartitionId, Payload, PayloadBuilder, Record},
    runtime::Worker,
    time::UnixMillis,
    worker::{
        HttpWorker,
        settings::{Target, ValueFormat, WorkerSettings},
    },
};
use support::scripted_worker::{Act, ScriptedWorker, answer, ok};

/// Far more than anything here takes; a test that waits this long has failed.
const LONG: Duration = Duration::from_secs(20);

fn tcp(port: u16) -> Target {
    Target::Tcp { host: "127.0.0.1".into(), port, path: "/infer?v=1".into() }
}

fn settings(target: Target) -> WorkerSettings {
    WorkerSettings {
        target,
        health: None,
        value_format: ValueFormat::Auto,
        connect_timeout: Duration::from_secs(1),
        pool_idle: Duration::from_millis(1500),
        response_bytes_max: 1 << 20,
        wait_for_model: true,
        model_wait_timeout: Duration::from_secs(5),
        prewarm: None,
        inference_timeout: LONG,
    }
}

fn worker_at(port: u16) -> HttpWorker {
    HttpWorker::new(&settings(tcp(port))).unwrap()
}

/// Records `orders-0-0`, `orders-0-1` and so on, each with a small JSON value.
fn batch(len: i64) -> Batch {
    batch_of((0..len).map(|n| Payload::new(None, Some(n.to_string().as_bytes()))))
}

fn batch_of(payloads: impl IntoIterator<Item = Payload>) -> Batch {
    let record = |(offset, payload)| Record::new(PartitionId(0), 0, offset, 1_700_000_000_000, payload);
    Batch {
        id: BatchId(42),
        topic: Arc::from("orders"),
        records: (0..).zip(payloads).map(record).collect(),
        not_after: None,
        timeout: LONG,
    }
}

/// Calls and checks what holds for every call: the batch comes back whole, in time, with a detail within its cap.
async fn call(worker: &HttpWorker, batch: Batch) -> Settled {
    let (id, records, timeout, start) = (batch.id, batch.records.clone(), batch.timeout, Instant::now());
    let settled = worker.call(batch).await;
    assert!(start.elapsed() < timeout + Duration::from_millis(500), "{:?}", start.elapsed());
    assert_eq!((settled.batch.id, &settled.batch.records), (id, &records));
    if let Some(detail) = &settled.detail {
        assert!(detail.len() <= 1024 && !detail.chars().any(char::is_control), "{detail:?}");
    }
    settled
}

fn detail(settled: &Settled) -> &str {
    settled.detail.as_deref().unwrap_or_default()
}
