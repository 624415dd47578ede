//! Looks at the group's committed offsets all the time, so that a commit past an unfinished record is seen even when
//! the record is finished a moment later.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::Duration,
};

use rdkafka::error::KafkaError;

use crate::{
    judge::{Happening, History},
    kafka::GroupReader,
    stage::wall_ms,
};

/// One reader for all who ask: what they see gets into the history in the order they saw it.
pub struct Watcher {
    reader: Arc<Mutex<GroupReader>>,
    history: History,
    looking: Option<(Arc<AtomicBool>, JoinHandle<u64>)>,
}

impl Watcher {
    pub fn new(reader: GroupReader, history: History) -> Self {
        Self { reader: Arc::new(Mutex::new(reader)), history, looking: None }
    }

    /// Looks twenty times a second from now on.
    pub fn start(&mut self) {
        let stop = Arc::new(AtomicBool::new(false));
        let (theirs, reader, history) = (Arc::clone(&stop), Arc::clone(&self.reader), self.history.clone());
        let thread = std::thread::spawn(move || {
            let mut looks = 0;
            while !theirs.load(SeqCst) {
                // A broker that does not answer is part of the story.
                looks += u64::from(look(&reader, &history, Happening::committed).is_ok());
                std::thread::park_timeout(Duration::from_millis(50));
            }
            looks
        });
        self.looking = Some((stop, thread));
    }

    /// Stops looking; how often it saw something.
    pub fn stop(&mut self) -> u64 {
        let Some((stop, thread)) = self.looking.take() else { return 0 };
        stop.store(true, SeqCst);
        thread.join().unwrap()
    }

    pub fn look(&self) -> Result<Vec<i64>, KafkaError> {
        look(&self.reader, &self.history, Happening::committed)
    }

    pub fn look_after_a_kill(&self) -> Result<Vec<i64>, KafkaError> {
        look(&self.reader, &self.history, Happening::killed)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some((stop, _)) = &self.looking {
            stop.store(true, SeqCst);
        }
    }
}

impl Happening {
    fn committed(offsets: Vec<i64>, at_ms: i64) -> Self {
        Self::Committed { offsets, at_ms }
    }

    fn killed(committed: Vec<i64>, at_ms: i64) -> Self {
        Self::Killed { committed, at_ms }
    }
}

fn look(
    reader: &Mutex<GroupReader>,
    history: &History,
    as_what: fn(Vec<i64>, i64) -> Happening,
) -> Result<Vec<i64>, KafkaError> {
    let reader = reader.lock().unwrap();
    let offsets: Vec<i64> = reader.committed()?.into_iter().map(|offset| offset.unwrap_or(0)).collect();
    history.add(as_what(offsets.clone(), wall_ms()));
    Ok(offsets)
}
