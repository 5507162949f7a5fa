//! A commit: one plain value with its owner, epoch and place in the order, and
//! the form it is brought into before it is queued, so that the writer thread
//! only has to hand rows to SQLite. Must not touch a connection.

use std::sync::Arc;

use lockstep_core::{
    change::Cursor,
    delta::{Delta, IndexChange, Mark, QuarantineChange},
    journal::{Entry, What},
    record::{Life, Presence, Record, RecordId, SideId},
    write::Action,
};
use serde::{Deserialize, Serialize};

use crate::{
    attention::{self, Waiting},
    encode,
    error::StateError,
    id::{IN_SYNC_MAX, SIDES_MAX, SyncId},
    notice::NoticeRow,
    place::HashKey,
};

/// How far a sync has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncPhase {
    /// Sides are being read for the first time; nothing is created yet.
    #[default]
    FirstCopy,
    /// Every side was read; records up to and including `after` have been reviewed.
    Sweep {
        after: RecordId,
    },
    Live,
}

/// What changes about one side's stream, beside its cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamChange {
    /// The connector's version of its cursor bytes.
    pub cursor_version: Option<u32>,
    /// Raised whenever the stream had to start anew.
    pub generation: Option<u32>,
    /// Digest of the connector in force.
    pub connector: Option<Arc<str>>,
    /// The cursor is void: the stream starts anew.
    pub forget_cursor: bool,
    /// The full read is to be done again from its beginning.
    pub restart_backfill: bool,
}

/// One commit of one sync.
#[derive(Clone, Debug)]
pub struct Commit {
    pub sync: SyncId,
    pub owner: u128,
    pub epoch: u64,
    /// The sync's `commit_seq` before this commit; it is one more after it.
    pub expected_seq: u64,
    pub delta: Delta,
    /// Applied before the delta's own cursors.
    pub streams: Vec<(SideId, StreamChange)>,
    pub phase: Option<SyncPhase>,
    /// Free settings of the sync; `None` removes one.
    pub settings: Vec<(String, Option<String>)>,
}

/// What a commit left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    pub sync: SyncId,
    pub commit_seq: u64,
    pub next_record: u64,
    pub next_entry: u64,
}

pub(crate) const BIT_LIVES: u64 = 1;
pub(crate) const BIT_ATTENTION: u64 = 2;

/// The bit of a side in a record's row.
pub(crate) fn side_bit(side: SideId) -> u64 {
    1u64.checked_shl(2 + u32::from(side.0)).unwrap_or(0)
}

pub(crate) struct RecordRow {
    pub id: RecordId,
    pub bits: u64,
    pub gone_at: Option<i64>,
    pub body: Vec<u8>,
    pub waiting: Vec<Waiting>,
}

pub(crate) struct EntryRow {
    pub seq: u64,
    pub at: i64,
    pub kind: u8,
    pub record: Option<RecordId>,
    pub side: Option<SideId>,
    pub rules: u32,
    pub body: Vec<u8>,
}

pub(crate) enum IndexRow {
    AddKey(SideId, i64, RecordId),
    DropKey(SideId, i64, RecordId),
    AddMatch(i64, RecordId),
    DropMatch(i64, RecordId),
}

pub(crate) enum QuarantineRow {
    Put { side: SideId, record: RecordId, at: i64, signature: String, body: Vec<u8> },
    Clear { side: SideId, record: RecordId },
}

/// A commit ready for the writer.
pub(crate) struct Prepared {
    pub sync: SyncId,
    pub owner: u128,
    pub epoch: u64,
    pub expected_seq: u64,
    pub records: Vec<RecordRow>,
    pub forgotten: Vec<RecordId>,
    pub index: Vec<IndexRow>,
    pub marks: Vec<Mark>,
    pub journal: Vec<EntryRow>,
    pub quarantine: Vec<QuarantineRow>,
    pub cursors: Vec<(SideId, Cursor)>,
    pub backfill: Vec<(SideId, Option<Vec<u8>>)>,
    pub notices: Vec<NoticeRow>,
    pub streams: Vec<(SideId, StreamChange)>,
    pub phase: Option<SyncPhase>,
    pub settings: Vec<(String, Option<String>)>,
    pub bytes: usize,
}

/// What one row costs in the queue beside its body.
const ROW_BYTES: usize = 64;

impl Prepared {
    /// Encodes a commit; refuses one that is larger than `bytes_max`.
    pub(crate) fn new(commit: Commit, hash: &HashKey, bytes_max: usize) -> Result<Self, StateError> {
        let Delta { records, forgotten, index, mut marks, journal, quarantine, cursors, backfill, notices } =
            commit.delta;
        let mut records = records.iter().map(|record| record_row(record, hash)).collect::<Result<Vec<_>, _>>()?;
        // Neighbouring rows share pages.
        records.sort_by_key(|row| row.id);
        if records.windows(2).any(|pair| matches!(pair, [a, b] if a.id == b.id)) {
            return Err(StateError::Disorder { detail: "a record occurs twice".to_owned() });
        }
        marks.sort_by_key(|mark| (mark.side, mark.record));
        let mut prepared = Prepared {
            sync: commit.sync,
            owner: commit.owner,
            epoch: commit.epoch,
            expected_seq: commit.expected_seq,
            records,
            forgotten,
            index: index_rows(index, hash),
            marks,
            journal: journal.iter().map(entry_row).collect(),
            quarantine: quarantine.into_iter().map(quarantine_row).collect(),
            cursors,
            backfill,
            notices: notices.iter().map(NoticeRow::new).collect(),
            streams: commit.streams,
            phase: commit.phase,
            settings: commit.settings,
            bytes: 0,
        };
        prepared.bytes = prepared.size_bytes();
        if prepared.bytes > bytes_max {
            return Err(StateError::TooLarge { bytes: prepared.bytes, max: bytes_max });
        }
        Ok(prepared)
    }

    fn size_bytes(&self) -> usize {
        let bodies = self.records.iter().map(|row| row.body.len()).sum::<usize>()
            + self.journal.iter().map(|row| row.body.len()).sum::<usize>()
            + self.cursors.iter().map(|(_, c)| c.0.len()).sum::<usize>()
            + self.backfill.iter().map(|(_, b)| b.as_ref().map_or(0, Vec::len)).sum::<usize>()
            + self
                .settings
                .iter()
                .map(|(name, value)| name.len() + value.as_ref().map_or(0, String::len))
                .sum::<usize>()
            + self
                .quarantine
                .iter()
                .map(|row| match row {
                    QuarantineRow::Put { body, .. } => body.len(),
                    QuarantineRow::Clear { .. } => 0,
                })
                .sum::<usize>()
            + self.notices.iter().map(NoticeRow::size_bytes).sum::<usize>();
        let rows = self.records.len()
            + self.forgotten.len()
            + self.index.len()
            + self.marks.len()
            + self.journal.len()
            + self.quarantine.len()
            + self.notices.len()
            + 1;
        bodies + rows * ROW_BYTES
    }
}

fn record_row(record: &Record, hash: &HashKey) -> Result<RecordRow, StateError> {
    if record.id.0 == 0 || record.id.0 > IN_SYNC_MAX {
        return Err(StateError::Disorder { detail: format!("record number {} is out of range", record.id.0) });
    }
    let waiting = attention::of(record, hash);
    let mut bits = if waiting.is_empty() { 0 } else { BIT_ATTENTION };
    let gone_at = match &record.life {
        Life::Deleted { at, .. } => Some(at.0),
        Life::Live | Life::HeldDelete { .. } | Life::Ambiguous { .. } => {
            bits |= BIT_LIVES;
            None
        }
    };
    for link in &record.links {
        if link.side.0 >= SIDES_MAX {
            return Err(StateError::UsedUp { what: "the numbering of sides", max: u64::from(SIDES_MAX) });
        }
        if link.presence == Presence::Live {
            bits |= side_bit(link.side);
        }
    }
    Ok(RecordRow { id: record.id, bits, gone_at, body: encode::record(record), waiting })
}

fn index_rows(changes: Vec<IndexChange>, hash: &HashKey) -> Vec<IndexRow> {
    changes
        .into_iter()
        .map(|change| match change {
            IndexChange::AddKey { side, key, record } => IndexRow::AddKey(side, hash.of_key(&key), record),
            IndexChange::DropKey { side, key, record } => IndexRow::DropKey(side, hash.of_key(&key), record),
            IndexChange::AddMatch { key, record } => IndexRow::AddMatch(hash.of_match(&key), record),
            IndexChange::DropMatch { key, record } => IndexRow::DropMatch(hash.of_match(&key), record),
        })
        .collect()
}

fn entry_row(entry: &Entry) -> EntryRow {
    EntryRow {
        seq: entry.seq,
        at: entry.at.0,
        kind: EntryKind::of(&entry.what) as u8,
        record: entry.record,
        side: entry.side,
        rules: entry.rules,
        body: encode::entry(entry),
    }
}

fn quarantine_row(change: QuarantineChange) -> QuarantineRow {
    match change {
        QuarantineChange::Put(row) => QuarantineRow::Put {
            side: row.side,
            record: row.record,
            at: row.at.0,
            body: encode::quarantined(&row),
            signature: row.signature,
        },
        QuarantineChange::Clear { record, side } => QuarantineRow::Clear { side, record },
    }
}

/// Kinds of journal entries. The numbers are persisted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum EntryKind {
    Absorbed = 0,
    Conflict = 1,
    Appeared = 2,
    Linked = 3,
    Copied = 4,
    Written = 5,
    Overwrote = 6,
    Refused = 7,
    Deleted = 8,
    DeleteConflict = 9,
    Ambiguous = 10,
    Clash = 11,
    Uncastable = 12,
    Held = 13,
    Released = 14,
    Rekeyed = 15,
    Operator = 16,
    Reverted = 17,
}

impl EntryKind {
    pub fn of(what: &What) -> Self {
        match what {
            What::Absorbed { .. } => EntryKind::Absorbed,
            What::Conflict { .. } => EntryKind::Conflict,
            What::Appeared { .. } => EntryKind::Appeared,
            What::Linked { .. } => EntryKind::Linked,
            What::Copied { .. } => EntryKind::Copied,
            What::Written { .. } => EntryKind::Written,
            What::Overwrote { .. } => EntryKind::Overwrote,
            What::Refused { .. } => EntryKind::Refused,
            What::Deleted { .. } => EntryKind::Deleted,
            What::DeleteConflict { .. } => EntryKind::DeleteConflict,
            What::Ambiguous { .. } => EntryKind::Ambiguous,
            What::Clash { .. } => EntryKind::Clash,
            What::Uncastable { .. } => EntryKind::Uncastable,
            What::Held { .. } => EntryKind::Held,
            What::Released { .. } => EntryKind::Released,
            What::Rekeyed { .. } => EntryKind::Rekeyed,
            What::Operator { .. } => EntryKind::Operator,
            What::Reverted { .. } => EntryKind::Reverted,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        use EntryKind::*;
        [
            Absorbed,
            Conflict,
            Appeared,
            Linked,
            Copied,
            Written,
            Overwrote,
            Refused,
            Deleted,
            DeleteConflict,
            Ambiguous,
            Clash,
            Uncastable,
            Held,
            Released,
            Rekeyed,
            Operator,
            Reverted,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == number)
    }

    /// Kinds that come in masses and have no index of their own.
    pub(crate) fn is_common(self) -> bool {
        matches!(self, EntryKind::Absorbed | EntryKind::Appeared | EntryKind::Linked | EntryKind::Written)
    }
}

/// The number an action is kept as.
pub(crate) fn action_number(action: Action) -> u8 {
    match action {
        Action::Create => 0,
        Action::Update => 1,
        Action::Delete => 2,
    }
}

pub(crate) fn action_from(number: u8) -> Result<Action, StateError> {
    match number {
        0 => Ok(Action::Create),
        1 => Ok(Action::Update),
        2 => Ok(Action::Delete),
        other => Err(StateError::corrupt(format!("unknown action {other}"))),
    }
}
