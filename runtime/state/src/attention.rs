//! What of a record waits for a person or for a parent: derived from the record
//! whenever it is committed, kept in a small table so that it can be listed.

use lockstep_core::record::{FieldId, HoldReason, Life, Presence, Record, SideId};
use serde::{Deserialize, Serialize};

use crate::place::HashKey;

/// Why something waits. The numbers are persisted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum AttentionKind {
    Conflict = 1,
    Uncastable = 2,
    AwaitingParent = 3,
    PingPong = 4,
    HeldDelete = 5,
    Ambiguous = 6,
    /// The record is kept off a side until someone acts.
    Barred = 7,
}

impl AttentionKind {
    pub const ALL: [AttentionKind; 7] = [
        AttentionKind::Conflict,
        AttentionKind::Uncastable,
        AttentionKind::AwaitingParent,
        AttentionKind::PingPong,
        AttentionKind::HeldDelete,
        AttentionKind::Ambiguous,
        AttentionKind::Barred,
    ];

    pub(crate) fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i64 == number)
    }

    /// As shown to people and in `lockstep sql`.
    pub fn name(self) -> &'static str {
        match self {
            AttentionKind::Conflict => "conflict",
            AttentionKind::Uncastable => "uncastable",
            AttentionKind::AwaitingParent => "awaiting-parent",
            AttentionKind::PingPong => "ping-pong",
            AttentionKind::HeldDelete => "held-delete",
            AttentionKind::Ambiguous => "ambiguous",
            AttentionKind::Barred => "barred",
        }
    }
}

/// One row of the table, without its sync and record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub kind: AttentionKind,
    pub field: Option<FieldId>,
    pub side: Option<SideId>,
    pub since: i64,
    pub entry: u64,
    /// Of the awaited parent's key.
    pub place: i64,
}

/// Everything in a record that waits.
pub(crate) fn of(record: &Record, hash: &HashKey) -> Vec<Waiting> {
    let mut rows = Vec::new();
    for (field, state) in (0u16..).zip(&record.fields) {
        let Some(hold) = state.as_ref().and_then(|state| state.hold.as_ref()) else {
            continue;
        };
        let (kind, side, place) = match &hold.reason {
            HoldReason::Conflict => (AttentionKind::Conflict, None, 0),
            HoldReason::Uncastable { .. } => (AttentionKind::Uncastable, None, 0),
            HoldReason::AwaitingParent { side, key } => (AttentionKind::AwaitingParent, Some(*side), hash.of_key(key)),
            HoldReason::PingPong => (AttentionKind::PingPong, None, 0),
        };
        rows.push(Waiting { kind, field: Some(FieldId(field)), side, since: hold.since.0, entry: hold.entry, place });
    }
    let mut whole = |kind, side, since, entry| {
        rows.push(Waiting { kind, field: None, side, since, entry, place: 0 });
    };
    match &record.life {
        Life::Live | Life::Deleted { .. } => {}
        Life::HeldDelete { by, at, entry } => {
            whole(AttentionKind::HeldDelete, Some(*by), at.0, *entry);
        }
        Life::Ambiguous { entry, .. } => whole(AttentionKind::Ambiguous, None, 0, *entry),
    }
    for link in &record.links {
        match link.presence {
            Presence::Live | Presence::Deleted | Presence::Uncertain => {}
            Presence::Barred => whole(AttentionKind::Barred, Some(link.side), 0, 0),
        }
    }
    rows
}
