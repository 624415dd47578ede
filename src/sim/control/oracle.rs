//! What could have been reached: the most records in time, for a serial worker whose curve and arrivals are known.
//!
//! Exact for equal lives (deadlines in order of arrival) and a curve that does not get faster by waiting: a best
//! schedule then serves runs of neighbours in order, so `finish(i, k)`, the earliest moment at which `k` of the first
//! `i` can be done, is enough of a state. It knows the mean curve and has no noise, so a lucky run can pass it.

use crate::sim::control::deadlines::{BATCH_MAX, Trial};

/// The most records in time.
pub fn most_in_time(trial: &Trial, arrivals: &[f64]) -> u32 {
    let rows = BATCH_MAX as usize + 1;
    // Row i mod rows: earliest finish of k records among the first i.
    let mut finish: Vec<Vec<f64>> = vec![vec![0.0]; rows];
    for (i, &arrival) in arrivals.iter().enumerate() {
        let place = (i + 1) % rows;
        let mut row = std::mem::take(&mut finish[place]);
        row.clone_from(&finish[i % rows]);
        for size in 1..=(BATCH_MAX as usize).min(i + 1) {
            let must_s = arrivals[i + 1 - size] + trial.life_s;
            if arrival + trial.batch_s(arrival, size as u32) > must_s && trial.is_never_faster() {
                break;
            }
            for (k, &before) in finish[(i + 1 - size) % rows].iter().enumerate() {
                let start = if before > arrival { before } else { arrival };
                let end = start + trial.batch_s(start, size as u32);
                if end > must_s {
                    // Later finishes end later still.
                    break;
                }
                if k + size >= row.len() {
                    row.resize(k + size + 1, f64::INFINITY);
                }
                if end < row[k + size] {
                    row[k + size] = end;
                }
            }
        }
        finish[place] = row;
    }
    finish.get(arrivals.len() % rows).map_or(0, |row| row.iter().rposition(|end| end.is_finite()).unwrap_or(0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{control::deadlines::Slowness, rng::Rng};

    /// Every schedule of a handful of records, tried.
    fn by_trying(trial: &Trial, arrivals: &[f64], used: u32, free: f64) -> u32 {
        let mut best = 0;
        for set in 1..(1_u32 << arrivals.len()) {
            if set & used != 0 {
                continue;
            }
            let members: Vec<usize> = (0..arrivals.len()).filter(|i| set >> i & 1 == 1).collect();
            let start = members.iter().map(|&i| arrivals[i]).fold(free, f64::max);
            let end = start + trial.batch_s(start, set.count_ones());
            if members.iter().all(|&i| end <= arrivals[i] + trial.life_s) {
                best = best.max(set.count_ones() + by_trying(trial, arrivals, used | set, end));
            }
        }
        best
    }

    #[test]
    fn it_agrees_with_trying_every_schedule() {
        let mut rng = Rng::new(5);
        for _ in 0..60 {
            let trial = Trial { load: 1.0, life_s: 0.06, cv: 0.0, slowness: Slowness::Steady, seconds: 1.0 };
            let mut arrivals: Vec<f64> = (0..6).map(|_| rng.below(150) as f64 * 1e-3).collect();
            arrivals.sort_by(f64::total_cmp);
            assert_eq!(most_in_time(&trial, &arrivals), by_trying(&trial, &arrivals, 0, 0.0), "{arrivals:?}");
        }
    }
}
