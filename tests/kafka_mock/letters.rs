//! Dead letters.

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use sluicegate::{
    engine::event::{DeadLetter, DeadLettered, Reason},
    kafka::KafkaDeadLetters,
    record::{PartitionId, PayloadBuilder, Record},
    runtime::DeadLetterSink as _,
};

use crate::{TOPIC, kafka::member::Member, start};

fn letter(number: i64, value: Option<&[u8]>) -> DeadLetter {
    let mut payload = PayloadBuilder::with_capacity(Some(b"key"), value, 0);
    payload.header(b"\xff\xfe", Some(b"kept"));
    payload.header(b"null", None);
    let mut record = Record::new(PartitionId(3), 7, number, 1_700_000_000_000, payload.finish());
    record.notes.attempts = 5;
    let detail = Some("no such shape: ".to_owned() + &"ä".repeat(2_000));
    DeadLetter {
        record,
        topic: "source".into(),
        reason: Reason::OutOfAttempts,
        status: Some(500),
        detail: detail.map(Into::into),
    }
}

#[tokio::test]
async fn a_dead_letter_is_the_record_with_its_story_in_headers() {
    let (_mock, _writer, mut settings) = start(1);
    settings.dead_letter_topic = Some(TOPIC.to_owned());
    let sink = KafkaDeadLetters::connect(&settings).unwrap();
    for (number, value) in [(41, Some(&b"value"[..])), (42, None)] {
        let answer = sink.send(letter(number, value)).await;
        let DeadLettered::Acknowledged { letter } = answer else { panic!("{answer:?}") };
        assert_eq!(letter.record.offset, number);
    }
    let mut member = Member::join(&settings);
    member.until("both letters", |m| m.records.len() == 2).await;
    let payload = &member.records[0].payload;
    assert_eq!((payload.key(), payload.value()), (Some(&b"key"[..]), Some(&b"value"[..])));
    assert_eq!(member.records[1].payload.value(), None, "a null value stays null");
    let headers: Vec<_> = payload.headers().collect();
    let expected: [(&[u8], Option<&[u8]>); 9] = [
        (b"\xff\xfe", Some(b"kept")),
        (b"null", None),
        (b"sluicegate-source-topic", Some(b"source")),
        (b"sluicegate-source-partition", Some(b"7")),
        (b"sluicegate-source-offset", Some(b"41")),
        (b"sluicegate-source-timestamp", Some(b"1700000000000")),
        (b"sluicegate-attempts", Some(b"5")),
        (b"sluicegate-reason", Some(b"out_of_attempts")),
        (b"sluicegate-worker-status", Some(b"500")),
    ];
    assert_eq!(headers[..9], expected);
    let (name, detail) = headers[9];
    assert_eq!(name, b"sluicegate-worker-detail");
    assert!(detail.is_some_and(|d| d.len() <= 1024 && d.starts_with(b"no such shape")));
}

#[tokio::test]
async fn a_dead_letter_that_is_not_taken_comes_back() {
    let (mock, _writer, mut settings) = start(1);
    settings.dead_letter_topic = Some(TOPIC.to_owned());
    let sink = KafkaDeadLetters::connect(&settings).unwrap();
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    mock.cluster().request_errors(RDKafkaApiKey::Produce, &[refused]);
    let answer = sink.send(letter(1, Some(b"v"))).await;
    let DeadLettered::Failed { letter: back, error } = answer else { panic!("{answer:?}") };
    assert_eq!(back.record.payload, letter(1, Some(b"v")).record.payload);
    assert!(error.contains("MSG_SIZE_TOO_LARGE"), "{error}");
    let answer = sink.send(back).await;
    assert!(matches!(answer, DeadLettered::Acknowledged { .. }), "{answer:?}");
}
