//! Idle connections to the one worker there is.
//!
//! The last one used is taken first, so that a quiet spell lets the others age out. A connection that has been idle
//! for `idle_max` is closed by us: the worker closes idle connections too, and a request that crosses its close is
//! lost. A task closes what ages while nothing is called, and ends when nothing is left.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::time::Instant;

use super::{in_time, link::Link};

pub struct Pool {
    /// Zero keeps no connection at all.
    idle_max: Duration,
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    /// Oldest first.
    idle: Vec<Idle>,
    reaping: bool,
}

struct Idle {
    link: Link,
    until: Instant,
}

impl Pool {
    pub fn new(idle_max: Duration) -> Arc<Self> {
        Arc::new(Self { idle_max, shelf: Mutex::default() })
    }

    /// A connection that was alive a moment ago, if there is one.
    pub async fn take(&self) -> Option<Link> {
        loop {
            let mut idle = self.shelf().idle.pop()?;
            if Instant::now() < idle.until && idle.link.is_alive().await {
                return Some(idle.link);
            }
        }
    }

    /// Keeps a connection for the next call, if it can take one.
    pub async fn put(self: &Arc<Self>, mut link: Link) {
        if self.idle_max.is_zero() || !link.is_alive().await {
            return;
        }
        let mut shelf = self.shelf();
        let until = in_time(self.idle_max);
        shelf.idle.push(Idle { link, until });
        if !shelf.reaping {
            shelf.reaping = true;
            drop(tokio::spawn(reap(Arc::downgrade(self), until)));
        }
    }

    /// Drops what is too old and says when to look again; `None` when nothing is left.
    fn close_aged(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut shelf = self.shelf();
        let aged = shelf.idle.iter().take_while(|idle| idle.until <= now).count();
        let closing: Vec<_> = shelf.idle.drain(..aged).collect();
        let next = shelf.idle.first().map(|oldest| oldest.until);
        shelf.reaping = next.is_some();
        drop(shelf);
        // Closing a socket is a system call: not under the lock.
        drop(closing);
        next
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // A panic elsewhere leaves the shelf as whole as it was: every change to it is one call.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn reap(pool: Weak<Pool>, mut next: Instant) {
    loop {
        tokio::time::sleep_until(next).await;
        let Some(pool) = pool.upgrade() else { return };
        match pool.close_aged() {
            Some(at) => next = at,
            None => return,
        }
    }
}
