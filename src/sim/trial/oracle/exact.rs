//! The exact figure, for one server, one life and one size: a programme over runs of neighbours.

use std::collections::VecDeque;

use crate::sim::trial::{case::Case, log::Arrival, worker};

pub fn exact(case: &Case, arrivals: &[Arrival]) -> f64 {
    let (most, life_s) = (case.batch_max() as usize, case.workload.life[0]);
    let at_s: Vec<f64> = arrivals.iter().map(|arrival| arrival.at.0 as f64 * 1e-9).collect();
    let bytes = u64::from(case.workload.bytes[0]);
    let batch_s = |at: f64, size: usize| {
        worker::batch_s(&case.worker, at, size as u32, bytes * size as u64)
            * worker::slowness(&case.worker, case.seconds, at)
    };
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
