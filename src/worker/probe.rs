//! Is the worker there? Asked before the group is joined, so that no partition is taken that cannot be served.
//!
//! With a health URL a 2xx from it counts, without one a connection does. Then, if it is asked for, one POST warms
//! the model up; any answer below 500 counts, because the warm-up is about the loading, not about the answer. Nothing
//! in here gives up: a worker that needs ten minutes is waited for, and what is wrong is said on the way.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use tokio::time::Instant;

use super::{BadTarget, Destination, answer::one_line, in_time, link::Link, settings::WorkerSettings};

/// Waits between attempts: doubled from the first to the last.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// One health check, from connecting to the end of its answer.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the waiting is reported after the first time: doubled from the first to the last.
const REPORT_EVERY_MIN: Duration = Duration::from_secs(5);
const REPORT_EVERY_MAX: Duration = Duration::from_secs(60);

/// Of a health answer only the status counts; its body is quoted.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What is being waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Ready,
    Prewarm,
}

impl Step {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Prewarm => "prewarm",
        }
    }
}

/// The worker is late; the waiting goes on.
#[derive(Debug, Clone)]
pub struct Late {
    pub step: Step,
    pub waited: Duration,
    /// What the last attempt came to.
    pub error: String,
}

/// Asks the worker, once or until it answers.
#[derive(Debug, Clone)]
pub struct Probe {
    worker: Destination,
    health: Option<Destination>,
    prewarm: Option<Bytes>,
    wait: bool,
    late_after: Duration,
    connect_timeout: Duration,
    prewarm_timeout: Duration,
}

impl Probe {
    /// # Errors
    /// When a target cannot be put into a request.
    pub fn new(settings: &WorkerSettings) -> Result<Self, BadTarget> {
        Ok(Self {
            worker: Destination::new(&settings.target)?,
            health: settings.health.as_ref().map(Destination::new).transpose()?,
            prewarm: settings.prewarm.as_ref().map(|body| Bytes::from(body.clone())),
            wait: settings.wait_for_model,
            late_after: settings.model_wait_timeout,
            connect_timeout: settings.connect_timeout,
            prewarm_timeout: settings.inference_timeout,
        })
    }

    /// Comes back when the worker can be given work, as the settings have it: with `WAIT_FOR_MODEL=false` at once,
    /// after one attempt to warm it up. `on_late` is called when `MODEL_WAIT_TIMEOUT` has passed, and now and then
    /// after it.
    pub async fn wait(&self, on_late: impl FnMut(&Late)) {
        let mut watch = Watch::new(self.late_after, on_late);
        if self.wait {
            watch.until(Step::Ready, || self.ready()).await;
        }
        match (&self.prewarm, self.wait) {
            (None, _) => {}
            (Some(_), true) => watch.until(Step::Prewarm, || self.warm_up()).await,
            (Some(_), false) => watch.once(Step::Prewarm, self.warm_up()).await,
        }
    }

    /// One look at the worker.
    ///
    /// # Errors
    /// Says why it does not count as ready.
    pub async fn ready(&self) -> Result<(), String> {
        let Some(health) = &self.health else {
            let link = Link::open(&self.worker.target, self.connect_timeout).await;
            return link.map(drop).map_err(|failure| failure.text);
        };
        match self.ask(health, health.get(), HEALTH_TIMEOUT).await? {
            (200..=299, _) => Ok(()),
            (status, said) => Err(format!("{} answered {status}: {said}", health.target)),
        }
    }

    /// One warm-up. Does nothing without a body for it.
    ///
    /// # Errors
    /// Says why it does not count.
    pub async fn warm_up(&self) -> Result<(), String> {
        let Some(body) = &self.prewarm else { return Ok(()) };
        match self.ask(&self.worker, self.worker.post(body.clone()), self.prewarm_timeout).await? {
            (..500, _) => Ok(()),
            (status, said) => Err(format!("{} answered {status}: {said}", self.worker.target)),
        }
    }

    /// Status and words of an answer.
    async fn ask(
        &self,
        to: &Destination,
        request: Request<Full<Bytes>>,
        limit: Duration,
    ) -> Result<(u16, Box<str>), String> {
        let asking = async {
            let mut link = Link::open(&to.target, self.connect_timeout.min(limit)).await?;
            let response = link.send(request).await?;
            let status = response.status().as_u16();
            let body = link.read(response.into_body(), BODY_BYTES_MAX).await;
            Ok((status, one_line(&body.unwrap_or_else(|(_, part)| part))))
        };
        match tokio::time::timeout(limit, asking).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(failure)) => Err(describe(to, failure)),
            Err(_) => Err(format!("{} did not answer within {} ms", to.target, limit.as_millis())),
        }
    }
}

fn describe(to: &Destination, failure: super::link::Failure) -> String {
    let target = to.target.to_string();
    if failure.text.contains(&target) { failure.text } else { format!("{target}: {}", failure.text) }
}

/// Repeats attempts and says when they take too long, even while one of them hangs.
struct Watch<F> {
    start: Instant,
    report_at: Instant,
    report_every: Duration,
    late: Late,
    on_late: F,
}

impl<F: FnMut(&Late)> Watch<F> {
    fn new(late_after: Duration, on_late: F) -> Self {
        Self {
            start: Instant::now(),
            report_at: in_time(late_after),
            report_every: REPORT_EVERY_MIN,
            late: Late { step: Step::Ready, waited: Duration::ZERO, error: String::new() },
            on_late,
        }
    }

    async fn until<A: Future<Output = Result<(), String>>>(&mut self, step: Step, attempt: impl Fn() -> A) {
        self.late.step = step;
        "the first attempt has not come to an end".clone_into(&mut self.late.error);
        let mut backoff = BACKOFF_MIN;
        while let Err(error) = self.watched(attempt()).await {
            self.late.error = error;
            self.watched(tokio::time::sleep(backoff)).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    /// A single attempt, whose failure is reported whenever it comes.
    async fn once(&mut self, step: Step, attempt: impl Future<Output = Result<(), String>>) {
        self.late.step = step;
        if let Err(error) = attempt.await {
            self.late.error = error;
            self.report();
        }
    }

    async fn watched<A: Future>(&mut self, work: A) -> A::Output {
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout_at(self.report_at, work.as_mut()).await {
                Ok(output) => return output,
                Err(_) => {
                    self.report();
                    self.report_at = in_time(self.report_every);
                    self.report_every = (self.report_every * 2).min(REPORT_EVERY_MAX);
                }
            }
        }
    }

    fn report(&mut self) {
        self.late.waited = self.start.elapsed();
        (self.on_late)(&self.late);
    }
}
