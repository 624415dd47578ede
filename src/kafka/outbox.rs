//! Events on their way to the driver, in order. The channel is bounded and the polling thread never waits for it: what
//! does not fit waits here, and records in here are bounded by the credit that was granted for them.

use std::collections::VecDeque;

use tokio::sync::mpsc::{Sender, error::TrySendError};

use crate::{
    engine::event::{Event, Progress, Pulse},
    runtime::{SourceEvent, SourceNote},
};

/// Notes beyond this many waiting are dropped: nothing is decided by them.
const NOTES_MAX: usize = 256;

#[derive(Debug)]
pub struct Outbox {
    channel: Sender<SourceEvent>,
    waiting: VecDeque<SourceEvent>,
    closed: bool,
}

impl Outbox {
    pub fn new(channel: Sender<SourceEvent>) -> Self {
        Self { channel, waiting: VecDeque::new(), closed: false }
    }

    pub fn push(&mut self, event: Event) {
        self.send(SourceEvent::Engine(event));
    }

    pub fn fatal(&mut self, text: String) {
        self.send(SourceEvent::Fatal(text));
    }

    pub fn note(&mut self, note: SourceNote) {
        if self.waiting.len() < NOTES_MAX {
            self.send(SourceEvent::Note(note));
        }
    }

    /// Progress is only worth telling fresh: none is added while an older one waits.
    pub fn progress(&mut self, progress: Vec<Progress>) {
        if !self.waiting.iter().any(|event| matches!(event, SourceEvent::Engine(Event::Progress(_)))) {
            self.push(Event::Progress(progress));
        }
    }

    /// Of the pulse, too, only one waits. False when it has to be told later.
    pub fn pulse(&mut self, pulse: Pulse) -> bool {
        let waits = self.waiting.iter().any(|event| matches!(event, SourceEvent::Engine(Event::Pulse(_))));
        if !waits {
            self.push(Event::Pulse(pulse));
        }
        !waits
    }

    fn send(&mut self, event: SourceEvent) {
        self.waiting.push_back(event);
        self.flush();
    }

    /// Moves on what fits.
    pub fn flush(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            match self.channel.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.waiting.push_front(event);
                    return;
                }
                Err(TrySendError::Closed(_)) => self.closed = true,
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Nobody listens any more.
    pub fn is_closed(&self) -> bool {
        self.closed || self.channel.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::CommitId;

    fn committed(id: u64) -> Event {
        Event::Committed { id: CommitId(id), results: Vec::new() }
    }

    #[test]
    fn what_does_not_fit_waits_and_goes_out_in_order() {
        let (channel, mut events) = tokio::sync::mpsc::channel(2);
        let mut outbox = Outbox::new(channel);
        for id in 0..5 {
            outbox.push(committed(id));
        }
        assert!(!outbox.is_empty());
        let mut seen = Vec::new();
        while let Ok(SourceEvent::Engine(Event::Committed { id, .. })) = events.try_recv() {
            seen.push(id.0);
            outbox.flush();
        }
        assert_eq!(seen, [0, 1, 2, 3, 4]);
        assert!(outbox.is_empty() && !outbox.is_closed());
        drop(events);
        assert!(outbox.is_closed());
    }

    #[test]
    fn notes_and_progress_do_not_pile_up_behind_a_driver_that_stands() {
        let (channel, _events) = tokio::sync::mpsc::channel(1);
        let mut outbox = Outbox::new(channel);
        outbox.push(committed(0));
        for _ in 0..2 * NOTES_MAX {
            outbox.note(SourceNote::Refetch { bytes: 1 });
            outbox.progress(Vec::new());
            outbox.pulse(Pulse::default());
        }
        assert!(outbox.waiting.len() <= NOTES_MAX + 2, "{}", outbox.waiting.len());
        let waiting = |wanted: fn(&SourceEvent) -> bool| outbox.waiting.iter().filter(|event| wanted(event)).count();
        assert_eq!(waiting(|event| matches!(event, SourceEvent::Engine(Event::Progress(_)))), 1);
        assert_eq!(waiting(|event| matches!(event, SourceEvent::Engine(Event::Pulse(_)))), 1);
    }
}
