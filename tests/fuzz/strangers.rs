//! What comes over a port from whoever found it, and what is in a token.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use axum::extract::Query;
use hyper::{HeaderMap, Method, Request, Uri, header};
use sluicegate::{
    admin::{DrainQuery, objection},
    ingress::{IngressSettings, request::read_head},
    telemetry::settings::LogLevel,
    time::UnixMillis,
};

use crate::worker::header_lines;

fn ingress() -> IngressSettings {
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

/// The first line and the header lines after it.
fn head(input: &[u8]) -> (String, HeaderMap) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    (String::from_utf8_lossy(&input[..end]).into_owned(), header_lines(&input[end..]))
}

/// `METHOD URI`, then headers.
pub fn ingress_head(input: &[u8]) {
    const WALL: i64 = 1_764_000_000_000;
    let (line, headers) = head(input);
    let Some((method, uri)) = line.split_once(' ') else { return };
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method.as_bytes()), Uri::try_from(uri)) else { return };
    let head = match read_head(&ingress(), &method, &uri, &headers, UnixMillis(WALL)) {
        Ok(head) => head,
        Err(refusal) => {
            assert!((400..500).contains(&refusal.status()) && refusal.to_string().len() < 200, "{refusal}");
            return;
        }
    };
    assert!(method == Method::POST && ["/predict", "/v1/score"].contains(&uri.path()));
    assert!(head.body_bytes.is_none_or(|bytes| bytes <= 1000));
    let said = |name: &str| headers.get_all(name).iter().map(|value| value.to_str().unwrap().parse::<i64>().unwrap());
    let until = said("x-deadline-ms").chain(said("deadline_ms"));
    let soonest = until.chain(said("x-request-timeout-ms").map(|ms| WALL.saturating_add(ms))).min();
    assert_eq!(head.deadline.map(|at| at.0), soonest);
    let payload = head.payload(b"body");
    let passed_on: Vec<_> = payload.headers().collect();
    assert!((1..=33).contains(&passed_on.len()));
    for (name, value) in passed_on {
        let (name, value) = (std::str::from_utf8(name).unwrap(), value.unwrap());
        assert!([":path", "content-type", "x-request-id", "traceparent"].contains(&name), "{name}");
        assert!(value.len() <= 1024 && !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    }
}

pub fn admin_drain_query(input: &[u8]) {
    let Ok(uri) = Uri::try_from([b"/drain?", input].concat()) else { return };
    let Ok(Query(query)) = Query::<DrainQuery>::try_from_uri(&uri) else { return };
    let Some(wait) = query.wait() else { return };
    assert!(wait <= Duration::from_secs(300));
    let number: String = uri.query().unwrap().chars().filter(char::is_ascii_digit).collect();
    assert!(wait.is_zero() || !number.is_empty(), "{uri} is {wait:?}");
}

pub fn admin_log_level(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Some(level) = LogLevel::parse(&text) {
        assert_eq!(text.trim().to_ascii_lowercase(), level.name());
    }
}

/// A URI, then headers. Whoever is trusted has named this machine, as the standard library reads addresses.
pub fn admin_host_and_origin(input: &[u8]) {
    let (uri, headers) = head(input);
    let Ok(mut request) = Request::post(uri).body(()) else { return };
    *request.headers_mut() = headers;
    let parts = request.into_parts().0;
    assert!(objection(Some(Ipv4Addr::new(10, 0, 0, 1).into()), &parts).is_some());
    if objection(Some(Ipv4Addr::LOCALHOST.into()), &parts).is_some() {
        return;
    }
    let text = |name: header::HeaderName| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let host = parts.uri.authority().map(ToString::to_string).or_else(|| text(header::HOST)).expect("a host");
    assert!(is_this_machine(&host), "{host}");
    if let Some(origin) = text(header::ORIGIN) {
        let (scheme, rest) = origin.split_once("://").expect("a scheme");
        assert!(["http", "https"].contains(&scheme) && is_this_machine(rest), "{origin}");
    }
}

fn is_this_machine(authority: &str) -> bool {
    let bare = authority.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix(':').unwrap_or(authority);
    // `[::1]` alone ends in a digit and a bracket.
    let host = if authority.ends_with(']') { authority } else { bare };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// As it is, and as the claims of a token.
#[cfg(feature = "kafka")]
pub fn oauth_token(input: &[u8]) {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    use sluicegate::kafka::oauth;

    let text = String::from_utf8_lossy(input);
    for token in [text.clone().into_owned(), format!("e30.{}.sig", BASE64_URL_SAFE_NO_PAD.encode(input))] {
        for now_ms in [0, 1_764_000_000_000, i64::MAX] {
            match oauth::parse(&token, now_ms) {
                Ok(read) => {
                    assert!(read.token == token && read.lifetime_ms > now_ms);
                    assert!(!read.token.contains('\0') && !read.principal_name.contains('\0'));
                }
                Err(error) => assert!(token.len() < 8 || !error.to_string().contains(&token), "it is repeated"),
            }
        }
    }
}
