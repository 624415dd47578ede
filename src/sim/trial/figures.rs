//! From runs to figures: what a seed showed in numbers, medians and worst seeds, and whether they lie in their bands.

use crate::sim::trial::{
    case::{Case, Expect},
    seen::Seen,
};

/// One run in numbers.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub in_time: f64,
    /// In time as a share of the most that could have been.
    pub goodput: f64,
    pub wasted: f64,
    pub throughput: f64,
    pub response: f64,
    pub settled_s: f64,
    pub cold_s: f64,
    pub limit: f64,
    pub hard_pauses: f64,
    pub refetched: f64,
    pub starved: f64,
    pub false_drops: f64,
    pub undated_drops: f64,
    /// Batches until the model had settled after a step; infinite when it had not.
    pub model_batches: f64,
    pub refused: f64,
    /// Highest depth and the broken promises.
    pub violations: Vec<String>,
    pub reasons: Vec<&'static str>,
}

impl Figures {
    /// `most` is the oracle's figure for the same seed.
    pub fn of(seen: &Seen, most: f64) -> Self {
        Self {
            in_time: seen.in_time as f64,
            goodput: seen.in_time as f64 / most.max(1.0),
            wasted: seen.wasted_share(),
            throughput: seen.throughput(),
            response: seen.response(),
            settled_s: seen.settled(),
            cold_s: seen.cold_start(),
            limit: seen.median_limit(),
            hard_pauses: seen.hard_pauses_a_minute(),
            refetched: seen.refetched(),
            starved: seen.starved(),
            false_drops: seen.false_drops(),
            undated_drops: seen.undated_drops as f64,
            model_batches: seen.model_settled.map_or(f64::INFINITY, f64::from),
            refused: seen.refused as f64,
            violations: seen.violations.clone(),
            reasons: seen.decisions.keys().copied().collect(),
        }
    }
}

/// Median and worst of the seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub worst: f64,
}

impl Spread {
    /// Of values of which more is better.
    pub fn of_good(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
        Self { median: at(values.len() / 2), worst: at(0) }
    }

    /// Of values of which less is better.
    pub fn of_bad(values: impl Iterator<Item = f64>) -> Self {
        let turned = Self::of_good(values.map(|value| -value));
        Self { median: -turned.median, worst: -turned.worst }
    }
}

/// Everything about a case: the product's runs, and its rivals'.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub runs: Vec<Figures>,
    /// Whether the oracle is exact, or a bound that nobody reaches.
    pub is_exact: bool,
    /// Rivals by name, their runs with the same seeds (as many as there are).
    pub rivals: Vec<(String, Vec<Figures>)>,
    /// The best of the static settings in hindsight: its name and its runs.
    pub best_static: Option<(String, Vec<Figures>)>,
    /// The first seed, for the pictures.
    pub first: Seen,
}

/// One expectation, and what was found.
#[derive(Debug, Clone)]
pub struct Verdict {
    pub what: &'static str,
    pub wanted: String,
    pub found: f64,
    pub holds: bool,
}

impl Outcome {
    pub fn good(&self, figure: fn(&Figures) -> f64) -> Spread {
        Spread::of_good(self.runs.iter().map(figure))
    }

    pub fn bad(&self, figure: fn(&Figures) -> f64) -> Spread {
        Spread::of_bad(self.runs.iter().map(figure))
    }

    /// Records in time in relation to another's with the same seeds.
    pub fn against(&self, other: &[Figures]) -> f64 {
        let sum = |runs: &[Figures]| runs.iter().take(other.len()).map(|run| run.in_time).sum::<f64>();
        sum(&self.runs) / sum(other).max(1.0)
    }

    pub fn against_static(&self) -> Option<f64> {
        self.best_static.as_ref().map(|(_, runs)| self.against(runs))
    }

    pub fn against_plain(&self) -> Option<f64> {
        self.rivals.iter().find(|(name, _)| name == "plain TTL").map(|(_, runs)| self.against(runs))
    }

    /// Holds the runs against the case's bands, and against what must never be.
    pub fn judge(&self, case: &Case) -> Vec<Verdict> {
        let Expect { goodput, goodput_worst, throughput, throughput_worst, wasted, response, .. } = case.expect;
        let Expect { settled, settled_worst, cold, model_batches, hard_pauses, refetched, .. } = case.expect;
        let Expect { starved, false_drops, of_static, of_plain, limit, .. } = case.expect;
        let (good, thrust) = (self.good(|run| run.goodput), self.good(|run| run.throughput));
        let settling = self.bad(|run| run.settled_s);
        let least = [
            ("goodput", goodput, good.median),
            ("goodput, worst seed", goodput_worst, good.worst),
            ("throughput", throughput, thrust.median),
            ("throughput, worst seed", throughput_worst, thrust.worst),
            ("against the best static", of_static, self.against_static().unwrap_or(f64::NAN)),
            ("against plain TTL", of_plain, self.against_plain().unwrap_or(f64::NAN)),
            ("limit", limit.map(|[low, _]| low), self.good(|run| run.limit).median),
        ];
        let most = [
            ("wasted", wasted, self.bad(|run| run.wasted).median),
            ("response", response, self.bad(|run| run.response).median),
            ("settled, s", settled, settling.median),
            ("settled, s, worst seed", settled_worst, settling.worst),
            ("cold start, s", cold, self.bad(|run| run.cold_s).median),
            ("model settled, batches", model_batches, self.bad(|run| run.model_batches).median),
            ("hard pauses, worst seed", hard_pauses, self.bad(|run| run.hard_pauses).worst),
            ("refetched, worst seed", refetched, self.bad(|run| run.refetched).worst),
            ("starved at the gate, worst seed", starved, self.bad(|run| run.starved).worst),
            ("false drops", false_drops, self.bad(|run| run.false_drops).median),
            ("limit", limit.map(|[_, high]| high), self.good(|run| run.limit).median),
            ("given up without a deadline", Some(0.0), self.bad(|run| run.undated_drops).worst),
            ("broken promises", Some(0.0), self.runs.iter().map(|run| run.violations.len() as f64).sum()),
        ];
        let verdict = |what, sign, wanted: f64, found: f64, holds| Verdict {
            what,
            wanted: format!("{sign} {wanted}"),
            found,
            holds,
        };
        let least = least.into_iter().filter_map(|(what, wanted, found)| {
            // No rival, no judgement: the comparison was not asked for.
            let wanted = wanted.filter(|_| !found.is_nan())?;
            Some(verdict(what, "≥", wanted, found, found >= wanted))
        });
        let most = most.into_iter().filter_map(|(what, wanted, found)| {
            let wanted = wanted?;
            Some(verdict(what, "≤", wanted, found, found <= wanted))
        });
        least.chain(most).chain(self.reason(case)).collect()
    }

    fn reason(&self, case: &Case) -> Option<Verdict> {
        let wanted = case.expect.reason.clone()?;
        let with = self.runs.iter().filter(|run| run.reasons.contains(&wanted.as_str())).count();
        let found = with as f64 / self.runs.len().max(1) as f64;
        Some(Verdict { what: "runs with the reason", wanted, found, holds: found >= 0.5 })
    }
}
