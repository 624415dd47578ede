//! Carrying the gate's moves and the partitions' own pauses to the source.
//!
//! A partition is paused in the client while the gate is hard or one of its own reasons holds. What the client was
//! told last is kept in `Partition::paused_in_client`, so each change is one command.

use std::time::Duration;

use crate::{
    engine::{
        Effects, Engine,
        event::Command,
        fact::{Fact, Gate as GateFact, GateStage, PauseReason},
        gate::{self, Move},
        settings::Ordering,
    },
    record::PartitionId,
    time::Now,
};

impl Engine {
    pub(super) fn fill_pct(&self) -> f64 {
        gate::fill_pct(&self.settings, self.kafka_queued(), self.not_for_kafka())
    }

    pub(super) fn move_gate(&mut self, now: Now, out: &mut Effects) {
        let pct = self.fill_pct();
        while let Some(moved) = self.gate.observe(now.mono, &self.values, pct) {
            let (depth, bytes) = (self.queue.records(), self.queue.bytes());
            let fact = |stage, shut_for| gate::fact(stage, depth, bytes, pct, shut_for);
            let partitions = self.partitions.active().map(|(id, _)| id).collect();
            match moved {
                Move::Shut => {
                    out.fact(Fact::Paused(GateFact { partitions, ..fact(GateStage::Soft, Duration::ZERO) }));
                }
                Move::Harden => {
                    out.fact(Fact::Paused(GateFact { partitions, ..fact(GateStage::Hard, Duration::ZERO) }));
                    self.control.hardened(now.mono);
                    self.reconcile_pauses(out);
                }
                Move::Open(stage, shut_for) => {
                    out.fact(Fact::Resumed(GateFact { partitions, ..fact(stage, shut_for) }));
                    self.opened_at = Some(now.mono);
                    self.reconcile_pauses(out);
                }
            }
        }
    }

    pub(super) fn grant(&mut self, out: &mut Effects) {
        if !self.takes_in() {
            return;
        }
        let ((records, bytes), (others, others_bytes)) = (self.kafka_queued(), self.not_for_kafka());
        let grant = self.credit.top_up(&self.settings, records + others, bytes + others_bytes);
        out.actions.extend(grant.map(super::event::Action::Source));
    }

    /// Whether records are wanted. Not while dead letters are held: what is given up at the door passes the queue by
    /// and would pile up behind them.
    pub(super) fn takes_in(&self) -> bool {
        self.drain.is_none() && self.gate.is_open() && self.letters.held() == 0
    }

    /// Tells the client about every partition whose pause it should change.
    pub(super) fn reconcile_pauses(&mut self, out: &mut Effects) {
        let hard = self.gate.is_hard();
        let change = |wanted: bool| {
            let differs = self
                .partitions
                .active()
                .filter(move |(_, p)| (hard || p.pauses.any()) == wanted && p.paused_in_client != Some(wanted));
            differs.map(|(id, _)| id).collect::<Vec<_>>()
        };
        for (wanted, ids) in [(true, change(true)), (false, change(false))] {
            for id in &ids {
                if let Some(partition) = self.partitions.get_mut(*id) {
                    partition.paused_in_client = Some(wanted);
                }
            }
            if !ids.is_empty() {
                out.command(if wanted { Command::Pause(ids) } else { Command::Resume(ids) });
            }
        }
    }

    /// Where a partition is paused, so that it stays below its bound with what may still arrive after the pause was sent:
    /// what is granted already, and one poll that the client had given out before.
    fn span_limit(&self) -> u32 {
        let margin = super::credit::Credit::window(&self.settings) + self.settings.max_poll_records;
        self.settings.span_max.saturating_sub(margin).max(1)
    }

    pub(super) fn pause_for_span(&mut self, now: Now, id: PartitionId, out: &mut Effects) {
        let limit = self.span_limit();
        let Some(partition) = self.partitions.get_mut(id) else { return };
        let (span, uncommitted) = (partition.ledger.span() >= limit, partition.uncommitted() >= limit.into());
        if span && !partition.pauses.span {
            partition.pauses.span = true;
            self.tell_pause(id, PauseReason::Span, true, out);
        }
        let Some(partition) = self.partitions.get_mut(id) else { return };
        if partition.is_untaken(now.mono) && uncommitted && !partition.pauses.uncommitted {
            partition.pauses.uncommitted = true;
            self.tell_pause(id, PauseReason::Uncommitted, true, out);
        }
    }

    /// A commit was taken: opens what waited for it.
    pub(super) fn reopen_committed(&mut self, id: PartitionId, out: &mut Effects) {
        let low = self.span_limit() / 2;
        let Some(partition) = self.partitions.get_mut(id) else { return };
        if partition.pauses.uncommitted && partition.uncommitted() <= low.into() {
            partition.pauses.uncommitted = false;
            self.tell_pause(id, PauseReason::Uncommitted, false, out);
        }
    }

    /// A partition's frontier moved or its retries ended: opens what no longer has a reason to be shut.
    pub(super) fn reopen_partition(&mut self, id: PartitionId, out: &mut Effects) {
        let low = self.settings.span_max / 2;
        let share = self.order_share();
        let Some(partition) = self.partitions.get_mut(id) else { return };
        if partition.pauses.span && partition.ledger.span() <= low {
            partition.pauses.span = false;
            self.tell_pause(id, PauseReason::Span, false, out);
        }
        let Some(partition) = self.partitions.get_mut(id) else { return };
        if partition.pauses.order && (partition.retrying == 0 || partition.queued <= share / 2) {
            partition.pauses.order = false;
            self.tell_pause(id, PauseReason::Order, false, out);
        }
    }

    /// Ordered modes: a partition whose records wait behind a retry may not fill the queue for the others.
    pub(super) fn pause_for_order(&mut self, id: PartitionId, out: &mut Effects) {
        let share = self.order_share();
        let Some(partition) = self.partitions.get_mut(id) else { return };
        let blocks = partition.retrying > 0 && partition.queued >= share;
        if self.settings.ordering != Ordering::None && blocks && !partition.pauses.order {
            partition.pauses.order = true;
            self.tell_pause(id, PauseReason::Order, true, out);
        }
    }

    /// A quarter of the queue.
    fn order_share(&self) -> u32 {
        self.settings.queue_records_max.unwrap_or(4096).div_ceil(4)
    }

    pub(super) fn tell_pause(&mut self, id: PartitionId, reason: PauseReason, paused: bool, out: &mut Effects) {
        let gate = GateFact {
            reason,
            partitions: vec![id],
            ..gate::fact(GateStage::Hard, self.queue.records(), self.queue.bytes(), self.fill_pct(), Duration::ZERO)
        };
        out.fact(if paused { Fact::Paused(gate) } else { Fact::Resumed(gate) });
        self.reconcile_pauses(out);
    }
}
