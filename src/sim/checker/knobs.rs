//! Thresholds: within their bounds, no faster than their slew, never without a word (I9).

use crate::{
    control::{
        dials::{Dials, Values},
        knobs::{Decision, KnobName},
        settings::Adaptive,
    },
    engine::{settings::EngineSettings, snapshot::Snapshot},
    sim::checker::{Checker, Promise},
    time::Now,
};

/// What the engine has told of its thresholds.
#[derive(Debug)]
pub struct Told {
    adaptive: Adaptive,
    /// Bounds only; nothing is ever proposed to it.
    dials: Dials,
    /// In order of [`KnobName::ALL`].
    at: [f64; 6],
    /// The highest concurrency limit of the present step, and the largest batch size of the process so far.
    pub concurrency: u32,
    pub batch_records: u32,
    /// Failures are charged to their records: not while the worker is taken for broken.
    pub charges: bool,
    /// Watermarks as they are applied.
    in_force: [f64; 2],
}

impl Told {
    /// Of a process that begins.
    pub fn new(settings: &EngineSettings) -> Self {
        let dials = Dials::new(&settings.control, settings.pause_hard_after);
        let start = if settings.control.adaptive == Adaptive::Off { settings.values() } else { dials.values() };
        let force = if settings.control.adaptive == Adaptive::On { start } else { settings.values() };
        Self {
            adaptive: settings.control.adaptive,
            dials,
            at: numbers(&start),
            concurrency: force.concurrency,
            batch_records: force.batch_records,
            charges: true,
            in_force: [force.pause_pct, force.resume_pct],
        }
    }
}

impl Told {
    /// High and low watermark, percent.
    pub fn watermarks(&self) -> (f64, f64) {
        (self.in_force[0], self.in_force[1])
    }
}

fn numbers(values: &Values) -> [f64; 6] {
    let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
    [
        f64::from(values.concurrency),
        f64::from(values.batch_records),
        ms(values.linger),
        values.pause_pct,
        values.resume_pct,
        ms(values.hard_after),
    ]
}

/// Close enough for a number that was scaled.
fn is_same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

impl Checker {
    pub(super) fn on_knob(&mut self, now: Now, decision: &Decision, applied: bool) {
        let told = &mut self.told;
        let knob = decision.knob;
        let place = KnobName::ALL.iter().position(|name| *name == knob).unwrap_or_default();
        let (from, to, at) = (decision.from(), decision.to(), told.at[place]);
        let (min, max) = told.dials.bounds(knob);
        let factor = if knob == KnobName::PauseHardAfterMs { 8.0 } else { 2.0 };
        let step = knob.unit();
        let is_slow = to <= (from * factor).max(from + step) + 1e-6 && to >= from / factor - step - 1e-6;
        told.at[place] = to;
        if applied && knob == KnobName::Concurrency {
            told.concurrency = told.concurrency.max(to as u32);
        }
        if applied && knob == KnobName::BatchSize {
            told.batch_records = told.batch_records.max(to as u32);
        }
        match knob {
            KnobName::PauseThresholdPct if applied => told.in_force[0] = to,
            KnobName::ResumeThresholdPct if applied => told.in_force[1] = to,
            _ => {}
        }
        let wrong = match () {
            () if told.adaptive == Adaptive::Off => "nothing is tuned",
            () if applied != (told.adaptive == Adaptive::On) => "applied where it may not be, or the other way round",
            () if !is_same(from, at) => "it was not there before",
            () if to < min - 1e-6 || to > max + 1e-6 => "out of bounds",
            () if !decision.reason.is_emergency() && !is_slow => "too far at once",
            () => return,
        };
        self.violate(now.mono, Promise::I9, format!("{decision:?}: {wrong} ({at} before, bounds {min} to {max})"));
    }

    pub(super) fn check_knobs(&mut self, now: Now, snapshot: &Snapshot) {
        let (knobs, settings) = (&snapshot.knobs, &self.settings);
        let expected = if self.told.adaptive == Adaptive::On { self.told.at } else { numbers(&settings.values()) };
        let found = [
            f64::from(knobs.concurrency),
            f64::from(knobs.batch_records_max),
            knobs.linger_ms,
            knobs.pause_threshold_pct,
            knobs.resume_threshold_pct,
            knobs.pause_hard_after_ms,
        ];
        let same = expected.iter().zip(found).all(|(expected, found)| is_same(*expected, found));
        let crossed = knobs.resume_threshold_pct >= knobs.pause_threshold_pct;
        let cap = knobs.batch_bytes_max;
        if !same || crossed || cap > settings.batch_bytes_max || cap < self.cap_floor {
            let what = format!("{knobs:?}, told {expected:?}; the byte cap may be {} at least", self.cap_floor);
            self.violate(now.mono, Promise::I9, what);
        }
        self.told.concurrency = knobs.concurrency;
        self.told.charges = snapshot.worker.charges;
    }
}
