//! Partitions coming: first it is asked where each of them starts, then the client has its answer.
//!
//! What the group has committed is looked up here and not left to the client, because beside the offset stands what is
//! finished beyond it, and the engine has to know that before the first record. It costs no round trip: the client is
//! told where to start, and need not ask itself. Where nobody can say in time, the client finds its own way, and what
//! was finished beyond the frontier is delivered again.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    TopicPartitionList,
    consumer::{Consumer as _, RebalanceProtocol},
    error::KafkaResult,
    topic_partition_list::Offset,
};

use super::{Phase, Poller};
use crate::{
    engine::event::{Assignment, Committed, Event},
    kafka::{context::Listed, lookup::About},
    record::PartitionId,
};

/// An assignment whose start nobody told by then is taken as it is. More than one question takes.
const START_WAIT: Duration = Duration::from_secs(5);

/// An assignment the client waits for.
#[derive(Debug)]
pub struct Assigning {
    number: u64,
    listed: Listed,
    until: Instant,
}

impl Poller {
    pub(super) fn on_assign(&mut self, listed: Listed) {
        if self.phase != Phase::Running {
            // Not wanted any more. The client takes the empty answer and goes on to leave.
            self.answer_quietly();
            return;
        }
        let ids: Vec<_> = listed.names.iter().map(|(topic, number)| self.partitions.id(topic, *number)).collect();
        self.assignments += 1;
        let number = self.assignments;
        // Where the client commits itself, nothing is kept beside the offsets.
        if !self.stores_offsets && self.ask(About::Start(number), &ids) {
            self.assigning = Some(Assigning { number, listed, until: Instant::now() + START_WAIT });
        } else {
            self.take_over(&listed, &BTreeMap::new());
        }
    }

    /// It is known where the partitions of an assignment start.
    pub(super) fn found_start(&mut self, number: u64, known: &[(PartitionId, Committed)]) {
        if let Some(assigning) = self.assigning.take_if(|assigning| assigning.number == number) {
            let known = known.iter().map(|(id, committed)| (*id, committed.clone())).collect();
            self.take_over(&assigning.listed, &known);
        }
    }

    pub(super) fn assign_in_time(&mut self, now: Instant) {
        if let Some(assigning) = self.assigning.take_if(|assigning| now >= assigning.until) {
            self.take_over(&assigning.listed, &BTreeMap::new());
        }
    }

    fn take_over(&mut self, listed: &Listed, known: &BTreeMap<PartitionId, Committed>) {
        let retained: Vec<_> = self.partitions.assigned().collect();
        let mut assigned = Vec::with_capacity(listed.names.len());
        let mut list = TopicPartitionList::with_capacity(listed.names.len());
        for (topic, number) in &listed.names {
            let id = self.partitions.id(topic, *number);
            // Before the assign, so that no record goes to the consumer's own queue; and again for every assignment,
            // because the client undoes it when a partition goes.
            if !self.reader.queue().adopt(topic, *number) {
                return self.fail(format!("no queue for {topic} [{number}]"));
            }
            self.partitions.begin_epoch(id);
            let committed = known.get(&id).cloned();
            let start = committed.as_ref().map_or(Offset::Invalid, |committed| Offset::Offset(committed.offset));
            // Fails for a negative offset only.
            let _ = list.add_partition(topic, *number).set_offset(start);
            assigned.extend(self.partitions.get(id).map(|slot| Assignment {
                id,
                topic: slot.topic.clone(),
                number: slot.number,
                committed,
            }));
        }
        self.aim(&retained);
        if let Err(error) = self.assign(&list) {
            return self.fail(format!("the client does not take its assignment: {error}"));
        }
        // Empty or not: a member that is given nothing has joined all the same.
        self.refusals.over();
        self.outbox.push(Event::Assigned(assigned));
        self.settle_pauses();
        self.place(&retained);
    }

    fn assign(&self, list: &TopicPartitionList) -> KafkaResult<()> {
        match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_assign(list),
            _ => self.consumer.assign(list),
        }
    }
}
