//! How much the source may hand over: never more than the queue has room for.
//!
//! Credit is granted ahead, so that the poll thread does not wait for the engine at every poll. What was granted and
//! has not come back as records counts as taken.

use crate::engine::{event::Command, settings::EngineSettings};

#[derive(Debug, Default)]
pub struct Credit {
    records: u32,
    bytes: u64,
}

impl Credit {
    /// Records granted ahead at most: two polls, one being read while one is on its way. Where requests share the queue
    /// no more than a quarter of it: what is granted is kept from them, used or not.
    pub fn window(settings: &EngineSettings) -> u32 {
        let ahead = settings.max_poll_records.saturating_mul(2);
        let shared = settings.queue_records_max.filter(|_| settings.requests.is_some());
        shared.map_or(ahead, |max| ahead.min((max / 4).max(1)))
    }

    /// Granted and not used: records and bytes that may still come.
    pub fn outstanding(&self) -> (u32, u64) {
        (self.records, self.bytes)
    }

    /// Bytes granted ahead at most. All the room there is, unless requests need some of it: what is granted cannot be
    /// taken back.
    fn window_bytes(settings: &EngineSettings) -> u64 {
        let ahead = (settings.queue_bytes_max / 4).max(2 * settings.max_record_bytes);
        settings.requests.as_ref().map_or(u64::MAX, |_| ahead)
    }

    /// A record came in and used credit up. One over the size limit passes without byte credit and takes none: if it
    /// took what there is, source and engine would disagree about how much that was while a grant is on its way.
    pub fn use_up(&mut self, settings: &EngineSettings, charge: u64) {
        self.records = self.records.saturating_sub(1);
        if charge <= settings.max_record_bytes {
            self.bytes = self.bytes.saturating_sub(charge);
        }
    }

    /// What to grant now, if it is worth a command, where so many records and bytes of the queue are taken. Both are
    /// topped up to the smaller of room and window.
    pub fn top_up(&mut self, settings: &EngineSettings, taken: u32, taken_bytes: u64) -> Option<Command> {
        let room = settings.queue_records_max.map_or(u32::MAX, |max| max.saturating_sub(taken));
        let target = room.min(Self::window(settings));
        let room_bytes = settings.queue_bytes_max.saturating_sub(taken_bytes).min(Self::window_bytes(settings));
        let records = target.saturating_sub(self.records);
        let bytes = room_bytes.saturating_sub(self.bytes);
        // Topped up when less than a second poll of records, or less than a record of bytes, is left; sooner would
        // only be chatter.
        let wants_records = records > 0 && self.records <= settings.max_poll_records;
        let wants_bytes = bytes > 0 && self.bytes < settings.max_record_bytes;
        if !wants_records && !wants_bytes {
            return None;
        }
        self.records += records;
        self.bytes += bytes;
        Some(Command::Grant { records, bytes })
    }
}
