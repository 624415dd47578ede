//! The thread that writes: the only one that waits for the disk.

use std::{io, thread};

use super::Store;
use crate::runtime::keeping::Writing;

/// Writes what comes until nobody hands anything over any more. The thread is not waited for at the end: a disk that
/// hangs must not keep the process, and a file is whole or not there.
///
/// # Errors
/// When there is no thread to be had.
pub fn start(store: Store, mut writing: Writing) -> io::Result<()> {
    let write = move || {
        while let Some(learned) = writing.learned.blocking_recv() {
            let outcome = store.save(&learned).map_err(|error| error.to_string());
            if writing.done.blocking_send(outcome).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("store".to_owned()).spawn(write).map(drop)
}
