//! What an outsider can know of a sync's run, as plain data (JSON when stored).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A run from its start to quiet.
///
/// Values are text as the side shows it; `None` is null. Each edited value must
/// be unique within its field (a token), except where two edits of the same
/// record set the same value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Names of all sides taking part.
    pub sides: BTreeSet<String>,
    /// The mapped fields, by the sync's names.
    pub fields: BTreeSet<String>,
    /// Everything done by others than the runtime, in an order that is right
    /// for each row of each side.
    pub edits: Vec<Edit>,
    /// By side: what the tables hold at the end.
    pub tables: BTreeMap<String, Vec<Row>>,
    /// What the runtime says it displaced, held or could not write.
    pub kept: Vec<Kept>,
    /// Sides whose changes are not all told: what was edited there and deleted
    /// again may never have been seen by anyone.
    #[serde(default)]
    pub blind: BTreeSet<String>,
    /// Rows the runtime changed at any side, where that was counted.
    pub effective_writes: Option<u64>,
    /// Where it was taken down: what blind sides' answers showed the runtime, and
    /// it had time to keep. A value that is not among them cannot be asked for.
    #[serde(default)]
    pub shown: Option<BTreeSet<Shown>>,
    /// Deletes of rows of which no answer of a blind side told the runtime that they were
    /// there at all: nobody can tell whether there ever was one.
    #[serde(default)]
    pub unmet: BTreeSet<Unmet>,
    /// Values that a write of the runtime overwrote, where the answer to it, which alone
    /// tells of that, reached no state that lived on, and the one that knew of the write
    /// was replaced by one from before it.
    #[serde(default)]
    pub unheard: BTreeSet<Shown>,
    /// Edits of which the journals of states tell that were replaced by an older one. They
    /// are kept there where the row went with them: nothing else can know of them.
    #[serde(default)]
    pub set_aside: BTreeSet<SetAside>,
    /// What the runtime says of every field of the records it knows, where it was asked.
    #[serde(default)]
    pub explained: Option<Vec<Explained>>,
}

/// A value that a side's answer told the runtime, or would have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    pub side: String,
    pub field: String,
    pub value: String,
}

/// An edited value that is in the journal of a state that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAside {
    pub field: String,
    pub value: String,
}

/// A delete that nobody could notice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unmet {
    pub side: String,
    pub record: String,
    pub at_micros: i64,
}

/// One field of one record, as the runtime explains it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explained {
    pub record: String,
    pub field: String,
    /// The agreed value.
    pub value: Option<String>,
    /// The side whose edit it is; `None`: the runtime decided or merged it.
    pub set_by: Option<String>,
    /// It, or the record as a whole, waits for somebody.
    pub waits: bool,
    /// What the runtime believes each side holds, where it has a row.
    pub sides: BTreeMap<String, Option<String>>,
    /// What the last journal entry that changed the field says it became, where one
    /// does: first copies and what was cut off do not.
    pub last_journaled: Option<Option<String>>,
}

/// One statement's effect on one row by a person or an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    pub side: String,
    /// What makes this record the same one on every side.
    pub record: String,
    /// Microseconds since 1970, the side's clock. For messages only.
    pub at_micros: i64,
    pub deed: Deed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    Insert {
        values: BTreeMap<String, Option<String>>,
    },
    /// Only fields whose value changed. `seen`: what the row held in them before.
    Update {
        values: BTreeMap<String, Option<String>>,
        seen: BTreeMap<String, Option<String>>,
    },
    /// `seen`: what the row held in every field.
    Delete {
        seen: BTreeMap<String, Option<String>>,
    },
}

/// A row at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub record: String,
    pub values: BTreeMap<String, Option<String>>,
}

/// What the runtime exported about values that are not simply agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The record, where the export names it in the history's terms.
    pub record: Option<String>,
    /// `None`: about the record as a whole, as a delete is.
    pub field: Option<String>,
    pub state: KeptState,
    /// The values that met, both winner and loser.
    pub values: Vec<Option<String>>,
    /// What was decided, where something was.
    pub result: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptState {
    /// Decided by a rule or a person; what lost is in `values`.
    Decided,
    /// Waits for a person; the sides may differ.
    Held,
    /// A side refused it; the sides may differ.
    Quarantined,
}

impl Edit {
    /// What the edit set, field by field; a delete sets nothing.
    pub fn values(&self) -> impl Iterator<Item = (&String, &Option<String>)> {
        let values = match &self.deed {
            Deed::Insert { values } | Deed::Update { values, .. } => Some(values),
            Deed::Delete { .. } => None,
        };
        values.into_iter().flatten()
    }

    /// What the edit replaced, knowing it.
    pub fn seen(&self) -> impl Iterator<Item = (&String, &Option<String>)> {
        let seen = match &self.deed {
            Deed::Insert { .. } => None,
            Deed::Update { seen, .. } | Deed::Delete { seen } => Some(seen),
        };
        seen.into_iter().flatten()
    }

    pub fn is_delete(&self) -> bool {
        matches!(self.deed, Deed::Delete { .. })
    }

    pub fn is_insert(&self) -> bool {
        matches!(self.deed, Deed::Insert { .. })
    }
}
