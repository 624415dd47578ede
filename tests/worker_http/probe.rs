//! Waiting for the worker before the group is joined.

use sluicegate::worker::probe::{Late, Probe, Step};

use crate::*;

fn probe(change: impl FnOnce(&mut WorkerSettings), port: u16) -> Probe {
    let mut settings = settings(tcp(port));
    change(&mut settings);
    Probe::new(&settings).unwrap()
}

fn health(port: u16) -> Option<Target> {
    Some(Target::Tcp { host: "127.0.0.1".into(), port, path: "/health".into() })
}

async fn wait(probe: &Probe) -> Vec<Late> {
    let mut late = Vec::new();
    tokio::time::timeout(LONG, probe.wait(|report| late.push(report.clone()))).await.expect("the worker is ready");
    late
}

#[tokio::test]
async fn without_a_health_url_a_connection_is_enough() {
    let mut server = ScriptedWorker::start(|_| ok()).await;
    assert_eq!(probe(|_| {}, server.port).ready().await, Ok(()));
    server.stop_listening().await;
    let error = probe(|_| {}, server.port).ready().await.unwrap_err();
    assert!(error.contains("refused") && error.contains(&format!("127.0.0.1:{}", server.port)), "{error}");
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn a_unix_socket_is_enough_once_somebody_listens_on_it() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("worker.sock");
    let probe = Probe::new(&settings(Target::Unix { socket: socket.clone(), path: "/".into() })).unwrap();
    assert!(probe.ready().await.unwrap_err().contains("worker.sock"));
    let _server = ScriptedWorker::start_unix(&socket, |_| ok()).await;
    assert_eq!(probe.ready().await, Ok(()));
}

#[tokio::test]
async fn a_unix_socket_with_a_full_queue_is_waited_for_as_a_port_would_be() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("worker.sock");
    let socket = tokio::net::UnixSocket::new_stream().unwrap();
    socket.bind(&path).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut queued = Vec::new();
    let refused = loop {
        match tokio::net::UnixStream::connect(&path).await {
            Ok(stream) => queued.push(stream),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock, "with {} in the queue", queued.len());
    let probe = |connect_timeout| {
        let target = Target::Unix { socket: path.clone(), path: "/".into() };
        Probe::new(&WorkerSettings { connect_timeout, ..settings(target) }).unwrap()
    };
    let error = probe(Duration::from_millis(30)).ready().await.unwrap_err();
    assert!(error.contains("no answer within 30 ms"), "{error}");
    // The first attempt is made before the first connection is taken out of the queue.
    let probe = probe(LONG);
    let (ready, _) = tokio::join!(biased; probe.ready(), listener.accept());
    assert_eq!(ready, Ok(()));
}

#[tokio::test]
async fn of_a_health_url_only_a_2xx_counts() {
    for (status, good) in [(200, true), (204, true), (299, true), (302, false), (404, false), (503, false)] {
        let server = ScriptedWorker::start(move |_| answer(status, "", "loading\r\n")).await;
        let result = probe(|s| s.health = health(server.port), server.port).ready().await;
        assert_eq!(result.is_ok(), good, "{status}: {result:?}");
        if let Err(error) = result {
            assert!(error.contains(&status.to_string()) && error.contains("/health") && error.contains("loading"));
        }
        assert!(server.seen()[0].head.starts_with("GET /health HTTP/1.1\r\n"));
    }
}

#[tokio::test]
async fn a_worker_that_answers_late_is_waited_for_and_said_to_be_late() {
    let asked = Arc::new(AtomicUsize::new(0));
    let shared = asked.clone();
    let server = ScriptedWorker::start(move |_| match shared.fetch_add(1, SeqCst) {
        0..4 => answer(503, "", "loading"),
        _ => ok(),
    })
    .await;
    let late = wait(&probe(
        |s| {
            s.health = health(server.port);
            s.model_wait_timeout = Duration::from_millis(100);
        },
        server.port,
    ))
    .await;
    assert_eq!((late.len(), late[0].step, server.requests()), (1, Step::Ready, 5));
    assert!(late[0].waited >= Duration::from_millis(100) && late[0].error.contains("loading"), "{late:?}");
}

#[tokio::test]
async fn a_health_check_that_hangs_does_not_keep_the_report_back() {
    let server = ScriptedWorker::start(|_| Act::Hang).await;
    let probe = probe(
        |s| {
            s.health = health(server.port);
            s.model_wait_timeout = Duration::from_millis(50);
        },
        server.port,
    );
    let (told, mut reports) = tokio::sync::mpsc::unbounded_channel();
    let waiting = tokio::spawn(async move { probe.wait(|late| told.send(late.clone()).unwrap()).await });
    let late =
        tokio::time::timeout(Duration::from_secs(3), reports.recv()).await.expect("before the check's own limit");
    assert_eq!(late.unwrap().step, Step::Ready);
    waiting.abort();
}

#[tokio::test]
async fn a_worker_that_is_ready_is_not_reported() {
    let server = ScriptedWorker::start(|_| ok()).await;
    assert!(wait(&probe(|s| s.health = health(server.port), server.port)).await.is_empty());
}

#[tokio::test]
async fn the_model_is_warmed_up_once_it_is_ready_and_any_answer_below_500_counts() {
    for status in [200, 302, 404, 422] {
        let server = ScriptedWorker::start(move |seen| match seen.head.starts_with("GET") {
            true => ok(),
            false => answer(status, "", ""),
        })
        .await;
        let probe = probe(
            |s| {
                s.health = health(server.port);
                s.prewarm = Some("{\"warm\":true}".into());
            },
            server.port,
        );
        assert!(wait(&probe).await.is_empty());
        let seen = server.seen();
        assert_eq!(seen.len(), 2);
        assert!(seen[1].head.starts_with("POST /infer?v=1 HTTP/1.1\r\n"));
        assert_eq!(seen[1].json(), serde_json::json!({"warm": true}));
    }
}

#[tokio::test]
async fn a_warm_up_that_fails_is_repeated_while_waiting() {
    let asked = Arc::new(AtomicUsize::new(0));
    let shared = asked.clone();
    let server = ScriptedWorker::start(move |_| match shared.fetch_add(1, SeqCst) {
        0 => Act::Close,
        1 => answer(500, "", "out of memory"),
        _ => ok(),
    })
    .await;
    wait(&probe(|s| s.prewarm = Some("1".into()), server.port)).await;
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn without_waiting_there_is_one_warm_up_and_its_failure_is_told() {
    let server = ScriptedWorker::start(|_| answer(500, "", "out of memory")).await;
    let probe = probe(
        |s| {
            s.wait_for_model = false;
            s.prewarm = Some("1".into());
        },
        server.port,
    );
    let late = wait(&probe).await;
    assert_eq!((late.len(), late[0].step, server.requests()), (1, Step::Prewarm, 1));
    assert!(late[0].error.contains("out of memory"));
}

#[tokio::test]
async fn without_waiting_and_without_a_warm_up_nobody_is_asked() {
    let server = ScriptedWorker::start(|_| ok()).await;
    assert!(wait(&probe(|s| s.wait_for_model = false, server.port)).await.is_empty());
    assert_eq!(server.connections(), 0);
}
