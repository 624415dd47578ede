//! experiments
use crate::{
    acls::Right,
    broker::{self, Door},
    certificates,
    sidecar::{Sidecar, eventually},
    stage::Place,
    visitor::*,
    worker::*,
};
use std::time::Duration;
fn show(s: &Sidecar, what: &str) {
    println!("=== {what}: readyz {:?} livez {:?}", s.get("/readyz").unwrap(), s.get("/livez").unwrap());
    let text = std::fs::read_to_string(&s.log).unwrap();
    for line in text
        .lines()
        .filter(|l| !l.contains("\"level\":\"info\"") || l.contains("rebalance"))
        .rev()
        .take(12)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        println!("{}", &line[..line.len().min(700)]);
    }
    let st = s.state().unwrap();
    println!("phase {} last_errors {}", st["phase"], st["last_errors"]);
}
fn nap(s: u64) {
    std::thread::sleep(Duration::from_secs(s))
}
fn bad(door: Door, name: &str, flags: &[(&str, &str)]) {
    let v = Visitor::by(door, name, Behaviour::instant());
    v.allow();
    v.stage.fill(1000);
    let s = v.sidecar(flags);
    nap(5);
    show(&s, name);
    println!("{:?}", s.stop());
}
#[test]
fn skip_y_expired() {
    bad(Door::Expired, "expired", &[])
}
#[test]
fn skip_y_elsewhere() {
    bad(Door::Elsewhere, "elsewhere", &[])
}
#[test]
fn skip_y_unknown() {
    let v = Visitor::by(Door::Sealed, "unknown", Behaviour::instant());
    let ca = v.stage.broker_dir().join("another-ca.crt");
    let s = v.sidecar(&[("KAFKA_CFG_SSL_CA_LOCATION", ca.to_str().unwrap())]);
    nap(5);
    show(&s, "unknown");
    println!("{:?}", s.stop());
}
#[test]
fn skip_y_nocert() {
    let v = Visitor::by(Door::Expired, "nocert", Behaviour::instant());
    let b = v.stage.broker_dir().to_owned();
    let port = 0;
    let _ = port;
    drop(b);
    let v2 = v.sidecar(&[
        ("KAFKA_CFG_SECURITY_PROTOCOL", "sasl_ssl"),
        ("KAFKA_CFG_SASL_MECHANISM", "PLAIN"),
        ("KAFKA_SASL_USERNAME", "x"),
        ("KAFKA_SASL_PASSWORD", "yyyyyyyyy"),
    ]);
    nap(3);
    show(&v2, "nocert");
}
#[test]
fn skip_y_mutual() {
    let v = Visitor::by(Door::Sealed, "mutual", Behaviour::instant());
    v.allow();
    v.stage.fill(1000);
    let s = v.sidecar(&[]);
    v.stage.await_delivered(1_000, WITHIN);
    v.stage.await_no_lag(WITHIN);
    show(&s, "mutual");
    println!("{:?}", s.stop());
}
#[test]
fn skip_y_scram() {
    let v = Visitor::by(Door::SealedLogin, "scram", Behaviour::instant());
    v.allow();
    v.stage.fill(1000);
    let s = v.sidecar(&[]);
    v.stage.await_delivered(1_000, WITHIN);
    v.stage.await_no_lag(WITHIN);
    show(&s, "scram");
    println!("{:?}", s.stop());
    let s = v.sidecar(&[("KAFKA_SASL_PASSWORD", "wrong-one")]);
    nap(3);
    show(&s, "scram wrong");
}
#[test]
fn skip_y_rotated() {
    let mut v = Visitor::at(
        Place::own_as(broker::own),
        Door::SealedLogin,
        "rotated",
        Behaviour::after(Duration::from_millis(5)),
    );
    v.allow();
    v.stage.fill(1000);
    let s = v.sidecar(&[]);
    v.stage.await_delivered(500, WITHIN);
    certificates::rotate(v.stage.broker_dir());
    v.stage.kafka().kill();
    v.stage.kafka().start_again();
    v.stage.fill_from(1000, 1000);
    v.stage.await_delivered(2_000, WITHIN);
    v.stage.await_no_lag(WITHIN);
    show(&s, "rotated");
    println!("{:?}", s.stop());
}
