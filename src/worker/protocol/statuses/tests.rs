use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    engine::event::BatchId,
    record::{PartitionId, Payload},
};
use Verdict::{Drop, Retry, Success, Undecodable};

/// Records `orders-1-0`, `orders-1-1` and so on.
fn batch(len: i64) -> Batch {
    let record = |offset| Record::new(PartitionId(0), 1, offset, -1, Payload::new(None, Some(b"1")));
    Batch {
        id: BatchId(1),
        topic: Arc::from("orders"),
        records: (0..len).map(record).collect(),
        not_after: None,
        timeout: Duration::ZERO,
    }
}

fn answer(entries: &[(&str, &str)]) -> String {
    let entries: Vec<_> =
        entries.iter().map(|(id, status)| format!(r#"{{"entryId":"{id}","status":"{status}"}}"#)).collect();
    format!(r#"{{"statuses":[{}]}}"#, entries.join(","))
}

fn verdicts(len: i64, entries: &[(&str, &str)]) -> Vec<Verdict> {
    read(answer(entries).as_bytes(), &batch(len), &[]).unwrap().verdicts
}

#[test]
fn every_entry_gets_its_own_verdict_in_whatever_order_they_come() {
    let in_order = [("orders-1-0", "SUCCESS"), ("orders-1-1", "RETRY"), ("orders-1-2", "DROP")];
    assert_eq!(verdicts(3, &in_order), [Success, Retry, Drop]);
    let mut reversed = in_order;
    reversed.reverse();
    assert_eq!(verdicts(3, &reversed), [Success, Retry, Drop]);
}

#[test]
fn an_entry_without_an_answer_is_tried_again() {
    let read = read(answer(&[("orders-1-1", "SUCCESS")]).as_bytes(), &batch(3), &[]).unwrap();
    assert_eq!(read.verdicts, [Retry, Success, Retry]);
    assert_eq!(read.oddities, Oddities { missing: 2, ..Oddities::default() });
    assert_eq!(verdicts(2, &[]), [Retry, Retry]);
}

#[test]
fn an_id_of_another_batch_is_ignored_and_counted() {
    for id in [
        "",
        "orders",
        "orders-1",
        "orders-1-9",
        "orders-2-0",
        "other-1-0",
        "orders-1-00",
        "orders-1-+0",
        "Orders-1-0",
        "orders-1-0-",
        "orders-1--0",
    ] {
        let read = read(answer(&[(id, "DROP")]).as_bytes(), &batch(1), &[]).unwrap();
        assert_eq!(read.verdicts, [Retry], "{id}");
        assert_eq!(read.oddities.unknown_ids, 1);
        assert_eq!(read.oddities.unknown_id.as_deref(), Some(&*format!("{id:?}")));
    }
}

#[test]
fn a_status_that_is_not_one_of_the_three_words_is_tried_again() {
    for status in ["", "success", "OK", "SUCCESS ", "\\u0000"] {
        let read = read(answer(&[("orders-1-0", status)]).as_bytes(), &batch(1), &[]).unwrap();
        assert_eq!((read.verdicts, read.oddities.unknown_statuses), (vec![Retry], 1), "{status}");
    }
    for body in [
        r#"{"statuses":[{"entryId":"orders-1-0"}]}"#,
        r#"{"statuses":[{"entryId":"orders-1-0","status":null}]}"#,
        r#"{"statuses":[{"entryId":"orders-1-0","status":{"a":[1]}}]}"#,
    ] {
        let read = read(body.as_bytes(), &batch(1), &[]).unwrap();
        assert_eq!((read.verdicts, read.oddities.unknown_statuses), (vec![Retry], 1), "{body}");
    }
}

#[test]
fn of_several_answers_for_one_entry_the_least_final_counts_in_any_order() {
    let twice = |a, b| verdicts(1, &[("orders-1-0", a), ("orders-1-0", b)]);
    for (a, b, expected) in [
        ("SUCCESS", "SUCCESS", Success),
        ("SUCCESS", "DROP", Drop),
        ("SUCCESS", "RETRY", Retry),
        ("DROP", "RETRY", Retry),
    ] {
        assert_eq!(twice(a, b), [expected]);
        assert_eq!(twice(b, a), [expected]);
    }
}

#[test]
fn results_further_fields_and_escapes_are_tolerated() {
    let body = r#" {"took": 3, "statuses": [
        {"result": {"statuses": [1, {"entryId": "orders-1-1"}]}, "entryId": "orders-1-\u0030", "status": "SUCCESS"},
        {"status": "DROP", "entryId": "orders-1-1", "error": "no"}], "more": [[]]} "#;
    assert_eq!(read(body.as_bytes(), &batch(2), &[]).unwrap().verdicts, [Success, Drop]);
}

#[test]
fn entries_that_were_not_sent_stay_undecodable_whatever_the_answer_says() {
    let body = answer(&[("orders-1-0", "SUCCESS"), ("orders-1-1", "SUCCESS"), ("orders-1-2", "SUCCESS")]);
    let read = read(body.as_bytes(), &batch(3), &[1]).unwrap();
    assert_eq!(read.verdicts, [Success, Undecodable, Success]);
    assert_eq!((read.oddities.unknown_ids, read.oddities.missing), (1, 0));
}

#[test]
fn any_other_shape_is_an_error_that_says_what_is_wrong() {
    for (body, what) in [
        ("{}", "missing field `statuses`"),
        ("[]", "expected an object with `statuses`"),
        ("1", "expected an object with `statuses`"),
        ("\"OK\"", "expected an object with `statuses`"),
        ("ok", "expected value"),
        (r#"{"statuses":null}"#, "expected a list of statuses"),
        (r#"{"statuses":{}}"#, "expected a list of statuses"),
        (r#"{"statuses":["SUCCESS"]}"#, "expected an object with `entryId`"),
        (r#"{"statuses":[["orders-1-0","SUCCESS"]]}"#, "expected an object with `entryId`"),
        (r#"{"statuses":[]} x"#, "trailing characters"),
        (r#"{"statuses":["#, "EOF"),
    ] {
        let error = read(body.as_bytes(), &batch(1), &[]).unwrap_err().to_string();
        assert!(error.contains(what), "{body}: {error}");
    }
}

#[test]
fn a_deeply_nested_result_does_not_overflow_the_stack() {
    let deep = "[".repeat(500_000);
    let body = format!(r#"{{"statuses":[{{"entryId":"orders-1-0","status":"SUCCESS","result":{deep}"#);
    assert!(read(body.as_bytes(), &batch(1), &[]).is_err());
    let closed = format!("{body}{}}}]}}", "]".repeat(500_000));
    assert_eq!(read(closed.as_bytes(), &batch(1), &[]).unwrap().verdicts, [Success]);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"statuses\"", "\"entryId\"", "\"status\"", "\"orders-1-0\"", "\"orders-1-1\"",
                "\"SUCCESS\"", "\"DROP\"", "null", "1", "\\", "\"", " ",
            ]), 0..24).prop_map(|scraps| scraps.concat().into_bytes()),
        ],
    ) {
        if let Ok(read) = read(&bytes, &batch(3), &[1]) {
            prop_assert_eq!(read.verdicts.len(), 3);
            prop_assert_eq!(read.verdicts[1], Undecodable);
        }
    }

    #[test]
    fn shuffled_answers_with_repeats_reach_the_right_entries(
        answers in prop::collection::vec((0..20_i64, prop::sample::select(vec!["SUCCESS", "DROP"])), 0..40),
    ) {
        let ids: Vec<_> = answers.iter().map(|(offset, _)| format!("orders-1-{offset}")).collect();
        let entries: Vec<_> = ids.iter().zip(&answers).map(|(id, (_, status))| (id.as_str(), *status)).collect();
        for (offset, verdict) in verdicts(20, &entries).into_iter().enumerate() {
            let mut given = answers.iter().filter(|(o, _)| *o == offset as i64).map(|(_, status)| *status);
            let expected = match (given.clone().count(), given.any(|status| status == "DROP")) {
                (0, _) => Retry,
                (_, true) => Drop,
                (_, false) => Success,
            };
            prop_assert_eq!(verdict, expected);
        }
    }
}

#[test]
fn what_is_said_of_a_request_is_kept_and_of_a_record_it_is_not() {
    let request = |id| Record::of_request(RequestId(id), -1, Payload::new(None, Some(b"1")));
    let mut batch = batch(1);
    batch.records.extend([request(7), request(8), request(9)]);
    let body = r#"{"statuses":[
        {"entryId":"orders--1-9","status":"DROP","httpStatus":409,"result":{"a": [1]}},
        {"entryId":"orders-1-0","status":"SUCCESS","result":"nobody's"},
        {"entryId":"orders--1-7","status":"SUCCESS","result":1.50,"httpStatus":99},
        {"entryId":"orders--1-7","status":"SUCCESS","result":2}]}"#;
    let read = read(body.as_bytes(), &batch, &[]).unwrap();
    assert_eq!(read.verdicts, [Success, Success, Retry, Drop]);
    let said = |status, result: &str| Said { status, result: Some(result.as_bytes().into()) };
    let expected = [(RequestId(7), said(None, "2")), (RequestId(9), said(Some(409), r#"{"a": [1]}"#))];
    assert_eq!(read.said, expected);
}
