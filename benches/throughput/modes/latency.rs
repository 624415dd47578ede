//! Produce → worker latency under a steady light load, with the linger at its default and at 1 ms.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{
    Outcome,
    args::Options,
    broker::Broker,
    modes::{subjects, wait_for_quiet},
    process::cpu_seconds,
    run::{LINGER_MS, Running, Setup, Subject},
    table::{Spread, Table},
    topic::{Topic, produce_steadily},
    worker::Latency,
};

const RECORDS_PER_SECOND: u32 = 2_000;

/// Before anything counts.
const WARM_UP: Duration = Duration::from_secs(3);

/// One run's figures: latencies in milliseconds, CPU time in microseconds a record.
struct Measured {
    latency: Latency,
    cpu_us: f64,
    records_per_request: f64,
}

pub fn run(options: &Options, broker: &Broker) -> Outcome<()> {
    let kinds: Vec<(Subject, u64)> =
        [LINGER_MS, 1].into_iter().flat_map(|linger| subjects(options).into_iter().map(move |s| (s, linger))).collect();
    let mut measured: Vec<Vec<Measured>> = kinds.iter().map(|_| Vec::new()).collect();
    for round in 1..=options.runs {
        wait_for_quiet(options)?;
        for ((subject, linger_ms), runs) in kinds.iter().zip(&mut measured) {
            let one = one(options, broker, *subject, *linger_ms)?;
            let Latency { p50, p99, .. } = one.latency;
            eprintln!("run {round} {} linger {linger_ms} ms: p50 {p50:.2} ms, p99 {p99:.2} ms", subject.name());
            runs.push(one);
        }
    }
    println!(
        "{RECORDS_PER_SECOND} records/s over {} partitions, produced with linger.ms=1; {} runs each of {} s after {} s \
         of warm-up, in turn; median (least-most)\n",
        options.partitions,
        options.runs,
        options.seconds,
        WARM_UP.as_secs()
    );
    let mut table =
        Table::new(&["", "linger ms", "p50 ms", "p99 ms", "max ms", "records a request", "CPU µs a record"]);
    for ((subject, linger_ms), runs) in kinds.iter().zip(&measured) {
        let spread = |figure: fn(&Measured) -> f64| Spread::of(runs.iter().map(figure)).show(2);
        table.row([
            subject.name().to_owned(),
            linger_ms.to_string(),
            spread(|m| m.latency.p50),
            spread(|m| m.latency.p99),
            spread(|m| m.latency.max),
            spread(|m| m.records_per_request),
            spread(|m| m.cpu_us),
        ]);
    }
    table.print();
    Ok(())
}

/// On a topic of its own, so that there is nothing to catch up with.
fn one(options: &Options, broker: &Broker, subject: Subject, linger_ms: u64) -> Outcome<Measured> {
    let topic = Topic::create(&broker.address, "latency", options.partitions)?;
    let setup = Setup { latency: true, linger_ms: Some(linger_ms), ..Setup::default() };
    let mut running = Running::start(options, broker, &topic, subject, &setup)?;
    let stop = Arc::new(AtomicBool::new(false));
    let producer = {
        let (stop, address, bytes) = (Arc::clone(&stop), broker.address.clone(), options.value_bytes);
        std::thread::spawn(move || produce_steadily(&address, &topic, RECORDS_PER_SECOND, bytes, &stop))
    };
    let outcome = observe(options, &mut running);
    stop.store(true, Relaxed);
    producer.join().map_err(|_| "the producer panicked")??;
    outcome
}

fn observe(options: &Options, running: &mut Running<'_>) -> Outcome<Measured> {
    running.first()?;
    running.last(WARM_UP)?;
    let before = running.worker.report(&mut running.process)?;
    let cpu = cpu_seconds(running.process.pid())?;
    running.last(Duration::from_secs(options.seconds))?;
    let after = running.worker.report(&mut running.process)?;
    let records = (after.records - before.records) as f64;
    Ok(Measured {
        latency: after.latency.ok_or("no record came")?,
        cpu_us: (cpu_seconds(running.process.pid())? - cpu) * 1e6 / records,
        records_per_request: records / (after.requests - before.requests) as f64,
    })
}
