//! What the tests of metrics and admin share: an engine that can be stepped by hand, and a reader of the Prometheus
//! text format that is as strict as promtool.

#![allow(dead_code, reason = "each test uses its part")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use sluicegate::{
    control::settings::{Adaptive, ControlSettings},
    engine::{
        Effects, Engine,
        event::{Action, Answer, Assignment, Batch, Command, CommitOutcome, Event, Settled, Told},
        settings::{EngineSettings, PoisonPolicy, RetrySettings},
    },
    record::{PartitionId, Payload, PayloadBuilder, Record},
    runtime::Observer,
    time::{Instant, Now, UnixMillis},
};

pub fn settings() -> EngineSettings {
    let defaults = EngineSettings { control: ControlSettings::off(), ..EngineSettings::default() };
    EngineSettings {
        queue_records_max: Some(40),
        queue_bytes_max: 1 << 20,
        max_record_bytes: 1 << 16,
        batch_records_max: 4,
        batch_bytes_max: 1 << 18,
        retry: RetrySettings { attempts_max: 1, ..defaults.retry },
        poison: PoisonPolicy::Skip,
        ..defaults
    }
}

/// The same with everything left to be tuned, and told or applied.
pub fn tuned(adaptive: Adaptive) -> EngineSettings {
    EngineSettings { control: ControlSettings { adaptive, ..ControlSettings::default() }, ..settings() }
}

/// An engine, an observer of its facts, and what it asked for.
pub struct Run<O> {
    pub engine: Engine,
    pub observer: O,
    pub now: Now,
    pub out: Vec<Batch>,
    pub commands: Vec<Command>,
}

impl<O: Observer> Run<O> {
    pub fn new(observer: O) -> Self {
        Self::with(settings(), observer)
    }

    pub fn with(settings: EngineSettings, observer: O) -> Self {
        let now = Now { mono: Instant::from_millis(1_000), wall: UnixMillis(1_700_000_000_000), jitter: u32::MAX };
        Self { engine: Engine::new(settings), observer, now, out: Vec::new(), commands: Vec::new() }
    }

    pub fn step(&mut self, event: Event) {
        let mut effects = Effects::default();
        self.engine.step(self.now, event, &mut effects);
        for action in effects.actions {
            match action {
                Action::Reply(reply) => panic!("nobody asked: {reply:?}"),
                Action::Source(command) => self.commands.push(command),
                Action::Dispatch(batch) => self.out.push(batch),
                Action::DeadLetter(letter) => panic!("the policy is skip: {letter:?}"),
            }
        }
        for fact in effects.facts {
            self.observer.fact(self.now, &fact);
        }
    }

    pub fn pass(&mut self, time: Duration) {
        self.now.mono = self.now.mono + time;
        self.now.wall = UnixMillis(self.now.wall.0 + time.as_millis() as i64);
        self.step(Event::Wake);
    }

    pub fn assign(&mut self, partitions: std::ops::Range<u32>) {
        let assignment =
            |id| Assignment { id: PartitionId(id), topic: Arc::from("orders"), number: id as i32, committed: None };
        self.step(Event::Assigned(partitions.map(assignment).collect()));
    }

    pub fn poll(&mut self, records: impl IntoIterator<Item = Record>) {
        self.step(Event::Polled { records: records.into_iter().collect(), ends: Vec::new() });
    }

    /// The oldest batch comes back after `took`.
    pub fn answer(&mut self, answer: Answer, took: Duration) {
        let batch = self.out.remove(0);
        self.step(Event::Settled(Settled {
            batch,
            answer,
            took,
            status: Some(200),
            detail: None,
            told: Told::default(),
            said: Vec::new(),
        }));
    }

    pub fn answer_all(&mut self, took: Duration) {
        while !self.out.is_empty() {
            self.answer(Answer::Done, took);
        }
    }

    /// The group has what was asked for last.
    pub fn answer_commit(&mut self, outcome: CommitOutcome) {
        let asked = self.commands.iter().rev().find_map(|command| match command {
            Command::Commit { id, offsets } => Some((*id, offsets.clone())),
            _ => None,
        });
        let (id, offsets) = asked.expect("a commit was asked for");
        let results = offsets.iter().map(|mark| mark.answered(outcome.clone())).collect();
        self.step(Event::Committed { id, results });
    }
}

pub fn record(partition: u32, offset: i64) -> Record {
    Record::new(PartitionId(partition), partition as i32, offset, -1, Payload::new(Some(b"k"), Some(b"v")))
}

/// One with a `deadline_ms` header.
pub fn with_deadline(partition: u32, offset: i64, deadline: &str) -> Record {
    let mut builder = PayloadBuilder::with_capacity(Some(b"key-1"), Some(b"v"), 64);
    builder.header(b"deadline_ms", Some(deadline.as_bytes()));
    Record::new(PartitionId(partition), partition as i32, offset, -1, builder.finish())
}

/// A page of the text format, checked while it is read.
#[derive(Debug, Default)]
pub struct Page {
    /// Kind by family.
    pub families: BTreeMap<String, String>,
    /// Value by series as it is written.
    pub series: BTreeMap<String, f64>,
}

impl Page {
    /// Panics at what promtool would object to: a family described twice or in pieces, samples without a type, a series
    /// twice, an empty help, a malformed line, a histogram whose buckets do not add up.
    pub fn read(text: &str) -> Self {
        assert!(text.ends_with('\n') && !text.contains("\n\n"), "one line each, the last one too");
        let mut page = Self::default();
        let (mut helped, mut current) = (BTreeSet::new(), String::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help has a text");
                assert!(!help.is_empty() && helped.insert(name.to_owned()), "HELP twice: {name}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type has a kind");
                assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
                assert!(helped.contains(name), "no help for {name}");
                assert_eq!(page.families.insert(name.to_owned(), kind.to_owned()), None, "TYPE twice: {name}");
                current = name.to_owned();
            } else {
                page.sample(line, &current);
            }
        }
        page.check_histograms();
        page
    }

    fn sample(&mut self, line: &str, family: &str) {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let (name, labels) = series.split_once('{').map_or((series, None), |(name, rest)| (name, Some(rest)));
        let suffixes: &[&str] = if self.families.get(family).is_some_and(|kind| kind == "histogram") {
            &["_bucket", "_sum", "_count"]
        } else {
            &[""]
        };
        assert!(suffixes.iter().any(|suffix| name == format!("{family}{suffix}")), "{line} is not of {family}");
        assert!(labels.is_none_or(|labels| labels.ends_with("\"}") && labels.contains("=\"")), "{line}");
        assert!(self.families.get(family).is_some_and(|kind| kind != "counter") || value >= 0.0, "{line}");
        assert_eq!(self.series.insert(series.to_owned(), value), None, "twice: {series}");
    }

    fn check_histograms(&self) {
        for family in self.families.iter().filter(|(_, kind)| *kind == "histogram").map(|(name, _)| name) {
            for (series, count) in self.series.range(format!("{family}_count")..=format!("{family}_count~")) {
                let last = match series.split_once('{') {
                    None => format!("{family}_bucket{{le=\"+Inf\"}}"),
                    Some((_, labels)) => format!("{family}_bucket{{{},le=\"+Inf\"}}", labels.trim_end_matches('}')),
                };
                assert_eq!(self.series.get(&last), Some(count), "{last}");
            }
        }
    }

    pub fn get(&self, series: &str) -> Option<f64> {
        self.series.get(series).copied()
    }

    /// How many series a name has.
    pub fn count(&self, name: &str) -> usize {
        self.series.keys().filter(|series| series.split('{').next() == Some(name)).count()
    }
}
