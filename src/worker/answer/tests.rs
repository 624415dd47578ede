use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    engine::event::BatchId,
    record::{PartitionId, Payload, Record},
    worker::classify::Fault,
};

fn head(status: u16) -> Head {
    Head { status, retry_after: None, encoding: None, told: Told::default() }
}

/// Records `orders-3-1234`, `orders-3-1235` and `orders-3-1236`.
fn batch() -> Batch {
    let record = |offset| Record::new(PartitionId(0), 3, offset, -1, Payload::new(None, Some(b"1")));
    Batch {
        id: BatchId(1),
        topic: Arc::from("orders"),
        records: (1234..1237).map(record).collect(),
        not_after: None,
        timeout: Duration::ZERO,
    }
}

fn whole() -> Encoded {
    Encoded { body: Vec::new(), undecodable: Vec::new(), first_offence: None }
}

fn words(reading: &Reading) -> &str {
    reading.detail.as_deref().unwrap_or_default()
}

#[test]
fn the_examples_in_the_docs_are_true() {
    let docs = include_str!("../../../docs/WORKER.md");
    let statuses = docs.split("```json\n").nth(2).and_then(|rest| rest.split("```").next()).unwrap();
    let reading = read(&head(200), statuses.as_bytes(), &batch(), &whole());
    assert_eq!(reading.answer, Answer::Each(vec![Verdict::Success, Verdict::Retry, Verdict::Drop]));

    let reading = read(&head(200), b"\"OK\"", &batch(), &whole());
    let wrapped = docs.split("```text\n").nth(2).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(words(&reading), wrapped.trim().replace('\n', " "));
}

#[test]
fn a_detail_is_one_line_of_text_within_the_cap_whatever_was_sent() {
    for body in [vec![0xff; 5000], "é\r\n\u{85}\u{0}".repeat(2000).into_bytes(), vec![b'\n'; 1025]] {
        for status in [200, 422, 404, 500] {
            let reading = read(&head(status), &body, &batch(), &whole());
            assert!(words(&reading).len() <= DETAIL_BYTES_MAX);
            assert!(!words(&reading).chars().any(char::is_control));
        }
    }
}

#[test]
fn success_without_oddities_says_nothing_and_anything_else_quotes_the_worker() {
    let all = r#"{"statuses":[{"entryId":"orders-3-1234","status":"SUCCESS"},{"entryId":"orders-3-1235","status":"SUCCESS"},
        {"entryId":"orders-3-1236","status":"SUCCESS"}]}"#;
    assert_eq!(read(&head(200), all.as_bytes(), &batch(), &whole()).detail, None);
    let one_dropped = all.replacen("SUCCESS", "DROP", 1);
    assert!(words(&read(&head(200), one_dropped.as_bytes(), &batch(), &whole())).contains("DROP"));
    assert_eq!(read(&head(500), b"", &batch(), &whole()).detail, None);
    assert_eq!(words(&read(&head(500), b"CUDA out of memory", &batch(), &whole())), "CUDA out of memory");
}

#[test]
fn records_that_were_not_sent_are_undecodable_only_when_the_others_have_a_verdict() {
    let partly = Encoded { body: Vec::new(), undecodable: vec![1], first_offence: Some(9) };
    let done = read(&head(200), b"null", &batch(), &partly);
    assert_eq!(done.answer, Answer::Each(vec![Verdict::Success, Verdict::Undecodable, Verdict::Success]));
    assert_eq!(words(&done), "1 not sent: the value is not valid JSON (the first of them from byte 9)");
    let each = read(&head(200), br#"{"statuses":[{"entryId":"orders-3-1236","status":"DROP"}]}"#, &batch(), &partly);
    assert_eq!(each.answer, Answer::Each(vec![Verdict::Retry, Verdict::Undecodable, Verdict::Drop]));
    for (status, answer) in [(500, Answer::Failed), (422, Answer::Refused), (413, Answer::TooLarge)] {
        assert_eq!(read(&head(status), b"", &batch(), &partly).answer, answer);
    }
}

#[test]
fn a_configuration_fault_says_what_to_change() {
    for (status, what) in
        [(302, "set WORKER_URL"), (401, "credentials"), (404, "path"), (405, "POST"), (418, "WORKER_PROTOCOL")]
    {
        let reading = read(&head(status), b"", &batch(), &whole());
        assert_eq!(reading.answer, Answer::Misconfigured);
        assert!(words(&reading).contains(what) && words(&reading).contains("no body"), "{}", words(&reading));
    }
    let reading = no_answer(Failure::new(Fault::NotHttp, "invalid HTTP version parsed"));
    assert_eq!(reading.answer, Answer::Misconfigured);
    assert!(words(&reading).contains("WORKER_URL"));
}
