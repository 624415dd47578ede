//! Every pause, drop, retry and hold by its reason, for `/state`: how often, and when last. Shared by the task that
//! notices and the thread that shows.
//!
//! The metrics say the same to whoever keeps them over time, and the log says it one by one; this is for somebody who has
//! neither and wants to know why.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::events::EventName;
use crate::time::UnixMillis;

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Happening {
    /// As in the log.
    pub event: &'static str,
    pub reason: &'static str,
    /// Records; times, where it is not about records.
    pub count: u64,
    /// Wall time of the latest, milliseconds since the Unix epoch.
    pub last_at_ms: UnixMillis,
}

/// Event and reason.
type Key = (&'static str, &'static str);

/// Bound: the events that have a reason, times the reasons there are.
#[derive(Debug, Clone, Default)]
pub struct Happened {
    all: Arc<Mutex<BTreeMap<Key, Happening>>>,
}

impl Happened {
    pub fn note(&self, at: UnixMillis, event: EventName, reason: &'static str, count: u64) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let event = event.name();
        let first = Happening { event, reason, count: 0, last_at_ms: at };
        let happening = all.entry((event, reason)).or_insert(first);
        (happening.count, happening.last_at_ms) = (happening.count + count, at);
    }

    /// By event and reason.
    pub fn list(&self) -> Vec<Happening> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}
