//! TLS: the broker's certificate, and the client's own.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    broker::{self, Door},
    certificates,
    judge::Repeats,
    sidecar::binary,
    stage::Place,
    visitor::{Visitor, WITHIN, assert_keeps_secrets, assert_no_flood, await_held_up, await_ready, complaint},
    worker::Behaviour,
};

/// `sluicegate check` with these flags: its code, and what it says.
fn check(flags: &[(&str, &str)]) -> (Option<i32>, String) {
    let needed = [
        ("KAFKA_BROKERS", "127.0.0.1:1"),
        ("KAFKA_TOPICS", "t"),
        ("KAFKA_GROUP_ID", "g"),
        ("WORKER_URL", "http://127.0.0.1:1/"),
        ("KAFKA_CFG_SECURITY_PROTOCOL", "ssl"),
    ];
    let output = Command::new(binary()).arg("check").env_clear().envs(needed).envs(flags.to_vec()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn assert_has_tls() {
    let (code, said) = check(&[]);
    assert_eq!(code, Some(0), "SLUICEGATE_BINARY has to be one with TLS: {said}");
}

fn visitor(place: Place, door: Door, name: &str, behaviour: Behaviour) -> Visitor {
    assert_has_tls();
    Visitor::at(place, door, name, behaviour)
}

fn shared() -> Place {
    Place::shared_as(broker::shared)
}

#[test]
#[ignore = "needs a binary with TLS, see main.rs"]
fn with_tls_and_scram_everything_is_delivered_and_committed() {
    let mut visitor = visitor(shared(), Door::SealedLogin, "scram", Behaviour::instant());
    visitor.is_let_in();
    println!("SASL_SSL with SCRAM-SHA-512: 1000 delivered, the password is told nowhere");
}

#[test]
#[ignore = "needs a binary with TLS, see main.rs"]
fn a_client_with_a_certificate_is_let_in_and_one_without_is_told() {
    let mut visitor = visitor(shared(), Door::Sealed, "mutual", Behaviour::instant());
    visitor.is_let_in();
    visitor.forget(|flag| flag.contains("SSL_CERTIFICATE") || flag.contains("SSL_KEY"));
    let mut without = visitor.sidecar(&[]);
    let said = complaint(&without, "look at KAFKA_CFG_SSL_CERTIFICATE_LOCATION and KAFKA_CFG_SSL_KEY_LOCATION");
    await_held_up(&mut without, "joining");
    assert!(without.stop().0.success());
    println!("mutual TLS: 1000 delivered; without a certificate: {said}");
}

#[test]
#[ignore = "needs a binary with TLS, see main.rs"]
fn a_certificate_that_is_not_believed_is_told_with_the_way_to_find_out_why() {
    let table = [
        (Door::SealedLogin, "another-ca.crt", "unable to get local issuer certificate"),
        (Door::Elsewhere, "ca.crt", "IP address mismatch"),
        (Door::Expired, "ca.crt", "certificate has expired"),
    ];
    for (door, ca, why) in table {
        let visitor = visitor(shared(), door, "unbelieved", Behaviour::instant());
        let dir = visitor.stage.broker_dir();
        let ca = dir.join(ca);
        let mut sidecar = visitor.sidecar(&[("KAFKA_CFG_SSL_CA_LOCATION", ca.to_str().unwrap())]);
        let said = complaint(&sidecar, "certificate verify failed: the broker's certificate is by no authority");
        assert!(said.starts_with("_SSL: "), "{said}");
        let advised = said.split('`').nth(1).unwrap_or_else(|| panic!("no command in {said}"));
        let found = follow(advised, &ca);
        assert!(found.contains(why), "{door:?}: {advised}: {found}");
        await_held_up(&mut sidecar, "joining");
        assert_no_flood(&sidecar);
        assert_keeps_secrets(&sidecar, &[]);
        assert!(sidecar.stop().0.success());
        println!("a certificate that is not believed: told, and openssl says {why:?}");
    }
}

/// What the command says that the complaint advises.
fn follow(advised: &str, ca: &Path) -> String {
    let words = advised.split(' ').map(|word| if word == "CA" { ca.to_str().unwrap() } else { word });
    let words: Vec<&str> = words.collect();
    let output = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output().expect("openssl is installed");
    assert!(!output.status.success(), "{advised} finds nothing wrong");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
#[ignore = "needs a binary with TLS, see main.rs"]
fn a_certificate_that_is_changed_at_the_broker_under_way_loses_nothing() {
    let behaviour = Behaviour::after(Duration::from_millis(5));
    let mut visitor = visitor(Place::own_as(broker::own), Door::SealedLogin, "rotated", behaviour);
    visitor.allow();
    visitor.stage.fill(1_000);
    let sidecar = visitor.sidecar(&[]);
    visitor.stage.watch_commits();
    visitor.stage.await_delivered(200, WITHIN);
    certificates::rotate(visitor.stage.broker_dir());
    visitor.stage.kafka().kill();
    visitor.stage.kafka().start_again();
    visitor.stage.fill_from(1_000, 1_000);
    visitor.stage.await_delivered(2_000, WITHIN);
    visitor.stage.await_no_lag(WITHIN);
    await_ready(&sidecar);
    assert!(sidecar.stop().0.success());
    let verdict = visitor.stage.verdict(Repeats::AtMost(1_000));
    verdict.holds();
    println!("a certificate changed under way: 2000 delivered, {} twice", verdict.repeats);
}

#[test]
#[ignore = "needs a binary with TLS, see main.rs"]
fn check_says_which_file_of_a_certificate_is_no_good() {
    assert_has_tls();
    let dir = tempfile::tempdir().unwrap();
    certificates::make(dir.path());
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (ca, own, locked, foreign) = (at("ca.crt"), at("client.crt"), at("client.locked"), at("here.key"));
    let word = "another-KaNaRi-41";
    let (ca_flag, own_flag) = ("KAFKA_CFG_SSL_CA_LOCATION", "KAFKA_CFG_SSL_CERTIFICATE_LOCATION");
    let (key_flag, word_flag) = ("KAFKA_CFG_SSL_KEY_LOCATION", "KAFKA_SSL_KEY_PASSWORD");
    let table: [(&[(&str, &str)], &str); 5] = [
        (&[(ca_flag, "/nowhere/ca.crt")], "KAFKA_CFG_SSL_CA_LOCATION cannot be read"),
        (&[(ca_flag, &ca), (own_flag, "/nowhere/own.crt")], "KAFKA_CFG_SSL_CERTIFICATE_LOCATION cannot be read"),
        (&[(ca_flag, &ca), (own_flag, &own), (key_flag, &locked), (word_flag, word)], "KAFKA_SSL_KEY_PASSWORD"),
        (
            &[(ca_flag, &ca), (own_flag, &own), (key_flag, &foreign)],
            "is not that of KAFKA_CFG_SSL_CERTIFICATE_LOCATION",
        ),
        (&[(ca_flag, &ca), (key_flag, &foreign)], "KAFKA_CFG_SSL_CERTIFICATE_LOCATION is needed"),
    ];
    for (flags, expected) in table {
        let (code, said) = check(flags);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(expected) && !said.contains(word), "{said}");
    }
    let right = [(own_flag, own.as_str()), (key_flag, &locked), (word_flag, certificates::KEY_PASSWORD)];
    assert_eq!(check(&[&right[..], &[(ca_flag, &ca)]].concat()).0, Some(0));
}
