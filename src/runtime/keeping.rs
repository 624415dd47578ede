//! When what was learnt is handed to whoever keeps it, and what came of it. Nothing here waits for a disk.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use crate::control::learned::{Learned, LearnedRoute};

/// The longest wait for the last write.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// The driver's end.
#[derive(Debug)]
pub struct Keeping {
    every: Duration,
    due: Instant,
    /// What the file says: a run that has learnt nothing new does not make it look fresh.
    known: Vec<LearnedRoute>,
    /// Handed over, and nothing heard of it yet: one at a time.
    is_writing: bool,
    to: mpsc::Sender<Learned>,
    from: mpsc::Receiver<Result<(), String>>,
}

/// The writer's end.
#[derive(Debug)]
pub struct Writing {
    pub learned: mpsc::Receiver<Learned>,
    pub done: mpsc::Sender<Result<(), String>>,
}

/// The two ends; something is handed over `every` so often, and at the end.
pub fn channel(every: Duration) -> (Keeping, Writing) {
    let (to, learned) = mpsc::channel(1);
    let (done, from) = mpsc::channel(1);
    let due = Instant::now() + every;
    (Keeping { every, due, known: Vec::new(), is_writing: false, to, from }, Writing { learned, done })
}

impl Keeping {
    /// What the file held when it was read.
    pub fn begin_with(&mut self, learned: &Learned) {
        self.known.clone_from(&learned.routes);
    }

    pub const fn due(&self) -> Instant {
        self.due
    }

    /// Hands it over if there is something new in it. Whether it did.
    ///
    /// # Errors
    /// What keeps it from being written.
    pub fn hand_over(&mut self, learned: Learned) -> Result<bool, String> {
        self.due = Instant::now() + self.every;
        if learned.routes.is_empty() || learned.routes == self.known {
            return Ok(false);
        }
        if self.is_writing {
            return Err("the disk has not answered since the last write".to_owned());
        }
        let routes = learned.routes.clone();
        self.to.try_send(learned).map_err(|_| "the thread that writes is gone".to_owned())?;
        (self.known, self.is_writing) = (routes, true);
        Ok(true)
    }

    /// What came of a write: for ever where there is none. Cancel safe.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn outcome(&mut self) -> Result<(), String> {
        let Some(outcome) = self.from.recv().await else { return std::future::pending().await };
        self.is_writing = false;
        if outcome.is_err() {
            // It is not in the file, so it is still new.
            self.known.clear();
        }
        outcome
    }

    /// The last one, waited for. Whether there was one.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn last(&mut self, learned: Learned) -> Result<bool, String> {
        if self.is_writing {
            // What came of it does not matter any more.
            let _ = timeout(LAST_WAIT, self.outcome()).await;
        }
        if !self.hand_over(learned)? {
            return Ok(false);
        }
        let late = |_| Err("the disk does not answer".to_owned());
        timeout(LAST_WAIT, self.outcome()).await.unwrap_or_else(late).map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(30);

    fn learned(topics: &[&str]) -> Learned {
        let route = |topic: &&str| LearnedRoute { topic: (*topic).to_owned(), ..LearnedRoute::default() };
        Learned { routes: topics.iter().map(route).collect(), ..Learned::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_new_is_handed_over_and_one_at_a_time() {
        let (mut keeping, mut writing) = channel(EVERY);
        keeping.begin_with(&learned(&["a"]));
        assert_eq!(keeping.hand_over(learned(&[])), Ok(false));
        assert_eq!(keeping.hand_over(learned(&["a"])), Ok(false), "it says so already");
        assert_eq!(keeping.hand_over(learned(&["a", "b"])), Ok(true));
        assert_eq!(keeping.due(), Instant::now() + EVERY);
        assert!(keeping.hand_over(learned(&["c"])).is_err());
        assert_eq!(writing.learned.recv().await, Some(learned(&["a", "b"])));
        writing.done.send(Err("full".to_owned())).await.unwrap();
        assert_eq!(keeping.outcome().await, Err("full".to_owned()));
        assert_eq!(keeping.hand_over(learned(&["a", "b"])), Ok(true), "what was not written is still new");
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_write_is_waited_for_but_not_for_ever() {
        let (mut keeping, mut writing) = channel(EVERY);
        let write = async {
            assert_eq!(writing.learned.recv().await, Some(learned(&["a"])));
            writing.done.send(Ok(())).await.unwrap();
        };
        let (last, ()) = tokio::join!(keeping.last(learned(&["a"])), write);
        assert_eq!(last, Ok(true));
        assert_eq!(keeping.last(learned(&["a"])).await, Ok(false));
        let start = Instant::now();
        assert_eq!(keeping.last(learned(&["b"])).await, Err("the disk does not answer".to_owned()));
        assert_eq!(start.elapsed(), LAST_WAIT);
        drop(writing);
        keeping.is_writing = false;
        assert_eq!(keeping.last(learned(&["c"])).await, Err("the thread that writes is gone".to_owned()));
    }
}
