//! What tuning costs: `cargo bench --no-default-features --bench control`.
//!
//! The engine is stepped with the same records in batches of the same size, everything computed or nothing, on time of
//! its own. Each figure is nanoseconds of processor time per record, the best of several rounds, with the records' making
//! in it. What control costs is the difference to `off`; the goal is at most 1000. No figure is asserted.

#[path = "../tests/support/mill.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod mill;

use mill::{Mill, Mode};

const ROUNDS: usize = 7;
const RECORDS: u64 = 400_000;
const WARM_UP: u64 = 20_000;

fn main() {
    println!(
        "| batch | records with a deadline | off | shadow | on | on, predictive, auto | on − off | with picking − off |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for batch in [1, 8, 32, 256] {
        for dated in [false, true] {
            let each = [Mode::Off, Mode::Shadow, Mode::On, Mode::Picking].map(|mode| nanos(mode, batch, dated));
            let [off, shadow, on, picking] = each;
            let half = if dated { "half" } else { "none" };
            let (more, most) = (on - off, picking - off);
            println!("| {batch} | {half} | {off:.0} | {shadow:.0} | {on:.0} | {picking:.0} | {more:.0} | {most:.0} |");
        }
    }
}

/// Nanoseconds per record, the best round. The world around the engine is in it, the same for every mode.
fn nanos(mode: Mode, batch: u32, dated: bool) -> f64 {
    let mut mill = Mill::new(mode, batch, dated);
    while mill.settled < WARM_UP {
        mill.turn(&mut |step| step());
    }
    // Batches of one are slow enough.
    let records = if batch == 1 { RECORDS / 4 } else { RECORDS };
    let rounds = (0..ROUNDS).map(|_| {
        let (from, spent) = (mill.settled, on_cpu());
        while mill.settled - from < records {
            mill.turn(&mut |step| step());
        }
        (on_cpu() - spent) as f64 / (mill.settled - from) as f64
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// Nanoseconds that this thread has been on a processor: whoever else is there does not count.
fn on_cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with scheduler statistics");
    text.split(' ').next().and_then(|first| first.parse().ok()).expect("a number comes first")
}
