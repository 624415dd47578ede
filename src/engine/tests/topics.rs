//! Several topics beside one another.

use super::*;
use crate::control::settings::{Adaptive, ControlSettings, QueueOrder, Range};

fn with_deadline(partition: u32, offset: i64, deadline: i64) -> Record {
    let mut builder = PayloadBuilder::with_capacity(None, Some(b"v"), 64);
    builder.header(b"deadline_ms", Some(deadline.to_string().as_bytes()));
    Record::new(PartitionId(partition), partition as i32, offset, -1, builder.finish())
}

/// A topic that always has more than goes, and one with a record now and then: how many of those were sent.
fn sent_of_the_quiet_one(order: QueueOrder) -> (usize, i64) {
    let control = ControlSettings {
        adaptive: Adaptive::On,
        queue_order: order,
        concurrency: Range::pinned(1),
        batch_records: Range::pinned(32),
        linger_ms: Range::pinned(25),
        ..ControlSettings::default()
    };
    let mut bench = Bench::new(EngineSettings { control, concurrency: 1, ..settings() });
    let quiet = Assignment { id: PartitionId(2), topic: Arc::from("quiet"), number: 0, committed: None };
    bench.step(Event::Assigned(vec![quiet]));
    let wall = bench.now.wall.0;
    // Those in front have time, so that they are passed over again and again and stay the oldest.
    let patient = (0..8).map(|offset| with_deadline(0, offset, wall + 600_000));
    bench.poll_records(patient.chain((8..72).map(|offset| with_deadline(0, offset, wall + 60_000))).collect());
    let (mut sent, mut next, mut next_quiet) = (0, 72, 0);
    for turn in 0..2_000 {
        bench.pass(50);
        let wall = bench.now.wall.0;
        if turn % 10 == 0 {
            bench.poll_records(vec![with_deadline(2, next_quiet, wall + 5_000)]);
            next_quiet += 1;
        }
        let Some(batch) = bench.out.first() else { continue };
        let (count, is_quiet) = (batch.records.len(), &*batch.topic == "quiet");
        if is_quiet {
            sent += count;
        } else {
            // What is served is replaced.
            let until = next + count as i64;
            bench.poll_records((next..until).map(|offset| with_deadline(0, offset, wall + 60_000)).collect());
            next = until;
        }
        bench.settle(0, Answer::Done, Some(200));
    }
    (sent, next_quiet)
}

#[test]
fn a_quiet_topic_has_its_turn_beside_a_full_one_in_every_order() {
    for order in [QueueOrder::Fifo, QueueOrder::Deadline, QueueOrder::Auto] {
        let (sent, came) = sent_of_the_quiet_one(order);
        assert!(sent as i64 >= came - 2, "{order:?}: {sent} of {came}");
    }
}
