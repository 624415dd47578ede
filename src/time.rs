//! The two clocks of the gate, as plain numbers.
//!
//! Waiting is measured on the monotonic clock ([`Instant`]); only a record's deadline is compared with the wall
//! clock ([`UnixMillis`]), because that is the clock its producer wrote it with. The engine never reads either: it is
//! handed a [`Now`] with every event, so a run can be replayed, and a wall clock that jumps moves deadlines only.

use std::time::Duration;

/// Monotonic time: nanoseconds since the process (or the simulation) started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Instant(pub u64);

impl Instant {
    pub const ZERO: Self = Self(0);

    /// Whole milliseconds since the start.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// The time from `earlier` to `self`; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// That much earlier, but not before the start.
    pub const fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(by.as_nanos() as u64))
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Wall time: milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Milliseconds from `self` to `later`, zero when `later` has passed.
    pub const fn until(self, later: Self) -> Duration {
        let left = later.0.saturating_sub(self.0);
        Duration::from_millis(if left > 0 { left as u64 } else { 0 })
    }
}

/// What the engine is told about the moment of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    pub mono: Instant,
    pub wall: UnixMillis,
    /// Uniform over the whole of `u32`. Back-off takes its jitter from here, so that the engine holds no random
    /// number generator and stays deterministic.
    pub jitter: u32,
}

impl Now {
    /// Where the monotonic clock will stand when the wall clock reaches `at`, if neither is disturbed. Never before
    /// now.
    pub fn mono_at(self, at: UnixMillis) -> Instant {
        self.mono + self.wall.until(at)
    }
}
