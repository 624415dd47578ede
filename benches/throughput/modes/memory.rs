//! Peak memory: a small and a large backlog, through a fast worker to the end and through a slow one for a while.

use std::time::Duration;

use crate::{
    Outcome,
    args::Options,
    broker::Broker,
    modes::subjects,
    run::{Running, Setup},
    table::Table,
    topic::Topic,
};

/// The backlogs, in records. What is bounded does not grow from one to the other.
const BACKLOGS: [u64; 2] = [200_000, 1_000_000];

const PARTITIONS: i32 = 64;

/// A slow worker's time to answer.
const SLOW_MS: u64 = 50;

pub fn run(options: &Options, broker: &Broker) -> Outcome<()> {
    let limit = Duration::from_secs(options.seconds);
    let mut topic = Topic::create(&broker.address, "memory", PARTITIONS)?;
    let mut table =
        Table::new(&["backlog", "worker", "", "peak RSS MiB", "records delivered", "records/s", "CPU µs a record"]);
    for backlog in BACKLOGS {
        eprintln!("producing up to {backlog} records");
        topic.fill(&broker.address, backlog - topic.records, options.value_bytes)?;
        for delay_ms in [0, SLOW_MS] {
            for subject in subjects(options) {
                let setup = Setup { delay_ms, ..Setup::default() };
                let mut running = Running::start(options, broker, &topic, subject, &setup)?;
                let measured = running.measure(limit)?;
                eprintln!("{backlog} records, {delay_ms} ms: {} {:.1} MiB", subject.name(), measured.peak_mib);
                table.row([
                    backlog.to_string(),
                    if delay_ms == 0 { "instant".into() } else { format!("{delay_ms} ms") },
                    subject.name().to_owned(),
                    format!("{:.1}", measured.peak_mib),
                    measured.records.to_string(),
                    format!("{:.0}", measured.records_per_second),
                    format!("{:.2}", measured.cpu_us),
                ]);
            }
        }
    }
    println!("{PARTITIONS} partitions, each run to the end of the backlog or for {} s\n", options.seconds);
    table.print();
    Ok(())
}
