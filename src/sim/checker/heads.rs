//! Records given up for holding their partition's frontier.

use crate::{
    record::PartitionId,
    sim::{
        broker::log::Log,
        checker::{Checker, book::Place},
    },
    time::{Instant, Now},
};

/// What one process has given up for it.
#[derive(Debug, Default)]
pub struct Heads {
    posted: u32,
}

impl Checker {
    /// Whether a record holds its partition's frontier with many behind it done, has failed itself, and is within the
    /// budget. How nearly all is not asked: a letter may wait for its own budget while more comes in behind it.
    pub(super) fn is_head(&mut self, now: Now, id: PartitionId, index: usize, log: &Log) -> bool {
        if !self.settings.head_of_line_letters {
            return false;
        }
        let book = &mut self.books[id.index()];
        let first = book.first.unwrap_or(index);
        let is_done = |place: Place| matches!(place, Place::Finished(_));
        let is_first = (first..index).all(|earlier| {
            let place = book.place(earlier);
            is_done(place) || (place == Place::Log && log.records()[earlier].offset < log.start())
        });
        let done = (index + 1..log.records().len()).filter(|later| is_done(book.place(*later))).count();
        let failed = book.entry(index).attempts > 0;
        self.heads.posted += 1;
        let minutes = now.mono.since(Instant::ZERO).as_secs() / 60;
        let within = u64::from(self.heads.posted) <= 10 + minutes;
        is_first && done >= 50 && failed && within
    }
}
