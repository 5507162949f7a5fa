//! Changes of objects that are polled: what was modified since the cursor, read
//! again over an overlap, because rows can become visible minutes after their
//! stamp. How far the cursor may move the server says itself: its answer knows
//! of the longest transaction that is still running (documented).

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use lockstep_sdk::model::{Cell, ChangeRow, Selection};
use serde::Deserialize;

use crate::api::Record;
use crate::cursor::{PolledAt, Window};
use crate::failure::{Failure, Result};
use crate::schema::Sobject;
use crate::soql;
use crate::value::{long_id, parse_timestamp_us, seconds_text};

use super::Session;
use super::batches::Batches;
use super::rows::{Shape, id_of, is_deleted, record_us};

/// Rows of one query.
const PAGE_ROWS_MAX: u32 = 2_000;
/// The server wants at least a minute between start and end (documented).
const SPAN_MIN_S: i64 = 60;
/// Deletes can be asked for over 15 days (documented); a little less is relied on.
const DELETES_KEPT_S: i64 = 14 * 86_400;
/// A row read this long after its stamp shows all that was written in that second.
const SETTLED_S: i64 = 2;

/// What was given of a window, so that the overlap does not give it again.
#[derive(Default)]
pub struct Memory {
    pub due_ms: u64,
    given: HashMap<String, Given>,
    deletes: HashMap<String, i64>,
}

struct Given {
    stamp_s: i64,
    print: u64,
    /// It was read when nothing more could get the same stamp.
    settled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    #[serde(default)]
    deleted_records: Vec<DeletedRecord>,
    earliest_date_available: Option<String>,
    latest_date_covered: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeletedRecord {
    id: String,
    #[serde(default)]
    deleted_date: String,
}

/// One page of an object's window; true: there is more of it.
pub fn poll(
    session: &mut Session,
    selection: &Selection,
    at: &mut PolledAt,
    memory: &mut Memory,
    rows_max: u32,
    batches: &mut Batches,
) -> Result<bool> {
    let sobject = session.sobject(&selection.object)?;
    if sobject.field("SystemModstamp").is_none() {
        return Err(Failure::Unsupported(format!("{} has no SystemModstamp and cannot be polled", sobject.name)));
    }
    let overlap_s = i64::try_from(session.config.overlap_ms / 1000).unwrap_or(i64::MAX);
    let from_s = at.covered_s.saturating_sub(overlap_s);
    let then_covered_s = match &at.window {
        Some(window) => window.then_covered_s,
        None => begin(session, &sobject, from_s, at, memory, batches)?,
    };
    let shape = Shape::new(&sobject, &selection.columns)?;
    let mut select: Vec<&str> = shape.select().to_vec();
    if shape.has_is_deleted() && !select.contains(&"IsDeleted") {
        select.push("IsDeleted");
    }
    let rows_max = rows_max.clamp(1, PAGE_ROWS_MAX);
    let after = at.window.as_ref().map(|window| (window.stamp_s, window.id.as_str()));
    let query = soql::modified(&soql::select(select, &sobject.name), from_s, after, rows_max);
    let page = session.api.query_page(&query, shape.has_is_deleted())?;
    let date_s = page.date_s.unwrap_or_default();
    for record in &page.records {
        give(&shape, selection, record, date_s, memory, batches)?;
    }
    let full = !page.done || page.records.len() >= rows_max as usize;
    let last = page.records.last().filter(|_| full);
    match last.and_then(|record| Some((record_us(record, "SystemModstamp")?, id_of(record).ok()?))) {
        Some((stamp_us, id)) => {
            at.window = Some(Window { then_covered_s, stamp_s: stamp_us.div_euclid(1_000_000), id });
            Ok(true)
        }
        None => {
            at.window = None;
            at.covered_s = at.covered_s.max(then_covered_s);
            let keep_s = at.covered_s.saturating_sub(overlap_s);
            memory.given.retain(|_, given| given.stamp_s >= keep_s);
            memory.deletes.retain(|_, deleted_s| *deleted_s >= keep_s);
            Ok(false)
        }
    }
}

/// The begin of a window: its deletes, and what will be covered at its end.
fn begin(
    session: &mut Session,
    sobject: &Sobject,
    from_s: i64,
    at: &mut PolledAt,
    memory: &mut Memory,
    batches: &mut Batches,
) -> Result<i64> {
    let now_s = session.api.now_s();
    if now_s - at.covered_s > DELETES_KEPT_S {
        batches.signal(&sobject.name, "gap");
        at.covered_s = now_s;
        return Ok(now_s);
    }
    if !sobject.replicateable {
        // Nothing tells what was deleted for good, nor of running transactions:
        // the recycle bin and the overlap have to do.
        return Ok(now_s);
    }
    let start_s = from_s.min(now_s - SPAN_MIN_S);
    let path =
        format!("/sobjects/{}/deleted/?start={}&end={}", sobject.name, seconds_text(start_s), seconds_text(now_s));
    let answer = session.api.get(&session.api.path(&path))?;
    let deleted: Deleted = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::Protocol(format!("the answer of deleted rows: {error}")))?;
    let second = |text: Option<&str>| text.and_then(parse_timestamp_us).map(|micros| micros.div_euclid(1_000_000));
    if second(deleted.earliest_date_available.as_deref()).is_some_and(|earliest_s| earliest_s > at.covered_s) {
        batches.signal(&sobject.name, "gap");
    }
    for record in deleted.deleted_records {
        let id = long_id(&record.id);
        let deleted_s = second(Some(&record.deleted_date)).unwrap_or(now_s);
        if memory.deletes.insert(id.clone(), deleted_s) != Some(deleted_s) {
            // It may live again by now: the row itself is asked.
            batches.push(
                &sobject.name,
                "invalidate",
                &[],
                "",
                ChangeRow::new(vec![Cell::Text(id)], Vec::new(), Vec::new()),
            );
        }
    }
    Ok(second(deleted.latest_date_covered.as_deref()).unwrap_or(now_s).min(now_s))
}

fn give(
    shape: &Shape<'_>,
    selection: &Selection,
    record: &Record,
    date_s: i64,
    memory: &mut Memory,
    batches: &mut Batches,
) -> Result<()> {
    let row = shape.row(record)?;
    let id = id_of(record)?;
    let stamp_s = record_us(record, "SystemModstamp").unwrap_or_default().div_euclid(1_000_000);
    let gone = is_deleted(record);
    let given = Given { stamp_s, print: print(record, gone), settled: date_s >= stamp_s + SETTLED_S };
    let known = memory.given.get(&id);
    if known.is_some_and(|known| known.settled && known.stamp_s == stamp_s && known.print == given.print) {
        return Ok(());
    }
    memory.given.insert(id, given);
    let kind = if gone { "delete" } else { "upsert" };
    let cells = if gone { Vec::new() } else { row.cells };
    let change = ChangeRow { key: row.key, cells, version: Vec::new(), at: row.at };
    batches.push(&selection.object, kind, &selection.columns, "", change);
    Ok(())
}

/// A number for a row's values.
fn print(record: &Record, gone: bool) -> u64 {
    let mut names: Vec<&String> = record.keys().collect();
    names.sort_unstable();
    let mut hasher = DefaultHasher::new();
    gone.hash(&mut hasher);
    for name in names {
        name.hash(&mut hasher);
        record.get(name).map(|raw| raw.get()).hash(&mut hasher);
    }
    hasher.finish()
}
