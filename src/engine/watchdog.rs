//! What should move and does not. A partition is repaired, counted, and at last a reason to fail liveness; so are records
//! that could be sent and are not; a poll thread that came late is told.
//!
//! This is where the engine looks at I8 and I10 (docs/ARCHITECTURE.md) while work goes on. A partition that is not read may
//! be the broker's fault, so it breaks no promise.

use crate::{
    engine::{
        Effects, Engine,
        event::{Command, Progress, Pulse},
        fact::Fact,
        sentinel::Invariant,
        settings::EngineSettings,
    },
    time::{Instant, Now},
};

/// Repairs in a row without movement before the partition counts as stalled.
pub const REPAIRS_MAX: u32 = 3;

/// Since when something waits to be sent, nothing is out, and nothing is in the way.
#[derive(Debug, Default)]
pub struct Standing {
    /// And how many batches had come back by then: between two looks one may have gone and come.
    since: Option<(Instant, u64)>,
    told: bool,
}

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

    /// Something waits to be sent, the worker could take it, and nothing is out: that must not last. What may lie between
    /// is the linger, a back-off, a token for a retry, or as long as a last try apart took, and none of these is longer than
    /// what is waited for here.
    fn look_at_sending(&mut self, now: Now, out: &mut Effects) {
        let waits = self.queue.records() > 0 && self.takes_fresh() || self.retries.records() > 0;
        let may_go = self.in_flight.is_empty() && self.drain.is_none() && self.letters.is_empty();
        let moved = self.standing.since.is_some_and(|(_, settled)| settled != self.in_flight.settled());
        if moved || !(waits && may_go && self.worker.concurrency(now.mono, self.values.concurrency) > 0) {
            self.standing = Standing::default();
            self.sentinels.looked(Invariant::I8, u64::from(waits));
            return;
        }
        let settled = self.in_flight.settled();
        let (since, _) = *self.standing.since.get_or_insert((now.mono, settled));
        let EngineSettings { stall_after, linger, inference_timeout, .. } = self.settings;
        let patience = stall_after + self.settings.retry.backoff_max + linger + inference_timeout;
        let stands = now.mono >= since + patience;
        let (queued, retries) = (self.queue.records(), self.retries.records());
        let what = || format!("{queued} records queued and {retries} to be tried again stand, and the worker is idle");
        self.look(Invariant::I8, !stands || self.standing.told, what, out);
        self.standing.told |= stands;
    }

    /// Nothing is sent although it could be.
    pub(super) fn sending_stands(&self) -> bool {
        self.standing.told
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
