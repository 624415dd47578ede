//! The tables as docs: docs/FLAGS.md and config/sluicegate.example.toml. Tests hold the files to what is said here.

use std::fmt::Write;

use crate::config::{
    flag::{Flag, Kind, Preset},
    owned::{Instead, OWNED},
    pass_through::variable,
    table::{self, CONFIG_FILE, DEFAULT_FILE},
};

const HEAD: &str = "\
# Flags

Generated from the tables in `src/config/table/` (`sluicegate flags > docs/FLAGS.md`).

";

const RULES: &str = "\
- A flag is an environment variable, `QUEUE_MAXSIZE=100`; the same in lower case in a file, `queue_maxsize = 100`; and
  an option of `run`, `check` and `print-config`, `--queue-maxsize 100`.
- Later wins: default < file < environment < command line. The file is TOML, flat.
- Durations are written `250ms`, `5s`, `2m`, `1h`; only in a flag that ends in `_MS` is a bare number milliseconds.
  Sizes are written `64KiB` (1024), `10MB` (1000) or as bytes. Percentages are `80` or `80%`. Lists have commas, or are
  arrays in the file. `true`, `yes`, `on` and `1` are one, `false`, `no`, `off` and `0` the other.
- An empty value is a problem, not an unset one: remove the variable to take the default.
- A secret can also be read from a file: `KAFKA_SASL_PASSWORD_FILE=/run/secrets/password`. One newline at the file's end
  does not count. Both together are a problem. Secrets are shown as `***`; on the command line the machine's process list
  shows them, so prefer the file.
- `sluicegate check` reports every problem at once and exits with 2; `sluicegate print-config` shows each effective value
  and where it came from. A variable that looks like a misspelt flag is a problem for `check` and a warning for `run`.
";

const PASS_THROUGH: &str = "\
## librdkafka properties

`KAFKA_CFG_SESSION_TIMEOUT_MS=30000` sets `session.timeout.ms`; in the file it is `kafka_cfg_session_timeout_ms`, on the
command line `--kafka-cfg session.timeout.ms=30000` (as often as needed). Names and whole-number ranges are those of
librdkafka 2.12.1. An underscore stands for a dot or an underscore, whichever the property's name has; every property with
an underscore of its own is among those below. The value of a property that is a secret is hidden, and its `_FILE`
variant is read.

These are not passed through:

| property | because |
|---|---|
";

/// docs/FLAGS.md.
pub fn flags_markdown() -> String {
    let mut out = String::from(HEAD);
    out.push_str(RULES);
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "- The file is the one `--config` names, or `{CONFIG_FILE}`, or `{DEFAULT_FILE}` where that is there. No file can name another."
    );
    for (section, flags) in table::SECTIONS {
        let _ = writeln!(out, "\n## {}\n\n| flag | default | allowed | meaning |\n|---|---|---|---|", section.title());
        for flag in *flags {
            let file = if flag.secret { " (secret)" } else { "" };
            let (preset, range) = (cell(&preset(flag)), cell(&range(flag)));
            let _ = writeln!(out, "| `{}`{file} | {preset} | {range} | {} |", flag.name, cell(flag.doc));
        }
    }
    let _ = write!(out, "\n{PASS_THROUGH}");
    for (properties, instead) in OWNED {
        let names: Vec<_> = properties.iter().map(|name| format!("`{name}`")).collect();
        let because = match instead {
            Instead::Flag(flag) => format!("use `{flag}`"),
            Instead::Nothing(reason) => (*reason).to_owned(),
            Instead::Property(other) => format!("another client's name; see `{}`", variable(other)),
        };
        let _ = writeln!(out, "| {} | {because} |", names.join(", "));
    }
    out.push_str("| every `*_cb` | can only be set by program code, not by a text |\n");
    out
}

/// config/sluicegate.example.toml: every flag at its default, commented out.
pub fn example_toml() -> String {
    let mut out = String::from(
        "# Every flag of the file, at its default. Copy to sluicegate.toml and remove the # of what you change.\n\
         # Generated from the tables in src/config/table/; docs/FLAGS.md says more.\n",
    );
    for (section, flags) in table::SECTIONS {
        let _ = writeln!(out, "\n# {}", section.title());
        for flag in *flags {
            let _ = writeln!(out, "\n# {} ({})", flag.doc, range(flag));
            let _ = match flag.preset {
                Preset::Value(text) => writeln!(out, "#{} = {}", flag.key(), toml(flag, text)),
                Preset::Unset(text) | Preset::Derived(text) => writeln!(out, "# unset: {text}\n#{} =", flag.key()),
                Preset::Required => writeln!(out, "# required\n#{} =", flag.key()),
            };
        }
    }
    out
}

fn preset(flag: &Flag) -> String {
    match flag.preset {
        Preset::Value(text) => format!("`{text}`"),
        Preset::Unset(text) => format!("unset: {text}"),
        Preset::Derived(text) => text.into(),
        Preset::Required => "**required**".into(),
    }
}

fn range(flag: &Flag) -> String {
    match flag.kind {
        Kind::Duration { bare: true, .. } => format!("{}, bare: ms", flag.kind.range()),
        _ => flag.kind.range(),
    }
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn toml(flag: &Flag, text: &str) -> String {
    match flag.kind {
        Kind::Bool | Kind::Int { .. } | Kind::Percent { .. } | Kind::Duration { bare: true, .. } => text.into(),
        _ => format!("\"{text}\""),
    }
}
