//! What `check` answers: every problem, near misses included, or one line that says what would run.

use crate::config::{
    load::Loaded,
    problem::Problems,
    settings::Settings,
    table::{QUEUE_MAX_BYTES, WORKER_URL},
};

impl Loaded {
    /// The line to print when all is well.
    ///
    /// # Errors
    /// Every problem and every near miss.
    pub fn check(&self) -> Result<String, Problems> {
        let all: Vec<_> = self.problems.iter().chain(&self.near_misses).cloned().collect();
        match &self.settings {
            Some(settings) if all.is_empty() => Ok(self.summary(settings)),
            _ => Err(Problems(all)),
        }
    }

    fn summary(&self, settings: &Settings) -> String {
        let engine = &settings.engine;
        let records = engine.queue_records_max.map_or_else(|| "any number of".into(), |n| n.to_string());
        format!(
            "ok: {} as {} to {}; queue of {records} records or {}, batches of {}, {} in flight",
            settings.kafka.topics.join(","),
            settings.kafka.group_id,
            self.values.shown(&WORKER_URL).unwrap_or_default(),
            self.values.shown(&QUEUE_MAX_BYTES).unwrap_or_default(),
            engine.batch_records_max,
            engine.concurrency,
        )
    }
}
