//! A worker that is down for longer than the client may go without polling.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    fault_proxy::{FaultProxy, Weather},
    judge::{Happening, Place, Repeats},
    protocol::is_left_out,
    sidecar::eventually,
    stage::Stage,
    worker::Behaviour,
};

const WITHIN: Duration = Duration::from_secs(60);
const CONCURRENCY: usize = 8;

/// Of each request: how many had been finished when it came, and how many were with the worker then, itself included.
fn arrivals(history: &[Happening]) -> Vec<(usize, usize)> {
    let mut requests = BTreeMap::<u64, usize>::new();
    let (mut of, mut finished, mut seen) = (BTreeMap::<Place, u64>::new(), 0, Vec::new());
    for happening in history {
        match happening {
            Happening::Sent { request, place, .. } => {
                of.insert(*place, *request);
                let records = requests.entry(*request).or_default();
                *records += 1;
                if *records == 1 {
                    seen.push((finished, requests.len()));
                }
            }
            Happening::Done { place } => {
                let request = of[place];
                let records = requests.get_mut(&request).expect("it was sent");
                *records -= 1;
                if *records == 0 {
                    requests.remove(&request);
                    finished += 1;
                }
            }
            _ => {}
        }
    }
    seen
}

#[test]
fn a_worker_that_is_down_for_longer_than_the_poll_interval_costs_no_rebalance_and_is_loaded_again_step_by_step() {
    if is_left_out("the client holds max.poll.interval.ms against its own session.timeout.ms") {
        return;
    }
    let proxy = FaultProxy::start();
    let mut stage = Stage::new("worker-down", 4, Behaviour::after(Duration::from_millis(50)));
    proxy.towards(stage.worker.addr.port());
    let url = format!("http://{}/predict", proxy.addr);
    let concurrency = CONCURRENCY.to_string();
    let flags = [
        ("WORKER_URL", url.as_str()),
        ("KAFKA_CFG_MAX_POLL_INTERVAL_MS", "7000"),
        ("QUEUE_MAXSIZE", "100"),
        ("PAUSE_HARD_AFTER_MS", "1000"),
        ("BATCH_SIZE", "8"),
        ("QUEUE_WORKERS", &concurrency),
    ];
    let sidecar = stage.sidecar("only", &flags);
    stage.watch_commits();
    stage.fill(400);
    stage.await_no_lag(WITHIN);
    // Nothing is with the worker as it goes down, so that nothing has a reason to come twice.
    proxy.weather(Weather::Refused);
    proxy.reset();
    let (down, before) = (Instant::now(), stage.history.all().len());
    stage.fill_from(400, 2_000);
    eventually("it is down for longer than polls may be apart", WITHIN, || {
        let state = sidecar.state()?;
        assert!(state["poll_age_ms"].as_u64()? < 2_000, "{}", state["poll_age_ms"]);
        let gated = state["worker"]["health"] == "away" && sidecar.get("/readyz")?.0 == 503;
        (down.elapsed() > Duration::from_secs(10) && gated).then_some(())
    });
    assert!(sidecar.metric(r#"sluicegate_pauses_total{stage="hard",reason="queue_full"}"#).unwrap() > 0.0);
    proxy.weather(Weather::Clear);
    stage.await_no_lag(WITHIN);

    let arrivals = arrivals(&stage.history.all()[before..]);
    for (finished, at_once) in &arrivals {
        // The probe is the first; with it the load begins at one, and doubles with each call that is finished.
        let most = 1 << finished.saturating_sub(1).min(3);
        assert!(*at_once <= most, "{at_once} calls at once after {finished} were finished");
    }
    let most = arrivals.iter().map(|(_, at_once)| *at_once).max();
    assert_eq!(most, Some(CONCURRENCY), "all of it in the end");
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (2_400, 2_400));
    let rebalances = sidecar.events("rebalance");
    assert_eq!(rebalances.len(), 1, "it never left the group: {rebalances:?}");
    let steps: Vec<usize> = arrivals.iter().take(10).map(|(_, at_once)| *at_once).collect();
    println!("a worker down for 10 s where polls are due every 7: no rebalance, 0 twice, then {steps:?} calls at once");
    assert!(sidecar.stop().0.success());
}
