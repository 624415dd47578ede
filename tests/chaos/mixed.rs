//! Members that are not alike in one group, as while it is moved from one version or protocol to another.

use std::time::Duration;

use crate::{
    judge::Repeats,
    load::Load,
    sidecar::{Sidecar, eventually},
    stage::Stage,
    worker::Behaviour,
};

const WITHIN: Duration = Duration::from_secs(60);
const CLASSIC: [(&str, &str); 2] =
    [("KAFKA_CFG_SESSION_TIMEOUT_MS", "6000"), ("KAFKA_CFG_HEARTBEAT_INTERVAL_MS", "500")];
const NEWER: [(&str, &str); 1] = [("KAFKA_GROUP_PROTOCOL", "consumer")];

fn all_have_some(members: &[&Sidecar], partitions: usize) {
    eventually("everybody has a share, and together they have all", WITHIN, || {
        let shares: Vec<usize> = members.iter().map(|member| member.partitions()).collect();
        (shares.iter().all(|share| *share > 0) && shares.iter().sum::<usize>() == partitions).then_some(())
    });
}

#[test]
fn members_of_the_classic_and_of_the_newer_protocol_share_a_group_and_take_over_from_one_another() {
    let mut stage = Stage::new("protocols", 6, Behaviour::after(Duration::from_millis(5)));
    let classic = stage.sidecar_as_it_is("classic", &CLASSIC);
    let load = Load::start(&stage, 0, 2_000);
    stage.watch_commits();
    stage.await_more(1_000, WITHIN);
    let newer = stage.sidecar_as_it_is("newer", &NEWER);
    all_have_some(&[&classic, &newer], 6);
    stage.await_more(1_000, WITHIN);
    assert!(classic.stop().0.success());
    all_have_some(&[&newer], 6);
    stage.await_more(1_000, WITHIN);
    let back = stage.sidecar_as_it_is("back", &CLASSIC);
    all_have_some(&[&back, &newer], 6);
    assert!(newer.stop().0.success());
    all_have_some(&[&back], 6);
    stage.await_more(1_000, WITHIN);
    let records = load.stop();
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(Repeats::AtMost(0));
    assert_eq!((verdict.holds().produced, verdict.done), (records, records));
    println!("classic, newer and classic again in one group: 0 of {records} missing, {} duplicates", verdict.repeats);
    assert!(back.stop().0.success());
}

#[test]
fn an_eager_member_is_kept_out_of_a_cooperative_group_says_so_and_joins_once_it_is_alone() {
    let mut stage = Stage::new("strategies", 4, Behaviour::after(Duration::from_millis(5)));
    let cooperative = stage.sidecar_as_it_is("cooperative", &CLASSIC);
    let load = Load::start(&stage, 0, 2_000);
    stage.watch_commits();
    stage.await_more(1_000, WITHIN);
    let eager = [&CLASSIC[..], &[("KAFKA_CFG_PARTITION_ASSIGNMENT_STRATEGY", "range")]].concat();
    let eager = stage.sidecar_as_it_is("eager", &eager);
    let said = eventually("it says why it is kept out", WITHIN, || eager.events("client_error").pop());
    assert_eq!(said["code"], "INCONSISTENT_GROUP_PROTOCOL");
    assert!(eager.get("/readyz").unwrap().1.contains("joining"));
    stage.await_more(1_000, WITHIN);
    assert_eq!((cooperative.partitions(), eager.partitions()), (4, 0));
    assert_eq!(cooperative.events("rebalance").len(), 1);
    assert!(cooperative.stop().0.success());
    all_have_some(&[&eager], 4);
    let records = load.stop();
    stage.await_no_lag(WITHIN);
    let verdict = stage.verdict(Repeats::AtMost(0));
    assert_eq!((verdict.holds().produced, verdict.done), (records, records));
    println!(
        "an eager member beside a cooperative one: kept out until it is alone; 0 of {records} missing, 0 duplicates"
    );
    assert!(eager.stop().0.success());
}
