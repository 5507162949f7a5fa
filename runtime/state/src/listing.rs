//! Lists for the engine and for people: pending writes, what waits, what was
//! refused, tombstones, numbers. Every list is given in bounded parts.

use lockstep_core::{
    delta::{Mark, Quarantined},
    key::Key,
    record::{FieldId, RecordId, SideId},
    value::Timestamp,
    write::Action,
};
use serde::{Deserialize, Serialize};

use crate::{
    attention::AttentionKind,
    commit::{action_from, action_number},
    counts::{self, Counts},
    encode,
    error::StateError,
    id::{self, SyncId},
    store::Store,
};

/// Something that waits for a person or a parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attention {
    pub record: RecordId,
    pub kind: AttentionKind,
    /// `None`: the whole record.
    pub field: Option<FieldId>,
    pub side: Option<SideId>,
    pub since: Timestamp,
    /// The journal entry that tells more; 0: none.
    pub entry: u64,
}

/// Alike failures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineGroup {
    pub side: SideId,
    pub signature: String,
    pub rows: u64,
    pub oldest: Timestamp,
    pub newest: Timestamp,
}

/// Which quarantined writes. Empty: all of the sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuarantineFilter {
    pub side: Option<SideId>,
    pub signature: Option<String>,
    pub record: Option<RecordId>,
}

impl Store {
    /// Numbers of a sync, kept with every commit.
    pub fn counts(&self, sync: SyncId) -> Result<Counts, StateError> {
        self.read(|conn| counts::read(conn, sync))
    }

    /// Pending writes to a side, in record order, after `after`.
    pub fn marks(&self, sync: SyncId, side: SideId, after: RecordId, limit: usize) -> Result<Vec<Mark>, StateError> {
        self.read(|conn| {
            let mut query = conn.prepare_cached(
                "SELECT record, action FROM mark WHERE side = ?1 AND record > ?2
                 ORDER BY record LIMIT ?3",
            )?;
            let mut rows = query.query((id::side(sync, side), after.0 as i64, limit as i64))?;
            let mut marks = Vec::new();
            while let Some(row) = rows.next()? {
                marks.push(Mark {
                    record: RecordId(row.get::<_, i64>(0)? as u64),
                    side,
                    action: Some(action_from(row.get(1)?)?),
                });
            }
            Ok(marks)
        })
    }

    /// Whether a row is still to be made at a side for a record below this one.
    pub fn has_create_below(&self, sync: SyncId, side: SideId, below: RecordId) -> Result<bool, StateError> {
        self.read(|conn| {
            let mut query =
                conn.prepare_cached("SELECT 1 FROM mark WHERE side = ?1 AND record < ?2 AND action = ?3 LIMIT 1")?;
            Ok(query.exists((id::side(sync, side), below.0 as i64, action_number(Action::Create)))?)
        })
    }

    /// What waits, in record order, after `after`. `kind` `None`: every kind.
    pub fn attention(
        &self,
        sync: SyncId,
        kind: Option<AttentionKind>,
        after: RecordId,
        limit: usize,
    ) -> Result<Vec<Attention>, StateError> {
        self.read(|conn| {
            let columns = "SELECT record, kind, field, side, since, entry FROM attention";
            let (sql, kind) = match kind {
                Some(kind) => (
                    format!(
                        "{columns} WHERE sync = ?1 AND kind = ?4 AND record > ?2
                         ORDER BY record LIMIT ?3"
                    ),
                    kind as u8,
                ),
                None => (
                    format!(
                        "{columns} WHERE sync = ?1 AND record > ?2 AND ?4 = 0
                         ORDER BY record, kind, field LIMIT ?3"
                    ),
                    0,
                ),
            };
            let mut query = conn.prepare_cached(&sql)?;
            let mut rows = query.query((sync.0, after.0 as i64, limit as i64, kind))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let number = row.get(1)?;
                let kind = AttentionKind::from_number(number)
                    .ok_or_else(|| StateError::corrupt(format!("unknown hold {number}")))?;
                found.push(Attention {
                    record: RecordId(row.get::<_, i64>(0)? as u64),
                    kind,
                    field: u16::try_from(row.get::<_, i64>(2)?).ok().map(FieldId),
                    side: u8::try_from(row.get::<_, i64>(3)?).ok().map(SideId),
                    since: Timestamp(row.get(4)?),
                    entry: row.get::<_, i64>(5)? as u64,
                });
            }
            Ok(found)
        })
    }

    /// Records of this sync with a field that waits for a parent of this key (at
    /// `side` of this sync), after `after`. Filed by hash: the records' own holds decide.
    pub fn awaiting(
        &self,
        sync: SyncId,
        key: &Key,
        after: RecordId,
        limit: usize,
    ) -> Result<Vec<RecordId>, StateError> {
        let place = self.inner.hash.of_key(key);
        self.read(|conn| {
            let mut query = conn.prepare_cached(
                "SELECT DISTINCT record FROM attention
                 WHERE sync = ?1 AND kind = ?2 AND place = ?3 AND record > ?4
                 ORDER BY record LIMIT ?5",
            )?;
            let kind = AttentionKind::AwaitingParent as u8;
            let rows = query.query_map((sync.0, kind, place, after.0 as i64, limit as i64), |row| {
                Ok(RecordId(row.get::<_, i64>(0)? as u64))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Refused writes by signature, the largest group first.
    pub fn quarantine_groups(&self, sync: SyncId) -> Result<Vec<QuarantineGroup>, StateError> {
        self.read(|conn| {
            let mut query = conn.prepare_cached(
                "SELECT side, signature, count(*), min(at), max(at) FROM quarantine
                 WHERE side BETWEEN ?1 AND ?2 GROUP BY side, signature
                 ORDER BY 3 DESC, side, signature LIMIT 1000",
            )?;
            let (first, last) = sides(sync);
            let rows = query.query_map((first, last), |row| {
                Ok(QuarantineGroup {
                    side: id::side_of(row.get(0)?).1,
                    signature: row.get(1)?,
                    rows: row.get::<_, i64>(2)? as u64,
                    oldest: Timestamp(row.get(3)?),
                    newest: Timestamp(row.get(4)?),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Refused writes one by one, in side and record order, after `after`.
    pub fn quarantine(
        &self,
        sync: SyncId,
        filter: &QuarantineFilter,
        after: Option<(SideId, RecordId)>,
        limit: usize,
    ) -> Result<Vec<Quarantined>, StateError> {
        self.read(|conn| {
            let (mut first, mut last) = sides(sync);
            if let Some(side) = filter.side {
                first = id::side(sync, side);
                last = first;
            }
            let (after_side, after_record) =
                after.map_or((-1, -1), |(side, record)| (id::side(sync, side), record.0 as i64));
            let mut query = conn.prepare_cached(
                "SELECT body FROM quarantine WHERE side BETWEEN ?1 AND ?2
                 AND (side, record) > (?3, ?4)
                 AND (?5 IS NULL OR signature = ?5) AND (?6 IS NULL OR record = ?6)
                 ORDER BY side, record LIMIT ?7",
            )?;
            let mut rows = query.query((
                first,
                last,
                after_side,
                after_record,
                filter.signature.as_deref(),
                filter.record.map(|record| record.0 as i64),
                limit as i64,
            ))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(encode::quarantined_from(&row.get::<_, Vec<u8>>(0)?)?);
            }
            Ok(found)
        })
    }

    /// Records deleted before `before`, oldest first: due to be forgotten.
    pub fn tombstones(&self, sync: SyncId, before: Timestamp, limit: usize) -> Result<Vec<RecordId>, StateError> {
        self.read(|conn| {
            let (first, last) = id::rows(sync);
            let mut query = conn.prepare_cached(
                "SELECT id FROM record WHERE gone_at IS NOT NULL AND gone_at < ?1
                 AND id BETWEEN ?2 AND ?3 ORDER BY gone_at LIMIT ?4",
            )?;
            let rows = query.query_map((before.0, first, last, limit as i64), |row| Ok(id::record_of(row.get(0)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn sides(sync: SyncId) -> (i64, i64) {
    (id::side(sync, SideId(0)), id::side(sync, SideId(u8::MAX)))
}
