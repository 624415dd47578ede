//! Whether the worker can take work. Busy, away, misconfigured and broken are four reasons to hold everything: nobody is
//! charged, nothing is sent until the hold is over, then one batch goes as a probe.
//!
//! The first three the worker says of itself, by one answer. That it is broken is concluded: call after call has failed,
//! of fresh batches too, and none has succeeded. The conclusion is put to the test at once by a probe of a single fresh
//! record; only when that fails too is it told. After trouble that lasted, the worker is loaded again step by step.

use std::time::Duration;

use crate::{
    engine::{retry::backoff, settings::RetrySettings, snapshot::NotReady},
    time::{Instant, Now},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Busy,
    Away,
    Misconfigured,
    /// It answers, or takes calls and never answers, and (nearly) everything fails.
    Broken,
}

impl Trouble {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Away => "away",
            Self::Misconfigured => "misconfigured",
            Self::Broken => "broken",
        }
    }

    /// First and longest hold.
    const fn bounds(self) -> (Duration, Duration) {
        match self {
            Self::Busy | Self::Away | Self::Broken => (Duration::from_millis(100), Duration::from_secs(5)),
            // A person has to act; asking more often helps nobody.
            Self::Misconfigured => (Duration::from_secs(1), Duration::from_secs(30)),
        }
    }
}

#[derive(Debug, Default)]
pub struct WorkerHealth {
    hold: Option<Hold>,
    row: Row,
    /// It was concluded that it is broken, and it has taken nothing since, whatever else it said.
    broken: bool,
    /// After trouble that lasted: no more batches than this. It doubles with each that is taken.
    ramp: Option<u32>,
    /// Fresh records spent on probes of a broken worker, and when the next may be once the first few are.
    spent: u32,
    spends_from: Instant,
    /// Since the present state began.
    since: Instant,
    detail: Option<Box<str>>,
}

#[derive(Debug, Clone, Copy)]
struct Hold {
    trouble: Trouble,
    /// Holds in a row.
    failures: u16,
    /// Answers to batches sent before this say nothing new.
    from: Instant,
    until: Instant,
}

impl Hold {
    /// That the worker is broken is told once a probe has failed too.
    fn is_told(&self) -> bool {
        self.trouble != Trouble::Broken || self.failures > 1
    }
}

/// Calls that failed, with none that succeeded in between.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    failed: u32,
    /// Of these, of batches that had not failed before: one bad record, tried over and over, is not a broken worker.
    fresh: u32,
    /// Of these, cut off because every record had expired: under overload that ends the calls of a worker that is well.
    cut_off: u32,
    since: Option<Instant>,
}

/// How a call failed.
#[derive(Debug, Clone, Copy)]
pub struct Failure {
    /// None of the batch had failed before.
    pub fresh: bool,
    /// By a deadline of its records, and not by the worker or by `INFERENCE_TIMEOUT`.
    pub cut_off: bool,
}

/// So many failures in a row, or fewer over a longer time: a worker that hangs takes `INFERENCE_TIMEOUT` for each. Those
/// that were cut off count over the longer time only.
const ROW: u32 = 10;
const SLOW_ROW: u32 = 4;
const SLOW_ROW_AFTER: Duration = Duration::from_secs(30);
const FRESH_ROW: u32 = 3;

/// Fresh records that probe a broken worker at once; after these, what has failed already goes round. What they add to the
/// retry pool is beyond its bound.
const SPENT_AT_ONCE: u32 = 8;
/// A broken worker and many bad records in a row look the same until a good one gets through. So one more fresh record
/// is spent in this time, up to so many in all.
const SPEND_EVERY: Duration = Duration::from_secs(30);
const SPENT_MAX: u32 = 512;

/// Trouble that lasted this long is an outage: the worker may have to warm up again.
const OUTAGE: Duration = Duration::from_secs(1);

/// Holds in a row after which other records probe it than those that it turned away.
const OTHERS_AFTER: u16 = 2;

impl Row {
    fn add(&mut self, now: Instant, failure: Failure) {
        self.failed = self.failed.saturating_add(1);
        self.fresh = self.fresh.saturating_add(u32::from(failure.fresh));
        self.cut_off = self.cut_off.saturating_add(u32::from(failure.cut_off));
        self.since.get_or_insert(now);
    }

    fn is_all(&self, now: Instant) -> bool {
        let slow = self.failed >= SLOW_ROW && self.since.is_some_and(|since| now >= since + SLOW_ROW_AFTER);
        self.fresh >= FRESH_ROW && (self.failed - self.cut_off >= ROW || slow)
    }
}

/// A batch that came back because the worker could not take it.
#[derive(Debug, Clone, Copy)]
pub struct Setback<'a> {
    /// When the batch was sent.
    pub sent: Instant,
    pub trouble: Trouble,
    /// What the worker asked for.
    pub retry_after: Option<Duration>,
    pub detail: Option<&'a str>,
    /// The first wait, when more is known than that it should be short.
    pub check_back: Option<Duration>,
}

impl WorkerHealth {
    /// A batch came back with trouble. The new hold, when it is one and is to be told.
    pub fn on_trouble(&mut self, now: Now, settings: &RetrySettings, setback: &Setback<'_>) -> Option<Duration> {
        let Setback { sent, trouble, retry_after, detail, check_back } = *setback;
        if trouble == Trouble::Broken && !self.is_broken() {
            (self.spent, self.spends_from) = (0, now.mono + SPEND_EVERY);
        }
        self.broken |= trouble == Trouble::Broken;
        let failures = match self.hold {
            // Several batches were out when the first came back: one trouble, not many.
            Some(hold) if sent <= hold.from && hold.trouble == trouble => return None,
            Some(hold) => hold.failures.saturating_add(1),
            None => {
                self.since = now.mono;
                1
            }
        };
        let (mut min, max) = trouble.bounds();
        if trouble != Trouble::Misconfigured {
            min = check_back.unwrap_or(min);
        }
        let own = RetrySettings { backoff_min: min, backoff_max: max, ..settings.clone() };
        // Half fixed, half jitter: a probe must not come back at once by an unlucky draw.
        let ceiling = backoff(&own, failures, u32::MAX);
        let wait = ceiling / 2 + backoff(&own, failures, now.jitter) / 2;
        let asked = retry_after.map_or(Duration::ZERO, |asked| asked.min(settings.retry_after_max));
        let wait = wait.max(asked);
        self.hold = Some(Hold { trouble, failures, from: now.mono, until: now.mono + wait });
        self.detail = detail.map(Into::into);
        self.ramp = None;
        self.hold.filter(Hold::is_told).map(|_| wait)
    }

    /// A call failed. True when that is one too many, or the worker is known to be broken.
    pub fn on_failed(&mut self, now: Instant, failure: Failure) -> bool {
        self.row.add(now, failure);
        self.is_broken() || self.row.is_all(now)
    }

    /// A call succeeded, or was refused for a reason.
    pub fn on_success(&mut self) {
        self.row = Row::default();
        self.ramp = self.ramp.map(|ramp| ramp.saturating_mul(2));
    }

    /// The worker took a batch. How long it had not, when it had not and that was told.
    pub fn on_taken(&mut self, now: Instant) -> Option<Duration> {
        let hold = self.hold.take()?;
        self.broken = false;
        let after = now.since(self.since);
        if hold.is_told() {
            self.since = now;
        }
        if after >= OUTAGE {
            self.ramp = Some(1);
        }
        self.detail = None;
        hold.is_told().then_some(after)
    }

    /// Whether failures are the worker's and charged to nobody, and probes are single fresh records.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Another fresh record may probe a broken worker.
    pub fn may_spend(&self, now: Instant) -> bool {
        let is_time = self.spent < SPENT_AT_ONCE || (self.spent < SPENT_MAX && now >= self.spends_from);
        self.is_broken() && is_time
    }

    pub fn on_spent(&mut self, now: Instant) {
        self.spent += 1;
        self.spends_from = now + SPEND_EVERY;
    }

    /// How many batches may be out: all, none during a hold, one as a probe after it, and step by step more after an
    /// outage.
    pub fn concurrency(&self, now: Instant, limit: u32) -> u32 {
        match self.hold {
            None => self.ramp.map_or(limit, |ramp| ramp.min(limit)),
            Some(hold) if now < hold.until => 0,
            Some(_) => 1,
        }
    }

    /// How long what it could not take has to wait. Until others have had their turn as a probe, once it was turned away
    /// a few times in a row: it may be these records that it cannot take.
    pub fn others_first(&self, now: Instant) -> Duration {
        let hold = self.hold.filter(|hold| hold.failures > OTHERS_AFTER);
        hold.map_or(Duration::ZERO, |hold| hold.until.since(now) + Duration::from_millis(1))
    }

    pub fn next_wake(&self) -> Option<Instant> {
        self.hold.map(|hold| hold.until)
    }

    pub fn trouble(&self) -> Option<Trouble> {
        self.hold.filter(Hold::is_told).map(|hold| hold.trouble)
    }

    pub fn not_ready(&self) -> Option<NotReady> {
        self.trouble().map(|trouble| match trouble {
            Trouble::Busy => NotReady::WorkerBusy,
            Trouble::Away => NotReady::WorkerAway,
            Trouble::Misconfigured => NotReady::WorkerMisconfigured,
            Trouble::Broken => NotReady::WorkerBroken,
        })
    }

    /// Since when it has taken all it was sent; `None` while it does not.
    pub fn well_since(&self) -> Option<Instant> {
        self.hold.is_none().then_some(self.since)
    }

    pub fn since(&self) -> Instant {
        self.since
    }

    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::settings::tests::settings;

    fn busy(sent: Instant) -> Setback<'static> {
        Setback { sent, trouble: Trouble::Busy, retry_after: None, detail: None, check_back: None }
    }

    fn now(ms: u64) -> Now {
        Now { mono: Instant::from_millis(ms), jitter: u32::MAX, ..Now::default() }
    }

    #[test]
    fn trouble_holds_everything_then_lets_one_probe_go_and_success_opens_it() {
        let settings = settings().retry;
        let mut health = WorkerHealth::default();
        let sent = Instant::from_millis(5);
        assert_eq!(health.on_trouble(now(10), &settings, &busy(sent)), Some(Duration::from_millis(100)));
        assert_eq!(health.on_trouble(now(11), &settings, &busy(sent)), None, "sent before the hold");
        assert_eq!(health.concurrency(Instant::from_millis(109), 8), 0);
        assert_eq!(health.concurrency(Instant::from_millis(110), 8), 1);
        let probe = Instant::from_millis(110);
        assert_eq!(health.on_trouble(now(120), &settings, &busy(probe)), Some(Duration::from_millis(200)));
        assert_eq!(health.on_taken(Instant::from_millis(400)), Some(Duration::from_millis(390)));
        assert_eq!(health.concurrency(Instant::from_millis(400), 8), 8);
    }

    #[test]
    fn retry_after_is_believed_up_to_the_cap() {
        let settings = settings().retry;
        let mut health = WorkerHealth::default();
        let hour = Some(Duration::from_secs(3600));
        let hold = health.on_trouble(now(1), &settings, &Setback { retry_after: hour, ..busy(Instant::ZERO) });
        assert_eq!(hold, Some(Duration::from_secs(30)));
    }

    #[test]
    fn twelve_seconds_of_trouble_cost_few_probes() {
        let settings = settings().retry;
        let mut health = WorkerHealth::default();
        let (mut at, mut probes) = (0, 0);
        while at < 12_000 {
            let lowest = Now { jitter: 0, ..now(at) };
            let hold = health.on_trouble(lowest, &settings, &busy(lowest.mono)).unwrap();
            at += hold.as_millis() as u64;
            probes += 1;
        }
        assert!(probes <= 14, "{probes} probes even with the unluckiest jitter");
    }
}
