use super::*;
use crate::kafka::context::Consumer;

fn settings() -> KafkaSettings {
    KafkaSettings {
        brokers: "127.0.0.1:1".to_owned(),
        topics: vec!["t".to_owned()],
        group_id: "g".to_owned(),
        group_instance_id: None,
        group_protocol: GroupProtocol::Classic,
        client_id: "sluicegate".to_owned(),
        fetch_max_wait: Duration::from_millis(50),
        fetch_queue_backoff: Duration::from_millis(5),
        prefetch_bytes_max: 4 << 20,
        prefetch_records: 20_000,
        offset_reset: "earliest".to_owned(),
        session_timeout: Duration::from_secs(45),
        max_poll_interval: Duration::from_secs(300),
        max_record_bytes: 1 << 20,
        max_poll_records: 64,
        manual_commit: true,
        auto_commit_interval: Duration::from_secs(5),
        oauth_token_file: None,
        pass_through: BTreeMap::new(),
        dead_letter_topic: None,
    }
}

fn with(name: &str, value: &str) -> KafkaSettings {
    let mut settings = settings();
    settings.pass_through.insert(name.to_owned(), value.to_owned());
    settings
}

fn consumer(settings: &KafkaSettings) -> Result<Consumer, ClientError> {
    create(&consumer_properties(settings)?, consumer_context(settings))
}

#[test]
fn the_client_takes_every_property_we_set() {
    assert!(consumer(&settings()).is_ok());
    let odd = KafkaSettings {
        group_instance_id: Some("pod-0".to_owned()),
        prefetch_bytes_max: 1,
        prefetch_records: 0,
        fetch_queue_backoff: Duration::from_secs(9),
        manual_commit: false,
        ..settings()
    };
    assert!(consumer(&odd).is_ok());
}

#[test]
fn a_pattern_of_topics_never_takes_the_dead_letters_in() {
    let plain = KafkaSettings { dead_letter_topic: Some("a.dead".to_owned()), ..settings() };
    assert_eq!(consumer_properties(&plain).unwrap().get("topic.blacklist"), None);
    let pattern = KafkaSettings { topics: vec!["^a.*".to_owned()], ..plain };
    assert_eq!(consumer_properties(&pattern).unwrap()["topic.blacklist"], r"^a\.dead$");
    assert!(consumer(&pattern).is_ok());
    let both = KafkaSettings { pass_through: with("topic.blacklist", "^b").pass_through, ..pattern };
    assert_eq!(consumer_properties(&both).unwrap()["topic.blacklist"], r"^b,^a\.dead$");
}

#[test]
fn the_back_off_after_a_full_prefetch_never_passes_ten_milliseconds() {
    let slow = KafkaSettings { fetch_queue_backoff: Duration::from_secs(1), ..settings() };
    assert_eq!(consumer_properties(&slow).unwrap()["fetch.queue.backoff.ms"], "10");
}

#[test]
fn topics_that_are_named_are_asked_for_every_half_minute_and_all_there_are_as_seldom_as_the_client_likes() {
    const NAME: &str = "topic.metadata.refresh.interval.ms";
    let asked = |settings: &KafkaSettings| consumer_properties(settings).unwrap().get(NAME).cloned();
    assert_eq!(asked(&settings()).as_deref(), Some("30000"));
    assert_eq!(asked(&KafkaSettings { topics: vec!["^a.*".to_owned()], ..settings() }), None);
    assert_eq!(asked(&with(NAME, "500")).as_deref(), Some("500"));
}

#[test]
fn the_newer_group_protocol_leaves_the_session_to_the_broker() {
    let newer = KafkaSettings { group_protocol: GroupProtocol::Consumer, ..settings() };
    let properties = consumer_properties(&newer).unwrap();
    assert!(!properties.contains_key("session.timeout.ms"));
    assert!(!properties.contains_key("partition.assignment.strategy"));
    assert!(consumer(&newer).is_ok());
}

#[test]
fn pass_through_wins_over_our_defaults_but_not_over_what_we_own() {
    assert_eq!(consumer_properties(&with("session.timeout.ms", "9000")).unwrap()["session.timeout.ms"], "9000");
    for (owned, _) in OWNED {
        let error = consumer_properties(&with(owned, "true")).unwrap_err().to_string();
        assert!(error.contains(owned) && error.contains("not yours"), "{error}");
    }
}

#[test]
fn an_error_names_the_property_and_never_the_value() {
    let unknown = consumer_properties(&with("sesion.timeout", "hunter2-secret")).unwrap_err().to_string();
    assert_eq!(unknown, "librdkafka property `sesion.timeout`: is not known to librdkafka");
    let range = consumer_properties(&with("session.timeout.ms", "0")).unwrap_err().to_string();
    assert_eq!(range, "librdkafka property `session.timeout.ms`: allowed range 1..3600000");
    let invalid = consumer_properties(&with("isolation.level", "hunter2-secret")).unwrap_err().to_string();
    assert_eq!(invalid, "librdkafka property `isolation.level`: does not take the value it was given");
}

#[test]
fn what_only_the_whole_shows_is_an_error_too_and_scrubbed() {
    let short = KafkaSettings { max_poll_interval: Duration::from_secs(1), ..settings() };
    let error = consumer(&short).err().unwrap();
    assert!(error.to_string().contains("max.poll.interval.ms"), "{error}");
    assert_eq!(scrub("bad password hunter2-secret!".to_owned(), &["hunter2-secret", "bad"]), "bad password …!");
}

#[test]
fn all_problems_of_the_pass_through_are_told_at_once() {
    let pass_through = [("a.b", "1"), ("group.id", "x"), ("session.timeout.ms", "x"), ("fetch.min.bytes", "1")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()));
    let told = problems(&KafkaSettings { pass_through: BTreeMap::from(pass_through), ..settings() });
    assert_eq!(told.len(), 3);
}

#[test]
fn what_keeps_a_client_from_being_made_is_a_problem_and_told_once() {
    assert_eq!(problems(&settings()), []);
    assert_eq!(problems(&with("partition.assignment.strategy", "nonsense")).len(), 1);
    assert_eq!(problems(&with("security.protocol", "sasl_plaintext")).len(), 1);
}

#[test]
fn the_producer_gets_the_way_to_the_brokers_and_nothing_of_the_consumer() {
    let mut settings = with("sasl.password", "hunter2-secret");
    settings.pass_through.insert("session.timeout.ms".to_owned(), "9000".to_owned());
    settings.pass_through.insert("isolation.level".to_owned(), "read_uncommitted".to_owned());
    settings.pass_through.insert("socket.timeout.ms".to_owned(), "5000".to_owned());
    let properties = producer_properties(&settings).unwrap();
    assert_eq!(properties["sasl.password"], "hunter2-secret");
    assert_eq!(properties["socket.timeout.ms"], "5000");
    assert!(!properties.contains_key("session.timeout.ms") && !properties.contains_key("isolation.level"));
    assert_eq!(properties["acks"], "all");
}
