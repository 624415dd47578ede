//! `KAFKA_CFG_SESSION_TIMEOUT_MS` → `session.timeout.ms`: any librdkafka property that is not
//! [owned](crate::config::owned).
//!
//! Names and whole-number ranges are checked here, so that `check` needs no client; words are the library's to judge.

use std::collections::BTreeMap;

use crate::config::{
    layers::Given,
    librdkafka::{self, Property},
    near, owned,
    owned::Instead,
    problem::Problem,
    secret::HIDDEN,
    secret_file, show,
    table::PASS_THROUGH,
};

/// The properties passed through, by their dotted names.
#[derive(Debug, Default)]
pub(crate) struct PassThrough(BTreeMap<&'static str, Given>);

impl PassThrough {
    /// Takes the `kafka_cfg_…` keys out of what all layers together say.
    pub fn take(merged: &mut BTreeMap<String, Given>, problems: &mut Vec<Problem>) -> Self {
        let prefix = PASS_THROUGH.to_ascii_lowercase();
        let keys: Vec<String> = merged.keys().filter(|key| key.starts_with(&prefix)).cloned().collect();
        let mut properties: BTreeMap<&'static str, Given> = BTreeMap::new();
        for key in keys {
            let Some(given) = merged.remove(&key) else { continue };
            match property(&key[prefix.len()..], given) {
                Ok((name, _)) if properties.contains_key(name) => {
                    let name = variable(name);
                    problems.push(Problem::new(
                        &name,
                        "is given twice, as itself and by a file",
                        format!("remove {name} or {name}_FILE"),
                    ));
                }
                Ok((name, given)) => _ = properties.insert(name, given),
                Err(problem) => problems.push(*problem),
            }
        }
        Self(properties)
    }

    /// The value, blanks trimmed.
    pub fn get(&self, property: &str) -> Option<&str> {
        self.0.get(property).map(|given| given.text.trim())
    }

    /// A value that is milliseconds; those were checked against the property's range.
    pub fn millis(&self, property: &str) -> Option<u64> {
        self.get(property).and_then(whole).and_then(|n| u64::try_from(n).ok())
    }

    pub fn given(&self, property: &str) -> Option<&Given> {
        self.0.get(property)
    }

    /// Dotted names and the texts to hand to the client. Secrets keep their blanks.
    pub fn texts(&self) -> impl Iterator<Item = (String, String)> {
        self.iter().map(|(name, given)| {
            let text = if is_secret(name) { given.text.as_str() } else { given.text.trim() };
            (name.to_owned(), text.to_owned())
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Given)> {
        self.0.iter().map(|(name, given)| (*name, given))
    }
}

/// `session.timeout.ms` → `KAFKA_CFG_SESSION_TIMEOUT_MS`.
pub(crate) fn variable(property: &str) -> String {
    format!("{PASS_THROUGH}{}", property.to_ascii_uppercase().replace('.', "_"))
}

/// Whether the value of this property must not be shown.
pub(crate) fn is_secret(property: &str) -> bool {
    ["password", "passphrase", "secret", ".pem", "sasl.username", "oauthbearer.config", "sasl.jaas.config"]
        .iter()
        .any(|part| property.contains(part))
}

/// The value of a property, fit to be shown.
pub(crate) fn shown(property: &str, text: &str) -> String {
    if is_secret(property) { HIDDEN.into() } else { show::plain(text) }
}

/// The property meant by a key without its prefix, with its text.
fn property(key: &str, given: Given) -> Result<(&'static str, Given), Box<Problem>> {
    let dotted = key.replace('_', ".");
    let name = librdkafka::find(key).map_or(dotted.as_str(), |known| known.name);
    if let Some(instead) = owned::find(name) {
        return Err(Box::new(refusal(name, instead).origin(given.origin)));
    }
    let Some(known) = librdkafka::find(key) else {
        return match key.strip_suffix("_file").and_then(librdkafka::find) {
            Some(secret) if is_secret(secret.name) && owned::find(secret.name).is_none() => {
                let given = secret_file::read(&given, &format!("{}_FILE", variable(secret.name)))?;
                Ok((secret.name, given))
            }
            _ => Err(Box::new(unknown(&dotted).origin(given.origin))),
        };
    };
    check(known, &given)?;
    Ok((known.name, given))
}

fn refusal(name: &str, instead: Instead) -> Problem {
    let key = variable(name);
    match instead {
        Instead::Flag(flag) => {
            Problem::new(key, format!("is not passed through: {name} is {flag}'s"), format!("set {flag} instead"))
        }
        Instead::Nothing(reason) => Problem::new(key, format!("is not passed through: {name} {reason}"), "remove it"),
        Instead::Property(other) => Problem::new(
            key,
            format!("is not a property of librdkafka: {name} is another client's"),
            format!("see {}", variable(other)),
        ),
    }
}

fn unknown(dotted: &str) -> Problem {
    let names = librdkafka::PROPERTIES.iter().map(|property| property.name);
    let next = match near::nearest_of(dotted, names) {
        Some(nearest) => format!("did you mean {}?", variable(nearest)),
        None => "remove it, or look the name up in librdkafka's CONFIGURATION.md".into(),
    };
    Problem::new(variable(dotted), format!("is not a property of librdkafka: {dotted}"), next)
}

fn check(property: &Property, given: &Given) -> Result<(), Box<Problem>> {
    let problem = |what: &str, next: String| {
        let given_text = shown(property.name, &given.text);
        Problem::new(variable(property.name), what, next).given(given_text).origin(given.origin.clone())
    };
    if given.text.trim().is_empty() {
        return Err(Box::new(problem("is empty", "give it a value, or remove it".into())));
    }
    // A terminating zero would cut the text on its way into the library.
    if given.text.contains('\0') {
        return Err(Box::new(problem("has a zero byte in it", "remove the zero byte".into())));
    }
    let Some((min, max)) = property.range else { return Ok(()) };
    match whole(given.text.trim()) {
        Some(n) if (min..=max).contains(&n) => Ok(()),
        Some(_) => Err(Box::new(
            problem("is out of range", format!("set it between {min} and {max}")).range(format!("{min} to {max}")),
        )),
        None => Err(Box::new(
            problem("is not a whole number", format!("set it between {min} and {max}"))
                .range(format!("{min} to {max}")),
        )),
    }
}

fn whole(text: &str) -> Option<i64> {
    text.parse().ok()
}
