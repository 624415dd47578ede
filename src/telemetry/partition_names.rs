//! The names behind the numbers: facts carry partition ids, people read topics.

use std::sync::Arc;

use crate::{engine::event::Assignment, record::PartitionId};

/// Every partition ever assigned. Ids are dense and keep their meaning, so nothing is ever taken out.
#[derive(Debug, Default)]
pub struct PartitionNames {
    known: Vec<Option<(Arc<str>, i32)>>,
}

impl PartitionNames {
    pub fn learn(&mut self, assigned: &[Assignment]) {
        for Assignment { id, topic, number, .. } in assigned {
            if self.known.len() <= id.index() {
                self.known.resize(id.index() + 1, None);
            }
            if let Some(slot) = self.known.get_mut(id.index()) {
                *slot = Some((Arc::clone(topic), *number));
            }
        }
    }

    /// Topic and Kafka's partition number; `?` and -1 for one that was never assigned.
    pub fn get(&self, id: PartitionId) -> (&str, i32) {
        self.known.get(id.index()).and_then(Option::as_ref).map_or(("?", -1), |(topic, number)| (topic, *number))
    }

    /// `topic-number` of each.
    pub fn tps(&self, ids: impl Iterator<Item = PartitionId>) -> Vec<String> {
        ids.map(|id| self.get(id)).map(|(topic, number)| format!("{topic}-{number}")).collect()
    }

    /// The topics among these, each once, in the order they come up.
    pub fn topics(&self, ids: &[PartitionId]) -> Vec<&str> {
        let mut topics: Vec<&str> = Vec::new();
        for (topic, _) in ids.iter().map(|id| self.get(*id)) {
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        topics
    }
}
