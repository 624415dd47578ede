//! The checks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    Happening, Place,
    lane::{Known, Lane},
};

/// When the worker may see a record again that it had finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// Once after each kill, and only what the group had not committed then.
    Uncommitted,
    /// So often in all.
    AtMost(u64),
}

/// What was promised.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub repeats: Repeats,
    /// Records with the same key here are sent one after the other is finished, or refused for good; those of one request
    /// are in order by themselves.
    pub order: Option<fn(Place, u64) -> u64>,
    /// How long a record may be under way from the last look at its deadline to the worker, on a busy machine.
    pub late_ms: i64,
}

impl Rules {
    pub const fn repeats(repeats: Repeats) -> Self {
        Self { repeats, order: None, late_ms: 250 }
    }
}

/// What came of it. Every list is empty where the promises were kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub produced: u64,
    /// Finished by the worker, by their dead letters, and by nothing but their deadlines.
    pub done: u64,
    pub lettered: u64,
    pub expired: u64,
    /// Never finished, by anybody.
    pub missing: Vec<Place>,
    /// Came to the worker or into the dead letters and was never produced, or was aborted, or says it is another record.
    pub made_up: Vec<Place>,
    /// Came to the worker after its deadline.
    pub late: Vec<Place>,
    /// Came to the worker before an earlier one of its key was finished.
    pub overtaking: Vec<Place>,
    /// Unfinished when a later offset was committed.
    pub passed: Vec<Place>,
    /// Committed offsets that went back, as the partition and the lower offset.
    pub went_back: Vec<Place>,
    /// Finished once more although it must not be.
    pub repeated_wrongly: Vec<Place>,
    /// Finished once more, rightly or wrongly.
    pub repeats: u64,
    pub kills: u32,
    /// Finished and not committed, summed over the kills.
    pub uncommitted: u64,
}

impl Verdict {
    /// Fails the test with what does not hold.
    pub fn holds(&self) -> &Self {
        let faults = self.faults();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        self
    }

    pub fn faults(&self) -> Vec<String> {
        let lists = [
            ("missing", &self.missing),
            ("made up", &self.made_up),
            ("sent after the deadline", &self.late),
            ("sent before an earlier one of its key was finished", &self.overtaking),
            ("unfinished when a later offset was committed", &self.passed),
            ("a commit went back", &self.went_back),
            ("finished again without need", &self.repeated_wrongly),
        ];
        let broken = lists.into_iter().filter(|(_, places)| !places.is_empty());
        broken.map(|(what, places)| format!("{what}: {} ({})", places.len(), some(places))).collect()
    }
}

fn some(places: &[Place]) -> String {
    let each = places.iter().take(5).map(|(partition, offset)| format!("{partition}-{offset}"));
    each.collect::<Vec<_>>().join(", ")
}

pub fn judge(history: &[Happening], rules: &Rules) -> Verdict {
    let mut judge = Judge::new(history, *rules);
    history.iter().for_each(|happening| judge.take(happening));
    judge.sum_up()
}

struct Judge {
    rules: Rules,
    lanes: BTreeMap<i32, Lane>,
    aborted: BTreeSet<u64>,
    /// By key of the promised order: its records, and the first of them that is not finished.
    keys: BTreeMap<u64, (Vec<Place>, usize)>,
    /// The request that is being read and what came in it.
    request: (u64, BTreeSet<Place>),
    /// Dead letters that are not taken yet, the earliest first.
    letters: VecDeque<(i64, Place)>,
    committed: Vec<i64>,
    /// What was committed at the last kill.
    at_kill: Vec<i64>,
    last_ms: i64,
    verdict: Verdict,
}

impl Judge {
    /// What was produced and removed is known from the beginning: the worker can have a record before its producer has
    /// the acknowledgement. A dead letter, too, is known, and counts from its own moment on.
    fn new(history: &[Happening], rules: Rules) -> Self {
        let mut lanes: BTreeMap<i32, Lane> = BTreeMap::new();
        let (mut aborted, mut letters) = (BTreeSet::new(), Vec::new());
        for happening in history {
            if let Happening::Produced { place, number, deadline_ms } = happening {
                let (offset, number, deadline_ms) = (place.1, *number, *deadline_ms);
                let known = Known { offset, number, deadline_ms, refused: false, removed: false, done_in: None };
                lanes.entry(place.0).or_default().records.push(known);
            }
        }
        lanes.values_mut().for_each(|lane| lane.records.sort_by_key(|record| record.offset));
        for happening in history {
            match happening {
                Happening::Aborted { number } => drop(aborted.insert(*number)),
                Happening::Lettered { place, at_ms } => {
                    letters.push((*at_ms, *place));
                    let known = lanes.get_mut(&place.0).and_then(|lane| lane.find(place.1));
                    known.into_iter().for_each(|record| record.refused = true);
                }
                Happening::Removed { partition, before } => {
                    let records = lanes.get_mut(partition).into_iter().flat_map(|lane| &mut lane.records);
                    records.filter(|record| record.offset < *before).for_each(|record| record.removed = true);
                }
                _ => {}
            }
        }
        letters.sort_unstable();
        let mut keys: BTreeMap<u64, (Vec<Place>, usize)> = BTreeMap::new();
        if let Some(key) = rules.order {
            for (partition, lane) in &lanes {
                for record in &lane.records {
                    let place = (*partition, record.offset);
                    keys.entry(key(place, record.number)).or_default().0.push(place);
                }
            }
        }
        let produced = lanes.values().map(|lane| lane.records.len() as u64).sum();
        Self {
            rules,
            lanes,
            aborted,
            keys,
            request: (0, BTreeSet::new()),
            letters: letters.into(),
            committed: Vec::new(),
            at_kill: Vec::new(),
            last_ms: 0,
            verdict: Verdict { produced, ..Verdict::default() },
        }
    }

    fn take(&mut self, happening: &Happening) {
        if let Some(now) = happening.at_ms() {
            self.last_ms = self.last_ms.max(now);
            self.letters_until(now);
        }
        match happening {
            Happening::Sent { request, place, number, at_ms } => self.sent(*request, *place, *number, *at_ms),
            Happening::Done { place } => self.finished(*place, |verdict| &mut verdict.done),
            Happening::Committed { offsets, at_ms } => self.committed(offsets, *at_ms),
            Happening::Killed { committed, at_ms } => {
                self.committed(committed, *at_ms);
                self.verdict.kills += 1;
                let lanes = self.lanes.iter();
                let done = lanes.map(|(number, lane)| lane.done_from(at(committed, *number)));
                self.verdict.uncommitted += done.sum::<u64>();
                self.at_kill.clone_from(committed);
            }
            Happening::Produced { .. }
            | Happening::Aborted { .. }
            | Happening::Removed { .. }
            | Happening::Lettered { .. } => {}
        }
    }

    fn known(&mut self, place: Place) -> Option<&mut Known> {
        self.lanes.get_mut(&place.0)?.find(place.1)
    }

    /// Takes in the dead letters that the broker had by then.
    fn letters_until(&mut self, at_ms: i64) {
        while let Some((_, place)) = self.letters.front().copied().filter(|(taken_ms, _)| *taken_ms <= at_ms) {
            self.letters.pop_front();
            if self.known(place).is_none() {
                self.verdict.made_up.push(place);
            }
            self.finished(place, |verdict| &mut verdict.lettered);
        }
    }

    fn sent(&mut self, request: u64, place: Place, number: Option<u64>, at_ms: i64) {
        let late_ms = self.rules.late_ms;
        let aborted = number.is_some_and(|number| self.aborted.contains(&number));
        let Some(record) = self.known(place) else { return self.verdict.made_up.push(place) };
        let other = aborted || number.is_some_and(|number| number != record.number);
        let late = record.deadline_ms.is_some_and(|deadline| at_ms > deadline + late_ms);
        let its_number = record.number;
        if other {
            self.verdict.made_up.push(place);
        }
        if late {
            self.verdict.late.push(place);
        }
        if self.request.0 != request {
            self.request = (request, BTreeSet::new());
        }
        if let Some(key) = self.rules.order
            && self.overtakes(key(place, its_number), place, at_ms)
        {
            self.verdict.overtaking.push(place);
        }
        self.request.1.insert(place);
    }

    /// Whether an earlier record of the key is neither finished nor in the same request.
    fn overtakes(&mut self, key: u64, place: Place, at_ms: i64) -> bool {
        let Some((places, first)) = self.keys.get_mut(&key) else { return false };
        let lanes = &mut self.lanes;
        let mut finished = |(partition, offset): Place| {
            let record = lanes.get_mut(&partition).and_then(|lane| lane.find(offset));
            record.is_none_or(|record| record.refused || record.is_finished(at_ms))
        };
        while places.get(*first).is_some_and(|place| finished(*place)) {
            *first += 1;
        }
        let earlier = places[*first..].iter().take_while(|earlier| **earlier < place);
        earlier.into_iter().any(|earlier| !finished(*earlier) && !self.request.1.contains(earlier))
    }

    fn finished(&mut self, place: Place, count: fn(&mut Verdict) -> &mut u64) {
        let life = self.verdict.kills;
        let floor = at(&self.at_kill, place.0);
        let Some(record) = self.known(place) else { return };
        let before = record.done_in.replace(life);
        let Some(before) = before else { return *count(&mut self.verdict) += 1 };
        self.verdict.repeats += 1;
        let wrongly = match self.rules.repeats {
            Repeats::Uncommitted => before == life || place.1 < floor,
            Repeats::AtMost(bound) => self.verdict.repeats > bound,
        };
        if wrongly {
            self.verdict.repeated_wrongly.push(place);
        }
    }

    fn committed(&mut self, offsets: &[i64], at_ms: i64) {
        for (number, lane) in &mut self.lanes {
            let committed = at(offsets, *number);
            if committed < at(&self.committed, *number) {
                self.verdict.went_back.push((*number, committed));
            }
            if let Some(first) = lane.unfinished(at_ms)
                && first.offset < committed
            {
                self.verdict.passed.push((*number, first.offset));
            }
        }
        self.committed = offsets.to_vec();
    }

    fn sum_up(mut self) -> Verdict {
        self.letters_until(i64::MAX);
        for (number, lane) in &self.lanes {
            let expired = lane.records.iter().filter(|record| record.only_expired(self.last_ms));
            self.verdict.expired += expired.count() as u64;
            let missing = lane.records.iter().filter(|record| !record.is_finished(self.last_ms));
            self.verdict.missing.extend(missing.map(|record| (*number, record.offset)));
        }
        self.verdict
    }
}

/// Nothing is committed where nothing is said.
fn at(offsets: &[i64], partition: i32) -> i64 {
    offsets.get(partition as usize).copied().unwrap_or(0)
}
