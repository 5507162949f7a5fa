//! The configuration file as read from disk, and its errors as people see them.

use std::{fs, io::ErrorKind, path::Path, sync::Arc};

use lockstep_core::config::{Config, ConfigError};

use crate::failure::{Failure, Place};

/// The error whose place in the file is not shown.
const SECRET_IN_FILE: &str = "LS-CFG-008";

/// Reads and checks the file.
pub fn load(path: &Path) -> Result<Config, Failure> {
    parse(path, &read(path)?)
}

/// The file's text.
pub fn read(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::new("LS-CLI-007", format!("there is no configuration file {shown}"))
            .remedy("`lockstep init` writes a first one; `--config FILE` names another."),
        ErrorKind::InvalidData => {
            Failure::new("LS-CLI-008", format!("{shown} is not UTF-8 text")).remedy("Save it as UTF-8.")
        }
        _ => Failure::new("LS-CLI-008", format!("cannot read {shown}: {error}"))
            .remedy("Give this user read access to the file."),
    })
}

/// Checks a text that is, or is to be, the file's.
pub fn parse(path: &Path, text: &str) -> Result<Config, Failure> {
    Config::parse(text).map_err(|errors| failure(path, &Arc::from(text), errors))
}

/// All errors of the file as one failure.
fn failure(path: &Path, text: &Arc<str>, errors: Vec<ConfigError>) -> Failure {
    let mut failures = errors.into_iter().map(|error| at(path, text, error));
    let Some(first) = failures.next() else {
        return Failure::new("LS-CLI-001", "the configuration was refused without a reason");
    };
    Failure { others: failures.collect(), ..first }
}

fn at(path: &Path, text: &Arc<str>, error: ConfigError) -> Failure {
    let range = error.at.bytes;
    let end = range.end.min(text.len());
    let start = range.start.min(end);
    // A whole table as the place is too much to show: its first line is enough.
    let shown = text.get(start..end).unwrap_or_default();
    let len = shown.find('\n').unwrap_or(shown.len());
    let shown = if error.code == SECRET_IN_FILE { masked(text, start, start + len) } else { text.clone() };
    Failure::new(error.code, error.message).remedy(sentence(&error.help)).at(Place {
        file: path.display().to_string(),
        text: shown,
        start,
        len,
        label: "here".to_owned(),
    })
}

/// The text with a range of bytes made unreadable: it may be a secret.
fn masked(text: &Arc<str>, start: usize, end: usize) -> Arc<str> {
    let (Some(before), Some(after)) = (text.get(..start), text.get(end..)) else {
        return text.clone();
    };
    format!("{before}{}{after}", "*".repeat(end - start)).into()
}

/// With a capital and an end.
fn sentence(help: &str) -> String {
    let mut letters = help.chars();
    let mut text: String = match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => return String::new(),
    };
    if !text.ends_with(['.', '?', '!', ':', '`']) {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_is_a_valid_configuration() {
        if let Err(errors) = Config::parse(crate::verbs::init::FIRST_FILE) {
            panic!("{errors:?}");
        }
    }
}
