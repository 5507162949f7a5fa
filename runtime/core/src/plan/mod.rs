//! The planner: takes what sides report and what became of writes, and works
//! out the new records, the journal and the writes that follow. Gather, plan,
//! apply: everything it may look at is in the [`Workset`] before it starts.

mod absorb;
mod cells;
mod compute;
mod deletes;
mod filter;
mod finish;
mod hold;
mod intent;
mod link;
mod merge;
mod needs;
mod operator;
mod presumed;
mod proof;
mod revert;
mod settle;
mod standing;
mod twins;
mod workset;

pub use absorb::can_order;
pub use filter::{Belonging, belonging};
pub use intent::{affirm, intent, wants};
pub use needs::{
    Parent, Wait, moved_to, needs, needs_entries, needs_keys, needs_outcomes, needs_rows, parents, record_matches,
    waits,
};
pub use presumed::Presumed;
pub use proof::{Lost, lost};
pub use twins::{Maker, holds, told_by};
pub use workset::{KeyRecords, Needs, Refs, Workset};

use crate::{
    delta::Delta,
    key::Key,
    record::{FieldId, RecordId, SideId},
    spec::SyncSpec,
    value::{Timestamp, Value},
    write::Intent,
};

use cells::Layouts;
use finish::Befores;

/// A write derived from a record, and what has to be remembered to settle it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub record: RecordId,
    /// Positional by the side's columns ([`crate::spec::SideSpec::columns`]).
    pub intent: Intent,
    /// The fields written, canonical value and native form.
    pub fields: Vec<(FieldId, Value, Value)>,
}

/// Where a sync stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Sides are being read for the first time.
    FirstCopy(Unread),
    Live,
}

impl Phase {
    pub(crate) fn is_first_copy(self) -> bool {
        matches!(self, Phase::FirstCopy(_))
    }
}

/// Sides whose rows have not all been read: nothing is created that a later page
/// would have matched. A side that is the only one left takes no creates, but its
/// own rows may be created elsewhere: all that they could match is known there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread(u64);

impl Unread {
    /// Nobody knows of any side that it was read.
    pub const ALL: Unread = Unread(u64::MAX);

    /// Whether records are not created at a side yet.
    pub fn withholds(self, side: SideId) -> bool {
        match self.0.count_ones() {
            0 => false,
            1 => self.0 == bit(side),
            _ => true,
        }
    }
}

impl FromIterator<SideId> for Unread {
    fn from_iter<T: IntoIterator<Item = SideId>>(sides: T) -> Self {
        Unread(sides.into_iter().fold(0, |all, side| all | bit(side)))
    }
}

/// Sides beyond the bits count as all of them.
fn bit(side: SideId) -> u64 {
    1u64.checked_shl(side.0.into()).unwrap_or(u64::MAX)
}

/// What came of absorbing a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Absorbed {
    /// News or an echo, dealt with.
    Done,
    /// Not newer than what is known.
    Stale,
    /// The row must be fetched first: too little was told.
    Fetch(Key),
}

/// What came of settling an outcome.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    Done,
    /// Read the row again (`None`: look it up by match key) before anything else is written there.
    Refetch(Option<Key>),
    /// Try again after this many milliseconds.
    Retry {
        after_ms: u32,
    },
}

/// A person's choice on a held field or record.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    Side(SideId),
    Value(Value),
    /// Decide by the rule as it is now.
    Rule,
}

/// What came of reverting one journal entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Reverted {
    Done,
    /// Edited since: listed, not clobbered.
    EditedSince(Vec<FieldId>),
    /// The record that was deleted would be this one once more, which lives.
    LivesAs(RecordId),
    /// Nothing in this entry can be undone.
    Nothing,
}

/// Numbers of what a plan did, for people and metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub absorbed: u64,
    pub echoes: u64,
    pub stale: u64,
    pub conflicts: u64,
    pub held: u64,
    pub deleted: u64,
}

/// Plans one transaction's worth of changes. Call the verbs in the order things
/// happened, then [`Planner::finish`].
pub struct Planner<'a> {
    pub spec: &'a SyncSpec,
    pub refs: &'a Refs,
    pub now: Timestamp,
    pub phase: Phase,
    pub next_record: u64,
    pub next_entry: u64,
    pub delta: Delta,
    pub tally: Tally,
    before: Befores,
    layouts: Layouts,
    /// Rows linked and added by a first copy.
    copied: (u64, u64),
}

impl<'a> Planner<'a> {
    pub fn new(
        spec: &'a SyncSpec,
        refs: &'a Refs,
        now: Timestamp,
        phase: Phase,
        next_record: u64,
        next_entry: u64,
    ) -> Self {
        Planner {
            spec,
            refs,
            now,
            phase,
            next_record,
            next_entry,
            delta: Delta::default(),
            tally: Tally::default(),
            before: Befores::default(),
            layouts: Layouts::default(),
            copied: (0, 0),
        }
    }
}
