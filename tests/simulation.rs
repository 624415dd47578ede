//! The engine against the simulator.

use sluicegate::sim::{
    setup::Setup,
    world::{Honest, World},
};

#[test]
fn a_quiet_day_drains() {
    for seed in 0..50 {
        let setup = Setup::default();
        match World::new(seed, &setup, &mut Honest, true).run() {
            Ok(report) => if seed == 0 { println!("{report}") },
            Err(failure) => panic!("{failure}"),
        }
    }
}
