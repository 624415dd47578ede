//! Every flag, by section. Help, docs, parsing, range checks and near misses all come from these tables.
//!
//! A flag is a constant named like the flag, so that a name cannot be misspelt where a value is read.

mod batch;
mod commit;
mod control;
mod failure;
mod ingress;
mod kafka;
mod queue;
mod watch;
mod worker;

pub use self::{batch::*, commit::*, control::*, failure::*, ingress::*, kafka::*, queue::*, watch::*, worker::*};

use crate::config::flag::{Flag, Section};

/// Names the file to read. Not in the tables, since no file can hold it; `--config` on the command line.
pub const CONFIG_FILE: &str = "CONFIG_FILE";

/// Read when neither `--config` nor `CONFIG_FILE` names a file and it is there.
pub const DEFAULT_FILE: &str = "config/sluicegate.toml";

/// What any librdkafka property begins with: `KAFKA_CFG_SESSION_TIMEOUT_MS`.
pub const PASS_THROUGH: &str = "KAFKA_CFG_";

/// The properties that have a flag because they are secrets.
pub(crate) const SECRET_PROPERTIES: &[(&str, &Flag)] = &[
    ("sasl.username", &KAFKA_SASL_USERNAME),
    ("sasl.password", &KAFKA_SASL_PASSWORD),
    ("ssl.key.password", &KAFKA_SSL_KEY_PASSWORD),
];

/// The sections in the order of help and docs.
pub const SECTIONS: &[(Section, &[Flag])] = &[
    (Section::Kafka, KAFKA),
    (Section::Worker, WORKER),
    (Section::Queue, QUEUE),
    (Section::Batch, BATCH),
    (Section::Control, CONTROL),
    (Section::Failure, FAILURE),
    (Section::Commit, COMMIT),
    (Section::Ingress, INGRESS),
    (Section::Watch, WATCH),
];

/// Every flag, section by section.
pub fn all() -> impl Iterator<Item = &'static Flag> {
    SECTIONS.iter().flat_map(|(_, flags)| flags.iter())
}

/// The flag of this exact (upper-case) name.
pub fn find(name: &str) -> Option<&'static Flag> {
    all().find(|flag| flag.name == name)
}

/// Declares one section: a constant per flag and one slice of them all.
macro_rules! section {
    ($(#[$doc:meta])* $table:ident = $section:ident;
     $($name:ident: $kind:expr, $preset:expr, $text:expr $(, $secret:ident)?;)*) => {
        $(
            #[doc = $text]
            pub const $name: $crate::config::flag::Flag = $crate::config::flag::Flag {
                name: stringify!($name),
                section: $crate::config::flag::Section::$section,
                kind: $kind,
                preset: $preset,
                doc: $text,
                secret: section!(@secret $($secret)?),
            };
        )*
        $(#[$doc])*
        pub const $table: &[$crate::config::flag::Flag] = &[$($name),*];
    };
    (@secret secret) => { true };
    (@secret) => { false };
}
use section;
