//! Credit, ends, and bytes as they were.

use rdkafka::message::{Header, OwnedHeaders};

use crate::{
    kafka::{add_header, member::Member},
    start,
};

#[tokio::test]
async fn no_more_records_come_than_were_granted() {
    let (_mock, writer, settings) = start(1);
    writer.fill(1, 0, 300, 100);
    let mut member = Member::join(&settings);
    member.window = 0;
    member.until("assigned", |m| !m.owned.is_empty()).await;
    member.commit_and_wait().await;
    assert!(member.records.is_empty(), "nothing was granted");
    for (granted, total) in [(5, 5), (1, 6), (64, 70), (200, 270)] {
        member.grant_exactly(granted, 1 << 20);
        member.until("what was granted", |m| m.records.len() >= total).await;
        // An answer that comes later than any record the thread might still hold.
        member.commit_and_wait().await;
        assert_eq!(member.records.len(), total);
    }
}

#[tokio::test]
async fn no_more_bytes_come_than_were_granted_but_an_oversized_record_always_comes() {
    let (_mock, writer, mut settings) = start(1);
    settings.max_record_bytes = 5_000;
    for bytes in [1_000, 1_000, 1_000, 9_000, 1_000] {
        writer.send(0, None, Some(&vec![b'x'; bytes]), None);
    }
    writer.flush();
    let mut member = Member::join(&settings);
    member.window = 0;
    member.until("assigned", |m| !m.owned.is_empty()).await;
    member.grant_exactly(100, 2_500);
    member.until("two records", |m| m.records.len() == 2).await;
    member.commit_and_wait().await;
    assert_eq!(member.records.len(), 2, "the third is not covered");
    // Covers the third, and 600 bytes are left for the oversized one.
    member.grant_exactly(0, 1_100);
    member.until("the oversized record", |m| m.records.len() == 4).await;
    member.commit_and_wait().await;
    assert_eq!(member.records.len(), 4, "it used the credit up");
}

#[tokio::test]
async fn every_partition_tells_its_end_behind_its_records_and_again_after_more() {
    let (_mock, writer, settings) = start(3);
    writer.fill(2, 0, 200, 10);
    let mut member = Member::join(&settings);
    member.until("three ends", |m| m.ends.len() == 3).await;
    let mut ends: Vec<_> = member.ends.values().copied().collect();
    ends.sort_unstable();
    assert_eq!(ends, [0, 100, 100]);
    writer.fill(1, 200, 7, 10);
    member.until("the end moved", |m| m.ends.values().any(|end| *end == 107)).await;
    assert_eq!(member.numbers(), (0..207).collect::<Vec<_>>());
}

#[tokio::test]
async fn names_values_and_keys_come_as_they_were_whatever_bytes_they_are() {
    let (_mock, writer, settings) = start(1);
    let headers = || OwnedHeaders::new().insert(Header { key: "ok", value: Some("1") });
    writer.send(0, Some(b"\xff\x00"), None, Some(add_header(headers(), b"\xff\xfe\x80", None)));
    writer.send(0, None, Some(b""), Some(add_header(headers(), b"", Some(b"\x00\xff"))));
    writer.send(0, Some(b""), Some(b"\xc3\x28"), None);
    writer.flush();
    let mut member = Member::join(&settings);
    member.until("three records", |m| m.records.len() == 3).await;
    let [first, second, third] = [0, 1, 2].map(|i| &member.records[i].payload);
    assert_eq!((first.key(), first.value()), (Some(&b"\xff\x00"[..]), None));
    assert_eq!(first.headers().collect::<Vec<_>>(), [(&b"ok"[..], Some(&b"1"[..])), (b"\xff\xfe\x80", None)]);
    assert_eq!((second.key(), second.value()), (None, Some(&b""[..])));
    assert_eq!(second.headers().nth(1), Some((&b""[..], Some(&b"\x00\xff"[..]))));
    assert_eq!((third.key(), third.value()), (Some(&b""[..]), Some(&b"\xc3\x28"[..])));
    assert_eq!(third.headers().count(), 0);
    assert!(member.records[0].timestamp > 1_600_000_000_000);
}
