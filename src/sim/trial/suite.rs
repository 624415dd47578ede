//! Every case over many seeds. Pure: a caller may spread the runs over threads, the figures are the same.

use crate::sim::trial::{
    case::Case,
    contender::Contender,
    figures::{Figures, Outcome, Rival, Shown},
    oracle,
};

/// How much is run.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// The first seed; the others follow it.
    pub first_seed: u64,
    /// Seeds of the product.
    pub seeds: u64,
    /// Seeds of each rival. Zero: nobody is compared.
    pub rival_seeds: u64,
    /// Seeds over which the best static setting is looked for.
    pub search_seeds: u64,
    /// Whether one seed is kept to be drawn.
    pub pictures: bool,
}

/// Runs something for each number below a count, in any order, and gives the results in order.
pub trait Each {
    fn each<T: Send, F: Fn(u64) -> T + Sync>(&self, count: u64, f: F) -> Vec<T>;
}

/// One after the other.
#[derive(Debug, Clone, Copy)]
pub struct InTurn;

impl Each for InTurn {
    fn each<T: Send, F: Fn(u64) -> T + Sync>(&self, count: u64, f: F) -> Vec<T> {
        (0..count).map(f).collect()
    }
}

/// One case: the product over all seeds, its rivals over some.
pub fn outcome(case: &Case, effort: &Effort, pool: &impl Each) -> Outcome {
    let settings = Contender::Product.settings(case);
    let seed = |index: u64| effort.first_seed + index;
    let oracles = pool.each(effort.seeds, |index| oracle::most_in_time(case, &settings, seed(index)));
    let most: Vec<f64> = oracles.iter().map(|(most, _)| *most).collect();
    let figures =
        |contender: Contender, index: u64| Figures::of(&contender.run(case, seed(index)), most[index as usize]);
    let of = |contender: Contender, seeds: u64| pool.each(seeds.min(effort.seeds), |index| figures(contender, index));
    let runs = of(Contender::Product, effort.seeds);
    let median = seed(median(&runs));
    let rivals = if effort.rival_seeds > 0 { rivals(case) } else { Vec::new() };
    let best = (effort.search_seeds > 0 && case.expect.of_static.is_some()).then(|| {
        let all = Contender::statics(case);
        let tried = pool.each(all.len() as u64, |index| {
            let seeds = 0..effort.search_seeds.min(effort.seeds);
            seeds.map(|seed| figures(all[index as usize], seed).in_time).sum::<f64>()
        });
        let best = (0..all.len()).max_by(|a, b| tried[*a].total_cmp(&tried[*b])).unwrap_or_default();
        all[best]
    });
    // One more run of each for the picture, all with the same seed.
    let looked_at: Vec<Contender> =
        [Contender::Product].into_iter().chain(rivals.iter().copied()).chain(best).collect();
    let to_show = if effort.pictures { looked_at.len() as u64 } else { 0 };
    let mut seen = pool.each(to_show, |index| looked_at[index as usize].run(case, median)).into_iter();
    let shown =
        seen.next().map(|seen| Shown { seed: median, seen, at_best: oracle::by_second(case, &settings, median) });
    let mut rival = |contender: Contender, seeds: u64| Rival {
        name: contender.name(),
        runs: of(contender, seeds),
        shown: seen.next(),
    };
    Outcome {
        is_exact: oracles.iter().all(|(_, is_exact)| *is_exact),
        rivals: rivals.into_iter().map(|contender| rival(contender, effort.rival_seeds)).collect(),
        best_static: best.map(|contender| rival(contender, effort.rival_seeds.max(effort.search_seeds))),
        runs,
        most,
        shown,
    }
}

/// Who is compared, beside the best static setting.
fn rivals(case: &Case) -> Vec<Contender> {
    let laws = if case.compare.laws { &Contender::LAWS[..] } else { &[] };
    let rules = if case.compare.rules { &Contender::RULES[..] } else { &[] };
    let plain = case.expect.of_plain.is_some() || case.compare.rules;
    plain.then_some(Contender::PlainTtl).into_iter().chain(laws.iter().chain(rules).copied()).collect()
}

/// Which of them shows what is usual.
fn median(runs: &[Figures]) -> u64 {
    let mut seeds: Vec<usize> = (0..runs.len()).collect();
    seeds.sort_by(|a, b| runs[*a].goodput.total_cmp(&runs[*b].goodput));
    seeds.get(seeds.len() / 2).copied().unwrap_or_default() as u64
}
