//! The driver's way to end the thread's wait.

use std::sync::{Arc, Mutex, PoisonError};

use crate::kafka::{context::Context, ffi::Queue};

/// Ends the thread's wait. Closed by the thread before the client goes, so that the client is never dropped by whoever
/// happens to wake it.
#[derive(Clone)]
pub struct Waker(Arc<Mutex<Option<Arc<Queue<Context>>>>>);

impl Waker {
    pub fn new(queue: Arc<Queue<Context>>) -> Self {
        Self(Arc::new(Mutex::new(Some(queue))))
    }

    pub fn wake(&self) {
        if let Some(queue) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            queue.wake();
        }
    }

    pub(super) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
