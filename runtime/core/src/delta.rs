//! Everything one commit changes, as one plain value.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    change::Cursor,
    journal::Entry,
    key::{Key, MatchKey},
    record::{FieldId, Record, RecordId, SideId},
    value::{Timestamp, Value},
    write::{Action, Rejection},
};

/// A pending intent, as a mark: what to write is derived from the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub record: RecordId,
    pub side: SideId,
    /// `None` clears the mark.
    pub action: Option<Action>,
}

/// A row in quarantine: something that a person has to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quarantined {
    pub record: RecordId,
    pub side: SideId,
    pub at: Timestamp,
    pub action: Action,
    pub rejection: Rejection,
    /// Groups alike failures: side, class, code and columns, without values.
    pub signature: String,
    /// What was to be written, native form.
    pub values: Vec<(FieldId, Value)>,
    pub attempts: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum QuarantineChange {
    Put(Quarantined),
    Clear { record: RecordId, side: SideId },
}

/// An entry of the key or match index appears or goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum IndexChange {
    AddKey { side: SideId, key: Key, record: RecordId },
    DropKey { side: SideId, key: Key, record: RecordId },
    AddMatch { key: MatchKey, record: RecordId },
    DropMatch { key: MatchKey, record: RecordId },
}

/// What is kept of one row, the newest: those before them are forgotten.
pub const GLIMPSES_MAX: usize = 64;

/// Values that a side showed of a row, in no order: they may be older than what is
/// known, or edits that nothing will show again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Glimpse {
    /// By column; one that was not told is not here.
    pub cells: Vec<(String, Value)>,
    /// When they were set, by the side's clock.
    pub at: Option<Timestamp>,
}

/// What a side told of a row that is to be read because of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Notice {
    /// That it changed, and nothing more.
    Changed,
    Glimpsed(Glimpse),
    /// Nothing: the runtime made it at a side that does not refuse the same record twice,
    /// and is still to look whether somebody else made it in the same moment.
    Made,
}

/// A notice is kept until its row was read, or is believed to be gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum NoticeChange {
    Put {
        side: SideId,
        key: Key,
        told: Notice,
    },
    /// All that was told of the row is dealt with.
    Clear {
        side: SideId,
        key: Key,
    },
    /// It was looked whether somebody else had made it as well.
    Looked {
        side: SideId,
        key: Key,
    },
}

/// What a plan or a settlement changes, for one sync. Committed in one transaction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// Whole records, new and changed.
    pub records: Vec<Arc<Record>>,
    /// Tombstones whose time is over.
    pub forgotten: Vec<RecordId>,
    pub index: Vec<IndexChange>,
    pub marks: Vec<Mark>,
    pub journal: Vec<Entry>,
    pub quarantine: Vec<QuarantineChange>,
    /// Stream positions these effects reach.
    pub cursors: Vec<(SideId, Cursor)>,
    /// Backfill positions: where a side's full read resumes. `None`: finished.
    pub backfill: Vec<(SideId, Option<Vec<u8>>)>,
    pub notices: Vec<NoticeChange>,
}

impl Delta {
    pub fn is_empty(&self) -> bool {
        self == &Delta::default()
    }
}
