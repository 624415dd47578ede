use proptest::prelude::*;

use super::*;
use crate::record::Payload;

const P0: PartitionId = PartitionId(0);
const P1: PartitionId = PartitionId(1);

fn record(partition: PartitionId, offset: i64, bytes: usize) -> Record {
    Record::new(partition, 0, offset, -1, Payload::new(None, Some(&vec![b'x'; bytes])))
}

fn offsets(polled: Option<Polled>) -> Vec<i64> {
    polled.map(|p| p.records.iter().map(|r| r.offset).collect()).unwrap_or_default()
}

#[test]
fn without_credit_nothing_is_asked_for_and_nothing_handed_over() {
    let mut stash = Stash::new(64, 1 << 20);
    assert_eq!(stash.room(), 0);
    stash.push_record(record(P0, 0, 10));
    assert_eq!(stash.poll(), None);
    stash.grant(10, 0);
    assert_eq!(stash.poll(), None, "records alone are no credit");
}

#[test]
fn room_is_the_smaller_of_credit_and_poll_and_none_while_something_is_stashed() {
    let mut stash = Stash::new(4, 1 << 20);
    stash.grant(3, 1 << 20);
    assert_eq!(stash.room(), 3);
    stash.grant(3, 0);
    assert_eq!(stash.room(), 4);
    stash.push_record(record(P0, 0, 1));
    assert_eq!(stash.room(), 0);
}

#[test]
fn what_byte_credit_does_not_cover_waits_in_order() {
    let mut stash = Stash::new(64, 1 << 20);
    stash.grant(10, 1000);
    for offset in 0..4 {
        stash.push_record(record(P0, offset, 400));
    }
    assert_eq!(offsets(stash.poll()), [0, 1]);
    assert_eq!(stash.poll(), None);
    stash.grant(0, 600);
    assert_eq!(offsets(stash.poll()), [2, 3]);
}

#[test]
fn a_record_over_the_limit_passes_without_byte_credit_but_not_without_record_credit() {
    let mut stash = Stash::new(64, 500);
    stash.grant(1, 200);
    stash.push_record(record(P0, 0, 501));
    stash.push_record(record(P0, 1, 501));
    assert_eq!(offsets(stash.poll()), [0]);
    assert_eq!(stash.poll(), None);
    stash.grant(1, 0);
    assert_eq!(offsets(stash.poll()), [1]);
}

#[test]
fn a_record_over_the_limit_takes_no_byte_credit_from_those_that_need_it() {
    let mut stash = Stash::new(64, 500);
    stash.grant(3, 400);
    stash.push_record(record(P0, 0, 501));
    stash.push_record(record(P0, 1, 400));
    assert_eq!(offsets(stash.poll()), [0, 1]);
    stash.grant(0, 1);
    assert_eq!(stash.room(), 1);
}

#[test]
fn an_end_waits_behind_the_records_of_its_partition_and_needs_no_credit() {
    let mut stash = Stash::new(64, 1 << 20);
    let end = PartitionEnd { partition: P0, offset: 1 };
    stash.push_record(record(P0, 0, 10));
    stash.push_end(end);
    assert_eq!(stash.poll(), None);
    stash.grant(1, 1000);
    let polled = stash.poll().unwrap();
    assert_eq!((polled.records.len(), polled.ends), (1, vec![end]));
    stash.push_end(PartitionEnd { partition: P1, offset: 7 });
    assert_eq!(stash.poll().unwrap().ends.len(), 1);
}

#[test]
fn an_end_that_a_record_or_a_later_end_has_overtaken_is_not_told() {
    let mut stash = Stash::new(64, 1 << 20);
    stash.grant(10, 10_000);
    stash.push_end(PartitionEnd { partition: P0, offset: 5 });
    stash.push_end(PartitionEnd { partition: P1, offset: 1 });
    stash.push_record(record(P0, 5, 10));
    stash.push_end(PartitionEnd { partition: P1, offset: 2 });
    let polled = stash.poll().unwrap();
    assert_eq!(offsets(Some(Polled { ends: vec![], records: polled.records })), [5]);
    assert_eq!(polled.ends, [PartitionEnd { partition: P1, offset: 2 }]);
}

#[test]
fn a_dropped_partition_leaves_the_others() {
    let mut stash = Stash::new(64, 1 << 20);
    stash.push_record(record(P0, 0, 10));
    stash.push_record(record(P1, 0, 10));
    stash.push_end(PartitionEnd { partition: P0, offset: 1 });
    stash.drop_partition(P0);
    stash.grant(10, 10_000);
    let polled = stash.poll().unwrap();
    assert_eq!(polled.records.len(), 1);
    assert_eq!(polled.records[0].partition, P1);
    assert!(polled.ends.is_empty());
}

proptest! {
    #[test]
    fn whatever_is_granted_and_pushed_no_poll_passes_the_credit_and_the_order_holds(
        steps in prop::collection::vec((0_u32..6, 0_u64..3000, 0_u8..12, 1_usize..900), 1..60),
    ) {
        const LIMIT: u64 = 700;
        let mut stash = Stash::new(5, LIMIT);
        let (mut records, mut bytes) = (0_u64, 0_u64);
        let mut next = 0_i64;
        let mut seen = 0_i64;
        for (grant, grant_bytes, pushes, size) in steps {
            stash.grant(grant, grant_bytes);
            records += u64::from(grant);
            bytes += grant_bytes;
            for _ in 0..usize::from(pushes).min(stash.room()) {
                stash.push_record(record(P0, next, size));
                next += 1;
            }
            while let Some(polled) = stash.poll() {
                prop_assert!(polled.records.len() <= 5);
                for record in &polled.records {
                    prop_assert_eq!(record.offset, seen);
                    seen += 1;
                    prop_assert!(records > 0);
                    records -= 1;
                    let charge = record.charge();
                    prop_assert!(charge <= bytes || charge > LIMIT);
                    bytes -= if charge > LIMIT { 0 } else { charge };
                }
            }
        }
    }
}
