//! Names the broker would refuse, and credentials that would never be used.

use super::Review;
use crate::config::{parse::is_broker, pass_through::variable, problem::Problem, show, table::*};

pub(super) fn check(review: &mut Review<'_>) {
    brokers(review);
    topics(review);
    twice(review);
    sasl(review);
    consumer_protocol(review);
}

fn brokers(review: &mut Review<'_>) {
    let brokers: Vec<String> = review.values.get(&KAFKA_BROKERS).unwrap_or_default();
    for broker in brokers.iter().filter(|broker| !is_broker(broker)) {
        let what = format!("has an entry that is not host:port: {}", show::plain(broker));
        review.report(&KAFKA_BROKERS, what, "write it as broker-1:9092,broker-2:9092");
    }
}

fn topics(review: &mut Review<'_>) {
    let topics: Vec<String> = review.values.get(&KAFKA_TOPICS).unwrap_or_default();
    const NAME: &str = "use letters, digits, '.', '_' and '-', 249 at most; a regular expression starts with ^";
    for topic in topics.iter().filter(|topic| !topic.starts_with('^') && !is_topic(topic)) {
        let what = format!("has an entry that no topic can be called: {}", show::plain(topic));
        review.report(&KAFKA_TOPICS, what, NAME);
    }
    let Some(dead_letters) = review.values.get::<String>(&DLQ_TOPIC) else { return };
    if !is_topic(&dead_letters) {
        review.report(&DLQ_TOPIC, "is not a name a topic can have", NAME);
    } else if topics.contains(&dead_letters) {
        let next = "name another topic: dead letters would come back and be dead-lettered again";
        review.clash(&DLQ_TOPIC, "is among", &KAFKA_TOPICS, next);
    }
}

/// Kafka's own rule.
pub(super) fn is_topic(name: &str) -> bool {
    let fits = (1..=249).contains(&name.len()) && name != "." && name != "..";
    fits && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// Secrets given by their flag and passed through.
fn twice(review: &mut Review<'_>) {
    for (property, flag) in SECRET_PROPERTIES {
        if review.values.is_set(flag) && review.pass_through.given(property).is_some() {
            let what = format!("is given twice, the second time as {}", variable(property));
            review.report(flag, what, format!("remove {}", variable(property)));
        }
    }
}

fn sasl(review: &mut Review<'_>) {
    let has = |property: &str| {
        let by_flag = SECRET_PROPERTIES.iter().any(|(name, flag)| *name == property && review.values.is_set(flag));
        by_flag || review.pass_through.given(property).is_some()
    };
    let (user, password) = (has("sasl.username"), has("sasl.password"));
    let token = review.values.is_set(&KAFKA_OAUTH_TOKEN_FILE);
    let protocol = review.pass_through.get("security.protocol").unwrap_or("plaintext").to_ascii_lowercase();
    let mechanism = ["sasl.mechanism", "sasl.mechanisms"].iter().find_map(|name| review.pass_through.get(name));
    let mechanism = mechanism.map(str::to_ascii_uppercase);

    if user && !password {
        review.report(&KAFKA_SASL_USERNAME, "is set, but KAFKA_SASL_PASSWORD is not", "set KAFKA_SASL_PASSWORD_FILE");
    }
    if password && !user {
        review.report(&KAFKA_SASL_PASSWORD, "is set, but KAFKA_SASL_USERNAME is not", "set KAFKA_SASL_USERNAME");
    }
    let (flag, needs) = match (user || password, token) {
        (true, _) => (&KAFKA_SASL_USERNAME, "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
        (false, true) => (&KAFKA_OAUTH_TOKEN_FILE, "OAUTHBEARER"),
        (false, false) => return,
    };
    if !protocol.starts_with("sasl_") {
        let what = format!("would never be used: security.protocol is {}", show::plain(&protocol));
        review.report(flag, what, "set KAFKA_CFG_SECURITY_PROTOCOL to sasl_ssl (or sasl_plaintext)");
    }
    let fits = mechanism.is_some_and(|mechanism| token == (mechanism == "OAUTHBEARER"));
    if !fits {
        let what = format!("would never be used: sasl.mechanism is not {needs}");
        review.report(flag, what, format!("set KAFKA_CFG_SASL_MECHANISM to {needs}"));
    }
}

/// With `KAFKA_GROUP_PROTOCOL=consumer` (KIP-848) the broker owns some properties, and the client refuses to start with them;
/// and what works with the classic protocol and ends badly with this one is refused here.
fn consumer_protocol(review: &mut Review<'_>) {
    if review.values.get(&KAFKA_GROUP_PROTOCOL) != Some("consumer") {
        return;
    }
    for property in ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"] {
        if let Some(given) = review.pass_through.given(property) {
            let what = format!("cannot be set with KAFKA_GROUP_PROTOCOL=consumer: {property} is the broker's there");
            let next = format!("remove {} or KAFKA_GROUP_PROTOCOL", variable(property));
            let problem = Problem::new(variable(property), what, next).origin(given.origin.clone());
            review.problems.push(problem);
        }
    }
    if review.values.is_set(&KAFKA_GROUP_INSTANCE_ID) {
        let what = "does not go with KAFKA_GROUP_PROTOCOL=consumer: a member that was killed could not come back before its session ends, and the client gives up for good (UNRELEASED_INSTANCE_ID)";
        let next = "remove it, or KAFKA_GROUP_PROTOCOL to keep static membership";
        review.report(&KAFKA_GROUP_INSTANCE_ID, what, next);
    }
    let topics: Vec<String> = review.values.get(&KAFKA_TOPICS).unwrap_or_default();
    if review.values.is_set(&DLQ_TOPIC) && topics.iter().any(|topic| topic.starts_with('^')) {
        let what = "has a regular expression, which with KAFKA_GROUP_PROTOCOL=consumer the broker resolves: it could not be kept from assigning DLQ_TOPIC, and dead letters would be dead-lettered again";
        review.report(&KAFKA_TOPICS, what, "name the topics, or remove KAFKA_GROUP_PROTOCOL");
    }
}
