//! Panics on purpose, each in another thread or task, once the worker has answered often enough to be under load.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Wake, Waker},
};

use tokio::sync::Notify;

/// Answers of the worker before it happens: there is something to lose by then.
const AFTER: u32 = 40;

static ANSWERS: AtomicU32 = AtomicU32::new(0);
static DUE: Notify = Notify::const_new();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panics {
    /// The thread that owns the Kafka client, as it hands something over.
    Poll,
    /// The thread that owns the engine, as it takes something.
    Driver,
    /// One call of the worker, a task beside the engine.
    Call,
    /// A task of the admin thread.
    Admin,
}

impl Panics {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "panic_poll" => Self::Poll,
            "panic_driver" => Self::Driver,
            "panic_call" => Self::Call,
            "panic_admin" => Self::Admin,
            _ => return None,
        })
    }
}

fn is_due() -> bool {
    ANSWERS.load(SeqCst) >= AFTER
}

/// Counts an answer of the worker.
pub fn answered(panics: Option<Panics>) {
    if ANSWERS.fetch_add(1, SeqCst) + 1 == AFTER {
        DUE.notify_one();
    }
    assert!(!(is_due() && panics == Some(Panics::Call)), "on purpose, in a call");
}

/// What the engine waits for from its source.
pub async fn within<T>(panics: Option<Panics>, next: impl Future<Output = T>) -> T {
    let mut next = pin!(next);
    std::future::poll_fn(|cx| {
        assert!(!(is_due() && panics == Some(Panics::Driver)), "on purpose, in the engine's thread");
        if panics != Some(Panics::Poll) {
            return next.as_mut().poll(cx);
        }
        let trap = Waker::from(Arc::new(Trap(cx.waker().clone())));
        next.as_mut().poll(&mut Context::from_waker(&trap))
    })
    .await
}

/// What runs on the admin thread.
pub async fn beside(panics: Option<Panics>) {
    if panics == Some(Panics::Admin) {
        DUE.notified().await;
        panic!("on purpose, in the admin thread");
    }
}

/// The source's thread wakes the engine's: that is where it can be caught.
struct Trap(Waker);

impl Wake for Trap {
    fn wake(self: Arc<Self>) {
        let there = std::thread::current().name() == Some("kafka-poll");
        let first = !std::thread::panicking();
        assert!(!(is_due() && there && first), "on purpose, in the source's thread");
        self.0.wake_by_ref();
    }
}
