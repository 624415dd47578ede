//! What is worth keeping over a restart.
//!
//! Plain data with a version. What was learnt of a route can be used again at once, if it is of the same worker and
//! not old; limits are taken up at seven tenths, because the worker may have changed while nobody looked.

/// The form's version. Another one is ignored.
pub const VERSION: u32 = 1;
/// Older than this is worth nothing, milliseconds.
pub const STALE_AFTER_MS: i64 = 3_600_000;
/// Routes kept at most: the file stays small.
pub const ROUTES_MAX: usize = 64;

/// Everything learnt, at one moment.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Learned {
    pub version: u32,
    /// Milliseconds since the Unix epoch.
    pub saved_at_ms: i64,
    /// The worker's `x-model-version`, hashed, when it told one.
    pub model: Option<u64>,
    pub concurrency: u32,
    pub routes: Vec<LearnedRoute>,
}

/// One route's batch-time model.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct LearnedRoute {
    pub topic: String,
    /// Fixed seconds of a batch, seconds of a record, seconds of a usual record's bytes.
    pub shape: [f64; 3],
    pub bytes_per_record: f64,
    /// Usual relative error.
    pub spread: f64,
    pub batch_records: u32,
}

impl Learned {
    /// Whether it may be used at this moment: its form is known, it is not old, and its numbers are numbers.
    pub fn is_fresh(&self, wall_ms: i64) -> bool {
        let age = wall_ms.saturating_sub(self.saved_at_ms);
        self.version == VERSION && (0..STALE_AFTER_MS).contains(&age) && self.routes.iter().all(LearnedRoute::is_sane)
    }
}

impl LearnedRoute {
    fn is_sane(&self) -> bool {
        let numbers = self.shape.iter().chain([&self.bytes_per_record, &self.spread]);
        numbers.into_iter().all(|number| number.is_finite() && *number >= 0.0) && self.shape[0] + self.shape[1] > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned() -> Learned {
        let route = LearnedRoute { topic: "t".to_owned(), shape: [0.02, 0.005, 0.0], ..LearnedRoute::default() };
        Learned { version: VERSION, saved_at_ms: 1_000_000, routes: vec![route], ..Learned::default() }
    }

    #[test]
    fn what_is_old_from_the_future_foreign_or_nonsense_is_not_used() {
        assert!(learned().is_fresh(1_000_001));
        assert!(!learned().is_fresh(1_000_000 + STALE_AFTER_MS));
        assert!(!learned().is_fresh(999_999));
        assert!(!Learned { version: VERSION + 1, ..learned() }.is_fresh(1_000_001));
        for shape in [[f64::NAN, 0.0, 0.0], [-1.0, 2.0, 0.0], [0.0, 0.0, 1.0]] {
            let mut learned = learned();
            learned.routes[0].shape = shape;
            assert!(!learned.is_fresh(1_000_001), "{shape:?}");
        }
    }
}
