//! Forgetting a whole sync: everything the file knows of it, in bounded steps, so
//! that other syncs commit in between.

use rusqlite::Connection;

use crate::{
    error::StateError,
    id::{self, SyncId},
    store::Store,
};

/// Begins the name of a sync that is being forgotten; no configuration can say it.
const FORGOTTEN: &str = "(removed) ";

/// Statements that delete at most `?3` rows between `?1` and `?2`.
const BY_ROW: [&str; 2] = [
    "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE id BETWEEN ?1 AND ?2 LIMIT ?3)",
    "DELETE FROM record WHERE id IN (SELECT id FROM record WHERE id BETWEEN ?1 AND ?2 LIMIT ?3)",
];
const BY_SIDE: [&str; 4] = [
    "DELETE FROM link_key WHERE (side, place, record) IN
     (SELECT side, place, record FROM link_key WHERE side BETWEEN ?1 AND ?2 LIMIT ?3)",
    "DELETE FROM mark WHERE (side, record) IN
     (SELECT side, record FROM mark WHERE side BETWEEN ?1 AND ?2 LIMIT ?3)",
    "DELETE FROM quarantine WHERE (side, record) IN
     (SELECT side, record FROM quarantine WHERE side BETWEEN ?1 AND ?2 LIMIT ?3)",
    "DELETE FROM notice WHERE (side, key, n) IN
     (SELECT side, key, n FROM notice WHERE side BETWEEN ?1 AND ?2 LIMIT ?3)",
];
const BY_SYNC: [&str; 2] = [
    "DELETE FROM match_key WHERE (sync, place, record) IN
     (SELECT sync, place, record FROM match_key WHERE sync BETWEEN ?1 AND ?2 LIMIT ?3)",
    "DELETE FROM attention WHERE (sync, record, kind, field, side) IN
     (SELECT sync, record, kind, field, side FROM attention WHERE sync BETWEEN ?1 AND ?2 LIMIT ?3)",
];
/// What is left then is small.
const REST: [&str; 6] = [
    "DELETE FROM counter WHERE sync = ?1",
    "DELETE FROM setting WHERE sync = ?1",
    "DELETE FROM rules WHERE sync = ?1",
    "DELETE FROM field WHERE sync = ?1",
    "DELETE FROM side WHERE sync = ?1",
    "DELETE FROM sync WHERE id = ?1",
];

impl Store {
    /// Forgets at most `limit` rows of a sync; says how many. Asked again until it
    /// says 0. From the first step on nobody finds the sync by its name, whoever
    /// owned it is fenced, and its name begins anew as another sync.
    pub fn forget_sync(&self, sync: SyncId, limit: usize) -> Result<usize, StateError> {
        self.write(move |conn| {
            conn.execute(
                "UPDATE sync SET name = ?2 || id, epoch = epoch + 1 WHERE id = ?1 AND name NOT LIKE ?2 || '%'",
                (sync.0, FORGOTTEN),
            )?;
            step(conn, sync, limit.max(1))
        })
    }

    /// Syncs whose forgetting was begun and not finished.
    pub fn half_forgotten(&self) -> Result<Vec<SyncId>, StateError> {
        let syncs = self.syncs()?.into_iter();
        Ok(syncs.filter(|(_, name)| name.starts_with(FORGOTTEN)).map(|(sync, _)| sync).collect())
    }
}

fn step(conn: &Connection, sync: SyncId, limit: usize) -> Result<usize, StateError> {
    let mut left = limit;
    let side = |number: i64| (i64::from(sync.0) << 8) | number;
    let whole = i64::from(sync.0);
    let bounds = [(&BY_ROW[..], id::rows(sync)), (&BY_SIDE[..], (side(0), side(255))), (&BY_SYNC[..], (whole, whole))];
    for (statements, (first, last)) in bounds {
        for statement in statements {
            let gone = conn.prepare_cached(statement)?.execute((first, last, left as i64))?;
            left = left.saturating_sub(gone);
            if left == 0 {
                return Ok(limit);
            }
        }
    }
    let mut rest = 0;
    for statement in REST {
        rest += conn.execute(statement, [sync.0])?;
    }
    Ok(limit - left + rest)
}
