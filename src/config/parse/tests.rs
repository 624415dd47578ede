use std::time::Duration;

use proptest::prelude::*;

use super::{is_broker, is_local, parse, redact_url};
use crate::{
    config::{
        flag::{Flag, Kind, Preset, Section},
        table,
        value::Value,
    },
    worker::settings::Target,
};

fn flag(kind: Kind) -> Flag {
    Flag { name: "X", section: Section::Queue, kind, preset: Preset::Required, doc: "", secret: false }
}

fn good(kind: Kind, text: &str) -> Value {
    parse(&flag(kind), text).unwrap_or_else(|fault| panic!("{text:?}: {fault:?}"))
}

/// What is wrong with `text`.
fn bad(kind: Kind, text: &str) -> String {
    match parse(&flag(kind), text) {
        Ok(value) => panic!("{text:?} was taken as {value:?}"),
        Err(fault) => {
            assert!(!fault.next.is_empty(), "{text:?} comes without a next step");
            fault.what
        }
    }
}

#[test]
fn booleans_are_four_pairs_of_words() {
    for text in ["true", "TRUE", "yes", "on", "1", " true "] {
        assert_eq!(good(Kind::Bool, text), Value::Bool(true));
    }
    for text in ["false", "No", "off", "0"] {
        assert_eq!(good(Kind::Bool, text), Value::Bool(false));
    }
    for text in ["", " ", "2", "y", "t", "truee", "nope"] {
        bad(Kind::Bool, text);
    }
}

#[test]
fn integers_are_digits_within_their_range() {
    let kind = Kind::int(1, 100, "records");
    assert_eq!(good(kind, "1"), Value::Int(1));
    assert_eq!(good(kind, "100"), Value::Int(100));
    assert_eq!(good(kind, " 007 "), Value::Int(7));
    for text in ["0", "101", "99999999999999999999999999"] {
        assert_eq!(bad(kind, text), "is out of range");
    }
    for text in ["-1", "+1", "1.0", "1e1", "0x10", "1_0", "ten", "1 0", "١"] {
        assert_eq!(bad(kind, text), "is not a whole number");
    }
}

#[test]
fn durations_have_a_unit() {
    let kind = Kind::duration(10, 3_600_000);
    let cases = [("250ms", 250), ("5s", 5000), ("1.5s", 1500), ("2m", 120_000), ("1h", 3_600_000), ("5 S", 5000)];
    for (text, ms) in cases {
        assert_eq!(good(kind, text), Value::Duration(Duration::from_millis(ms)), "{text}");
    }
    assert_eq!(bad(kind, "250"), "has no unit");
    for text in ["9ms", "2h", "999999999999999999999h", "0.000000001s"] {
        let what = bad(kind, text);
        assert!(what == "is out of range" || what == "is finer than a millisecond", "{text}: {what}");
    }
    for text in ["5x", "s", "-5s", ".5s", "5.s", "1.2.3s", "5ss", "5s5", "1e3s", "5µs", "infs"] {
        assert_eq!(bad(kind, text), "is not a duration", "{text}");
    }
}

#[test]
fn a_bare_number_is_milliseconds_where_the_name_says_so() {
    let kind = Kind::millis(0, 60_000);
    assert_eq!(good(kind, "25"), Value::Duration(Duration::from_millis(25)));
    assert_eq!(good(kind, "0"), Value::Duration(Duration::ZERO));
    assert_eq!(good(kind, "25ms"), Value::Duration(Duration::from_millis(25)));
    assert_eq!(good(kind, "1s"), Value::Duration(Duration::from_secs(1)));
    assert_eq!(bad(kind, "2.5"), "is finer than a millisecond");
    assert_eq!(bad(kind, "60001"), "is out of range");
    for flag in table::all() {
        let bare = matches!(flag.kind, Kind::Duration { bare: true, .. });
        let name = flag.name.trim_end_matches("_MIN").trim_end_matches("_MAX");
        assert_eq!(bare, name.ends_with("_MS"), "{}", flag.name);
    }
}

#[test]
fn sizes_are_binary_or_decimal_and_never_in_doubt() {
    let kind = Kind::size(1, 64 << 30);
    let cases = [
        ("64KiB", 64 << 10),
        ("10MB", 10_000_000),
        ("1.5MiB", 1_572_864),
        ("1gib", 1 << 30),
        ("2 kB", 2000),
        ("4096", 4096),
        ("7B", 7),
    ];
    for (text, bytes) in cases {
        assert_eq!(good(kind, text), Value::Size(bytes), "{text}");
    }
    assert_eq!(bad(kind, "64K"), "has a unit that can be read two ways");
    assert_eq!(bad(kind, "1.5"), "is not a whole number of bytes");
    assert_eq!(bad(kind, "0"), "is out of range");
    assert_eq!(bad(kind, "65GiB"), "is out of range");
    assert_eq!(bad(kind, "99999999999999999999999GiB"), "is out of range");
    for text in ["KiB", "1XB", "-1KiB", "1,5MB", "0x10"] {
        assert_eq!(bad(kind, text), "is not a size", "{text}");
    }
}

#[test]
fn percentages_may_say_so() {
    let kind = Kind::percent(1.0, 100.0);
    for (text, pct) in [("80", 80.0), ("80%", 80.0), ("80 %", 80.0), ("0099.5", 99.5), ("1", 1.0), ("100", 100.0)] {
        assert_eq!(good(kind, text), Value::Percent(pct), "{text}");
    }
    for text in ["0", "0.99", "100.1", "1000%"] {
        assert_eq!(bad(kind, text), "is out of range", "{text}");
    }
    for text in ["%", "inf", "NaN", "-1", "8e1", "80%%", "eighty"] {
        assert_eq!(bad(kind, text), "is not a percentage", "{text}");
    }
}

#[test]
fn words_are_taken_in_any_case_and_no_other_word_is() {
    let kind = Kind::Words(&["none", "key"]);
    assert_eq!(good(kind, "KEY"), Value::Word("key"));
    assert_eq!(bad(kind, "keys"), "is not one of its words");
}

#[test]
fn lists_have_no_empty_entries() {
    assert_eq!(good(Kind::List, "a, b,c"), Value::List(vec!["a".into(), "b".into(), "c".into()]));
    for text in [",", "a,", ",a", "a,,b"] {
        assert_eq!(bad(Kind::List, text), "has an empty entry");
    }
}

#[test]
fn a_zero_byte_goes_nowhere() {
    assert_eq!(bad(Kind::Text, "a\0b"), "has a zero byte in it");
}

#[test]
fn urls_are_http_or_a_unix_socket() {
    let tcp = |host: &str, port, path: &str| Value::Url(Target::Tcp { host: host.into(), port, path: path.into() });
    let unix = |socket: &str, path: &str| Value::Url(Target::Unix { socket: socket.into(), path: path.into() });
    let cases = [
        ("http://127.0.0.1:8000/predict", tcp("127.0.0.1", 8000, "/predict")),
        ("HTTP://localhost", tcp("localhost", 80, "/")),
        ("http://localhost:1?a=b", tcp("localhost", 1, "/?a=b")),
        ("http://localhost:1/p?a=b:c/d", tcp("localhost", 1, "/p?a=b:c/d")),
        ("http://[::1]:8000/", tcp("::1", 8000, "/")),
        ("http://[::1]", tcp("::1", 80, "/")),
        ("unix:/run/w.sock", unix("/run/w.sock", "/")),
        ("unix:/run/w.sock:/v1/predict?x=1", unix("/run/w.sock", "/v1/predict?x=1")),
        ("unix:///run/w.sock:/p", unix("/run/w.sock", "/p")),
    ];
    for (text, target) in cases {
        assert_eq!(good(Kind::Url, text), target, "{text}");
    }
}

#[test]
fn urls_that_cannot_be_called_say_why() {
    let cases = [
        ("https://localhost/", "https"),
        ("ftp://localhost/", "scheme"),
        ("http://user:pw@localhost/", "credentials"),
        ("http://localhost/#top", "fragment"),
        ("http://local host/", "blanks"),
        ("http://localhost/\u{e4}", "characters"),
        ("localhost:8000", "not a URL"),
        ("http://", "host and port"),
        ("http://:80/", "host and port"),
        ("http://localhost:0/", "host and port"),
        ("http://localhost:65536/", "host and port"),
        ("http://localhost:+80/", "host and port"),
        ("http://localhost:/", "host and port"),
        ("http://[::1/", "host and port"),
        ("http://[nonsense]:80/", "host and port"),
        ("http://[::1]80/", "host and port"),
        ("http://a:b:c/", "host and port"),
        ("unix:", "socket"),
        ("unix:/", "socket"),
        ("unix:run/w.sock", "socket"),
        ("unix://run/w.sock", "socket"),
    ];
    for (text, part) in cases {
        let what = bad(Kind::Url, text);
        assert!(what.contains(part), "{text}: {what}");
    }
}

#[test]
fn local_is_loopback_by_address_or_by_the_one_name() {
    let local = |url: &str| match good(Kind::Url, url) {
        Value::Url(target) => is_local(&target),
        other => panic!("{other:?}"),
    };
    for url in [
        "http://127.0.0.1",
        "http://127.9.9.9",
        "http://[::1]",
        "http://LOCALHOST",
        "unix:/s",
        "http://[::ffff:127.0.0.1]",
    ] {
        assert!(local(url), "{url}");
    }
    for url in [
        "http://10.0.0.1",
        "http://worker",
        "http://0.0.0.0",
        "http://localhost.example",
        "http://[::]",
        "http://127.1",
    ] {
        assert!(!local(url), "{url}");
    }
}

#[test]
fn addresses_to_listen_on_are_numbers_or_localhost() {
    for (text, address) in
        [("127.0.0.1:9464", "127.0.0.1:9464"), ("[::1]:0", "[::1]:0"), ("localhost:80", "127.0.0.1:80")]
    {
        assert_eq!(good(Kind::Address, text), Value::Address(address.parse().unwrap()));
    }
    for text in ["9464", ":9464", "127.0.0.1", "host:1", "127.0.0.1:65536", "::1:80:", "localhost:x"] {
        bad(Kind::Address, text);
    }
}

#[test]
fn brokers_are_host_and_perhaps_port() {
    for entry in ["b:9092", "b", "PLAINTEXT://b:9092", "10.0.0.1:9092", "[::1]:9092", "[fe80::1%eth0]"] {
        assert!(is_broker(entry), "{entry}");
    }
    for entry in ["b:", "b:0", "b:x", ":9092", "a b:9092", "b:9092/x", "b:1:2", "[::1]x", "http://u@b:1"] {
        assert!(!is_broker(entry), "{entry}");
    }
}

#[test]
fn a_url_is_shown_without_credentials_and_query() {
    let cases = [
        ("http://127.0.0.1:8000/p", "http://127.0.0.1:8000/p"),
        ("http://127.0.0.1/p?key=canary", "http://127.0.0.1/p?***"),
        ("http://user:canary@h/p", "http://***@h/p"),
        ("http://user:can?ary@h/p?canary", "http://***@h/p?***"),
        ("http://user:can/ary@h", "http://***@h"),
        ("user:canary@h", "***@h"),
        ("user:canary://x@h", "***@h"),
    ];
    for (text, shown) in cases {
        assert_eq!(redact_url(text), shown);
    }
}

/// Texts that come near to what the parsers take.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9.]{0,30}[ %a-zA-Z]{0,4}",
        "(http|https|unix|HTTP)?:?/{0,3}[\\[\\]@:?#/.a-z0-9%]{0,30}",
        "[-+,0-9a-z:\\[\\]. \u{0}\u{e4}]{0,30}",
    ]
}

proptest! {
    #[test]
    fn no_text_panics_and_every_fault_has_a_next_step(text in text()) {
        for flag in table::all() {
            if let Err(fault) = parse(flag, &text) {
                prop_assert!(!fault.what.is_empty() && !fault.next.is_empty());
            }
        }
        is_broker(&text);
        redact_url(&text);
    }

    #[test]
    fn whatever_is_taken_is_within_the_range(text in text()) {
        for flag in table::all() {
            match (parse(flag, &text), flag.kind) {
                (Ok(Value::Int(n)), Kind::Int { min, max, .. }) => prop_assert!((min..=max).contains(&n)),
                (Ok(Value::Size(n)), Kind::Size { min, max }) => prop_assert!((min..=max).contains(&n)),
                (Ok(Value::Percent(p)), Kind::Percent { min, max }) => prop_assert!((min..=max).contains(&p)),
                (Ok(Value::Duration(d)), Kind::Duration { min, max, .. }) => {
                    prop_assert!((u128::from(min)..=u128::from(max)).contains(&d.as_millis()));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn what_stands_before_the_last_at_sign_is_never_shown(secret in "CANARY[!-?A-~]{0,10}") {
        let url = format!("http://user:{secret}@host/path");
        prop_assert!(!redact_url(&url).contains("CANARY"));
    }
}
