//! A broker with an authorizer and a listener for each way in. The tests' own clients come by the plain one, where they
//! may do anything.

use std::{fs, path::Path, sync::OnceLock};

use crate::{
    certificates,
    kafka::{
        node::{Extras, Listener, Ports},
        real::RealKafka,
    },
};

pub const USER: &str = "reader";
pub const PASSWORD: &str = "word-KaNaRi-5e0b";

/// The ways in: each is a listener beside the plain one, in the order of its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// A name and a password, in the open: SASL PLAIN.
    Login,
    /// The same with SCRAM-SHA-512 and TLS.
    SealedLogin,
    /// TLS, and the client has to have a certificate too.
    Sealed,
    /// TLS with a certificate that is over.
    Expired,
    /// TLS with a certificate for a host of another name.
    Elsewhere,
}

const DOORS: [(Door, &str, &str, &str); 5] = [
    (Door::Login, "LOGIN", "SASL_PLAINTEXT", ""),
    (Door::SealedLogin, "SEALED_LOGIN", "SASL_SSL", "here"),
    (Door::Sealed, "SEALED", "SSL", "here"),
    (Door::Expired, "EXPIRED", "SSL", "expired"),
    (Door::Elsewhere, "ELSEWHERE", "SSL", "elsewhere"),
];

const AUTHORIZER: &str = "\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
listener.name.login.sasl.enabled.mechanisms=PLAIN
listener.name.sealed_login.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sealed_login.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sealed.ssl.client.auth=required
";

/// The one of this test binary.
pub fn shared() -> &'static RealKafka {
    static SHARED: OnceLock<RealKafka> = OnceLock::new();
    SHARED.get_or_init(own)
}

/// One that may be killed.
pub fn own() -> RealKafka {
    RealKafka::start_with(extras)
}

fn extras(dir: &Path, ports: &Ports) -> Extras {
    certificates::make(dir);
    fs::write(dir.join("password"), PASSWORD).unwrap();
    let at = |name: &str| dir.join(name).display().to_string();
    let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
    let mut properties = format!(
        "{AUTHORIZER}listener.name.login.plain.sasl.jaas.config={module} required user_{USER}=\"{PASSWORD}\";\n"
    );
    let mut listeners = Vec::new();
    for ((_, name, protocol, certificate), port) in DOORS.into_iter().zip(ports.beside) {
        listeners.push(Listener { name, protocol, port, advertised: port });
        if !certificate.is_empty() {
            let (listener, keys, ca) = (name.to_lowercase(), at(&format!("{certificate}.pem")), at("ca.crt"));
            properties += &format!(
                "listener.name.{listener}.ssl.keystore.type=PEM
listener.name.{listener}.ssl.keystore.location={keys}
listener.name.{listener}.ssl.truststore.type=PEM
listener.name.{listener}.ssl.truststore.location={ca}
"
            );
        }
    }
    let scram = vec![format!("SCRAM-SHA-512=[name={USER},password={PASSWORD}]")];
    Extras { listeners, properties, scram }
}
