//! What is changed over HTTP: the level of the log, and a drain.

use super::*;

#[test]
fn the_log_level_is_set_by_post_and_only_to_a_level() {
    let stage = Stage::new();
    assert_eq!(stage.post("/log-level", "debug\n").json(), json!({"level": "debug", "was": "info"}));
    assert_eq!(stage.get("/state").json()["log_level"], "debug");
    let refused = stage.post("/log-level", "loud");
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["levels"], json!(["error", "warn", "info", "debug", "trace"]));
    assert_eq!(stage.post("/log-level", &"x".repeat(10_000)).status, 413);
    assert_eq!(stage.get("/state").json()["log_level"], "debug");
}

#[test]
fn what_changes_something_is_no_get_and_not_for_strangers() {
    let stage = Stage::running();
    for path in ["/drain", "/log-level"] {
        let got = stage.get(path);
        assert_eq!(got.status, 405);
        assert!(got.head.contains("allow: post"), "{}", got.head);
        let strangers: [&[(&str, &str)]; 7] = [
            &[],
            &[("host", "evil.example")],
            &[("host", "localhost.evil.example")],
            &[("host", "localhost"), ("host", "evil.example")],
            &[("host", "localhost"), ("origin", "https://evil.example")],
            &[("host", "localhost"), ("origin", "null")],
            &[("host", "localhost"), ("origin", "file://localhost")],
        ];
        for headers in strangers {
            let refused = request(stage.admin.addr(), "POST", path, headers, "debug");
            assert_eq!(refused.status, 403, "{path} {headers:?}");
        }
    }
    assert_eq!(stage.readiness.wished(), Wish::None);
    let own = [("host", "127.0.0.1:9464"), ("origin", "http://localhost:3000")];
    assert_eq!(request(stage.admin.addr(), "POST", "/log-level", &own, "warn").status, 200);
}

#[test]
fn a_drain_leaves_the_group_once_and_the_process_stays_up() {
    let stage = Stage::running();
    {
        let mut engine = stage.engine();
        engine.poll((0..4).map(|offset| record(0, offset)));
    }
    let asked = stage.post("/drain", "");
    assert_eq!((asked.status, &asked.json()["phase"]), (202, &json!("draining")));
    assert_eq!(stage.get("/readyz").json()["reasons"], json!(["draining"]));
    assert_eq!(stage.post("/drain?wait=1ms", "").status, 202, "a batch is still out");
    assert_eq!(stage.post("/drain?wait=soon", "").status, 400);

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| stage.post("/drain?wait=30s", ""));
        {
            let mut engine = stage.engine();
            engine.answer_all(Duration::from_millis(1));
            engine.answer_commit(CommitOutcome::Applied);
            engine.step(Event::Left);
        }
        let done = waiting.join().unwrap();
        assert_eq!((done.status, &done.json()["phase"]), (200, &json!("stopped")));
    });
    assert_eq!(stage.get("/livez").status, 200);
    assert_eq!(stage.get("/readyz").status, 503);
    assert_eq!(stage.readiness.wished(), Wish::Drain);
    let page = Page::read(&stage.get("/metrics").body);
    assert_eq!(page.get("sluicegate_completed_records_total"), Some(4.0));
    assert_eq!(page.get("sluicegate_queue_records_max"), Some(4.0), "the engine still answers");
}

#[test]
fn a_drain_before_the_engine_runs_is_noted_for_whoever_starts_it() {
    let stage = Stage::new();
    assert_eq!(stage.post("/drain", "").status, 202);
    assert_eq!(stage.get("/readyz").json()["reasons"], json!(["draining", "waiting_for_worker"]));
    assert_eq!(stage.get("/livez").status, 200);
    assert_eq!(stage.readiness.wished(), Wish::Drain);
}
