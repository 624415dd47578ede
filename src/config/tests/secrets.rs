use super::{Loaded, REQUIRED, file, keys, os, settings, with};
use crate::config::{Format, Overrides, load_with};

const CANARY: &str = "CaNaRy-7f3a";

/// Every text anybody could get to see.
fn texts(loaded: Loaded) -> String {
    let mut all = loaded.print(Format::Text) + &loaded.print(Format::Json) + &format!("{loaded:?}{loaded:#?}");
    all += &match loaded.check() {
        Ok(line) => line,
        Err(problems) => format!("{problems}{problems:?}"),
    };
    all + &format!("{:?}", loaded.into_settings())
}

fn assert_hidden(env: &[(&str, &str)]) {
    let seen = texts(with(env));
    assert!(!seen.contains(CANARY), "{env:?} is seen in {seen}");
}

const SASL: &[(&str, &str)] = &[("KAFKA_CFG_SECURITY_PROTOCOL", "sasl_ssl"), ("KAFKA_CFG_SASL_MECHANISM", "PLAIN")];

#[test]
fn no_secret_is_ever_seen_whatever_is_wrong_around_it() {
    let fine = [SASL, &[("KAFKA_SASL_USERNAME", CANARY), ("KAFKA_SASL_PASSWORD", CANARY)]].concat();
    assert_hidden(&fine);
    assert!(with(&fine).settings().is_some());
    let nul = format!("{CANARY}\0");
    let url = format!("http://user:{CANARY}@worker/?k={CANARY}");
    let query = format!("http://127.0.0.1/?key={CANARY}");
    assert_hidden(&[("KAFKA_SASL_USERNAME", CANARY)]);
    assert_hidden(&[("KAFKA_SASL_PASSWORD", &nul)]);
    assert_hidden(&[("KAFKA_SASL_PASSWORD", CANARY), ("KAFKA_SASL_PASSWORD_FILE", "/x")]);
    assert_hidden(&[("KAFKA_SASL_PASSWORD", CANARY), ("KAFKA_CFG_SASL_PASSWORD", CANARY)]);
    assert_hidden(&[("KAFKA_SSL_KEY_PASSWORD", CANARY)]);
    assert_hidden(&[("KAFKA_SASL_PASWORD", CANARY)]);
    assert_hidden(&[("KAFKA_SASL_PASSWORDD_FILE", CANARY)]);
    assert_hidden(&[("KAFKA_CFG_SASL_PASSWORT", CANARY)]);
    assert_hidden(&[("KAFKA_CFG_SASL_JAAS_CONFIG", CANARY)]);
    for name in ["SASL_PASSWORD", "SASL_USERNAME", "SSL_KEY_PASSWORD", "SSL_KEY_PEM", "SSL_KEYSTORE_PASSWORD"] {
        assert_hidden(&[(&format!("KAFKA_CFG_{name}"), CANARY)]);
        assert_hidden(&[(&format!("KAFKA_CFG_{name}"), &nul)]);
    }
    assert_hidden(&[("KAFKA_CFG_SASL_OAUTHBEARER_CLIENT_SECRET", CANARY)]);
    assert_hidden(&[("KAFKA_CFG_SASL_OAUTHBEARER_CONFIG", CANARY)]);
    assert_hidden(&[("KAFKA_CFG_SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_PASSPHRASE", CANARY)]);
    assert_hidden(&[("WORKER_HEALTH_URL", &url)]);
    assert_eq!(keys(&with(&[("WORKER_HEALTH_URL", &url)]).problems), ["WORKER_HEALTH_URL"]);
    assert!(!with(&[("WORKER_HEALTH_URL", &query)]).print(Format::Text).contains(CANARY));
}

#[test]
fn no_secret_is_seen_from_a_file_that_does_not_parse() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a", format!("kafka_sasl_password = \"{CANARY}\n")),
        ("b", format!("kafka_sasl_password = {CANARY}\n")),
        ("c", format!("kafka_sasl_password = \"\"\"\n{CANARY}\n\\q{CANARY}\"\"\"\n")),
        ("d", format!("kafka_sasl_password = \"x\"\nkafka_sasl_password = \"{CANARY}\"\n")),
        ("e", format!("kafka_sasl_pasword = \"{CANARY}\"\n")),
        ("f", format!("kafka_sasl_password = [\"{CANARY},\"]\n")),
        ("g", format!("[kafka_sasl_password]\nx = \"{CANARY}\"\n")),
        ("h", format!("{CANARY}\n")),
    ] {
        let overrides = Overrides { file: Some(file(&dir, name, &text)), ..Overrides::default() };
        let loaded = load_with(&overrides, &os(REQUIRED), None);
        assert!(!loaded.problems.is_empty(), "{text}");
        let seen = texts(loaded);
        assert!(!seen.contains(CANARY), "{text} is seen in {seen}");
    }
}

#[test]
fn no_secret_is_seen_from_the_command_line() {
    let flags = vec![("KAFKA_SASL_PASSWORD".to_owned(), CANARY.to_owned())];
    let overrides = Overrides { flags, kafka: vec![format!("ssl.keystore.password={CANARY}")], file: None };
    assert!(!format!("{overrides:?}").contains(CANARY));
    assert!(!texts(load_with(&overrides, &os(REQUIRED), None)).contains(CANARY));
}

#[test]
fn a_secret_comes_from_a_file_less_one_newline() {
    let dir = tempfile::tempdir().unwrap();
    for (text, secret) in [("s\n", "s"), ("s\r\n", "s"), ("s", "s"), (" s \n\n", " s \n")] {
        let path = file(&dir, "secret", text);
        let env =
            [SASL, &[("KAFKA_SASL_USERNAME", "u"), ("KAFKA_SASL_PASSWORD_FILE", path.to_str().unwrap())]].concat();
        let passed = settings(&env).kafka.pass_through;
        assert_eq!(passed.get("sasl.password").map(String::as_str), Some(secret), "{text:?}");
    }
}

#[test]
fn a_property_that_is_a_secret_comes_from_a_file_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "secret", &format!("{CANARY}\n"));
    let env = [("KAFKA_CFG_SSL_KEYSTORE_PASSWORD_FILE", path.to_str().unwrap())];
    let passed = settings(&env).kafka.pass_through;
    assert_eq!(passed.get("ssl.keystore.password").map(String::as_str), Some(CANARY));
    assert_hidden(&env);
    let twice = [env[0], ("KAFKA_CFG_SSL_KEYSTORE_PASSWORD", CANARY)];
    assert_eq!(keys(&with(&twice).problems), ["KAFKA_CFG_SSL_KEYSTORE_PASSWORD"]);
}

#[test]
fn the_origin_of_a_secret_names_file_and_variable() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, "secret", "s\n");
    let path = path.to_str().unwrap();
    let text = with(&[("KAFKA_SSL_KEY_PASSWORD_FILE", path)]).print(Format::Text);
    let line = text.lines().find(|line| line.starts_with("KAFKA_SSL_KEY_PASSWORD")).unwrap();
    assert!(line.contains("*** (set)"), "{line}");
    assert!(line.ends_with(&format!("file {path} named by KAFKA_SSL_KEY_PASSWORD_FILE")), "{line}");
}

#[test]
fn a_secret_given_twice_or_by_a_useless_file_is_one_problem() {
    let dir = tempfile::tempdir().unwrap();
    let empty = file(&dir, "empty", "\n");
    let missing = dir.path().join("missing");
    let user = [SASL, &[("KAFKA_SASL_USERNAME", "u")]].concat();
    for extra in [
        &[("KAFKA_SASL_PASSWORD_FILE", empty.to_str().unwrap())][..],
        &[("KAFKA_SASL_PASSWORD_FILE", missing.to_str().unwrap())],
        &[("KAFKA_SASL_PASSWORD_FILE", dir.path().to_str().unwrap())],
        &[("KAFKA_SASL_PASSWORD_FILE", " ")],
        &[("KAFKA_SASL_PASSWORD_FILE", "/x"), ("KAFKA_SASL_PASSWORD", "p")],
        &[("KAFKA_SASL_PASSWORD", "")],
    ] {
        let loaded = with(&[user.as_slice(), extra].concat());
        assert_eq!(loaded.problems.len(), 1, "{extra:?}: {:#?}", loaded.problems);
        assert!(loaded.problems[0].key.starts_with("KAFKA_SASL_PASSWORD"));
    }
}
