//! The file: TOML, flat, the flags' names in lower case. Unknown keys are problems, with the nearest name.

use std::{
    io::{self, Read},
    path::Path,
};

use config::{File, FileFormat, Source, Value, ValueKind};

use crate::config::{
    layers::{Layer, is_ours},
    near,
    origin::Origin,
    problem::Problem,
};

/// More than any configuration or secret needs; it keeps a device or a log from being read whole.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The layer of the file at `path`, which `named_by` named.
pub(crate) fn layer(path: &Path, named_by: &str, problems: &mut Vec<Problem>) -> Layer {
    let origin = Origin::file(path);
    let mut layer = Layer::default();
    let text = match read(path) {
        Ok(text) => text,
        Err(error) => {
            problems.push(
                Problem::new(
                    named_by,
                    format!("names a file that cannot be read: {error}"),
                    "mend the path or the file",
                )
                .given(path.display().to_string()),
            );
            return layer;
        }
    };
    let table = match File::from_str(&text, FileFormat::Toml).collect() {
        Ok(table) => table,
        Err(error) => {
            let what = format!("is not TOML: {}", without_source(&error.to_string()));
            problems.push(Problem::new(path.display().to_string(), what, "mend the file; nothing in it was read"));
            return layer;
        }
    };
    for (key, value) in table {
        match entry(&key, value) {
            Ok(text) => layer.set(&key, text, origin.clone()),
            Err(problem) => problems.push(problem.origin(origin.clone())),
        }
    }
    layer
}

/// A whole small file.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    Ok(text)
}

fn entry(key: &str, value: Value) -> Result<String, Box<Problem>> {
    let name = key.to_ascii_uppercase();
    if key != key.to_ascii_lowercase() || !is_ours(&name) {
        let next = match near::nearest(&name) {
            Some(nearest) => format!("did you mean {}?", nearest.to_ascii_lowercase()),
            None => "remove it; docs/FLAGS.md has every name".into(),
        };
        return Err(Box::new(Problem::new(key.escape_debug().to_string(), "is not a name of ours", next)));
    }
    text(value.kind).map_err(|what| {
        Box::new(Problem::new(key, what, "give it one value, or an array of words where a list is meant"))
    })
}

/// The text a value would have in the environment.
fn text(kind: ValueKind) -> Result<String, &'static str> {
    match kind {
        ValueKind::Nil => Ok(String::new()),
        ValueKind::Boolean(b) => Ok(b.to_string()),
        ValueKind::I64(n) => Ok(n.to_string()),
        ValueKind::I128(n) => Ok(n.to_string()),
        ValueKind::U64(n) => Ok(n.to_string()),
        ValueKind::U128(n) => Ok(n.to_string()),
        ValueKind::Float(n) => Ok(n.to_string()),
        ValueKind::String(text) => Ok(text),
        ValueKind::Table(_) => Err("is a table, but the file is flat"),
        ValueKind::Array(entries) => {
            let entries: Result<Vec<_>, _> = entries.into_iter().map(|entry| text(entry.kind)).collect();
            let entries = entries?;
            if entries.iter().any(|entry| entry.contains(',')) {
                return Err("has an entry with a comma in it");
            }
            Ok(entries.join(","))
        }
    }
}

/// A TOML error without the line it quotes: a secret may stand there.
fn without_source(error: &str) -> String {
    let is_quote = |line: &str| {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        rest.starts_with('|') && rest.len() < line.len()
    };
    let kept: Vec<&str> = error.lines().map(str::trim_end).filter(|line| !line.is_empty() && !is_quote(line)).collect();
    kept.join(": ")
}
