//! Cuts a failing run down: fewer faults, fewer records, as long as it still fails the same way.
//!
//! Greedy and bounded; the result is smaller, not smallest.

use crate::sim::setup::Setup;

/// The smaller setup. `fails` says whether a setup still fails the same way.
pub fn shrink(setup: &Setup, fails: impl Fn(&Setup) -> bool) -> Setup {
    let mut small = setup.clone();
    let mut index = 0;
    while index < small.faults.len() {
        let mut fewer = small.clone();
        fewer.faults.remove(index);
        if fails(&fewer) {
            small = fewer;
        } else {
            index += 1;
        }
    }
    while small.workload.records > 1 {
        let mut fewer = small.clone();
        fewer.workload.records /= 2;
        if !fails(&fewer) {
            break;
        }
        small = fewer;
    }
    while small.requests.count > 0 {
        let mut fewer = small.clone();
        fewer.requests.count /= 2;
        if !fails(&fewer) {
            break;
        }
        small = fewer;
    }
    small
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sim::fault::{Fault, Kind},
        time::Instant,
    };

    #[test]
    fn only_what_the_failure_needs_is_left() {
        let fault = |ms, kind| Fault { at: Instant::from_millis(ms), lasts: std::time::Duration::ZERO, kind };
        let faults = vec![fault(1, Kind::Crash), fault(2, Kind::Restart), fault(3, Kind::Crash), fault(4, Kind::Crash)];
        let setup = Setup { faults, ..Setup::default() };
        let restarts = |setup: &Setup| setup.faults.iter().any(|fault| fault.kind == Kind::Restart);
        let small = shrink(&setup, |setup| restarts(setup) && setup.workload.records >= 100);
        assert_eq!(small.faults, [fault(2, Kind::Restart)]);
        assert_eq!(small.workload.records, 125);
    }
}
