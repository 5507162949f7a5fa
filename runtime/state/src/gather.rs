//! Records as the planner asks for them: by number, by key at a side, by match
//! value, in order. One call is one snapshot.

use std::collections::HashSet;

use lockstep_core::{
    key::{Key, MatchKey},
    record::{Presence, Record, RecordId, SideId},
};
use rusqlite::{CachedStatement, Connection, Rows};

use crate::{
    commit::{BIT_ATTENTION, BIT_LIVES, side_bit},
    encode,
    error::StateError,
    id::{self, SyncId},
    store::Store,
};

/// What was asked for, complete.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// Every record named below, once, in number order.
    pub records: Vec<Record>,
    /// By position of the keys asked for.
    pub keys: Vec<Option<RecordId>>,
    /// By position of the match values asked for. Filed by hash: whoever uses them
    /// compares the records' own match values.
    pub matches: Vec<Vec<RecordId>>,
}

/// Candidates of one match value beyond which no more are given: it is
/// ambiguous long before.
const CANDIDATES_MAX: usize = 64;

impl Store {
    /// Looks up keys and match values, with all records found.
    pub fn gather(&self, sync: SyncId, keys: &[(SideId, Key)], matches: &[MatchKey]) -> Result<Gathered, StateError> {
        let hash = self.inner.hash;
        // In the order they are filed, so that each page is read once.
        let mut places: Vec<(SideId, i64, usize)> =
            keys.iter().enumerate().map(|(at, (side, key))| (*side, hash.of_key(key), at)).collect();
        places.sort_unstable();
        self.read(|conn| {
            let mut lookup = Lookup::new(conn, sync)?;
            let mut gathered = Gathered { keys: vec![None; keys.len()], ..Gathered::default() };
            let mut seen = HashSet::with_capacity(keys.len());
            for (side, place, at) in places {
                let Some((_, key)) = keys.get(at) else { continue };
                let found = lookup.by_key(side, place, key)?;
                if let Some(answer) = gathered.keys.get_mut(at) {
                    *answer = found.as_ref().map(|record| record.id);
                }
                if let Some(record) = found
                    && seen.insert(record.id)
                {
                    gathered.records.push(record);
                }
            }
            for key in matches {
                let mut ids = Vec::new();
                for candidate in lookup.by_match(hash.of_match(key))? {
                    if !seen.contains(&candidate) {
                        let Some(record) = lookup.by_id(candidate)? else {
                            continue;
                        };
                        seen.insert(candidate);
                        gathered.records.push(record);
                    }
                    ids.push(candidate);
                }
                gathered.matches.push(ids);
            }
            gathered.records.sort_by_key(|record| record.id);
            Ok(gathered)
        })
    }

    /// Records by number, in that order; unknown ones are left out.
    pub fn records(&self, sync: SyncId, ids: &[RecordId]) -> Result<Vec<Record>, StateError> {
        self.read(|conn| {
            let mut lookup = Lookup::new(conn, sync)?;
            let mut records = Vec::with_capacity(ids.len());
            for id in ids {
                records.extend(lookup.by_id(*id)?);
            }
            Ok(records)
        })
    }

    /// The record linked to a key at a side; one whose link lives is preferred.
    pub fn record_by_key(&self, sync: SyncId, side: SideId, key: &Key) -> Result<Option<Record>, StateError> {
        let hash = self.inner.hash;
        self.read(|conn| Lookup::new(conn, sync)?.by_key(side, hash.of_key(key), key))
    }

    /// Records that do not live at all of these sides, or wait for something:
    /// those numbered after the first number up to the second, in order.
    pub fn scan_unsettled(
        &self,
        sync: SyncId,
        sides: &[SideId],
        (after, until): (RecordId, RecordId),
        limit: usize,
    ) -> Result<Vec<Record>, StateError> {
        let everywhere = sides.iter().fold(BIT_LIVES, |bits, side| bits | side_bit(*side));
        self.read(|conn| {
            let mut query = conn.prepare_cached(
                "SELECT body FROM record WHERE id > ?1 AND id <= ?2 AND bits & ?3 <> ?4 ORDER BY id LIMIT ?5",
            )?;
            let (first, last) = (id::row(sync, after.0)?, id::row(sync, until.0)?);
            let mask = everywhere | BIT_ATTENTION;
            bodies(query.query((first, last, mask as i64, everywhere as i64, limit as i64))?)
        })
    }

    /// Records after `after`, in number order.
    pub fn scan(&self, sync: SyncId, after: RecordId, limit: usize) -> Result<Vec<Record>, StateError> {
        self.read(|conn| {
            let (_, last) = id::rows(sync);
            let mut query =
                conn.prepare_cached("SELECT body FROM record WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3")?;
            bodies(query.query((id::row(sync, after.0)?, last, limit as i64))?)
        })
    }
}

/// The records of rows that are a body each.
fn bodies(mut rows: Rows<'_>) -> Result<Vec<Record>, StateError> {
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(encode::record_from(
            row.get_ref(0)?.as_blob().map_err(|error| StateError::corrupt(format!("a record has no body: {error}")))?,
        )?);
    }
    Ok(records)
}

/// The statements of many look-ups, prepared once.
struct Lookup<'c> {
    sync: SyncId,
    by_id: CachedStatement<'c>,
    by_place: CachedStatement<'c>,
    by_match: CachedStatement<'c>,
    /// Records filed at the place looked at.
    candidates: Vec<RecordId>,
}

impl<'c> Lookup<'c> {
    fn new(conn: &'c Connection, sync: SyncId) -> Result<Self, StateError> {
        Ok(Lookup {
            sync,
            by_id: conn.prepare_cached("SELECT body FROM record WHERE id = ?1")?,
            by_place: conn.prepare_cached("SELECT record FROM link_key WHERE side = ?1 AND place = ?2")?,
            // A limit that is bound would have the statement planned anew each time.
            by_match: conn.prepare_cached(&format!(
                "SELECT record FROM match_key WHERE sync = ?1 AND place = ?2 ORDER BY record LIMIT {CANDIDATES_MAX}"
            ))?,
            candidates: Vec::new(),
        })
    }

    fn by_id(&mut self, record: RecordId) -> Result<Option<Record>, StateError> {
        let mut rows = self.by_id.query([id::row(self.sync, record.0)?])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let body =
            row.get_ref(0)?.as_blob().map_err(|error| StateError::corrupt(format!("a record has no body: {error}")))?;
        encode::record_from(body).map(Some)
    }

    /// Records filed under a match value, in order.
    fn by_match(&mut self, place: i64) -> Result<Vec<RecordId>, StateError> {
        let mut rows = self.by_match.query((self.sync.0, place))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(RecordId(row.get::<_, i64>(0)? as u64));
        }
        Ok(found)
    }

    /// The record with this key, filed at this place; one whose link lives is preferred.
    fn by_key(&mut self, side: SideId, place: i64, key: &Key) -> Result<Option<Record>, StateError> {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        let mut rows = self.by_place.query((id::side(self.sync, side), place))?;
        while let Some(row) = rows.next()? {
            candidates.push(RecordId(row.get::<_, i64>(0)? as u64));
        }
        drop(rows);
        let mut best: Option<(bool, Record)> = None;
        for candidate in &candidates {
            let Some(record) = self.by_id(*candidate)? else {
                continue;
            };
            let Some(link) = record.link(side).filter(|link| link.key.as_ref() == Some(key)) else {
                continue;
            };
            let lives = link.presence == Presence::Live;
            let better = best.as_ref().is_none_or(|(known, other)| (lives, record.id) > (*known, other.id));
            if better {
                best = Some((lives, record));
            }
        }
        self.candidates = candidates;
        Ok(best.map(|(_, record)| record))
    }
}
