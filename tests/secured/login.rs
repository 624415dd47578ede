//! Names and passwords.

use crate::{
    broker::Door,
    visitor::{Visitor, assert_keeps_secrets, assert_no_flood, await_held_up, complaint},
    worker::Behaviour,
};

#[test]
fn with_the_right_password_everything_is_delivered_and_committed() {
    let mut visitor = Visitor::by(Door::Login, "login", Behaviour::instant());
    visitor.is_let_in();
    println!("SASL PLAIN: 1000 delivered, the password is told nowhere");
}

#[test]
fn a_wrong_password_is_told_in_the_brokers_words_and_never_repeated() {
    let wrong = "wrong-KaNaRi-77aa";
    let visitor = Visitor::by(Door::Login, "wrong-password", Behaviour::instant());
    visitor.allow();
    visitor.stage.fill(100);
    let mut sidecar = visitor.sidecar(&[("KAFKA_SASL_PASSWORD", wrong)]);
    let said = complaint(&sidecar, "Invalid username or password");
    assert!(said.starts_with("_AUTHENTICATION: sasl_plaintext://127.0.0.1:"), "{said}");
    assert!(said.ends_with("the mechanism is PLAIN, look at KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"), "{said}");
    await_held_up(&mut sidecar, "joining");
    assert_keeps_secrets(&sidecar, &[wrong]);
    assert_no_flood(&sidecar);
    assert!(sidecar.stop().0.success());
    assert_eq!((visitor.stage.committed(), visitor.stage.worker.books().requests), (vec![0, 0], 0));
    println!("a wrong password: {said}");
}
