//! From an HTTP request's head to what the engine and the worker have to know of it; or why it is none.

use hyper::{
    HeaderMap, Method, Uri,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue},
};

use super::settings::IngressSettings;
use crate::{
    record::{Payload, PayloadBuilder},
    time::UnixMillis,
};

/// Absolute, Unix epoch milliseconds. The second spelling is the Kafka header's, for proxies that let it through.
pub const DEADLINE: [HeaderName; 2] =
    [HeaderName::from_static("x-deadline-ms"), HeaderName::from_static("deadline_ms")];
/// Relative, milliseconds from when the request is read.
pub const TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// The path and query that was asked for, as the worker sees it among the headers.
const PATH: &[u8] = b":path";
/// The longest value that is passed on, and the longest path and query.
const VALUE_BYTES_MAX: usize = 1024;
/// Values passed on, repeats included.
const VALUES_MAX: usize = 32;

/// What a head says.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    pub deadline: Option<UnixMillis>,
    /// `None` when it is not said.
    pub body_bytes: Option<u64>,
    passed_on: Vec<(Vec<u8>, HeaderValue)>,
}

/// Why it is no request for the worker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("nothing is served at this path")]
    NoSuchPath,
    #[error("only POST is served here")]
    NotPost,
    #[error("the path and query are longer than 1024 bytes")]
    PathTooLong,
    #[error("{0} is no number of milliseconds")]
    BadDeadline(HeaderName),
    #[error("{0} has a line break or a NUL in it")]
    BadHeader(HeaderName),
    #[error("{0} is longer than 1024 bytes, or there are more than 32 headers to pass on")]
    HeadersTooLarge(HeaderName),
    #[error("the body is larger than {0} bytes")]
    BodyTooLarge(u64),
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    #[error("the body broke off")]
    BodyBroken,
}

impl Refusal {
    pub const fn status(&self) -> u16 {
        match self {
            Self::NoSuchPath => 404,
            Self::NotPost => 405,
            Self::PathTooLong => 414,
            Self::BadDeadline(_) | Self::BadHeader(_) | Self::BodyBroken => 400,
            Self::HeadersTooLarge(_) => 431,
            Self::BodyTooLarge(_) => 413,
            Self::BodyTooSlow => 408,
        }
    }

    /// What programs look at.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchPath => "no_such_path",
            Self::NotPost => "not_post",
            Self::PathTooLong => "path_too_long",
            Self::BadDeadline(_) => "bad_deadline",
            Self::BadHeader(_) => "bad_header",
            Self::HeadersTooLarge(_) => "headers_too_large",
            Self::BodyTooLarge(_) => "body_too_large",
            Self::BodyTooSlow => "body_too_slow",
            Self::BodyBroken => "body_broken",
        }
    }
}

/// Reads a head.
///
/// # Errors
/// What is wrong with it; the first that is found.
pub fn read_head(
    settings: &IngressSettings,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    wall: UnixMillis,
) -> Result<Head, Refusal> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    if path.len() > VALUE_BYTES_MAX {
        return Err(Refusal::PathTooLong);
    }
    if !settings.paths.iter().any(|served| served == uri.path()) {
        return Err(Refusal::NoSuchPath);
    }
    if method != Method::POST {
        return Err(Refusal::NotPost);
    }
    let body_bytes = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if body_bytes.is_some_and(|bytes: u64| bytes > settings.body_bytes_max) {
        return Err(Refusal::BodyTooLarge(settings.body_bytes_max));
    }
    // A URI's characters are all fit for a header.
    let path = HeaderValue::from_str(path).map_err(|_| Refusal::NoSuchPath)?;
    let mut passed_on = vec![(PATH.to_vec(), path)];
    for (name, value) in headers {
        if *name == CONTENT_TYPE || settings.headers.iter().any(|wanted| wanted == name.as_str()) {
            pass_on(&mut passed_on, name, value)?;
        }
    }
    Ok(Head { deadline: deadline(headers, wall)?, body_bytes, passed_on })
}

fn pass_on(to: &mut Vec<(Vec<u8>, HeaderValue)>, name: &HeaderName, value: &HeaderValue) -> Result<(), Refusal> {
    let bytes = value.as_bytes();
    if bytes.len() > VALUE_BYTES_MAX || to.len() > VALUES_MAX {
        return Err(Refusal::HeadersTooLarge(name.clone()));
    }
    // The parser lets none of them in; what goes on to somebody else is looked at once more all the same.
    if bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(Refusal::BadHeader(name.clone()));
    }
    to.push((name.as_str().as_bytes().to_vec(), value.clone()));
    Ok(())
}

/// The soonest of all that is said.
fn deadline(headers: &HeaderMap, wall: UnixMillis) -> Result<Option<UnixMillis>, Refusal> {
    let number = |name: &HeaderName, value: &HeaderValue| {
        let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|text| text.parse::<i64>().ok()).ok_or_else(|| Refusal::BadDeadline(name.clone()))
    };
    let mut soonest: Option<UnixMillis> = None;
    let mut add = |at: UnixMillis| soonest = Some(soonest.map_or(at, |other| other.min(at)));
    for name in &DEADLINE {
        for value in headers.get_all(name) {
            add(UnixMillis(number(name, value)?));
        }
    }
    for value in headers.get_all(&TIMEOUT) {
        add(UnixMillis(wall.0.saturating_add(number(&TIMEOUT, value)?)));
    }
    Ok(soonest)
}

impl Head {
    /// With the body, as the worker gets it.
    pub fn payload(&self, body: &[u8]) -> Payload {
        let room = self.passed_on.iter().map(|(name, value)| PayloadBuilder::header_len(name.len(), value.len())).sum();
        let mut builder = PayloadBuilder::with_capacity(None, Some(body), room);
        self.passed_on.iter().for_each(|(name, value)| builder.header(name, Some(value.as_bytes())));
        builder.finish()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;

    pub(in crate::ingress) fn settings() -> IngressSettings {
        IngressSettings {
            addr: ([127, 0, 0, 1], 0).into(),
            paths: vec!["/predict".into(), "/v1/score".into()],
            timeout: Duration::from_secs(30),
            headers: vec!["x-request-id".into(), "traceparent".into()],
            body_bytes_max: 1000,
            reading_bytes_max: 100_000,
            connections_max: 64,
            keep_alive: Duration::from_secs(75),
            drain_grace: Duration::from_secs(1),
        }
    }

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    fn read(method: &str, uri: &str, headers: Pairs<'_>) -> Result<Head, Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let (method, uri) = (Method::try_from(method).unwrap(), Uri::try_from(uri).unwrap());
        read_head(&settings(), &method, &uri, &map, UnixMillis(1000))
    }

    #[test]
    fn every_form_of_deadline_has_one_reading_and_the_soonest_counts() {
        let table: &[(Pairs<'_>, Result<Option<i64>, &str>)] = &[
            (&[], Ok(None)),
            (&[("x-deadline-ms", "1700000000000")], Ok(Some(1_700_000_000_000))),
            (&[("deadline_ms", "17")], Ok(Some(17))),
            (&[("x-request-timeout-ms", "250")], Ok(Some(1250))),
            (&[("x-request-timeout-ms", "0")], Ok(Some(1000))),
            (&[("x-request-timeout-ms", "9223372036854775807")], Ok(Some(i64::MAX))),
            (&[("x-deadline-ms", "5000"), ("x-request-timeout-ms", "10")], Ok(Some(1010))),
            (&[("x-deadline-ms", "5000"), ("x-deadline-ms", "4000")], Ok(Some(4000))),
            (&[("x-deadline-ms", "5000"), ("deadline_ms", "soon")], Err("deadline_ms")),
            (&[("x-deadline-ms", "-1")], Err("x-deadline-ms")),
            (&[("x-deadline-ms", "1e3")], Err("x-deadline-ms")),
            (&[("x-deadline-ms", "")], Err("x-deadline-ms")),
            (&[("x-request-timeout-ms", "1.5")], Err("x-request-timeout-ms")),
            (&[("x-request-timeout-ms", "9223372036854775808")], Err("x-request-timeout-ms")),
        ];
        for (headers, expected) in table {
            let seen = read("POST", "/predict", headers).map(|head| head.deadline.map(|at| at.0));
            let expected = (*expected).map_err(|name| Refusal::BadDeadline(HeaderName::try_from(name).unwrap()));
            // An empty value is no number either.
            assert_eq!(seen, expected, "{headers:?}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused_with_the_status_that_says_why() {
        let long = "x".repeat(1025);
        let many: Vec<(&str, &str)> = (0..40).map(|_| ("x-request-id", "a")).collect();
        let table: &[(&str, &str, Pairs<'_>, u16)] = &[
            ("GET", "/predict", &[], 405),
            ("HEAD", "/v1/score", &[], 405),
            ("POST", "/", &[], 404),
            ("POST", "/predict/", &[], 404),
            ("POST", "/predict", &[("content-length", "1001")], 413),
            ("POST", "/predict", &[("x-request-id", &long)], 431),
            ("POST", "/predict", &many, 431),
            ("POST", &format!("/predict?{long}"), &[], 414),
            ("POST", "/predict", &[("deadline_ms", "x")], 400),
        ];
        for (method, uri, headers, status) in table {
            assert_eq!(read(method, uri, headers).unwrap_err().status(), *status, "{method} {uri}");
        }
        assert_eq!(read("POST", "/v1/score", &[("content-length", "1000")]).unwrap().body_bytes, Some(1000));
    }

    #[test]
    fn the_content_type_the_path_and_the_allowed_headers_go_to_the_worker_and_nothing_else() {
        let headers = [
            ("content-type", "text/plain"),
            ("authorization", "secret"),
            ("x-request-id", "one"),
            ("x-request-id", "two"),
            ("x-deadline-ms", "5"),
        ];
        let payload = read("POST", "/predict?v=1", &headers).unwrap().payload(b"body");
        let seen: Vec<(&[u8], Option<&[u8]>)> = payload.headers().collect();
        let expected: [(&[u8], Option<&[u8]>); 4] = [
            (b":path", Some(b"/predict?v=1")),
            (b"content-type", Some(b"text/plain")),
            (b"x-request-id", Some(b"one")),
            (b"x-request-id", Some(b"two")),
        ];
        assert_eq!((seen, payload.value(), payload.key()), (expected.to_vec(), Some(&b"body"[..]), None));
    }

    #[test]
    fn a_line_break_does_not_get_as_far_as_a_header() {
        for bad in ["a\r\nx: y", "a\nb", "a\0b"] {
            assert!(HeaderValue::try_from(bad).is_err());
        }
    }
}
