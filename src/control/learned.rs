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

/// Why something learnt is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("nothing is tuned (ADAPTIVE=off)")]
    Off,
    #[error("it is of another version")]
    ForeignVersion,
    #[error("it was learnt more than an hour ago")]
    Stale,
    /// One of the two clocks is wrong.
    #[error("it was saved later than now")]
    FromTheFuture,
    #[error("it has numbers that no worker has")]
    Nonsense,
}

impl Unfit {
    /// The code in metrics and logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::ForeignVersion => "foreign_version",
            Self::Stale => "stale",
            Self::FromTheFuture => "from_the_future",
            Self::Nonsense => "nonsense",
        }
    }
}

impl Learned {
    /// Whether it may be used at this moment: its form is known, it is not old, and its numbers are numbers.
    ///
    /// # Errors
    /// Why not.
    pub fn fit(&self, wall_ms: i64) -> Result<(), Unfit> {
        let age = wall_ms.saturating_sub(self.saved_at_ms);
        if self.version != VERSION {
            Err(Unfit::ForeignVersion)
        } else if age < 0 {
            Err(Unfit::FromTheFuture)
        } else if age >= STALE_AFTER_MS {
            Err(Unfit::Stale)
        } else if self.routes.iter().all(LearnedRoute::is_sane) {
            Ok(())
        } else {
            Err(Unfit::Nonsense)
        }
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
        assert_eq!(learned().fit(1_000_001), Ok(()));
        assert_eq!(learned().fit(1_000_000 + STALE_AFTER_MS), Err(Unfit::Stale));
        assert_eq!(learned().fit(999_999), Err(Unfit::FromTheFuture));
        assert_eq!(Learned { version: VERSION + 1, ..learned() }.fit(1_000_001), Err(Unfit::ForeignVersion));
        for shape in [[f64::NAN, 0.0, 0.0], [-1.0, 2.0, 0.0], [0.0, 0.0, 1.0]] {
            let mut learned = learned();
            learned.routes[0].shape = shape;
            assert_eq!(learned.fit(1_000_001), Err(Unfit::Nonsense), "{shape:?}");
        }
    }
}
