//! The OAUTHBEARER token: whatever the file holds each time the client asks. Who writes the file (a projected service
//! account token, an agent) is none of our business, and the token is never logged.

use std::{error::Error, fs, path::Path};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rdkafka::client::OAuthToken;

use crate::runtime::clock::system_wall;

/// How long a token that does not say is taken to be good for. The client asks again well before it is over.
const DEFAULT_LIFETIME_MS: i64 = 5 * 60 * 1000;

/// The principal of a token that does not say; brokers take theirs from the token.
const DEFAULT_PRINCIPAL: &str = "sluicegate";

/// Reads the token.
///
/// # Errors
/// Go to the client, which reports them and tries again in ten seconds.
pub fn token(file: Option<&Path>) -> Result<OAuthToken, Box<dyn Error>> {
    let file = file.ok_or("no token file is set")?;
    let text = fs::read_to_string(file).map_err(|e| format!("cannot read the token file {}: {e}", file.display()))?;
    parse(text.trim(), system_wall().0)
}

/// What a token says of itself.
///
/// # Errors
/// When it is none that a broker would take; the token is not repeated.
pub fn parse(token: &str, now_ms: i64) -> Result<OAuthToken, Box<dyn Error>> {
    if token.is_empty() || token.contains('\0') {
        return Err("the token file is empty or holds a NUL".into());
    }
    let claims = claims(token).unwrap_or_default();
    let lifetime_ms = claims.exp.map_or(now_ms.saturating_add(DEFAULT_LIFETIME_MS), |s| (s * 1000.0) as i64);
    if lifetime_ms <= now_ms {
        return Err("the token in the file has expired".into());
    }
    let principal_name = claims.sub.filter(|sub| !sub.contains('\0')).unwrap_or_else(|| DEFAULT_PRINCIPAL.to_owned());
    Ok(OAuthToken { token: token.to_owned(), principal_name, lifetime_ms })
}

#[derive(Debug, Default, serde::Deserialize)]
struct Claims {
    /// Seconds since the Unix epoch.
    exp: Option<f64>,
    sub: Option<String>,
}

/// The claims of a JWT; `None` for an opaque token.
fn claims(token: &str) -> Option<Claims> {
    let body = token.split('.').nth(1)?;
    let json = BASE64_URL_SAFE_NO_PAD.decode(body.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        format!("e30.{}.sig", BASE64_URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn expiry_and_subject_come_from_the_token() {
        let token = parse(&jwt(r#"{"exp":2000,"sub":"pod-7"}"#), 1_000).unwrap();
        assert_eq!((token.lifetime_ms, token.principal_name.as_str()), (2_000_000, "pod-7"));
    }

    #[test]
    fn an_opaque_token_is_good_for_five_minutes() {
        let token = parse("opaque", 1_000).unwrap();
        assert_eq!((token.lifetime_ms, token.principal_name.as_str()), (301_000, "sluicegate"));
        assert_eq!(parse("a.b.c", 0).unwrap().lifetime_ms, DEFAULT_LIFETIME_MS);
    }

    #[test]
    fn an_expired_or_empty_token_is_an_error_that_does_not_repeat_it() {
        let expired = jwt(r#"{"exp":1,"sub":"x"}"#);
        let error = parse(&expired, 5_000).err().unwrap().to_string();
        assert!(!error.contains(&expired));
        assert!(parse("", 0).is_err());
        assert!(parse("a\0b", 0).is_err());
    }

    #[test]
    fn the_file_is_read_again_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        assert!(token(Some(&file)).is_err());
        fs::write(&file, "first\n").unwrap();
        assert_eq!(token(Some(&file)).unwrap().token, "first");
        fs::write(&file, "second\n").unwrap();
        assert_eq!(token(Some(&file)).unwrap().token, "second");
        assert!(token(None).is_err());
    }
}
