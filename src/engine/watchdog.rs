//! What the source should bring and does not: a partition that stands still is repaired, counted, and at last a reason to
//! fail liveness. It may be the broker's fault, so it breaks no promise; a poll thread that came late breaks I10.

use crate::{
    engine::{
        Effects, Engine,
        event::{Command, Progress, Pulse},
        fact::Fact,
        sentinel::Invariant,
    },
    time::Now,
};

/// Repairs in a row without movement before the partition counts as stalled.
pub const REPAIRS_MAX: u32 = 3;

impl Engine {
    pub(super) fn on_progress(&mut self, now: Now, progress: &[Progress], out: &mut Effects) {
        // A queue too full for a large record is waited for, whoever is to blame that it is.
        let taken = self.kafka_queued().1 + self.not_for_kafka().1;
        let room = self.settings.queue_bytes_max.saturating_sub(taken);
        let reading = self.takes_in() && room >= self.settings.max_record_bytes.min(self.settings.queue_bytes_max);
        let stall_after = self.settings.stall_after;
        let mut behind = false;
        for report in progress {
            let Some(partition) = self.partitions.get_mut(report.partition) else { continue };
            partition.end = report.end.or(partition.end);
            let position = partition.ledger.position().or(report.position);
            let lags = partition.end.is_some_and(|end| position.unwrap_or(0) < end);
            behind |= lags;
            let should_move = reading && lags && report.leader_answers && !partition.pauses.any();
            let stall = &mut partition.stall;
            if !should_move || position != stall.position {
                stall.repairs = if position == stall.position { stall.repairs } else { 0 };
                (stall.position, stall.since) = (position, None);
                continue;
            }
            let since = *stall.since.get_or_insert(now.mono);
            if now.mono >= since + stall_after {
                stall.since = Some(now.mono);
                stall.repairs = stall.repairs.saturating_add(1);
                let (topic, number, again) = (partition.topic.clone(), partition.number, stall.repairs);
                out.fact(Fact::Repaired { topic, number, again });
                out.command(Command::Repair(report.partition));
            }
        }
        self.starving.behind = behind;
        self.look_at_sending(now, out);
        self.look_for_heads(now, out);
        self.ask_for_committed(now, out);
        self.ask_for_starts(now, out);
    }

    /// The poll thread tells how it kept its pace (I10): whatever held it up, the group may have held it for dead.
    pub(super) fn on_pulse(&mut self, pulse: Pulse, out: &mut Effects) {
        let (gap, most) = (pulse.longest_gap, self.settings.poll_gap_max);
        self.sentinels.looked(Invariant::I10, pulse.polls.into());
        if gap > most {
            self.violate(Invariant::I10, format!("polling stopped for {gap:.1?}, {most:.1?} is the most"), out);
        }
    }

    /// Partitions that repairs did not move.
    pub(super) fn stalled(&self) -> u32 {
        let stalled = self.partitions.active().filter(|(_, p)| p.stall.repairs >= REPAIRS_MAX);
        u32::try_from(stalled.count()).unwrap_or(u32::MAX)
    }
}
