use proptest::prelude::*;

use super::{REQUIRED, os, problem, settings, with};
use crate::config::{
    Overrides,
    librdkafka::{self, PROPERTIES},
    load_with, owned,
    owned::{Instead, OWNED},
    pass_through::variable,
    table,
};

#[test]
fn a_property_is_passed_through_under_its_dotted_name() {
    let kafka = settings(&[
        ("KAFKA_CFG_SESSION_TIMEOUT_MS", "30000"),
        ("KAFKA_CFG_SECURITY_PROTOCOL", " ssl "),
        ("KAFKA_CFG_TOPIC_METADATA_REFRESH_INTERVAL_MS", "-1"),
    ])
    .kafka;
    let all: Vec<_> = kafka.pass_through.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        all,
        [("security.protocol", "ssl"), ("session.timeout.ms", "30000"), ("topic.metadata.refresh.interval.ms", "-1")]
    );
    assert_eq!(kafka.session_timeout.as_secs(), 30);
}

#[test]
fn the_command_line_writes_the_name_with_dots() {
    let load = |pairs: &[&str]| {
        let overrides =
            Overrides { kafka: pairs.iter().map(|pair| (*pair).to_owned()).collect(), ..Overrides::default() };
        let env = [REQUIRED, &[("KAFKA_CFG_SESSION_TIMEOUT_MS", "30000")]].concat();
        load_with(&overrides, &os(&env), None)
    };
    let kafka = load(&["session.timeout.ms=20000", "client.rack=a=b"]).into_settings().unwrap().kafka;
    assert_eq!(kafka.session_timeout.as_secs(), 20);
    assert_eq!(kafka.pass_through.get("client.rack").map(String::as_str), Some("a=b"));
    for pair in ["", "=", "=x", "canary", "client[0]=canary", "\u{e4}=canary"] {
        let problems = load(&[pair]).problems;
        assert_eq!(problems.len(), 1, "{pair}");
        assert!(!problems[0].to_string().contains("canary"), "{}", problems[0]);
    }
}

#[test]
fn every_owned_property_is_refused_with_a_reason() {
    for (properties, instead) in OWNED {
        for property in *properties {
            let problem = problem(&[(&variable(property), "1")]);
            assert_eq!(problem.key, variable(property));
            match instead {
                Instead::Flag(flag) => {
                    assert!(table::find(flag).is_some(), "{flag} is not a flag");
                    assert_eq!(problem.next, format!("set {flag} instead"));
                }
                Instead::Nothing(_) => assert_eq!(problem.next, "remove it"),
                Instead::Property(other) => assert!(problem.next.contains(&variable(other))),
            }
        }
    }
}

#[test]
fn every_property_with_an_underscore_of_its_own_is_owned() {
    for property in PROPERTIES.iter().filter(|property| property.name.contains('_')) {
        assert!(owned::find(property.name).is_some(), "{}", property.name);
    }
}

#[test]
fn no_two_properties_have_one_variable() {
    for property in PROPERTIES {
        let key = property.name.replace('.', "_");
        assert_eq!(librdkafka::find(&key), Some(property));
    }
}

#[test]
fn an_unknown_property_is_a_problem_with_the_nearest_name() {
    let found = problem(&[("KAFKA_CFG_SESION_TIMEOUT_MS", "1")]);
    assert_eq!(found.next, "did you mean KAFKA_CFG_SESSION_TIMEOUT_MS?");
    let found = problem(&[("KAFKA_CFG_COLOUR", "red")]);
    assert!(found.next.starts_with("remove it"), "{found}");
    let found = problem(&[("KAFKA_CFG_CLIENT_RACK_FILE", "/x")]);
    assert!(found.what.contains("client.rack.file"), "{found}");
}

#[test]
fn a_number_out_of_the_librarys_range_is_a_problem() {
    for text in ["0", "3600001", "soon", "1.5", "99999999999999999999"] {
        let found = problem(&[("KAFKA_CFG_HEARTBEAT_INTERVAL_MS", text)]);
        assert_eq!(found.range.as_deref(), Some("1 to 3600000"), "{found}");
        assert_eq!(found.given.as_deref(), Some(text));
    }
    assert_eq!(problem(&[("KAFKA_CFG_CLIENT_RACK", " ")]).what, "is empty");
}

proptest! {
    #[test]
    fn no_property_panics(name in "[A-Z_0-9]{0,20}", text in any::<String>()) {
        with(&[(&format!("KAFKA_CFG_{name}"), &text)]);
    }

    #[test]
    fn no_pair_on_the_command_line_panics(pair in any::<String>()) {
        let overrides = Overrides { kafka: vec![pair], ..Overrides::default() };
        load_with(&overrides, &os(REQUIRED), None);
    }
}
