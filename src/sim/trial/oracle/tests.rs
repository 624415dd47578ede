//! The oracle against trying every schedule of a handful of records.

use proptest::prelude::*;

use super::*;
use crate::{
    sim::{
        scheduler::EPOCH_MS,
        trial::case::{Fault, Step},
    },
    time::Instant,
};

/// A handful of records before a worker without noise.
#[derive(Debug, Clone)]
struct Tiny {
    case: Case,
    /// Milliseconds: arrival, and life.
    records: Vec<(u64, u64)>,
}

impl Tiny {
    fn arrivals(&self) -> Vec<Arrival> {
        let arrival = |(at, life): &(u64, u64)| Arrival {
            at: Instant::from_millis(*at),
            deadline_ms: Some(EPOCH_MS + (at + life) as i64),
            bytes: 1000,
            is_done: false,
        };
        self.records.iter().map(arrival).collect()
    }

    /// Every schedule, tried: each choice of a next batch for the server that is free first.
    fn by_trying(&self, used: u32, free_s: &[f64]) -> u32 {
        let seconds = |ms: u64| ms as f64 * 1e-3;
        let server = (0..free_s.len()).min_by(|a, b| free_s[*a].total_cmp(&free_s[*b])).unwrap();
        let mut best = 0;
        for set in 1..(1_u32 << self.records.len()) {
            let size = set.count_ones();
            if set & used != 0 || size > self.case.batch_max() {
                continue;
            }
            let members =
                || self.records.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1).map(|(_, record)| *record);
            let start = members().map(|(at, _)| seconds(at)).fold(free_s[server], f64::max);
            let slowness = worker::slowness(&self.case.worker, self.case.seconds, start);
            let end = start + slowness * worker::batch_s(&self.case.worker, start, size, 1000 * u64::from(size));
            if members().all(|(at, life)| end <= seconds(at + life)) {
                let mut free_s = free_s.to_vec();
                free_s[server] = end;
                best = best.max(size + self.by_trying(used | set, &free_s));
            }
        }
        best
    }

    fn best(&self) -> f64 {
        self.by_trying(0, &vec![0.0; self.case.worker.servers as usize]).into()
    }
}

prop_compose! {
    fn tiny(servers: std::ops::RangeInclusive<u32>, lives: usize)(
        servers in servers,
        records in prop::collection::vec((0_u64..150, 0..lives), 1..=6),
        lives in prop::collection::vec(10_u64..120, lives),
        alpha in 0.001_f64..0.03,
        beta in 0.0005_f64..0.02,
        batch_max in 1_u32..=6,
        slower in prop::option::of((10_u32..150, 1.0_f64..4.0)),
    ) -> Tiny {
        let mut case = Case { name: "tiny".to_owned(), seconds: 1.0, ..Case::default() };
        case.workload.life = [lives[0] as f64 * 1e-3; 2];
        case.worker.servers = servers;
        (case.worker.alpha, case.worker.beta) = (alpha, beta);
        case.tune.batch_size = Some([1, batch_max]);
        let step = |(at_ms, slow)| Step { at: f64::from(at_ms) * 1e-3, slow: Some(slow), servers: None, alpha: None };
        case.worker.steps = slower.map(step).into_iter().collect();
        let mut records: Vec<(u64, u64)> = records.into_iter().map(|(at, which)| (at, lives[which])).collect();
        records.sort_unstable();
        Tiny { case, records }
    }
}

proptest! {
    #[test]
    fn the_exact_figure_is_the_best_of_all_schedules(tiny in tiny(1..=1, 1)) {
        prop_assert!(is_simple(&tiny.case));
        prop_assert_eq!(exact(&tiny.case, &tiny.arrivals()), tiny.best());
    }

    #[test]
    fn no_schedule_is_better_than_the_bound_with_several_servers_and_lives(tiny in tiny(1..=3, 3)) {
        let (bound, best) = (bound(&tiny.case, &tiny.arrivals()), tiny.best());
        prop_assert!(bound >= best, "bound {bound}, best {best}");
        prop_assert!(bound <= tiny.records.len() as f64);
    }

    /// On more than can be tried.
    #[test]
    fn the_bound_is_never_below_the_exact_figure(
        tiny in tiny(1..=1, 1),
        mut at_ms in prop::collection::vec(0_u64..500, 40),
    ) {
        at_ms.sort_unstable();
        let life = tiny.records[0].1;
        let tiny = Tiny { records: at_ms.into_iter().map(|at| (at, life)).collect(), ..tiny };
        let (bound, exact) = (bound(&tiny.case, &tiny.arrivals()), exact(&tiny.case, &tiny.arrivals()));
        prop_assert!(bound >= exact, "bound {bound}, exact {exact}");
    }
}

#[test]
fn a_worker_that_is_away_can_do_nothing() {
    let faults = vec![Fault { at: 0.2, lasts: 0.1, kind: FaultKind::Away, every: 0.5 }];
    let case = Case { seconds: 1.0, faults, ..Case::default() };
    assert!(possible_at(&case, 0.1) > 0.0 && possible_at(&case, 0.4) > 0.0);
    assert!(possible_at(&case, 0.25) == 0.0 && possible_at(&case, 0.75) == 0.0);
}
