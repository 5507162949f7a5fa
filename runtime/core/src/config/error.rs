//! Errors of the configuration file: where, what, and what to do.

use std::ops::Range;

/// A place in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Bytes from the file's beginning.
    pub bytes: Range<usize>,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// One thing wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}: {message} ({code})", at.line, at.column)]
pub struct ConfigError {
    /// Stable, `LS-CFG-…`.
    pub code: &'static str,
    pub at: Span,
    /// What is wrong, with which thing.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// The kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Syntax,
    UnknownKey,
    MissingKey,
    WrongType,
    BadValue,
    UnknownName,
    Contradiction,
    SecretInFile,
    BadName,
    OutOfBounds,
}

impl Code {
    fn text(self) -> &'static str {
        match self {
            Code::Syntax => "LS-CFG-001",
            Code::UnknownKey => "LS-CFG-002",
            Code::MissingKey => "LS-CFG-003",
            Code::WrongType => "LS-CFG-004",
            Code::BadValue => "LS-CFG-005",
            Code::UnknownName => "LS-CFG-006",
            Code::Contradiction => "LS-CFG-007",
            Code::SecretInFile => "LS-CFG-008",
            Code::BadName => "LS-CFG-009",
            Code::OutOfBounds => "LS-CFG-010",
        }
    }
}

/// Gathers errors, so that all of them are reported at once.
pub(super) struct Problems<'t> {
    text: &'t str,
    errors: Vec<ConfigError>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Problems { text, errors: Vec::new() }
    }

    pub(super) fn add(&mut self, code: Code, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(ConfigError {
            code: code.text(),
            at: self.locate(span),
            message: message.into(),
            help: help.into(),
        });
    }

    /// Errors found so far.
    pub(super) fn count(&self) -> usize {
        self.errors.len()
    }

    /// Line and column of a range of bytes.
    pub(super) fn locate(&self, bytes: Range<usize>) -> Span {
        let before = self.text.get(..bytes.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).map_or(0, |part| part.chars().count());
        Span { line: before.matches('\n').count() + 1, column: column + 1, bytes }
    }

    pub(super) fn finish(mut self) -> Vec<ConfigError> {
        self.errors.sort_by_key(|error| error.at.bytes.start);
        self.errors
    }
}
