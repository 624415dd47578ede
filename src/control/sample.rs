//! What control is told about a batch that came back.

use std::time::Duration;

use crate::time::Instant;

/// How a batch came back, as far as control cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The worker did the work, whatever it thought of the records: the only class whose time means anything.
    Answered,
    /// It failed on the way (5xx). Quick or slow for reasons of its own.
    Failed,
    /// 429, 503: the worker has said that it is full.
    Busy,
    /// Our own timeout: the time is a lower bound, and the worker is probably full.
    TimedOut,
    /// Every deadline in it had passed before the answer: the time is a lower bound, and says nothing about load.
    CutShort,
    /// Nobody there. Says nothing about how fast the worker is.
    Away,
    /// We gave up on it, for instance because its partition was revoked.
    Cancelled,
}

impl Outcome {
    /// Whether the worker has asked for less.
    pub const fn is_push_back(self) -> bool {
        matches!(self, Self::Busy | Self::TimedOut)
    }
}

/// One settled batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchSample {
    pub sent_at: Instant,
    pub settled_at: Instant,
    pub records: u32,
    pub bytes: u64,
    /// Batches in flight right after this one was sent, itself among them.
    pub in_flight: u32,
    /// The worker's own figure for the time it worked, from a response header. Without it the response time is
    /// taken, which holds the wait inside the worker too.
    pub worked: Option<Duration>,
    pub outcome: Outcome,
}

impl BatchSample {
    /// From the send to the last byte of the answer.
    pub const fn response_time(&self) -> Duration {
        self.settled_at.since(self.sent_at)
    }

    /// Seconds of work, when this sample can teach them: answered, not empty, and not a clock that stood still.
    pub fn service_seconds(&self) -> Option<f64> {
        let time = self.worked.unwrap_or(self.response_time()).as_secs_f64();
        (self.outcome == Outcome::Answered && self.records > 0 && time > 0.0).then_some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_took_time_teaches() {
        let answered = BatchSample {
            sent_at: Instant::from_millis(10),
            settled_at: Instant::from_millis(30),
            records: 4,
            bytes: 100,
            in_flight: 1,
            worked: None,
            outcome: Outcome::Answered,
        };
        assert_eq!(answered.service_seconds(), Some(0.02));
        for outcome in [Outcome::Failed, Outcome::Busy, Outcome::TimedOut, Outcome::Away, Outcome::Cancelled] {
            assert_eq!(BatchSample { outcome, ..answered }.service_seconds(), None, "{outcome:?}");
        }
        assert_eq!(BatchSample { settled_at: Instant::from_millis(10), ..answered }.service_seconds(), None);
        assert_eq!(BatchSample { records: 0, ..answered }.service_seconds(), None);
    }

    #[test]
    fn the_workers_own_figure_comes_first() {
        let sample = BatchSample {
            sent_at: Instant::ZERO,
            settled_at: Instant::from_millis(90),
            records: 1,
            bytes: 1,
            in_flight: 1,
            worked: Some(Duration::from_millis(40)),
            outcome: Outcome::Answered,
        };
        assert_eq!(sample.service_seconds(), Some(0.04));
    }
}
