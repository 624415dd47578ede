//! The two line formats on what other crates and hostile input bring.

use std::{
    io,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tracing::{debug, error, info, warn};

use super::*;

/// Where a log can be read back.
#[derive(Clone, Default)]
pub struct Lines(pub Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the log makes of what is said in there.
fn written(format: LogFormat, say: impl FnOnce()) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let settings = LogSettings { format, level: LogLevel::Info };
    let (subscriber, _control) = subscriber(&settings, move || writer.clone());
    tracing::subscriber::with_default(subscriber, say);
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn json_lines(say: impl FnOnce()) -> Vec<Value> {
    let text = written(LogFormat::Json, say);
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[test]
fn every_field_is_at_the_top_level_and_has_its_type() {
    let lines = json_lines(|| {
        info!(
            target: "sluicegate", event = "probe", int = -3, uint = u64::MAX, half = 0.5, on = true, text = "a b",
            list = ?[1, 2], words = ?["x\"y"], shown = %"plain", none = None::<u32>, endless = f64::INFINITY, "said"
        );
    });
    let mut line = lines[0].as_object().unwrap().clone();
    assert!(line.remove("timestamp").is_some());
    let expected = json!({
        "level": "info", "service": "sluicegate", "event": "probe", "message": "said", "int": -3, "uint": u64::MAX,
        "half": 0.5, "on": true, "text": "a b", "list": [1, 2], "words": ["x\"y"], "shown": "plain", "endless": null
    });
    assert_eq!(Value::Object(line), expected);
}

#[test]
fn the_client_librarys_lines_have_the_same_form() {
    let lines = json_lines(|| warn!(target: "librdkafka", "librdkafka: {} {}", "FAIL", "[thrd:x]: \"gone\"\n"));
    assert_eq!(lines[0]["event"], json!("log"));
    assert_eq!(lines[0]["target"], json!("librdkafka"));
    assert_eq!(lines[0]["message"], json!("librdkafka: FAIL [thrd:x]: \"gone\"\n"));
}

#[test]
fn a_field_cannot_take_the_place_of_one_every_line_has() {
    let lines = json_lines(|| info!(target: "sluicegate", event = "probe", level = "fatal", service = "other", "said"));
    assert_eq!((&lines[0]["level"], &lines[0]["_level"]), (&json!("info"), &json!("fatal")));
    assert_eq!((&lines[0]["service"], &lines[0]["_service"]), (&json!("sluicegate"), &json!("other")));
}

#[test]
fn nothing_that_is_said_can_break_out_of_its_line() {
    let nasty = ["\n{\"event\":\"forged\"}", "\"}", "\u{0}\u{1f}\u{7f}\u{9b}", "[1,\n2]", "[\"\\n\"]", "\\"];
    for text in nasty {
        let say = || error!(target: "sluicegate", event = "probe", text, shown = %text, "{text}");
        let lines = json_lines(say);
        assert_eq!(lines.len(), 1, "{text:?}");
        assert_eq!((&lines[0]["text"], &lines[0]["message"]), (&json!(text), &json!(text)));
        let human = written(LogFormat::Human, say);
        assert_eq!(human.matches('\n').count(), 1, "{human:?}");
        assert!(!human.trim_end().chars().any(char::is_control), "{human:?}");
    }
}

#[test]
fn the_human_line_has_the_event_the_message_and_the_fields() {
    let text = written(LogFormat::Human, || {
        info!(target: "sluicegate", event = "consumer_paused", topic = "a", partitions = ?[0, 1], why = "too full", "paused");
    });
    let (_, rest) = text.split_once(' ').unwrap();
    assert_eq!(rest, " INFO consumer_paused: paused topic=a partitions=[0, 1] why=\"too full\"\n");
}

#[test]
fn other_crates_are_heard_from_warn_on_and_ours_by_the_level() {
    let lines = json_lines(|| {
        info!(target: "hyper", "quiet");
        warn!(target: "hyper", "heard");
        debug!(target: "sluicegate::kafka", "quiet");
        info!(target: "sluicegate::kafka", "heard");
        info!(target: "librdkafka", "heard");
    });
    let heard: Vec<_> = lines.iter().map(|line| (line["target"].as_str().unwrap(), &line["message"])).collect();
    let said = json!("heard");
    assert_eq!(heard, [("hyper", &said), ("sluicegate::kafka", &said), ("librdkafka", &said)]);
}

#[test]
fn levels_are_known_by_their_names() {
    for level in LogLevel::ALL {
        assert_eq!(LogLevel::parse(&format!(" {}\n", level.name().to_uppercase())), Some(level));
    }
    for text in ["", "verbose", "info debug", "sluicegate=debug"] {
        assert_eq!(LogLevel::parse(text), None);
    }
}

#[test]
fn the_line_about_missing_lines_has_the_form_of_all_the_others() {
    let json = String::from_utf8(missing_line(LogFormat::Json, 7)).unwrap();
    let line: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&line["event"], &line["level"], &line["dropped"]),
        (&json!("log_lines_dropped"), &json!("warn"), &json!(7))
    );
    let human = String::from_utf8(missing_line(LogFormat::Human, 7)).unwrap();
    assert!(human.contains(" WARN log_lines_dropped: ") && human.ends_with(" dropped=7\n"), "{human}");
}
