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

/// The loop breaker's memory of a field: how much speaks for two systems
/// rewriting each other's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounces {
    /// Rewrites in a row; those back to a value seen shortly before weigh more.
    pub weight: u16,
    /// Fingerprints of the values replaced last, newest first; 0: none.
    pub seen: [u16; 4],
}

/// One field's agreed value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldState {
    pub value: Value,
    pub provenance: Provenance,
    pub hold: Option<Box<Hold>>,
    pub bounces: Bounces,
    /// Values it had since every side last agreed, oldest first, at most
    /// [`TRAIL_MAX`]. A side that shows one of them after what it last agreed to
    /// only lags behind (a lost acknowledgement, a restored state): no conflict.
    pub trail: Vec<Value>,
}

/// Former values remembered per field while a side lags behind.
pub const TRAIL_MAX: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    Live,
    /// Known to be deleted there.
    Deleted,
    /// A refused or held row keeps the record off that side until someone acts.
    Barred,
    /// The record died while it was wanted there: whether a row was made is not known.
    Uncertain,
}

/// A record at one side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    pub side: SideId,
    /// `None` while `Barred` before a create ever succeeded, and when another
    /// row has taken a deleted row's key.
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

    /// Puts a link in its place, side order.
    pub fn insert_link(&mut self, link: Link) {
        match self.links.binary_search_by_key(&link.side, |l| l.side) {
            Ok(place) => {
                if let Some(old) = self.links.get_mut(place) {
                    *old = link;
                }
            }
            Err(place) => self.links.insert(place, link),
        }
    }

    /// Whether rows that nobody knows may be its own: while it lives, while it is not
    /// deleted everywhere yet, and as long as a row that was asked for before may show.
    pub fn can_be_matched(&self) -> bool {
        !matches!(self.life, Life::Deleted { .. })
            || !self.is_stray()
                && self.links.iter().any(|link| matches!(link.presence, Presence::Live | Presence::Uncertain))
    }

    /// Whether it is no more than a row that was given up for another of the same side:
    /// to be deleted there, and nothing that appears elsewhere belongs to it.
    pub fn is_stray(&self) -> bool {
        match (&self.life, self.links.as_slice()) {
            (Life::Deleted { by: Some(by), .. }, [link]) => link.side == *by && link.is_live(),
            _ => false,
        }
    }

    pub fn field_mut(&mut self, field: FieldId) -> Option<&mut FieldState> {
        self.fields.get_mut(usize::from(field.0)).and_then(Option::as_mut)
    }

    /// Sets a field's state as a whole.
    pub fn set_field(&mut self, field: FieldId, state: FieldState) {
        let index = usize::from(field.0);
        if self.fields.len() <= index {
            self.fields.resize(index + 1, None);
        }
        if let Some(place) = self.fields.get_mut(index) {
            *place = Some(state);
        }
    }

    pub fn field(&self, field: FieldId) -> Option<&FieldState> {
        self.fields.get(usize::from(field.0)).and_then(Option::as_ref)
    }
}

impl Link {
    /// A link to a row of which nothing was seen yet.
    pub fn new(side: SideId, key: Option<Key>, presence: Presence) -> Self {
        Link {
            side,
            key,
            presence,
            version: Version::default(),
            observed: Vec::new(),
            written: Vec::new(),
            quarantined: false,
        }
    }

    /// The native value last known there, exactly as shown.
    pub fn observed(&self, field: FieldId) -> Option<&Value> {
        self.observed.get(usize::from(field.0)).and_then(Option::as_ref)
    }

    /// What the runtime last wrote, where the side stored something else.
    pub fn written(&self, field: FieldId) -> Option<&Value> {
        self.written.iter().find(|(id, _)| *id == field).map(|(_, value)| value)
    }

    /// The native value by which the side is judged: written, or else observed.
    pub fn acknowledged(&self, field: FieldId) -> Option<&Value> {
        self.written(field).or_else(|| self.observed(field))
    }

    /// Remembers what the side shows and forgets what was written there.
    pub fn observe(&mut self, field: FieldId, native: Value) {
        let index = usize::from(field.0);
        if self.observed.len() <= index {
            self.observed.resize(index + 1, None);
        }
        if let Some(place) = self.observed.get_mut(index) {
            *place = Some(native);
        }
        if !self.written.is_empty() {
            self.written.retain(|(id, _)| *id != field);
        }
    }

    /// Remembers what was written where the side stored something else.
    pub fn wrote(&mut self, field: FieldId, native: Value) {
        self.written.retain(|(id, _)| *id != field);
        let place = self.written.partition_point(|(id, _)| *id < field);
        self.written.insert(place, (field, native));
    }

    pub fn is_live(&self) -> bool {
        self.presence == Presence::Live
    }
}
