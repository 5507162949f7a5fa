//! Numbers kept up to date with every commit, so that nobody counts a million
//! rows to show a status.

use std::collections::BTreeMap;

use lockstep_core::record::SideId;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::{attention::AttentionKind, error::StateError, id::SyncId};

/// What is counted. The numbers are persisted; attention kinds follow at 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counted {
    /// Per sync: records that live (held and ambiguous ones too).
    Records,
    /// Per sync: records known to be deleted.
    Tombstones,
    /// Per side: links whose row is there.
    Links,
    /// Per side: marks.
    Pending,
    /// Per side.
    Quarantined,
    /// Per sync.
    Waiting(AttentionKind),
}

impl Counted {
    fn number(self) -> i64 {
        match self {
            Counted::Records => 1,
            Counted::Tombstones => 2,
            Counted::Links => 3,
            Counted::Pending => 4,
            Counted::Quarantined => 5,
            Counted::Waiting(kind) => 100 + kind as i64,
        }
    }
}

/// Changes of one commit, added up before they are written.
#[derive(Default)]
pub(crate) struct Tally(BTreeMap<(i64, Counted), i64>);

impl Tally {
    pub(crate) fn of_sync(&mut self, counted: Counted, by: i64) {
        *self.0.entry((-1, counted)).or_default() += by;
    }

    pub(crate) fn of_side(&mut self, side: SideId, counted: Counted, by: i64) {
        *self.0.entry((i64::from(side.0), counted)).or_default() += by;
    }

    pub(crate) fn write(&self, conn: &Connection, sync: SyncId) -> Result<(), StateError> {
        let mut add = conn.prepare_cached(
            "INSERT INTO counter VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET n = n + excluded.n",
        )?;
        for ((side, counted), by) in &self.0 {
            if *by != 0 {
                add.execute((sync.0, side, counted.number(), by))?;
            }
        }
        Ok(())
    }
}

/// Numbers of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideCounts {
    /// Rows linked and there.
    pub links: u64,
    /// Writes that wait to be sent.
    pub pending: u64,
    pub quarantined: u64,
}

/// Numbers of one sync.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records that live.
    pub records: u64,
    /// Records known to be deleted, kept until retention ends.
    pub tombstones: u64,
    /// What waits for a person or a parent, by kind; kinds that do not occur are left out.
    pub waiting: BTreeMap<AttentionKind, u64>,
    pub sides: BTreeMap<SideId, SideCounts>,
}

impl Counts {
    /// Fields and records that wait for a person's decision: not what waits for a
    /// parent, and not what a side refused, which is counted by itself.
    pub fn held(&self) -> u64 {
        let decided = |kind: &AttentionKind| !matches!(kind, AttentionKind::AwaitingParent | AttentionKind::Barred);
        self.waiting.iter().filter(|(kind, _)| decided(kind)).map(|(_, n)| n).sum()
    }

    /// What waits for this reason.
    pub fn waiting_for(&self, kind: AttentionKind) -> u64 {
        self.waiting.get(&kind).copied().unwrap_or(0)
    }
}

pub(crate) fn read(conn: &Connection, sync: SyncId) -> Result<Counts, StateError> {
    let mut counts = Counts::default();
    let mut query = conn.prepare_cached("SELECT side, kind, n FROM counter WHERE sync = ?1")?;
    let mut rows = query.query([sync.0])?;
    while let Some(row) = rows.next()? {
        let (side, kind, n): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let n = u64::try_from(n).unwrap_or(0);
        if let Ok(side) = u8::try_from(side) {
            let of_side = counts.sides.entry(SideId(side)).or_default();
            match kind {
                3 => of_side.links = n,
                4 => of_side.pending = n,
                5 => of_side.quarantined = n,
                _ => {}
            }
        } else if kind == 1 {
            counts.records = n;
        } else if kind == 2 {
            counts.tombstones = n;
        } else if let Some(kind) = AttentionKind::from_number(kind - 100)
            && n > 0
        {
            counts.waiting.insert(kind, n);
        }
    }
    Ok(counts)
}
