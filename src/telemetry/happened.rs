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

/// Bound: the events that have a reason, times the reasons there are.
#[derive(Debug, Clone, Default)]
pub struct Happened {
    all: Arc<Mutex<BTreeMap<(&'static str, &'static str), (u64, UnixMillis)>>>,
}

impl Happened {
    pub fn note(&self, at: UnixMillis, event: EventName, reason: &'static str, count: u64) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let (sum, last) = all.entry((event.name(), reason)).or_insert((0, at));
        (*sum, *last) = (*sum + count, at);
    }

    /// By event and reason.
    pub fn list(&self) -> Vec<Happening> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let happening = |(&(event, reason), &(count, last_at_ms)): (&(_, _), &(_, _))| Happening {
            event,
            reason,
            count,
            last_at_ms,
        };
        all.iter().map(happening).collect()
    }
}
