//! From runs to figures: what a seed showed in numbers, medians and worst seeds, and whether they lie in their bands.

use std::borrow::Borrow;

use crate::sim::trial::{
    case::{Band, Case},
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
    /// What the worst-off of several sidecars has in time, as a share of an equal share.
    pub fairness: f64,
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
            fairness: seen.fairness(),
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
    /// Records the oracle has in time, by seed.
    pub most: Vec<f64>,
    /// Whether the oracle is exact, or a bound that nobody reaches.
    pub is_exact: bool,
    pub rivals: Vec<Rival>,
    /// The best of the static settings in hindsight.
    pub best_static: Option<Rival>,
    /// The seed of the median goodput, for the picture, if one is wanted.
    pub shown: Option<Shown>,
}

/// Somebody else with the same seeds, as many as there are.
#[derive(Debug, Clone)]
pub struct Rival {
    pub name: String,
    pub runs: Vec<Figures>,
    /// With the seed of the picture.
    pub shown: Option<Seen>,
}

/// One run to look at.
#[derive(Debug, Clone)]
pub struct Shown {
    pub seed: u64,
    pub seen: Seen,
    /// What the oracle's bound does in each second.
    pub at_best: Vec<f64>,
}

/// One expectation, and what was found.
#[derive(Debug, Clone)]
pub struct Verdict {
    pub what: &'static str,
    /// What is wanted, with its sign.
    pub wanted: String,
    pub found: f64,
    pub state: State,
}

#[derive(Debug, Clone, PartialEq)]
pub enum State {
    Holds,
    /// The goal is missed, as is known: what it still keeps to, and why.
    Short {
        keeps: String,
        why: String,
    },
    /// Neither the goal nor what was known to hold.
    Broken,
}

/// How many bands hold, fall short as is known, and are broken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub holds: usize,
    pub short: usize,
    pub broken: usize,
}

impl Tally {
    pub fn of(verdicts: impl Iterator<Item = impl Borrow<Verdict>>) -> Self {
        verdicts.fold(Self::default(), |mut tally, verdict| {
            match verdict.borrow().state {
                State::Holds => tally.holds += 1,
                State::Short { .. } => tally.short += 1,
                State::Broken => tally.broken += 1,
            }
            tally
        })
    }

    pub fn all(self) -> usize {
        self.holds + self.short + self.broken
    }

    /// The worst of them in a word.
    pub fn word(self) -> &'static str {
        match self {
            Self { broken: 0, short: 0, .. } => "holds",
            Self { broken: 0, .. } => "short",
            _ => "broken",
        }
    }
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
        self.best_static.as_ref().map(|rival| self.against(&rival.runs))
    }

    pub fn against_plain(&self) -> Option<f64> {
        self.rivals.iter().find(|rival| rival.name == "plain TTL").map(|rival| self.against(&rival.runs))
    }

    /// Holds the runs against the case's bands, and against what must never be.
    pub fn judge(&self, case: &Case) -> Vec<Verdict> {
        let expect = &case.expect;
        let (good, thrust) = (self.good(|run| run.goodput), self.good(|run| run.throughput));
        let settling = self.bad(|run| run.settled_s);
        let limit = self.good(|run| run.limit).median;
        let (of_static, of_plain) = (self.against_static(), self.against_plain());
        let least = [
            ("goodput", &expect.goodput, Some(good.median)),
            ("goodput, worst seed", &expect.goodput_worst, Some(good.worst)),
            ("throughput", &expect.throughput, Some(thrust.median)),
            ("throughput, worst seed", &expect.throughput_worst, Some(thrust.worst)),
            ("fairness, worst seed", &expect.fairness, Some(self.good(|run| run.fairness).worst)),
            // No rival, no judgement: the comparison was not asked for.
            ("against the best static", &expect.of_static, of_static),
            ("against plain TTL", &expect.of_plain, of_plain),
            ("limit", &expect.limit_least, Some(limit)),
        ];
        let most = [
            ("wasted", &expect.wasted, self.bad(|run| run.wasted).median),
            ("response", &expect.response, self.bad(|run| run.response).median),
            ("settled, s", &expect.settled, settling.median),
            ("settled, s, worst seed", &expect.settled_worst, settling.worst),
            ("cold start, s", &expect.cold, self.bad(|run| run.cold_s).median),
            ("model settled, batches", &expect.model_batches, self.bad(|run| run.model_batches).median),
            ("hard pauses, worst seed", &expect.hard_pauses, self.bad(|run| run.hard_pauses).worst),
            ("refetched, worst seed", &expect.refetched, self.bad(|run| run.refetched).worst),
            ("starved at the gate, worst seed", &expect.starved, self.bad(|run| run.starved).worst),
            ("false drops", &expect.false_drops, self.bad(|run| run.false_drops).median),
            ("limit", &expect.limit_most, limit),
        ];
        let never = Some(Band::goal(0.0));
        let never = [
            ("given up without a deadline", &never, self.bad(|run| run.undated_drops).worst),
            ("broken promises", &never, self.runs.iter().map(|run| run.violations.len() as f64).sum()),
        ];
        let least = least.into_iter().filter_map(|(what, band, found)| Some(at_least(what, band.as_ref()?, found?)));
        let most = most.into_iter().chain(never);
        let most = most.filter_map(|(what, band, found)| Some(at_most(what, band.as_ref()?, found)));
        least.chain(most).chain(self.reason(case)).collect()
    }

    fn reason(&self, case: &Case) -> Option<Verdict> {
        let wanted = case.expect.reason.as_deref()?;
        let with = self.runs.iter().filter(|run| run.reasons.contains(&wanted)).count();
        let found = with as f64 / self.runs.len().max(1) as f64;
        let band = case.expect.reason_runs.clone().unwrap_or(Band::goal(0.5));
        let verdict = at_least("runs with the reason", &band, found);
        Some(Verdict { wanted: format!("{} of {wanted}", verdict.wanted), ..verdict })
    }
}

fn at_least(what: &'static str, band: &Band, found: f64) -> Verdict {
    verdict(what, "≥", band, found, |bound| found >= bound)
}

fn at_most(what: &'static str, band: &Band, found: f64) -> Verdict {
    verdict(what, "≤", band, found, |bound| found <= bound)
}

fn verdict(what: &'static str, sign: &str, band: &Band, found: f64, fits: impl Fn(f64) -> bool) -> Verdict {
    let known = band.known.as_ref().filter(|known| fits(known.holds));
    let state = match known {
        _ if fits(band.goal) => State::Holds,
        Some(known) => State::Short { keeps: format!("{sign} {}", known.holds), why: known.why.clone() },
        None => State::Broken,
    };
    Verdict { what, wanted: format!("{sign} {}", band.goal), found, state }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::trial::case::Known;

    #[test]
    fn a_known_shortfall_is_short_while_it_keeps_what_it_said_and_broken_below() {
        let band = Band { goal: 0.95, known: Some(Known { holds: 0.89, why: "so".to_owned() }) };
        let short = State::Short { keeps: "≥ 0.89".to_owned(), why: "so".to_owned() };
        for (found, state) in [(0.96, State::Holds), (0.9, short), (0.88, State::Broken), (f64::NAN, State::Broken)] {
            assert_eq!(at_least("goodput", &band, found).state, state, "{found}");
        }
        assert_eq!(at_most("wasted", &Band::goal(0.02), 0.03).state, State::Broken);
    }

    #[test]
    fn the_worst_is_the_lowest_of_what_is_good_and_the_highest_of_what_is_bad() {
        let values = [3.0, 1.0, 2.0];
        assert_eq!(Spread::of_good(values.into_iter()), Spread { median: 2.0, worst: 1.0 });
        assert_eq!(Spread::of_bad(values.into_iter()), Spread { median: 2.0, worst: 3.0 });
    }
}
