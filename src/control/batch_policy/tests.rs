use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    control::sample::{BatchSample, Outcome},
    time::Instant,
};

const BOUNDS: Bounds =
    Bounds { records_max: 16, concurrency: 1, bytes_max: 1 << 20, guard_s: 0.0, skips: true, worker_is_idle: false };

/// A worker that takes 20 ms and 5 ms a record, well known.
fn known() -> Estimators {
    let mut known = Estimators::default();
    for n in 0..100_u32 {
        let records = 1 + n * 7 % 16;
        let sent_at = Instant::from_millis(u64::from(n) * 200);
        let settled_at = sent_at + Duration::from_millis(20 + 5 * u64::from(records));
        let bytes = u64::from(records) * 1000;
        let outcome = Outcome::Answered;
        known.observe(&BatchSample { sent_at, settled_at, records, bytes, in_flight: 1, worked: None, outcome });
    }
    known
}

/// The same, with times that are off by up to three tenths either way.
fn shaky() -> Estimators {
    let mut known = Estimators::default();
    for n in 0..400_u32 {
        let records = 1 + n * 7 % 16;
        let sent_at = Instant::from_millis(u64::from(n) * 200);
        let even = 1.0 + 0.3 * (f64::from(n * 37 % 100) / 50.0 - 1.0);
        let settled_at = sent_at + Duration::from_millis(20 + 5 * u64::from(records)).mul_f64(even);
        let bytes = u64::from(records) * 1000;
        let outcome = Outcome::Answered;
        known.observe(&BatchSample { sent_at, settled_at, records, bytes, in_flight: 1, worked: None, outcome });
    }
    known
}

fn queue(left_s: &[f64]) -> Vec<Waiting> {
    left_s.iter().map(|&left_s| Waiting { left_s, bytes: 1000 }).collect()
}

#[test]
fn with_time_to_spare_everything_that_waits_goes() {
    assert_eq!(plan(&queue(&[1.0; 9]), &known(), &BOUNDS).take, 9);
    assert_eq!(plan(&queue(&[f64::INFINITY; 40]), &known(), &BOUNDS).take, 16);
    assert_eq!(plan(&[], &known(), &BOUNDS).take, 0);
}

#[test]
fn the_oldest_record_is_passed_over_when_saving_it_would_cost_many() {
    let mut left = vec![0.03];
    left.extend([0.3; 16]);
    let plan = plan(&queue(&left), &known(), &BOUNDS);
    assert_eq!(plan.take, 16);
    assert!(plan.at_least_s > 0.03 && plan.hopeless_s < 0.03);
}

#[test]
fn a_tight_deadline_makes_a_smaller_batch_when_nothing_else_waits() {
    let plan = plan(&queue(&[0.065; 16]), &known(), &BOUNDS);
    assert!((7..=9).contains(&plan.take), "{plan:?}");
}

#[test]
fn only_what_no_batch_can_save_is_hopeless() {
    let plan = plan(&queue(&[1.0]), &known(), &BOUNDS);
    let is = |left_s| plan.hopeless(&Waiting { left_s, bytes: 1 });
    assert!(is(0.015) && !is(0.03) && !is(f64::INFINITY));
}

#[test]
fn nothing_is_hopeless_before_anything_is_known() {
    let plan = plan(&queue(&[0.001]), &Estimators::default(), &BOUNDS);
    assert_eq!((plan.take, plan.hopeless_s), (1, 0.0));
}

#[test]
fn an_idle_worker_gets_even_what_will_probably_be_late_but_not_what_is_hopeless() {
    let idle = Bounds { worker_is_idle: true, ..BOUNDS };
    let waiting = queue(&[0.0251]);
    assert_eq!(plan(&waiting, &shaky(), &BOUNDS).take, 0);
    assert_eq!(plan(&waiting, &shaky(), &idle).take, 1);
    assert_eq!(plan(&queue(&[0.001]), &shaky(), &idle).take, 0);
}

#[test]
fn a_batch_that_may_pass_nobody_over_is_the_front_of_the_queue() {
    let front = Bounds { skips: false, ..BOUNDS };
    let mut left = vec![0.001; 4];
    left.extend([0.2; 12]);
    let found = plan(&queue(&left), &known(), &front);
    assert_eq!(found.take, 16, "the late ones go along");
    assert!(found.at_least_s < 0.0);
    assert_eq!(plan(&queue(&[0.001; 9]), &known(), &front).take, 9, "when all are late, the more the better");
    assert_eq!(plan(&queue(&[0.065; 16]), &known(), &front).take, plan(&queue(&[0.065; 16]), &known(), &BOUNDS).take);
}

proptest! {
    #[test]
    fn a_plan_keeps_its_bounds_and_takes_no_record_that_would_be_late(
        left in proptest::collection::vec((0.0_f64..2.0, 0_u64..500_000), 0..80), records_max in 1_u32..40, bytes_max: u32
    ) {
        let waiting: Vec<Waiting> = left.iter().map(|&(left_s, bytes)| Waiting { left_s, bytes }).collect();
        let bounds = Bounds { records_max, bytes_max: bytes_max.into(), guard_s: 0.001, ..BOUNDS };
        let plan = plan(&waiting, &known(), &bounds);
        let taken: Vec<&Waiting> =
            waiting.iter().filter(|record| record.left_s > plan.at_least_s).take(plan.take as usize).collect();
        prop_assert!(plan.take <= records_max && taken.len() == plan.take as usize);
        prop_assert!(plan.take <= 1 || taken.iter().map(|record| record.bytes).sum::<u64>() <= bounds.bytes_max);
        prop_assert!(taken.iter().all(|record| record.left_s > plan.expected_s));
    }

    #[test]
    fn whatever_waits_the_plan_is_sane(
        left in proptest::collection::vec(any::<f64>(), 0..40), guard_s: f64, worker_is_idle: bool, skips: bool
    ) {
        let bounds = Bounds { guard_s, worker_is_idle, skips, ..BOUNDS };
        let plan = plan(&queue(&left), &known(), &bounds);
        prop_assert!(plan.take <= 16 && plan.expected_s.is_finite());
    }
}
