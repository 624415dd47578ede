//! Timeouts, deadlines and the remaining budget.

use crate::*;

#[tokio::test]
async fn no_answer_in_time_is_a_failure_and_closes_the_connection() {
    let server = ScriptedWorker::start(|_| Act::Hang).await;
    let mut hurried = batch(1);
    hurried.timeout = Duration::from_millis(80);
    let settled = call(&worker_at(server.port), hurried).await;
    assert_eq!((settled.answer, settled.status), (Answer::Failed, None));
    assert!(settled.took > Duration::ZERO);
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

#[tokio::test]
async fn no_duration_is_too_long() {
    let server = ScriptedWorker::start(|_| ok()).await;
    let mut patient = settings(tcp(server.port));
    (patient.pool_idle, patient.connect_timeout) = (Duration::MAX, Duration::MAX);
    let worker = HttpWorker::new(&patient).unwrap();
    for _ in 0..2 {
        let mut unhurried = batch(1);
        unhurried.timeout = Duration::MAX;
        assert_eq!(worker.call(unhurried).await.answer, Answer::Done);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn no_time_at_all_ends_at_once_even_when_nobody_answers() {
    let server = ScriptedWorker::start(|_| Act::Hang).await;
    let mut hopeless = batch(1);
    hopeless.timeout = Duration::ZERO;
    let answer = call(&worker_at(server.port), hopeless).await.answer;
    assert!(matches!(answer, Answer::Away | Answer::Failed), "{answer:?}");
}
