//! One call: encode, send, read, say what it means.
//!
//! A deadline is compared with the wall clock right before each send, after connecting: nothing is sent late. A
//! request that met a connection the worker was just closing is sent once more at once; every other failure goes
//! back to the engine, which knows about attempts, budgets and back-off.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::header::HeaderValue;
use tokio::time::Instant;

use super::{
    BadTarget, Destination, WallClock,
    answer::{self, Head, Reading},
    classify::Fault,
    in_time,
    link::{Failure, Link},
    pool::Pool,
    protocol::json::{self, Encoded},
    settings::{ValueFormat, WorkerSettings},
};
use crate::engine::event::{Answer, Batch, Settled, Told};

/// What every call needs.
pub struct Caller {
    destination: Destination,
    pool: Arc<Pool>,
    value_format: ValueFormat,
    connect_timeout: Duration,
    response_bytes_max: usize,
    wall: WallClock,
    /// Tells this process's batch ids from those of the one before.
    instance: u64,
}

/// One request on its way, and how far it came. Lives outside the future that a timeout drops.
struct Call<'a> {
    batch: &'a Batch,
    body: Bytes,
    id: HeaderValue,
    give_up_at: Instant,
    /// When the first byte could have gone out.
    sent_at: Option<Instant>,
    head: Option<Head>,
}

/// What a call came to.
enum Outcome {
    Answered(Head, Bytes),
    Failed(Failure),
    /// `not_after` had passed.
    TooLate,
}

impl Caller {
    pub fn new(settings: &WorkerSettings, wall: WallClock) -> Result<Self, BadTarget> {
        Ok(Self {
            destination: Destination::new(&settings.target)?,
            pool: Pool::new(settings.pool_idle),
            value_format: settings.value_format,
            connect_timeout: settings.connect_timeout,
            response_bytes_max: settings.response_bytes_max,
            wall,
            instance: fastrand::u64(..),
        })
    }

    pub async fn call(&self, batch: Batch) -> Settled {
        let give_up_at = in_time(batch.timeout);
        if self.is_too_late(&batch) {
            return Settled {
                batch,
                answer: Answer::NotSent,
                took: Duration::ZERO,
                status: None,
                detail: None,
                told: Told::default(),
                said: Vec::new(),
            };
        }
        let id = format!("{:016x}-{}", self.instance, batch.id.0);
        let mut request = json::encode(&batch, &id, self.value_format);
        if request.undecodable.len() == batch.records.len() {
            let Reading { answer, detail, said } = answer::all_undecodable(&batch, &request);
            return Settled { batch, answer, took: Duration::ZERO, status: None, detail, told: Told::default(), said };
        }
        let mut call = Call {
            batch: &batch,
            body: Bytes::from(std::mem::take(&mut request.body)),
            // Digits and a dash always make a header value.
            id: HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("0")),
            give_up_at,
            sent_at: None,
            head: None,
        };
        let outcome = match tokio::time::timeout_at(give_up_at, self.exchange(&mut call)).await {
            Ok(outcome) => outcome,
            Err(_) => call.timed_out(),
        };
        let took = call.sent_at.map(|at| at.elapsed()).unwrap_or_default();
        let status = call.head.as_ref().map(|head| head.status);
        let told = call.head.as_ref().map(|head| head.told).unwrap_or_default();
        let Reading { answer, detail, said } = read(outcome, &batch, &request);
        Settled { batch, answer, took, status, detail, told, said }
    }

    /// Sends the request, at most twice: once more if a kept connection turned out to be dead, which says nothing
    /// about the request.
    async fn exchange(&self, call: &mut Call<'_>) -> Outcome {
        let mut earlier = None;
        if let Some(link) = self.pool.take().await {
            match self.attempt(link, call).await {
                Outcome::Failed(failure) if matches!(failure.fault, Fault::LostUnanswered | Fault::ClosedUnsent) => {
                    earlier = Some(failure);
                }
                outcome => return outcome,
            }
        }
        let limit = self.connect_timeout.min(call.give_up_at.saturating_duration_since(Instant::now()));
        match (Link::open(&self.destination.target, limit).await, earlier) {
            (Ok(link), _) => self.attempt(link, call).await,
            // The worker had the request and is gone since: perhaps the request is what killed it, so this has to
            // count against the batch.
            (Err(failure), Some(Failure { fault: Fault::LostUnanswered, text })) => {
                Outcome::Failed(Failure::new(Fault::LostUnanswered, format!("{text}; then {}", failure.text)))
            }
            (Err(failure), _) => Outcome::Failed(failure),
        }
    }

    /// One send over one connection, which is kept if it can be used again.
    async fn attempt(&self, mut link: Link, call: &mut Call<'_>) -> Outcome {
        if self.is_too_late(call.batch) {
            self.pool.put(link).await;
            return Outcome::TooLate;
        }
        let now = Instant::now();
        call.sent_at.get_or_insert(now);
        let request = self.destination.post_batch(&call.id, self.remaining(call, now), call.body.clone());
        let response = match link.send(request).await {
            Ok(response) => response,
            Err(failure) => return Outcome::Failed(failure),
        };
        let head = Head::new(response.status().as_u16(), response.headers(), (self.wall)());
        call.head = Some(head.clone());
        match link.read(response.into_body(), self.response_bytes_max).await {
            Ok(body) => {
                self.pool.put(link).await;
                Outcome::Answered(head, body)
            }
            // Any status but a 2xx says all there is to say; its body would only have been quoted.
            Err((_, part)) if !head.is_success() => Outcome::Answered(head, part),
            Err((failure, _)) => Outcome::Failed(failure),
        }
    }

    fn is_too_late(&self, batch: &Batch) -> bool {
        batch.not_after.is_some_and(|deadline| (self.wall)() > deadline)
    }

    fn remaining(&self, call: &Call<'_>, now: Instant) -> Duration {
        let until_given_up = call.give_up_at.saturating_duration_since(now);
        match call.batch.not_after {
            Some(deadline) => until_given_up.min((self.wall)().until(deadline)),
            None => until_given_up,
        }
    }
}

impl Call<'_> {
    fn timed_out(&self) -> Outcome {
        let limit = self.batch.timeout.as_millis();
        match (&self.head, self.sent_at) {
            (Some(head), _) if !head.is_success() => Outcome::Answered(head.clone(), Bytes::new()),
            (Some(_), _) => {
                Outcome::Failed(Failure::new(Fault::Timeout, format!("the answer was not complete within {limit} ms")))
            }
            (None, Some(_)) => Outcome::Failed(Failure::new(Fault::Timeout, format!("no answer within {limit} ms"))),
            (None, None) => {
                Outcome::Failed(Failure::new(Fault::ConnectTimeout, format!("no connection within {limit} ms")))
            }
        }
    }
}

fn read(outcome: Outcome, batch: &Batch, request: &Encoded) -> Reading {
    match outcome {
        Outcome::Answered(head, body) => answer::read(&head, &body, batch, request),
        Outcome::Failed(failure) => answer::no_answer(failure),
        Outcome::TooLate => Reading { answer: Answer::NotSent, detail: None, said: Vec::new() },
    }
}
