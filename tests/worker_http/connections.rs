//! What a connection can do wrong, and which of it is mended.

use crate::*;

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
async fn a_worker_that_closed_an_idle_connection_and_is_gone_is_away() {
    let mut server = ScriptedWorker::start_closing_idle(Some(Duration::from_millis(5)), |_| ok()).await;
    let worker = worker_at(server.port);
    call(&worker, batch(1)).await;
    tokio::time::timeout(LONG, server.ended(1)).await.unwrap();
    server.stop_listening().await;
    // A yield is over once the runtime has looked at its sockets, and so has seen the close.
    tokio::task::yield_now().await;
    let settled = call(&worker, batch(1)).await;
    assert_eq!((settled.answer, server.requests()), (Answer::Away, 1));
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
