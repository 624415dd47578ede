//! `LOG_FORMAT=json`: one object per line, every field at the top level.
//!
//! A field that holds a list is a JSON array (a debug-formatted value that is JSON stays JSON), everything else that is
//! neither number nor boolean is a string.

use std::fmt::{self, Write};

use serde_json::value::RawValue;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use super::{SERVICE, fields};

/// Keys every line begins with. A field of the same name gets an underscore.
const TAKEN: [&str; 5] = ["timestamp", "level", "service", "event", "target"];

#[derive(Debug, Clone, Copy)]
pub struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        writer.write_str("{\"timestamp\":\"")?;
        fields::write_time(&mut writer)?;
        let level = event.metadata().level().as_str();
        let name = fields::event_name(event);
        write!(writer, "\",\"level\":\"{}\",\"service\":\"{SERVICE}\",\"event\":", level.to_ascii_lowercase())?;
        write_string(&mut writer, name.as_deref().unwrap_or("log"))?;
        if name.is_none() {
            writer.write_str(",\"target\":")?;
            write_string(&mut writer, event.metadata().target())?;
        }
        let mut visitor = JsonVisitor { writer: &mut writer, result: Ok(()) };
        event.record(&mut visitor);
        visitor.result?;
        writer.write_str("}\n")
    }
}

struct JsonVisitor<'a, 'w> {
    writer: &'a mut Writer<'w>,
    result: fmt::Result,
}

impl JsonVisitor<'_, '_> {
    fn put(&mut self, field: &Field, write: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.result.is_err() || field.name() == "event" {
            return;
        }
        let underscore = if TAKEN.contains(&field.name()) { "_" } else { "" };
        self.result = write!(self.writer, ",\"{underscore}{}\":", field.name()).and_then(|()| write(self.writer));
    }
}

impl Visit for JsonVisitor<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, |writer| write_string(writer, value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, |writer| write!(writer, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, |writer| write!(writer, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, |writer| write!(writer, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for infinity.
        self.put(field, |w| if value.is_finite() { write!(w, "{value}") } else { w.write_str("null") });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        let is_list = field.name() != "message"
            && text.starts_with('[')
            && !text.contains('\n')
            && serde_json::from_str::<&RawValue>(&text).is_ok();
        self.put(field, |w| if is_list { w.write_str(&text) } else { write_string(w, &text) });
    }
}

/// A JSON string. Written straight to the line, because a line has no other use for the copy.
fn write_string(writer: &mut impl Write, text: &str) -> fmt::Result {
    writer.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => writer.write_str("\\\"")?,
            '\\' => writer.write_str("\\\\")?,
            '\n' => writer.write_str("\\n")?,
            '\r' => writer.write_str("\\r")?,
            '\t' => writer.write_str("\\t")?,
            c if c < ' ' => write!(writer, "\\u{:04x}", u32::from(c))?,
            c => writer.write_char(c)?,
        }
    }
    writer.write_char('"')
}
