//! How long a batch may wait to be filled while the worker is busy: a quarter of what a batch takes, and not at all
//! when nobody else is expected in that time.
//!
//! An idle worker is sent what there is, whatever this says. With a busy one the wait saves the fixed part of a batch,
//! and costs its records at most a quarter of the time they spend with the worker anyway.

use crate::control::{estimator::Estimators, knobs::Reason};

const SHARE: f64 = 0.25;

/// Milliseconds, and why. `None` before anything is known.
pub fn wish(known: &Estimators, batch_records: u32) -> Option<(f64, Reason)> {
    if !known.batch_time.is_warm() {
        return None;
    }
    let one_s = known.batch_time.seconds_of(1);
    let most_s = known.batch_time.seconds_of(batch_records.max(1));
    let wait_s = SHARE * one_s.max(0.0).min(most_s);
    // While the gate is shut nothing arrives, and what is taken from the queue says what would.
    let expected = known.arrivals.cautious().max(known.completions.slow()) * wait_s;
    Some(if expected < 1.0 { (0.0, Reason::Rate) } else { ((1e3 * wait_s).round(), Reason::Rate) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        control::sample::{BatchSample, Outcome},
        time::Instant,
    };

    fn known(records_per_s: u64) -> Estimators {
        let mut known = Estimators::default();
        for n in 0..20_u64 {
            let sent_at = Instant::from_millis(n * 100);
            let settled_at = sent_at + Duration::from_millis(40);
            let outcome = Outcome::Answered;
            known.observe(&BatchSample {
                sent_at,
                settled_at,
                records: 1,
                bytes: 9,
                in_flight: 1,
                worked: None,
                outcome,
            });
            (0..records_per_s / 10).for_each(|_| known.arrived(sent_at, None));
        }
        known
    }

    #[test]
    fn it_is_a_quarter_of_a_batch_when_others_are_expected_and_nothing_when_not() {
        let (long, _) = wish(&known(1000), 32).unwrap();
        assert!((8.0..=12.0).contains(&long), "{long}");
        assert_eq!(wish(&known(10), 32), Some((0.0, Reason::Rate)));
        assert_eq!(wish(&Estimators::default(), 32), None);
    }
}
