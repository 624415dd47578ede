use std::{
    process::{Command, Output},
    time::Duration,
};

use crate::{stage::Stage, worker::Behaviour};

fn sluicegate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluicegate")).args(args).env_clear().output().unwrap()
}

#[test]
fn records_made_by_the_produce_command_are_delivered_or_expire_and_a_drain_leaves_the_group() {
    let stage = Stage::new("by-hand", 4, Behaviour::instant());
    let sidecar = stage.sidecar("only", &[]);
    let admin = sidecar.admin.to_string();
    let produce = |more: &[&str]| {
        let to = ["produce", "--kafka-brokers", &stage.brokers, "--topic", &stage.topic];
        let output = sluicegate(&[&to, more].concat());
        assert!(output.status.success(), "{output:?}");
    };
    produce(&["--count", "500", "--keys", "7", "--deadline-in-ms", "60000"]);
    produce(&["--count", "20", "--deadline-in-ms", "-1"]);
    stage.await_no_lag(Duration::from_secs(60));
    assert_eq!(stage.worker.books().distinct(), 500);
    let expired = sidecar.metric(r#"sluicegate_expired_records_total{stage="intake"}"#);
    assert_eq!(expired, Some(20.0));

    let healthy = sluicegate(&["healthcheck", "--admin-addr", &admin]);
    assert_eq!(healthy.status.code(), Some(0), "{healthy:?}");
    let drained = sluicegate(&["drain", "--admin-addr", &admin]);
    assert_eq!(drained.status.code(), Some(0), "{drained:?}");
    assert_eq!(sluicegate(&["healthcheck", "--admin-addr", &admin]).status.code(), Some(1), "out of the group");
    assert_eq!(sluicegate(&["healthcheck", "--alive", "--admin-addr", &admin]).status.code(), Some(0));
    assert!(sidecar.stop().0.success());
}

#[test]
fn records_that_no_broker_takes_are_a_failure() {
    let stage = Stage::new("no-such", 1, Behaviour::instant());
    let lost = format!("{}-nowhere", stage.topic);
    let output = sluicegate(&["produce", "--kafka-brokers", &stage.brokers, "--topic", &lost, "--count", "3"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("3 were not") && said.contains("0 records"), "{said}");
}
