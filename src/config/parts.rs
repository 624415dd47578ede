//! For commands that need a part of the configuration: what is wrong or missing elsewhere does not stop them.

use crate::{
    config::{
        flag::Flag,
        load::Loaded,
        problem::Problems,
        settings::{self, VisitSettings},
        table::{
            self, ADMIN_ADDR, COMMIT_INTERVAL_MS, DLQ_TOPIC, KAFKA, KAFKA_BROKERS, MAX_POLL_RECORDS, MAX_RECORD_BYTES,
            PASS_THROUGH, SHUTDOWN_TIMEOUT, USE_MANUAL_COMMIT,
        },
        value::Absent,
    },
    kafka::settings::KafkaSettings,
};

impl Loaded {
    /// What `healthcheck` and `drain` need.
    ///
    /// # Errors
    /// The problems of the flags they read.
    pub fn visit(&self) -> Result<VisitSettings, Problems> {
        self.fit(&[&ADMIN_ADDR, &SHUTDOWN_TIMEOUT], false)?;
        let admin = self.values.need(&ADMIN_ADDR).map_err(missing)?;
        Ok(VisitSettings { admin, shutdown_timeout: self.values.need(&SHUTDOWN_TIMEOUT).map_err(missing)? })
    }

    /// How to reach the brokers, for `produce`: topics and group may be missing.
    ///
    /// # Errors
    /// The problems of what concerns Kafka.
    pub fn producing(&self) -> Result<KafkaSettings, Problems> {
        let also = [&MAX_RECORD_BYTES, &MAX_POLL_RECORDS, &USE_MANUAL_COMMIT, &COMMIT_INTERVAL_MS, &DLQ_TOPIC];
        let left_out = |flag: &Flag| flag.name != KAFKA_BROKERS.name && flag.required() && !self.values.is_set(flag);
        let flags: Vec<&Flag> = KAFKA.iter().chain(also).filter(|flag| !left_out(flag)).collect();
        self.fit(&flags, true)?;
        settings::kafka(&self.values, &self.pass_through).map_err(missing)
    }

    /// Nothing is wrong with these flags, nor with what is no flag at all, such as the file.
    fn fit(&self, flags: &[&Flag], properties: bool) -> Result<(), Problems> {
        let elsewhere = |key: &str| {
            let other_flag = table::find(key).is_some() && !flags.iter().any(|flag| flag.name == key);
            other_flag || (!properties && key.starts_with(PASS_THROUGH))
        };
        let problems: Vec<_> = self.problems.iter().filter(|problem| !elsewhere(&problem.key)).cloned().collect();
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
    }
}

fn missing(absent: Absent) -> Problems {
    Problems(vec![absent.problem()])
}
