//! Where `now` comes from in the shell. Nothing else in the crate reads a clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::time::{Instant, Now, UnixMillis};

/// The process's clocks. Monotonic time is tokio's, so tests can pause it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: tokio::time::Instant,
    wall: Wall,
}

#[derive(Debug, Clone, Copy)]
enum Wall {
    System,
    /// Runs with the monotonic clock from here on: for tests on paused time.
    From(UnixMillis),
}

impl Clock {
    pub fn system() -> Self {
        Self { start: tokio::time::Instant::now(), wall: Wall::System }
    }

    /// Wall time starts at `wall` and moves only as tokio's clock does.
    pub fn with_wall(wall: UnixMillis) -> Self {
        Self { start: tokio::time::Instant::now(), wall: Wall::From(wall) }
    }

    pub fn now(&self) -> Now {
        let elapsed = self.start.elapsed();
        let wall = match self.wall {
            Wall::System => system_wall(),
            Wall::From(start) => UnixMillis(start.0 + elapsed.as_millis() as i64),
        };
        Now { mono: Instant::ZERO + elapsed, wall, jitter: fastrand::u32(..) }
    }

    /// The moment the engine asked to be woken at, on tokio's clock.
    pub fn at(&self, mono: Instant) -> tokio::time::Instant {
        self.start + Duration::from_nanos(mono.0)
    }
}

/// The system's wall clock. Before 1970 it is 1970.
#[allow(clippy::disallowed_methods, reason = "the one place where it is read")]
pub fn system_wall() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
