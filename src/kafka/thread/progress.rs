//! Once a second: where we read, where the log ends, whether its leader lives.
//!
//! Fetch responses tell the end for free, but only while something is fetched. A partition that has not been heard of
//! for a while is asked about, so that lag does not stand still while the gate is shut, and so that "nothing comes"
//! can be told from "nobody answers".
//!
//! What they tell is the end of the log, which lies past the end of what can be read while a transaction is open: once
//! the readable end was reached, only a record or an answer (which heeds transactions) says that there is more.

use std::time::{Duration, Instant};

use super::{Phase, Poller};
use crate::{
    engine::event::Progress,
    kafka::{
        ffi,
        lookup::About,
        partitions::{self, Slot},
    },
    record::PartitionId,
    runtime::SourceNote,
};

pub const EVERY: Duration = Duration::from_secs(1);

/// Not heard of for this long: asked about.
const QUIET: Duration = Duration::from_secs(2);

/// Refused for this long, or since it was last asked for: asked for again. The client tells a refusal once, and says
/// nothing when it is over and there is nothing to read; put to its place anew it tells whichever it is. That throws the
/// fetch under way away, so it is given the time of two.
const REFUSED: Duration = Duration::from_secs(5);

/// [`REFUSED`], or longer where a fetch takes longer.
pub fn refused_wait(fetch_max_wait: Duration) -> Duration {
    REFUSED.max(2 * fetch_max_wait)
}

/// Heard of within this: its leader answers. Long enough for a question and its time limit.
const ALIVE: Duration = Duration::from_secs(5);

impl Poller {
    pub(super) fn tell_progress(&mut self, now: Instant) {
        if self.phase != Phase::Running {
            return;
        }
        let (mut told, mut ask, mut due, mut refused) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for (id, slot) in self.partitions.iter_mut() {
            if slot.phase != partitions::Phase::Assigned {
                continue;
            }
            if !slot.at_end
                && let Some(end) = ffi::known_end(&self.consumer, &slot.topic, slot.number)
            {
                hear(slot, end, now);
            }
            // What waits for the answer reads nothing until it comes, however much is fetched.
            let waits = slot.spoiled && slot.unplaced;
            if (waits || is_older(slot.heard_at, now, QUIET)) && is_older(slot.asked_at, now, QUIET) {
                ask.push(id);
            }
            refused += usize::from(slot.refused_at.is_some());
            if slot.refused_at.is_some_and(|at| now.saturating_duration_since(at) >= self.refused_wait) {
                slot.refused_at = Some(now);
                due.push(id);
            }
            // One that we may not read stands still for a reason, whoever answers.
            let leader_answers = slot.refused_at.is_none() && !is_older(slot.heard_at, now, ALIVE);
            told.push(Progress { partition: id, position: slot.handed, end: slot.end, leader_answers });
        }
        let (lost, quiet): (Vec<_>, Vec<_>) = ask.into_iter().partition(|id| self.is_spoiled(*id));
        self.ask(About::LogEnd, &quiet);
        self.ask(About::Committed, &lost);
        self.tell_refused(refused == told.len() && !told.is_empty(), now);
        if !told.is_empty() {
            self.outbox.progress(told);
        }
        // What is lost is put to its place by the answer.
        due.retain(|id| !lost.contains(id));
        self.place(&due);
    }

    /// `everything`: every partition that we have is refused.
    fn tell_refused(&mut self, everything: bool, now: Instant) {
        let holds = self.partitions.iter().any(|(_, slot)| slot.phase != partitions::Phase::Released);
        let refused = self.refusals.stand(holds, now) || everything;
        if std::mem::replace(&mut self.told_refused, refused) != refused {
            self.outbox.note(SourceNote::Refused(refused));
        }
    }

    fn is_spoiled(&self, id: PartitionId) -> bool {
        self.partitions.get(id).is_some_and(|slot| slot.spoiled)
    }

    /// A leader told the end when it was asked.
    pub(super) fn heard_end(&mut self, id: PartitionId, end: i64) {
        if let Some(slot) = self.partitions.get_mut(id) {
            slot.heard_at = Some(Instant::now());
            slot.end = slot.end.max(Some(end));
        }
    }
}

/// The end the last fetch response told. Only a new one is a sign of life.
fn hear(slot: &mut Slot, end: i64, now: Instant) {
    if slot.end.is_none_or(|known| end > known) {
        slot.end = Some(end);
        slot.heard_at = Some(now);
    }
}

fn is_older(at: Option<Instant>, now: Instant, than: Duration) -> bool {
    at.is_none_or(|at| now.saturating_duration_since(at) > than)
}
