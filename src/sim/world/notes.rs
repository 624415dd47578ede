//! What of a step goes into the trace.

use crate::{
    engine::{
        event::{Action, Answer, Command, CommitOutcome, DeadLettered, Event},
        fact::Fact,
    },
    record::Record,
    sim::{trace::Step, world::World},
};

impl World<'_> {
    pub(super) fn trace_event(&mut self, event: &Event) {
        match event {
            Event::Polled { records, ends } => {
                for run in records.chunk_by(|a, b| a.partition == b.partition) {
                    if let (Some(first), Some(last)) = (run.first(), run.last()) {
                        let (partition, records) = (first.partition, run.len() as u32);
                        self.note(Step::Polled { partition, records, first: first.offset, last: last.offset });
                    }
                }
                for end in ends {
                    self.note(Step::End { partition: end.partition, offset: end.offset });
                }
            }
            Event::Settled(settled) => {
                let verdicts = match &settled.answer {
                    Answer::Each(verdicts) => {
                        verdicts.iter().fold(0, |all, verdict| all * 5 % 0xffff_ffff_fffb + *verdict as u64 + 1)
                    }
                    _ => 0,
                };
                self.note(Step::Settled { batch: settled.batch.id, answer: settled.answer.name(), verdicts });
            }
            Event::DeadLettered(answer) => {
                let (DeadLettered::Acknowledged { letter } | DeadLettered::Failed { letter, .. }) = answer;
                let (partition, offset) = (letter.record.partition, letter.record.offset);
                self.note(match answer {
                    DeadLettered::Acknowledged { .. } => Step::LetterAcknowledged { partition, offset },
                    DeadLettered::Failed { .. } => Step::LetterFailed { partition, offset },
                });
            }
            Event::Committed { id, results } => {
                for result in results {
                    let outcome = match &result.outcome {
                        CommitOutcome::Applied => "applied",
                        CommitOutcome::EpochOver(_) => "epoch over",
                        CommitOutcome::Failed(_) => "failed",
                    };
                    let (partition, offset) = (result.partition, result.offset);
                    self.note(Step::Committed { id: *id, partition, offset, outcome });
                }
            }
            Event::Requested(request) => {
                if let Some(id) = request.record.request() {
                    self.note(Step::Asked { id });
                }
            }
            Event::CallerGone(id) => self.note(Step::Gone { id: *id }),
            Event::Left => self.note(Step::Left),
            _ => {}
        }
    }

    pub(super) fn trace_facts(&mut self, facts: &[Fact]) {
        for fact in facts {
            match fact {
                Fact::Expired { record, stage, .. } => {
                    let (partition, offset) = (record.partition, record.offset);
                    self.note(Step::Expired { partition, offset, stage: stage.name() });
                }
                Fact::Skipped { number, offset, .. } => self.note(Step::Skipped { number: *number, offset: *offset }),
                _ => {}
            }
        }
    }

    pub(super) fn trace_action(&mut self, action: &Action) {
        match action {
            Action::Dispatch(batch) => {
                let bytes = batch.records.iter().map(Record::charge).sum();
                let id = batch.id;
                self.note(Step::Dispatched { batch: id, records: batch.records.len() as u32, bytes });
                for run in batch.records.chunk_by(|a, b| a.partition == b.partition) {
                    if let (Some(first), Some(last)) = (run.first(), run.last()) {
                        let (partition, records) = (first.partition, run.len() as u32);
                        let (first, last) = (first.offset, last.offset);
                        self.note(Step::Carries { batch: id, partition, records, first, last });
                    }
                }
            }
            Action::DeadLetter(letter) => self.note(Step::Letter {
                partition: letter.record.partition,
                offset: letter.record.offset,
                reason: letter.reason,
            }),
            Action::Source(Command::Commit { id, offsets }) => {
                for mark in offsets {
                    let (partition, offset, metadata) = (mark.partition, mark.offset, mark.metadata.len());
                    self.note(Step::CommitAsked { id: *id, partition, offset, metadata });
                }
            }
            Action::Reply(reply) => self.note(Step::Replied { id: reply.id, outcome: reply.outcome.name() }),
            Action::Source(_) => {}
        }
    }
}
