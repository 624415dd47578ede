//! A bad network between the sidecar and its broker.

use std::time::{Duration, Instant};

use crate::{
    fault_proxy::{FaultProxy, Weather},
    judge::Repeats,
    load::Load,
    protocol::{is_new_protocol, repeats_of_a_cut_off},
    sidecar::{Sidecar, eventually},
    stage::{Place, Stage},
    worker::Behaviour,
};

const WITHIN: Duration = Duration::from_secs(60);
/// Long beside what the weathers last.
const LONG_SESSION_MS: &str = "20000";
/// Short of the session timeout.
const SHORT: Duration = Duration::from_secs(3);

fn stage(name: &str, proxy: &FaultProxy) -> Stage {
    Stage::at(Place::behind(proxy), name, 4, Behaviour::after(Duration::from_millis(5)))
}

/// Watches for so long that the process is alive and its poll thread polls.
fn stays_alive(sidecar: &Sidecar, time: Duration) {
    let end = Instant::now() + time;
    eventually("the weather changes", time + WITHIN, || {
        assert_eq!(sidecar.get("/livez").map(|answer| answer.0), Some(200));
        (Instant::now() >= end).then_some(())
    });
}

#[test]
fn late_slow_reset_silent_and_half_open_connections_to_the_broker_lose_and_repeat_nothing() {
    let proxy = FaultProxy::start();
    let mut stage = stage("bad-network", &proxy);
    // What the weathers take away from a session is theirs, and not this machine's: on a busy one a heartbeat is late too.
    let session: &[_] = if is_new_protocol() { &[] } else { &[("KAFKA_CFG_SESSION_TIMEOUT_MS", LONG_SESSION_MS)] };
    let sidecar = stage.sidecar("only", &[&[("QUEUE_WORKERS", "4")], session].concat());
    let load = Load::start(&stage, 0, 1_000);
    stage.watch_commits();
    stage.await_delivered(2_000, WITHIN);
    let assigned = || sidecar.events("rebalance").len();
    let before = assigned();

    let weathers = [
        Weather::Late(Duration::from_millis(1000)),
        Weather::Drip(2 << 10, Duration::from_millis(20)),
        Weather::Silent,
        Weather::HalfOpen,
    ];
    for weather in weathers {
        proxy.weather(weather);
        if matches!(weather, Weather::Late(_) | Weather::Drip(..)) {
            // Slow is not broken: it goes on.
            stage.await_more(500, WITHIN);
        }
        stays_alive(&sidecar, SHORT);
        proxy.weather(Weather::Clear);
        let delivered = stage.await_more(2_000, WITHIN);
        println!("{weather:?}: {delivered} delivered by its end");
    }
    for _ in 0..10 {
        proxy.reset();
        stage.await_more(500, WITHIN);
    }
    let records = load.stop();
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(repeats_of_a_cut_off(Repeats::AtMost(0)));
    verdict.holds();
    assert_eq!((verdict.produced, verdict.done), (records, records));
    // The newer protocol gives a heartbeat no longer than until the next one is due, here less than a round trip.
    assert!(is_new_protocol() || assigned() == before, "nothing of this is a reason for a rebalance");
    let (repeats, rebalances) = (verdict.repeats, assigned() - before);
    println!(
        "a bad network to the broker: {records} records, 0 missing, {repeats} duplicates, {rebalances} rebalances"
    );
    assert!(sidecar.stop().0.success());
}

#[test]
fn a_broker_that_is_absent_at_the_start_is_waited_for() {
    let proxy = FaultProxy::start();
    let mut stage = stage("absent", &proxy);
    proxy.weather(Weather::Refused);
    let sidecar = stage.sidecar("only", &[]);
    stage.fill(1_000);
    eventually("it is said", WITHIN, || sidecar.events("client_error").pop());
    stays_alive(&sidecar, SHORT);
    assert_eq!(sidecar.get("/readyz").unwrap().0, 503);
    proxy.weather(Weather::Clear);
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(Repeats::AtMost(0));
    verdict.holds();
    assert_eq!(sidecar.get("/readyz").unwrap().0, 200);
    println!("a broker absent at the start: alive, not ready; then {} of 1000 delivered", verdict.done);
    assert!(sidecar.stop().0.success());
}

#[test]
fn a_member_cut_off_for_longer_than_its_session_cannot_commit_over_the_one_that_took_over() {
    let proxy = FaultProxy::start();
    let mut stage = stage("cut-off", &proxy);
    let cut = stage.sidecar("cut-off", &[]);
    stage.fill(5_000);
    stage.await_delivered(2_000, WITHIN);
    proxy.weather(Weather::Silent);
    eventually("what it had read is through", WITHIN, || {
        let state = cut.state()?;
        (state["queue"]["records"] == 0 && state["in_flight"]["batches"] == 0).then_some(())
    });
    stage.killed();
    stage.watch_commits();
    // Another way to the same broker.
    let direct = stage.brokers.clone();
    let heir = stage.sidecar("heir", &[("KAFKA_BROKERS", direct.as_str())]);
    stage.fill_from(5_000, 5_000);
    stage.await_delivered(10_000, WITHIN);
    proxy.weather(Weather::Clear);
    eventually("both have partitions", WITHIN, || (cut.partitions() > 0 && heir.partitions() > 0).then_some(()));
    stage.fill_from(10_000, 5_000);
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(repeats_of_a_cut_off(Repeats::Uncommitted));
    verdict.holds();
    println!(
        "cut off for longer than its session: 0 of {} missing, {} duplicates of {} uncommitted",
        verdict.produced, verdict.repeats, verdict.uncommitted
    );
    assert!(cut.stop().0.success() && heir.stop().0.success());
}
