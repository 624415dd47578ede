//! Cases from files: `[all]` is what the cells share, each `[[cell]]` what it changes. An unknown key is an error.

use std::{collections::BTreeMap, path::Path};

use config::{Config, File, FileFormat};
use serde_json::{Map, Value};

use super::case::{Case, Sheet};

/// One scenario: its title, its sentence, and its cases.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub title: String,
    pub why: String,
    pub cases: Vec<Case>,
}

/// # Errors
/// What is wrong with the text, in words.
pub fn parse(text: &str) -> Result<Scenario, String> {
    let parsed = Config::builder().add_source(File::from_str(text, FileFormat::Toml)).build();
    let sheet: Sheet = parsed.and_then(Config::try_deserialize).map_err(|error| error.to_string())?;
    if sheet.title.is_empty() || sheet.why.is_empty() || sheet.cell.is_empty() {
        return Err("it needs a title, a why and a cell".to_owned());
    }
    let all = object(sheet.all);
    let cases = sheet.cell.into_iter().map(|cell| case(&all, object(cell))).collect::<Result<_, _>>()?;
    Ok(Scenario { title: sheet.title, why: sheet.why, cases })
}

fn object(map: BTreeMap<String, Value>) -> Value {
    Value::Object(map.into_iter().collect::<Map<_, _>>())
}

fn case(all: &Value, cell: Value) -> Result<Case, String> {
    let mut merged = all.clone();
    let name = cell["name"].as_str().unwrap_or_default().to_owned();
    merge(&mut merged, cell);
    let case: Case = serde_json::from_value(merged).map_err(|error| format!("cell {name:?}: {error}"))?;
    if case.name.is_empty() || case.seconds <= 0.0 {
        return Err(format!("cell {name:?} needs a name and seconds"));
    }
    Ok(case)
}

/// Tables are merged key by key; anything else is replaced.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Every file of a folder, in order of their names.
///
/// # Errors
/// What is wrong with a file.
pub fn load(folder: &Path) -> Result<Vec<Scenario>, String> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{shown}: {error}"))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
        text.and_then(|text| parse(&text)).map_err(|error| format!("{}: {error}", path.display()))
    };
    files.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_what_all_share_and_what_it_changes() {
        let text = r#"
            title = "t"
            why = "to see it read"
            [all]
            seconds = 10
            worker = { alpha = 0.1, cv = 0.5 }
            [[cell]]
            name = "a"
            worker = { cv = 0.0 }
            faults = [{ at = 1, lasts = 2, kind = "away" }]
            [[cell]]
            name = "b"
        "#;
        let cases = parse(text).unwrap().cases;
        assert_eq!((cases[0].worker.alpha, cases[0].worker.cv, cases[0].faults.len()), (0.1, 0.0, 1));
        assert_eq!((cases[1].worker.cv, cases[1].seconds), (0.5, 10.0));
    }

    #[test]
    fn what_is_misspelt_or_missing_is_said() {
        for (text, said) in [
            ("title = \"t\"\nwhy = \"w\"", "cell"),
            ("title = \"t\"\nwhy = \"w\"\n[[cell]]\nname = \"a\"", "seconds"),
            ("title = \"t\"\nwhy = \"w\"\n[[cell]]\nname = \"a\"\nseconds = 1\nworker = { sped = 1 }", "sped"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
