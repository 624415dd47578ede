//! Every law and every rule over many seeds, as one table.
//!
//! Text only, the same on every machine. A cell is the median over the seeds and, in brackets, the worst of them.

use std::fmt::Write;

use crate::{
    control::limit::{Elasticity, Law},
    sim::control::{
        backlog,
        baseline::{Aimd, Fixed, Gradient2, Vector, Vegas},
        deadlines::{self, BatchRule, Slowness},
        oracle,
        rules::{BestRate, Clipper, NewestTtl, Order, PlainTtl},
        worker::Regime,
    },
};

/// Seeds of [`suite`]: a minute in a release build.
pub const SEEDS: u64 = 40;

/// Median and worst of the seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub worst: f64,
}

impl Spread {
    /// Of values of which more is better.
    pub fn of_good(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
        Self { median: at(values.len() / 2), worst: at(0) }
    }

    /// Of values of which less is better.
    pub fn of_bad(values: Vec<f64>) -> Self {
        let turned = Self::of_good(values.into_iter().map(|value| -value).collect());
        Self { median: -turned.median, worst: -turned.worst }
    }
}

/// A worker that a concurrency law has to find out about.
#[derive(Debug, Clone)]
pub struct LimitCase {
    pub name: &'static str,
    pub why: &'static str,
    pub regimes: Vec<Regime>,
    /// When it changes, seconds: settling is counted from here.
    pub step_s: usize,
}

const SERVICE_S: f64 = 0.1;

const fn of(servers: u32, cv: f64) -> Regime {
    Regime::new(servers, SERVICE_S, cv)
}

/// The concurrency cases of the table, 120 s each.
pub fn limit_cases() -> Vec<LimitCase> {
    let steady = |name, servers, cv, why| LimitCase { name, why, regimes: vec![of(servers, cv)], step_s: 0 };
    let step =
        |name, from: Regime, to: Regime, why| LimitCase { name, why, regimes: vec![from, to.from(60.0)], step_s: 60 };
    let refusing = Regime { refuses_above: Some(12), ..of(16, 0.3) };
    vec![
        steady("C=1", 1, 0.3, "the usual inference worker: one at a time"),
        steady("C=2", 2, 0.3, "whole levels are coarse here"),
        steady("C=4", 4, 0.3, "the last of the small limits"),
        steady("C=8", 8, 0.3, "the first that is dithered"),
        steady("C=16", 16, 0.3, "the reference case"),
        steady("C=32", 32, 0.3, "a large worker"),
        steady("C=16 cv 0.5", 16, 0.5, "noise"),
        steady("C=16 cv 1.5", 16, 1.5, "heavy noise"),
        steady("C=16 cv 3", 16, 3.0, "heavy tails: one in a hundred takes ten times as long"),
        step("S x3", of(16, 0.3), Regime::new(16, 0.3, 0.3), "slower, but no smaller: the limit should stay"),
        step("C 16->4", of(16, 0.3), of(4, 0.3), "a neighbour takes three quarters"),
        step("C 4->16", of(4, 0.3), of(16, 0.3), "the neighbour goes away, and nothing tells us"),
        LimitCase { name: "429 above 12", why: "a hard limit below the knee", regimes: vec![refusing], step_s: 0 },
    ]
}

/// What a law did over the seeds.
#[derive(Debug, Clone, Copy)]
pub struct LimitResult {
    pub throughput: Spread,
    pub response: Spread,
    pub limit: f64,
    /// Seconds; infinite for never.
    pub settling: Spread,
    pub refused_per_s: f64,
}

/// Runs one law over many seeds.
pub fn limit_result(case: &LimitCase, law: fn() -> Box<dyn Law>, seeds: u64) -> LimitResult {
    let seconds = 120;
    let trial = backlog::Trial { regimes: case.regimes.clone(), seconds, warm_up_s: 10, timeout_s: None };
    let runs: Vec<backlog::Seen> = (0..seeds).map(|seed| backlog::run(&mut *law(), &trial, seed)).collect();
    let each = |f: &dyn Fn(&backlog::Seen) -> f64| runs.iter().map(f).collect::<Vec<f64>>();
    let settling = |seen: &backlog::Seen| seen.settling(case.step_s).map_or(f64::INFINITY, |s| s as f64);
    LimitResult {
        throughput: Spread::of_good(each(&backlog::Seen::throughput)),
        response: Spread::of_bad(each(&backlog::Seen::response)),
        limit: Spread::of_good(each(&|seen| f64::from(seen.median_limit()))).median,
        settling: Spread::of_bad(each(&settling)),
        refused_per_s: Spread::of_bad(each(&|seen| seen.refused as f64 / f64::from(seconds))).median,
    }
}

/// The law the product will use, as the table runs it.
pub fn elasticity() -> Box<dyn Law> {
    Box::new(Elasticity::new(1, 200, 1))
}

type NamedLaw = (&'static str, fn() -> Box<dyn Law>);

fn laws() -> [NamedLaw; 6] {
    [
        ("elasticity", elasticity),
        ("fixed 16", || Box::new(Fixed(16))),
        ("AIMD 2S", || Box::new(Aimd::new(2.0 * SERVICE_S))),
        ("Vegas", || Box::new(Vegas::default())),
        ("Gradient2", || Box::new(Gradient2::default())),
        ("Vector", || Box::new(Vector::default())),
    ]
}

/// The deadline cases of the table.
pub fn deadline_cases() -> Vec<(&'static str, deadlines::Trial)> {
    let steady = |load, life_s, cv| deadlines::Trial { load, life_s, cv, slowness: Slowness::Steady, seconds: 10.0 };
    let moving = |load, slowness| deadlines::Trial { seconds: 24.0, slowness, ..steady(load, 0.4, 0.2) };
    let mut cases = Vec::new();
    for cv in [0.05, 0.2, 0.5] {
        cases.extend([0.3, 0.8, 1.0, 1.5, 2.0, 4.0].map(|load| ("steady", steady(load, 0.3, cv))));
    }
    cases.push(("short lives", steady(2.0, 0.15, 0.2)));
    cases.push(("step x3", moving(0.8, Slowness::Step(3.0))));
    cases.push(("step x3", moving(1.5, Slowness::Step(3.0))));
    cases.push(("drift x3", moving(0.8, Slowness::Drift(3.0))));
    cases.push(("drift x3", moving(1.5, Slowness::Drift(3.0))));
    cases.push(("step x0.4", moving(1.5, Slowness::Step(0.4))));
    cases
}

/// What a rule did over the seeds, against the oracle.
#[derive(Debug, Clone, Copy)]
pub struct DeadlineResult {
    pub goodput: Spread,
    pub wasted: Spread,
}

/// Runs one rule over many seeds; `most` holds the oracle's figure of each.
pub fn deadline_result(
    trial: &deadlines::Trial,
    rule: fn(&deadlines::Trial) -> Box<dyn BatchRule>,
    most: &[u32],
) -> DeadlineResult {
    let runs: Vec<deadlines::Tally> =
        (0..most.len()).map(|seed| deadlines::run(&mut *rule(trial), trial, seed as u64)).collect();
    let share = |(tally, most): (&deadlines::Tally, &u32)| f64::from(tally.in_time) / f64::from((*most).max(1));
    DeadlineResult {
        goodput: Spread::of_good(runs.iter().zip(most).map(share).collect()),
        wasted: Spread::of_bad(runs.iter().map(|tally| tally.wasted_s / tally.busy_s.max(1e-9)).collect()),
    }
}

/// The oracle's figure for each seed.
pub fn oracle_of(trial: &deadlines::Trial, seeds: u64) -> Vec<u32> {
    (0..seeds).map(|seed| oracle::most_in_time(trial, &trial.arrivals(seed))).collect()
}

/// The product's rule with its automatic order, as the table runs it.
pub fn best_rate_auto(_: &deadlines::Trial) -> Box<dyn BatchRule> {
    Box::new(BestRate::new(Order::Auto))
}

/// The rule of a sidecar without a model.
pub fn plain_ttl(_: &deadlines::Trial) -> Box<dyn BatchRule> {
    Box::new(PlainTtl)
}

type NamedRule = (&'static str, fn(&deadlines::Trial) -> Box<dyn BatchRule>);

fn rules() -> [NamedRule; 5] {
    [
        ("best rate, auto", best_rate_auto),
        ("best rate, deadline", |_| Box::new(BestRate::new(Order::Deadline))),
        ("plain TTL", plain_ttl),
        ("newest first", |_| Box::new(NewestTtl)),
        ("Clipper", |trial| Box::new(Clipper::new(trial.life_s / 2.0))),
    ]
}

/// The whole table, with [`SEEDS`] seeds.
pub fn suite() -> String {
    suite_of(SEEDS)
}

/// The whole table.
pub fn suite_of(seeds: u64) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = limit_table(&mut out, seeds);
    let _ = deadline_table(&mut out, seeds);
    out
}

fn limit_table(out: &mut String, seeds: u64) -> std::fmt::Result {
    writeln!(out, "Concurrency under permanent lag, {seeds} seeds, 120 s, S = 100 ms: median [worst]\n")?;
    writeln!(out, "| worker | law | throughput / max | response / S | limit | settled after, s | 429 a second |")?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for case in limit_cases() {
        for (name, law) in laws() {
            let found = limit_result(&case, law, seeds);
            let (x, r) = (found.throughput, found.response);
            write!(
                out,
                "| {} | {name} | {:.2} [{:.2}] | {:.2} [{:.2}] ",
                case.name, x.median, x.worst, r.median, r.worst
            )?;
            let (settled, worst) = (seconds(found.settling.median), seconds(found.settling.worst));
            writeln!(out, "| {} | {settled} [{worst}] | {:.1} |", found.limit, found.refused_per_s)?;
        }
    }
    writeln!(out)
}

fn seconds(s: f64) -> String {
    if s.is_finite() { format!("{s}") } else { "never".to_owned() }
}

fn deadline_table(out: &mut String, seeds: u64) -> std::fmt::Result {
    writeln!(
        out,
        "Goodput / exact oracle, serial worker 20 + 5 b ms, b <= 16, {seeds} seeds: median [worst] wasted\n"
    )?;
    let names: Vec<&str> = rules().iter().map(|(name, _)| *name).collect();
    writeln!(out, "| case | load | life, s | cv | {} |", names.join(" | "))?;
    writeln!(out, "|---|---|---|---|{}", "---|".repeat(names.len()))?;
    for (name, trial) in deadline_cases() {
        let most = oracle_of(&trial, seeds);
        write!(out, "| {name} | {} | {} | {} |", trial.load, trial.life_s, trial.cv)?;
        for (_, rule) in rules() {
            let found = deadline_result(&trial, rule, &most);
            let (good, wasted) = (found.goodput, found.wasted.median);
            write!(out, " {:.3} [{:.3}] {:.0} % |", good.median, good.worst, 100.0 * wasted)?;
        }
        writeln!(out)?;
    }
    Ok(())
}
