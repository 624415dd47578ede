//! Every row of the answer table, as it comes over the wire.

use crate::*;

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
