//! All layers in, settings or every problem out.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::config::{
    file,
    flag::Flag,
    layers::{self, Given, Layer},
    near,
    origin::Origin,
    overrides::{self, Overrides},
    parse::parse,
    pass_through::PassThrough,
    problem::{Problem, Problems},
    rules::{self, Review},
    secret_file,
    settings::{self, Settings},
    show,
    table::{self, CONFIG_FILE, DEFAULT_FILE},
    value::Values,
};

/// What was found: fit for use or not, it can be printed.
#[derive(Debug)]
pub struct Loaded {
    /// In the order they were found: layers, flags, properties, rules.
    pub problems: Vec<Problem>,
    /// Variables that look like misspelt flags: problems for `check`, warnings for `run`.
    pub near_misses: Vec<Problem>,
    /// The file that was read.
    pub file: Option<PathBuf>,
    pub(crate) values: Values,
    pub(crate) pass_through: PassThrough,
    pub(crate) settings: Option<Settings>,
}

impl Loaded {
    /// What `run` works with.
    ///
    /// # Errors
    /// Every problem, near misses left out.
    pub fn into_settings(self) -> Result<Settings, Problems> {
        self.settings.ok_or(Problems(self.problems))
    }

    /// The settings, when there is no problem.
    pub fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }
}

/// Loads from the process's environment and, where no file is named, from [`DEFAULT_FILE`] if it is there.
pub fn load(overrides: &Overrides) -> Loaded {
    let env: Vec<_> = std::env::vars_os().collect();
    load_with(overrides, &env, Some(Path::new(DEFAULT_FILE)))
}

/// Loads from what it is given. `default_file` is read if it exists and no other is named.
pub fn load_with(overrides: &Overrides, env: &[(OsString, OsString)], default_file: Option<&Path>) -> Loaded {
    let mut problems = Vec::new();
    let file = find_file(overrides, env, default_file, &mut problems);
    let from_file = match &file {
        Some((path, named_by)) => file::layer(path, named_by, &mut problems),
        None => Layer::default(),
    };
    let from_env = layers::environment(env, &mut problems);
    let from_command_line = overrides::layer(overrides, &mut problems);

    let mut merged =
        layers::merge(vec![layers::presets(), from_file, from_env, from_command_line]).unwrap_or_else(|problem| {
            problems.push(*problem);
            BTreeMap::new()
        });
    let pass_through = PassThrough::take(&mut merged, &mut problems);
    let values = read_values(merged, &mut problems);
    rules::check(Review { values: &values, pass_through: &pass_through, problems: &mut problems });

    let settings = finish(&values, &pass_through, &mut problems);
    let near_misses = near::misses(env);
    Loaded { problems, near_misses, file: file.map(|(path, _)| path), values, pass_through, settings }
}

/// The file to read, and the words for who named it.
fn find_file(
    overrides: &Overrides,
    env: &[(OsString, OsString)],
    default_file: Option<&Path>,
    problems: &mut Vec<Problem>,
) -> Option<(PathBuf, String)> {
    if let Some(path) = &overrides.file {
        return Some((path.clone(), "--config".into()));
    }
    if let Some((_, path)) = env.iter().find(|(name, _)| name == CONFIG_FILE) {
        if path.is_empty() {
            problems.push(
                Problem::new(CONFIG_FILE, "is empty", "name a file, or remove it")
                    .origin(Origin::environment(CONFIG_FILE)),
            );
            return None;
        }
        return Some((path.into(), CONFIG_FILE.into()));
    }
    let path = default_file?;
    path.exists().then(|| (path.to_owned(), format!("{} (read because it is there)", path.display())))
}

fn read_values(mut merged: BTreeMap<String, Given>, problems: &mut Vec<Problem>) -> Values {
    let mut values = Values::default();
    for flag in table::all() {
        match text_of(flag, &mut merged) {
            Ok(Some(given)) => {
                let value = parse(flag, &given.text).map_err(|fault| {
                    let problem = Problem::new(flag.name, fault.what, fault.next).range(flag.kind.range());
                    problems.push(problem.given(show::flag(flag, &given.text)).origin(given.origin.clone()));
                });
                values.insert(flag, given, value.ok());
            }
            Ok(None) if flag.required() => {
                let next = format!("set {}, --{} or {} in the file", flag.name, flag.long(), flag.key());
                problems
                    .push(Problem::new(flag.name, format!("is required: {}", flag.doc), next).range(flag.kind.range()));
            }
            Ok(None) => {}
            Err(problem) => {
                // Somebody tried to set it: no rule should say that nobody did.
                let origin = problem.origin.clone().unwrap_or_else(Origin::preset);
                values.insert(flag, Given { text: String::new(), origin }, None);
                problems.push(*problem);
            }
        }
    }
    values
}

/// The text of a flag; for a secret perhaps from the file that `NAME_FILE` names.
fn text_of(flag: &Flag, merged: &mut BTreeMap<String, Given>) -> Result<Option<Given>, Box<Problem>> {
    let plain = merged.remove(&flag.key());
    let Some(by) = flag.file_name() else { return Ok(plain) };
    match (plain, merged.remove(&by.to_ascii_lowercase())) {
        (plain, None) => Ok(plain),
        (None, Some(named)) => secret_file::read(&named, &by).map(Some),
        (Some(plain), Some(named)) => {
            let what = format!("is given twice, the second time as {by} ({})", named.origin);
            Err(Box::new(Problem::new(flag.name, what, format!("remove {} or {by}", flag.name)).origin(plain.origin)))
        }
    }
}

/// Settings, when nothing is wrong.
fn finish(values: &Values, pass_through: &PassThrough, problems: &mut Vec<Problem>) -> Option<Settings> {
    if !problems.is_empty() {
        return None;
    }
    settings::build(values, pass_through).map_err(|absent| problems.push(absent.problem())).ok()
}
