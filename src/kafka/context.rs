//! What the client calls back with. Callbacks run inside a poll, on the polling thread: they only write down what
//! happened, and the loop acts on it after the poll.

use std::{
    error::Error,
    mem,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    client::OAuthToken,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code},
    topic_partition_list::Offset,
    types::RDKafkaRespErr,
};

use crate::kafka::oauth;

pub type Consumer = BaseConsumer<Context>;

#[derive(Debug)]
pub struct Context {
    notices: Mutex<Vec<Notice>>,
    token_file: Option<PathBuf>,
}

/// Something the client told, in the order it was told.
#[derive(Debug)]
pub enum Notice {
    Assign(Listed),
    Revoke {
        listed: Listed,
        lost: bool,
    },
    Committed {
        code: Code,
        offsets: Vec<(String, i32, i64, Code)>,
    },
    /// An error the client deals with itself, or a fatal one (`fatal_error` knows).
    Error {
        code: Code,
        text: String,
    },
}

/// The partitions of a rebalance, as names and as the list that has to be handed back.
pub struct Listed {
    pub names: Vec<(String, i32)>,
    pub list: TopicPartitionList,
}

// The list's own `Debug` reads commit metadata as UTF-8 and panics when it is not.
impl std::fmt::Debug for Listed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.names.fmt(f)
    }
}

impl Context {
    pub fn new(token_file: Option<PathBuf>) -> Self {
        Self { notices: Mutex::new(Vec::new()), token_file }
    }

    /// What was told since the last call.
    pub fn take(&self) -> Vec<Notice> {
        mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, notice: Notice) {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        self.note(Notice::Error { code, text: reason.to_owned() });
    }

    /// Statistics, if somebody passes `statistics.interval.ms` through, are for the debug log.
    fn stats_raw(&self, statistics: &[u8]) {
        tracing::debug!(target: "librdkafka", statistics = %String::from_utf8_lossy(statistics), "client statistics");
    }

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        oauth::token(self.token_file.as_deref())
    }
}

impl ConsumerContext for Context {
    /// Takes the place of the crate's whole default: nothing is assigned or unassigned in here.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let names = list.elements().iter().map(|e| (e.topic().to_owned(), e.partition())).collect();
        let listed = Listed { names, list: list.clone() };
        if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.note(Notice::Assign(listed));
        } else {
            self.note(Notice::Revoke { listed, lost: consumer.assignment_lost() });
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let code = code_of(&result);
        let offsets = offsets.elements().into_iter().filter_map(|element| {
            let Offset::Offset(offset) = element.offset() else { return None };
            Some((element.topic().to_owned(), element.partition(), offset, code_of(&element.error())))
        });
        self.note(Notice::Committed { code, offsets: offsets.collect() });
    }
}

fn code_of<T>(result: &KafkaResult<T>) -> Code {
    match result {
        Ok(_) => Code::NoError,
        Err(error) => error.rdkafka_error_code().unwrap_or(Code::Unknown),
    }
}
