//! The HTTP side of a request: where it goes and what its head says.
//!
//! Nothing from Kafka is in a head: only numbers and names of our own, so there is nothing to escape.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Uri,
    header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT},
};

use super::settings::Target;

/// Names the batch; the same in the body's `id`.
pub const BATCH_ID: HeaderName = HeaderName::from_static("x-sluicegate-batch-id");

/// Milliseconds until the earliest deadline in the batch or until the answer is no longer waited for, whichever is
/// sooner.
pub const REMAINING_MS: HeaderName = HeaderName::from_static("x-sluicegate-remaining-ms");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("sluicegate/", env!("CARGO_PKG_VERSION")));

/// The settings name a place that cannot be put into a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{target}: {what}")]
pub struct BadTarget {
    pub target: String,
    pub what: &'static str,
}

/// A target, ready to be put into requests.
#[derive(Debug, Clone)]
pub struct Destination {
    pub target: Target,
    uri: Uri,
    host: HeaderValue,
}

impl Destination {
    /// # Errors
    /// When path or host cannot stand in a request.
    pub fn new(target: &Target) -> Result<Self, BadTarget> {
        let bad = |what| BadTarget { target: target.to_string(), what };
        let path = if target.path().is_empty() { "/" } else { target.path() };
        if !path.starts_with('/') {
            return Err(bad("the path has to start with a slash"));
        }
        let uri = Uri::try_from(path).map_err(|_| bad("the path has characters that an URL cannot have"))?;
        let host = match target {
            Target::Tcp { host, port: 80, .. } => bracketed(host),
            Target::Tcp { host, port, .. } => format!("{}:{port}", bracketed(host)),
            Target::Unix { .. } => "localhost".to_owned(),
        };
        let host = HeaderValue::from_str(&host).map_err(|_| bad("the host has characters that a host cannot have"))?;
        Ok(Self { target: target.clone(), uri, host })
    }

    pub fn get(&self) -> Request<Full<Bytes>> {
        self.request(Method::GET, Bytes::new())
    }

    /// A POST of JSON.
    pub fn post(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = self.request(Method::POST, body);
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        request
    }

    /// The POST of a batch.
    pub fn post_batch(&self, id: &HeaderValue, remaining: Duration, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = self.post(body);
        let remaining = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
        request.headers_mut().insert(BATCH_ID, id.clone());
        request.headers_mut().insert(REMAINING_MS, remaining.into());
        request
    }

    fn request(&self, method: Method, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.reserve(6);
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, AGENT);
        request
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16, path: &str) -> Target {
        Target::Tcp { host: host.into(), port, path: path.into() }
    }

    #[test]
    fn the_host_header_names_the_port_unless_it_is_80_and_brackets_ipv6() {
        let host = |target| Destination::new(&target).unwrap().get().headers()[HOST].clone();
        assert_eq!(host(tcp("localhost", 8080, "/")), "localhost:8080");
        assert_eq!(host(tcp("localhost", 80, "/")), "localhost");
        assert_eq!(host(tcp("::1", 8080, "/")), "[::1]:8080");
        assert_eq!(host(tcp("[::1]", 80, "/")), "[::1]");
        assert_eq!(host(Target::Unix { socket: "/run/w.sock".into(), path: "/x".into() }), "localhost");
    }

    #[test]
    fn path_and_query_go_into_the_request_and_bad_ones_are_refused() {
        assert_eq!(Destination::new(&tcp("h", 1, "/a/b?c=d")).unwrap().get().uri(), "/a/b?c=d");
        assert_eq!(Destination::new(&tcp("h", 1, "")).unwrap().get().uri(), "/");
        for bad in ["a", "http://elsewhere/", "/a b", "/\r\nx: y"] {
            assert!(Destination::new(&tcp("h", 1, bad)).is_err(), "{bad:?}");
        }
        assert!(Destination::new(&tcp("h\r\nx: y", 1, "/")).is_err());
    }
}
