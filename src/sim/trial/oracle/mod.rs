//! What could have been reached: the most records in time.
//!
//! Where it is possible exactly: a serial worker that never fails, records of one size and one life. A best schedule
//! then serves runs of neighbours in order, so `finish(i, k)`, the earliest moment at which `k` of the first `i` can be
//! done, is enough of a state. That is exact for a worker that does not get faster by waiting.
//!
//! Everywhere else an upper bound: records as a fluid of the worker's best rate, served by earliest deadline, which loses
//! least (Glover 1967, for records and slots). It knows the worker's mean and no noise, and a batch costs it no time;
//! nobody reaches it, and a lucky run may pass the exact figure.

mod exact;
mod fluid;
#[cfg(test)]
mod tests;

use exact::exact;
use fluid::{bound, fluid};

use crate::{
    engine::settings::EngineSettings,
    sim::trial::{
        case::{Case, FaultKind},
        log::{Arrival, Arrivals},
        worker,
    },
};

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
