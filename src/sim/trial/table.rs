//! The suite as text: a table a scenario, and what does not hold.

use std::fmt::{self, Write};

use crate::sim::trial::{
    case::Case,
    figures::{Figures, Outcome, Rival, Spread, State, Tally, Verdict},
    file::Scenario,
};

/// A case with what came of it.
pub type Done = (Case, Outcome);

const HEAD: &str = "| case | goodput | throughput | wasted | response | settled, s | limit | hard pauses | starved | \
                    false drops | × best static | × plain TTL | |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";

/// A scenario's table in Markdown.
pub fn scenario(scenario: &Scenario, done: &[Done]) -> String {
    let mut text = format!("{}: {}\n\n{HEAD}", scenario.title, scenario.why);
    // Writing to a string cannot fail.
    let _ = done.iter().try_for_each(|(case, outcome)| row(&mut text, case, outcome));
    let _ = rivals(&mut text, done);
    let _ = misses(&mut text, done);
    text
}

fn row(text: &mut String, case: &Case, outcome: &Outcome) -> fmt::Result {
    let good = outcome.good(|run| run.goodput);
    let most = if outcome.is_exact { "" } else { "≥ " };
    let times = |times: Option<f64>| times.map_or_else(|| "–".to_owned(), |times| format!("{times:.2}"));
    let verdict = match Tally::of(outcome.judge(case).iter()).word() {
        "holds" => "holds".to_owned(),
        word => format!("**{word}**"),
    };
    writeln!(
        text,
        "| {} | {most}{} | {} | {} % | {} | {} | {} | {:.1} | {} % | {} % | {} | {} | {verdict} |",
        case.name,
        spread(good, 3),
        spread(outcome.good(|run| run.throughput), 2),
        percent(outcome.bad(|run| run.wasted)),
        spread(outcome.bad(|run| run.response), 2),
        spread(outcome.bad(|run| run.settled_s), 0),
        outcome.good(|run| run.limit).median,
        outcome.bad(|run| run.hard_pauses).worst,
        percent(outcome.bad(|run| run.starved)),
        percent(outcome.bad(|run| run.false_drops)),
        times(outcome.against_static()),
        times(outcome.against_plain()),
    )
}

/// Median [worst].
fn spread(spread: Spread, digits: usize) -> String {
    let one = |value: f64| if value.is_finite() { format!("{value:.digits$}") } else { "never".to_owned() };
    format!("{} [{}]", one(spread.median), one(spread.worst))
}

fn percent(spread: Spread) -> String {
    format!("{:.1} [{:.1}]", 100.0 * spread.median, 100.0 * spread.worst)
}

fn rivals(text: &mut String, done: &[Done]) -> fmt::Result {
    if done.iter().all(|(_, outcome)| outcome.rivals.is_empty() && outcome.best_static.is_none()) {
        return Ok(());
    }
    writeln!(text, "\n| case | rival | goodput | throughput | wasted | response | settled, s | limit | refused |")?;
    writeln!(text, "|---|---|---|---|---|---|---|---|---|")?;
    for (case, outcome) in done {
        for Rival { name, runs, .. } in outcome.rivals.iter().chain(&outcome.best_static) {
            let good = |figure: fn(&Figures) -> f64| Spread::of_good(runs.iter().map(figure));
            let bad = |figure: fn(&Figures) -> f64| Spread::of_bad(runs.iter().map(figure));
            writeln!(
                text,
                "| {} | {name} | {} | {} | {} % | {} | {} | {} | {} |",
                case.name,
                spread(good(|run| run.goodput), 3),
                spread(good(|run| run.throughput), 2),
                percent(bad(|run| run.wasted)),
                spread(bad(|run| run.response), 2),
                spread(bad(|run| run.settled_s), 0),
                good(|run| run.limit).median,
                bad(|run| run.refused).median,
            )?;
        }
    }
    Ok(())
}

fn misses(text: &mut String, done: &[Done]) -> fmt::Result {
    for (case, outcome) in done {
        for Verdict { what, wanted, found, state } in outcome.judge(case) {
            match state {
                State::Holds => {}
                State::Short { keeps, why } => {
                    writeln!(text, "\nshort: {}, {what}: {found:.4}, goal {wanted}, keeps {keeps}: {why}", case.name)?;
                }
                State::Broken => writeln!(text, "\nbroken: {}, {what}: {found:.4}, wanted {wanted}", case.name)?,
            }
        }
        for violation in outcome.runs.iter().flat_map(|run| &run.violations).take(3) {
            writeln!(text, "broken promise: {}: {violation}", case.name)?;
        }
    }
    Ok(())
}
