//! Where counters and histograms add up. Each process (and each test) has one of its own; nothing is global.
//!
//! Handles are had once and kept: asking for one looks up a table and may allocate, using one is an atomic addition.

use std::sync::Arc;

use metrics::{Counter, Histogram, Key, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::{
    metric::{Kind, Metric, Origin},
    names,
};

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
/// Most values an open label may have; what comes after them is counted as `other`.
const OPEN_VALUES_MAX: usize = 48;

#[derive(Clone)]
pub struct Recorder {
    inner: Arc<PrometheusRecorder>,
    page: PrometheusHandle,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorder")
    }
}

impl Recorder {
    /// # Errors
    /// When a histogram of the table has no buckets.
    pub fn new() -> Result<Self, BuildError> {
        let mut builder = PrometheusBuilder::new();
        for metric in names::ALL.iter().filter(|metric| metric.kind == Kind::Histogram) {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), metric.buckets())?;
        }
        let inner = builder.build_recorder();
        for metric in names::ALL.iter().filter(|metric| metric.origin == Origin::Facts) {
            match metric.kind {
                Kind::Counter => inner.describe_counter(metric.name.into(), None, metric.help.into()),
                Kind::Gauge => inner.describe_gauge(metric.name.into(), None, metric.help.into()),
                Kind::Histogram => inner.describe_histogram(metric.name.into(), None, metric.help.into()),
            }
        }
        let page = inner.handle();
        Ok(Self { inner: Arc::new(inner), page })
    }

    /// The exposition of everything recorded here, families in the order of their names.
    pub fn render(&self) -> String {
        let text = self.page.render();
        let mut families: Vec<&str> = text.split("\n\n").filter(|family| !family.is_empty()).collect();
        families.sort_unstable();
        let mut sorted = families.join("\n");
        sorted.push('\n');
        sorted
    }

    /// Sorts what the histograms were given into their buckets. Until then every observation takes memory of its own,
    /// so it has to be called now and then even if nobody scrapes.
    pub fn upkeep(&self) {
        self.page.run_upkeep();
    }
}

/// What a [`Recorder`] hands out.
pub trait Instrument: Sized {
    fn register(recorder: &Recorder, key: &Key) -> Self;
}

impl Instrument for Counter {
    fn register(recorder: &Recorder, key: &Key) -> Self {
        recorder.inner.register_counter(key, &METADATA)
    }
}

impl Instrument for Histogram {
    fn register(recorder: &Recorder, key: &Key) -> Self {
        recorder.inner.register_histogram(key, &METADATA)
    }
}

/// The one series of a metric without labels.
pub fn single<I: Instrument>(recorder: &Recorder, metric: &'static Metric) -> I {
    I::register(recorder, &key(metric, &[]))
}

/// The series of a metric with labels, each made when it is first asked for; counters whose labels are closed sets are
/// all made at the start.
pub struct Family<I> {
    recorder: Recorder,
    metric: &'static Metric,
    /// Few enough that a walk is quicker than a hash.
    known: Vec<(Vec<Box<str>>, I)>,
}

impl<I: Instrument> Family<I> {
    pub fn new(recorder: &Recorder, metric: &'static Metric) -> Self {
        let mut family = Self { recorder: recorder.clone(), metric, known: Vec::new() };
        if metric.kind == Kind::Counter && metric.labels.iter().all(|label| !label.values.is_empty()) {
            family.make_all(&mut Vec::new());
        }
        family
    }

    fn make_all(&mut self, values: &mut Vec<&'static str>) {
        let metric = self.metric;
        let Some(label) = metric.labels.get(values.len()) else {
            self.make(values);
            return;
        };
        for value in label.values {
            values.push(value);
            self.make_all(values);
            values.pop();
        }
    }

    /// The series with these label values, in the order of the table. `None` only when the count of values is wrong.
    pub fn with(&mut self, values: &[&str]) -> Option<&I> {
        if values.len() != self.metric.labels.len() {
            return None;
        }
        let index = match self.find(values) {
            Some(index) => index,
            None if self.known.len() < OPEN_VALUES_MAX => self.make(values),
            None => {
                let others = vec!["other"; values.len()];
                self.find(&others).unwrap_or_else(|| self.make(&others))
            }
        };
        self.known.get(index).map(|(_, instrument)| instrument)
    }

    fn find(&self, values: &[&str]) -> Option<usize> {
        self.known.iter().position(|(known, _)| known.iter().map(AsRef::as_ref).eq(values.iter().copied()))
    }

    fn make(&mut self, values: &[&str]) -> usize {
        let instrument = I::register(&self.recorder, &key(self.metric, values));
        self.known.push((values.iter().map(|value| (*value).into()).collect(), instrument));
        self.known.len() - 1
    }
}

fn key(metric: &'static Metric, values: &[&str]) -> Key {
    let labels = metric.labels.iter().zip(values).map(|(label, value)| Label::new(label.name, (*value).to_owned()));
    Key::from_parts(metric.name, labels.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_a_closed_set_are_there_from_the_start() {
        let recorder = Recorder::new().unwrap();
        let _family: Family<Counter> = Family::new(&recorder, &names::PAUSES);
        let text = recorder.render();
        assert_eq!(text.matches("sluicegate_pauses_total{").count(), 10, "{text}");
        assert!(text.contains("sluicegate_pauses_total{stage=\"soft\",reason=\"queue_full\"} 0\n"), "{text}");
    }

    #[test]
    fn an_open_label_cannot_grow_without_bound() {
        let recorder = Recorder::new().unwrap();
        let mut family: Family<Counter> = Family::new(&recorder, &names::CLIENT_ERRORS);
        for code in 0..1000 {
            family.with(&[&code.to_string()]).unwrap().increment(1);
        }
        let text = recorder.render();
        assert_eq!(text.matches("sluicegate_client_errors_total{").count(), OPEN_VALUES_MAX + 1);
        assert!(text.contains("sluicegate_client_errors_total{code=\"other\"} 952\n"), "{text}");
    }

    #[test]
    fn the_wrong_count_of_labels_is_no_series() {
        let recorder = Recorder::new().unwrap();
        let mut family: Family<Counter> = Family::new(&recorder, &names::PAUSES);
        assert!(family.with(&["soft"]).is_none());
    }
}
