//! What the two line formats share: finding an event's name among its fields, and the time.

use std::fmt;

use tracing::{
    Event,
    field::{Field, Visit},
};
use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime, SystemTime},
};

/// The value of the `event` field. Events of other crates have none.
pub fn event_name(event: &Event<'_>) -> Option<String> {
    let mut name = NameVisitor(None);
    // Our events carry it, and looking at the set of fields costs nothing.
    if event.metadata().fields().field("event").is_some() {
        event.record(&mut name);
    }
    name.0
}

struct NameVisitor(Option<String>);

impl Visit for NameVisitor {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "event" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

/// RFC 3339 in UTC, to the microsecond.
pub fn write_time(writer: &mut Writer<'_>) -> fmt::Result {
    SystemTime.format_time(writer)
}
