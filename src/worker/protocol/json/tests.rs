//! The envelope read back by serde_json, and by eye once.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use serde_json::{Value, json, value::RawValue};

use super::*;
use crate::{
    engine::event::BatchId,
    record::{PartitionId, PayloadBuilder},
    time::UnixMillis,
    worker::protocol::headers::METADATA_HEADERS_MAX,
};

type Header<'a> = (&'a [u8], Option<&'a [u8]>);

fn record(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header<'_>]) -> Record {
    let mut payload = PayloadBuilder::with_capacity(key, value, 0);
    for (name, value) in headers {
        payload.header(name, *value);
    }
    Record::new(PartitionId(0), 3, 1234, 1_700_000_000_000, payload.finish())
}

fn batch(records: Vec<Record>) -> Batch {
    Batch { id: BatchId(7), topic: Arc::from("orders"), records, not_after: None, timeout: Duration::from_secs(1) }
}

fn encoded(record: Record, format: ValueFormat) -> Value {
    let encoded = encode(&batch(vec![record]), "b-7", format);
    serde_json::from_slice(&encoded.body).unwrap()
}

fn entry(record: Record) -> Value {
    encoded(record, ValueFormat::Auto)["entries"][0].take()
}

#[test]
fn the_envelope_is_the_one_in_the_docs() {
    let docs = include_str!("../../../../docs/WORKER.md");
    let example = docs.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let headers: [Header<'_>; 3] = [
        (b"tenant", Some(b"blue")),
        (b"flag", None),
        (b"traceparent", Some(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
    ];
    let mut record = record(Some(b"customer-4711"), Some(br#"{"qty": 3, "price": 12.950}"#), &headers);
    record.notes.deadline = Some(UnixMillis(1_700_000_005_000));
    let encoded = encode(&batch(vec![record]), "9d1c0a5b7e3f2468-42", ValueFormat::Auto);
    let (ours, theirs): (Value, Value) =
        (serde_json::from_slice(&encoded.body).unwrap(), serde_json::from_str(example).unwrap());
    // The docs show the trace once, to be short.
    let mut ours_short = ours.clone();
    ours_short["entries"][0]["headers"].as_array_mut().unwrap().pop();
    ours_short["entries"][0]["metadata"].as_object_mut().unwrap().remove("traceparent");
    assert_eq!(ours_short, theirs);
    assert!(encoded.body.ends_with(br#""event":{"qty": 3, "price": 12.950}}]}"#), "byte for byte");
}

#[test]
fn what_is_absent_is_left_out() {
    let mut bare = record(None, Some(b"1"), &[]);
    bare.timestamp = -1;
    let entry = entry(bare);
    let names: Vec<_> = entry.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["attempt", "contentType", "entryId", "event", "metadata", "offset", "partition"]);
    assert_eq!(entry["metadata"], json!({"__topic": "orders", "__partition": "3", "__offset": "1234"}));
}

#[test]
fn a_tombstone_is_null_without_a_content_type_in_every_format() {
    for format in [ValueFormat::Auto, ValueFormat::Json, ValueFormat::Binary] {
        let entry = encoded(record(None, None, &[]), format)["entries"][0].take();
        assert_eq!(entry["event"], Value::Null);
        assert_eq!(entry.get("contentType"), None);
    }
}

#[test]
fn a_value_that_is_not_json_travels_as_base64() {
    for value in [&b""[..], b"{\"a\":", b"\xff\xfe", b"plain text"] {
        let entry = entry(record(None, Some(value), &[]));
        assert_eq!(entry["event"], json!(STANDARD.encode(value)));
        assert_eq!(entry["contentType"], "application/octet-stream");
    }
}

#[test]
fn the_producers_content_type_is_kept_for_base64_unless_it_says_json() {
    let named = |name: &'static [u8], content_type: &'static [u8]| {
        entry(record(None, Some(b"\xff"), &[(name, Some(content_type))]))["contentType"].clone()
    };
    assert_eq!(named(b"Content-Type", b"image/png"), "image/png");
    for refused in [&b"application/json"[..], b"application/vnd.x+JSON", b"png", b"a/\r\nb", b"a/\xff", &[b'/'; 200]] {
        assert_eq!(named(b"content-type", refused), "application/octet-stream");
    }
    let json_value = entry(record(None, Some(b"1"), &[(b"content-type", Some(b"image/png"))]));
    assert_eq!(json_value["contentType"], "application/json");
}

#[test]
fn binary_format_sends_json_as_base64_too() {
    let entry = encoded(record(None, Some(b"{}"), &[]), ValueFormat::Binary)["entries"][0].take();
    assert_eq!((&entry["event"], &entry["contentType"]), (&json!("e30="), &json!("application/octet-stream")));
}

#[test]
fn json_format_leaves_out_what_is_undecodable_and_says_where() {
    let values: [&[u8]; 4] = [b"{\"a\":}", b"1", b"", b"2"];
    let records = values.into_iter().map(|value| record(None, Some(value), &[])).collect();
    let encoded = encode(&batch(records), "b-7", ValueFormat::Json);
    assert_eq!((encoded.undecodable, encoded.first_offence), (vec![0, 2], Some(5)));
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let events: Vec<_> = body["entries"].as_array().unwrap().iter().map(|entry| &entry["event"]).collect();
    assert_eq!(events, [&json!(1), &json!(2)]);
}

#[test]
fn a_key_that_is_not_text_travels_as_base64_under_its_own_name() {
    let entry = entry(record(Some(b"\xff\x00"), Some(b"1"), &[]));
    assert_eq!(entry["keyBase64"], "/wA=");
    assert_eq!((entry.get("key"), entry["metadata"].get("__key")), (None, None));
}

#[test]
fn headers_keep_their_order_and_repeats_and_metadata_keeps_the_last() {
    let headers: [Header<'_>; 6] = [
        (b"a", Some(b"1")),
        (b"\xff", Some(b"raw name")),
        (b"a", Some(b"2")),
        (b"b", Some(b"\xfe")),
        (b"__offset", Some(b"forged")),
        (b"", None),
    ];
    let entry = entry(record(None, Some(b"1"), &headers));
    assert_eq!(entry["headers"], json!([["a", "1"], ["a", "2"], ["__offset", "forged"], ["", null]]));
    assert_eq!(entry["headersBase64"], json!([["/w==", "cmF3IG5hbWU="], ["Yg==", "/g=="]]));
    assert_eq!(
        entry["metadata"],
        json!({"__topic": "orders", "__partition": "3", "__offset": "1234", "__timestamp": "1700000000000",
               "a": "2", "": ""})
    );
}

#[test]
fn too_many_headers_stay_out_of_metadata_only() {
    let names: Vec<_> = (0..=METADATA_HEADERS_MAX).map(|n| n.to_string()).collect();
    let headers: Vec<Header<'_>> = names.iter().map(|name| (name.as_bytes(), None)).collect();
    let all = entry(record(None, Some(b"1"), &headers));
    assert_eq!(all["headers"].as_array().unwrap().len(), METADATA_HEADERS_MAX + 1);
    assert_eq!(all["metadata"].get("0"), None);
    let fewer = entry(record(None, Some(b"1"), &headers[1..]));
    assert_eq!(fewer["metadata"]["1"], "");
}

#[test]
fn only_a_valid_traceparent_is_lifted_out_of_the_headers() {
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let lifted = |values: &[&str]| {
        let headers: Vec<Header<'_>> =
            values.iter().map(|value| (&b"traceparent"[..], Some(value.as_bytes()))).collect();
        entry(record(None, Some(b"1"), &headers)).get("traceparent").cloned()
    };
    assert_eq!(lifted(&[good]), Some(json!(good)));
    assert_eq!(lifted(&["nonsense", good, "nonsense"]), Some(json!(good)));
    for bad in [
        "",
        &good[1..],
        &good.to_uppercase(),
        &good.replacen("00-", "ff-", 1),
        &good.replace('-', "_"),
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
    ] {
        assert_eq!(lifted(&[bad]), None, "{bad}");
    }
}

#[test]
fn line_breaks_and_quotes_in_what_a_producer_wrote_stay_inside_their_strings() {
    let nasty = b"\r\nx-evil: 1\r\n\r\n\"],\"entries\":[{\"\\\x00";
    let entry = entry(record(Some(nasty), Some(b"1"), &[(nasty, Some(nasty))]));
    let text = std::str::from_utf8(nasty).unwrap();
    assert_eq!(entry["key"], text);
    assert_eq!(entry["headers"], json!([[text, text]]));
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..max),
        any::<String>().prop_map(String::into_bytes),
        any::<Option<(i64, String)>>().prop_map(|v| serde_json::to_vec(&json!({"v": v})).unwrap()),
    ]
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow)]
    entries: Vec<Entry<'a>>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    entry_id: String,
    key: Option<String>,
    key_base64: Option<String>,
    #[serde(default)]
    headers: Vec<(String, Option<String>)>,
    #[serde(default)]
    headers_base64: Vec<(String, Option<String>)>,
    content_type: Option<String>,
    #[serde(borrow)]
    event: &'a RawValue,
    #[allow(dead_code)] // it has to be a string map, whatever the headers are called
    metadata: std::collections::BTreeMap<String, String>,
}

proptest! {
    #[test]
    fn any_record_comes_back_as_it_was_produced(
        key in prop::option::of(bytes(40)),
        value in prop::option::of(bytes(200)),
        headers in prop::collection::vec((bytes(20), prop::option::of(bytes(40))), 0..6),
        format in prop::sample::select(vec![ValueFormat::Auto, ValueFormat::Binary]),
        topic in "[a-zA-Z0-9._-]{1,20}|.*",
        number: i32,
        offset: i64,
    ) {
        let borrowed: Vec<Header<'_>> = headers.iter().map(|(n, v)| (&n[..], v.as_deref())).collect();
        let mut record = record(key.as_deref(), value.as_deref(), &borrowed);
        (record.number, record.offset) = (number, offset);
        let mut batch = batch(vec![record.clone(), record]);
        batch.topic = Arc::from(topic.as_str());
        let encoded = encode(&batch, "b-7", format);
        let envelope: Envelope<'_> = serde_json::from_slice(&encoded.body).unwrap();
        prop_assert_eq!(envelope.entries.len(), 2);
        let entry = &envelope.entries[1];
        prop_assert_eq!(&entry.entry_id, &format!("{topic}-{number}-{offset}"));

        let came_back = match (&entry.key, &entry.key_base64) {
            (Some(text), None) => Some(text.clone().into_bytes()),
            (None, Some(base64)) => Some(STANDARD.decode(base64).unwrap()),
            (None, None) => None,
            both => return Err(TestCaseError::fail(format!("{both:?}"))),
        };
        prop_assert_eq!(came_back, key);

        let is_text = |(name, value): &&(Vec<u8>, Option<Vec<u8>>)| {
            std::str::from_utf8(name).is_ok() && value.as_ref().is_none_or(|v| std::str::from_utf8(v).is_ok())
        };
        let text: Vec<_> =
            entry.headers.iter().map(|(n, v)| (n.clone().into_bytes(), v.clone().map(String::into_bytes))).collect();
        let decode = |s: &String| STANDARD.decode(s).unwrap();
        let binary: Vec<_> = entry.headers_base64.iter().map(|(n, v)| (decode(n), v.as_ref().map(decode))).collect();
        prop_assert_eq!(text, headers.iter().filter(is_text).cloned().collect::<Vec<_>>());
        prop_assert_eq!(binary, headers.iter().filter(|h| !is_text(h)).cloned().collect::<Vec<_>>());

        match (value, entry.content_type.as_deref()) {
            (None, content_type) => {
                prop_assert_eq!((entry.event.get(), content_type), ("null", None));
            }
            (Some(value), Some("application/json")) => {
                prop_assert_eq!(format, ValueFormat::Auto);
                prop_assert_eq!(entry.event.get(), std::str::from_utf8(&value).unwrap().trim_matches([' ', '\n', '\r', '\t']));
            }
            (Some(value), content_type) => {
                prop_assert!(content_type.is_some());
                prop_assert!(format == ValueFormat::Binary || validity::check(&value).is_err());
                prop_assert_eq!(serde_json::from_str::<String>(entry.event.get()).unwrap(), STANDARD.encode(value));
            }
        }
    }
}
