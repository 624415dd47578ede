//! What may be committed: requests are numbered, and only what lies before the first unanswered one counts.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use rdkafka::{Offset, TopicPartitionList};

use super::queue::Message;

/// Per partition of one request, the offset after its last record.
pub struct Ends(Vec<(i32, i64)>);

impl Ends {
    pub fn of(batch: &[Message]) -> Self {
        let mut ends: Vec<(i32, i64)> = Vec::with_capacity(2);
        for message in batch {
            let (partition, next) = (message.partition(), message.offset() + 1);
            match ends.iter_mut().rev().find(|(p, _)| *p == partition) {
                Some(end) => end.1 = next,
                None => ends.push((partition, next)),
            }
        }
        Self(ends)
    }
}

#[derive(Default)]
pub struct Progress(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// The number of the first in `answered`.
    first: u64,
    answered: VecDeque<Option<Ends>>,
    /// Partition to the offset after the last record that is finished with all before it.
    next: BTreeMap<i32, i64>,
    /// Whether any moved since it was last asked.
    news: bool,
}

impl Progress {
    /// A request was answered.
    pub fn finish(&self, sequence: u64, ends: Ends) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *guard;
        let place = usize::try_from(sequence - inner.first).unwrap_or(usize::MAX);
        if inner.answered.len() <= place {
            inner.answered.resize_with(place + 1, || None);
        }
        inner.answered[place] = Some(ends);
        while let Some(Some(Ends(ends))) = inner.answered.front() {
            inner.next.extend(ends.iter().copied());
            inner.news = true;
            inner.answered.pop_front();
            inner.first += 1;
        }
    }

    /// How many requests are answered, with all before them.
    pub fn finished(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first
    }

    /// What to commit now, if anything is new.
    pub fn take(&self, topic: &str) -> Option<TopicPartitionList> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut inner.news).then(|| inner.offsets(topic))
    }

    /// What is to be committed in the end.
    pub fn all(&self, topic: &str) -> TopicPartitionList {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).offsets(topic)
    }
}

impl Inner {
    fn offsets(&self, topic: &str) -> TopicPartitionList {
        let mut offsets = TopicPartitionList::with_capacity(self.next.len());
        for (partition, next) in &self.next {
            // Fails for an offset no log can have.
            let _ = offsets.add_partition_offset(topic, *partition, Offset::Offset(*next));
        }
        offsets
    }
}
