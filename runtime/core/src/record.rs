//! What is known of one logical record: the agreed value of every field, and
//! what each side was last known to hold.

use serde::{Deserialize, Serialize};

use crate::{
    change::Version,
    key::Key,
    value::{Timestamp, Value},
};

/// The runtime's own id of a record, unique within its sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordId(pub u64);

/// A side of a sync: a small number the state layer gave the side's name once
/// and never gives to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SideId(pub u8);

/// A mapped field of a sync, numbered like [`SideId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FieldId(pub u16);

/// Who set a canonical value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// `None`: the runtime itself (an operator's decision, a merge of several).
    pub side: Option<SideId>,
    /// When the edit was made, by the side's clock, or absorbed where it does not say.
    pub at: Timestamp,
    /// The journal entry that tells more. 0: none (first copy).
    pub entry: u64,
}

/// Why a field is left alone on every side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum HoldReason {
    /// A conflict whose policy is to hold.
    Conflict,
    /// A side's value does not cast to the canonical type.
    Uncastable { message: String },
    /// A reference whose parent is not linked yet.
    AwaitingParent { side: SideId, key: Key },
    /// Two systems keep rewriting each other (loop breaker).
    PingPong,
}

/// A value that waits for a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contender {
    pub side: SideId,
    /// Canonical form where it casts, else as the side showed it.
    pub value: Value,
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    pub reason: HoldReason,
    /// What the sides last agreed on.
    pub base: Option<Value>,
    /// The latest value of each side that disagrees.
    pub contenders: Vec<Contender>,
    pub since: Timestamp,
    /// The journal entry that raised it.
    pub entry: u64,
}

/// One field's agreed value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldState {
    pub value: Value,
    pub provenance: Provenance,
    pub hold: Option<Box<Hold>>,
    /// How often in a row a target has rewritten what we wrote (loop breaker).
    pub bounces: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    Live,
    /// Known to be deleted there.
    Deleted,
    /// A refused or held row keeps the record off that side until someone acts.
    Barred,
}

/// A record at one side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    pub side: SideId,
    /// `None` only while `Barred` before a create ever succeeded.
    pub key: Option<Key>,
    pub presence: Presence,
    pub version: Version,
    /// By [`FieldId`]: the native value last known there, exactly as shown. `None`: never seen.
    pub observed: Vec<Option<Value>>,
    /// What we last wrote, where the side stored something else.
    pub written: Vec<(FieldId, Value)>,
    /// The intent to this side was refused and waits in quarantine.
    pub quarantined: bool,
}

/// Whether the record as a whole lives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Life {
    Live,
    Deleted {
        by: Option<SideId>,
        at: Timestamp,
    },
    /// An update/delete conflict waits for a person.
    HeldDelete {
        by: SideId,
        at: Timestamp,
        entry: u64,
    },
    /// Several candidates matched: never guessed.
    Ambiguous {
        candidates: Vec<RecordId>,
        entry: u64,
    },
}

/// One logical record with its links, in side order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub id: RecordId,
    pub life: Life,
    /// By [`FieldId`]. `None`: never told by any side.
    pub fields: Vec<Option<FieldState>>,
    pub links: Vec<Link>,
}

impl Record {
    pub fn link(&self, side: SideId) -> Option<&Link> {
        self.links.iter().find(|link| link.side == side)
    }

    pub fn link_mut(&mut self, side: SideId) -> Option<&mut Link> {
        self.links.iter_mut().find(|link| link.side == side)
    }

    pub fn field(&self, field: FieldId) -> Option<&FieldState> {
        self.fields.get(usize::from(field.0)).and_then(Option::as_ref)
    }
}
