//! From what became of a request to an HTTP answer. docs/INGRESS.md has the table.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER},
};
use serde_json::json;

use super::request::Refusal;
use crate::engine::event::{Outcome, Reason, Said};

pub type Answer = Response<Full<Bytes>>;

/// What became of it: tells the worker's own 503 from ours.
pub const OUTCOME: HeaderName = HeaderName::from_static("x-sluicegate-outcome");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const CLOSE: HeaderValue = HeaderValue::from_static("close");

pub fn of(outcome: Outcome) -> Answer {
    let name = outcome.name();
    match outcome {
        Outcome::Done(said) => worker_said(name, 200, said),
        Outcome::Rejected { reason, said, detail } => {
            let status = if reason == Reason::TooLarge { 413 } else { 422 };
            match said.status.filter(|status| *status >= 400) {
                named if said.result.is_some() => worker_said(name, status, Said { status: named, ..said }),
                named => error(name, named.unwrap_or(status), reason.code(), detail.as_deref()),
            }
        }
        Outcome::Failed { detail } => error(name, 502, "worker_failed", detail.as_deref()),
        Outcome::Expired => error(name, 504, "expired", Some("its time ran out before the worker had answered")),
        Outcome::Unavailable { cause, retry_after } => {
            let what = format!("its time ran out while the worker could not take work: {cause}");
            later(error(name, 503, "worker_unavailable", Some(&what)), retry_after)
        }
        Outcome::Full { retry_after } => {
            later(error(name, 429, "queue_full", Some("there is no room in the queue")), retry_after)
        }
        Outcome::Draining => draining(),
    }
}

/// It does not get as far as the engine.
pub fn refused(refusal: &Refusal) -> Answer {
    let mut answer = error("refused", refusal.status(), refusal.code(), Some(&refusal.to_string()));
    if *refusal == Refusal::NotPost {
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    answer
}

/// Too many bodies are being read at once.
pub fn crowded() -> Answer {
    let text = Some("too many bytes of requests are being read");
    later(error("full", 429, "queue_full", text), Duration::from_secs(1))
}

/// The worker is not ready for the first time.
pub fn starting() -> Answer {
    later(error("unavailable", 503, "starting", Some("the worker is being waited for")), Duration::from_secs(1))
}

/// Nobody is there to ask any more, or not for long.
pub fn draining() -> Answer {
    let answer = error("draining", 503, "draining", Some("on the way out: ask another one"));
    closing(later(answer, Duration::from_secs(1)))
}

/// The driver does not answer in the time it promised to.
pub fn silent() -> Answer {
    error("unavailable", 503, "engine_silent", Some("the engine does not answer"))
}

/// The connection's last answer.
pub fn closing(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CONNECTION, CLOSE);
    answer
}

fn worker_said(outcome: &'static str, status: u16, said: Said) -> Answer {
    let has_result = said.result.is_some();
    let status = said.status.filter(|status| !has_result || may_have_a_body(*status)).unwrap_or(status);
    let mut answer = answer(outcome, status, Bytes::from(said.result.unwrap_or_default()));
    if has_result {
        answer.headers_mut().insert(CONTENT_TYPE, JSON);
    }
    answer
}

const fn may_have_a_body(status: u16) -> bool {
    !matches!(status, 204 | 205 | 304)
}

fn error(outcome: &'static str, status: u16, code: &str, detail: Option<&str>) -> Answer {
    let body = json!({ "error": code, "detail": detail }).to_string();
    let mut answer = answer(outcome, status, Bytes::from(body));
    answer.headers_mut().insert(CONTENT_TYPE, JSON);
    answer
}

fn answer(outcome: &'static str, status: u16, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    answer.headers_mut().insert(OUTCOME, HeaderValue::from_static(outcome));
    answer
}

/// Whole seconds, rounded up.
fn later(mut answer: Answer, after: Duration) -> Answer {
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    answer.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: Option<u16>, result: Option<&str>) -> Said {
        Said { status, result: result.map(|text| text.as_bytes().into()) }
    }

    fn rejected(reason: Reason, said: Said) -> Outcome {
        Outcome::Rejected { reason, said, detail: Some("no".into()) }
    }

    #[test]
    fn every_outcome_has_its_status() {
        let second = Duration::from_secs(1);
        let table = [
            (Outcome::Done(said(None, Some("1"))), 200),
            (Outcome::Done(said(Some(201), Some("1"))), 201),
            (Outcome::Done(said(Some(404), None)), 404),
            (Outcome::Done(said(Some(204), Some("1"))), 200),
            (Outcome::Done(said(Some(204), None)), 204),
            (rejected(Reason::Dropped, said(None, None)), 422),
            (rejected(Reason::Dropped, said(Some(409), Some("{}"))), 409),
            (rejected(Reason::Refused, said(Some(400), None)), 400),
            (rejected(Reason::Refused, said(Some(200), None)), 422),
            (rejected(Reason::Undecodable, said(None, None)), 422),
            (rejected(Reason::TooLarge, said(None, None)), 413),
            (Outcome::Failed { detail: None }, 502),
            (Outcome::Expired, 504),
            (Outcome::Unavailable { cause: "away", retry_after: second }, 503),
            (Outcome::Full { retry_after: second }, 429),
            (Outcome::Draining, 503),
        ];
        for (outcome, status) in table {
            let (text, name) = (format!("{outcome:?}"), outcome.name());
            let answer = of(outcome);
            assert_eq!(answer.status().as_u16(), status, "{text}");
            assert_eq!(answer.headers()[OUTCOME], name, "{text}");
        }
    }

    #[test]
    fn who_should_come_again_is_told_when_and_who_should_not_that_it_is_over() {
        let full = of(Outcome::Full { retry_after: Duration::from_millis(1001) });
        assert_eq!(full.headers()[RETRY_AFTER], "2");
        assert!(!full.headers().contains_key(CONNECTION));
        let draining = of(Outcome::Draining);
        assert_eq!(
            (&draining.headers()[CONNECTION], &draining.headers()[RETRY_AFTER]),
            (&CLOSE, &"1".parse().unwrap())
        );
        assert_eq!(refused(&Refusal::NotPost).headers()[ALLOW], "POST");
    }
}
