//! Parsed values, and reading them by type.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use crate::{
    config::{flag::Flag, layers::Given, origin::Origin, problem::Problem, secret::Secret, show},
    worker::settings::Target,
};

/// One parsed value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    Int(u64),
    Duration(Duration),
    /// Bytes.
    Size(u64),
    Percent(f64),
    Word(&'static str),
    Text(String),
    List(Vec<String>),
    Url(Target),
    Address(SocketAddr),
    Path(PathBuf),
    Secret(Secret),
}

/// A type a [`Value`] can be read as.
pub(crate) trait Typed: Sized {
    fn of(value: &Value) -> Option<Self>;
}

macro_rules! typed {
    ($($type:ty: $pattern:pat => $read:expr;)*) => {
        $(impl Typed for $type {
            fn of(value: &Value) -> Option<Self> {
                match value {
                    $pattern => $read,
                    _ => None,
                }
            }
        })*
    };
}

typed! {
    bool: Value::Bool(b) => Some(*b);
    u64: Value::Int(n) | Value::Size(n) => Some(*n);
    u32: Value::Int(n) => u32::try_from(*n).ok();
    u16: Value::Int(n) => u16::try_from(*n).ok();
    usize: Value::Size(n) => usize::try_from(*n).ok();
    Duration: Value::Duration(d) => Some(*d);
    f64: Value::Percent(p) => Some(*p);
    &'static str: Value::Word(word) => Some(word);
    String: Value::Text(text) => Some(text.clone());
    Vec<String>: Value::List(entries) => Some(entries.clone());
    Target: Value::Url(target) => Some(target.clone());
    SocketAddr: Value::Address(address) => Some(*address);
    PathBuf: Value::Path(path) => Some(path.clone());
    Secret: Value::Secret(secret) => Some(secret.clone());
}

/// What every layer together says: the text and origin of each flag, and its value where the text is one.
#[derive(Debug, Default)]
pub(crate) struct Values {
    parsed: BTreeMap<&'static str, Value>,
    given: BTreeMap<&'static str, Given>,
}

/// A flag that has no value of the type asked for. Where no problem was reported, this is a fault in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Absent(pub &'static str);

impl Absent {
    pub fn problem(self) -> Problem {
        Problem::new(self.0, "has no value where one is needed", "report this as a bug")
    }
}

impl Values {
    pub fn insert(&mut self, flag: &Flag, given: Given, value: Option<Value>) {
        self.given.insert(flag.name, given);
        if let Some(value) = value {
            self.parsed.insert(flag.name, value);
        }
    }

    /// The value, if there is one and it is fit for use.
    pub fn get<T: Typed>(&self, flag: &Flag) -> Option<T> {
        self.parsed.get(flag.name).and_then(T::of)
    }

    /// The value of a flag that always has one.
    pub fn need<T: Typed>(&self, flag: &Flag) -> Result<T, Absent> {
        self.get(flag).ok_or(Absent(flag.name))
    }

    /// Whether any layer, presets included, says something, fit for use or not.
    pub fn is_set(&self, flag: &Flag) -> bool {
        self.given.contains_key(flag.name)
    }

    /// Whether somebody has said it: any layer but the presets.
    pub fn is_chosen(&self, flag: &Flag) -> bool {
        self.given.get(flag.name).is_some_and(|given| !given.origin.is_default())
    }

    /// Whether the text given is a value.
    pub fn is_valid(&self, flag: &Flag) -> bool {
        self.parsed.contains_key(flag.name)
    }

    pub fn origin(&self, flag: &Flag) -> Origin {
        self.given.get(flag.name).map_or_else(Origin::preset, |given| given.origin.clone())
    }

    /// The text as given, fit to be shown.
    pub fn shown(&self, flag: &Flag) -> Option<String> {
        self.given.get(flag.name).map(|given| show::flag(flag, &given.text))
    }
}
