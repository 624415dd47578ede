//! What a producer of ours is to the client, whatever it produces: where its token is, and who complains. What becomes of
//! a record is told to whoever sent it.

use std::path::PathBuf;

use rdkafka::{
    ClientContext,
    client::OAuthToken,
    error::{KafkaError, RDKafkaErrorCode},
};

use crate::kafka::{oauth, settings::KafkaSettings};

pub struct Producing<T> {
    /// In the log.
    who: &'static str,
    token_file: Option<PathBuf>,
    pub told: T,
}

impl<T> Producing<T> {
    pub fn new(who: &'static str, settings: &KafkaSettings, told: T) -> Self {
        Self { who, token_file: settings.oauth_token_file.clone(), told }
    }
}

impl<T: Send + Sync + 'static> ClientContext for Producing<T> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    /// What concerns a record comes back with it; the rest the client deals with.
    fn error(&self, error: KafkaError, reason: &str) {
        // Each broker's own trouble is told; that it is all of them would be told twenty times a second.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            return;
        }
        tracing::warn!(target: "librdkafka", "{}: {error}: {reason}", self.who);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        oauth::token(self.token_file.as_deref())
    }
}
