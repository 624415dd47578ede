//! Whether the worker can take work. Busy, away and misconfigured are three reasons to hold everything: nobody is
//! charged, nothing is sent until the hold is over, then one batch goes as a probe.

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
}

impl Trouble {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Away => "away",
            Self::Misconfigured => "misconfigured",
        }
    }

    /// First and longest hold.
    const fn bounds(self) -> (Duration, Duration) {
        match self {
            Self::Busy | Self::Away => (Duration::from_millis(100), Duration::from_secs(5)),
            // A person has to act; asking more often helps nobody.
            Self::Misconfigured => (Duration::from_secs(1), Duration::from_secs(30)),
        }
    }
}

#[derive(Debug, Default)]
pub struct WorkerHealth {
    hold: Option<Hold>,
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
    /// A batch came back with trouble. The new hold, when it is one.
    pub fn on_trouble(&mut self, now: Now, settings: &RetrySettings, setback: &Setback<'_>) -> Option<Duration> {
        let Setback { sent, trouble, retry_after, detail, check_back } = *setback;
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
        Some(wait)
    }

    /// The worker took a batch. How long it had not, when it had not.
    pub fn on_taken(&mut self, now: Instant) -> Option<Duration> {
        self.hold.take()?;
        let after = now.since(self.since);
        self.since = now;
        self.detail = None;
        Some(after)
    }

    /// How many batches may be out: all, none during a hold, one as a probe after it.
    pub fn concurrency(&self, now: Instant, limit: u32) -> u32 {
        match self.hold {
            None => limit,
            Some(hold) if now < hold.until => 0,
            Some(_) => 1,
        }
    }

    pub fn next_wake(&self) -> Option<Instant> {
        self.hold.map(|hold| hold.until)
    }

    pub fn trouble(&self) -> Option<Trouble> {
        self.hold.map(|hold| hold.trouble)
    }

    pub fn not_ready(&self) -> Option<NotReady> {
        self.trouble().map(|trouble| match trouble {
            Trouble::Busy => NotReady::WorkerBusy,
            Trouble::Away => NotReady::WorkerAway,
            Trouble::Misconfigured => NotReady::WorkerMisconfigured,
        })
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
