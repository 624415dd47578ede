//! The worker adapter over real sockets: every row of the answer table, and everything a connection can do wrong.

mod support;

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

// === The table ===

#[tokio::test]
async fn every_status_is_answered_by_its_row_of_the_table() {
    let status = Arc::new(AtomicI64::new(0));
    let shared = status.clone();
    let server = ScriptedWorker::start(move |_| answer(shared.load(SeqCst) as u16, "", "said so")).await;
    let worker = worker_at(server.port);
    for code in (300..=999_u16).filter(|code| *code != 304) {
        status.store(i64::from(code), SeqCst);
        let settled = call(&worker, batch(2)).await;
        let expected = match code {
            425 | 429 | 503 => Answer::Busy { retry_after: None },
            502 | 504 => Answer::Away,
            408 | 409 | 500..=599 => Answer::Failed,
            400 | 415 | 422 | 424 => Answer::Refused,
            413 => Answer::TooLarge,
            _ => Answer::Misconfigured,
        };
        assert_eq!((settled.answer.clone(), settled.status), (expected, Some(code)));
        assert!(detail(&settled).contains("said so"), "{code}: {}", detail(&settled));
    }
    assert_eq!(server.connections(), 1, "every answer leaves the connection usable");
}

#[tokio::test]
async fn a_2xx_with_nothing_or_null_means_that_all_succeeded() {
    for body in ["", "null", " null\n", "\r\n"] {
        for status in [200, 201, 202, 204, 299] {
            if status == 204 && !body.is_empty() {
                continue;
            }
            let server = ScriptedWorker::start(move |_| answer(status, "", body)).await;
            let settled = call(&worker_at(server.port), batch(3)).await;
            assert_eq!((settled.answer, settled.status, settled.detail), (Answer::Done, Some(status), None));
        }
    }
}

#[tokio::test]
async fn a_2xx_with_statuses_gives_each_record_its_own_verdict() {
    let body = r#"{"statuses":[{"entryId":"orders-0-2","status":"DROP","result":{"why":[1]}},
        {"entryId":"orders-0-0","status":"SUCCESS"},{"entryId":"nobody","status":"SUCCESS"},
        {"entryId":"orders-0-3","status":"ok"},{"entryId":"orders-0-4","status":"SUCCESS"},
        {"entryId":"orders-0-4","status":"RETRY"}]}"#;
    let server = ScriptedWorker::start(move |_| answer(200, "", body)).await;
    let settled = call(&worker_at(server.port), batch(5)).await;
    use Verdict::{Drop, Retry, Success};
    assert_eq!(settled.answer, Answer::Each(vec![Success, Retry, Drop, Retry, Retry]));
    for part in [
        "1 entries without a status",
        "1 statuses for an entryId that was not sent (\"nobody\")",
        "1 statuses that are not SUCCESS, RETRY or DROP (\"ok\")",
        "1 repeated statuses",
        "\"why\"",
    ] {
        assert!(detail(&settled).contains(part), "{part}: {}", detail(&settled));
    }
}

#[tokio::test]
async fn a_2xx_with_any_other_body_is_a_configuration_fault_with_an_example() {
    for body in ["ok", "{}", "[]", "1", "{\"statuses\":{}}", "{\"status\":\"SUCCESS\"}", "<html>", "null null"] {
        let server = ScriptedWorker::start(move |_| answer(200, "", body)).await;
        let settled = call(&worker_at(server.port), batch(1)).await;
        assert_eq!((settled.answer.clone(), settled.status), (Answer::Misconfigured, Some(200)));
        let example = r#"{"statuses":[{"entryId":"orders-0-42","status":"SUCCESS"}]}"#;
        assert!(detail(&settled).contains(example) && detail(&settled).ends_with(body), "{}", detail(&settled));
    }
}

#[tokio::test]
async fn a_compressed_answer_is_a_configuration_fault_and_none_is_asked_for() {
    let server = ScriptedWorker::start(|_| answer(200, "content-encoding: gzip\r\n", "\u{1f}\u{8b}")).await;
    let settled = call(&worker_at(server.port), batch(1)).await;
    assert_eq!(settled.answer, Answer::Misconfigured);
    assert!(detail(&settled).contains("gzip"));
    assert!(server.seen()[0].header("accept-encoding").is_empty());
    let plain = ScriptedWorker::start(|_| answer(200, "content-encoding: identity\r\n", "null")).await;
    assert_eq!(call(&worker_at(plain.port), batch(1)).await.answer, Answer::Done);
}

#[tokio::test]
async fn retry_after_is_read_as_seconds_or_as_a_date() {
    let wall = UnixMillis(784_111_777_000); // Sun, 06 Nov 1994 08:49:37 GMT
    for (value, expected) in [
        ("7", Some(Duration::from_secs(7))),
        ("0", Some(Duration::ZERO)),
        ("99999999999999999999999", Some(Duration::from_secs(u64::MAX))),
        ("Sun, 06 Nov 1994 08:50:07 GMT", Some(Duration::from_secs(30))),
        ("Sun, 06 Nov 1994 08:00:00 GMT", Some(Duration::ZERO)),
        ("soon", None),
        ("-1", None),
        ("", None),
    ] {
        for status in [429, 503, 425] {
            let server = ScriptedWorker::start(move |_| answer(status, &format!("retry-after: {value}\r\n"), "")).await;
            let worker = HttpWorker::with_wall_clock(&settings(tcp(server.port)), Arc::new(move || wall)).unwrap();
            let settled = call(&worker, batch(1)).await;
            assert_eq!(settled.answer, Answer::Busy { retry_after: expected }, "{value}");
        }
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = ScriptedWorker::start(|_| ok()).await;
    let port = elsewhere.port;
    for status in [301, 302, 303, 307, 308] {
        let server =
            ScriptedWorker::start(move |_| answer(status, &format!("location: http://127.0.0.1:{port}/\r\n"), ""))
                .await;
        let settled = call(&worker_at(server.port), batch(1)).await;
        assert_eq!(settled.answer, Answer::Misconfigured);
        assert!(detail(&settled).contains("redirects are not followed"));
        assert_eq!(server.requests(), 1);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let server = ScriptedWorker::start(|_| {
        Act::Reply(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec())
    })
    .await;
    assert_eq!(call(&worker_at(server.port), batch(1)).await.answer, Answer::Done);
}

#[tokio::test]
async fn a_switch_of_protocols_is_a_configuration_fault() {
    let server = ScriptedWorker::start(|_| {
        Act::Reply(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n".to_vec())
    })
    .await;
    assert_eq!(call(&worker_at(server.port), batch(1)).await.answer, Answer::Misconfigured);
}

#[tokio::test]
async fn what_is_not_http_is_a_configuration_fault() {
    for bytes in [
        &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"-ERR unknown command\r\n",
        b"HTTP/2 200\r\n\r\n",
    ] {
        let server = ScriptedWorker::start(move |_| Act::ReplyAndClose(bytes.to_vec())).await;
        let settled = call(&worker_at(server.port), batch(1)).await;
        assert_eq!((settled.answer.clone(), settled.status), (Answer::Misconfigured, None), "{}", detail(&settled));
        assert!(detail(&settled).contains("does not speak HTTP/1.1"));
    }
}

#[tokio::test]
async fn nobody_listening_is_away() {
    let mut server = ScriptedWorker::start(|_| ok()).await;
    server.stop_listening().await;
    let settled = call(&worker_at(server.port), batch(1)).await;
    assert_eq!((settled.answer.clone(), settled.status, settled.took), (Answer::Away, None, Duration::ZERO));
    assert!(detail(&settled).contains("refused"), "{}", detail(&settled));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_away() {
    let target = Target::Tcp { host: "worker.invalid".into(), port: 80, path: "/".into() };
    let settled = call(&HttpWorker::new(&settings(target)).unwrap(), batch(1)).await;
    assert_eq!(settled.answer, Answer::Away);
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::Unix { socket: dir.path().join("none.sock"), path: "/".into() };
    assert_eq!(call(&HttpWorker::new(&settings(target)).unwrap(), batch(1)).await.answer, Answer::Away);
}

/// A listener whose accept queue is full: the system lets further connects hang.
async fn full_listener() -> (tokio::net::TcpListener, Vec<tokio::net::TcpStream>, u16) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await
    {
        waiting.push(stream.unwrap());
    }
    (listener, waiting, address.port())
}

#[tokio::test]
async fn a_connect_that_hangs_is_away_within_the_connect_timeout_and_within_the_batch_timeout() {
    let (_listener, _waiting, port) = full_listener().await;
    let mut short_connect = settings(tcp(port));
    short_connect.connect_timeout = Duration::from_millis(50);
    let start = Instant::now();
    let settled = call(&HttpWorker::new(&short_connect).unwrap(), batch(1)).await;
    assert_eq!((settled.answer, settled.took), (Answer::Away, Duration::ZERO));
    assert!(start.elapsed() < Duration::from_secs(1));

    let mut hurried = batch(1);
    hurried.timeout = Duration::from_millis(50);
    assert_eq!(call(&worker_at(port), hurried).await.answer, Answer::Away);
}

// === Time ===

#[tokio::test]
async fn no_answer_in_time_is_a_failure_and_closes_the_connection() {
    let server = ScriptedWorker::start(|_| Act::Hang).await;
    let mut hurried = batch(1);
    hurried.timeout = Duration::from_millis(80);
    let settled = call(&worker_at(server.port), hurried).await;
    assert_eq!((settled.answer, settled.status), (Answer::Failed, None));
    assert!(settled.took >= Duration::from_millis(70), "{:?}", settled.took);
    tokio::time::timeout(LONG, server.ended(1)).await.expect("the worker is told that nobody waits any more");
}

#[tokio::test]
async fn a_body_that_drips_is_cut_by_the_timeout() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec();
    let server = ScriptedWorker::start(move |_| Act::Drip(head.clone(), Duration::from_millis(5))).await;
    let mut hurried = batch(1);
    hurried.timeout = Duration::from_millis(120);
    let settled = call(&worker_at(server.port), hurried).await;
    assert_eq!((settled.answer, settled.status), (Answer::Failed, Some(200)));
}

#[tokio::test]
async fn a_refusal_whose_body_drips_is_still_that_refusal() {
    let head = b"HTTP/1.1 503 Busy\r\nretry-after: 3\r\ncontent-length: 1000\r\n\r\n".to_vec();
    let server = ScriptedWorker::start(move |_| Act::Drip(head.clone(), Duration::from_millis(5))).await;
    let mut hurried = batch(1);
    hurried.timeout = Duration::from_millis(120);
    let settled = call(&worker_at(server.port), hurried).await;
    assert_eq!(settled.answer, Answer::Busy { retry_after: Some(Duration::from_secs(3)) });
}

/// A wall clock that reads from a list, the last value for ever.
fn clock(readings: &'static [i64]) -> Arc<dyn Fn() -> UnixMillis + Send + Sync> {
    let next = AtomicUsize::new(0);
    Arc::new(move || UnixMillis(readings[next.fetch_add(1, SeqCst).min(readings.len() - 1)]))
}

#[tokio::test]
async fn a_batch_past_its_not_after_is_not_sent_and_not_even_connected_for() {
    let server = ScriptedWorker::start(|_| ok()).await;
    let worker = HttpWorker::with_wall_clock(&settings(tcp(server.port)), clock(&[1001])).unwrap();
    let mut late = batch(1);
    late.not_after = Some(UnixMillis(1000));
    let settled = call(&worker, late).await;
    assert_eq!((settled.answer, settled.took, settled.status), (Answer::NotSent, Duration::ZERO, None));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_batch_exactly_at_its_not_after_is_still_sent() {
    let server = ScriptedWorker::start(|_| ok()).await;
    let worker = HttpWorker::with_wall_clock(&settings(tcp(server.port)), clock(&[1000])).unwrap();
    let mut just = batch(1);
    just.not_after = Some(UnixMillis(1000));
    assert_eq!(call(&worker, just).await.answer, Answer::Done);
    assert_eq!(server.seen()[0].header("x-sluicegate-remaining-ms"), ["0"]);
}

#[tokio::test]
async fn a_batch_that_expires_while_connecting_is_not_sent() {
    let server = ScriptedWorker::start(|_| ok()).await;
    let worker = HttpWorker::with_wall_clock(&settings(tcp(server.port)), clock(&[900, 1001])).unwrap();
    let mut late = batch(1);
    late.not_after = Some(UnixMillis(1000));
    let settled = call(&worker, late).await;
    assert_eq!((settled.answer, settled.took), (Answer::NotSent, Duration::ZERO));
    tokio::time::timeout(LONG, server.accepted(1)).await.unwrap();
    // The connection made for nothing serves the next batch.
    assert_eq!(call(&worker, batch(1)).await.answer, Answer::Done);
    assert_eq!((server.requests(), server.connections()), (1, 1));
}

#[tokio::test]
async fn a_batch_that_expires_before_the_second_send_is_not_sent_again() {
    let server = ScriptedWorker::start(|seen| if seen.nth == 0 { ok() } else { Act::Close }).await;
    // Readings for the second call: at the start, before the first send, for its header, before the second send.
    let worker = HttpWorker::with_wall_clock(&settings(tcp(server.port)), clock(&[0, 900, 900, 900, 1001])).unwrap();
    assert_eq!(call(&worker, batch(1)).await.answer, Answer::Done);
    let mut late = batch(1);
    late.not_after = Some(UnixMillis(1000));
    assert_eq!(call(&worker, late).await.answer, Answer::NotSent);
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn the_request_says_how_long_the_worker_has() {
    let server = ScriptedWorker::start(|_| ok()).await;
    let worker = HttpWorker::with_wall_clock(&settings(tcp(server.port)), clock(&[1000])).unwrap();
    let mut with_deadline = batch(1);
    with_deadline.not_after = Some(UnixMillis(1750));
    call(&worker, with_deadline).await;
    let mut with_timeout = batch(1);
    (with_timeout.not_after, with_timeout.timeout) = (Some(UnixMillis(1_000_000)), Duration::from_secs(3));
    call(&worker, with_timeout).await;
    let said: Vec<u64> =
        server.seen().iter().map(|seen| seen.header("x-sluicegate-remaining-ms")[0].parse().unwrap()).collect();
    assert_eq!(said[0], 750);
    assert!((2900..=3000).contains(&said[1]), "{said:?}");
}

// === Connections ===

#[tokio::test]
async fn calls_one_after_another_share_one_connection() {
    let server = ScriptedWorker::start(|_| answer(200, "", "null")).await;
    let worker = worker_at(server.port);
    for _ in 0..50 {
        assert_eq!(call(&worker, batch(2)).await.answer, Answer::Done);
    }
    assert_eq!((server.requests(), server.connections()), (50, 1));
}

#[tokio::test]
async fn calls_at_the_same_time_have_a_connection_each_and_keep_them() {
    let server = ScriptedWorker::start(|_| ok()).await;
    let worker = worker_at(server.port);
    for _ in 0..20 {
        let calls: Vec<_> = (0..8).map(|_| tokio::spawn(worker.call(batch(1)))).collect();
        for call in calls {
            assert_eq!(call.await.unwrap().answer, Answer::Done);
        }
    }
    assert_eq!(server.requests(), 160);
    assert!(server.connections() <= 8, "{}", server.connections());
}

#[tokio::test]
async fn an_answer_that_says_close_is_not_followed_by_another_request_on_that_connection() {
    for reply in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnull"[..],
        b"HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nnull",
        b"HTTP/1.1 200 OK\r\n\r\nnull",
    ] {
        let server = ScriptedWorker::start(move |_| Act::ReplyAndClose(reply.to_vec())).await;
        let worker = worker_at(server.port);
        for _ in 0..3 {
            assert_eq!(call(&worker, batch(1)).await.answer, Answer::Done);
        }
        assert_eq!((server.requests(), server.connections()), (3, 3));
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_by_us_without_another_call() {
    let server = ScriptedWorker::start(|_| ok()).await;
    let mut brief = settings(tcp(server.port));
    brief.pool_idle = Duration::from_millis(30);
    let worker = HttpWorker::new(&brief).unwrap();
    for round in 1..=2 {
        call(&worker, batch(1)).await;
        tokio::time::timeout(LONG, server.ended(round)).await.expect("the connection is closed");
    }
}

#[tokio::test]
async fn no_idle_time_means_no_connection_is_kept() {
    let server = ScriptedWorker::start(|_| ok()).await;
    let mut none = settings(tcp(server.port));
    none.pool_idle = Duration::ZERO;
    let worker = HttpWorker::new(&none).unwrap();
    for _ in 0..3 {
        assert_eq!(call(&worker, batch(1)).await.answer, Answer::Done);
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_kept_connection_that_dies_before_any_byte_of_the_answer_is_replaced_once() {
    for end in [Act::Close, Act::Reset] {
        let server = ScriptedWorker::start(move |seen| if seen.nth == 0 { ok() } else { end.clone() }).await;
        let worker = worker_at(server.port);
        assert_eq!(call(&worker, batch(1)).await.answer, Answer::Done);
        let settled = call(&worker, batch(1)).await;
        assert_eq!((settled.answer, settled.status), (Answer::Done, Some(200)));
        let seen = server.seen();
        assert_eq!(seen.iter().map(|s| (s.connection, s.nth)).collect::<Vec<_>>(), [(0, 0), (0, 1), (1, 0)]);
        assert_eq!(seen[1].body, seen[2].body);
        assert_eq!(seen[1].header("x-sluicegate-batch-id"), seen[2].header("x-sluicegate-batch-id"));
    }
}

#[tokio::test]
async fn a_new_connection_that_dies_is_a_failure_at_once() {
    for end in [Act::Close, Act::Reset] {
        let server = ScriptedWorker::start(move |_| end.clone()).await;
        let settled = call(&worker_at(server.port), batch(1)).await;
        assert_eq!((settled.answer, settled.status), (Answer::Failed, None));
        assert_eq!((server.requests(), server.connections()), (1, 1));
    }
}

#[tokio::test]
async fn a_request_is_sent_twice_at_most() {
    let server =
        ScriptedWorker::start(|seen| if (seen.connection, seen.nth) == (0, 0) { ok() } else { Act::Close }).await;
    let worker = worker_at(server.port);
    call(&worker, batch(1)).await;
    assert_eq!(call(&worker, batch(1)).await.answer, Answer::Failed);
    assert_eq!((server.requests(), server.connections()), (3, 2));
}

#[tokio::test]
async fn a_kept_connection_that_dies_in_the_middle_of_the_answer_is_a_failure_and_not_replaced() {
    for part in ["H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nnul"] {
        let server =
            ScriptedWorker::start(
                move |seen| {
                    if seen.nth == 0 { ok() } else { Act::ReplyAndClose(part.as_bytes().to_vec()) }
                },
            )
            .await;
        let worker = worker_at(server.port);
        call(&worker, batch(1)).await;
        assert_eq!(call(&worker, batch(1)).await.answer, Answer::Failed, "{part}");
        assert_eq!(server.requests(), 2);
    }
}

#[tokio::test]
async fn a_worker_that_takes_a_request_and_is_gone_counts_as_a_failure_not_as_away() {
    let mut server = ScriptedWorker::start(|seen| if seen.nth == 0 { ok() } else { Act::Close }).await;
    let worker = worker_at(server.port);
    call(&worker, batch(1)).await;
    server.stop_listening().await;
    let settled = call(&worker, batch(1)).await;
    assert_eq!(settled.answer, Answer::Failed);
    assert!(detail(&settled).contains("refused"), "{}", detail(&settled));
}

#[tokio::test]
async fn half_an_answer_is_a_failure() {
    for (part, status) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"statuses\"", Some(200)),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nnull\r\n", Some(200)),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", Some(200)),
        ("HTTP/1.1 200 OK\r\ncontent-le", None),
    ] {
        let server = ScriptedWorker::start(move |_| Act::ReplyAndClose(part.as_bytes().to_vec())).await;
        let settled = call(&worker_at(server.port), batch(1)).await;
        assert_eq!((settled.answer, settled.status), (Answer::Failed, status), "{part}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_at_the_cap() {
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).into_bytes();
    for (head, more) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n", vec![b'x'; 0x10000]),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunk),
        ("HTTP/1.1 200 OK\r\n\r\n", vec![b'x'; 0x10000]),
    ] {
        let server = ScriptedWorker::start(move |_| Act::Flood(head.as_bytes().to_vec(), more.clone())).await;
        let settled = call(&worker_at(server.port), batch(1)).await;
        assert_eq!((settled.answer.clone(), settled.status), (Answer::Failed, Some(200)));
        assert!(detail(&settled).contains("longer than 1048576 bytes"), "{}", detail(&settled));
        tokio::time::timeout(LONG, server.ended(1)).await.expect("the worker is hung up on");
        // What was taken, and what the sockets' buffers hold.
        assert!(server.written() < 32 << 20, "{}", server.written());
    }
}

#[tokio::test]
async fn an_endless_head_is_cut_too() {
    let server = ScriptedWorker::start(|_| {
        Act::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), format!("x-more: {}\r\n", "y".repeat(1000)).into_bytes())
    })
    .await;
    assert_eq!(call(&worker_at(server.port), batch(1)).await.answer, Answer::Misconfigured);
    tokio::time::timeout(LONG, server.ended(1)).await.expect("the worker is hung up on");
}

#[tokio::test]
async fn a_refusal_with_an_endless_body_is_still_that_refusal() {
    let server = ScriptedWorker::start(|_| {
        Act::Flood(b"HTTP/1.1 422 No\r\ncontent-length: 1073741824\r\n\r\n".to_vec(), vec![b'x'; 0x10000])
    })
    .await;
    assert_eq!(call(&worker_at(server.port), batch(1)).await.answer, Answer::Refused);
}

#[tokio::test]
async fn a_worker_that_closes_idle_connections_under_us_loses_nothing() {
    // The worker closes after 3 ms, the calls come every 1.8 to 4 ms, and we would keep connections for much longer:
    // many requests cross a close on the wire.
    let server = ScriptedWorker::start_closing_idle(Some(Duration::from_millis(3)), |_| ok()).await;
    let worker = worker_at(server.port);
    let mut every = fastrand::Rng::with_seed(7);
    for n in 0..500 {
        let settled = call(&worker, batch(1)).await;
        assert_eq!(settled.answer, Answer::Done, "call {n}: {}", detail(&settled));
        tokio::time::sleep(Duration::from_micros(every.u64(1800..4000))).await;
    }
    assert!(server.connections() > 50, "the race was run: {}", server.connections());
}

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_connection() {
    let server = ScriptedWorker::start(|_| Act::Hang).await;
    let calling = tokio::spawn(worker_at(server.port).call(batch(1)));
    tokio::time::timeout(LONG, server.accepted(1)).await.unwrap();
    calling.abort();
    tokio::time::timeout(LONG, server.ended(1)).await.expect("the connection is closed");
}

#[tokio::test]
async fn a_unix_socket_works_like_a_port() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("worker.sock");
    let server = ScriptedWorker::start_unix(&socket, |_| answer(200, "", "null")).await;
    let worker = HttpWorker::new(&settings(Target::Unix { socket, path: "/infer".into() })).unwrap();
    for _ in 0..3 {
        assert_eq!(call(&worker, batch(2)).await.answer, Answer::Done);
    }
    assert_eq!(server.connections(), 1);
    assert!(server.seen()[0].head.starts_with("POST /infer HTTP/1.1\r\n"));
    assert_eq!(server.seen()[0].header("host"), ["localhost"]);
}

#[tokio::test]
async fn an_answer_before_the_request_was_read_ends_that_connection_only() {
    // 8 MiB do not fit into the sockets' buffers, so the answer comes while the request is still being written.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut start = [0; 1024];
        let _ = stream.read(&mut start).await.unwrap();
        stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig").await.unwrap();
        // Drains what still comes, as careful servers do, and sees the connection closed.
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        let (_second, _) = listener.accept().await.unwrap();
    });
    let worker = worker_at(port);
    let value = format!("\"{}\"", "x".repeat(8 << 20));
    let settled = call(&worker, batch_of([Payload::new(None, Some(value.as_bytes()))])).await;
    assert_eq!((settled.answer.clone(), settled.status), (Answer::TooLarge, Some(413)), "{}", detail(&settled));
    let mut next = batch(1);
    next.timeout = Duration::from_millis(200);
    call(&worker, next).await;
    tokio::time::timeout(LONG, serving).await.expect("a second connection is made").unwrap();
}

// === The request ===

#[tokio::test]
async fn the_request_has_exactly_the_headers_it_should_whatever_is_in_the_records() {
    let server = ScriptedWorker::start(|_| ok()).await;
    let nasty = b"\r\nx-evil: 1\r\n\r\nGET / HTTP/1.1\r\n\x00\xff";
    let mut payload = PayloadBuilder::with_capacity(Some(nasty), Some(nasty), 0);
    payload.header(nasty, Some(nasty));
    payload.header(b"host", Some(b"evil"));
    payload.header(b"content-length", Some(b"3"));
    payload.header(b"transfer-encoding", Some(b"chunked"));
    let settled = call(&worker_at(server.port), batch_of([payload.finish()])).await;
    assert_eq!(settled.answer, Answer::Done);
    assert_eq!(server.requests(), 1);
    let seen = &server.seen()[0];
    let mut lines: Vec<_> = seen.head.trim_end().lines().collect();
    assert_eq!(lines.remove(0), "POST /infer?v=1 HTTP/1.1");
    let mut names: Vec<_> = lines.iter().map(|line| line.split_once(':').unwrap().0).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["content-length", "content-type", "host", "user-agent", "x-sluicegate-batch-id", "x-sluicegate-remaining-ms"]
    );
    assert_eq!(seen.header("content-type"), ["application/json"]);
    assert_eq!(seen.header("host"), [format!("127.0.0.1:{}", server.port)]);
    assert_eq!(seen.json()["id"], seen.header("x-sluicegate-batch-id")[0]);
    assert_eq!(seen.json()["entries"][0]["entryId"], "orders-0-0");
}

#[tokio::test]
async fn with_format_json_what_does_not_parse_is_undecodable_and_the_rest_is_sent() {
    let server = ScriptedWorker::start(|_| ok()).await;
    let mut json_only = settings(tcp(server.port));
    json_only.value_format = ValueFormat::Json;
    let worker = HttpWorker::new(&json_only).unwrap();
    let values: [&[u8]; 3] = [b"1", b"{", b"2"];
    let payloads = |values: &[&[u8]]| batch_of(values.iter().map(|v| Payload::new(None, Some(v))).collect::<Vec<_>>());
    let settled = call(&worker, payloads(&values)).await;
    use Verdict::{Success, Undecodable};
    assert_eq!(settled.answer, Answer::Each(vec![Success, Undecodable, Success]));
    assert!(detail(&settled).contains("1 not sent: the value is not valid JSON"), "{}", detail(&settled));
    assert_eq!(server.seen()[0].json()["entries"].as_array().unwrap().len(), 2);

    let settled = call(&worker, payloads(&[b"{", b""])).await;
    assert_eq!(settled.answer, Answer::Each(vec![Undecodable, Undecodable]));
    assert_eq!((settled.status, settled.took, server.requests()), (None, Duration::ZERO, 1), "nothing is sent");
}

#[test]
fn proxies_in_the_environment_are_ignored() {
    const CHILD: &str = "SLUICEGATE_TEST_PROXIED";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if std::env::var_os(CHILD).is_some() {
        runtime.block_on(async {
            let server = ScriptedWorker::start(|_| ok()).await;
            assert_eq!(call(&worker_at(server.port), batch(1)).await.answer, Answer::Done);
        });
        return;
    }
    // The environment of this process is shared with other tests, so the call is made in one of its own.
    runtime.block_on(async {
        let proxy = ScriptedWorker::start(|_| ok()).await;
        let address = format!("http://127.0.0.1:{}", proxy.port);
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "proxies_in_the_environment_are_ignored"]).env(CHILD, "1");
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            child.env(name, &address);
        }
        let done = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
        assert_eq!(proxy.connections(), 0);
    });
}

// === Anything at all ===

mod anything {
    use super::*;
    use proptest::prelude::*;

    fn scraps() -> impl Strategy<Value = Vec<u8>> {
        let scrap = prop::sample::select(vec![
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 503 \r\n",
            "HTTP/1.0 ",
            "content-length: 5\r\n",
            "content-length: -1\r\n",
            "content-length: 99999999999999999999\r\n",
            "transfer-encoding: chunked\r\n",
            "connection: close\r\n",
            "retry-after: 1\r\n",
            "content-encoding: \u{ff}\r\n",
            "\r\n",
            "\r\n\r\n",
            "5\r\n",
            "0\r\n\r\n",
            "null",
            "{\"statuses\":[",
            "{\"entryId\":\"orders-0-0\",",
            "\"status\":\"SUCCESS\"}",
            "]}",
            "\0",
            "HTTP/1.1 100 \r\n\r\n",
        ]);
        prop::collection::vec(scrap, 0..12).prop_map(|scraps| scraps.concat().into_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn no_answer_makes_it_panic_or_hang(
            bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), scraps()],
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = ScriptedWorker::start(move |_| Act::ReplyAndClose(bytes.clone())).await;
                let worker = worker_at(server.port);
                for _ in 0..2 {
                    let settled = call(&worker, batch(2)).await;
                    if let Answer::Each(verdicts) = settled.answer {
                        assert_eq!(verdicts.len(), 2);
                    }
                }
            });
        }
    }
}
