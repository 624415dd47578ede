//! What a worker says of itself in response headers.

use sluicegate::engine::event::Told;

use crate::*;

const ALL: &str = "Server-Timing: cache;desc=\"a, b\", queue;dur=12.5\r\nserver-timing: service;dur=45\r\n\
                   X-Capacity: 4\r\nx-model-version: 2026-11-24\u{ff}\r\n";

fn all() -> Told {
    Told {
        worked: Some(Duration::from_millis(45)),
        queued: Some(Duration::from_micros(12_500)),
        capacity: Some(4),
        // FNV-1a of the bytes.
        model: Some("2026-11-24\u{ff}".bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })),
    }
}

async fn told_with(status: u16, headers: &'static str, body: &'static str) -> Settled {
    let server = ScriptedWorker::start(move |_| answer(status, headers, body)).await;
    call(&worker_at(server.port), batch(1)).await
}

#[tokio::test]
async fn each_header_is_heard_by_itself() {
    for (header, told) in [
        ("server-timing: service;dur=45\r\n", Told { worked: all().worked, ..Told::default() }),
        ("server-timing: queue;dur=12.5\r\n", Told { queued: all().queued, ..Told::default() }),
        ("x-capacity: 4\r\n", Told { capacity: Some(4), ..Told::default() }),
        ("x-model-version: a\r\n", Told { model: Some(0xaf63_dc4c_8601_ec8c), ..Told::default() }),
        ("", Told::default()),
    ] {
        assert_eq!(told_with(200, header, "").await.told, told, "{header}");
    }
}

#[tokio::test]
async fn they_are_heard_on_every_answer_that_carries_them() {
    for status in [200, 204, 400, 404, 413, 429, 500, 503] {
        let settled = told_with(status, ALL, "").await;
        assert_eq!((settled.status, settled.told), (Some(status), all()));
    }
    // Also with a body that is not an answer.
    assert_eq!(told_with(200, ALL, "OK").await.told, all());
}

#[tokio::test]
async fn they_are_heard_even_when_the_body_never_ends() {
    let head = format!("HTTP/1.1 503 Busy\r\n{ALL}retry-after: 3\r\ncontent-length: 1000\r\n\r\n").into_bytes();
    let server = ScriptedWorker::start(move |_| Act::Drip(head.clone(), Duration::from_millis(5))).await;
    let mut hurried = batch(1);
    hurried.timeout = Duration::from_millis(120);
    let settled = call(&worker_at(server.port), hurried).await;
    let busy = Answer::Busy { retry_after: Some(Duration::from_secs(3)) };
    assert_eq!((settled.answer, settled.told), (busy, all()));
}

#[tokio::test]
async fn nonsense_in_them_spoils_no_answer() {
    let odd = "server-timing: service;dur=nan, queue;dur=-3;;;=\"\r\nx-capacity: 0\r\nx-model-version:  \r\n";
    let settled = told_with(200, odd, "").await;
    assert_eq!((settled.answer, settled.told), (Answer::Done, Told::default()));
}
