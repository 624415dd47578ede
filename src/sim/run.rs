//! Running seeds: one or many, with a failing one run again to show its last steps.

use crate::sim::{
    report::{Failure, Report},
    setup::Setup,
    swarm,
    world::{Honest, Tamper, World},
};

/// One seed of one setup.
///
/// # Errors
/// The first promise that does not hold, with the last steps before it.
pub fn run(seed: u64, setup: &Setup) -> Result<Report, Failure> {
    run_tampered(seed, setup, || Honest)
}

/// The same with a bug planted. Made anew for each run, because a failing run is run twice.
///
/// # Errors
/// As [`run`].
pub fn run_tampered<T: Tamper>(seed: u64, setup: &Setup, tamper: impl Fn() -> T) -> Result<Report, Failure> {
    World::new(seed, setup, &mut tamper(), false)
        .run()
        .map_err(|failure| World::new(seed, setup, &mut tamper(), true).run().err().unwrap_or(failure))
}

/// The run that a seed alone stands for.
///
/// # Errors
/// As [`run`].
pub fn run_random(seed: u64) -> Result<Report, Failure> {
    run(seed, &swarm::draw(seed))
}
