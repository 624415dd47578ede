//! What `print-config` shows: every effective value with its origin, secrets hidden.
//!
//! A configuration with problems is printed too, since that is when one wants to see it; what is unfit is marked.

use std::fmt::Write;

use crate::config::{
    flag::{Flag, Millis, Preset},
    load::Loaded,
    pass_through,
    rules::drain_timeout,
    secret::HIDDEN,
    table::{self, REVOKE_DRAIN_TIMEOUT},
};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Text,
    Json,
}

/// One line of either form.
#[derive(serde::Serialize)]
struct Line {
    name: String,
    /// `null` when unset.
    value: Option<String>,
    origin: String,
    secret: bool,
    valid: bool,
}

#[derive(serde::Serialize)]
struct Whole<'a> {
    file: Option<String>,
    flags: Vec<Line>,
    /// librdkafka properties, by their dotted names.
    kafka: Vec<Line>,
    problems: &'a [crate::config::Problem],
    near_misses: &'a [crate::config::Problem],
}

impl Loaded {
    /// The effective values. Ends with a newline.
    pub fn print(&self, format: Format) -> String {
        match format {
            Format::Text => self.print_text(),
            Format::Json => {
                let whole = Whole {
                    file: self.file.as_ref().map(|path| path.display().to_string()),
                    flags: table::all().map(|flag| self.line(flag)).collect(),
                    kafka: self.kafka_lines(),
                    problems: &self.problems,
                    near_misses: &self.near_misses,
                };
                // Nothing but texts in there: it cannot fail.
                serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
            }
        }
    }

    fn print_text(&self) -> String {
        let mut out = String::new();
        for (section, flags) in table::SECTIONS {
            let lines = flags.iter().map(|flag| self.line(flag)).collect();
            push_section(&mut out, section.title(), lines);
        }
        push_section(&mut out, "librdkafka, passed through", self.kafka_lines());
        match self.problems.len() + self.near_misses.len() {
            0 => {}
            1 => out.push_str("\n# 1 problem: `sluicegate check` says which\n"),
            count => out.push_str(&format!("\n# {count} problems: `sluicegate check` says which\n")),
        }
        out
    }

    fn line(&self, flag: &Flag) -> Line {
        let (value, origin) = match (self.values.shown(flag), flag.preset) {
            (Some(shown), _) => (Some(shown), self.values.origin(flag).to_string()),
            (None, Preset::Derived(how)) => (self.derived(flag), format!("default: {how}")),
            (None, Preset::Unset(meaning)) => (None, format!("default: {meaning}")),
            (None, _) => (None, "not given".into()),
        };
        let valid = self.values.is_valid(flag) || (!self.values.is_set(flag) && !flag.required());
        Line { name: flag.name.into(), value, origin, secret: flag.secret, valid }
    }

    fn derived(&self, flag: &Flag) -> Option<String> {
        let drain = || drain_timeout(&self.values, &self.pass_through);
        (flag.name == REVOKE_DRAIN_TIMEOUT.name).then(|| Millis(drain().as_millis() as u64).to_string())
    }

    fn kafka_lines(&self) -> Vec<Line> {
        let line = |(name, given): (&'static str, &crate::config::layers::Given)| Line {
            name: name.into(),
            value: Some(pass_through::shown(name, &given.text)),
            origin: given.origin.to_string(),
            secret: pass_through::is_secret(name),
            valid: true,
        };
        self.pass_through.iter().map(line).collect()
    }
}

fn push_section(out: &mut String, title: &str, lines: Vec<Line>) {
    if lines.is_empty() {
        return;
    }
    if !out.is_empty() {
        out.push('\n');
    }
    let text = |line: &Line| {
        let value = match (&line.value, line.secret) {
            (Some(_), true) => format!("{HIDDEN} (set)"),
            (Some(value), false) => value.clone(),
            (None, _) => "(unset)".into(),
        };
        if line.valid { value } else { value + " (not valid)" }
    };
    let width = |texts: &mut dyn Iterator<Item = usize>, most: usize| texts.max().unwrap_or(0).min(most);
    let name_width = width(&mut lines.iter().map(|line| line.name.len()), 48);
    let value_width = width(&mut lines.iter().map(|line| text(line).chars().count()), 40);
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# {title}");
    for line in &lines {
        let _ = writeln!(out, "{:name_width$}  {:value_width$}  {}", line.name, text(line), line.origin);
    }
}
