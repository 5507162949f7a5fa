//! What is asked of a connector, in the core's vocabulary, whatever contract
//! version it was built for.

use std::sync::Arc;

use lockstep_core::{
    change::{Cursor, Selection},
    key::Key,
    schema::{ColumnType, Reference},
};

use crate::budget::Priority;

/// What a session is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The change stream, and the first copy read in its snapshot.
    Tail,
    /// Writes and the reads that confirm them.
    Write,
    /// Full reads beside the stream, checks and discovery.
    Read,
    /// Webhooks.
    Ingest,
}

impl Role {
    /// The name the contract uses.
    pub fn name(self) -> &'static str {
        match self {
            Role::Tail => "tail",
            Role::Write => "write",
            Role::Read => "read",
            Role::Ingest => "ingest",
        }
    }

    /// Whose requests go first when a system allows only so many.
    pub(crate) fn priority(self) -> Priority {
        match self {
            Role::Write => Priority::Edits,
            Role::Tail | Role::Ingest => Priority::Tail,
            Role::Read => Priority::Reads,
        }
    }
}

/// A page of a full read.
#[derive(Clone, Debug)]
pub struct PageRequest {
    pub selection: Selection,
    /// Empty for the first page, else what the last page returned.
    pub after: Arc<[u8]>,
    pub rows_max: u32,
    pub bytes_max: u32,
}

/// The next part of a change stream.
#[derive(Clone, Debug)]
pub struct ChangesRequest {
    pub selections: Arc<[Selection]>,
    pub after: Cursor,
    /// All up to here is on disk: the source may forget it.
    pub durable: Cursor,
    /// 0: nothing is wanted, only keep the stream alive.
    pub records_max: u32,
    pub bytes_max: u32,
    pub wait_ms: u32,
}

/// The current state of given rows.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    pub selection: Selection,
    /// The columns `keys` give: the object's key, or a match key.
    pub by: Vec<String>,
    pub keys: Vec<Key>,
}

/// A column that should exist at the destination.
#[derive(Clone, Debug)]
pub struct WantedColumn {
    pub name: String,
    pub column_type: ColumnType,
    pub nullable: bool,
    pub unique: bool,
    pub references: Option<Reference>,
    pub comment: String,
}

/// A destination object that should exist.
#[derive(Clone, Debug)]
pub struct EnsureRequest {
    pub object: String,
    pub columns: Vec<WantedColumn>,
    pub key: Vec<String>,
    /// Only say what would be done.
    pub dry_run: bool,
}
