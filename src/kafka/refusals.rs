//! Whether the brokers refuse us as a whole: the group, or every topic of ours. What is refused of the partitions that we
//! have is known partition by partition (`Slot::refused_at`).
//!
//! The client tells most refusals once, however long they last, and never that one is over. An assignment and a commit
//! that is taken show that it is. An idle member gets neither when a right was missing for a moment only; but it would
//! have lost its assignment had the group refused its heartbeats for a session timeout.

use std::time::{Duration, Instant};

use crate::kafka::complaints::{GROUP_REFUSED, TOPIC_REFUSED};

/// Beyond the session timeout: the client looks at it once a second.
const MARGIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Refusals {
    /// Last told then.
    group: Option<Instant>,
    topic: Option<Instant>,
    session_timeout: Duration,
}

impl Refusals {
    pub fn new(session_timeout: Duration) -> Self {
        Self { group: None, topic: None, session_timeout }
    }

    /// An error of the client's, by librdkafka's number, or of a commit.
    pub fn told(&mut self, code: i32, now: Instant) {
        match code {
            GROUP_REFUSED => self.group = Some(now),
            TOPIC_REFUSED => self.topic = Some(now),
            _ => {}
        }
    }

    /// The group lets us.
    pub fn over(&mut self) {
        (self.group, self.topic) = (None, None);
    }

    /// `holds`: there are partitions that are ours.
    pub fn stand(&mut self, holds: bool, now: Instant) -> bool {
        let patience = self.session_timeout + MARGIN;
        let is_old = |at: &mut Instant| now.saturating_duration_since(*at) >= patience;
        if holds {
            self.group.take_if(is_old);
            self.topic.take_if(is_old);
        }
        // While there are some, it is another topic, or they say so themselves.
        self.group.is_some() || (self.topic.is_some() && !holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: Duration = Duration::from_secs(45);

    fn refused(code: i32) -> (Refusals, Instant) {
        let (mut refusals, now) = (Refusals::new(SESSION), Instant::now());
        assert!(!refusals.stand(false, now));
        refusals.told(code, now);
        (refusals, now)
    }

    #[test]
    fn a_refusal_stands_until_there_is_an_assignment_or_a_commit_is_taken() {
        for code in [GROUP_REFUSED, TOPIC_REFUSED] {
            let (mut refusals, now) = refused(code);
            assert!(refusals.stand(false, now + 100 * SESSION), "the client tells it once");
            refusals.over();
            assert!(!refusals.stand(false, now));
        }
        assert!(!refused(0).0.stand(false, Instant::now()), "another error");
    }

    #[test]
    fn a_refused_group_that_keeps_us_for_longer_than_a_session_does_not_refuse_us_any_more() {
        let (mut refusals, now) = refused(GROUP_REFUSED);
        assert!(refusals.stand(true, now + SESSION));
        refusals.told(GROUP_REFUSED, now + SESSION);
        assert!(refusals.stand(true, now + SESSION + MARGIN), "it was told again");
        assert!(!refusals.stand(true, now + 2 * SESSION + MARGIN));
        assert!(!refusals.stand(false, now + 2 * SESSION + MARGIN), "it is forgotten");
    }

    #[test]
    fn a_refused_topic_counts_only_while_there_is_no_partition() {
        let (mut refusals, now) = refused(TOPIC_REFUSED);
        assert!(!refusals.stand(true, now));
        assert!(refusals.stand(false, now), "the last one went");
    }
}
