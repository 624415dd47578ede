//! `/`: the state as one page for people. No script, nothing loaded from anywhere; it reloads itself.

use std::fmt::{self, Display, Write};

use super::state::{EngineState, State};
use crate::control::knobs::KnobName;

pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta http-equiv=\"refresh\" content=\"2\"><title>sluicegate</title><style>\
body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}\
table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.15rem .8rem .15rem 0;text-align:right}\
td:first-child,th:first-child{text-align:left}th{font-weight:600;border-bottom:1px solid #999}\
.good{color:#0a6b2d}.bad{color:#b00020}@media(prefers-color-scheme:dark){body{color:#ddd;background:#111}\
.good{color:#5fd38d}.bad{color:#ff7a8a}}</style></head><body>";

/// A `String` takes every write, so the results are not looked at.
pub fn page(state: &State<'_>) -> String {
    let mut out = HEAD.to_owned();
    let (class, word) = if state.ready { ("good", "ready") } else { ("bad", "not ready") };
    let _ = write!(out, "<h1>sluicegate: {} <span class=\"{class}\">{word}</span></h1>", state.phase);
    if !state.reasons.is_empty() {
        let _ = write!(out, "<p class=\"bad\">{}</p>", Escaped(state.reasons.join(", ")));
    }
    match &state.engine {
        Some(engine) => {
            figures(&mut out, engine);
            knobs(&mut out, engine);
            partitions(&mut out, engine);
        }
        None => out.push_str("<p>The engine does not answer, or has not started.</p>"),
    }
    happened(&mut out, state);
    errors(&mut out, state);
    out.push_str("<p>More in /state and /metrics.</p></body></html>");
    out
}

fn figures(out: &mut String, e: &EngineState<'_>) {
    let bound = e.queue.now.records_max.map_or("no bound".to_owned(), |max| max.to_string());
    let gate =
        e.gate.stage.map_or("open".to_owned(), |stage| format!("{} for {} ms", stage.name(), e.gate.shut_for_ms));
    let rows: [(&str, String); 9] = [
        ("backlog", format!("{} records", e.backlog_records)),
        ("queue", format!("{} records of {bound}, most {}", e.queue.now.records, e.queue.now.records_peak)),
        ("fill", format!("{:.0} %", e.gate.pct)),
        ("gate", gate),
        (
            "in flight",
            format!("{} batches of {}, {} records", e.in_flight.batches, e.knobs.concurrency, e.in_flight.records),
        ),
        ("waiting for a retry", format!("{} records", e.retry.records)),
        ("dead letters held", format!("{} records", e.dead_letters.held)),
        ("worker", format!("{} {}", e.worker.health, e.worker.detail.as_deref().unwrap_or(""))),
        ("idle: worker / source", format!("{} ms / {} ms", e.starvation.worker_ms, e.starvation.source_ms)),
    ];
    out.push_str("<table>");
    for (name, value) in rows {
        let _ = write!(out, "<tr><td>{name}</td><td>{}</td></tr>", Escaped(value));
    }
    out.push_str("</table>");
}

/// The thresholds, and what moved each of them last.
fn knobs(out: &mut String, e: &EngineState<'_>) {
    let control = e.control;
    let contended = if control.contended { ", somebody else uses the worker too" } else { "" };
    let _ = write!(out, "<h2>Thresholds: ADAPTIVE={}{contended}</h2>", control.adaptive.name());
    out.push_str("<table><tr><th>threshold</th><th>in force</th><th>wanted</th><th>last move</th></tr>");
    for name in KnobName::ALL {
        let last = control.decisions.iter().find(|decision| decision.knob == name).map_or("–".to_owned(), |last| {
            format!("{} → {}, {}, {} ms ago", tidy(last.from), tidy(last.to), last.reason.code(), last.age_ms)
        });
        let (in_force, wanted) = (tidy(e.knobs.get(name)), tidy(control.wanted.get(name)));
        let _ = write!(out, "<tr><td>{}</td><td>{in_force}</td><td>{wanted}</td><td>{last}</td></tr>", name.name());
    }
    out.push_str("</table>");
    if control.routes.is_empty() {
        return;
    }
    out.push_str("<table><tr><th>topic</th><th>batches seen</th><th>fixed</th><th>each record</th><th>error</th><th>in</th><th>out</th><th>lost</th></tr>");
    for route in &control.routes {
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{:.1} ms</td><td>{:.2} ms</td><td>{:.0} %</td><td>{:.0}/s</td><td>{:.0}/s</td><td>{:.1} %</td></tr>",
            Escaped(&route.topic),
            route.samples,
            route.batch_fixed_ms,
            route.batch_each_ms,
            100.0 * route.spread,
            route.arrivals_per_s,
            route.completions_per_s,
            route.lost_pct
        );
    }
    out.push_str("</table>");
}

/// To a tenth, without a zero for it.
fn tidy(value: f64) -> String {
    format!("{}", (value * 10.0).round() / 10.0)
}

fn partitions(out: &mut String, e: &EngineState<'_>) {
    out.push_str("<table><tr><th>partition</th><th>phase</th><th>gate</th><th>position</th><th>committed</th><th>lag</th><th>span</th></tr>");
    for p in &e.partitions {
        let s = p.state;
        let why: Vec<&str> = p.why.iter().map(|reason| reason.name()).collect();
        let _ = write!(
            out,
            "<tr><td>{}-{}</td><td>{}</td><td>{} {}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            Escaped(&s.topic),
            s.partition,
            s.phase,
            p.gate,
            why.join(", "),
            number(s.position),
            number(s.committed),
            number(s.lag),
            s.span
        );
    }
    out.push_str("</table>");
}

/// Why what was not simply delivered was not.
fn happened(out: &mut String, state: &State<'_>) {
    if state.happened.is_empty() {
        return;
    }
    out.push_str("<h2>Since the start</h2><table><tr><th>event</th><th>reason</th><th>count</th></tr>");
    for each in &state.happened {
        let _ = write!(out, "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", each.event, each.reason, each.count);
    }
    out.push_str("</table>");
}

fn errors(out: &mut String, state: &State<'_>) {
    if state.last_errors.is_empty() {
        return;
    }
    out.push_str("<h2>Last errors</h2><table><tr><th>event</th><th>times</th><th>what</th></tr>");
    for error in state.last_errors.iter().rev() {
        let _ =
            write!(out, "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", error.event, error.times, Escaped(&error.text));
    }
    out.push_str("</table>");
}

fn number(value: Option<i64>) -> String {
    value.map_or("–".to_owned(), |value| value.to_string())
}

/// Text as HTML shows it.
struct Escaped<T>(T);

impl<T: AsRef<str>> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.as_ref().chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
