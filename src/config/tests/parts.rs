//! Commands that need a part of the configuration.

use std::time::Duration;

use super::{bare, keys, with};

#[test]
fn a_visit_needs_nothing_that_is_required_to_run() {
    let visit = bare(&[]).visit().unwrap();
    assert_eq!(visit.admin, "127.0.0.1:9464".parse().unwrap());
    assert_eq!(visit.shutdown_timeout, Duration::from_secs(25));
    let elsewhere = bare(&[("QUEUE_MAXSIZE", "many"), ("KAFKA_CFG_NO_SUCH", "1"), ("ADMIN_ADDR", "127.0.0.1:1")]);
    assert_eq!(elsewhere.visit().unwrap().admin, "127.0.0.1:1".parse().unwrap());
}

#[test]
fn a_visit_to_an_address_that_is_none_says_so_and_nothing_else() {
    let problems = bare(&[("ADMIN_ADDR", "nowhere"), ("QUEUE_MAXSIZE", "many")]).visit().unwrap_err();
    assert_eq!(keys(&problems.0), ["ADMIN_ADDR"]);
    let problems = bare(&[("CONFIG_FILE", "/no/such/file.toml")]).visit().unwrap_err();
    assert_eq!(problems.0.len(), 1, "the address may be in there");
}

#[test]
fn producing_needs_brokers_and_no_group() {
    let settings = bare(&[("KAFKA_BROKERS", "a:1,b:2"), ("QUEUE_MAXSIZE", "many")]).producing().unwrap();
    assert_eq!((settings.brokers.as_str(), settings.topics.len()), ("a:1,b:2", 0));
    assert_eq!(with(&[]).producing().unwrap().topics, ["requests"]);
    assert_eq!(keys(&bare(&[]).producing().unwrap_err().0), ["KAFKA_BROKERS"]);
    let problems = bare(&[("KAFKA_BROKERS", "a:1"), ("KAFKA_CFG_NO_SUCH", "1")]).producing().unwrap_err();
    assert_eq!(keys(&problems.0), ["KAFKA_CFG_NO_SUCH"]);
}
