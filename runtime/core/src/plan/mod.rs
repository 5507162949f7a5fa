//! The planner: takes what sides report and what became of writes, and works
//! out the new records, the journal and the writes that follow. Gather, plan,
//! apply: everything it may look at is in the [`Workset`] before it starts.

mod workset;

pub use workset::{Needs, Refs, Workset};

use crate::{
    change::{ChangeBatch, Row},
    delta::Delta,
    journal::Entry,
    key::Key,
    record::{FieldId, Record, RecordId, SideId},
    spec::SyncSpec,
    value::{Timestamp, Value},
    write::{Action, Intent, Outcome},
};

/// What has to be looked up before a batch can be absorbed.
pub fn needs(spec: &SyncSpec, side: SideId, batch: &ChangeBatch) -> Needs {
    let _ = (spec, side, batch);
    todo!()
}

/// Which write a record wants at a side, if any: derived, never stored.
pub fn wants(spec: &SyncSpec, refs: &Refs, record: &Record, side: SideId) -> Option<Action> {
    let _ = (spec, refs, record, side);
    todo!()
}

/// A write derived from a record, and what has to be remembered to settle it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub record: RecordId,
    /// Positional by the side's columns ([`crate::spec::SideSpec::columns`]).
    pub intent: Intent,
    /// The fields written, canonical value and native form.
    pub fields: Vec<(FieldId, Value, Value)>,
}

/// The write a record wants at a side now.
pub fn intent(spec: &SyncSpec, refs: &Refs, record: &Record, side: SideId) -> Option<Sent> {
    let _ = (spec, refs, record, side);
    todo!()
}

/// Where a sync stands: creates wait until every side has been read once, so
/// that nothing is created that a later page would have matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    FirstCopy,
    Live,
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
        Planner { spec, refs, now, phase, next_record, next_entry, delta: Delta::default(), tally: Tally::default() }
    }

    /// One streamed row (`Upsert` or `Delete` batches).
    pub fn absorb(&mut self, set: &mut Workset, side: SideId, batch: &ChangeBatch, row: usize) -> Absorbed {
        let _ = (set, side, batch, row);
        todo!()
    }

    /// One row as read by backfill, reconcile or fetch, positional by the side's columns.
    pub fn absorb_row(&mut self, set: &mut Workset, side: SideId, row: &Row) -> Absorbed {
        let _ = (set, side, row);
        todo!()
    }

    /// A linked row that a complete read or a fetch of its key did not find.
    pub fn absorb_missing(&mut self, set: &mut Workset, side: SideId, key: &Key, at: Timestamp) -> Absorbed {
        let _ = (set, side, key, at);
        todo!()
    }

    /// What became of a write.
    pub fn settle(&mut self, set: &mut Workset, side: SideId, sent: &Sent, outcome: &Outcome) -> Settled {
        let _ = (set, side, sent, outcome);
        todo!()
    }

    /// Marks what a record wants everywhere: after the first copy, after a rule
    /// or mapping change, when a parent arrived, when a failure is retried.
    pub fn review(&mut self, set: &mut Workset, record: RecordId) {
        let _ = (set, record);
        todo!()
    }

    /// Lifts a refusal so that the write is tried again.
    pub fn retry(&mut self, set: &mut Workset, record: RecordId, side: SideId) {
        let _ = (set, record, side);
        todo!()
    }

    /// A person decides a held field (`None`: the record's held delete or ambiguity).
    pub fn decide(
        &mut self,
        set: &mut Workset,
        record: RecordId,
        field: Option<FieldId>,
        choice: &Choice,
        by: &str,
        note: &str,
    ) -> Result<(), String> {
        let _ = (set, record, field, choice, by, note);
        todo!()
    }

    /// Decides a journaled conflict anew, under the rules as they are.
    pub fn replay(&mut self, set: &mut Workset, entry: &Entry, by: &str) -> Reverted {
        let _ = (set, entry, by);
        todo!()
    }

    /// Restores the values before a journaled entry.
    pub fn revert(&mut self, set: &mut Workset, entry: &Entry, by: &str) -> Reverted {
        let _ = (set, entry, by);
        todo!()
    }

    /// The delta to commit: every touched record once, whole.
    pub fn finish(self, set: &Workset) -> (Delta, Tally) {
        let _ = set;
        todo!()
    }
}
