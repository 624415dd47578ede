//! Alive, ready, and why not.

use super::*;

#[test]
fn before_anything_runs_it_is_alive_and_says_what_it_waits_for() {
    let mut stage = Stage::new();
    assert_eq!(stage.get("/livez").status, 200);
    let ready = stage.get("/readyz");
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json(), json!({"ready": false, "reasons": ["starting", "waiting_for_worker"]}));
    assert_eq!(stage.get("/healthz").json()["status"], "not_ready");
    let page = Page::read(&stage.get("/metrics").body);
    assert_eq!(page.get("sluicegate_queue_records"), Some(0.0));
    assert_eq!(page.get(r#"sluicegate_phase_state{phase="starting"}"#), Some(1.0));
    let state = stage.get("/state").json();
    assert_eq!(state["phase"], "starting");
    assert!(state["tasks"].as_u64() > Some(2), "the listeners and this visitor: {state}");

    stage.worker.take().unwrap().release();
    stage.readiness.advance(Phase::Joining);
    assert_eq!(stage.get("/readyz").json()["reasons"], json!(["joining"]));
    stage.engine().assign(0..0);
    assert_eq!(stage.get("/readyz").status, 200, "a member without partitions has joined");
}

#[test]
fn trouble_shows_in_readyz_and_among_the_last_errors_but_not_in_livez() {
    let stage = Stage::running();
    {
        let mut engine = stage.engine();
        engine.poll((0..4).map(|offset| record(0, offset)));
        engine.answer(Answer::Misconfigured, Duration::from_millis(3));
    }
    assert_eq!(stage.get("/readyz").json()["reasons"], json!(["worker_misconfigured"]));
    assert_eq!(stage.get("/healthz").status, 503);
    assert_eq!(stage.get("/livez").status, 200);
    let errors = stage.get("/state").json()["last_errors"].clone();
    assert_eq!((&errors[0]["event"], &errors[0]["times"]), (&json!("worker_held"), &json!(1)));
    assert_eq!(errors[0]["at_ms"], 1_700_000_000_000_i64);
}

#[test]
fn an_engine_that_hangs_is_not_ready_at_once_and_dead_after_the_limit() {
    let mut stage = Stage::with_limit(Duration::from_millis(900));
    stage.run();
    assert_eq!(stage.get("/readyz").status, 200);
    let hang = stage.engine();
    assert_eq!(stage.get("/livez").status, 200, "one missed answer (half a second) is no hang");
    assert_eq!(stage.get("/livez").json(), json!({"alive": false, "reasons": ["engine_silent"]}));
    assert_eq!(stage.get("/readyz").json()["reasons"], json!(["engine_silent"]));
    let page = Page::read(&stage.get("/metrics").body);
    assert_eq!(page.count("sluicegate_queue_records"), 0);
    assert_eq!(page.get(r#"sluicegate_rebalances_total{kind="assigned"}"#), Some(1.0));
    drop(hang);
    assert_eq!(stage.get("/livez").status, 200, "it answers again");
}

#[test]
fn a_poll_loop_that_hangs_is_dead() {
    let stage = Stage::running();
    let age = Arc::new(AtomicU64::new(30_000));
    let read = Arc::clone(&age);
    stage.poll.attach(move || Duration::from_millis(read.load(Relaxed)));
    assert_eq!(stage.get("/livez").status, 200);
    assert_eq!(stage.get("/state").json()["poll_age_ms"], 30_000);
    age.store(30_001, Relaxed);
    assert_eq!(stage.get("/livez").json()["reasons"], json!(["poll_loop_hangs"]));
    assert_eq!(stage.get("/livez").status, 503);
    assert_eq!(stage.get("/healthz").json()["status"], "dead");
}

#[test]
fn a_partition_that_no_repair_moves_is_dead_until_it_moves() {
    let stage = Stage::running();
    let progress = Progress { partition: PartitionId(0), position: None, end: Some(10), leader_answers: true };
    let stands_for = |seconds| {
        for _ in 0..seconds {
            stage.engine().pass(Duration::from_secs(1));
            stage.engine().step(Event::Progress(vec![progress]));
        }
        stage.get("/livez").status
    };
    // Thirty seconds for each of three repairs.
    assert_eq!((stands_for(85), stands_for(10)), (200, 503));
    assert_eq!(stage.get("/livez").json(), json!({"alive": false, "reasons": ["partition_stalled"]}));
    assert_eq!(stage.get("/readyz").json()["reasons"], json!(["partition_stalled"]));
    assert_eq!(stage.get("/state").json()["stalled_partitions"], 1);
    stage.engine().poll((0..10).map(|offset| record(0, offset)));
    stage.engine().step(Event::Progress(vec![progress]));
    assert_eq!(stage.get("/livez").status, 200, "it is read");
}

#[test]
fn records_that_stand_before_an_idle_worker_are_dead() {
    let stage = Stage::running();
    assert_eq!(stage.get("/livez").status, 200);
    stage.stands.store(true, Relaxed);
    assert_eq!(stage.get("/livez").status, 503);
    assert_eq!(stage.get("/livez").json(), json!({"alive": false, "reasons": ["sending_stalled"]}));
    assert_eq!(stage.get("/healthz").json()["status"], "dead");
}

#[test]
fn the_probe_listener_shows_probes_and_metrics_and_nothing_else() {
    let stage = Stage::running();
    let probe = stage.admin.probe_addr().unwrap();
    let get = |method, path| request(probe, method, path, &[("host", "pod-7.example")], "");
    for path in ["/livez", "/readyz", "/healthz", "/metrics"] {
        assert_eq!(get("GET", path).status, 200, "{path}");
        assert_eq!(get("POST", path).status, 405, "{path}");
    }
    for path in ["/", "/state", "/drain", "/log-level"] {
        assert_eq!((get("GET", path).status, get("POST", path).status), (404, 404), "{path}");
    }
    assert_eq!(stage.get("/nothing").status, 404);
}
