//! Bugs on purpose, for the chaos suite: it is worth what it finds. Only with the feature `planted`, only in a debug
//! build, and only the one that `SLUICEGATE_PLANTED` names.
//!
//! Each stands between the engine and an adapter, where the real bug would have its effect: a wrong offset in a commit,
//! an answer that does not come back, a letter that was never taken. Beside them there are [`panics`].

mod panics;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use panics::Panics;

use crate::{
    engine::event::{Answer, Batch, Command, DeadLetter, DeadLettered, Event, Mark, Settled, Verdict},
    record::PartitionId,
    runtime::{DeadLetterSink, Source, SourceEvent, Worker},
};

#[cfg(not(debug_assertions))]
compile_error!("the feature `planted` makes bugs on purpose: debug builds only");

pub const VARIABLE: &str = "SLUICEGATE_PLANTED";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    /// The highest finished offset is committed instead of the frontier.
    MaxOffsetCommit,
    /// An answer that comes after its partition was given back counts for whoever has the partition then.
    LateAckAfterRevoke,
    /// A batch that failed never gives its slot back.
    LeakedPermit,
    /// A dead letter that was not taken counts as taken.
    CommitPastFailedDeadLetter,
    /// What waits to be tried again is dropped when its partition is revoked.
    RetryDroppedOnRevoke,
    Panic(Panics),
}

impl Bug {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "max_offset_commit" => Self::MaxOffsetCommit,
            "late_ack_after_revoke" => Self::LateAckAfterRevoke,
            "leaked_permit" => Self::LeakedPermit,
            "commit_past_failed_dead_letter" => Self::CommitPastFailedDeadLetter,
            "retry_dropped_on_revoke" => Self::RetryDroppedOnRevoke,
            _ => return Panics::named(name).map(Self::Panic),
        })
    }

    const fn panics(bug: Option<Self>) -> Option<Panics> {
        if let Some(Self::Panic(panics)) = bug { Some(panics) } else { None }
    }
}

/// What the bugs need to know of a partition.
#[derive(Debug, Default)]
struct Marks {
    /// Next offset after the highest finished.
    highest: i64,
    /// The same of answers that came after a release.
    late: i64,
    releases: u32,
    revoking: bool,
    /// Offsets the worker has answered for, whatever it said.
    answered: BTreeSet<i64>,
}

type Shared = Arc<Mutex<BTreeMap<PartitionId, Marks>>>;

/// An adapter with a bug before it, or none.
pub struct Planted<T> {
    inner: T,
    bug: Option<Bug>,
    marks: Shared,
}

type Trio<S, W, D> = (Planted<S>, Planted<W>, Planted<D>);

fn named() -> Result<Option<Bug>, String> {
    let Ok(name) = std::env::var(VARIABLE) else { return Ok(None) };
    Bug::named(&name).map(Some).ok_or_else(|| format!("{VARIABLE}={name}: there is no such bug"))
}

/// Stands before all three adapters.
///
/// # Errors
/// When the variable names no bug.
pub fn plant<S, W, D>(source: S, worker: W, letters: D) -> Result<Trio<S, W, D>, String> {
    let bug = named()?;
    let marks = Shared::default();
    let source = Planted { inner: source, bug, marks: Arc::clone(&marks) };
    let worker = Planted { inner: worker, bug, marks: Arc::clone(&marks) };
    Ok((source, worker, Planted { inner: letters, bug, marks }))
}

/// To be spawned on the admin thread.
///
/// # Errors
/// When the variable names no bug.
pub fn watch() -> Result<impl Future<Output = ()> + Send + 'static, String> {
    Ok(panics::beside(Bug::panics(named()?)))
}

impl<T> Planted<T> {
    fn change(&self, offsets: &mut [Mark]) {
        let marks = self.marks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for Mark { partition, offset, .. } in offsets {
            let Some(marks) = marks.get(partition) else { continue };
            match self.bug {
                Some(Bug::MaxOffsetCommit) => *offset = marks.highest.max(*offset),
                Some(Bug::LateAckAfterRevoke) => *offset = marks.late.max(*offset),
                Some(Bug::RetryDroppedOnRevoke) if marks.revoking => {
                    while marks.answered.contains(offset) {
                        *offset += 1;
                    }
                }
                _ => {}
            }
        }
    }

    fn mark(&self, ids: &[PartitionId], change: fn(&mut Marks)) {
        let mut marks = self.marks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        ids.iter().for_each(|id| change(marks.entry(*id).or_default()));
    }
}

impl<S: Source> Source for Planted<S> {
    fn perform(&mut self, mut command: Command) {
        match &mut command {
            Command::Commit { offsets, .. } => self.change(offsets),
            Command::Release(ids) => self.mark(ids, |marks| {
                (marks.releases, marks.revoking) = (marks.releases + 1, false);
                marks.answered.clear();
            }),
            _ => {}
        }
        self.inner.perform(command);
    }

    async fn next(&mut self) -> SourceEvent {
        let event = panics::within(Bug::panics(self.bug), self.inner.next()).await;
        if let SourceEvent::Engine(Event::Revoked { partitions, lost: false }) = &event {
            self.mark(partitions, |marks| marks.revoking = true);
        }
        event
    }
}

impl<W: Worker> Worker for Planted<W> {
    fn call(&self, batch: Batch) -> impl Future<Output = Settled> + Send + 'static {
        let (bug, marks) = (self.bug, Arc::clone(&self.marks));
        let before = releases(&marks, &batch);
        let call = self.inner.call(batch);
        async move {
            let settled = call.await;
            if bug == Some(Bug::LeakedPermit) && matches!(settled.answer, Answer::Failed) {
                std::future::pending::<()>().await;
            }
            note(&marks, &settled, &before);
            panics::answered(Bug::panics(bug));
            settled
        }
    }
}

/// How often each record's partition had been given back.
fn releases(marks: &Shared, batch: &Batch) -> Vec<u32> {
    let mut marks = marks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    batch.records.iter().map(|record| marks.entry(record.partition).or_default().releases).collect()
}

fn note(marks: &Shared, settled: &Settled, before: &[u32]) {
    let mut marks = marks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for (at, (record, before)) in settled.batch.records.iter().zip(before).enumerate() {
        let marks = marks.entry(record.partition).or_default();
        let done = match &settled.answer {
            Answer::Done => true,
            Answer::Each(verdicts) => verdicts.get(at) == Some(&Verdict::Success),
            _ => false,
        };
        if done && marks.releases > *before {
            marks.late = marks.late.max(record.offset + 1);
        }
        if done {
            marks.highest = marks.highest.max(record.offset + 1);
        }
        if marks.releases == *before {
            marks.answered.insert(record.offset);
        }
    }
}

impl<D: DeadLetterSink> DeadLetterSink for Planted<D> {
    fn send(&self, letter: DeadLetter) -> impl Future<Output = DeadLettered> + Send + 'static {
        let (bug, sent) = (self.bug, self.inner.send(letter));
        async move {
            match sent.await {
                DeadLettered::Failed { letter, .. } if bug == Some(Bug::CommitPastFailedDeadLetter) => {
                    DeadLettered::Acknowledged { letter }
                }
                answer => answer,
            }
        }
    }
}
