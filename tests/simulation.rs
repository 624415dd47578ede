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
            Ok(report) => {
                if seed == 0 {
                    println!("{report}")
                }
            }
            Err(failure) => panic!("{failure}"),
        }
    }
}

#[test]
fn hunt() {
    let n: u64 = std::env::var("SIM_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(2000);
    let from: u64 = std::env::var("SIM_FROM").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    let start = std::time::Instant::now();
    let mut by: std::collections::BTreeMap<String, (u64, u64, String)> = Default::default();
    let mut steps = 0;
    for seed in from..from + n {
        let setup = sluicegate::sim::swarm::draw(seed);
        match World::new(seed, &setup, &mut Honest, false).run() {
            Ok(r) => steps += r.steps,
            Err(f) => {
                let e = by
                    .entry(format!(
                        "{:?} {}",
                        f.violation.promise,
                        f.violation.what.split(|c: char| c.is_ascii_digit()).next().unwrap()
                    ))
                    .or_insert((0, seed, String::new()));
                e.0 += 1;
                e.2 = f.violation.to_string();
            }
        }
    }
    let took = start.elapsed().as_secs_f64();
    println!("{n} seeds in {took:.1} s: {:.0}/s, steps {steps}", n as f64 / took);
    for (k, v) in by {
        println!("{:>5} first {:>5} {k}   || {}", v.0, v.1, v.2);
    }
}

#[test]
fn show() {
    let Some(seed) = std::env::var("SIM_SEED").ok().and_then(|s| s.parse().ok()) else { return };
    let setup = sluicegate::sim::swarm::draw(seed);
    println!("{setup:#?}");
    match sluicegate::sim::run::run(seed, &setup) {
        Ok(r) => println!("{r}"),
        Err(f) => println!("{f}"),
    }
}
