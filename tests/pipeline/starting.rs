use std::{net::TcpListener, time::Duration};

use crate::{
    sidecar::{Sidecar, eventually, free_addr},
    stage::Stage,
    worker::Behaviour,
};

/// A sidecar that never gets as far as a broker.
fn alone(name: &str, worker: &str) -> Sidecar {
    let nobody = free_addr().to_string();
    let flags = [("KAFKA_BROKERS", nobody.as_str()), ("KAFKA_TOPICS", "t"), ("KAFKA_GROUP_ID", "g")];
    let mut flags = flags.to_vec();
    flags.push(("WORKER_URL", worker));
    Sidecar::start(name, &flags)
}

#[test]
fn what_the_kafka_client_does_not_take_is_told_by_check_and_starts_nothing() {
    let flags = [
        ("KAFKA_BROKERS", "127.0.0.1:1"),
        ("KAFKA_TOPICS", "t"),
        ("KAFKA_GROUP_ID", "g"),
        ("WORKER_URL", "http://127.0.0.1:1/"),
        ("KAFKA_CFG_PARTITION_ASSIGNMENT_STRATEGY", "nonsense"),
    ];
    for command in ["check", "run"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_sluicegate"))
            .arg(command)
            .env_clear()
            .envs(flags)
            .env("ADMIN_ADDR", "127.0.0.1:0")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{command}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("partition.assignment.strategy") && !said.contains("started"), "{command}: {said}");
    }
}

fn await_phase(sidecar: &Sidecar, phase: &str) {
    eventually(&format!("it is {phase}"), Duration::from_secs(30), || {
        (sidecar.state()?["phase"] == phase).then_some(())
    });
}

#[test]
fn sigterm_while_the_worker_is_waited_for_exits_0_at_once() {
    let sidecar = alone("waiting", &format!("http://{}/predict", free_addr()));
    await_phase(&sidecar, "starting");
    assert!(sidecar.get("/readyz").unwrap().1.contains("waiting_for_worker"));
    assert_eq!(sidecar.get("/livez").unwrap().0, 200);
    let (status, took) = sidecar.stop();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_drain_while_the_worker_is_waited_for_stays_up_and_then_ends_with_sigterm() {
    let mut sidecar = alone("drained-early", &format!("http://{}/predict", free_addr()));
    await_phase(&sidecar, "starting");
    assert_eq!(sidecar.request("POST", "/drain?wait=5s", "").unwrap().0, 200);
    await_phase(&sidecar, "stopped");
    assert!(sidecar.is_running());
    assert_eq!(sidecar.get("/livez").unwrap().0, 200);
    assert_eq!(sidecar.stop().0.code(), Some(0));
}

#[test]
fn sigterm_while_no_broker_answers_exits_0_within_the_budget() {
    let worker = TcpListener::bind("127.0.0.1:0").unwrap();
    let sidecar = alone("joining", &format!("http://{}/predict", worker.local_addr().unwrap()));
    await_phase(&sidecar, "joining");
    assert_eq!(sidecar.get("/livez").unwrap().0, 200, "a broker that is away is no reason to restart");
    assert_eq!(sidecar.get("/readyz").unwrap().0, 503);
    let (status, took) = sidecar.stop();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_second_sigterm_ends_at_once_with_143() {
    let stage = Stage::new("twice", 1, Behaviour::after(Duration::from_secs(10)));
    let sidecar = stage.sidecar("only", &[]);
    stage.fill(10);
    eventually("a call is out", Duration::from_secs(30), || (stage.worker.books().in_flight > 0).then_some(()));
    sidecar.signal("TERM");
    await_phase(&sidecar, "draining");
    let (status, took) = sidecar.stop();
    assert_eq!(status.code(), Some(143));
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn a_worker_that_comes_late_is_waited_for_and_gets_everything() {
    let stage = Stage::new("late", 2, Behaviour::instant());
    stage.fill(200);
    let later = free_addr();
    let url = format!("http://{later}/predict");
    let sidecar = stage.sidecar("only", &[("WORKER_URL", &url), ("MODEL_WAIT_TIMEOUT", "300ms")]);
    eventually("it is said", Duration::from_secs(30), || sidecar.events("waiting_for_worker").pop());
    assert_eq!(sidecar.state().unwrap()["phase"], "starting", "no group is joined without a worker");
    stage.worker.listen_at_too(later);
    stage.await_delivered(200, Duration::from_secs(30));
    stage.await_no_lag(Duration::from_secs(10));
    assert_eq!(sidecar.get("/readyz").unwrap().0, 200);
    assert!(sidecar.stop().0.success());
}

#[test]
fn of_two_with_one_instance_id_the_older_ends_with_1_and_loses_nothing() {
    let stage = Stage::new("fenced", 2, Behaviour::after(Duration::from_millis(5)));
    let flags = [("KAFKA_GROUP_INSTANCE_ID", "one")];
    stage.fill(2_000);
    let older = stage.sidecar("older", &flags);
    stage.await_delivered(200, Duration::from_secs(30));
    let newer = stage.sidecar("newer", &flags);
    assert_eq!(older.wait(Duration::from_secs(30)).0.code(), Some(1));
    stage.await_no_lag(Duration::from_secs(60));
    assert_eq!(stage.missing(), Vec::<String>::new());
    assert!(newer.stop().0.success());
}
