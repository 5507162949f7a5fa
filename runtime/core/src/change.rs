//! What a side reports: rows read and rows changed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    key::Key,
    value::{Cell, Timestamp},
};

/// The order of changes to one row at one side. Two versions compare only
/// within one stream generation; a later generation (after the stream had to
/// start anew) is always newer. Empty `order` means "cannot be ordered".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub generation: u32,
    pub order: Arc<[u8]>,
}

impl Version {
    /// Whether a change with this version tells nothing that `known` did not
    /// include: both can be ordered and this one is not newer.
    pub fn is_stale_against(&self, known: &Version) -> bool {
        if self.order.is_empty() || known.order.is_empty() {
            return false;
        }
        (self.generation, &self.order[..]) <= (known.generation, &known.order[..])
    }
}

/// Opaque connector bytes: where the stream resumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor(pub Arc<[u8]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    Upsert,
    Delete,
    /// Something changed; the values must be fetched.
    Invalidate,
    /// Every row is gone. Carries no rows.
    Truncate,
    /// The columns changed: discover again. Carries no rows.
    Schema,
    /// Anything may have changed: reconcile. Carries no rows.
    Gap,
}

/// One changed row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeRow {
    /// The key the row was known by before this change. The cells may show a
    /// new one, when key columns are among the batch's columns.
    pub key: Key,
    /// Positional, by [`ChangeBatch::columns`]. Empty for deletes.
    pub cells: Vec<Cell>,
    pub version: Version,
    /// When it was made, by the side's clock.
    pub at: Option<Timestamp>,
}

/// A run of changes of one kind to one object, in stream order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeBatch {
    pub object: Arc<str>,
    pub kind: ChangeKind,
    pub columns: Arc<[String]>,
    pub rows: Vec<ChangeRow>,
    pub origin: Arc<str>,
}

/// The next part of a change stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    pub batches: Vec<ChangeBatch>,
    pub cursor: Cursor,
    pub more: bool,
    pub lag_bytes: Option<u64>,
    pub lag_ms: Option<u64>,
}

/// A row as read. Cells are positional by the request's columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub key: Key,
    pub cells: Vec<Cell>,
    pub version: Version,
    pub at: Option<Timestamp>,
}

/// One page of a full read. `next` empty: this was the last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    pub rows: Vec<Row>,
    pub next: Arc<[u8]>,
}

/// An answer to a fetch: `index` is the position of the asked key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    pub index: u32,
    pub row: Row,
}

/// An object and the columns of it that the runtime wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    pub object: String,
    pub columns: Vec<String>,
}
