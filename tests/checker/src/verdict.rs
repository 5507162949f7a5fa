//! What was found, in words.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::history::History;

/// How many violations of one kind are printed.
const SHOWN_MAX: usize = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViolationKind {
    /// An edit's value is nowhere: not agreed, not superseded knowingly, not kept.
    LostEdit,
    /// A delete had no effect and nothing says why.
    LostDelete,
    /// A deleted record came back though nobody else touched it.
    Resurrected,
    /// Sides disagree on a field that is neither held nor quarantined.
    Diverged,
    /// A record is missing at a side and nothing says why.
    Missing,
    /// One record twice at one side.
    Duplicate,
    /// A final value nobody wrote.
    Invented,
    /// Reported as concurrent though one edit had seen the other.
    FalseConflict,
    /// What the runtime says of a value is not true.
    Misexplained,
    /// More effective writes than edits × (sides − 1).
    Echo,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    pub kind: ViolationKind,
    pub record: String,
    pub field: Option<String>,
    /// One sentence.
    pub text: String,
}

/// The judgement, and how much was judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub violations: Vec<Violation>,
    pub edits: usize,
    /// Edited values found agreed on every side.
    pub agreed: usize,
    /// Edited values replaced by an edit that had seen them.
    pub superseded: usize,
    /// Edited values found in the journal, held or in quarantine.
    pub kept: usize,
}

impl Verdict {
    pub(crate) fn of(history: &History) -> Self {
        Verdict { edits: history.edits.len(), ..Verdict::default() }
    }

    pub(crate) fn blame(&mut self, kind: ViolationKind, record: &str, field: Option<&str>, text: String) {
        self.violations.push(Violation { kind, record: record.to_owned(), field: field.map(str::to_owned), text });
    }

    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    pub fn count(&self, kind: ViolationKind) -> usize {
        self.violations.iter().filter(|v| v.kind == kind).count()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} edits: {} values agreed, {} superseded, {} kept; {} violations",
            self.edits,
            self.agreed,
            self.superseded,
            self.kept,
            self.violations.len()
        )?;
        let mut sorted: Vec<_> = self.violations.iter().collect();
        sorted.sort_by_key(|violation| violation.kind);
        for group in sorted.chunk_by(|a, b| a.kind == b.kind) {
            for violation in group.iter().take(SHOWN_MAX) {
                let field = violation.field.as_deref().unwrap_or("(record)");
                let Violation { kind, record, text, .. } = violation;
                writeln!(f, "  {kind:?} {record} {field}: {text}")?;
            }
            if group.len() > SHOWN_MAX {
                writeln!(f, "  … and {} more alike", group.len() - SHOWN_MAX)?;
            }
        }
        Ok(())
    }
}
