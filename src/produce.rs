//! `sluicegate produce`: a burst or a steady stream of records, for trying things out.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use crate::{
    cli::Burst,
    config::Problems,
    kafka::{Draft, Sender, Sent, settings::KafkaSettings},
    runtime::clock::system_wall,
    say,
    telemetry::{
        log,
        settings::{LogFormat, LogLevel, LogSettings},
    },
};

/// For the acknowledgements; a little over what the client gives a record.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(35);

pub fn run(settings: Result<KafkaSettings, Problems>, burst: &Burst) -> ExitCode {
    let settings = match settings {
        Ok(settings) => settings,
        Err(problems) => return say::bad_configuration(&problems),
    };
    let Some(topic) = burst.topic.as_ref().or(settings.topics.first()).filter(|topic| !topic.starts_with('^')) else {
        return say::bad_configuration(&"no topic to produce to: name it with --topic (a pattern is none)");
    };
    // What the client says of brokers that do not answer; a second subscriber does no harm.
    let (subscriber, _) =
        log::subscriber(&LogSettings { format: LogFormat::Human, level: LogLevel::Warn }, std::io::stderr);
    let _ = tracing::subscriber::set_global_default(subscriber);
    let sender = match Sender::new(&settings) {
        Ok(sender) => sender,
        Err(error) => return say::bad_configuration(&error),
    };
    let start = Instant::now();
    for n in 0..burst.count {
        if let Some(rate) = burst.rate {
            let due = start + Duration::from_secs_f64(n as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        send(&sender, topic, burst, n);
    }
    report(topic, &sender.finish(ACKNOWLEDGED_WITHIN), start.elapsed())
}

fn send(sender: &Sender, topic: &str, burst: &Burst, n: u64) {
    let key = (burst.keys > 0).then(|| format!("k{}", n % burst.keys));
    let value = burst.value.replace("{n}", &n.to_string());
    let deadline_ms = burst.deadline_in_ms.map(|ms| system_wall().0.saturating_add(ms));
    sender.send(&Draft { topic, partition: None, key: key.as_deref(), value: &value, deadline_ms });
}

fn report(topic: &str, sent: &Sent, took: Duration) -> ExitCode {
    let seconds = took.as_secs_f64();
    let rate = sent.acknowledged as f64 / seconds.max(0.001);
    let line = format!("{} records in {topic}, acknowledged in {seconds:.2} s ({rate:.0} a second)", sent.acknowledged);
    if sent.failed == 0 {
        return say::print(&line);
    }
    let why = sent.first_error.as_deref().unwrap_or("without a word");
    say::complain(&format!("{line}; {} were not, the first because: {why}", sent.failed));
    ExitCode::FAILURE
}
