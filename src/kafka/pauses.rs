//! Which partitions should be paused and which the client has paused: it cannot be asked, and it keeps a pause
//! through a revoke, even until the partition comes back.
//!
//! `wanted` is what the engine asked for in this epoch; `applied` is what the client was told. Whoever calls
//! [`Pauses::owed`] gets the difference and says so with [`Pauses::settled`].

use std::collections::BTreeSet;

use crate::record::PartitionId;

#[derive(Debug, Default)]
pub struct Pauses {
    wanted: BTreeSet<PartitionId>,
    applied: BTreeSet<PartitionId>,
}

/// What the client has to be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Owed {
    pub pause: Vec<PartitionId>,
    pub resume: Vec<PartitionId>,
}

impl Pauses {
    pub fn pause(&mut self, ids: impl IntoIterator<Item = PartitionId>) {
        self.wanted.extend(ids);
    }

    pub fn resume(&mut self, ids: &[PartitionId]) {
        for id in ids {
            self.wanted.remove(id);
        }
    }

    /// The epoch is over, and with it every reason the engine had.
    pub fn end_epoch(&mut self, id: PartitionId) {
        self.wanted.remove(&id);
    }

    /// The difference between wanted and applied among `ids`, which are the partitions that may be told.
    pub fn owed(&self, ids: impl IntoIterator<Item = PartitionId>) -> Owed {
        let mut owed = Owed::default();
        for id in ids {
            match (self.wanted.contains(&id), self.applied.contains(&id)) {
                (true, false) => owed.pause.push(id),
                (false, true) => owed.resume.push(id),
                _ => {}
            }
        }
        owed
    }

    /// The client was told.
    pub fn settled(&mut self, owed: &Owed) {
        self.applied.extend(&owed.pause);
        for id in &owed.resume {
            self.applied.remove(id);
        }
    }

    /// Whether the client holds this partition back, so that whatever still comes of it is fetched again.
    pub fn is_applied(&self, id: PartitionId) -> bool {
        self.applied.contains(&id)
    }

    pub fn none_applied(&self) -> bool {
        self.applied.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: PartitionId = PartitionId(0);
    const B: PartitionId = PartitionId(1);

    fn settle(pauses: &mut Pauses, ids: &[PartitionId]) -> Owed {
        let owed = pauses.owed(ids.iter().copied());
        pauses.settled(&owed);
        owed
    }

    #[test]
    fn only_the_difference_is_owed_and_only_once() {
        let mut pauses = Pauses::default();
        pauses.pause([A, B]);
        assert_eq!(settle(&mut pauses, &[A, B]).pause, [A, B]);
        pauses.pause([A]);
        assert_eq!(settle(&mut pauses, &[A, B]), Owed::default());
        pauses.resume(&[B]);
        assert_eq!(settle(&mut pauses, &[A, B]), Owed { pause: vec![], resume: vec![B] });
        assert!(pauses.is_applied(A) && !pauses.is_applied(B));
    }

    #[test]
    fn a_resume_of_what_is_not_paused_owes_nothing() {
        let mut pauses = Pauses::default();
        pauses.resume(&[A]);
        assert_eq!(settle(&mut pauses, &[A]), Owed::default());
    }

    #[test]
    fn a_pause_that_outlives_its_epoch_in_the_client_is_owed_a_resume() {
        let mut pauses = Pauses::default();
        pauses.pause([A]);
        settle(&mut pauses, &[A]);
        pauses.end_epoch(A);
        assert_eq!(settle(&mut pauses, &[]), Owed::default(), "not ours now: not to be told");
        assert_eq!(settle(&mut pauses, &[A]).resume, [A], "assigned again: resumed explicitly");
    }

    #[test]
    fn a_partition_that_stays_keeps_its_pause_through_a_rebalance() {
        let mut pauses = Pauses::default();
        pauses.pause([A, B]);
        settle(&mut pauses, &[A, B]);
        pauses.end_epoch(B);
        let owed = settle(&mut pauses, &[A, B]);
        assert_eq!(owed, Owed { pause: vec![], resume: vec![B] });
        assert!(pauses.is_applied(A));
    }

    #[test]
    fn a_pause_of_a_partition_that_may_not_be_told_waits() {
        let mut pauses = Pauses::default();
        pauses.pause([A]);
        assert_eq!(settle(&mut pauses, &[]), Owed::default());
        assert_eq!(settle(&mut pauses, &[A]).pause, [A]);
    }
}
