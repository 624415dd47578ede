//! What the client complains about, in words that help whoever has to mend it: which group, which mechanism, what to look
//! at. What changes from one complaint to the next (times, counts) is left out, so that the same reads the same.

use std::net::IpAddr;

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::kafka::settings::KafkaSettings;

pub const TOPIC_REFUSED: i32 = Code::TopicAuthorizationFailed as i32;
pub const GROUP_REFUSED: i32 = Code::GroupAuthorizationFailed as i32;
const LOGIN: i32 = Code::Authentication as i32;
const SASL_LOGIN: i32 = Code::SaslAuthenticationFailed as i32;
const TLS: i32 = Code::SSL as i32;

#[derive(Debug)]
pub struct Complaints {
    group: String,
    topics: Vec<String>,
    mechanism: String,
}

impl Complaints {
    pub fn of(settings: &KafkaSettings) -> Self {
        let set = |name: &str| settings.pass_through.get(name);
        let mechanism = set("sasl.mechanism").or_else(|| set("sasl.mechanisms"));
        // librdkafka's default.
        let mechanism = mechanism.map_or("GSSAPI", String::as_str).to_owned();
        Self { group: settings.group_id.clone(), topics: settings.topics.clone(), mechanism }
    }

    /// By librdkafka's number for the error.
    pub fn word(&self, code: i32, said: &str) -> String {
        let said = without_times(said);
        match code {
            GROUP_REFUSED => format!("{said}: READ on the group {} is needed", self.group),
            TOPIC_REFUSED if self.topics.iter().any(|topic| said.contains(topic)) => {
                format!("{said}: READ on the topic is needed")
            }
            TOPIC_REFUSED => format!("{said}: READ on {} is needed", self.topics.join(", ")),
            LOGIN | SASL_LOGIN => format!("{said}: {}", self.login()),
            TLS if said.contains(UNVERIFIED) => unverified(said),
            _ if is_alert(said) => format!(
                "{said}: the broker does not take our certificate, or there is none; look at \
                 KAFKA_CFG_SSL_CERTIFICATE_LOCATION and KAFKA_CFG_SSL_KEY_LOCATION"
            ),
            _ => said.to_owned(),
        }
    }

    fn login(&self) -> String {
        let mechanism = self.mechanism.to_ascii_uppercase();
        let from = match mechanism.as_str() {
            "OAUTHBEARER" => "KAFKA_OAUTH_TOKEN_FILE",
            "GSSAPI" => "KAFKA_CFG_SASL_MECHANISM",
            _ => "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
        };
        format!("the mechanism is {mechanism}, look at {from}")
    }
}

/// The brokers know who we are and do not let us.
pub fn is_refusal(code: i32) -> bool {
    matches!(code, TOPIC_REFUSED | GROUP_REFUSED)
}

/// The broker ended the handshake because of a certificate, which can only be ours.
fn is_alert(said: &str) -> bool {
    said.contains(" alert ") && (said.contains("certificate") || said.contains("unknown ca"))
}

const UNVERIFIED: &str = "certificate verify failed";

/// The client has the same words for all three causes, and they name only one.
fn unverified(said: &str) -> String {
    let upto = said.find(UNVERIFIED).map_or(said.len(), |at| at + UNVERIFIED.len());
    let (broker, _) = said.split_once("/bootstrap").or_else(|| said.split_once(": ")).unwrap_or((said, ""));
    let address = broker.rsplit('/').find(|part| part.contains(':')).unwrap_or("HOST:PORT");
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host.trim_matches(['[', ']']));
    let verify = if host.parse::<IpAddr>().is_ok() { "-verify_ip" } else { "-verify_hostname" };
    format!(
        "{}: the broker's certificate is by no authority of KAFKA_CFG_SSL_CA_LOCATION, or for another host, or over; \
         `openssl s_client -connect {address} {verify} {host} -verify_return_error -CAfile CA` says which",
        said.get(..upto).unwrap_or(said)
    )
}

/// What to look at when no client can be made because of this.
pub fn advice(said: &str) -> &'static str {
    let of = |property: &str| said.contains(&format!("{property} failed"));
    if of("ssl.ca.location") {
        "; KAFKA_CFG_SSL_CA_LOCATION cannot be read or holds no certificate in PEM"
    } else if of("ssl.key.location") && said.contains("mismatch") {
        "; the key of KAFKA_CFG_SSL_KEY_LOCATION is not that of KAFKA_CFG_SSL_CERTIFICATE_LOCATION"
    } else if of("ssl.key.location") {
        "; KAFKA_CFG_SSL_KEY_LOCATION cannot be read or is locked with another password than KAFKA_SSL_KEY_PASSWORD"
    } else if of("ssl.certificate.location") {
        "; KAFKA_CFG_SSL_CERTIFICATE_LOCATION cannot be read or holds no certificate in PEM"
    } else if said.contains("no certificate assigned") {
        "; KAFKA_CFG_SSL_CERTIFICATE_LOCATION is needed beside the key"
    } else {
        ""
    }
}

/// Without "(after 3ms in state CONNECT, 1 identical error(s) suppressed)", and without a full stop.
fn without_times(said: &str) -> &str {
    let cut = said.rfind(" (after ").filter(|_| said.ends_with(')'));
    cut.and_then(|at| said.get(..at)).unwrap_or(said).trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mechanism: &str) -> Complaints {
        let topics = ["paid", "sent"].map(str::to_owned).to_vec();
        Complaints { group: "orders".to_owned(), topics, mechanism: mechanism.to_owned() }
    }

    #[test]
    fn a_complaint_says_what_is_concerned_and_what_to_look_at() {
        let table = [
            (
                Code::GroupAuthorizationFailed,
                "FindCoordinator response error: Group authorization failed.",
                "FindCoordinator response error: Group authorization failed: READ on the group orders is needed",
            ),
            (
                Code::TopicAuthorizationFailed,
                "Subscribed topic not available: paid: Broker: Topic authorization failed",
                "Subscribed topic not available: paid: Broker: Topic authorization failed: READ on the topic is needed",
            ),
            (
                Code::TopicAuthorizationFailed,
                "ConsumerGroupHeartbeat failed: Broker: Topic authorization failed",
                "ConsumerGroupHeartbeat failed: Broker: Topic authorization failed: READ on paid, sent is needed",
            ),
            (
                Code::Authentication,
                "sasl_ssl://b:1/bootstrap: SASL authentication error: no (after 310ms in state AUTH_REQ)",
                "sasl_ssl://b:1/bootstrap: SASL authentication error: no: the mechanism is PLAIN, look at \
                 KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
            ),
            (
                Code::BrokerTransportFailure,
                "b:1/1: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT, 1 \
                 identical error(s) suppressed)",
                "b:1/1: Connect to ipv4#127.0.0.1:1 failed: Connection refused",
            ),
            (
                Code::BrokerTransportFailure,
                "ssl://b:1/1: Receive failed: error:0A000412:SSL routines::ssl/tls alert bad certificate: SSL alert number 42",
                "ssl://b:1/1: Receive failed: error:0A000412:SSL routines::ssl/tls alert bad certificate: SSL alert \
                 number 42: the broker does not take our certificate, or there is none; look at \
                 KAFKA_CFG_SSL_CERTIFICATE_LOCATION and KAFKA_CFG_SSL_KEY_LOCATION",
            ),
            (Code::AllBrokersDown, "1/1 brokers are down", "1/1 brokers are down"),
        ];
        for (code, said, expected) in table {
            assert_eq!(of("plain").word(code as i32, said), expected);
        }
        assert!(of("OAUTHBEARER").word(LOGIN, "no").ends_with("KAFKA_OAUTH_TOKEN_FILE"));
    }

    #[test]
    fn a_certificate_that_is_not_believed_has_three_causes_and_a_way_to_tell_them_apart() {
        let handshake = "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker \
                         certificate could not be verified, verify that ssl.ca.location is correctly configured";
        for broker in ["ssl://b.example:9093/bootstrap", "sasl_ssl://b.example:9093/1"] {
            let told = of("PLAIN").word(TLS, &format!("{broker}: {handshake} (after 3ms in state SSL_HANDSHAKE)"));
            assert!(told.starts_with(&format!("{broker}: SSL handshake failed")), "{told}");
            assert!(told.contains("-connect b.example:9093 -verify_hostname b.example "), "{told}");
            assert!(!told.contains("correctly configured") && !told.contains("3ms"), "{told}");
        }
        let told = of("PLAIN").word(TLS, &format!("ssl://[::1]:9093/1: {handshake}"));
        assert!(told.contains("-connect [::1]:9093 -verify_ip ::1 "), "{told}");
    }
}
