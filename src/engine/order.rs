//! What must not overtake what.
//!
//! In the ordered modes a key (or a partition) has at most one batch out at a time. A record that has left the queue
//! holds its key until it is finished or let go; as long as anything else holds the key, later records stay queued.

use rustc_hash::FxHashMap;

use crate::{engine::settings::Ordering, record::Record};

/// The keys that are out, with how many records hold each. Bounded by the records outside the queue.
#[derive(Debug, Default)]
pub struct OrderLocks {
    held: FxHashMap<u64, Hold>,
    /// Grows with every key that becomes free, so that a lane full of blocked records is not searched again before
    /// something changed.
    freed: u64,
}

#[derive(Debug, Clone, Copy)]
struct Hold {
    records: u32,
    /// The batch being formed may take more records of the keys it holds itself.
    forming: u64,
}

impl OrderLocks {
    /// The order mark of a record: zero when it is free.
    pub fn mark(ordering: Ordering, record: &Record) -> u64 {
        let seed = u64::from(record.partition.0) << 32;
        match (ordering, record.payload.key()) {
            (Ordering::None, _) | (Ordering::Key, None) => 0,
            (Ordering::Partition, _) => seed | 1,
            // Two keys with one hash only wait for each other.
            (Ordering::Key, Some(key)) => fnv1a(seed, key) | 1,
        }
    }

    /// Takes the record's key for the batch `forming`. False when another batch or a waiting retry holds it.
    pub fn try_hold(&mut self, record: &mut Record, forming: u64) -> bool {
        let mark = record.notes.order;
        if mark == 0 {
            return true;
        }
        let hold = self.held.entry(mark).or_insert(Hold { records: 0, forming });
        if hold.records > 0 && hold.forming != forming {
            return false;
        }
        *hold = Hold { records: hold.records + 1, forming };
        record.notes.holds_order = true;
        true
    }

    /// One record is finished or let go. One that never left the queue holds nothing.
    pub fn free(&mut self, record: &Record) {
        let mark = record.notes.order;
        let Some(hold) = self.held.get_mut(&mark).filter(|_| record.notes.holds_order) else { return };
        hold.records = hold.records.saturating_sub(1);
        if hold.records == 0 {
            self.held.remove(&mark);
            self.freed += 1;
        }
    }

    /// Changes whenever a key became free.
    pub fn freed(&self) -> u64 {
        self.freed
    }
}

/// FNV-1a, 64 bit: short keys, no state, the same on every machine (traces replay).
fn fnv1a(seed: u64, bytes: &[u8]) -> u64 {
    let basis = 0xcbf2_9ce4_8422_2325 ^ seed;
    bytes.iter().fold(basis, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{PartitionId, Payload};

    fn record(partition: u32, key: Option<&[u8]>) -> Record {
        Record::new(PartitionId(partition), 0, 0, -1, Payload::new(key, Some(b"v")))
    }

    fn marked() -> Record {
        let mut record = record(0, Some(b"a"));
        record.notes.order = OrderLocks::mark(Ordering::Key, &record);
        record
    }

    #[test]
    fn a_key_is_held_by_one_batch_until_its_last_record_is_finished() {
        let mut locks = OrderLocks::default();
        let [mut a, mut b, mut c] = std::array::from_fn(|_| marked());
        assert!(locks.try_hold(&mut a, 1));
        assert!(locks.try_hold(&mut b, 1), "the same batch may take more of it");
        assert!(!locks.try_hold(&mut c, 2));
        locks.free(&a);
        assert!(!locks.try_hold(&mut c, 2));
        locks.free(&b);
        assert!(locks.try_hold(&mut c, 2));
        assert_eq!(locks.freed(), 1);
    }

    #[test]
    fn a_record_that_never_left_the_queue_frees_nothing() {
        let mut locks = OrderLocks::default();
        let (mut out, mut queued) = (marked(), marked());
        assert!(locks.try_hold(&mut out, 1));
        locks.free(&queued);
        assert!(!locks.try_hold(&mut queued, 2));
    }

    #[test]
    fn records_without_a_key_and_unordered_records_are_free() {
        assert_eq!(OrderLocks::mark(Ordering::Key, &record(0, None)), 0);
        assert_eq!(OrderLocks::mark(Ordering::None, &record(0, Some(b"a"))), 0);
        assert!(OrderLocks::default().try_hold(&mut record(0, None), 1));
    }

    #[test]
    fn the_same_key_in_two_partitions_is_two_keys() {
        let marks = [0, 1].map(|p| OrderLocks::mark(Ordering::Key, &record(p, Some(b"a"))));
        assert_ne!(marks[0], marks[1]);
        let marks = [0, 1].map(|p| OrderLocks::mark(Ordering::Partition, &record(p, None)));
        assert_ne!(marks[0], marks[1]);
    }
}
