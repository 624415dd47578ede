//! Thresholds that tune themselves, on the real thing: `ADAPTIVE=off|shadow|on`, a pinned flag, and what is kept over a
//! restart in `STATE_DIR`.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;

use crate::{
    sidecar::{Sidecar, eventually},
    stage::Stage,
    worker::Behaviour,
};

const WITHIN: Duration = Duration::from_secs(60);
const ALPHA: Duration = Duration::from_millis(20);
const BETA: Duration = Duration::from_micros(200);

/// Ten seconds of work and more for whatever finds the way.
fn behind(name: &str, records: u64) -> Stage {
    let stage = Stage::new(name, 4, Behaviour::curve(ALPHA, BETA));
    stage.fill(records);
    stage
}

fn knob(sidecar: &Sidecar, of: &str, name: &str) -> Option<f64> {
    sidecar.metric(&format!(r#"sluicegate_knob{{knob="{name}",of="{of}"}}"#))
}

#[test]
fn switched_on_batches_grow_for_a_worker_with_a_fixed_cost() {
    let stage = behind("grow", 40_000);
    let sidecar = stage.sidecar("on", &[]);
    let size = eventually("batches of 64", WITHIN, || {
        let size = stage.worker.books().batch_max;
        (size >= 64).then_some(size)
    });
    let state = sidecar.state().unwrap();
    assert!(state["control"]["routes"][0]["batch_fixed_ms"].as_f64().unwrap() > 5.0, "{}", state["control"]);
    let moves = sidecar.events("knob_moved");
    let first = moves.iter().find(|line| line["knob"] == "batch_size").expect("the batch size moves");
    assert!(first["from"] == 1 && first["applied"] == true, "{first}");
    println!("a backlog of 40000, 20 ms + 0.2 ms a record: batches of {size}, {} moves of thresholds", moves.len());
    assert!(sidecar.stop().0.success());
}

#[test]
fn switched_off_or_in_the_shadow_the_flags_hold_and_a_pinned_one_always_does() {
    for (mode, flags) in [
        ("off", vec![("ADAPTIVE", "off"), ("QUEUE_WORKERS", "3"), ("BATCH_SIZE", "5")]),
        ("shadow", vec![("ADAPTIVE", "shadow"), ("QUEUE_WORKERS", "3"), ("BATCH_SIZE", "5"), ("BATCH_SIZE_MAX", "64")]),
        ("pinned", vec![("BATCH_SIZE", "5")]),
    ] {
        let stage = behind(mode, 20_000);
        let sidecar = stage.sidecar(mode, &flags);
        stage.await_delivered(3_000, WITHIN);
        let books = stage.worker.books();
        let (batch_max, in_flight_max) = (books.batch_max, books.in_flight_max);
        drop(books);
        assert_eq!(batch_max, 5, "{mode}");
        assert_eq!(knob(&sidecar, "in_force", "batch_size"), Some(5.0), "{mode}");
        let moves = sidecar.events("knob_moved");
        match mode {
            "off" => assert!(moves.is_empty() && in_flight_max == 3, "{in_flight_max} {moves:?}"),
            "shadow" => {
                assert!(moves.iter().all(|line| line["applied"] == false) && in_flight_max == 3, "{moves:?}");
                let wanted = eventually("a larger batch is wanted", WITHIN, || {
                    knob(&sidecar, "wanted", "batch_size").filter(|wanted| *wanted > 5.0)
                });
                println!("shadow: batches of 5, of {wanted} wanted");
            }
            _ => assert!(moves.iter().all(|line| line["knob"] != "batch_size"), "{moves:?}"),
        }
        assert!(sidecar.stop().0.success(), "{mode}");
    }
}

#[test]
fn a_restart_begins_with_what_was_learnt_and_what_is_no_good_is_ignored_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("learned.json");
    let stage = behind("kept", 60_000);
    let url = format!("{}?key=canary", stage.worker.url());
    let flags = [("STATE_DIR", dir.path().to_str().unwrap()), ("WORKER_URL", &url)];
    let first = stage.sidecar("first", &flags);
    eventually("batches of 64", WITHIN, || (stage.worker.books().batch_max >= 64).then_some(()));
    assert!(first.stop().0.success());
    let kept: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let batch = kept["learned"]["routes"][0]["batch_records"].as_u64().unwrap();
    assert!(batch >= 64, "{kept}");
    let worker = kept["worker"].as_str().unwrap();
    assert!(worker.starts_with(&url.replace("key=canary", "***#")) && !worker.contains("canary"), "{worker}");

    let (again, recalled) = start(&stage, "again", &flags, "state_recalled");
    assert_eq!(recalled["routes"], 1);
    let moved = eventually("the batch size is taken up", WITHIN, || {
        again.events("knob_moved").into_iter().find(|line| line["reason"] == "recalled" && line["knob"] == "batch_size")
    });
    assert_eq!(moved["to"], (0.7 * batch as f64).ceil(), "{moved}");
    assert!(again.stop().0.success());

    let text = fs::read_to_string(&file).unwrap();
    let saved_at = kept["learned"]["saved_at_ms"].as_i64().unwrap().to_string();
    let learned: Value = serde_json::from_str(&text).unwrap();
    let now = learned["learned"]["saved_at_ms"].as_i64().unwrap().to_string();
    let stale = text.replace(&now, &(saved_at.parse::<i64>().unwrap() - 3_600_000).to_string());
    for (what, text) in [
        ("broken", text[..text.len() / 2].to_owned()),
        ("stale", stale),
        ("foreign_version", text.replace("\"version\":1", "\"version\":7")),
        ("foreign_worker", text.replace("/predict", "/another")),
    ] {
        fs::write(&file, text).unwrap();
        let (sidecar, ignored) = start(&stage, what, &flags, "state_ignored");
        assert_eq!(ignored["reason"], what, "{ignored}");
        eventually("it joins", WITHIN, || sidecar.state().filter(|state| state["phase"] == "running"));
        assert!(sidecar.events("knob_moved").iter().all(|line| line["reason"] != "recalled"));
        assert!(sidecar.stop().0.success());
    }
}

/// A sidecar, and the first event of this name.
fn start(stage: &Stage, name: &str, flags: &[(&str, &str)], event: &str) -> (Sidecar, Value) {
    let sidecar = stage.sidecar(name, flags);
    let line = eventually(event, WITHIN, || sidecar.events(event).into_iter().next());
    (sidecar, line)
}

#[test]
fn a_state_directory_that_vanishes_is_told_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let stage = behind("vanished", 10_000);
    let sidecar = stage.sidecar("only", &[("STATE_DIR", path.to_str().unwrap())]);
    stage.await_delivered(2_000, WITHIN);
    drop(dir);
    stage.await_delivered(4_000, WITHIN);
    let log = sidecar.log.clone();
    assert!(sidecar.stop().0.success());
    let text = fs::read_to_string(log).unwrap();
    assert!(text.contains("state_not_kept") && text.contains("learned.json: No such file"), "it is not told");
    assert!(!Path::new(&path).exists());
}
