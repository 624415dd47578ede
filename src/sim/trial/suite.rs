//! Every case over many seeds. Pure: a caller may spread the runs over threads, the figures are the same.

use crate::sim::trial::{
    case::Case,
    contender::Contender,
    figures::{Figures, Outcome},
    oracle,
    seen::Seen,
};

/// How much is run.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Seeds of the product.
    pub seeds: u64,
    /// Seeds of each rival. Zero: nobody is compared.
    pub rival_seeds: u64,
    /// Seeds over which the best static setting is looked for.
    pub search_seeds: u64,
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
    let most = pool.each(effort.seeds, |seed| oracle::most_in_time(case, &settings, seed));
    let figures = |contender: Contender, seed: u64| -> (Figures, Seen) {
        let seen = contender.run(case, seed);
        (Figures::of(&seen, most[seed as usize].0), seen)
    };
    let runs = pool.each(effort.seeds, |seed| {
        let (run, seen) = figures(Contender::Product, seed);
        (run, (seed == 0).then_some(seen))
    });
    let first = runs.iter().find_map(|(_, seen)| seen.clone()).unwrap_or_default();
    let of = |contender: Contender, seeds: u64| pool.each(seeds.min(effort.seeds), |seed| figures(contender, seed).0);
    let mut rivals = Vec::new();
    if effort.rival_seeds > 0 {
        let laws = if case.compare.laws { &Contender::LAWS[..] } else { &[] };
        let rules = if case.compare.rules { &Contender::RULES[..] } else { &[] };
        let plain = case.expect.of_plain.is_some() || case.compare.rules;
        let named = plain.then_some(Contender::PlainTtl).into_iter().chain(laws.iter().chain(rules).copied());
        rivals = named.map(|rival| (rival.name(), of(rival, effort.rival_seeds))).collect();
    }
    let best_static = (effort.search_seeds > 0 && case.expect.of_static.is_some()).then(|| {
        let all = Contender::statics(case);
        let tried = pool.each(all.len() as u64, |index| {
            let runs =
                (0..effort.search_seeds.min(effort.seeds)).map(|seed| figures(all[index as usize], seed).0.in_time);
            runs.sum::<f64>()
        });
        let best = (0..all.len()).max_by(|a, b| tried[*a].total_cmp(&tried[*b])).unwrap_or_default();
        (all[best].name(), of(all[best], effort.rival_seeds.max(effort.search_seeds)))
    });
    Outcome {
        is_exact: most.iter().all(|(_, is_exact)| *is_exact),
        runs: runs.into_iter().map(|(run, _)| run).collect(),
        rivals,
        best_static,
        first,
    }
}
