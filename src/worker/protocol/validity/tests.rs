//! The check against serde_json, which is the second opinion: they differ only where the module says so.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

/// What serde_json says, without building anything and without our three promises.
fn second_opinion(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok() && serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

#[test]
fn values_of_every_kind_are_json() {
    for good in [
        "null",
        "true",
        "false",
        "0",
        "-0",
        "12",
        "-1.5e+9",
        "1E2",
        "0.0",
        "\"\"",
        "\"a\\n\\u00e9\\uD83D\\uDE00\"",
        "[]",
        "{}",
        " [ 1 , 2 ] ",
        "{\"a\":{\"b\":[{}]}}",
        "\n{ \"k\" : \"v\" }\t",
        "1e999",
        "\"é\u{7f}\"",
    ] {
        assert_eq!(check(good.as_bytes()), Ok(()), "{good}");
    }
}

#[test]
fn what_is_not_json_is_refused_where_it_goes_wrong() {
    for (bad, at) in [
        ("", 0),
        (" ", 1),
        ("nul", 0),
        ("01", 1),
        ("1.", 2),
        ("-", 1),
        ("+1", 0),
        (".5", 0),
        ("1e", 2),
        ("NaN", 0),
        ("\"", 1),
        ("\"a\nb\"", 2),
        ("\"\\x\"", 2),
        ("'a'", 0),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("{\"a\"}", 4),
        ("{\"a\":1,}", 7),
        ("{a:1}", 1),
        ("[1}", 2),
        ("{}}", 2),
        ("1 2", 2),
        ("\u{feff}1", 0),
        ("[", 1),
        ("]", 0),
        ("{\"a\":}", 5),
        ("true false", 5),
    ] {
        assert_eq!(check(bad.as_bytes()), Err(at), "{bad}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_refused() {
    assert_eq!(check(b"\"\xff\""), Err(1));
    assert_eq!(check(b"\"\xc3\""), Err(1));
}

#[test]
fn half_a_surrogate_pair_is_refused() {
    for bad in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\ud800""#, r#""\ud800x""#, r#""\ud800\n""#, r#""\u12g4""#] {
        assert!(check(bad.as_bytes()).is_err(), "{bad}");
    }
    assert_eq!(check(br#""\ud83d\ude00""#), Ok(()));
}

#[test]
fn nesting_ends_at_the_limit_and_never_overflows_a_stack() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(check(nested(DEPTH_MAX as usize).as_bytes()), Ok(()));
    assert!(check(nested(DEPTH_MAX as usize + 1).as_bytes()).is_err());
    assert!(check("[".repeat(1_000_000).as_bytes()).is_err());
    assert!(check("{\"a\":".repeat(1_000_000).as_bytes()).is_err());
}

/// JSON of every shape, as text, with white space where it may be.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| format!("{f:e}")),
        any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|v| format!("[{}]", v.join(" , "))),
            prop::collection::vec((any::<String>(), inner), 0..6).prop_map(|v| {
                let fields: Vec<_> =
                    v.iter().map(|(k, v)| format!("{}\t:\n{v}", serde_json::to_string(k).unwrap())).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_is_json_is_accepted(text in json_text()) {
        prop_assert_eq!(check(text.as_bytes()), Ok(()));
    }

    #[test]
    fn one_changed_byte_gets_the_same_verdict_from_both(
        text in json_text(),
        at: prop::sample::Index,
        byte in prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:\\0123456789eE+-.utfn \n\t".to_vec())],
        how in 0..3,
    ) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        // A lone surrogate is the one thing this can make that only we refuse.
        let lone = check(&bytes).is_err() && second_opinion(&bytes);
        prop_assert!(check(&bytes).is_ok() == second_opinion(&bytes) || (lone && bytes.contains(&b'\\')));
    }

    #[test]
    fn scraps_of_json_get_the_same_verdict_from_both(
        scraps in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\\", "\\\"", "0", "-", "1.5", "e", "E+", "true", "fals", "null", " ", "\n", "\u{1}", "é",
        ]), 0..12),
    ) {
        let text = scraps.concat();
        prop_assert_eq!(check(text.as_bytes()).is_ok(), second_opinion(text.as_bytes()), "{}", text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let ours = check(&bytes).is_ok();
        prop_assert!(!ours || second_opinion(&bytes));
    }
}
