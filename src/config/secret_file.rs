//! The `NAME_FILE` of a secret: the file's content, less one newline at its end.

use std::path::Path;

use crate::config::{file, layers::Given, origin::Origin, problem::Problem, show};

/// What stands in the file that `named` (the value of the variable `by`) names.
pub(crate) fn read(named: &Given, by: &str) -> Result<Given, Box<Problem>> {
    let path = named.text.trim();
    let problem = |what: String, next: &str| {
        Box::new(Problem::new(by, what, next).given(show::plain(path)).origin(named.origin.clone()))
    };
    if path.is_empty() {
        return Err(problem("is empty".into(), "name the file that holds the secret, or remove it"));
    }
    let mut text = file::read(Path::new(path)).map_err(|error| {
        problem(format!("names a file that cannot be read: {error}"), "mend the path or the file's permissions")
    })?;
    if text.ends_with('\n') {
        text.truncate(text.len() - 1);
        if text.ends_with('\r') {
            text.truncate(text.len() - 1);
        }
    }
    if text.is_empty() {
        return Err(problem("names an empty file".into(), "put the secret into the file"));
    }
    Ok(Given { text, origin: Origin::named_file(path, by) })
}
