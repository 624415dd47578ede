//! Every partition ever assigned, by a dense number that stays the same for the life of the process, with what is
//! known of its present epoch.
//!
//! Positions are ours, not the client's. The client's own position (where it fetches from after a pause or a rebalance)
//! is wrong in two cases: reading in batches moves it *past* a partition end or an error, so that the next record would
//! be skipped, and a rebalance in the middle of a batch leaves it *before* records that were taken. So before and after
//! every resume and every rebalance the client is put to [`Slot::taken`] by a seek (before a resume: right after the
//! pause), and until the second has worked nothing is believed ([`Slot::unplaced`]).
//!
//! Without the first seek, or where the client refuses it, it may ask for the offset past the end. The broker knows of
//! none, the client starts where `auto.offset.reset` says, and that overrules the second seek: the log would be read from
//! its beginning once more, or some of it not at all. So the first jump soon after a seek is not believed either
//! ([`Slot::disbelieves`]): the client is put to its place once more, and a jump that is real comes again.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{TopicPartitionList, topic_partition_list::Offset};
use rustc_hash::FxHashMap;

use crate::{engine::event::Mark, kafka::ffi::Message, record::PartitionId};

#[derive(Debug, Default)]
pub struct Partitions {
    slots: Vec<Slot>,
    by_name: HashMap<Arc<str>, BTreeMap<i32, PartitionId>>,
    /// From the client's topic handle; good until the next assignment change.
    by_handle: FxHashMap<(usize, i32), PartitionId>,
    last: Option<((usize, i32), PartitionId)>,
}

#[derive(Debug)]
pub struct Slot {
    pub topic: Arc<str>,
    pub number: i32,
    pub phase: Phase,
    /// The next offset to take from the client: after the last record taken, or the end that was reached.
    pub taken: Option<i64>,
    /// The next offset to hand over.
    pub handed: Option<i64>,
    /// A seek to `taken` is owed. What the client brings until then is fetched again.
    pub unplaced: bool,
    /// Seeks refused one after the other.
    seeks_refused: u32,
    doubt: Doubt,
    /// An error moved the client's position although nothing was taken, so that it has to be looked up: at the next
    /// pause or rebalance, from which on the partition is [`unplaced`](Self::unplaced) too.
    pub spoiled: bool,
    /// Resumed then, and no record since.
    pub resumed_at: Option<Instant>,
    /// The last sign of life of its leader: something fetched, or an answer.
    pub heard_at: Option<Instant>,
    /// The brokers did not let us read it then, and have not since.
    pub refused_at: Option<Instant>,
    /// The furthest log end anybody told.
    pub end: Option<i64>,
    /// The last thing taken was the end: there is nothing to read, however far the log itself goes.
    pub at_end: bool,
    pub asked_at: Option<Instant>,
}

/// Whether a jump is believed. Backwards it may be the client that looked for where to start, or a log that was cut;
/// forwards it mostly is a compacted log or a transaction's end, and is only doubted from a log's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    /// Put to its place, and nothing was read since.
    Fresh {
        gaps: bool,
    },
    /// Read since, and not believed until then.
    Until {
        until: Instant,
        gaps: bool,
    },
    /// One was not believed. The next is, once the client has been put to its place again.
    Spent,
}

/// Longer than the client takes to find where to start. It counts from the first entry that is read: with the gate shut
/// none is, for however long.
const DOUBTS_FOR: Duration = Duration::from_secs(5);

/// Five seconds of attempts. They are counted, because time also passes while the partition is paused and none is made.
const SEEKS_REFUSED: u32 = 250;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Released,
    Assigned,
    /// Revoked and not yet given back: still ours to commit, not to read.
    Revoking,
}

impl Slot {
    fn new(topic: Arc<str>, number: i32) -> Self {
        Self {
            topic,
            number,
            phase: Phase::Released,
            taken: None,
            handed: None,
            unplaced: false,
            seeks_refused: 0,
            doubt: Doubt::None,
            spoiled: false,
            resumed_at: None,
            heard_at: None,
            refused_at: None,
            end: None,
            at_end: false,
            asked_at: None,
        }
    }

    /// As people are told of it.
    pub fn name(&self) -> String {
        format!("{} [{}]", self.topic, self.number)
    }

    /// The client has been put to [`Slot::taken`].
    pub fn placed(&mut self) {
        (self.unplaced, self.seeks_refused) = (false, 0);
        self.doubt = if self.doubt == Doubt::Spent { Doubt::None } else { Doubt::Fresh { gaps: self.at_end } };
    }

    /// The client refused to be put there. True once in [`SEEKS_REFUSED`] times without one that it took: by then it is
    /// for more than a rebalance of its own.
    pub fn seek_refused(&mut self) -> bool {
        self.seeks_refused = self.seeks_refused.saturating_add(1);
        self.seeks_refused == SEEKS_REFUSED
    }

    /// A seek is owed, and it is known where to.
    pub fn is_owed_seek(&self) -> bool {
        self.unplaced && self.taken.is_some()
    }

    /// A record or an end at `offset` has come. True when it shows that the client is not where it was put: it is owed a
    /// seek to its place again, and the next jump is believed.
    pub fn disbelieves(&mut self, offset: i64, now: Instant) -> bool {
        let (until, gaps) = match self.doubt {
            Doubt::None | Doubt::Spent => return false,
            Doubt::Fresh { gaps } => (now + DOUBTS_FOR, gaps),
            Doubt::Until { until, gaps } => (until, gaps),
        };
        if now >= until {
            self.doubt = Doubt::None;
            return false;
        }
        self.doubt = Doubt::Until { until, gaps };
        let is_jump = |next: i64| offset < next || (offset > next && gaps);
        if !self.taken.is_some_and(is_jump) {
            return false;
        }
        (self.doubt, self.unplaced) = (Doubt::Spent, true);
        true
    }

    /// A new epoch.
    fn begin(&mut self) {
        *self = Self { phase: Phase::Assigned, ..Self::new(Arc::clone(&self.topic), self.number) };
    }
}

impl Partitions {
    /// The number of a partition, given on first sight.
    pub fn id(&mut self, topic: &str, number: i32) -> PartitionId {
        if let Some(id) = self.find(topic, number) {
            return id;
        }
        // Four billion partitions would need more memory than there is: the number fits.
        let id = PartitionId(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        let topic: Arc<str> =
            self.by_name.get_key_value(topic).map_or_else(|| topic.into(), |(name, _)| Arc::clone(name));
        self.slots.push(Slot::new(Arc::clone(&topic), number));
        self.by_name.entry(topic).or_default().insert(number, id);
        id
    }

    pub fn find(&self, topic: &str, number: i32) -> Option<PartitionId> {
        self.by_name.get(topic)?.get(&number).copied()
    }

    /// The partition an entry belongs to, if it was ever assigned.
    pub fn of(&mut self, message: &Message) -> Option<PartitionId> {
        let handle = (message.topic_key(), message.partition());
        if let Some((_, id)) = self.last.filter(|(last, _)| *last == handle) {
            return Some(id);
        }
        let id = match self.by_handle.get(&handle) {
            Some(id) => *id,
            None => {
                let id = self.find(&message.topic()?, message.partition())?;
                self.by_handle.insert(handle, id);
                id
            }
        };
        self.last = Some((handle, id));
        Some(id)
    }

    pub fn get(&self, id: PartitionId) -> Option<&Slot> {
        self.slots.get(id.index())
    }

    pub fn get_mut(&mut self, id: PartitionId) -> Option<&mut Slot> {
        self.slots.get_mut(id.index())
    }

    pub fn begin_epoch(&mut self, id: PartitionId) {
        self.forget_handles();
        if let Some(slot) = self.get_mut(id) {
            slot.begin();
        }
    }

    pub fn set_phase(&mut self, id: PartitionId, phase: Phase) {
        self.forget_handles();
        if let Some(slot) = self.get_mut(id) {
            slot.phase = phase;
        }
    }

    /// A topic handle is the client's to reuse once nothing of the topic is assigned.
    fn forget_handles(&mut self) {
        self.by_handle.clear();
        self.last = None;
    }

    pub fn is_assigned(&self, id: PartitionId) -> bool {
        self.get(id).is_some_and(|slot| slot.phase == Phase::Assigned)
    }

    /// Ours to commit.
    pub fn is_ours(&self, id: PartitionId) -> bool {
        self.get(id).is_some_and(|slot| slot.phase != Phase::Released)
    }

    pub fn assigned(&self) -> impl Iterator<Item = PartitionId> {
        self.iter().filter(|(_, slot)| slot.phase == Phase::Assigned).map(|(id, _)| id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (PartitionId, &Slot)> {
        self.slots.iter().zip(0..).map(|(slot, id)| (PartitionId(id), slot))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (PartitionId, &mut Slot)> {
        self.slots.iter_mut().zip(0..).map(|(slot, id)| (PartitionId(id), slot))
    }

    /// The client's kind of list, without offsets.
    pub fn list(&self, ids: impl IntoIterator<Item = PartitionId>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for slot in ids.into_iter().filter_map(|id| self.get(id)) {
            list.add_partition(&slot.topic, slot.number);
        }
        list
    }

    /// The client's kind of list, with what is to be committed.
    pub fn list_of(&self, marks: &[Mark]) -> TopicPartitionList {
        self.listed(marks.iter().map(|mark| (mark.partition, mark.offset, &*mark.metadata)))
    }

    /// The client's kind of list, with offsets.
    pub fn list_at(&self, offsets: impl IntoIterator<Item = (PartitionId, i64)>) -> TopicPartitionList {
        self.listed(offsets.into_iter().map(|(id, offset)| (id, offset, "")))
    }

    /// With what stands beside the offset. An offset no log can have is left out.
    fn listed<'a>(&self, each: impl Iterator<Item = (PartitionId, i64, &'a str)>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (id, offset, metadata) in each {
            let Some(slot) = self.get(id).filter(|_| offset >= 0) else { continue };
            let mut element = list.add_partition(&slot.topic, slot.number);
            // Fails for a negative offset only.
            let _ = element.set_offset(Offset::Offset(offset));
            if !metadata.is_empty() {
                element.set_metadata(metadata);
            }
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_stay() {
        let mut partitions = Partitions::default();
        let ids: Vec<_> = [("a", 0), ("a", 7), ("b", 0), ("a", 0)].map(|(t, n)| partitions.id(t, n)).to_vec();
        assert_eq!(ids, [PartitionId(0), PartitionId(1), PartitionId(2), PartitionId(0)]);
        assert_eq!(partitions.find("a", 7), Some(PartitionId(1)));
        assert_eq!(partitions.find("a", 1), None);
    }

    #[test]
    fn a_new_epoch_knows_nothing_of_the_old_one() {
        let mut partitions = Partitions::default();
        let id = partitions.id("a", 3);
        partitions.begin_epoch(id);
        partitions.get_mut(id).unwrap().taken = Some(9);
        partitions.set_phase(id, Phase::Revoking);
        assert!(partitions.is_ours(id) && !partitions.is_assigned(id));
        partitions.set_phase(id, Phase::Released);
        assert!(!partitions.is_ours(id));
        partitions.begin_epoch(id);
        let slot = partitions.get(id).unwrap();
        assert_eq!((slot.taken, slot.number, &*slot.topic), (None, 3, "a"));
    }

    /// A partition of which everything before 100 was taken.
    fn read_to_100(at_end: bool) -> Slot {
        let mut slot = Slot::new("a".into(), 3);
        slot.begin();
        (slot.taken, slot.at_end) = (Some(100), at_end);
        slot
    }

    #[test]
    fn the_first_jump_after_a_seek_is_not_believed_and_the_second_is() {
        let now = Instant::now();
        assert!(!read_to_100(true).disbelieves(0, now), "it was never put anywhere");
        for (at_end, offset) in [(false, 0), (true, 0), (true, 107)] {
            let mut slot = read_to_100(at_end);
            slot.placed();
            assert!(!slot.disbelieves(100, now));
            assert!(slot.disbelieves(offset, now));
            assert!(slot.is_owed_seek(), "the client is to be put there again");
            slot.placed();
            assert!(!slot.disbelieves(offset, now), "it comes again: it is real");
            assert!(!slot.unplaced);
        }
        let mut slot = read_to_100(false);
        slot.placed();
        assert!(!slot.disbelieves(107, now), "a gap that does not follow an end");
    }

    #[test]
    fn a_jump_long_after_a_seek_is_believed_in_both_directions() {
        let (now, later) = (Instant::now(), Instant::now() + DOUBTS_FOR);
        for offset in [0, 107] {
            let mut slot = read_to_100(true);
            slot.placed();
            assert!(!slot.disbelieves(100, now));
            assert!(!slot.disbelieves(offset, later) && !slot.unplaced);
        }
    }

    #[test]
    fn the_time_of_doubt_begins_with_the_first_entry_that_is_read() {
        let hours_later = Instant::now() + 1_000 * DOUBTS_FOR;
        for offset in [0, 107] {
            let mut slot = read_to_100(true);
            slot.placed();
            assert!(slot.disbelieves(offset, hours_later), "nothing was read until then");
        }
    }

    #[test]
    fn only_seeks_refused_one_after_the_other_are_told_and_once() {
        let mut slot = read_to_100(false);
        let refused = |slot: &mut Slot, times: u32| (0..times).filter(|_| slot.seek_refused()).count();
        assert_eq!(refused(&mut slot, SEEKS_REFUSED - 1), 0);
        slot.placed();
        assert_eq!(refused(&mut slot, SEEKS_REFUSED - 1), 0, "one was taken in between");
        assert_eq!(refused(&mut slot, 10 * SEEKS_REFUSED), 1);
        slot.begin();
        assert_eq!(refused(&mut slot, SEEKS_REFUSED - 1), 0, "a new epoch");
    }

    #[test]
    fn a_list_leaves_out_what_is_unknown_or_no_offset() {
        let mut partitions = Partitions::default();
        let id = partitions.id("a", 3);
        assert_eq!(partitions.list_at([(id, 4), (PartitionId(9), 4), (id, -1)]).count(), 1);
        assert_eq!(partitions.list([id, PartitionId(9)]).count(), 1);
    }
}
