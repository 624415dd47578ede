//! Requests over HTTP: what the listener and what the engine have to know. Both are `None` without `INGRESS_ADDR`.

use std::sync::Arc;

use crate::{
    config::{
        table::*,
        value::{Absent, Values},
    },
    engine::settings::RequestSettings,
    ingress::settings::IngressSettings,
};

pub(super) fn build(values: &Values) -> Result<Option<IngressSettings>, Absent> {
    let Some(addr) = values.get(&INGRESS_ADDR) else { return Ok(None) };
    let headers: Vec<String> = values.need(&INGRESS_HEADERS)?;
    Ok(Some(IngressSettings {
        addr,
        paths: values.need(&INGRESS_PATHS)?,
        timeout: values.need(&INGRESS_TIMEOUT)?,
        headers: headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
        body_bytes_max: values.need(&MAX_RECORD_BYTES)?,
        reading_bytes_max: values.need(&QUEUE_MAX_BYTES)?,
        connections_max: values.need::<u32>(&INGRESS_CONNECTIONS_MAX)? as usize,
        keep_alive: values.need(&INGRESS_KEEP_ALIVE)?,
        drain_grace: values.need(&INGRESS_DRAIN_GRACE)?,
    }))
}

pub(super) fn requests(values: &Values) -> Result<Option<RequestSettings>, Absent> {
    if !values.is_set(&INGRESS_ADDR) {
        return Ok(None);
    }
    let topics: Vec<String> = values.need(&KAFKA_TOPICS)?;
    let first = topics.into_iter().next().unwrap_or_default();
    let percent = |share: f64| share.round() as u32;
    Ok(Some(RequestSettings {
        topic: Arc::from(values.get::<String>(&INGRESS_TOPIC).unwrap_or(first)),
        timeout: values.need(&INGRESS_TIMEOUT)?,
        weight_pct: percent(values.need(&INGRESS_WEIGHT)?).clamp(1, 99),
        reserved_pct: percent(values.need(&INGRESS_RESERVED_PCT)?).clamp(1, 50),
    }))
}
