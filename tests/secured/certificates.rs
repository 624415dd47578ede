//! Certificates for the broker and one client, made with openssl in the broker's directory.

use std::{fs, path::Path, process::Command};

/// A section for each kind of certificate.
const KINDS: &str = "
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
[here]
subjectAltName = IP:127.0.0.1
[elsewhere]
subjectAltName = DNS:kafka.example.org
[client]
basicConstraints = CA:FALSE
";

/// The client's key is locked with it.
pub const KEY_PASSWORD: &str = "key-KaNaRi-93c1";

/// What the broker and its clients need: two authorities, `ca` and `another-ca`; a key and a certificate in one file for
/// each way in; a client's, apart.
pub fn make(dir: &Path) {
    fs::write(dir.join("kinds.cnf"), KINDS).unwrap();
    for name in ["ca", "another-ca"] {
        certificate(dir, name, "authority", Signed::ByItself, None);
    }
    for name in ["here", "elsewhere"] {
        certificate(dir, name, name, Signed::ByTheAuthority, None);
        join(dir, name);
    }
    certificate(dir, "expired", "here", Signed::ByTheAuthority, Some("2020-01-01 00:00:00"));
    join(dir, "expired");
    certificate(dir, "client", "client", Signed::ByTheAuthority, None);
    lock(dir, "client");
}

/// Another key and another certificate for the way in that is in order, by the same authority.
pub fn rotate(dir: &Path) {
    certificate(dir, "here", "here", Signed::ByTheAuthority, None);
    join(dir, "here");
}

enum Signed {
    ByItself,
    ByTheAuthority,
}

/// `NAME.key` and `NAME.crt`, good for a month from now, or from then.
fn certificate(dir: &Path, name: &str, kind: &str, signed: Signed, from: Option<&str>) {
    let (key, out, subject) = (format!("{name}.key"), format!("{name}.crt"), format!("/CN={name}"));
    let mut command = match from {
        Some(from) => {
            let mut command = Command::new("faketime");
            command.args([from, "openssl"]);
            command
        }
        None => Command::new("openssl"),
    };
    command.args(["req", "-x509", "-config", "kinds.cnf", "-extensions", kind, "-days", "30", "-subj", &subject]);
    command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", &key, "-out", &out]);
    if let Signed::ByTheAuthority = signed {
        command.args(["-CA", "ca.crt", "-CAkey", "ca.key"]);
    }
    run(command.current_dir(dir));
}

/// `NAME.pem`, as the broker wants it.
fn join(dir: &Path, name: &str) {
    let part = |ending: &str| fs::read_to_string(dir.join(format!("{name}.{ending}"))).unwrap();
    fs::write(dir.join(format!("{name}.pem")), part("key") + &part("crt")).unwrap();
}

fn lock(dir: &Path, name: &str) {
    let (open, locked, word) = (format!("{name}.key"), format!("{name}.locked"), format!("pass:{KEY_PASSWORD}"));
    let arguments = ["pkcs8", "-topk8", "-in", &open, "-out", &locked, "-passout", &word];
    run(Command::new("openssl").args(arguments).current_dir(dir));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
