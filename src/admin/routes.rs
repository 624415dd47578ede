//! Which request gets which answer. The probe listener has the reading routes a platform needs; the admin listener has
//! all of them.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;

use super::{
    console,
    context::Context,
    guard::Trusted,
    readiness::{Phase, Wish},
};
use crate::telemetry::settings::LogLevel;

/// The longest that `?wait=` waits.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// What may be shown beyond this machine.
pub fn probes(context: Context) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .layer(axum::middleware::map_response(no_store))
        .with_state(context)
}

/// Everything.
pub fn admin(context: Context) -> Router {
    let own = Router::new()
        .route("/", get(page))
        .route("/state", get(state))
        .route("/log-level", post(log_level))
        .route("/drain", post(drain))
        .layer(axum::middleware::map_response(no_store))
        .with_state(context.clone());
    own.merge(probes(context))
}

/// Nothing here is true for long.
async fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn ok_if(good: bool) -> StatusCode {
    if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn livez(State(context): State<Context>) -> Response {
    let reasons = context.look().await.dead_because();
    (ok_if(reasons.is_empty()), Json(json!({ "alive": reasons.is_empty(), "reasons": reasons }))).into_response()
}

async fn readyz(State(context): State<Context>) -> Response {
    let reasons = context.look().await.not_ready_because();
    (ok_if(reasons.is_empty()), Json(json!({ "ready": reasons.is_empty(), "reasons": reasons }))).into_response()
}

async fn healthz(State(context): State<Context>) -> Response {
    let look = context.look().await;
    let reasons = look.not_ready_because();
    let (alive, ready) = (look.is_alive(), reasons.is_empty());
    let status = match (alive, ready) {
        (false, _) => "dead",
        (true, false) => "not_ready",
        (true, true) => "ok",
    };
    let body = json!({
        "status": status,
        "phase": look.phase,
        "alive": alive,
        "ready": ready,
        "reasons": reasons,
        "backlog_records": look.snapshot.as_ref().map(|s| s.backlog_records),
        "queue_records": look.snapshot.as_ref().map(|s| s.queue.records),
        "in_flight_records": look.snapshot.as_ref().map(|s| s.in_flight.records),
        "worker": look.snapshot.as_ref().map(|s| s.worker.health),
    });
    (ok_if(alive && ready), Json(body)).into_response()
}

async fn metrics(State(context): State<Context>) -> Response {
    let look = context.look().await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], context.metrics(&look)).into_response()
}

async fn state(State(context): State<Context>) -> Response {
    state_with(&context, StatusCode::OK).await
}

async fn state_with(context: &Context, status: StatusCode) -> Response {
    let look = context.look().await;
    (status, Json(context.state(&look))).into_response()
}

async fn page(State(context): State<Context>) -> Response {
    let look = context.look().await;
    let html = console::page(&context.state(&look));
    let headers = [
        (header::CONTENT_SECURITY_POLICY, console::POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, Html(html)).into_response()
}

async fn log_level(State(context): State<Context>, _: Trusted, body: String) -> Response {
    let Some(level) = LogLevel::parse(&body) else {
        let levels = LogLevel::ALL.map(LogLevel::name);
        let error = json!({ "error": "the body must be a level", "levels": levels });
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    };
    let was = context.log.level.level();
    context.log.level.set(level);
    tracing::warn!(target: "sluicegate", event = "log_level", was = was.name(), now = level.name(), "log level set");
    Json(json!({ "level": context.log.level.level().name(), "was": was.name() })).into_response()
}

/// What may stand behind the question mark.
#[derive(Debug, serde::Deserialize)]
pub struct DrainQuery {
    wait: Option<String>,
}

impl DrainQuery {
    /// How long the answer may wait for the end of the drain; `None` where what is said is no duration.
    pub fn wait(&self) -> Option<Duration> {
        self.wait.as_deref().map_or(Some(Duration::ZERO), |text| Some(parse_wait(text)?.min(WAIT_MAX)))
    }
}

async fn drain(State(context): State<Context>, _: Trusted, Query(query): Query<DrainQuery>) -> Response {
    let Some(wait) = query.wait() else {
        let error = json!({ "error": "wait must be a duration such as 500ms or 25s" });
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    };
    context.leave(Wish::Drain);
    // Not stopped in time is an answer too.
    let _ = tokio::time::timeout(wait, context.readiness.reached(Phase::Stopped)).await;
    let done = context.readiness.phase() == Phase::Stopped;
    state_with(&context, if done { StatusCode::OK } else { StatusCode::ACCEPTED }).await
}

/// Whole milliseconds, seconds or minutes.
fn parse_wait(text: &str) -> Option<Duration> {
    let (number, unit_ms) = match text {
        text if text.ends_with("ms") => (text.strip_suffix("ms")?, 1),
        text if text.ends_with('s') => (text.strip_suffix('s')?, 1_000),
        text if text.ends_with('m') => (text.strip_suffix('m')?, 60_000),
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    Some(Duration::from_millis(number.saturating_mul(unit_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_has_a_number_and_a_unit() {
        let table = [
            ("500ms", Some(500)),
            ("25s", Some(25_000)),
            ("2m", Some(120_000)),
            ("0s", Some(0)),
            ("", None),
            ("s", None),
            ("25", None),
            ("-1s", None),
            ("1.5s", None),
            ("1h", None),
        ];
        for (text, ms) in table {
            assert_eq!(parse_wait(text), ms.map(Duration::from_millis), "{text}");
        }
    }
}
