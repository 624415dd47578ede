//! A bad network between the sidecar and its worker.

use std::time::Duration;

use crate::{
    fault_proxy::{FaultProxy, Weather},
    judge::Repeats,
    load::Load,
    sidecar::eventually,
    stage::Stage,
    worker::Behaviour,
};

const WITHIN: Duration = Duration::from_secs(60);
const RESETS: u64 = 10;

#[test]
fn late_slow_silent_half_open_and_reset_connections_to_the_worker_lose_nothing_and_give_nothing_up() {
    let proxy = FaultProxy::start();
    let mut stage = Stage::new("bad-worker-network", 4, Behaviour::after(Duration::from_millis(5)));
    proxy.towards(stage.worker.addr.port());
    let url = format!("http://{}/predict", proxy.addr);
    // No dead-letter topic and no skipping: a record that is given up stops its partition, and the lag stays.
    let flags = [("WORKER_URL", url.as_str()), ("INFERENCE_TIMEOUT", "1s"), ("RETRY_MAX_ATTEMPTS", "1000")];
    let sidecar = stage.sidecar("only", &flags);
    let load = Load::start(&stage, 0, 1_000);
    stage.watch_commits();
    stage.await_delivered(1_000, WITHIN);
    let weathers = [
        Weather::Late(Duration::from_millis(100)),
        Weather::Drip(512, Duration::from_millis(5)),
        Weather::Silent,
        Weather::HalfOpen,
    ];
    for weather in weathers {
        proxy.weather(weather);
        if matches!(weather, Weather::Silent | Weather::HalfOpen) {
            // Until calls have run out of time. What was on its way arrives later, and is finished by a worker nobody
            // waits for.
            let failed = sidecar.events("batch_failed").len();
            eventually("calls end", WITHIN, || (sidecar.events("batch_failed").len() > failed).then_some(()));
        } else {
            stage.await_more(200, WITHIN);
        }
        proxy.weather(Weather::Clear);
        let delivered = stage.await_more(1_000, WITHIN);
        println!("{weather:?}: {delivered} delivered by its end");
    }
    for _ in 0..RESETS {
        eventually("a call is under way", WITHIN, || (stage.worker.books().in_flight > 0).then_some(()));
        proxy.reset();
        stage.await_more(100, WITHIN);
    }
    let records = load.stop();
    stage.await_no_lag(WITHIN);
    // The worker may have done the work of each call whose answer was lost, and nothing else comes again. A call whose
    // kept connection was reset is sent once more and has not failed.
    let failed = sidecar.metric(r#"sluicegate_worker_latency_seconds_count{answer="failed"}"#).unwrap() as u64;
    let calls = stage.worker.books().requests;
    let at_once = stage.worker.books().in_flight_max as u64;
    let batch_max = stage.worker.books().batch_max as u64;
    let verdict = stage.verdict(Repeats::AtMost((failed + RESETS * at_once) * batch_max));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (records, records));
    println!(
        "a bad network to the worker: {records} records, {calls} calls ({failed} failed), 0 missing, 0 given up, {} done again",
        verdict.repeats
    );
    assert!(sidecar.stop().0.success());
}
