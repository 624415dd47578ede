//! A run over time: six panels, from what arrives to what the knobs did.

use super::plot::{Figure, Line, Look, Panel, Tone};
use crate::sim::trial::{
    case::{Case, FaultKind},
    figures::{Outcome, Rival, Shown},
    file::Scenario,
    seen::{Moment, Second, Seen},
    worker,
};

/// The picture of a case, if one of its seeds was kept.
pub fn figure(scenario: &Scenario, case: &Case, outcome: &Outcome) -> Option<Figure> {
    let shown = outcome.shown.as_ref()?;
    let seen = &shown.seen;
    let panels = vec![
        records(case, outcome, shown),
        in_flight(case, outcome, seen),
        latency(case, seen),
        depth(seen),
        batches(case, outcome, seen),
        linger(seen),
    ];
    let title = format!("{} · {}", scenario.title, case.name);
    Some(Figure { title, seconds: case.seconds, panels, columns: 2, shades: shades(case) })
}

/// When something was wrong, or other than at the start.
fn shades(case: &Case) -> Vec<(f64, f64)> {
    let mut shades = Vec::new();
    for fault in case.faults.iter().filter(|fault| fault.kind != FaultKind::Rebalance) {
        let mut at = fault.at;
        while at < case.seconds {
            shades.push((at, at + fault.lasts));
            at += if fault.every > 0.0 { fault.every } else { f64::INFINITY };
        }
    }
    let is_other = |at: f64| {
        worker::servers(&case.worker, at) != worker::servers(&case.worker, 0.0)
            || worker::alpha(&case.worker, at) != worker::alpha(&case.worker, 0.0)
            || worker::step(&case.worker, at, |step| step.slow).is_some_and(|slow| slow != 1.0)
    };
    let ends = case.worker.steps.iter().skip(1).map(|step| step.at).chain([case.seconds]);
    let steps = case.worker.steps.iter().map(|step| step.at).zip(ends);
    shades.extend(steps.filter(|(from, _)| is_other(*from)));
    shades
}

fn line(name: &str, tone: Tone, look: Look, points: Vec<(f64, f64)>) -> Line {
    Line { name: name.to_owned(), tone, look, points }
}

fn by_second(seen: &Seen, figure: impl Fn(&Second) -> f64) -> Vec<(f64, f64)> {
    seen.seconds.iter().enumerate().map(|(at, second)| (at as f64 + 0.5, figure(second))).collect()
}

fn by_moment(seen: &Seen, figure: impl Fn(&Moment) -> f64) -> Vec<(f64, f64)> {
    seen.moments.iter().enumerate().map(|(at, moment)| (at as f64 * 0.1, figure(moment))).collect()
}

/// The same as means over so many moments, where it swings faster than an eye can follow.
fn by_moments(seen: &Seen, many: usize, figure: impl Fn(&Moment) -> f64) -> Vec<(f64, f64)> {
    let mean = |moments: &[Moment]| moments.iter().map(&figure).sum::<f64>() / moments.len() as f64;
    seen.moments.chunks(many).enumerate().map(|(at, moments)| (0.1 * (at * many) as f64, mean(moments))).collect()
}

/// What holds at each moment whoever runs.
fn of_case(case: &Case, figure: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    (0..(case.seconds * 10.0) as u32).map(|at| f64::from(at) * 0.1).map(|at| (at, figure(at))).collect()
}

/// Rivals that are worth a line: the best static setting and plain TTL.
fn compared(outcome: &Outcome) -> impl Iterator<Item = (&Rival, Tone)> {
    let plain = outcome.rivals.iter().find(|rival| rival.name == "plain TTL");
    plain.map(|rival| (rival, Tone::First)).into_iter().chain(outcome.best_static.iter().map(|r| (r, Tone::Second)))
}

fn records(case: &Case, outcome: &Outcome, shown: &Shown) -> Panel {
    let seen = &shown.seen;
    let at_best = shown.at_best.iter().take(seen.seconds.len()).enumerate();
    let mut lines = vec![
        line("offered", Tone::Given, Look::Dashed, by_second(seen, |second| second.offered)),
        line("oracle", Tone::Best, Look::Plain, at_best.map(|(at, served)| (at as f64 + 0.5, *served)).collect()),
    ];
    for (rival, tone) in compared(outcome) {
        if let Some(seen) = &rival.shown {
            lines.push(line(&rival.name, tone, Look::Thin, by_second(seen, |second| second.in_time)));
        }
    }
    lines.push(line("in time", Tone::Own, Look::Bold, by_second(seen, |second| second.in_time)));
    // A backlog that is there at once would flatten all that follows.
    let most = seen.seconds.iter().map(|second| second.in_time.max(second.possible)).fold(0.0, f64::max);
    let top_at_most = (case.workload.backlog > 0).then_some(1.3 * most);
    Panel { title: "Records a second".to_owned(), lines, top_at_most }
}

fn in_flight(case: &Case, outcome: &Outcome, seen: &Seen) -> Panel {
    let refuses = case.worker.refuses_above.unwrap_or(u32::MAX);
    let capacity = of_case(case, |at| f64::from(worker::servers(&case.worker, at).min(refuses)));
    let own = by_moment(seen, |moment| moment.concurrency.into());
    let mut lines = vec![line("", Tone::Own, Look::Area, by_moments(seen, 5, |moment| moment.in_flight.into()))];
    let laws = outcome.rivals.iter().filter(|rival| LAWS.contains(&rival.name.as_str()));
    for (rival, tone) in laws.zip(Tone::RIVALS) {
        if let Some(seen) = &rival.shown {
            let points = by_moments(seen, 10, |moment| moment.concurrency.into());
            lines.push(line(&rival.name, tone, Look::Thin, points));
        }
    }
    let highest = |points: &[(f64, f64)]| points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let top_at_most = Some((2.5 * highest(&capacity)).max(1.25 * highest(&own)));
    lines.push(line("worker has", Tone::Best, Look::Plain, capacity));
    lines.push(line("limit", Tone::Own, Look::Bold, own));
    Panel { title: "Batches in flight, and their limit".to_owned(), lines, top_at_most }
}

/// Laws that move; a fixed limit needs no line.
const LAWS: [&str; 4] = ["AIMD", "Vegas", "Gradient2", "Vector"];

fn latency(case: &Case, seen: &Seen) -> Panel {
    let mean = |sum: f64, count: f64| if count > 0.0 { 1e3 * sum / count } else { f64::NAN };
    let [short, long] = case.workload.life;
    let mut lines = Vec::new();
    if short > 0.0 && short >= long {
        lines.push(line("to live", Tone::Fourth, Look::Dashed, of_case(case, |_| 1e3 * short)));
    }
    // Without a deadline a backlog grows, and with it ages that would flatten all else.
    if long > 0.0 {
        lines.push(line("oldest", Tone::Given, Look::Thin, by_second(seen, |s| mean(s.age_worst_s, s.done.min(1.0)))));
        lines.push(line("mean age", Tone::First, Look::Plain, by_second(seen, |s| mean(s.age_s, s.done))));
    }
    lines.push(line("batch alone", Tone::Best, Look::Plain, by_second(seen, |s| mean(s.alone_s, s.batches))));
    lines.push(line("batch", Tone::Own, Look::Bold, by_second(seen, |s| mean(s.took_s, s.batches))));
    Panel { title: "Latency, ms".to_owned(), lines, top_at_most: None }
}

fn depth(seen: &Seen) -> Panel {
    let mark = |pct: fn(&Moment) -> f64| {
        by_moment(seen, |moment| moment.queue_max.map_or(f64::NAN, |max| f64::from(max) * pct(moment) / 100.0))
    };
    let lines = vec![
        line("", Tone::Own, Look::Area, by_moment(seen, |moment| moment.depth.into())),
        line("high watermark", Tone::First, Look::Plain, mark(|moment| moment.pause_pct)),
        line("low watermark", Tone::Third, Look::Plain, mark(|moment| moment.resume_pct)),
        line("depth", Tone::Own, Look::Plain, by_moment(seen, |moment| moment.depth.into())),
    ];
    Panel { title: "Queue, records".to_owned(), lines, top_at_most: None }
}

fn batches(case: &Case, outcome: &Outcome, seen: &Seen) -> Panel {
    let most = f64::from(case.batch_max());
    let mut lines = Vec::new();
    for (rival, tone) in outcome.rivals.iter().filter(|rival| RULES.contains(&rival.name.as_str())).zip(Tone::RIVALS) {
        if let Some(seen) = &rival.shown {
            lines.push(line(&rival.name, tone, Look::Thin, by_moment(seen, |moment| moment.batch_records.into())));
        }
    }
    lines.push(line("may be at most", Tone::Given, Look::Dashed, of_case(case, |_| most)));
    lines.push(line("cap", Tone::Own, Look::Bold, by_moment(seen, |moment| moment.batch_records.into())));
    Panel { title: "Records a batch".to_owned(), lines, top_at_most: None }
}

/// Rules that choose a batch's size.
const RULES: [&str; 2] = ["Clipper", "Nexus"];

fn linger(seen: &Seen) -> Panel {
    let lines = vec![line("linger", Tone::Own, Look::Bold, by_moment(seen, |moment| moment.linger_ms))];
    Panel { title: "Longest wait for a batch to fill, ms".to_owned(), lines, top_at_most: None }
}
