//! Names that were probably meant to be ours: `BATCH_TIMOUT_MS`.
//!
//! A sidecar shares its environment with whatever else the pod is told, so a name has to be very like one of ours.

use std::ffi::OsString;

use crate::config::{
    layers::is_ours,
    librdkafka,
    origin::Origin,
    owned,
    problem::Problem,
    table::{self, CONFIG_FILE, PASS_THROUGH},
};

/// Variables that are not ours and look as if they were meant to be. Their values are not shown.
pub(crate) fn misses(env: &[(OsString, OsString)]) -> Vec<Problem> {
    env.iter().filter_map(|(name, _)| name.to_str()).filter_map(miss).collect()
}

fn miss(name: &str) -> Option<Problem> {
    if is_ours(name) || name == CONFIG_FILE {
        return None;
    }
    let meant = meant(name)?;
    let next = format!("rename it to {meant}, or to something less like it if it is not for Sluicegate");
    Some(Problem::new(name, format!("is not a flag, but looks like {meant}"), next).origin(Origin::environment(name)))
}

fn meant(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    let bare = upper.strip_prefix("SLUICEGATE_").unwrap_or(&upper);
    if bare != name && bare.contains('_') && (bare == CONFIG_FILE || is_ours(bare)) {
        return Some(bare.to_owned());
    }
    if let Some(property) = bare.strip_prefix(PASS_THROUGH) {
        // Dots, as some tools let one write them.
        let property = property.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        return Some(format!("{PASS_THROUGH}{}", if property.is_empty() { "<PROPERTY>" } else { &property }));
    }
    if let Some(property) = bare.strip_prefix("KAFKA_")
        && let Some((word, rest)) = property.split_once('_')
    {
        if is_swapped(word, "CFG") {
            return Some(format!("{PASS_THROUGH}{rest}"));
        }
        // `KAFKA_SESSION_TIMEOUT_MS`. One word alone is anybody's: `KAFKA_DEBUG`.
        if librdkafka::find(&property.to_ascii_lowercase()).is_some_and(|known| owned::find(known.name).is_none()) {
            return Some(format!("{PASS_THROUGH}{property}"));
        }
    }
    if let Some(ours) = names().find(|ours| differs_by_unit(bare, ours)) {
        return Some(ours);
    }
    let close = names().chain([CONFIG_FILE.to_owned()]).filter(|ours| looks_like(bare, ours));
    close.min_by_key(|ours| distance(bare, ours))
}

/// `CGF` for `CFG`: the same letters in another order.
fn is_swapped(word: &str, ours: &str) -> bool {
    word.len() == ours.len() && word != ours && distance(word, ours) == 1 && ours.chars().all(|c| word.contains(c))
}

/// `BATCH_TIMEOUT` for `BATCH_TIMEOUT_MS`, `INFERENCE_TIMEOUT_MS` for `INFERENCE_TIMEOUT`.
fn differs_by_unit(name: &str, ours: &str) -> bool {
    let stem =
        |name: &str| ["_MS", "_PCT", "_BYTES"].iter().find_map(|unit| name.strip_suffix(unit).map(str::to_owned));
    stem(ours).is_some_and(|stem| stem == name) || stem(name).is_some_and(|stem| stem == ours)
}

/// Close enough for a variable that anybody may have set: one slip in a long name of as many words, or two where the
/// names agree on their first word and what is left is long enough for two slips to be slips.
fn looks_like(name: &str, ours: &str) -> bool {
    if name.len().abs_diff(ours.len()) > 2 {
        return false;
    }
    let slips = distance(name, ours);
    let same_first_word = match (name.split_once('_'), ours.split_once('_')) {
        (Some((first, _)), Some((our_first, rest))) if first == our_first => Some(rest.len()),
        _ => None,
    };
    match same_first_word {
        Some(rest) => slips <= if rest > 5 { 2 } else { 1 },
        None => slips <= 1 && ours.len() >= 8 && words(name) == words(ours),
    }
}

fn words(name: &str) -> usize {
    name.split('_').count()
}

/// The name of ours nearest to one that can only be meant for us, such as a key in our own file.
pub(crate) fn nearest(name: &str) -> Option<String> {
    let near = names().map(|ours| (distance(name, &ours), ours)).min()?;
    (near.0 <= 1 + near.1.len() / 5).then_some(near.1)
}

/// The entry of `all` nearest to `name`, if one is near.
pub(crate) fn nearest_of<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = all.map(|entry| (distance(name, entry), entry)).min()?;
    (near.0 <= 1 + near.1.len() / 5).then_some(near.1)
}

fn names() -> impl Iterator<Item = String> {
    let files = table::all().filter_map(|flag| flag.file_name());
    table::all().map(|flag| flag.name.to_owned()).chain(files)
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other (optimal string
/// alignment).
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}
