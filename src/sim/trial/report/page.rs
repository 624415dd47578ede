//! The page: what was run, what holds and what does not, and then scenario by scenario its tables and pictures.

use std::fmt::{self, Write};

use super::{
    Chapter,
    columns::{COLUMNS, Column},
    figure,
    plot::escape,
    style,
};
use crate::sim::trial::{
    case::Case,
    figures::{Figures, Outcome, Spread, State, Tally, Verdict},
    suite::Effort,
};

/// The page. `command` is what it is made with.
pub fn page(chapters: &[Chapter], effort: &Effort, command: &str) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_page(&mut text, chapters, effort, command);
    text
}

fn write_page(out: &mut String, chapters: &[Chapter], effort: &Effort, command: &str) -> fmt::Result {
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Sluicegate: trials of control</title><style>{}{}{}</style></head><body>",
        style::COLOURS,
        style::PAGE,
        style::PICTURE
    )?;
    head(out, chapters, effort, command)?;
    contents(out, chapters)?;
    shortfalls(out, chapters)?;
    for (index, chapter) in chapters.iter().enumerate() {
        write_chapter(out, index, chapter)?;
    }
    writeln!(out, "</body></html>")
}

fn head(out: &mut String, chapters: &[Chapter], effort: &Effort, command: &str) -> fmt::Result {
    let tally = Tally::of(chapters.iter().flat_map(Chapter::verdicts));
    let cases: usize = chapters.iter().map(|chapter| chapter.done.len()).sum();
    write!(
        out,
        "<h1>What control is worth</h1><p class=\"why\">The real engine on virtual time, before workers of every temper: \
         what it reached, what could have been reached, and what others make of the same.</p><div class=\"sums\">"
    )?;
    let sums = [
        (cases.to_string(), "cases"),
        (effort.seeds.to_string(), "seeds each"),
        (format!("{} of {}", tally.holds, tally.all()), "bands hold"),
        (tally.short.to_string(), "known shortfalls"),
        (tally.broken.to_string(), "broken"),
    ];
    for (sum, what) in sums {
        write!(out, "<div class=\"sum\"><b>{sum}</b>{what}</div>")?;
    }
    write!(out, "</div><p>Made with <code>{}</code>. The same seeds give the same page.</p>", escape(command))?;
    write!(out, "<details><summary>How to read it</summary><dl>")?;
    for (word, meaning) in WORDS {
        write!(out, "<dt>{word}</dt><dd>{meaning}</dd>")?;
    }
    write!(out, "</dl></details>")
}

const WORDS: [(&str, &str); 11] = [
    ("figures", "the median of the seeds, and the worst seed in brackets"),
    ("oracle", "the most records in time: exact where it can be worked out, elsewhere a bound that nobody reaches (≤)"),
    ("capacity", "records a second the worker can do with the best batches; below full load nobody reaches it"),
    ("wasted work", "the worker's time for what was late, failed or given up meanwhile"),
    ("response", "how long a batch was with the worker, in times of such a batch alone; 1 is no queue inside"),
    ("settled", "seconds from the step until throughput and response are good again in 8 of 10 seconds"),
    ("limit", "the median of the concurrency limit"),
    ("hard pauses", "pauses in the client, which throw records away that are then read twice; by partition and minute"),
    ("starved", "the share of time in which the worker had nothing because our gate was shut"),
    ("false drops", "records given up that the worker could have had done in time"),
    ("short", "below its goal, as is known and said, and not below what it held when that was written down"),
];

fn contents(out: &mut String, chapters: &[Chapter]) -> fmt::Result {
    write!(out, "<nav><ol>")?;
    for (index, chapter) in chapters.iter().enumerate() {
        let title = escape(&chapter.scenario.title);
        let tag = tag(Tally::of(chapter.verdicts()));
        write!(out, "<li><a href=\"#s{index}\">{title}</a>{tag}</li>")?;
    }
    write!(out, "</ol></nav>")
}

fn tag(tally: Tally) -> String {
    let Tally { holds, short, broken } = tally;
    let text = match tally.word() {
        "holds" => format!("{holds} hold"),
        "short" => format!("{short} short"),
        word => format!("{broken} {word}"),
    };
    format!("<span class=\"tag {}\">{text}</span>", tally.word())
}

fn shortfalls(out: &mut String, chapters: &[Chapter]) -> fmt::Result {
    let all = chapters.iter().enumerate().flat_map(|(index, chapter)| {
        chapter.done.iter().enumerate().flat_map(move |(at, (case, outcome))| {
            outcome.judge(case).into_iter().map(move |verdict| (index, at, chapter, case, verdict))
        })
    });
    let mut missed = all.filter(|(.., verdict)| verdict.state != State::Holds).peekable();
    if missed.peek().is_none() {
        return write!(out, "<h2>Shortfalls</h2><p>None.</p>");
    }
    write!(
        out,
        "<h2>Shortfalls</h2><div class=\"wide\"><table><tr><th>case</th><th class=\"say\">figure</th><th>goal</th><th>keeps</th>\
         <th>found</th><th class=\"say\">why</th></tr>"
    )?;
    for (index, at, chapter, case, Verdict { what, wanted, found, state }) in missed {
        let (class, keeps, why) = match &state {
            State::Short { keeps, why } => ("short", keeps.as_str(), why.as_str()),
            _ => ("broken", "–", "neither the goal nor what was known to hold"),
        };
        let number = chapter.scenario.title.split(' ').next().unwrap_or_default();
        write!(
            out,
            "<tr><td><a href=\"#s{index}c{at}\">{} {}</a></td><td class=\"say\">{what}</td><td>{}</td><td>{}</td>\
             <td class=\"{class}\">{}</td><td class=\"say\">{}</td></tr>",
            escape(number),
            escape(&case.name),
            escape(&wanted),
            escape(keeps),
            if found.is_finite() { format!("{found:.3}") } else { "never".to_owned() },
            escape(why),
        )?;
    }
    write!(out, "</table></div>")
}

fn write_chapter(out: &mut String, index: usize, chapter: &Chapter) -> fmt::Result {
    let (title, why) = (escape(&chapter.scenario.title), escape(&chapter.scenario.why));
    write!(out, "<section id=\"s{index}\"><h2>{title}</h2><p class=\"why\">{why}.</p>")?;
    for (at, (case, outcome)) in chapter.done.iter().enumerate() {
        let tag = tag(Tally::of(outcome.judge(case).into_iter()));
        write!(out, "<h3 id=\"s{index}c{at}\">{} {tag}</h3>", escape(&case.name))?;
        table(out, case, outcome)?;
        let Some(picture) = figure(&chapter.scenario, case, outcome) else { continue };
        let seed = outcome.shown.as_ref().map_or(0, |shown| shown.seed);
        let open = if at == 0 { " open" } else { "" };
        write!(
            out,
            "<details{open}><summary>over time</summary><figure>{}<figcaption>Seed {seed}, the median in goodput. {}</figcaption>\
             </figure></details>",
            picture.inline(),
            escape(&caption(case)),
        )?;
    }
    write!(out, "</section>")
}

/// What the worker and the load are like, in a line.
fn caption(case: &Case) -> String {
    let (worker, workload) = (&case.worker, &case.workload);
    let life = match workload.life {
        [_, long] if long <= 0.0 => "no deadline".to_owned(),
        [short, long] if short >= long => format!("{short} s to live"),
        [short, long] => format!("{short} to {long} s to live"),
    };
    let servers = if worker.servers == 1 { "one at a time".to_owned() } else { format!("{} at once", worker.servers) };
    let shared = if case.members() > 1 { format!("{} sidecars, ", case.members()) } else { String::new() };
    format!(
        "{shared}load {} of capacity, {life}; a batch takes {} ms + {} ms a record, cv {}, {servers}. Shaded: the worker \
         is other than at the start.",
        workload.load,
        (1e6 * worker.alpha).round() / 1e3,
        (1e6 * worker.beta).round() / 1e3,
        worker.cv,
    )
}

fn table(out: &mut String, case: &Case, outcome: &Outcome) -> fmt::Result {
    let columns: Vec<&Column> = COLUMNS.iter().filter(|column| column.is_shown(&case.expect)).collect();
    let row = |out: &mut String, class: &str, name: &str, in_time: &str, times: &str| {
        write!(out, "<tr class=\"{class}\"><td>{name}</td><td>{in_time}</td><td>{times}</td>")
    };
    write!(out, "<div class=\"wide\"><table><tr><th></th><th>in time</th><th>we are, ×</th>")?;
    columns.iter().try_for_each(|column| write!(out, "<th>{}</th>", column.title))?;
    write!(out, "</tr>")?;
    let verdicts = outcome.judge(case);
    row(out, "own", "sluicegate", &in_time(&outcome.runs), "")?;
    for column in &columns {
        write!(out, "<td class=\"{}\">{}</td>", class(&verdicts, column), cell(column, &outcome.runs))?;
    }
    let wanted = [&case.expect.of_static, &case.expect.of_plain].into_iter().flatten();
    let wanted: Vec<String> = wanted.map(|band| format!("≥ {}", band.goal)).collect();
    write!(out, "</tr>")?;
    row(out, "band", "wanted", "", &wanted.join(", "))?;
    columns.iter().try_for_each(|column| write!(out, "<td>{}</td>", column.wanted(&case.expect)))?;
    write!(out, "</tr>")?;
    let sign = if outcome.is_exact { "" } else { "≤ " };
    row(out, "", "oracle", &format!("{sign}{}", median(outcome.most.iter().copied())), "")?;
    for column in &columns {
        write!(out, "<td>{}</td>", if column.names[0] == "goodput" { "100 %" } else { "" })?;
    }
    write!(out, "</tr>")?;
    for rival in outcome.best_static.iter().chain(&outcome.rivals) {
        let name = match rival.name.strip_prefix("static ") {
            Some(setting) => format!("best static: {}", escape(setting)),
            None => escape(&rival.name),
        };
        row(out, "", &name, &in_time(&rival.runs), &format!("{:.2}", outcome.against(&rival.runs)))?;
        columns.iter().try_for_each(|column| write!(out, "<td>{}</td>", cell(column, &rival.runs)))?;
        write!(out, "</tr>")?;
    }
    write!(out, "</table></div>")
}

fn in_time(runs: &[Figures]) -> String {
    median(runs.iter().map(|run| run.in_time))
}

fn median(values: impl Iterator<Item = f64>) -> String {
    format!("{:.0}", Spread::of_good(values).median)
}

/// Median [worst], or one of them where both read alike.
fn cell(column: &Column, runs: &[Figures]) -> String {
    let Spread { median, worst } = column.spread(runs);
    let (median, worst) = (column.form.write(median), column.form.write(worst));
    if median == worst || column.is_neutral { median } else { format!("{median} [{}]", worst.trim_end_matches(" %")) }
}

fn class(verdicts: &[Verdict], column: &Column) -> &'static str {
    let own = Tally::of(verdicts.iter().filter(|verdict| column.names.contains(&verdict.what)));
    if own.all() == 0 { "" } else { own.word() }
}
