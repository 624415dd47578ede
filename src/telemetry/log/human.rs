//! `LOG_FORMAT=human`: time, level, event, message, then the fields. Always one line: a value with blanks or control
//! characters is quoted and escaped, so nothing a producer or a worker sends can forge a line.

use std::fmt;

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use super::fields;

#[derive(Debug, Clone, Copy)]
pub struct HumanLines;

impl<S, N> FormatEvent<S, N> for HumanLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        fields::write_time(&mut writer)?;
        write!(writer, " {:>5} ", event.metadata().level().as_str())?;
        match fields::event_name(event) {
            Some(name) => write_plain(&mut writer, &name)?,
            None => write_plain(&mut writer, event.metadata().target())?,
        }
        let mut message = MessageVisitor(None);
        event.record(&mut message);
        if let Some(message) = message.0 {
            writer.write_str(": ")?;
            write_escaped(&mut writer, &message)?;
        }
        let mut visitor = HumanVisitor { writer: &mut writer, result: Ok(()) };
        event.record(&mut visitor);
        visitor.result?;
        writer.write_char('\n')
    }
}

struct MessageVisitor(Option<String>);

impl Visit for MessageVisitor {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = Some(format!("{value:?}"));
        }
    }
}

struct HumanVisitor<'a, 'w> {
    writer: &'a mut Writer<'w>,
    result: fmt::Result,
}

impl HumanVisitor<'_, '_> {
    fn put(&mut self, field: &Field, text: &str) {
        if self.result.is_err() || matches!(field.name(), "event" | "message") {
            return;
        }
        self.result = write!(self.writer, " {}=", field.name()).and_then(|()| write_plain(self.writer, text));
    }
}

impl Visit for HumanVisitor<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        // A list reads well as it is.
        if text.starts_with('[') && self.result.is_ok() && !matches!(field.name(), "event" | "message") {
            self.result = write!(self.writer, " {}=", field.name()).and_then(|()| write_escaped(self.writer, &text));
        } else {
            self.put(field, &text);
        }
    }
}

/// As it is if it is one word, quoted if not.
fn write_plain(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    let is_word = !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '"');
    if is_word { writer.write_str(text) } else { write!(writer, "{text:?}") }
}

/// Readable, on one line.
fn write_escaped(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    for c in text.chars() {
        if c.is_control() { write!(writer, "{}", c.escape_default())? } else { writer.write_char(c)? }
    }
    Ok(())
}
