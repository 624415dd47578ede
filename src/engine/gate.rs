//! The process-wide gate: shut at the high watermark, open at the low one; first soft, then hard.
//!
//! A single partition's own reasons (span, stop, order) live with the partition.

use std::time::Duration;

use crate::{
    control::dials::Values,
    engine::{
        fact::{Gate as GateFact, GateStage, PauseReason},
        settings::EngineSettings,
    },
    time::Instant,
};

#[derive(Debug, Default)]
pub struct Gate {
    shut: Option<Shut>,
    shut_total: Duration,
    shuts: u64,
}

#[derive(Debug, Clone, Copy)]
struct Shut {
    since: Instant,
    stage: GateStage,
}

/// What the gate did just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Shut,
    Harden,
    /// With the stage it was in.
    Open(GateStage, Duration),
}

/// How full Kafka's part of the queue is: the larger of the two fill percentages. `others` is what of the queue Kafka
/// cannot have, nothing without requests.
pub fn fill_pct(settings: &EngineSettings, (records, bytes): (u32, u64), others: (u32, u64)) -> f64 {
    let room = settings.queue_records_max.map(|max| max.saturating_sub(others.0));
    let by_records = room.map_or(0.0, |room| pct(f64::from(records), f64::from(room)));
    by_records.max(pct(bytes as f64, settings.queue_bytes_max.saturating_sub(others.1) as f64))
}

fn pct(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { 100.0 * part / whole } else { 0.0 }
}

impl Gate {
    /// Looks at the queue and moves at most one step; called until it no longer moves.
    pub fn observe(&mut self, now: Instant, values: &Values, fill_pct: f64) -> Option<Move> {
        match self.shut {
            None if fill_pct >= values.pause_pct => {
                self.shut = Some(Shut { since: now, stage: GateStage::Soft });
                self.shuts += 1;
                Some(Move::Shut)
            }
            Some(shut) if fill_pct <= values.resume_pct && fill_pct < values.pause_pct => Some(self.open(now, shut)),
            Some(Shut { since, stage: GateStage::Soft }) if now >= since + values.hard_after => {
                self.shut = Some(Shut { since, stage: GateStage::Hard });
                Some(Move::Harden)
            }
            _ => None,
        }
    }

    fn open(&mut self, now: Instant, shut: Shut) -> Move {
        let shut_for = now.since(shut.since);
        self.shut = None;
        self.shut_total += shut_for;
        Move::Open(shut.stage, shut_for)
    }

    pub fn stage(&self) -> Option<GateStage> {
        self.shut.map(|shut| shut.stage)
    }

    pub fn is_open(&self) -> bool {
        self.shut.is_none()
    }

    pub fn is_hard(&self) -> bool {
        self.stage() == Some(GateStage::Hard)
    }

    /// When the soft stage turns hard.
    pub fn next_wake(&self, values: &Values) -> Option<Instant> {
        self.shut.filter(|shut| shut.stage == GateStage::Soft).map(|shut| shut.since + values.hard_after)
    }

    pub fn shut_for(&self, now: Instant) -> Duration {
        self.shut.map_or(Duration::ZERO, |shut| now.since(shut.since))
    }

    /// Shut time since the start, the present one included.
    pub fn shut_total(&self, now: Instant) -> Duration {
        self.shut_total + self.shut_for(now)
    }

    pub fn shuts(&self) -> u64 {
        self.shuts
    }
}

/// The fact of a move, without its partitions.
pub fn fact(stage: GateStage, depth: u32, bytes: u64, fill_pct: f64, shut_for: Duration) -> GateFact {
    GateFact { stage, reason: PauseReason::QueueFull, partitions: Vec::new(), depth, bytes, pct: fill_pct, shut_for }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::settings::tests::settings;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn it_shuts_at_the_high_watermark_hardens_after_its_time_and_opens_at_the_low_one() {
        let settings = settings().values();
        let mut gate = Gate::default();
        assert_eq!(gate.observe(at(0), &settings, 79.9), None);
        assert_eq!(gate.observe(at(1), &settings, 80.0), Some(Move::Shut));
        assert_eq!(gate.observe(at(2), &settings, 100.0), None);
        assert_eq!(gate.next_wake(&settings), Some(at(5001)));
        assert_eq!(gate.observe(at(5001), &settings, 60.0), Some(Move::Harden));
        assert_eq!(gate.observe(at(5002), &settings, 50.1), None);
        let shut_for = Duration::from_millis(6000);
        assert_eq!(gate.observe(at(6001), &settings, 50.0), Some(Move::Open(GateStage::Hard, shut_for)));
        assert_eq!(gate.shut_total(at(9000)), shut_for);
    }

    #[test]
    fn hard_at_once_when_the_time_is_zero() {
        let settings = EngineSettings { pause_hard_after: Duration::ZERO, ..settings() }.values();
        let mut gate = Gate::default();
        assert_eq!(gate.observe(at(1), &settings, 100.0), Some(Move::Shut));
        assert_eq!(gate.observe(at(1), &settings, 100.0), Some(Move::Harden));
    }

    #[test]
    fn the_fuller_of_records_and_bytes_counts() {
        let settings = EngineSettings { queue_records_max: Some(10), queue_bytes_max: 1000, ..settings() };
        assert_eq!(fill_pct(&settings, (5, 900), (0, 0)), 90.0);
        assert_eq!(fill_pct(&settings, (8, 100), (0, 0)), 80.0);
        assert_eq!(fill_pct(&settings, (4, 100), (2, 800)), 50.0);
        let unbounded = EngineSettings { queue_records_max: None, ..settings };
        assert_eq!(fill_pct(&unbounded, (5000, 100), (1, 0)), 10.0);
    }
}
