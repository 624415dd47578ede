//! Every parser of what others write, on bytes made from good examples by breaking them: nothing panics, and what is
//! accepted means what it says.
//!
//! `FUZZ_SECONDS` is the time for each target (one second unless it is said: minutes together in CI, hours on demand),
//! `FUZZ_SEED` the first state of the dice, `FUZZ_TARGET` a single target. An input that breaks something is written to a
//! file, and `FUZZ_INPUT` with that file runs it again alone.

use std::{
    ffi::OsString,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use sluicegate::{
    config::{Format, Overrides, load_with, table},
    engine::{
        admission::{Deadline, deadline},
        event::{Answer, Batch, BatchId},
        ledger::completed::{Completed, encode},
    },
    record::{PartitionId, PayloadBuilder, Record},
    sim::scenario,
    store::Store,
    time::UnixMillis,
    worker::{
        answer::{self, DETAIL_BYTES_MAX},
        protocol::{json, validity},
        settings::ValueFormat,
        told::told,
    },
};

/// A parser: good examples to begin with, pieces to put in, and what has to hold.
struct Target {
    name: &'static str,
    examples: &'static [&'static str],
    words: &'static [&'static str],
    run: fn(&[u8]),
}

const TARGETS: &[Target] = &[
    Target {
        name: "deadline_header",
        examples: &["1764000000000", "-1", "0", "9223372036854775807", "-9223372036854775808"],
        words: &["+", " ", "0x", "e9", ".0", "99999999999999999999"],
        run: deadline_header,
    },
    Target {
        name: "commit_metadata",
        examples: &["sg1:wIQ9ATEB1SY", "sg1:BwEM", "sg1:BwAF", "sg1:"],
        words: &["sg1:", "sg2:", "=", "____", "AAAA", "f38B"],
        run: commit_metadata,
    },
    Target {
        name: "worker_answer",
        examples: &[
            r#"{"statuses":[{"entryId":"orders-3-1234","status":"SUCCESS"},{"entryId":"orders-3-1235","status":"RETRY"}]}"#,
            r#"{"statuses":[{"entryId":"orders-3-1236","status":"DROP","result":{"a":[1,2.5e3,null]}}],"more":true}"#,
            "null",
            "\"OK\"",
            "<html>",
        ],
        words: &["\"entryId\"", "\"status\"", "orders-3-1234", "\u{fffd}", "[[[[[[[[", "{\"a\":", "\\ud800", "1e999"],
        run: worker_answer,
    },
    Target {
        name: "answer_headers",
        examples: &[
            "server-timing: service;dur=12.5, queue;dur=3;desc=\"a, b\"\nx-capacity: 8\nx-model-version: v1",
            "retry-after: 120\ncontent-encoding: gzip",
            "retry-after: Wed, 21 Oct 2026 07:28:00 GMT",
        ],
        words: &["dur=", "service", ";;", "\"", "NaN", "inf", "1e308", "-", "99999999999999999999"],
        run: answer_headers,
    },
    Target {
        name: "record_headers",
        examples: &[
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n{\"a\":1}",
            "content-type: image/png\n__topic: x\n\u{1}\u{2}",
            "deadline_ms: 5\n[1,2,3]",
        ],
        words: &["traceparent: ", "content-type: ", "\r\n", "\0", "\\", "\"", "\u{2028}", "ff-"],
        run: record_headers,
    },
    Target {
        name: "json_validity",
        examples: &[r#"{"a":[1,-2.5e-3,true,null,"\u00e9\n"]}"#, "[]", "0", "\"\""],
        words: &["\\u", "\\ud83d\\ude00", "[", "{", "e+", "-0", "\u{feff}", "\0"],
        run: json_validity,
    },
    Target {
        name: "flags",
        examples: &[
            "QUEUE_MAXSIZE=512\nBATCH_TIMEOUT_MS=25\nWORKER_URL=http://127.0.0.1:8000/predict",
            "KAFKA_BROKERS=a:1,b:2\nKAFKA_TOPICS=^a.*,b\nDLQ_TOPIC=dead\nPAUSE_THRESHOLD_PCT=80%",
            "WORKER_URL=unix:/run/w.sock:/p\nSTALL_AFTER=30s\nQUEUE_MAX_BYTES=16MiB\nKAFKA_CFG_SESSION_TIMEOUT_MS=6000",
        ],
        words: &["KAFKA_CFG_", "_FILE", "MiB", "ms", "h", "%", "-1", "18446744073709551616", "\u{0}", "[::1]:", "1e3"],
        run: flags,
    },
    Target {
        name: "configuration_file",
        examples: &[
            "queue_maxsize = 512\nkafka_topics = [\"a\", \"b\"]\nworker_url = \"http://localhost/\"\n",
            "[kafka]\n\"session.timeout.ms\" = 6000\n",
        ],
        words: &["[[", "\"\"\"", "= ", "true", "1979-05-27", "{", "inf", "#"],
        run: configuration_file,
    },
    Target {
        name: "learned_state",
        examples: &[
            r#"{"version":1,"worker":"http://127.0.0.1:8000/","learned":{"version":1,"saved_at_ms":1764000000000,"model":7,"concurrency":4,"routes":[{"topic":"orders","shape":[0.01,0.0005,0.0],"bytes_per_record":120.0,"spread":0.1,"batch_records":64}]}}"#,
            "{}",
        ],
        words: &["\"routes\"", "NaN", "1e999", "-1", "[[[[", "\"version\":2"],
        run: learned_state,
    },
    Target {
        name: "scenario",
        examples: &[
            "why = \"x\"\ntopics = [4, 2]\n[workload]\nrecords = 8\n[[fault]]\nat_ms = 1\nkind = \"crash\"\n[expect]\ncompleted = [0, 8]\n",
        ],
        words: &["[engine]", "kind = \"slow\"", "times = ", "-1", "18446744073709551616", "[[fault]]", "4294967296"],
        run: scenario_file,
    },
];

fn batch(header: Option<(&[u8], &[u8])>, value: &[u8]) -> Batch {
    let record = |offset| {
        let mut payload = PayloadBuilder::with_capacity(Some(b"key"), Some(value), 64);
        if let Some((name, value)) = header {
            payload.header(name, Some(value));
        }
        Record::new(PartitionId(0), 3, offset, -1, payload.finish())
    };
    let records = (1234..1237).map(record).collect();
    Batch { id: BatchId(1), topic: Arc::from("orders"), records, not_after: None, timeout: Duration::ZERO }
}

/// `name: value` lines as far as they are headers.
fn header_lines(input: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n').take(64) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        let fits = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii()));
        if let (Ok(name), Ok(value)) = fits {
            headers.append(name, value);
        }
    }
    headers
}

fn deadline_header(input: &[u8]) {
    let mut payload = PayloadBuilder::with_capacity(None, None, 32 + input.len());
    payload.header(b"deadline_ms", Some(input));
    let text = std::str::from_utf8(input).ok();
    // What the standard library takes for a number, but for its plus sign.
    let number = text.filter(|text| !text.starts_with('+')).and_then(|text| text.parse::<i64>().ok());
    let expected = number.map_or(Deadline::Malformed, |ms| Deadline::At(UnixMillis(ms)));
    assert_eq!(deadline(&payload.finish()), expected);
}

fn commit_metadata(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for frontier in [0, 7, 1_000_000, i64::MAX] {
        let Some(set) = Completed::decode(&text, frontier) else { continue };
        let runs: Vec<_> = set.from(frontier).collect();
        assert!(runs.iter().all(|(from, to)| frontier <= *from && from < to));
        assert!(runs.windows(2).all(|pair| pair[0].1 < pair[1].0));
        let again = encode(frontier, runs.iter().copied(), usize::MAX);
        assert!(again.len() <= text.len().max(8), "{again} for {text}");
        assert!(again.is_empty() || Completed::decode(&again, frontier).is_some());
    }
}

fn worker_answer(input: &[u8]) {
    let batch = batch(None, b"1");
    let request = json::encode(&batch, "b", ValueFormat::Auto);
    for status in [200, 207, 400, 413, 429, 500, 503] {
        let head = answer::Head::new(status, &HeaderMap::new(), UnixMillis(0));
        let reading = answer::read(&head, input, &batch, &request);
        if let Answer::Each(verdicts) = &reading.answer {
            assert_eq!(verdicts.len(), batch.records.len());
        }
        let words = reading.detail.as_deref().unwrap_or_default();
        assert!(words.len() <= DETAIL_BYTES_MAX && !words.contains(['\n', '\r', '\0']), "{words:?}");
        assert!(status == 200 || status == 207 || reading.answer != Answer::Done);
    }
}

fn answer_headers(input: &[u8]) {
    let headers = header_lines(input);
    let said = told(&headers);
    for time in [said.worked, said.queued].into_iter().flatten() {
        assert!(time <= Duration::from_secs(86_400));
    }
    assert!(said.capacity.is_none_or(|capacity| capacity > 0));
    let head = answer::Head::new(503, &headers, UnixMillis(1_764_000_000_000));
    assert!(head.encoding.is_none_or(|encoding| &*encoding != "identity"));
}

/// A name, a colon and a value; then the record's value.
fn record_headers(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let (line, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
    let header = (&line[..at], line.get(at + 2..).unwrap_or_default());
    let batch = batch(Some(header), value);
    for format in [ValueFormat::Auto, ValueFormat::Json, ValueFormat::Binary] {
        let request = json::encode(&batch, "b", format);
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("a request is JSON");
        for entry in body["entries"].as_array().expect("entries") {
            let trace = entry.get("traceparent").map(|trace| trace.as_str().expect("text"));
            assert!(trace.is_none_or(|trace| trace.len() == 55 && trace.is_ascii()), "{trace:?}");
        }
    }
}

fn json_validity(input: &[u8]) {
    let known =
        std::str::from_utf8(input).is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
    let ours = validity::check(input).is_ok();
    assert!(known || !ours, "it is taken, and serde_json does not take it");
    // What is refused on top: lone surrogates, and nesting.
    let depth = input.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    let may_differ = input.windows(2).any(|pair| pair == b"\\u") || depth > validity::DEPTH_MAX as usize;
    assert!(ours || !known || may_differ, "it is refused, and serde_json takes it");
}

fn flags(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let pairs = text.lines().take(32).filter_map(|line| line.split_once('='));
    let env: Vec<(OsString, OsString)> =
        pairs.filter(|(_, value)| !value.contains('\0')).map(|(name, value)| (name.into(), value.into())).collect();
    let loaded = load_with(&Overrides::default(), &env, None);
    let _ = (loaded.print(Format::Text), loaded.print(Format::Json), loaded.check().map_err(|p| p.to_string()));
}

fn configuration_file(input: &[u8]) {
    let path = scratch("config.toml");
    std::fs::write(&path, input).unwrap();
    let overrides = Overrides { file: Some(path), ..Overrides::default() };
    let loaded = load_with(&overrides, &[], None);
    let _ = (loaded.print(Format::Text), loaded.check().map_err(|problems| problems.to_string()));
}

fn learned_state(input: &[u8]) {
    let dir = scratch("state");
    std::fs::create_dir_all(&dir).unwrap();
    let store = Store::new(&dir, "http://127.0.0.1:8000/");
    std::fs::write(store.path(), input).unwrap();
    if let Ok(Some(learned)) = store.load() {
        let _ = learned.fit(1_764_000_000_000);
    }
}

fn scenario_file(input: &[u8]) {
    let _ = scenario::parse(&String::from_utf8_lossy(input));
}

/// A place for this process's files.
fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("sluicegate-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir.join(name)
}

/// Breaks an input in a few places.
fn mutate(dice: &mut fastrand::Rng, target: &Target, input: &mut Vec<u8>) {
    for _ in 0..dice.usize(1..6) {
        let at = dice.usize(0..=input.len());
        match dice.u8(0..8) {
            0 if at < input.len() => input[at] ^= 1 << dice.u8(0..8),
            1 if at < input.len() => input[at] = *dice.choice(b"\0\x01\x7f\x80\xff\r\n\"\\{}[],:;-+.09 ").unwrap(),
            2 => input.insert(at, dice.u8(..)),
            3 if at < input.len() => drop(input.remove(at)),
            4 => input.truncate(at),
            5 => {
                let end = (at + dice.usize(0..16)).min(input.len());
                let piece = input[at..end].to_vec();
                let to = dice.usize(0..=input.len());
                input.splice(to..to, piece);
            }
            6 => {
                let other = dice.choice(target.examples).unwrap().as_bytes();
                let from = dice.usize(0..=other.len());
                input.splice(at.., other[from..].iter().copied());
            }
            _ => {
                let word = dice.choice(target.words).unwrap();
                input.splice(at..at, word.bytes());
            }
        }
    }
    input.truncate(8192);
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs one input; a panic is reported with the input in a file.
fn try_one(target: &Target, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        let path = scratch(&format!("{}.input", target.name));
        std::fs::write(&path, input).unwrap();
        panic!(
            "{} fails on {:?}\nagain: FUZZ_TARGET={} FUZZ_INPUT={} cargo test --no-default-features --test fuzz",
            target.name,
            String::from_utf8_lossy(input),
            target.name,
            path.display(),
        );
    }
}

#[test]
fn no_parser_breaks_whatever_it_is_given() {
    let (time, seed) = (Duration::from_secs(number("FUZZ_SECONDS", 1)), number("FUZZ_SEED", 1));
    let only = std::env::var("FUZZ_TARGET").ok();
    let chosen: Vec<&Target> = TARGETS.iter().filter(|t| only.as_ref().is_none_or(|only| only == t.name)).collect();
    assert!(!chosen.is_empty(), "there is no such target");
    if let Some(path) = std::env::var_os("FUZZ_INPUT") {
        let input = std::fs::read(path).unwrap();
        chosen.into_iter().for_each(|target| try_one(target, &input));
        return;
    }
    for target in chosen {
        target.examples.iter().for_each(|example| try_one(target, example.as_bytes()));
        let (mut dice, until, mut runs) = (fastrand::Rng::with_seed(seed), Instant::now() + time, 0_u64);
        while Instant::now() < until {
            let mut input = dice.choice(target.examples).unwrap().as_bytes().to_vec();
            mutate(&mut dice, target, &mut input);
            try_one(target, &input);
            runs += 1;
        }
        println!("{}: {runs} inputs in {time:?}, seed {seed}", target.name);
    }
    let _ = std::fs::remove_dir_all(scratch(""));
}

#[test]
fn what_learned_state_is_broken_from_is_taken_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path(), "http://127.0.0.1:8000/");
    let target = TARGETS.iter().find(|target| target.name == "learned_state").unwrap();
    std::fs::write(store.path(), target.examples[0]).unwrap();
    assert_eq!(store.load().unwrap().unwrap().fit(1_764_000_000_001), Ok(()));
}

#[test]
fn every_flag_is_among_those_that_are_broken() {
    // The names in the examples are names of the table, or the target would test nothing.
    let target = TARGETS.iter().find(|target| target.name == "flags").unwrap();
    for line in target.examples.iter().flat_map(|example| example.lines()) {
        let name = line.split('=').next().unwrap();
        assert!(table::find(name).is_some() || name.starts_with(table::PASS_THROUGH), "{name}");
    }
}
