//! Callers over HTTP beside a backlog in Kafka.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    sidecar::free_addr,
    stage::Stage,
    worker::{Behaviour, Entry, Reply},
};

const CALLERS: u64 = 200;

/// Answers every entry by itself, with its own number as the result.
fn own_number(entries: &[Entry]) -> Reply {
    let said = |entry: &Entry| {
        format!(r#"{{"entryId":"{}","status":"SUCCESS","result":{}}}"#, entry.entry_id, entry.event.get())
    };
    Reply::Body(format!(r#"{{"statuses":[{}]}}"#, entries.iter().map(said).collect::<Vec<_>>().join(",")))
}

/// One caller on one kept connection: asks until it is told to stop or its connection is ended in order.
fn caller(addr: SocketAddr, number: u64, stop: Arc<AtomicBool>) -> JoinHandle<io::Result<BTreeMap<u16, u64>>> {
    std::thread::Builder::new()
        .stack_size(128 << 10)
        .spawn(move || {
            let mut statuses = BTreeMap::new();
            let mut stream = TcpStream::connect(addr)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            for turn in 0.. {
                let asked = number * 1_000_000 + turn;
                let body = asked.to_string();
                let head = format!(
                    "POST /predict HTTP/1.1\r\nhost: x\r\nx-request-timeout-ms: 2000\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all((head + &body).as_bytes())?;
                let (status, closes, answer) = receive(&mut stream)?;
                assert!(status != 200 || answer == body, "{asked} got {answer}");
                *statuses.entry(status).or_default() += 1;
                if closes {
                    // Nothing more comes, and it is no reset.
                    assert_eq!(stream.read(&mut [0; 1])?, 0);
                    break;
                }
                if stop.load(SeqCst) {
                    break;
                }
                // Who is turned away comes again a little later, as a hurried client would.
                if status == 429 {
                    std::thread::park_timeout(Duration::from_millis(50));
                }
            }
            Ok(statuses)
        })
        .unwrap()
}

fn receive(stream: &mut TcpStream) -> io::Result<(u16, bool, String)> {
    let (mut seen, mut part) = (Vec::new(), [0; 2048]);
    loop {
        if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&seen[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if seen.len() >= end + 4 + length {
                let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
                let body = String::from_utf8_lossy(&seen[end + 4..end + 4 + length]).into_owned();
                return Ok((status, head.contains("connection: close"), body));
            }
        }
        match stream.read(&mut part)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => seen.extend_from_slice(&part[..read]),
        }
    }
}

fn sum(callers: Vec<JoinHandle<io::Result<BTreeMap<u16, u64>>>>) -> BTreeMap<u16, u64> {
    let mut all = BTreeMap::new();
    for caller in callers {
        let statuses = caller.join().unwrap().unwrap_or_else(|error| panic!("a transport error: {error}"));
        statuses.into_iter().for_each(|(status, count)| *all.entry(status).or_default() += count);
    }
    all
}

#[test]
fn two_hundred_callers_beside_a_backlog_are_answered_and_a_stop_resets_none_of_them() {
    // Two batches of at most 16 every 40 ms: some 800 records a second.
    let behaviour = Behaviour { delay_of: Box::new(|_| Duration::from_millis(40)), reply: Box::new(own_number) };
    let stage = Stage::new("ingress", 4, behaviour);
    let ingress = free_addr();
    let addr = ingress.to_string();
    let flags = [
        ("INGRESS_ADDR", addr.as_str()),
        ("QUEUE_MAXSIZE", "128"),
        ("BATCH_SIZE", "16"),
        ("QUEUE_WORKERS", "2"),
        ("ADAPTIVE", "off"),
    ];
    let sidecar = stage.sidecar("only", &flags);
    stage.fill(30_000);
    stage.await_delivered(100, Duration::from_secs(60));

    let of_kafka =
        || stage.worker.books().succeeded.iter().filter(|((_, n), _)| *n >= 0).map(|(_, s)| s.len()).sum::<usize>();
    let (before, start, stop) = (of_kafka(), Instant::now(), Arc::new(AtomicBool::new(false)));
    let callers: Vec<_> = (0..CALLERS).map(|number| caller(ingress, number, Arc::clone(&stop))).collect();
    std::thread::park_timeout(Duration::from_secs(15));
    let (kafka, took) = (of_kafka() - before, start.elapsed().as_secs_f64());
    stop.store(true, SeqCst);
    let statuses = sum(callers);
    let count = |status: u16| statuses.get(&status).copied().unwrap_or(0);
    let share = 100.0 * kafka as f64 / (kafka as f64 + count(200) as f64);
    println!(
        "{CALLERS} callers for {took:.0} s beside a backlog: {} of Kafka ({share:.0} %), HTTP {statuses:?}",
        kafka
    );
    assert!(statuses.keys().all(|status| [200, 429, 504].contains(status)), "{statuses:?}");
    assert!(count(200) > 1000 && count(429) > 0, "{statuses:?}");
    assert!((35.0..=65.0).contains(&share), "half of it is Kafka's, {share:.0} % it got");
    let peak = sidecar.metric("sluicegate_queue_records_max").unwrap();
    assert!(peak <= 128.0, "depth reached {peak}");
    assert_eq!(sidecar.metric("sluicegate_invariant_violations_total").unwrap(), 0.0);

    let again = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..CALLERS).map(|number| caller(ingress, number, Arc::clone(&again))).collect();
    let served = sidecar.metric(r#"sluicegate_requests_total{outcome="done"}"#).unwrap();
    crate::sidecar::eventually("callers are served", Duration::from_secs(30), || {
        let now = sidecar.metric(r#"sluicegate_requests_total{outcome="done"}"#)?;
        (now > served + 300.0).then_some(())
    });
    let (status, took) = sidecar.stop();
    let statuses = sum(callers);
    println!("SIGTERM under {CALLERS} callers: exit {:?} after {took:?}, HTTP {statuses:?}, no reset", status.code());
    assert!(statuses.keys().all(|status| [200, 429, 503, 504].contains(status)), "{statuses:?}");
    assert!(statuses.contains_key(&503), "{statuses:?}");
    assert_eq!(status.code(), Some(0));
    let committed: i64 = stage.committed().iter().sum();
    assert_eq!(committed as usize, of_kafka(), "what was delivered is committed");
}
