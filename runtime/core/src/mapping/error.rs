//! What is wrong with a mapping, and what is merely worth knowing.

use crate::config::Span;

/// One thing wrong with a mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{}: {message} ({code})", at.line, at.column)]
pub struct MappingError {
    /// Stable, `LS-MAP-…`.
    pub code: &'static str,
    /// Where in the configuration file.
    pub at: Span,
    pub side: Option<String>,
    pub field: Option<String>,
    /// What is wrong, with which thing.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// Something allowed that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub at: Span,
    pub side: Option<String>,
    pub field: Option<String>,
    pub message: String,
}

/// The kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    NoObject,
    Obstacle,
    NoColumn,
    ColumnTwice,
    NoCast,
    LossyCast,
    NeverRead,
    NeverWritten,
    RequiredUnmapped,
    NoKeyColumn,
    NoField,
    BadMatch,
    BadPolicy,
    Unregistered,
    GroupDisagrees,
    BadReference,
    BadNotation,
    BadExpression,
    BadFilter,
    BadTransform,
}

impl Code {
    fn text(self) -> &'static str {
        match self {
            Code::NoObject => "LS-MAP-001",
            Code::Obstacle => "LS-MAP-002",
            Code::NoColumn => "LS-MAP-003",
            Code::ColumnTwice => "LS-MAP-004",
            Code::NoCast => "LS-MAP-005",
            Code::LossyCast => "LS-MAP-006",
            Code::NeverRead => "LS-MAP-007",
            Code::NeverWritten => "LS-MAP-008",
            Code::RequiredUnmapped => "LS-MAP-009",
            Code::NoKeyColumn => "LS-MAP-010",
            Code::NoField => "LS-MAP-011",
            Code::BadMatch => "LS-MAP-012",
            Code::BadPolicy => "LS-MAP-013",
            Code::Unregistered => "LS-MAP-014",
            Code::GroupDisagrees => "LS-MAP-015",
            Code::BadReference => "LS-MAP-016",
            Code::BadNotation => "LS-MAP-017",
            Code::BadExpression => "LS-MAP-018",
            Code::BadFilter => "LS-MAP-019",
            Code::BadTransform => "LS-MAP-020",
        }
    }
}

/// What an error or note is about.
#[derive(Clone, Debug, Default)]
pub(super) struct About<'a> {
    pub(super) at: Span,
    pub(super) side: Option<&'a str>,
    pub(super) field: Option<&'a str>,
}

/// Gathers errors and notes, so that all of them are reported at once.
#[derive(Debug, Default)]
pub(super) struct Report {
    errors: Vec<MappingError>,
    notes: Vec<Note>,
}

impl Report {
    pub(super) fn error(&mut self, code: Code, about: About<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.errors.push(MappingError {
            code: code.text(),
            at: about.at,
            side: about.side.map(str::to_owned),
            field: about.field.map(str::to_owned),
            message: message.into(),
            help: help.into(),
        });
    }

    pub(super) fn note(&mut self, about: About<'_>, message: impl Into<String>) {
        self.notes.push(Note {
            at: about.at,
            side: about.side.map(str::to_owned),
            field: about.field.map(str::to_owned),
            message: message.into(),
        });
    }

    /// The notes, or every error in the file's order.
    pub(super) fn finish(mut self) -> Result<Vec<Note>, Vec<MappingError>> {
        if self.errors.is_empty() {
            return Ok(self.notes);
        }
        self.errors.sort_by(|a, b| (a.at.bytes.start, a.code).cmp(&(b.at.bytes.start, b.code)));
        self.errors.dedup();
        Err(self.errors)
    }
}
