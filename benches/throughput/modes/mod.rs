//! The three things that are measured.

mod latency;
mod memory;
mod throughput;

use std::time::Duration;

use crate::{
    Outcome,
    args::{Mode, Options},
    broker::Broker,
    floor::envelope,
    process::machine_seconds,
    run::Subject,
};

/// Share of the CPU in use below which a machine is quiet.
const QUIET_SHARE: f64 = 0.1;

/// # Errors
/// When something does not work; never because a figure is bad.
pub fn run(options: &Options) -> Outcome<()> {
    if options.sidecar && !options.binary.exists() {
        return Err(format!("there is no {}; SLUICEGATE_BIN names another", options.binary.display()).into());
    }
    envelope::check()?;
    eprintln!("starting the broker");
    let broker = Broker::start()?;
    heading(options, &broker);
    match options.mode {
        Mode::Throughput => throughput::run(options, &broker),
        Mode::Memory => memory::run(options, &broker),
        Mode::Latency => latency::run(options, &broker),
    }
}

fn subjects(options: &Options) -> Vec<Subject> {
    let floors = options.floor.then_some(Subject::Floor).into_iter();
    let copying = (options.floor && options.copying).then_some(Subject::CopyingFloor);
    floors.chain(copying).chain(options.sidecar.then_some(Subject::Sidecar)).collect()
}

/// Waits until the machine has been quiet for a second, or for as long as the options allow.
fn wait_for_quiet(options: &Options) -> Outcome<()> {
    for _ in 0..options.quiet_seconds {
        let (busy, all) = machine_seconds()?;
        std::thread::sleep(Duration::from_secs(1));
        let (busy_then, all_then) = machine_seconds()?;
        if (busy_then - busy) / (all_then - all) < QUIET_SHARE {
            break;
        }
    }
    Ok(())
}

fn heading(options: &Options, broker: &Broker) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores, shared by broker, worker and subject; {}", broker.version);
    println!(
        "librdkafka {}, prefetch {} records or {} KiB; batches of {}, {} in flight; values of {} bytes\n",
        rdkafka::util::get_rdkafka_version().1,
        options.prefetch_records,
        options.prefetch_kib,
        options.batch_size,
        options.in_flight,
        options.value_bytes,
    );
}
