//! Applies one prepared commit to an open transaction. Whoever calls decides
//! where transactions begin and end. Must not know threads or queues.

use std::collections::HashMap;

use lockstep_core::record::{RecordId, SideId};
use rusqlite::{Connection, OptionalExtension};

use crate::{
    attention::AttentionKind,
    commit::{
        BIT_ATTENTION, BIT_LIVES, Committed, EntryRow, IndexRow, Prepared, QuarantineRow, RecordRow, StreamChange,
        SyncPhase, action_number, side_bit,
    },
    counts::{Counted, Tally},
    encode,
    error::StateError,
    id::{self, SIDES_MAX, SyncId},
    notice,
    place::HashKey,
};

/// What a record's row said before this commit.
#[derive(Clone, Copy, Default)]
struct Before {
    exists: bool,
    bits: u64,
    entry: u64,
}

struct Apply<'a> {
    conn: &'a Connection,
    sync: SyncId,
    hash: &'a HashKey,
    before: HashMap<RecordId, Before>,
    tally: Tally,
}

/// Applies a commit, or leaves an error after which the transaction has to be
/// rolled back.
pub(crate) fn apply(conn: &Connection, hash: &HashKey, commit: &Prepared) -> Result<Committed, StateError> {
    let committed = advance_head(conn, commit)?;
    let mut apply = Apply {
        conn,
        sync: commit.sync,
        hash,
        before: HashMap::with_capacity(commit.records.len()),
        tally: Tally::default(),
    };
    apply.journal(&commit.journal)?;
    apply.records(&commit.records)?;
    apply.leftover_heads()?;
    apply.index(&commit.index)?;
    apply.marks(commit)?;
    apply.quarantine(&commit.quarantine)?;
    apply.forget(&commit.forgotten)?;
    apply.streams(commit)?;
    notice::apply(conn, commit.sync, &commit.notices)?;
    apply.settings(&commit.settings)?;
    apply.tally.write(conn, commit.sync)?;
    Ok(committed)
}

/// Checks owner, epoch and order, and moves the sync's head on.
fn advance_head(conn: &Connection, commit: &Prepared) -> Result<Committed, StateError> {
    let mut query =
        conn.prepare_cached("SELECT owner, epoch, commit_seq, next_record, next_entry FROM sync WHERE id = ?1")?;
    let head = query
        .query_row([commit.sync.0], |row| {
            Ok((
                u128::from_be_bytes(row.get::<_, [u8; 16]>(0)?),
                row.get::<_, i64>(1)? as u64,
                row.get::<_, i64>(2)? as u64,
                row.get::<_, i64>(3)? as u64,
                row.get::<_, i64>(4)? as u64,
            ))
        })
        .optional()?;
    let Some((owner, epoch, seq, mut next_record, mut next_entry)) = head else {
        return Err(StateError::Unknown { what: "sync", name: commit.sync.0.to_string() });
    };
    if owner != commit.owner || epoch != commit.epoch || seq != commit.expected_seq {
        return Err(StateError::Fenced {
            sync: commit.sync.0,
            epoch: commit.epoch,
            expected: commit.expected_seq,
            found_epoch: epoch,
            found: seq,
        });
    }
    if let Some(last) = commit.records.last() {
        next_record = next_record.max(last.id.0 + 1);
    }
    for entry in &commit.journal {
        if entry.seq < next_entry {
            return Err(StateError::Disorder {
                detail: format!("journal entry {} comes after {next_entry}", entry.seq),
            });
        }
        next_entry = entry.seq + 1;
    }
    let (phase, swept) = match commit.phase {
        None => (None, None),
        Some(SyncPhase::FirstCopy) => (Some(0), Some(0)),
        Some(SyncPhase::Sweep { after }) => (Some(1), Some(after.0 as i64)),
        Some(SyncPhase::Live) => (Some(2), Some(0)),
    };
    conn.prepare_cached(
        "UPDATE sync SET commit_seq = ?2, next_record = ?3, next_entry = ?4,
         phase = coalesce(?5, phase), swept = coalesce(?6, swept) WHERE id = ?1",
    )?
    .execute((commit.sync.0, (seq + 1) as i64, next_record as i64, next_entry as i64, phase, swept))?;
    Ok(Committed { sync: commit.sync, commit_seq: seq + 1, next_record, next_entry })
}

impl Apply<'_> {
    fn before(&mut self, record: RecordId) -> Result<Before, StateError> {
        if let Some(before) = self.before.get(&record) {
            return Ok(*before);
        }
        let before = self
            .conn
            .prepare_cached("SELECT bits, entry FROM record WHERE id = ?1")?
            .query_row([id::row(self.sync, record.0)?], |row| {
                Ok(Before { exists: true, bits: row.get::<_, i64>(0)? as u64, entry: row.get::<_, i64>(1)? as u64 })
            })
            .optional()?
            .unwrap_or_default();
        self.before.insert(record, before);
        Ok(before)
    }

    /// Appends entries, each chained to the one before it about the same record.
    fn journal(&mut self, entries: &[EntryRow]) -> Result<(), StateError> {
        let mut insert = self.conn.prepare_cached(
            "INSERT INTO journal (id, at, kind, record, previous, side, rules, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        for entry in entries {
            let mut previous = 0;
            if let Some(record) = entry.record {
                let before = self.before(record)?;
                previous = before.entry;
                self.before.insert(record, Before { entry: entry.seq, ..before });
            }
            insert.execute((
                id::row(self.sync, entry.seq)?,
                entry.at,
                entry.kind,
                entry.record.map(|record| record.0 as i64),
                previous as i64,
                entry.side.map(|side| side.0),
                entry.rules,
                &entry.body,
            ))?;
        }
        Ok(())
    }

    fn records(&mut self, rows: &[RecordRow]) -> Result<(), StateError> {
        let mut insert = self
            .conn
            .prepare_cached("INSERT INTO record (id, bits, entry, gone_at, body) VALUES (?1, ?2, ?3, ?4, ?5)")?;
        let mut update = self
            .conn
            .prepare_cached("UPDATE record SET bits = ?2, entry = ?3, gone_at = ?4, body = ?5 WHERE id = ?1")?;
        for row in rows {
            let before = self.before(row.id)?;
            let statement = if before.exists { &mut update } else { &mut insert };
            statement.execute((
                id::row(self.sync, row.id.0)?,
                row.bits as i64,
                before.entry as i64,
                row.gone_at,
                &row.body,
            ))?;
            self.count(before, row.bits);
            if (before.bits | row.bits) & BIT_ATTENTION != 0 {
                self.attention(row, before)?;
            }
            // What is left in the map afterwards is only chained to, not rewritten.
            self.before.remove(&row.id);
        }
        Ok(())
    }

    fn count(&mut self, before: Before, bits: u64) {
        let one = |bits: u64, bit: u64| i64::from(bits & bit != 0);
        let lives = one(bits, BIT_LIVES);
        let lived = one(before.bits, BIT_LIVES);
        self.tally.of_sync(Counted::Records, lives - lived);
        let gone_before = i64::from(before.exists) - lived;
        self.tally.of_sync(Counted::Tombstones, (1 - lives) - gone_before);
        if (before.bits ^ bits) >> 2 == 0 {
            return;
        }
        for side in (0..SIDES_MAX).map(SideId) {
            let bit = side_bit(side);
            let change = one(bits, bit) - one(before.bits, bit);
            if change != 0 {
                self.tally.of_side(side, Counted::Links, change);
            }
        }
    }

    /// Replaces the record's rows in the table of what waits.
    fn attention(&mut self, row: &RecordRow, before: Before) -> Result<(), StateError> {
        if before.bits & BIT_ATTENTION != 0 {
            self.drop_attention(row.id)?;
        }
        let mut insert = self.conn.prepare_cached("INSERT INTO attention VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
        for waiting in &row.waiting {
            insert.execute((
                self.sync.0,
                row.id.0 as i64,
                waiting.kind as u8,
                waiting.field.map_or(-1, |field| i64::from(field.0)),
                waiting.side.map_or(-1, |side| i64::from(side.0)),
                waiting.since,
                waiting.entry as i64,
                waiting.place,
            ))?;
            self.tally.of_sync(Counted::Waiting(waiting.kind), 1);
        }
        Ok(())
    }

    fn drop_attention(&mut self, record: RecordId) -> Result<(), StateError> {
        let mut delete =
            self.conn.prepare_cached("DELETE FROM attention WHERE sync = ?1 AND record = ?2 RETURNING kind")?;
        let mut gone = delete.query((self.sync.0, record.0 as i64))?;
        while let Some(row) = gone.next()? {
            if let Some(kind) = AttentionKind::from_number(row.get(0)?) {
                self.tally.of_sync(Counted::Waiting(kind), -1);
            }
        }
        Ok(())
    }

    /// Records that were journaled about, but did not change themselves.
    fn leftover_heads(&mut self) -> Result<(), StateError> {
        let mut update = self.conn.prepare_cached("UPDATE record SET entry = ?2 WHERE id = ?1")?;
        for (record, before) in self.before.drain() {
            if before.exists {
                update.execute((id::row(self.sync, record.0)?, before.entry as i64))?;
            }
        }
        Ok(())
    }

    fn index(&self, rows: &[IndexRow]) -> Result<(), StateError> {
        let sync = i64::from(self.sync.0);
        let mut add_key = self.conn.prepare_cached("INSERT OR IGNORE INTO link_key VALUES (?1, ?2, ?3)")?;
        let mut drop_key =
            self.conn.prepare_cached("DELETE FROM link_key WHERE side = ?1 AND place = ?2 AND record = ?3")?;
        let mut add_match = self.conn.prepare_cached("INSERT OR IGNORE INTO match_key VALUES (?1, ?2, ?3)")?;
        let mut drop_match =
            self.conn.prepare_cached("DELETE FROM match_key WHERE sync = ?1 AND place = ?2 AND record = ?3")?;
        for row in rows {
            let (statement, group, place, record) = match row {
                IndexRow::AddKey(side, place, record) => (&mut add_key, id::side(self.sync, *side), place, record),
                IndexRow::DropKey(side, place, record) => (&mut drop_key, id::side(self.sync, *side), place, record),
                IndexRow::AddMatch(place, record) => (&mut add_match, sync, place, record),
                IndexRow::DropMatch(place, record) => (&mut drop_match, sync, place, record),
            };
            statement.execute((group, place, record.0 as i64))?;
        }
        Ok(())
    }

    fn marks(&mut self, commit: &Prepared) -> Result<(), StateError> {
        let mut insert = self.conn.prepare_cached("INSERT OR IGNORE INTO mark VALUES (?1, ?2, ?3)")?;
        let mut update = self.conn.prepare_cached("UPDATE mark SET action = ?3 WHERE side = ?1 AND record = ?2")?;
        let mut clear = self.conn.prepare_cached("DELETE FROM mark WHERE side = ?1 AND record = ?2")?;
        for mark in &commit.marks {
            let side = id::side(self.sync, mark.side);
            let record = mark.record.0 as i64;
            let change = match mark.action {
                Some(action) => {
                    let number = action_number(action);
                    let added = insert.execute((side, record, number))?;
                    if added == 0 {
                        update.execute((side, record, number))?;
                    }
                    added as i64
                }
                None => -(clear.execute((side, record))? as i64),
            };
            self.tally.of_side(mark.side, Counted::Pending, change);
        }
        Ok(())
    }

    fn quarantine(&mut self, rows: &[QuarantineRow]) -> Result<(), StateError> {
        let mut clear = self.conn.prepare_cached("DELETE FROM quarantine WHERE side = ?1 AND record = ?2")?;
        let mut put = self.conn.prepare_cached("INSERT INTO quarantine VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for row in rows {
            let (side, record) = match row {
                QuarantineRow::Put { side, record, .. } | QuarantineRow::Clear { side, record } => (*side, *record),
            };
            let of_side = id::side(self.sync, side);
            let mut change = -(clear.execute((of_side, record.0 as i64))? as i64);
            if let QuarantineRow::Put { at, signature, body, .. } = row {
                put.execute((of_side, record.0 as i64, at, signature, body))?;
                change += 1;
            }
            self.tally.of_side(side, Counted::Quarantined, change);
        }
        Ok(())
    }

    /// Tombstones whose time is over, with all that leads to them.
    fn forget(&mut self, records: &[RecordId]) -> Result<(), StateError> {
        for record in records {
            let row = id::row(self.sync, record.0)?;
            let found = self
                .conn
                .prepare_cached("SELECT bits, body FROM record WHERE id = ?1")?
                .query_row([row], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, Vec<u8>>(1)?)))
                .optional()?;
            let Some((bits, body)) = found else { continue };
            for link in encode::record_from(&body)?.links {
                let side = id::side(self.sync, link.side);
                if let Some(key) = link.key {
                    self.conn
                        .prepare_cached("DELETE FROM link_key WHERE side = ?1 AND place = ?2 AND record = ?3")?
                        .execute((side, self.hash.of_key(&key), record.0 as i64))?;
                }
                let marks = self
                    .conn
                    .prepare_cached("DELETE FROM mark WHERE side = ?1 AND record = ?2")?
                    .execute((side, record.0 as i64))?;
                self.tally.of_side(link.side, Counted::Pending, -(marks as i64));
                let refused = self
                    .conn
                    .prepare_cached("DELETE FROM quarantine WHERE side = ?1 AND record = ?2")?
                    .execute((side, record.0 as i64))?;
                self.tally.of_side(link.side, Counted::Quarantined, -(refused as i64));
            }
            self.drop_attention(*record)?;
            self.conn.prepare_cached("DELETE FROM record WHERE id = ?1")?.execute([row])?;
            let before = Before { exists: true, bits, entry: 0 };
            self.count(before, 0);
            // `count` took it for a new tombstone.
            self.tally.of_sync(Counted::Tombstones, -1);
        }
        Ok(())
    }

    fn streams(&self, commit: &Prepared) -> Result<(), StateError> {
        for (side, change) in &commit.streams {
            self.stream(*side, change)?;
        }
        let mut cursor = self.conn.prepare_cached("UPDATE side SET cursor = ?3 WHERE sync = ?1 AND id = ?2")?;
        for (side, at) in &commit.cursors {
            known_side(cursor.execute((self.sync.0, side.0, &at.0[..]))?, *side)?;
        }
        let mut backfill = self
            .conn
            .prepare_cached("UPDATE side SET backfill_state = ?3, backfill = ?4 WHERE sync = ?1 AND id = ?2")?;
        for (side, at) in &commit.backfill {
            let state = if at.is_some() { 1 } else { 2 };
            known_side(backfill.execute((self.sync.0, side.0, state, at.as_deref()))?, *side)?;
        }
        Ok(())
    }

    fn stream(&self, side: SideId, change: &StreamChange) -> Result<(), StateError> {
        let changed = self
            .conn
            .prepare_cached(
                "UPDATE side SET
                 cursor_version = coalesce(?3, cursor_version),
                 generation = coalesce(?4, generation),
                 connector = coalesce(?5, connector),
                 cursor = iif(?6, NULL, cursor),
                 backfill_state = iif(?7, 0, backfill_state),
                 backfill = iif(?7, NULL, backfill)
                 WHERE sync = ?1 AND id = ?2",
            )?
            .execute((
                self.sync.0,
                side.0,
                change.cursor_version,
                change.generation,
                change.connector.as_deref(),
                change.forget_cursor,
                change.restart_backfill,
            ))?;
        known_side(changed, side)
    }

    fn settings(&self, settings: &[(String, Option<String>)]) -> Result<(), StateError> {
        for (name, value) in settings {
            write_setting(self.conn, self.sync, name, value.as_deref())?;
        }
        Ok(())
    }
}

pub(crate) fn write_setting(
    conn: &Connection,
    sync: SyncId,
    name: &str,
    value: Option<&str>,
) -> Result<(), StateError> {
    match value {
        Some(value) => conn
            .prepare_cached(
                "INSERT INTO setting VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute((sync.0, name, value))?,
        None => conn.prepare_cached("DELETE FROM setting WHERE sync = ?1 AND name = ?2")?.execute((sync.0, name))?,
    };
    Ok(())
}

fn known_side(changed: usize, side: SideId) -> Result<(), StateError> {
    if changed == 1 { Ok(()) } else { Err(StateError::Unknown { what: "side", name: side.0.to_string() }) }
}
