//! Reading the journal: by filter, by record, by number; and cutting off its
//! old end.

use lockstep_core::{
    journal::Entry,
    record::{RecordId, SideId},
    value::Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Row, types::ValueRef};

use crate::{
    commit::EntryKind,
    encode,
    error::StateError,
    id::{self, SyncId},
    store::Store,
};

/// Which entries. Empty: all of the sync.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalFilter {
    pub record: Option<RecordId>,
    pub side: Option<SideId>,
    /// Journaled at this time or later.
    pub from: Option<Timestamp>,
    /// Journaled before this time.
    pub until: Option<Timestamp>,
    /// Empty: every kind.
    pub kinds: Vec<EntryKind>,
    pub rules: Option<u32>,
    /// Entry numbers, first and last.
    pub seqs: Option<(u64, u64)>,
}

/// Which end of the journal a listing starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    OldestFirst,
    NewestFirst,
}

/// Entries looked at in one call where no index narrows the search; what lies
/// beyond is reached by asking on from [`JournalPage::next`].
const LOOKED_AT_MAX: usize = 200_000;

/// A part of a listing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JournalPage {
    pub entries: Vec<Entry>,
    /// Where to ask on (`after`); `None`: that was all. A page may be short, even
    /// empty, and still go on.
    pub next: Option<u64>,
}

impl Store {
    /// Entries a filter selects, after the entry numbered `after` in that order.
    pub fn journal(
        &self,
        sync: SyncId,
        filter: &JournalFilter,
        order: Order,
        after: Option<u64>,
        limit: usize,
    ) -> Result<JournalPage, StateError> {
        self.read(|conn| match filter.record {
            Some(record) => of_record(conn, sync, record, filter, order, after, limit),
            None => walk(conn, sync, filter, order, after, limit),
        })
    }

    /// Entries about a record, newest first, at most `limit`.
    pub fn entries_of(&self, sync: SyncId, record: RecordId, limit: usize) -> Result<Vec<Entry>, StateError> {
        let filter = JournalFilter { record: Some(record), ..JournalFilter::default() };
        self.journal(sync, &filter, Order::NewestFirst, None, limit).map(|page| page.entries)
    }

    /// Entries by number; those cut off or unknown are left out.
    pub fn entries(&self, sync: SyncId, seqs: &[u64]) -> Result<Vec<Entry>, StateError> {
        self.read(|conn| {
            let mut query = conn.prepare_cached("SELECT body FROM journal WHERE id = ?1")?;
            let mut entries = Vec::with_capacity(seqs.len());
            for seq in seqs {
                let body: Option<Vec<u8>> = query.query_row([id::row(sync, *seq)?], |row| row.get(0)).optional()?;
                if let Some(body) = body {
                    entries.push(encode::entry_from(&body)?);
                }
            }
            Ok(entries)
        })
    }

    /// Cuts off at most `limit` of the oldest entries journaled before `before`;
    /// says how many. Asked again until it says 0.
    pub fn prune_journal(&self, sync: SyncId, before: Timestamp, limit: usize) -> Result<usize, StateError> {
        self.write(move |conn| {
            let (first, last) = id::rows(sync);
            Ok(conn
                .prepare_cached(
                    "DELETE FROM journal WHERE id IN (SELECT id FROM journal
                     WHERE at < ?1 AND id BETWEEN ?2 AND ?3 ORDER BY at LIMIT ?4)",
                )?
                .execute((before.0, first, last, limit as i64))?)
        })
    }

    /// Cuts off at most `limit` of the oldest entries beyond the newest `keep`;
    /// says how many. Asked again until it says 0.
    pub fn prune_journal_to(&self, sync: SyncId, keep: u64, limit: usize) -> Result<usize, StateError> {
        self.write(move |conn| {
            let (first, _) = id::rows(sync);
            let next: i64 = conn
                .prepare_cached("SELECT next_entry FROM sync WHERE id = ?1")?
                .query_row([sync.0], |row| row.get(0))?;
            let keep_from = first + (next - i64::try_from(keep).unwrap_or(i64::MAX)).max(0);
            Ok(conn
                .prepare_cached(
                    "DELETE FROM journal WHERE id IN (SELECT id FROM journal
                     WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3)",
                )?
                .execute((first, keep_from, limit as i64))?)
        })
    }
}

/// Whether an entry's own columns pass the filter.
fn selected(filter: &JournalFilter, kind: u8, entry: &Row<'_>) -> Result<bool, StateError> {
    let at: i64 = entry.get("at")?;
    let side: Option<u8> = entry.get("side")?;
    let rules: u32 = entry.get("rules")?;
    Ok(filter.from.is_none_or(|from| at >= from.0)
        && filter.until.is_none_or(|until| at < until.0)
        && filter.side.is_none_or(|wanted| side == Some(wanted.0))
        && filter.rules.is_none_or(|wanted| rules == wanted)
        && (filter.kinds.is_empty() || filter.kinds.iter().any(|wanted| *wanted as u8 == kind)))
}

fn body(row: &Row<'_>) -> Result<Entry, StateError> {
    match row.get_ref("body")? {
        ValueRef::Blob(bytes) => encode::entry_from(bytes),
        _ => Err(StateError::corrupt("a journal entry has no body")),
    }
}

/// The rows a filter's times and numbers allow, first and last.
fn bounds(conn: &Connection, sync: SyncId, filter: &JournalFilter) -> Result<(i64, i64), StateError> {
    let (mut first, mut last) = id::rows(sync);
    if let Some((from, to)) = filter.seqs {
        first = id::row(sync, from)?;
        last = id::row(sync, to.min(id::IN_SYNC_MAX))?;
    }
    // Clocks step back at times, so the order of times is not that of numbers.
    if filter.from.is_some() || filter.until.is_some() {
        let from = filter.from.map_or(i64::MIN, |at| at.0);
        let until = filter.until.map_or(i64::MAX, |at| at.0);
        let (low, high): (Option<i64>, Option<i64>) = conn
            .prepare_cached(
                "SELECT min(id), max(id) FROM journal INDEXED BY journal_at
                 WHERE at >= ?1 AND at < ?2 AND id BETWEEN ?3 AND ?4",
            )?
            .query_row((from, until, first, last), |row| Ok((row.get(0)?, row.get(1)?)))?;
        first = low.unwrap_or(first);
        last = high.unwrap_or(first - 1);
    }
    Ok((first, last))
}

fn walk(
    conn: &Connection,
    sync: SyncId,
    filter: &JournalFilter,
    order: Order,
    after: Option<u64>,
    limit: usize,
) -> Result<JournalPage, StateError> {
    let (mut first, mut last) = bounds(conn, sync, filter)?;
    let direction = match (order, after) {
        (Order::OldestFirst, after) => {
            if let Some(after) = after {
                first = first.max(id::row(sync, after)? + 1);
            }
            "ASC"
        }
        (Order::NewestFirst, after) => {
            if let Some(after) = after {
                last = last.min(id::row(sync, after)? - 1);
            }
            "DESC"
        }
    };
    // Rare kinds have an index.
    let rare = !filter.kinds.is_empty() && !filter.kinds.iter().any(|kind| kind.is_common());
    let kinds: Vec<String> = filter.kinds.iter().map(|kind| (*kind as u8).to_string()).collect();
    let narrow =
        if rare { format!("AND kind NOT IN (0, 2, 3, 5) AND kind IN ({})", kinds.join(",")) } else { String::new() };
    let mut query = conn.prepare_cached(&format!(
        "SELECT id, at, kind, side, rules, body FROM journal
         WHERE id BETWEEN ?1 AND ?2 {narrow} ORDER BY id {direction}"
    ))?;
    let mut rows = query.query((first, last))?;
    let mut page = JournalPage::default();
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        if selected(filter, row.get("kind")?, row)? {
            page.entries.push(body(row)?);
        }
        looked_at += 1;
        if page.entries.len() >= limit || looked_at >= LOOKED_AT_MAX {
            let at: i64 = row.get("id")?;
            page.next = Some(at as u64 & id::IN_SYNC_MAX);
            break;
        }
    }
    Ok(page)
}

/// Follows a record's chain from its newest entry back.
fn of_record(
    conn: &Connection,
    sync: SyncId,
    record: RecordId,
    filter: &JournalFilter,
    order: Order,
    after: Option<u64>,
    limit: usize,
) -> Result<JournalPage, StateError> {
    let (first, last) = bounds(conn, sync, filter)?;
    let mut query =
        conn.prepare_cached("SELECT id, at, kind, side, rules, body, previous FROM journal WHERE id = ?1")?;
    let mut next: i64 = conn
        .prepare_cached("SELECT entry FROM record WHERE id = ?1")?
        .query_row([id::row(sync, record.0)?], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let mut found: Vec<Entry> = Vec::new();
    let mut looked_at = 0;
    while next > 0 && looked_at < LOOKED_AT_MAX {
        looked_at += 1;
        let mut rows = query.query([id::row(sync, next as u64)?])?;
        // Missing: cut off, and everything before it.
        let Some(row) = rows.next()? else { break };
        let at: i64 = row.get("id")?;
        let seq = next as u64;
        let wanted = match (order, after) {
            (_, None) => true,
            (Order::NewestFirst, Some(after)) => seq < after,
            (Order::OldestFirst, Some(after)) => seq > after,
        };
        if wanted && at >= first && at <= last && selected(filter, row.get("kind")?, row)? {
            found.push(body(row)?);
            if order == Order::NewestFirst && found.len() > limit {
                break;
            }
        }
        next = row.get("previous")?;
    }
    if order == Order::OldestFirst {
        found.reverse();
    }
    let more = found.len() > limit;
    found.truncate(limit);
    Ok(JournalPage { next: found.last().map(|entry| entry.seq).filter(|_| more), entries: found })
}
