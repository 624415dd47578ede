//! The trials of control as a test: the files say what they should, and a handful of cases hold. The whole suite takes
//! release speed: `scripts/test` runs it with a few seeds, `scripts/suite` with 200.

use std::path::Path;

use sluicegate::sim::trial::{
    case::{Case, Expect},
    contender::Contender,
    figures::State,
    file::{self, Scenario},
    report::{Chapter, page},
    suite::{Effort, InTurn, outcome},
};

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn scenarios() -> Vec<Scenario> {
    file::load(&folder("tests/trials")).unwrap_or_else(|error| panic!("{error}"))
}

fn case(scenarios: &[Scenario], number: &str, name: &str) -> (Scenario, Case) {
    let scenario = scenarios.iter().find(|scenario| scenario.title.starts_with(&format!("{number} ")));
    let scenario = scenario.unwrap_or_else(|| panic!("no scenario {number}"));
    let case = scenario.cases.iter().find(|case| case.name == name);
    (scenario.clone(), case.unwrap_or_else(|| panic!("no case {name:?} in {number}")).clone())
}

/// Quick ones of every kind: below and beyond capacity, a step, a smaller worker, refusals, a fleet.
const SOME: [(&str, &str); 6] = [
    ("S1", "0.8 cv 0.2"),
    ("S2", "4 cv 0.05"),
    ("S3", "0.8 cv 0.05"),
    ("S7", "C 16 → 4"),
    ("S14", "tells its capacity"),
    ("S18", "four, below capacity"),
];

const ONE_SEED: Effort = Effort { first_seed: 1, seeds: 1, rival_seeds: 0, search_seeds: 0, pictures: true };

#[test]
fn a_handful_of_cases_keep_what_they_promise_and_their_page_stands_alone() {
    let all = scenarios();
    let mut chapters: Vec<Chapter> = Vec::new();
    for (number, name) in SOME {
        let (scenario, case) = case(&all, number, name);
        let outcome = outcome(&case, &ONE_SEED, &InTurn);
        for verdict in outcome.judge(&case) {
            assert_ne!(verdict.state, State::Broken, "{number} {name}: {verdict:?}");
        }
        chapters.push(Chapter { scenario, done: vec![(case, outcome)] });
    }
    let page = page(&chapters, &ONE_SEED, "this test");
    for (number, name) in SOME {
        assert!(page.contains(&format!("<h2>{number} ")) && page.contains(name), "{number} {name} is not on the page");
    }
    assert_eq!(page.matches("<svg").count(), SOME.len());
    for foreign in ["<script", "<link", "<img", "src=", "url(", "@import", "NaN"] {
        assert!(!page.contains(foreign), "the page has {foreign}");
    }
}

#[test]
fn one_seed_gives_one_run() {
    let (_, case) = case(&scenarios(), "S18", "two");
    let case = Case { seconds: 20.0, ..case };
    let [first, second] = [3, 3].map(|seed| Contender::Product.run(&case, seed));
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    assert_ne!(format!("{first:?}"), format!("{:?}", Contender::Product.run(&case, 4)));
}

#[test]
fn the_scenarios_are_s1_to_s18_each_with_a_sentence_and_expectations() {
    let all = scenarios();
    for (scenario, number) in all.iter().zip(1..) {
        assert!(scenario.title.starts_with(&format!("S{number} ")), "{}", scenario.title);
        assert!(scenario.why.split(' ').count() > 5, "{}: {}", scenario.title, scenario.why);
        for case in &scenario.cases {
            assert_ne!(case.expect, Expect::default(), "{}: {} expects nothing", scenario.title, case.name);
        }
    }
    assert_eq!(all.len(), 18);
}

#[test]
fn every_picture_of_a_case_is_checked_in_and_shown() {
    let shown = std::fs::read_to_string(folder("docs/CONTROL.md")).unwrap();
    let mut names: Vec<String> =
        scenarios().into_iter().flat_map(|scenario| scenario.cases).filter_map(|case| case.picture).collect();
    names.sort_unstable();
    for name in &names {
        assert!(folder(&format!("docs/pictures/{name}.svg")).exists(), "docs/pictures/{name}.svg is missing");
        assert!(shown.contains(&format!("(pictures/{name}.svg)")), "docs/CONTROL.md does not show {name}.svg");
    }
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "two cases have a picture of one name");
}
