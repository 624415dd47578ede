//! What one worker call costs this process: `cargo bench --no-default-features --bench call`.
//!
//! CPU time of the calling thread, for batches of 32 records of 1 KiB over loopback, against a worker on a thread of
//! its own that answers at once. Building the records is measured apart and taken off. Linux only (it reads the
//! scheduler's accounting); elsewhere it says so.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use sluicegate::{
    engine::event::{Answer, Batch, BatchId},
    record::{PartitionId, Payload, Record},
    runtime::Worker,
    worker::{
        HttpWorker,
        settings::{Target, ValueFormat, WorkerSettings},
    },
};

const RECORDS: usize = 32;
const CALLERS: usize = 8;
const CALLS: usize = 40_000;

fn main() {
    if cpu_ns().is_none() {
        println!("no /proc/thread-self/schedstat here: nothing to measure with");
        return;
    }
    let port = start_worker();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!("batches of {RECORDS} records of 1 KiB, {CALLERS} at a time");
    for (name, value) in [("one long text", text()), ("many fields", fields())] {
        let value: Arc<[u8]> = value.into();
        let building = measure(|| (0..CALLS).for_each(|_| drop(std::hint::black_box(batch(&value)))));
        for _ in 0..3 {
            let (cpu, elapsed) = measure(|| runtime.block_on(run(port, &value)));
            let per_call = (cpu - building.0) / CALLS as f64;
            println!(
                "{name:>14}: {:>6.2} µs CPU per call, {:>5.3} per record; {:>7.0} records/s",
                per_call / 1000.0,
                per_call / 1000.0 / RECORDS as f64,
                (CALLS * RECORDS) as f64 / elapsed.as_secs_f64(),
            );
        }
    }
}

async fn run(port: u16, value: &Arc<[u8]>) {
    let worker = HttpWorker::new(&settings(port)).expect("a plain target");
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (worker, value) = (worker.clone(), value.clone());
            tokio::spawn(async move {
                for _ in 0..CALLS / CALLERS {
                    assert_eq!(worker.call(batch(&value)).await.answer, Answer::Done);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("no caller panics");
    }
}

fn settings(port: u16) -> WorkerSettings {
    WorkerSettings {
        target: Target::Tcp { host: "127.0.0.1".into(), port, path: "/".into() },
        health: None,
        value_format: ValueFormat::Auto,
        connect_timeout: Duration::from_secs(1),
        pool_idle: Duration::from_secs(60),
        response_bytes_max: 1 << 20,
        wait_for_model: false,
        model_wait_timeout: Duration::from_secs(5),
        prewarm: None,
        inference_timeout: Duration::from_secs(15),
    }
}

fn batch(value: &[u8]) -> Batch {
    let record = |n: usize| {
        Record::new(PartitionId(0), 3, n as i64, 1_700_000_000_000, Payload::new(Some(b"customer-4711"), Some(value)))
    };
    Batch {
        id: BatchId(1),
        topic: Arc::from("orders.created"),
        records: (0..RECORDS).map(record).collect(),
        not_after: None,
        timeout: Duration::from_secs(15),
    }
}

fn text() -> Vec<u8> {
    format!(r#"{{"prompt":"{}"}}"#, "the quick brown fox jumps over ".repeat(32)).into_bytes()
}

fn fields() -> Vec<u8> {
    let item = r#"{"sku":"AB-1029","name":"Drip tray, large","qty":3,"price":12.95,"tags":["kitchen","steel"]}"#;
    format!(r#"{{"customer":4711,"items":[{}]}}"#, [item; 10].join(",")).into_bytes()
}

fn measure(work: impl FnOnce()) -> (f64, Duration) {
    let (cpu, start) = (cpu_ns().unwrap_or_default(), Instant::now());
    work();
    (cpu_ns().unwrap_or_default() - cpu, start.elapsed())
}

/// CPU time of this thread.
fn cpu_ns() -> Option<f64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// A thread per connection, each answering with an empty body.
fn start_worker() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    port
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut buffer, mut filled) = (vec![0; 1 << 20], 0);
    loop {
        filled += match stream.read(&mut buffer[filled..])? {
            0 => return Ok(()),
            bytes => bytes,
        };
        let Some(head) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        if filled == head + 4 + length.unwrap_or(0) {
            filled = 0;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        }
    }
}
