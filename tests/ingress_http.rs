//! Requests over HTTP on real sockets: the ingress, the driver on a source without records, and a real HTTP worker.

#[path = "ingress/client.rs"]
mod client;
#[path = "ingress/rig.rs"]
mod rig;

use std::time::{Duration, Instant};

use client::Client;
use rig::{Rig, Says, engine, wall_ms};
use sluicegate::engine::settings::EngineSettings;

const MS: Duration = Duration::from_millis(1);

#[tokio::test]
async fn two_hundred_callers_at_once_each_get_their_own_answer_over_one_connection_each() {
    let rig = Rig::start(engine(), Says::Twice { after: 2 * MS }).await;
    let callers: Vec<_> = (0..200_u64)
        .map(|caller| {
            let addr = rig.addr;
            tokio::spawn(async move {
                let mut client = Client::connect(addr).await;
                for turn in 0..20 {
                    let number = fastrand::u64(..1 << 40) << 10 | caller;
                    let answer = client.post(&[], number).await.unwrap_or_else(|e| panic!("{caller} {turn}: {e}"));
                    assert_eq!((answer.status, answer.body.as_str()), (200, (2 * number).to_string().as_str()));
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(rig.worker.seen().len(), 4000, "each was asked for once");
    assert!(rig.worker.batch_max() > 1, "they share batches");
    assert_eq!(rig.open().await, 0);
}

#[tokio::test]
async fn who_finds_no_room_is_told_when_to_come_again_and_everybody_else_is_served() {
    let small = EngineSettings { queue_records_max: Some(5), batch_records_max: 1, concurrency: 1, ..engine() };
    let rig = Rig::start(small, Says::Twice { after: 50 * MS }).await;
    let asks = (0..40).map(|number| {
        let addr = rig.addr;
        tokio::spawn(async move { Client::connect(addr).await.post(&[], number).await.unwrap() })
    });
    let (mut served, mut full) = (0, 0);
    for ask in asks.collect::<Vec<_>>() {
        let answer = ask.await.unwrap();
        match answer.status {
            200 => served += 1,
            429 => {
                full += 1;
                let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=30).contains(&after), "{after}");
                assert!(answer.body.contains("queue_full") && answer.header("connection").is_none());
            }
            other => panic!("{other}: {}", answer.body),
        }
    }
    assert_eq!((served, full), (served, 40 - served));
    assert!((4..=10).contains(&served), "{served} of 40 found room");
    assert_eq!(rig.worker.seen().len(), served);
}

#[tokio::test]
async fn nobody_waits_beyond_his_time_whether_the_worker_has_it_or_not() {
    let one = EngineSettings { batch_records_max: 1, concurrency: 1, ..engine() };
    let rig = Rig::start(one, Says::Twice { after: 600 * MS }).await;
    let start = Instant::now();
    let mut client = Client::connect(rig.addr).await;
    let answer = client.post(&[("x-request-timeout-ms", "100")], 1).await.unwrap();
    assert_eq!((answer.status, answer.header("x-sluicegate-outcome")), (504, Some("expired")));
    assert!((100..500).contains(&(start.elapsed().as_millis() as u64)), "{:?}", start.elapsed());
    // The worker is still busy with it, whoever has stopped waiting.
    let deadline = (wall_ms() + 100).to_string();
    assert_eq!(client.post(&[("x-deadline-ms", &deadline)], 2).await.unwrap().status, 504);
    assert_eq!(client.post(&[("deadline_ms", "1")], 3).await.unwrap().status, 504);
    assert_eq!(client.post(&[], 4).await.unwrap().body, "8");
    assert!(!rig.worker.seen().contains(&3), "nothing is sent after its deadline");
}

#[tokio::test]
async fn the_workers_word_on_a_request_is_the_status_and_the_body() {
    let quick = EngineSettings {
        retry: sluicegate::engine::settings::RetrySettings { attempts_max: 2, backoff_min: MS, ..engine().retry },
        ..engine()
    };
    let rig = Rig::start(quick, Says::ByNumber).await;
    let mut client = Client::connect(rig.addr).await;
    for (number, status, body) in [
        (1, 200, "2"),
        (418, 418, "\"named\""),
        (422, 422, "dropped"),
        (400, 400, "refused"),
        (500, 502, "worker_failed"),
        (204, 204, ""),
    ] {
        let answer = client.post(&[], number).await.unwrap();
        assert_eq!(answer.status, status, "{number}: {}", answer.body);
        assert!(answer.body.contains(body), "{number}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_the_connection_goes_on() {
    let rig = Rig::start(engine(), Says::Twice { after: MS }).await;
    let mut client = Client::connect(rig.addr).await;
    for (method, path, headers, status) in [
        ("GET", "/predict", vec![], 405),
        ("POST", "/elsewhere", vec![], 404),
        ("POST", "/predict", vec![("deadline_ms", "soon")], 400),
        ("POST", "/predict", vec![("x-request-id", "x".repeat(2000).leak() as &str)], 431),
    ] {
        let answer = client.request(method, path, &headers, b"1").await.unwrap();
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
    }
    assert_eq!(client.post(&[], 21).await.unwrap().body, "42");
    // A body that is too large is answered too, all of it sent or not, and not with a reset.
    let large = vec![b'1'; 3 << 20];
    assert_eq!(client.request("POST", "/predict", &[], &large).await.unwrap().status, 413);
    assert_eq!(rig.worker.seen(), [21]);
}

#[tokio::test]
async fn a_caller_who_hangs_up_is_let_go_and_never_tried_again() {
    let one = EngineSettings { batch_records_max: 1, concurrency: 1, ..engine() };
    let rig = Rig::start(one, Says::Fail { after: 200 * MS }).await;
    let mut first = Client::connect(rig.addr).await;
    first.send("POST", "/predict", &[], b"1").await.unwrap();
    rig.until_open(1).await;
    let mut second = Client::connect(rig.addr).await;
    second.send("POST", "/predict", &[], b"2").await.unwrap();
    rig.until_open(2).await;
    drop((first, second));
    rig.until_open(0).await;
    rig.until_idle().await;
    assert_eq!(rig.worker.seen(), [1], "the one that was sent, once");
}

#[tokio::test]
async fn a_drain_serves_who_waits_turns_away_who_comes_and_resets_nobody() {
    let mut rig = Rig::start(engine(), Says::Twice { after: 30 * MS }).await;
    let callers: Vec<_> = (0..100_u64)
        .map(|caller| {
            let addr = rig.addr;
            tokio::spawn(async move {
                let mut client = Client::connect(addr).await;
                let mut served = 0;
                loop {
                    let answer = client.post(&[], caller).await.unwrap_or_else(|e| panic!("{caller}: {e}"));
                    let last = answer.header("connection") == Some("close");
                    match answer.status {
                        200 => served += 1,
                        503 => assert_eq!((answer.header("x-sluicegate-outcome"), last), (Some("draining"), true)),
                        other => panic!("{other}: {}", answer.body),
                    }
                    if last {
                        client.ends().await.unwrap_or_else(|e| panic!("{caller}: {e}"));
                        return served;
                    }
                }
            })
        })
        .collect();
    rig.worker.until(500).await;
    let idle = Client::connect(rig.addr).await;
    rig.drain().await;
    let mut served = 0;
    for caller in callers {
        served += caller.await.unwrap();
    }
    assert_eq!(rig.worker.seen().len(), served, "whoever the worker was asked for got its answer");
    let mut idle = idle;
    idle.ends().await.unwrap();
    assert!(tokio::net::TcpStream::connect(rig.addr).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_its_time_and_then_closed() {
    let rig = Rig::keeping(engine(), Says::Twice { after: MS }, 1000 * MS).await;
    let mut client = Client::connect(rig.addr).await;
    assert_eq!(client.post(&[], 1).await.unwrap().status, 200);
    let since = Instant::now();
    client.ends().await.unwrap();
    assert!((900..5000).contains(&(since.elapsed().as_millis() as u64)), "{:?}", since.elapsed());
}
