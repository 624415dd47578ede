//! Where requests are handed in and replies are picked up: connections on one side, the driver on the other.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use rustc_hash::FxHashMap;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::{
    engine::event::{Event, Outcome, Reply, Request},
    record::{Payload, Record, RequestId},
    runtime::{Callers, SourceEvent, SourceNote},
    time::UnixMillis,
};

/// Requests handed in that the driver has not looked at; who finds no place waits for one.
const HANDED_IN_MAX: usize = 256;

/// The connections' side. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    handed_in: mpsc::Sender<HandedIn>,
    /// Bound: one for each request that was handed in.
    gone: mpsc::UnboundedSender<RequestId>,
    next: Arc<AtomicU64>,
}

/// The driver's side.
#[derive(Debug)]
pub struct HttpCallers {
    handed_in: mpsc::Receiver<HandedIn>,
    gone: mpsc::UnboundedReceiver<RequestId>,
    /// Those that the engine has and has not answered: as many as it lets in.
    waiting: FxHashMap<RequestId, oneshot::Sender<Outcome>>,
}

#[derive(Debug)]
enum HandedIn {
    Request {
        request: Request,
        answer: oneshot::Sender<Outcome>,
        /// Its share of the bytes that may be read ahead of the engine, given back once the engine has it.
        _reading: OwnedSemaphorePermit,
    },
    /// It was none, and its caller was told so.
    Refused { status: u16 },
}

/// A request as it was read.
#[derive(Debug)]
pub struct Asked {
    pub payload: Payload,
    pub deadline: Option<UnixMillis>,
    pub wall: UnixMillis,
}

/// Both sides. Requests are numbered from `first` on: a process that starts later has to start higher.
pub fn open(first: u64) -> (Desk, HttpCallers) {
    let (handed_in, inbox) = mpsc::channel(HANDED_IN_MAX);
    let (gone, gone_inbox) = mpsc::unbounded_channel();
    let desk = Desk { handed_in, gone, next: Arc::new(AtomicU64::new(first)) };
    (desk, HttpCallers { handed_in: inbox, gone: gone_inbox, waiting: FxHashMap::default() })
}

impl Desk {
    /// Hands a request in and waits for its answer. `None` when there is no driver any more. Dropped before it is
    /// done, it says that nobody waits.
    pub async fn ask(&self, asked: Asked, reading: OwnedSemaphorePermit) -> Option<Outcome> {
        let id = RequestId(self.next.fetch_add(1, Relaxed));
        let record = Record::of_request(id, asked.wall.0, asked.payload);
        let (answer, outcome) = oneshot::channel();
        let request = Request { record, deadline: asked.deadline };
        self.handed_in.send(HandedIn::Request { request, answer, _reading: reading }).await.ok()?;
        let mut waiting = Waiting { id, gone: Some(&self.gone) };
        let outcome = outcome.await.ok();
        waiting.gone = None;
        outcome
    }

    /// Has it counted. What finds no place is not: counting must not hold up an answer.
    pub fn refused(&self, status: u16) {
        drop(self.handed_in.try_send(HandedIn::Refused { status }));
    }
}

/// Says so when it is dropped before its answer has come.
struct Waiting<'a> {
    id: RequestId,
    gone: Option<&'a mpsc::UnboundedSender<RequestId>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        // Without a driver there is nobody to tell.
        self.gone.and_then(|gone| gone.send(self.id).ok());
    }
}

impl Callers for HttpCallers {
    async fn next(&mut self) -> SourceEvent {
        loop {
            tokio::select! {
                biased;
                Some(id) = self.gone.recv() => {
                    // One that was not even looked at yet is passed over below.
                    if self.waiting.remove(&id).is_some() {
                        return SourceEvent::Engine(Event::CallerGone(id));
                    }
                }
                Some(handed_in) = self.handed_in.recv() => {
                    if let Some(event) = self.take(handed_in) {
                        return event;
                    }
                }
                else => std::future::pending().await,
            }
        }
    }

    fn answer(&mut self, reply: Reply) {
        if let Some(answer) = self.waiting.remove(&reply.id) {
            // Who has just gone does not hear it.
            drop(answer.send(reply.outcome));
        }
    }
}

impl HttpCallers {
    fn take(&mut self, handed_in: HandedIn) -> Option<SourceEvent> {
        match handed_in {
            HandedIn::Refused { status } => Some(SourceEvent::Note(SourceNote::RequestRefused { status })),
            HandedIn::Request { request, answer, .. } => {
                let id = request.record.request().filter(|_| !answer.is_closed())?;
                self.waiting.insert(id, answer);
                Some(SourceEvent::Engine(Event::Requested(request)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    fn asked() -> Asked {
        Asked { payload: Payload::new(None, Some(b"1")), deadline: None, wall: UnixMillis(5) }
    }

    fn permit() -> OwnedSemaphorePermit {
        Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap()
    }

    fn id(event: &SourceEvent) -> RequestId {
        match event {
            SourceEvent::Engine(Event::Requested(request)) => request.record.request().unwrap(),
            SourceEvent::Engine(Event::CallerGone(id)) => *id,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn every_reply_finds_its_own_caller() {
        let (desk, mut callers) = open(100);
        let asks: Vec<_> = (0..3)
            .map(|_| {
                let desk = desk.clone();
                tokio::spawn(async move { desk.ask(asked(), permit()).await })
            })
            .collect();
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(id(&callers.next().await));
        }
        assert_eq!(ids, [100, 101, 102].map(RequestId));
        let hint =
            |id: RequestId| Outcome::Unavailable { cause: "away", retry_after: std::time::Duration::from_secs(id.0) };
        ids.iter().rev().for_each(|id| callers.answer(Reply { id: *id, outcome: hint(*id) }));
        for (ask, id) in asks.into_iter().zip(ids) {
            assert_eq!(ask.await.unwrap(), Some(hint(id)));
        }
        assert!(callers.waiting.is_empty());
    }

    #[tokio::test]
    async fn a_caller_who_goes_is_told_of_once_and_one_not_looked_at_never_was() {
        let (desk, mut callers) = open(1);
        let ask = tokio::spawn({
            let desk = desk.clone();
            async move { desk.ask(asked(), permit()).await }
        });
        let first = id(&callers.next().await);
        ask.abort();
        assert!(matches!(callers.next().await, SourceEvent::Engine(Event::CallerGone(id)) if id == first));

        let mut ask = Box::pin(desk.ask(asked(), permit()));
        assert!(futures_poll(&mut ask).await.is_none());
        drop(ask);
        desk.refused(404);
        let next = callers.next().await;
        assert!(matches!(next, SourceEvent::Note(SourceNote::RequestRefused { status: 404 })), "{next:?}");
    }

    async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut future = std::pin::Pin::new(future);
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(match future.as_mut().poll(cx) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }

    #[tokio::test]
    async fn without_a_driver_there_is_no_answer_and_nobody_waits_for_one() {
        let (desk, callers) = open(1);
        drop(callers);
        assert_eq!(desk.ask(asked(), permit()).await, None);
    }
}
