//! The smallest thing that can drive a `KafkaSource`: it grants credit, finishes every record the moment it sees it,
//! commits, and releases what is revoked. It checks on the way what every source owes its engine.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use sluicegate::{
    engine::event::{Command, CommitId, CommitOutcome, CommitResult, Committed, Event, Mark, Progress},
    kafka::{KafkaSource, settings::KafkaSettings},
    record::{PartitionId, Record},
    runtime::{Source as _, SourceEvent, SourceNote},
};
use tokio::time::{Instant, timeout_at};

/// A step that takes longer than this has hung.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct Member {
    pub source: KafkaSource,
    poll_max: usize,
    /// Credit granted and not used.
    credit: (u32, u64),
    /// Keep this many records granted; 0 grants nothing more.
    pub window: u32,
    /// Records charged with more than this may come without byte credit.
    pub oversized_from: u64,
    /// Whether a revoke is released (after a commit) as soon as it comes.
    pub releases: bool,
    pub owned: BTreeMap<PartitionId, (String, i32)>,
    pub records: Vec<Record>,
    /// The next offset due, by partition, in this epoch.
    pub next: BTreeMap<PartitionId, i64>,
    pub ends: BTreeMap<PartitionId, i64>,
    /// How often an end was told.
    pub ends_told: usize,
    pub revoked: Vec<(Vec<PartitionId>, bool)>,
    held: BTreeSet<PartitionId>,
    releasing: Option<CommitId>,
    pub committed: Vec<(CommitId, Vec<CommitResult>)>,
    pub progress: BTreeMap<PartitionId, Progress>,
    pub polls: u64,
    pub notes: Vec<SourceNote>,
    pub left: bool,
    last_commit: u64,
    /// Goes along with every commit.
    pub metadata: String,
    /// Committed offsets as they were read back, by partition.
    pub read_back: Vec<(PartitionId, Option<i64>)>,
    /// What was committed where a partition was assigned, the latest assignment's.
    pub starts: BTreeMap<PartitionId, Option<Committed>>,
}

impl Member {
    pub fn join(settings: &KafkaSettings) -> Self {
        let source = KafkaSource::connect(settings).unwrap();
        source.join();
        Self {
            source,
            poll_max: settings.max_poll_records as usize,
            credit: (0, 0),
            window: 128,
            oversized_from: settings.max_record_bytes,
            releases: true,
            owned: BTreeMap::new(),
            records: Vec::new(),
            next: BTreeMap::new(),
            ends: BTreeMap::new(),
            ends_told: 0,
            revoked: Vec::new(),
            held: BTreeSet::new(),
            releasing: None,
            committed: Vec::new(),
            progress: BTreeMap::new(),
            polls: 0,
            notes: Vec::new(),
            left: false,
            last_commit: 0,
            metadata: String::new(),
            read_back: Vec::new(),
            starts: BTreeMap::new(),
        }
    }

    /// Takes events in until `done`, and fails the test when that takes too long.
    pub async fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        self.grant();
        while !done(self) {
            let Ok(event) = timeout_at(deadline, self.source.next()).await else { panic!("never: {what}") };
            self.take(event);
        }
    }

    /// Takes events of two members in until `done`.
    pub async fn until_both(a: &mut Self, b: &mut Self, what: &str, mut done: impl FnMut(&Self, &Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        a.grant();
        b.grant();
        while !done(a, b) {
            tokio::select! {
                event = a.source.next() => a.take(event),
                event = b.source.next() => b.take(event),
                () = tokio::time::sleep_until(deadline) => panic!("never: {what}"),
            }
        }
    }

    /// Takes events in for a while.
    pub async fn run_for(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        self.grant();
        while let Ok(event) = timeout_at(deadline, self.source.next()).await {
            self.take(event);
        }
    }

    pub fn grant(&mut self) {
        if self.credit.0 < self.window {
            self.grant_exactly(self.window - self.credit.0, (64_u64 << 20).saturating_sub(self.credit.1));
        }
    }

    pub fn grant_exactly(&mut self, records: u32, bytes: u64) {
        self.credit.0 += records;
        self.credit.1 += bytes;
        self.source.perform(Command::Grant { records, bytes });
    }

    /// Commits everything seen.
    pub fn commit(&mut self) -> CommitId {
        self.last_commit += 1;
        let id = CommitId(self.last_commit);
        let mark = |(id, next): (&PartitionId, &i64)| Mark {
            partition: *id,
            offset: *next,
            metadata: self.metadata.as_str().into(),
        };
        let offsets = self.next.iter().map(mark).collect();
        self.source.perform(Command::Commit { id, offsets });
        id
    }

    pub async fn commit_and_wait(&mut self) -> Vec<CommitResult> {
        let id = self.commit();
        self.until("the commit is answered", |m| m.committed.iter().any(|(done, _)| *done == id)).await;
        self.committed.last().unwrap().1.clone()
    }

    pub async fn commit_applied(&mut self) {
        let results = self.commit_and_wait().await;
        assert!(results.iter().all(|r| r.outcome == CommitOutcome::Applied), "{results:?}");
    }

    /// Leaves and waits until it is out.
    pub async fn leave(&mut self) {
        self.window = 0;
        self.source.perform(Command::Leave);
        self.until("left", |m| m.left).await;
    }

    pub fn partitions(&self) -> Vec<i32> {
        let mut numbers: Vec<_> = self.owned.values().map(|(_, number)| *number).collect();
        numbers.sort_unstable();
        numbers
    }

    pub fn ids(&self) -> Vec<PartitionId> {
        self.owned.keys().copied().collect()
    }

    /// Values seen, as numbers, sorted.
    pub fn numbers(&self) -> Vec<u64> {
        let number = |r: &Record| std::str::from_utf8(r.payload.value()?).ok()?.parse().ok();
        let mut numbers: Vec<_> = self.records.iter().filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The times from a resume to its first record, in the order they were told.
    pub fn resumed(&self) -> Vec<Duration> {
        let resumed =
            |n: &SourceNote| if let SourceNote::Resumed { first_record } = n { Some(*first_record) } else { None };
        self.notes.iter().filter_map(resumed).collect()
    }

    /// What happened so far, for a failed assertion.
    pub fn story(&self) -> String {
        let records: Vec<_> = self.records.iter().map(|r| (r.number, r.offset)).collect();
        let Self { owned, next, ends, revoked, committed, notes, .. } = self;
        format!(
            "owned {owned:?}\nnext {next:?}\nends {ends:?}\nrevoked {revoked:?}\ncommitted {committed:?}\nnotes {notes:?}\nrecords {records:?}"
        )
    }

    fn take(&mut self, event: SourceEvent) {
        match event {
            SourceEvent::Engine(event) => self.take_event(event),
            SourceEvent::Note(note) => self.notes.push(note),
            SourceEvent::Fatal(text) => panic!("fatal: {text}"),
        }
    }

    fn take_event(&mut self, event: Event) {
        match event {
            Event::Assigned(assigned) => {
                self.starts.clear();
                for one in assigned {
                    self.starts.insert(one.id, one.committed);
                    self.next.remove(&one.id);
                    self.ends.remove(&one.id);
                    self.owned.insert(one.id, (one.topic.to_string(), one.number));
                }
            }
            Event::CommittedRead(mut found) => {
                found.sort_unstable();
                self.read_back = found;
            }
            Event::Revoked { partitions, lost } => self.take_revoked(partitions, lost),
            Event::Polled { records, ends } => {
                self.take_records(records);
                self.ends_told += ends.len();
                for end in ends {
                    assert!(self.owned.contains_key(&end.partition), "the end of a partition that is not ours");
                    let next = self.next.entry(end.partition).or_insert(end.offset);
                    assert!(*next <= end.offset, "an end before a record that was seen");
                    *next = end.offset;
                    self.ends.insert(end.partition, end.offset);
                }
            }
            Event::Pulse(pulse) => self.polls += u64::from(pulse.polls),
            Event::Progress(progress) => self.progress.extend(progress.into_iter().map(|p| (p.partition, p))),
            Event::Committed { id, results } => {
                if self.releasing.take_if(|waiting| *waiting == id).is_some() {
                    self.release();
                }
                self.committed.push((id, results));
            }
            Event::Left => self.left = true,
            other => panic!("not a source's: {other:?}"),
        }
    }

    fn take_records(&mut self, records: Vec<Record>) {
        assert!(records.len() <= self.poll_max, "more than one poll's worth");
        for record in &records {
            let charge = record.charge();
            assert!(self.credit.0 > 0, "more records than granted");
            assert!(charge <= self.credit.1 || charge > self.oversized_from, "more bytes than granted");
            self.credit.0 -= 1;
            self.credit.1 -= if charge > self.oversized_from { 0 } else { charge };
            assert!(self.owned.contains_key(&record.partition), "a record of a partition that is not ours");
            assert!(!self.held.contains(&record.partition), "a record after the revoke");
            let next = self.next.entry(record.partition).or_insert(record.offset);
            assert!(*next <= record.offset, "offset {} again, {next} was due", record.offset);
            *next = record.offset + 1;
        }
        self.records.extend(records);
        self.grant();
    }

    fn take_revoked(&mut self, partitions: Vec<PartitionId>, lost: bool) {
        if lost {
            for id in &partitions {
                self.held.remove(id);
                self.forget(*id);
            }
        } else {
            self.held.extend(&partitions);
            if self.releases {
                self.releasing = Some(self.commit());
            }
        }
        self.revoked.push((partitions, lost));
    }

    /// Gives back what was revoked.
    pub fn release(&mut self) {
        let ids: Vec<_> = std::mem::take(&mut self.held).into_iter().collect();
        for id in &ids {
            self.forget(*id);
        }
        self.source.perform(Command::Release(ids));
    }

    fn forget(&mut self, id: PartitionId) {
        self.owned.remove(&id);
        self.next.remove(&id);
        self.ends.remove(&id);
    }
}
