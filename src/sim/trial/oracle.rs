//! What could have been reached: the most records in time.
//!
//! Where it is possible exactly: a serial worker that never fails, records of one size and one life. A best schedule
//! then serves runs of neighbours in order, so `finish(i, k)`, the earliest moment at which `k` of the first `i` can be
//! done, is enough of a state. That is exact for a worker that does not get faster by waiting.
//!
//! Everywhere else an upper bound: records as a fluid of the worker's best rate, served by earliest deadline, which loses
//! least (Glover 1967, for records and slots). It knows the worker's mean and no noise, and a batch costs it no time;
//! nobody reaches it, and a lucky run may pass the exact figure.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use crate::{
    engine::settings::EngineSettings,
    sim::{
        scheduler::EPOCH_MS,
        trial::{
            case::{Case, FaultKind},
            log::{Arrival, Arrivals},
            worker,
        },
    },
};

/// Width of a slot of the bound, seconds.
const SLOT_S: f64 = 0.01;

/// Records a second that are a load of one.
pub fn capacity_at_start(case: &Case, settings: &EngineSettings) -> f64 {
    worker::capacity(&case.worker, case.seconds, 0.0, settings.most().1.min(case.batch_max()), case.mean_bytes())
}

/// Records a second at best at a moment; nothing while the worker is away, silent or refusing.
pub fn possible_at(case: &Case, at_s: f64) -> f64 {
    let is_down = case.faults.iter().any(|fault| {
        let since =
            if fault.every > 0.0 && at_s >= fault.at { (at_s - fault.at) % fault.every } else { at_s - fault.at };
        fault.kind != FaultKind::Rebalance && (0.0..fault.lasts).contains(&since)
    });
    if is_down { 0.0 } else { worker::capacity(&case.worker, case.seconds, at_s, case.batch_max(), case.mean_bytes()) }
}

/// The most records in time, and whether that is exact.
pub fn most_in_time(case: &Case, settings: &EngineSettings, seed: u64) -> (f64, bool) {
    let arrivals: Vec<Arrival> = Arrivals::new(case, capacity_at_start(case, settings), seed).collect();
    if is_simple(case) { (exact(case, &arrivals), true) } else { (bound(case, &arrivals), false) }
}

/// Whether the exact programme applies.
fn is_simple(case: &Case) -> bool {
    let (workload, worker) = (&case.workload, &case.worker);
    let one_kind = workload.life[0] > 0.0
        && workload.life[0] >= workload.life[1]
        && workload.undated + workload.stale + workload.large == 0.0
        && workload.bytes[0] == workload.bytes[1];
    let one_server = worker.servers == 1 && !worker.internal && worker.steps.iter().all(|step| step.servers.is_none());
    one_kind && one_server && worker.refuses_above.is_none() && case.faults.is_empty() && case.batch_max() <= 64
}

fn exact(case: &Case, arrivals: &[Arrival]) -> f64 {
    let (most, life_s) = (case.batch_max() as usize, case.workload.life[0]);
    let at_s: Vec<f64> = arrivals.iter().map(|arrival| arrival.at.0 as f64 * 1e-9).collect();
    let bytes = u64::from(case.workload.bytes[0]);
    let alone: Vec<f64> =
        (0..=most).map(|size| worker::batch_s(&case.worker, size as u32, bytes * size as u64)).collect();
    let batch_s = |at: f64, size: usize| alone[size] * worker::slowness(&case.worker, case.seconds, at);
    let gets_faster = !case.worker.steps.is_empty() || case.worker.swing > 0.0 || case.worker.drift < 1.0;
    let rows = most + 1;
    // Row i mod rows: the first i records.
    let mut finish: Vec<Row> = vec![Row::start(); rows];
    for (i, &arrival) in at_s.iter().enumerate() {
        let place = (i + 1) % rows;
        let mut row = std::mem::take(&mut finish[place]);
        row.clone_from(&finish[i % rows]);
        for size in 1..=most.min(i + 1) {
            let must_s = at_s[i + 1 - size] + life_s;
            if !gets_faster && arrival + batch_s(arrival, size) > must_s {
                break;
            }
            for (done, before) in finish[(i + 1 - size) % rows].since(arrival) {
                let start = before.max(arrival);
                if start > must_s {
                    // Later finishes start later still.
                    break;
                }
                let end = start + batch_s(start, size);
                if end > must_s {
                    if gets_faster { continue } else { break }
                }
                row.offer(done + size, end);
            }
        }
        row.forget(arrival);
        finish[place] = row;
    }
    finish[at_s.len() % rows].most() as f64
}

/// The earliest moment at which each number of records can be done, seconds. Numbers below `from` are left out: more can
/// be done by a moment that is past.
#[derive(Clone, Default)]
struct Row {
    from: usize,
    finish: VecDeque<f64>,
}

impl Row {
    fn start() -> Self {
        Self { from: 0, finish: VecDeque::from([0.0]) }
    }

    /// What may be built upon from a moment on: the most that can be done by then, and whatever finishes later.
    fn since(&self, now_s: f64) -> impl Iterator<Item = (usize, f64)> {
        let past = self.past(now_s);
        self.finish.iter().enumerate().skip(past).map(|(index, finish)| (self.from + index, *finish))
    }

    fn offer(&mut self, done: usize, end: f64) {
        let Some(index) = done.checked_sub(self.from) else { return };
        if index >= self.finish.len() {
            self.finish.resize(index + 1, f64::INFINITY);
        }
        self.finish[index] = self.finish[index].min(end);
    }

    fn forget(&mut self, now_s: f64) {
        let past = self.past(now_s);
        self.finish.drain(..past);
        self.from += past;
    }

    fn past(&self, now_s: f64) -> usize {
        self.finish.iter().rposition(|finish| *finish <= now_s).unwrap_or(0)
    }

    fn most(&self) -> usize {
        self.finish.iter().rposition(|finish| finish.is_finite()).map_or(0, |index| self.from + index)
    }
}

/// What could be done at best in each second, for the picture: the bound's own course.
pub fn by_second(case: &Case, settings: &EngineSettings, seed: u64) -> Vec<f64> {
    let arrivals: Vec<Arrival> = Arrivals::new(case, capacity_at_start(case, settings), seed).collect();
    let mut seconds = vec![0.0; case.ends_s().ceil() as usize];
    fluid(case, &arrivals, |at_s, served| {
        if let Some(second) = seconds.get_mut(at_s as usize) {
            *second += served;
        }
    });
    seconds
}

fn bound(case: &Case, arrivals: &[Arrival]) -> f64 {
    let mut sum = 0.0;
    fluid(case, arrivals, |_, served| sum += served);
    (sum + 1e-6).floor()
}

/// Slot by slot, how much of what has arrived is served, earliest deadline first. In favour of the bound, a slot serves what
/// arrives within it and what was due within it, at the best rate that a batch begun up to a batch time earlier had.
fn fluid(case: &Case, arrivals: &[Arrival], mut serve: impl FnMut(f64, f64)) {
    let mut waiting: BinaryHeap<Reverse<i64>> = BinaryHeap::new();
    // What is left of the record that is being served, of which the deadline is no longer in the heap.
    let mut begun: Option<(i64, f64)> = None;
    let mut next = 0;
    let longest = case.batch_max();
    let batch_s = worker::batch_s(&case.worker, longest, (case.mean_bytes() * f64::from(longest)) as u64);
    for slot in 0..(case.ends_s() / SLOT_S).ceil() as u64 {
        let (from_s, to_s) = (slot as f64 * SLOT_S, (slot + 1) as f64 * SLOT_S);
        while let Some(arrival) = arrivals.get(next).filter(|arrival| (arrival.at.0 as f64) < to_s * 1e9) {
            waiting.push(Reverse(arrival.deadline_ms.map_or(i64::MAX, |deadline| deadline - EPOCH_MS)));
            next += 1;
        }
        if waiting.is_empty() && begun.is_none() {
            continue;
        }
        let slowness = worker::slowness(&case.worker, case.seconds, from_s);
        let before_s = (from_s - batch_s * slowness).max(0.0);
        let room = SLOT_S * possible_at(case, from_s).max(possible_at(case, before_s));
        let mut left = room;
        while left > 0.0 {
            let Some((deadline_ms, rest)) = begun.take().or_else(|| Some((waiting.pop()?.0, 1.0))) else { break };
            if (deadline_ms as f64) < from_s * 1e3 {
                continue;
            }
            let part = left.min(rest);
            left -= part;
            if part < rest {
                begun = Some((deadline_ms, rest - part));
            }
        }
        serve(from_s, room - left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{sim::rng::Rng, time::Instant};

    fn case() -> Case {
        let mut case = Case { name: "t".to_owned(), seconds: 1.0, ..Case::default() };
        case.workload.life = [0.06, 0.06];
        case.tune.batch_size = Some([1, 16]);
        case
    }

    fn arrivals(at_ms: &[u64]) -> Vec<Arrival> {
        let arrival = |ms: &u64| Arrival {
            at: Instant::from_millis(*ms),
            deadline_ms: Some(EPOCH_MS + *ms as i64 + 60),
            bytes: 1000,
            is_done: false,
        };
        at_ms.iter().map(arrival).collect()
    }

    /// Every schedule of a handful of records, tried.
    fn by_trying(case: &Case, at_s: &[f64], used: u32, free: f64) -> u32 {
        let mut best = 0;
        for set in 1..(1_u32 << at_s.len()) {
            if set & used != 0 {
                continue;
            }
            let members: Vec<usize> = (0..at_s.len()).filter(|i| set >> i & 1 == 1).collect();
            let start = members.iter().map(|&i| at_s[i]).fold(free, f64::max);
            let end = start + worker::batch_s(&case.worker, set.count_ones(), 1000 * u64::from(set.count_ones()));
            if members.iter().all(|&i| end <= at_s[i] + 0.06) {
                best = best.max(set.count_ones() + by_trying(case, at_s, used | set, end));
            }
        }
        best
    }

    #[test]
    fn it_agrees_with_trying_every_schedule() {
        let (case, mut rng) = (case(), Rng::new(5));
        assert!(is_simple(&case));
        for _ in 0..60 {
            let mut at_ms: Vec<u64> = (0..6).map(|_| rng.below(150)).collect();
            at_ms.sort_unstable();
            let at_s: Vec<f64> = at_ms.iter().map(|ms| *ms as f64 * 1e-3).collect();
            assert_eq!(exact(&case, &arrivals(&at_ms)) as u32, by_trying(&case, &at_s, 0, 0.0), "{at_ms:?}");
        }
    }

    #[test]
    fn the_bound_is_never_below_the_exact_figure() {
        let (case, mut rng) = (case(), Rng::new(6));
        for _ in 0..60 {
            let mut at_ms: Vec<u64> = (0..40).map(|_| rng.below(500)).collect();
            at_ms.sort_unstable();
            let arrivals = arrivals(&at_ms);
            assert!(bound(&case, &arrivals) >= exact(&case, &arrivals), "{at_ms:?}");
        }
    }

    #[test]
    fn a_worker_that_is_away_can_do_nothing() {
        let mut case = case();
        case.faults = vec![crate::sim::trial::case::Fault { at: 0.2, lasts: 0.1, kind: FaultKind::Away, every: 0.5 }];
        assert!(possible_at(&case, 0.1) > 0.0 && possible_at(&case, 0.4) > 0.0);
        assert!(possible_at(&case, 0.25) == 0.0 && possible_at(&case, 0.75) == 0.0);
    }
}
