//! What the runtime asks of a side, and what became of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    change::Row,
    key::Key,
    value::{Cell, Timestamp, Value},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Create,
    Update,
    Delete,
}

/// One pending write to one row, positional by [`WriteRequest::columns`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    pub action: Action,
    /// `None` for a create.
    pub key: Option<Key>,
    /// `None` is not written.
    pub cells: Vec<Cell>,
    /// What each column must still hold; `None` is not compared.
    pub expected: Vec<Cell>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WriteRequest {
    pub object: String,
    pub columns: Arc<[String]>,
    pub intents: Vec<Intent>,
    /// The columns that rows in outcomes carry, in this order.
    pub returning: Arc<[String]>,
}

/// A foreign value that a write displaced between check and write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overwritten {
    pub column: String,
    pub value: Value,
    pub by: String,
    pub at: Option<Timestamp>,
}

/// Why a side refused a write for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The side's own code.
    pub code: String,
    /// `not-null`, `unique`, `foreign-key`, `check`, `too-long`, `out-of-range`,
    /// `type`, `denied`, `read-only`, `validation`, `other`.
    pub class: String,
    pub message: String,
    pub columns: Vec<String>,
}

/// What became of one intent (semantics: Writing). Rows carry the request's
/// `returning` columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    Applied(Row),
    /// Nothing was written: the row no longer held what was expected.
    Conflict(Row),
    Overwrote(Row, Vec<Overwritten>),
    Gone,
    /// A create found the row there already.
    Duplicate(Row),
    Rejected(Rejection),
    Throttled {
        retry_after_ms: u32,
    },
    Unavailable {
        reason: String,
    },
    /// It may or may not have been written.
    Unknown {
        reason: String,
    },
}
