//! The tables as Markdown: docs/METRICS.md, and the list of log events in docs/OPERATIONS.md. Tests hold the files to
//! what is said here.

use std::fmt::Write;

use super::{
    events::EventName,
    metric::{Kind, Metric, Origin},
    names,
};

const HEAD: &str = "\
# Metrics

Generated from the table in `src/telemetry/names.rs`: change it there, then run
`SLUICEGATE_UPDATE_DOCS=1 cargo test --no-default-features --test metric_names`.

`GET /metrics` speaks the Prometheus text format. Units are base units and stand at the end of a name, before `_total`
or `_max`. *From* says where a value comes from: **facts** are added up as things happen; the **engine** is asked at the
moment of the scrape, so nothing stale is ever shown: the series of a partition that was given back are gone, and while
the engine does not answer within 500 ms there are none; the **process** knows without it. Counters whose label values are
listed are there from the start, at 0.

";

/// docs/METRICS.md.
pub fn metrics() -> String {
    let mut out = HEAD.to_owned();
    out.push_str("| name | kind | labels | from | what it says |\n|---|---|---|---|---|\n");
    for metric in names::ALL {
        let Metric { name, kind, origin, help, .. } = metric;
        let origin = match origin {
            Origin::Facts => "facts",
            Origin::Snapshot => "engine",
            Origin::Process => "process",
        };
        let _ = writeln!(out, "| `{name}` | {} | {} | {origin} | {help} |", kind.name(), labels(metric));
    }
    out.push_str("\n## Buckets\n\n");
    for metric in names::ALL.iter().filter(|metric| metric.kind == Kind::Histogram) {
        let bounds: Vec<String> = metric.buckets().iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "- `{}`: {}", metric.name, bounds.join(", "));
    }
    out
}

fn labels(metric: &Metric) -> String {
    let labels = metric.labels.iter().map(|label| match label.values {
        [] => format!("`{}`", label.name),
        values => format!("`{}`: {}", label.name, values.join(", ")),
    });
    labels.collect::<Vec<_>>().join("; ")
}

/// The table of log events.
pub fn events() -> String {
    let mut out = String::from("| event | level | fields | when |\n|---|---|---|---|\n");
    for event in EventName::ALL {
        let level = event.level().as_str().to_ascii_lowercase();
        let fields: Vec<String> = event.fields().iter().map(|field| format!("`{field}`")).collect();
        let _ = writeln!(out, "| `{}` | {level} | {} | {} |", event.name(), fields.join(", "), event.meaning());
    }
    out
}
