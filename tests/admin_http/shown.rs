//! The state, for programs and on the page for people.

use super::*;

#[test]
fn a_running_gate_is_ready_and_shows_its_state() {
    let stage = Stage::running();
    {
        let mut engine = stage.engine();
        engine.poll((0..40).map(|offset| record(0, offset)));
        engine.answer(Answer::Done, Duration::from_millis(3));
        let partition = PartitionId(0);
        engine.step(Event::Progress(vec![Progress {
            partition,
            position: Some(40),
            end: Some(100),
            leader_answers: true,
        }]));
        engine.answer_commit(CommitOutcome::Applied);
    }
    assert_eq!(stage.get("/readyz").status, 200);
    assert_eq!(stage.get("/healthz").json()["status"], "ok");
    let state = stage.get("/state").json();
    assert_eq!((&state["phase"], &state["ready"], &state["reasons"]), (&json!("running"), &json!(true), &json!([])));
    assert_eq!(state["queue"]["records"], 28);
    assert_eq!(state["queue"]["records_peak"], 40);
    assert_eq!(state["queue"]["high_watermark"]["records"], 32.0);
    assert_eq!(state["queue"]["low_watermark"]["pct"], 50.0);
    assert_eq!(state["in_flight"]["records"], 8);
    assert_eq!(state["gate"]["stage"], "soft");
    assert_eq!(state["backlog_records"], 96);
    assert_eq!(
        state["happened"],
        json!([{"event": "consumer_paused", "reason": "queue_full", "count": 1, "last_at_ms": 1_700_000_000_000_i64}])
    );
    assert_eq!(state["knobs"]["concurrency"], 2);
    assert!(state["starvation"]["worker_ms"].is_u64() && state["starvation"]["source_ms"].is_u64());
    let partition = &state["partitions"][0];
    let expected = json!({"topic": "orders", "partition": 0, "position": 40, "committed": 4, "end": 100, "lag": 96,
        "gate": "soft", "why": ["queue_full"]});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&partition[field], value, "{field}");
    }
    let page = Page::read(&stage.get("/metrics").body);
    assert_eq!(page.get("sluicegate_queue_records"), Some(28.0));
    assert_eq!(page.get(r#"sluicegate_gate_state{stage="soft"}"#), Some(1.0));
}

#[test]
fn the_page_for_people_runs_no_script_and_shows_text_as_text() {
    let stage = Stage::running();
    {
        let mut engine = stage.engine();
        engine.poll((0..4).map(|offset| record(0, offset)));
        let mut batch = engine.out.remove(0);
        batch.records.truncate(4);
        engine.step(Event::Settled(sluicegate::engine::event::Settled {
            batch,
            answer: Answer::Away,
            took: Duration::ZERO,
            status: None,
            detail: Some("<script>alert(1)</script>".into()),
            told: Told::default(),
            said: Vec::new(),
        }));
    }
    let page = stage.get("/");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    assert!(page.head.contains("cache-control: no-store"), "{}", page.head);
    assert!(page.body.contains("orders-0") && page.body.contains("worker_away"), "{}", page.body);
    assert!(page.body.contains("ADAPTIVE=off") && page.body.contains("pause_threshold_pct"), "{}", page.body);
    assert!(page.body.contains("&lt;script&gt;") && !page.body.contains("<script"), "{}", page.body);
}

#[test]
fn what_control_has_decided_is_in_the_state_and_on_the_page_with_its_reasons() {
    let stage = Stage::running_with(watched::tuned(Adaptive::Shadow));
    {
        let mut engine = stage.engine();
        for round in 0..10 {
            engine.poll((0..8).map(|offset| record(0, 8 * round + offset)));
            engine.pass(Duration::from_millis(25));
            engine.answer_all(Duration::from_millis(25));
        }
    }
    let control = stage.get("/state").json()["control"].clone();
    assert_eq!((&control["adaptive"], &control["ttl_mode"]), (&json!("shadow"), &json!("expired")));
    assert!(control["decisions_made"].as_u64().unwrap() >= 1, "{control}");
    let first = control["decisions"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&first["knob"], &first["reason"]), (&json!("batch_size"), &json!("slow_start")), "{control}");
    assert!(control["wanted"]["batch_records_max"].as_u64().unwrap() > 1, "{control}");
    assert_eq!(stage.get("/state").json()["knobs"]["batch_records_max"], 4, "nothing is applied");
    assert!(control["routes"][0]["batch_fixed_ms"].as_f64().unwrap() > 0.0, "{control}");
    let page = stage.get("/").body;
    assert!(page.contains("ADAPTIVE=shadow") && page.contains("slow_start"), "{page}");
}
