use hyper::header::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

fn heard(headers: &[(&'static str, &[u8])]) -> Told {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
    }
    told(&map)
}

/// What `Server-Timing` says of queue and service, in microseconds.
fn timing(line: &str) -> (Option<u128>, Option<u128>) {
    let told = heard(&[("server-timing", line.as_bytes())]);
    (told.queued.map(|time| time.as_micros()), told.worked.map(|time| time.as_micros()))
}

#[test]
fn server_timing_is_read_as_the_grammar_has_it() {
    for (line, queue, service) in [
        ("queue;dur=12.3, service;dur=45", Some(12_300), Some(45_000)),
        ("service;dur=45,queue;dur=0", Some(0), Some(45_000)),
        (" queue ; dur = 1 ,\tservice\t;\tdur\t=\t2 ", Some(1000), Some(2000)),
        ("service;desc=\"a, b; dur=9\";dur=7", None, Some(7000)),
        ("service;desc=\"a \\\" ,queue;dur=9\";dur=7", None, Some(7000)),
        ("service;dur=\"7.5\"", None, Some(7500)),
        ("service;DUR=7", None, Some(7000)),
        ("cache;desc=hit, db;dur=53, service;dur=1e2", None, Some(100_000)),
        ("service, service;dur=3, service;dur=4", None, Some(3000)),
        ("service;dur=3;dur=4", None, Some(3000)),
        (",,;,service;dur=3,,", None, Some(3000)),
        ("service;dur=86400000", None, Some(86_400_000_000)),
    ] {
        assert_eq!(timing(line), (queue, service), "{line}");
    }
}

#[test]
fn a_time_that_is_none_is_as_good_as_not_sent() {
    for value in [
        "", "-1", "-0.001", "nan", "NaN", "inf", "infinity", "1e999", "86400001", "1e300", "ten", "0x10", "1 2", "\"7",
        "'7'", "\"\"",
    ] {
        let line = format!("service;dur={value}");
        assert_eq!(timing(&line).1, None, "{line}");
    }
    for line in
        ["service", "service;", "service;dur", "service=5", "service;duration=5", "Service;dur=5", "\"service\";dur=5"]
    {
        assert_eq!(timing(line), (None, None), "{line}");
    }
    // The first parameter of a name counts, good or not; an open quote takes the rest of its line with it.
    assert_eq!(timing("service;dur=x;dur=5"), (None, None));
    assert_eq!(timing("queue;dur=1;desc=\"open, service;dur=5"), (Some(1000), None));
}

#[test]
fn several_header_lines_are_one_list() {
    let lines: [(&str, &[u8]); 3] =
        [("server-timing", b"db;dur=1"), ("server-timing", b"queue;dur=2"), ("server-timing", b"service;dur=3")];
    let told = heard(&lines);
    assert_eq!((told.queued, told.worked), (Some(Duration::from_millis(2)), Some(Duration::from_millis(3))));
    let after_many = "x,".repeat(METRICS_MAX) + "service;dur=3";
    assert_eq!(timing(&after_many), (None, None));
}

#[test]
fn a_capacity_is_a_whole_number_within_reason() {
    for (value, capacity) in
        [("1", Some(1)), (" 8 ", Some(8)), ("65536", Some(65_536)), ("65537", None), ("0", None), ("-1", None)]
    {
        assert_eq!(heard(&[("x-capacity", value.as_bytes())]).capacity, capacity, "{value:?}");
    }
    for value in ["", "2.5", "four", "4294967296", "99999999999999999999999", "8 batches", "\"8\""] {
        assert_eq!(heard(&[("x-capacity", value.as_bytes())]).capacity, None, "{value:?}");
    }
}

#[test]
fn a_model_version_is_any_bytes_and_its_hash_is_the_same_in_every_build() {
    let model = |value: &[u8]| heard(&[("x-model-version", value)]).model;
    // Test vectors of FNV-1a, 64 bit.
    assert_eq!(model(b"a"), Some(0xaf63_dc4c_8601_ec8c));
    assert_eq!(model(b"foobar"), Some(0x8594_4171_f739_67e8));
    assert_eq!(model(b" foobar "), model(b"foobar"));
    assert_ne!(model(b"v1"), model(b"v2"));
    assert!(model(b"\xff\xfe \xe4").is_some());
    assert_eq!((model(b""), model(b"  ")), (None, None));
}

proptest! {
    #[test]
    fn garbage_never_panics_and_never_leaves_its_bounds(
        lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..5),
        shaped in proptest::collection::vec("(queue|service|x)?(;| |=|,|\"|\\\\|dur|dur=|[0-9.eE+-]{1,8}|nan|inf){0,12}", 0..5),
        capacity in "[0-9]{0,12}|.{0,8}",
    ) {
        let mut map = HeaderMap::new();
        for line in lines.iter().map(Vec::as_slice).chain(shaped.iter().map(String::as_bytes)) {
            if let Ok(value) = HeaderValue::from_bytes(line) {
                for name in ["server-timing", "x-model-version", "x-capacity"] {
                    map.append(name, value.clone());
                }
            }
        }
        if let Ok(value) = HeaderValue::from_bytes(capacity.as_bytes()) {
            map.insert("x-capacity", value);
        }
        let told = told(&map);
        let most = Duration::from_secs(86_400);
        prop_assert!(told.worked.is_none_or(|time| time <= most) && told.queued.is_none_or(|time| time <= most));
        prop_assert!(told.capacity.is_none_or(|capacity| (1..=CAPACITY_MAX).contains(&capacity)));
    }

    #[test]
    fn what_a_worker_measured_arrives_to_the_microsecond(queue in 0_u32..86_400_000, service in 0_u32..86_400_000) {
        let line = format!("queue;dur={queue};desc=\"waited, {service}\", service;dur={service}.125");
        let (queued, worked) = timing(&line);
        prop_assert_eq!(queued, Some(u128::from(queue) * 1000));
        prop_assert!(worked.is_some_and(|us| us.abs_diff(u128::from(service) * 1000 + 125) <= 1));
    }
}
