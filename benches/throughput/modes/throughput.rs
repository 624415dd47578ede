//! Rate and CPU: the whole topic through an instant worker, floor and sidecar in turn.

use crate::{
    Outcome,
    args::Options,
    broker::Broker,
    modes::{subjects, wait_for_quiet},
    run::{Measured, Setup, Subject, whole},
    table::{Spread, Table},
    topic::Topic,
};

pub fn run(options: &Options, broker: &Broker) -> Outcome<()> {
    let mut topic = Topic::create(&broker.address, "throughput", options.partitions)?;
    eprintln!("producing {} records", options.records);
    topic.fill(&broker.address, options.records, options.value_bytes)?;
    let subjects = subjects(options);
    let mut measured: Vec<Vec<Measured>> = vec![Vec::new(); subjects.len()];
    for round in 0..=options.runs {
        wait_for_quiet(options)?;
        for (subject, figures) in subjects.iter().zip(&mut measured) {
            let one = whole(options, broker, &topic, *subject, &Setup::default())?;
            eprintln!(
                "{} {}: {:.0} records/s, {:.2} µs CPU, {:.1} MiB, {:.0} % of the CPU elsewhere",
                if round == 0 { "warm-up".to_owned() } else { format!("run {round}") },
                subject.name(),
                one.records_per_second,
                one.cpu_us,
                one.peak_mib,
                one.elsewhere_percent,
            );
            if round > 0 {
                figures.push(one);
            }
        }
    }
    println!(
        "{} records over {} partitions, {} runs each after one warm-up, in turn; median (least-most)\n",
        options.records, options.partitions, options.runs
    );
    figures(&subjects, &measured);
    for (subject, runs) in subjects.iter().zip(&measured).skip(1).filter(|_| subjects[0] == Subject::Floor) {
        ratios(*subject, runs, &measured[0]);
    }
    Ok(())
}

fn figures(subjects: &[Subject], measured: &[Vec<Measured>]) {
    let mut table = Table::new(&[
        "",
        "records/s",
        "CPU µs a record",
        "peak RSS MiB",
        "records a request",
        "worker CPU µs",
        "broker CPU µs",
        "CPU elsewhere %",
    ]);
    for (subject, runs) in subjects.iter().zip(measured) {
        let spread = |figure: fn(&Measured) -> f64| Spread::of(runs.iter().map(figure));
        table.row([
            subject.name().to_owned(),
            spread(|m| m.records_per_second).show_thousands(),
            spread(|m| m.cpu_us).show(2),
            spread(|m| m.peak_mib).show(1),
            spread(|m| m.records_per_request).show(1),
            spread(|m| m.worker_cpu_us).show(2),
            spread(|m| m.broker_cpu_us).show(2),
            spread(|m| m.elsewhere_percent).show(0),
        ]);
    }
    table.print();
}

/// Run by run, because what disturbs one run of a pair often disturbs both.
fn ratios(subject: Subject, runs: &[Measured], floor: &[Measured]) {
    let ratio = |figure: fn(&Measured) -> f64| {
        Spread::of(runs.iter().zip(floor).map(|(run, floor)| figure(run) / figure(floor))).show(2)
    };
    let mut table = Table::new(&[&format!("{} / floor, by pairs", subject.name()), "median (least-most)"]);
    table.row(["records/s".to_owned(), ratio(|m| m.records_per_second)]);
    table.row(["CPU a record".to_owned(), ratio(|m| m.cpu_us)]);
    table.row(["peak RSS".to_owned(), ratio(|m| m.peak_mib)]);
    table.print();
}
