//! A sidecar that comes in by one of the broker's doors, and what is heard of it.

use std::{path::Path, time::Duration};

use crate::{
    acls::{Right, Rights},
    broker::{self, Door, PASSWORD, USER},
    certificates::KEY_PASSWORD,
    judge::Repeats,
    sidecar::{Sidecar, eventually},
    stage::{Place, Stage},
    worker::Behaviour,
};

pub const WITHIN: Duration = Duration::from_secs(60);

pub struct Visitor {
    pub stage: Stage,
    pub rights: Rights,
    /// How it comes in.
    way: Vec<(&'static str, String)>,
}

impl Visitor {
    /// One who may not do anything yet.
    pub fn by(door: Door, name: &str, behaviour: Behaviour) -> Self {
        Self::at(Place::shared_as(broker::shared), door, name, behaviour)
    }

    pub fn at(place: Place, door: Door, name: &str, behaviour: Behaviour) -> Self {
        let stage = Stage::at(place.by(door as usize), name, 2, behaviour);
        let way = way(door, stage.broker_dir());
        let user = if door == Door::Login || door == Door::SealedLogin { USER } else { "CN=client" };
        Self { rights: Rights::of(user, &stage.brokers), stage, way }
    }

    /// What a consumer needs.
    pub fn allow(&self) {
        self.rights.give(Right::Read(&self.stage.topic));
        self.rights.give(Right::Join(&self.stage.group));
    }

    /// From now on without these flags.
    pub fn forget(&mut self, which: impl Fn(&str) -> bool) {
        self.way.retain(|(flag, _)| !which(flag));
    }

    /// All is delivered once, and nothing secret is said, however much is logged.
    pub fn is_let_in(&mut self) {
        self.allow();
        self.stage.fill(1_000);
        let sidecar = self.sidecar(&[("LOG_LEVEL", "debug"), ("KAFKA_CFG_DEBUG", "security,broker")]);
        self.stage.await_delivered(1_000, WITHIN);
        self.stage.await_no_lag(WITHIN);
        await_ready(&sidecar);
        assert_keeps_secrets(&sidecar, &[]);
        assert!(sidecar.stop().0.success());
        self.stage.verdict(Repeats::AtMost(0)).holds();
    }

    /// `flags` win over how it comes in otherwise.
    pub fn sidecar(&self, flags: &[(&str, &str)]) -> Sidecar {
        let mut all: Vec<_> = self.way.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend_from_slice(flags);
        self.stage.sidecar("only", &all)
    }
}

fn way(door: Door, dir: &Path) -> Vec<(&'static str, String)> {
    let at = |name: &str| dir.join(name).display().to_string();
    let protocol = match door {
        Door::Login => "sasl_plaintext",
        Door::SealedLogin => "sasl_ssl",
        Door::Sealed | Door::Expired | Door::Elsewhere => "ssl",
    };
    let mut way = vec![("KAFKA_CFG_SECURITY_PROTOCOL", protocol.to_owned())];
    if door == Door::Login || door == Door::SealedLogin {
        let mechanism = if door == Door::Login { "PLAIN" } else { "SCRAM-SHA-512" };
        way.push(("KAFKA_CFG_SASL_MECHANISM", mechanism.to_owned()));
        way.push(("KAFKA_SASL_USERNAME", USER.to_owned()));
        // One is told, the other read.
        way.push(match door {
            Door::Login => ("KAFKA_SASL_PASSWORD", PASSWORD.to_owned()),
            _ => ("KAFKA_SASL_PASSWORD_FILE", at("password")),
        });
    }
    if door != Door::Login {
        way.push(("KAFKA_CFG_SSL_CA_LOCATION", at("ca.crt")));
    }
    if door == Door::Sealed {
        way.push(("KAFKA_CFG_SSL_CERTIFICATE_LOCATION", at("client.crt")));
        way.push(("KAFKA_CFG_SSL_KEY_LOCATION", at("client.locked")));
        way.push(("KAFKA_SSL_KEY_PASSWORD", KEY_PASSWORD.to_owned()));
    }
    way
}

/// Waits until the client complains in these words, in the log and in the state; returns the whole of what it says.
pub fn complaint(sidecar: &Sidecar, words: &str) -> String {
    let told = eventually(&format!("a complaint with {words:?}"), WITHIN, || {
        let events = sidecar.events("client_error");
        let said = events.iter().map(|event| format!("{}: {}", text(&event["code"]), text(&event["detail"])));
        said.rev().find(|said| said.contains(words))
    });
    let state = eventually("the state", WITHIN, || sidecar.state());
    let errors = state["last_errors"].as_array().unwrap();
    let shown = errors.iter().any(|error| text(&error["text"]).contains(words));
    assert!(shown, "{words:?} is not in {errors:?}");
    told
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Alive, and not ready because of this.
pub fn await_held_up(sidecar: &mut Sidecar, reason: &str) {
    eventually(&format!("it is not ready: {reason}"), WITHIN, || {
        let (status, reasons) = sidecar.get("/readyz")?;
        (status == 503 && reasons.contains(reason)).then_some(())
    });
    assert_eq!(sidecar.get("/livez").unwrap().0, 200, "a restart would not help");
    assert!(sidecar.is_running());
}

pub fn await_ready(sidecar: &Sidecar) {
    eventually("it is ready", WITHIN, || (sidecar.get("/readyz")?.0 == 200).then_some(()));
}

/// However long the trouble lasts, each line of it is there once.
pub fn assert_no_flood(sidecar: &Sidecar) {
    let mut lines: Vec<String> = Vec::new();
    for name in ["client_error", "commit_refused"] {
        for event in sidecar.events(name) {
            lines.push(format!("{name} {} {} {}", event["code"], event["detail"], event["codes"]));
        }
    }
    let all = lines.len();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), all, "{lines:?}");
}

/// None of the secrets is in anything it says.
pub fn assert_keeps_secrets(sidecar: &Sidecar, more: &[&str]) {
    let mut said: Vec<String> =
        ["/state", "/metrics", "/readyz", "/"].map(|path| sidecar.get(path).unwrap_or_default().1).to_vec();
    said.push(std::fs::read_to_string(&sidecar.log).unwrap());
    for secret in [PASSWORD, KEY_PASSWORD].iter().chain(more) {
        assert!(said.iter().all(|text| !text.contains(secret)), "{secret} is told");
    }
}
