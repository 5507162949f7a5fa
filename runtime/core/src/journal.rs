//! The journal: every decision, with what it displaced, in a form a person can
//! read and a revert can undo.

use serde::{Deserialize, Serialize};

use crate::{
    key::Key,
    record::{FieldId, RecordId, SideId},
    value::{Timestamp, Value},
    write::{Action, Rejection},
};

/// One journal row. Its sequence number is given when it is committed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Assigned by the planner from [`crate::plan::Planner`]'s counter, dense within a sync.
    pub seq: u64,
    /// When the runtime journaled it.
    pub at: Timestamp,
    pub record: Option<RecordId>,
    /// The side it is about, where one is.
    pub side: Option<SideId>,
    /// Version of mapping and rules in force.
    pub rules: u32,
    pub what: What,
}

/// A canonical field's change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: FieldId,
    pub before: Option<Value>,
    pub after: Value,
}

/// One contribution to a conflict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    pub side: Option<SideId>,
    pub value: Value,
    pub at: Timestamp,
}

/// A conflict on one field and how it was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resolution {
    pub field: FieldId,
    /// What the incoming side last agreed to. `None`: nothing (initial link).
    pub base: Option<Value>,
    pub incumbent: Contribution,
    pub incoming: Contribution,
    /// `None`: held.
    pub result: Option<Value>,
    /// The rule that decided, in words (`prefer crm`, `latest`, `hold`, `operator`).
    pub rule: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// A side's edit became canonical without conflict. `edited_at`: the side's clock.
    Absorbed { edited_at: Timestamp, changes: Vec<FieldChange> },
    /// Concurrent edits of the same fields, decided or held.
    Conflict { resolutions: Vec<Resolution> },
    /// A side's row became a new record (live; first copies are summed up).
    Appeared { key: Key, changes: Vec<FieldChange> },
    /// A side's row was linked to an existing record by match.
    Linked { key: Key },
    /// Rows linked or added by a first copy, summed up.
    Copied { linked: u64, added: u64 },
    /// A write was done; `before` is what the side held.
    Written { action: Action, key: Option<Key>, changes: Vec<Wrote> },
    /// Foreign values were found overwritten after a write.
    Overwrote { by: String, changes: Vec<FieldChange> },
    /// A side refused a write for good.
    Refused { action: Action, rejection: Rejection },
    /// The record was deleted at the side.
    Deleted { edited_at: Timestamp, last: Vec<(FieldId, Value)> },
    /// An update and a delete met. `kept`: the record lives on. `None`: held.
    DeleteConflict {
        deleted_by: SideId,
        updated_by: Option<SideId>,
        kept: Option<bool>,
        rule: String,
        displaced: Vec<(FieldId, Value)>,
    },
    /// Several records match this row: held.
    Ambiguous { key: Key, candidates: Vec<RecordId> },
    /// Two rows of a side claim the same place.
    Clash { key: Key, other: RecordId },
    /// A value does not cast: the field waits.
    Uncastable { field: FieldId, value: Value, message: String },
    /// A field or delete was held for the named reason.
    Held { field: Option<FieldId>, reason: String },
    /// A hold ended.
    Released { field: Option<FieldId>, by: String },
    /// The remote key changed.
    Rekeyed { from: Key, to: Key },
    /// A person did something. `revertible` entries carry their own changes.
    Operator { by: String, action: String, note: String, changes: Vec<FieldChange> },
    /// Values before entry `entry` were restored.
    Reverted { entry: u64, by: String, changes: Vec<FieldChange> },
}

/// A field as written to a side, in the side's native form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wrote {
    pub field: FieldId,
    pub before: Option<Value>,
    pub after: Value,
}
