//! Updates: look, compare, send what differs, look again.

use std::collections::HashMap;

use lockstep_sdk::model::{Cell, FieldOverwrite, Outcome, Row};
use serde_json::{Map, Value, json};

use super::super::Session;
use super::super::records::Wanted;
use super::send::{Input, Sent, send};
use super::{Chunk, Job};
use crate::audit::{Entry, Landed, landed};
use crate::cursor::version;
use crate::failure::Result;
use crate::response::Record;
use crate::value::{decode, same};
use crate::writing::{Change, Judged, Shown, judge, judge_delete};

/// Times the history is looked at for a write that was acknowledged, and the
/// wait between.
const LOOKS_MAX: u32 = 3;
const LOOK_WAIT_MS: u64 = 300;

/// A write that is sent, or needs none.
pub(super) struct Planned {
    pub at: usize,
    pub id: String,
    pub changes: Vec<Change>,
    /// What an earlier write, whose answer was lost, displaced.
    pub displaced: Vec<Shown>,
    /// The record as it was looked at.
    pub before: Record,
    pub looked_us: i64,
    /// Just created: there was nothing to look at.
    pub is_new: bool,
}

pub fn update(session: &mut Session, job: &mut Job<'_>, chunk: &Chunk) -> Result<()> {
    let looked_us = session.read_at_us();
    let ids: Vec<String> = chunk.iter().map(|(_, id)| id.clone()).collect();
    let mut records = look(session, job, &ids, false)?;
    let mut planned = Vec::new();
    gone(session, job, chunk, &records, looked_us)?;
    for (at, id) in chunk {
        session.unsettled.settle(&job.object.name, id);
        let Some(before) = records.remove(id) else { continue };
        plan(session, job, (*at, id), before, looked_us, &mut planned);
    }
    let inputs: Vec<Input> =
        planned.iter().filter(|plan| !plan.changes.is_empty()).map(|plan| input(job, plan)).collect();
    let sent = send(session, &job.object.name.clone(), "update", &inputs);
    finish(session, job, planned, &sent);
    Ok(())
}

/// Answers the intents whose record is not there. One that was archived keeps its
/// history: what somebody wrote there that nobody has heard of, or what an earlier
/// write of ours overwrote whose answer was lost, is shown before it is gone.
pub(super) fn gone(
    session: &mut Session,
    job: &mut Job<'_>,
    chunk: &Chunk,
    there: &HashMap<String, Record>,
    looked_us: i64,
) -> Result<()> {
    let missing: Chunk = chunk.iter().filter(|(_, id)| !there.contains_key(id)).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = missing.iter().map(|(_, id)| id.clone()).collect();
    let archived = look(session, job, &ids, true)?;
    for (at, id) in missing {
        let outcome = archived.get(&id).and_then(|record| unheard(session, job, at, record, looked_us));
        job.settle(at, outcome.unwrap_or(Outcome::Gone));
    }
    Ok(())
}

/// What an archived record holds that an intent does not know of.
fn unheard(session: &Session, job: &Job<'_>, at: usize, record: &Record, looked_us: i64) -> Option<Outcome> {
    let intent = job.intent(at)?;
    let judged = match intent.action.as_str() {
        "delete" => judge_delete(intent, &job.columns, record, &session.ours),
        _ => judge(intent, &job.columns, record, &session.ours),
    };
    let instead = match judged {
        Judged::Conflict { instead } => instead,
        Judged::Write { displaced, .. } if !displaced.is_empty() => displaced,
        Judged::Write { .. } | Judged::Unfit { .. } => return None,
    };
    Some(Outcome::Conflict(conflict_row(job, record, looked_us, &instead)))
}

/// The records there are, by id, with the history of everything asked for.
pub(super) fn look(
    session: &mut Session,
    job: &Job<'_>,
    ids: &[String],
    archived: bool,
) -> Result<HashMap<String, Record>> {
    let wanted = Wanted { object: &job.object.name, properties: &job.all, history: true, archived, by: None };
    let records = session.records(&wanted, ids)?;
    Ok(records.into_iter().map(|record| (record.id.clone(), record)).collect())
}

fn plan(
    session: &Session,
    job: &mut Job<'_>,
    (at, id): (usize, &str),
    before: Record,
    looked_us: i64,
    planned: &mut Vec<Planned>,
) {
    let Some(intent) = job.intent(at) else { return };
    match judge(intent, &job.columns, &before, &session.ours) {
        Judged::Conflict { instead } => {
            let row = conflict_row(job, &before, looked_us, &instead);
            job.settle(at, Outcome::Conflict(row));
        }
        Judged::Unfit { column, why } => {
            job.settle(at, Outcome::reject("LS-HS-VALUE", "type", why, job.names([column])));
        }
        Judged::Write { changes, displaced } => {
            planned.push(Planned { at, id: id.to_owned(), changes, displaced, before, looked_us, is_new: false });
        }
    }
}

/// The row as it is, except that a value which a write of ours displaced shows
/// in place of the one that came after it: it has to be merged first.
pub(super) fn conflict_row(job: &Job<'_>, record: &Record, looked_us: i64, instead: &[Shown]) -> Row {
    let mut row = job.returning.ordered_row(record, looked_us);
    for shown in instead {
        let Some(column) = job.columns.0.get(shown.column) else { continue };
        put(job, &mut row, &column.name, column.entry_cell(&shown.entry));
    }
    row
}

fn put(job: &Job<'_>, row: &mut Row, name: &str, cell: Cell) {
    let place = job.returning.0.iter().position(|column| column.name == name);
    if let Some(place) = place.and_then(|place| row.cells.get_mut(place)) {
        *place = cell;
    }
}

fn input(job: &Job<'_>, plan: &Planned) -> Input {
    (plan.at, json!({ "id": plan.id, "properties": properties(job, &plan.changes) }))
}

pub(super) fn properties(job: &Job<'_>, changes: &[Change]) -> Map<String, Value> {
    let pair = |change: &Change| Some((job.columns.0.get(change.column)?.name.clone(), json!(change.text)));
    changes.iter().filter_map(pair).collect()
}

/// Looks again at what was sent, and answers everything.
pub(super) fn finish(session: &mut Session, job: &mut Job<'_>, planned: Vec<Planned>, sent: &HashMap<usize, Sent>) {
    let mut open: Vec<Planned> = Vec::new();
    for plan in planned {
        match sent.get(&plan.at) {
            _ if plan.changes.is_empty() => {
                let row = job.returning.ordered_row(&plan.before, plan.looked_us);
                let fields = overwrites(job, &plan.displaced);
                job.settle(plan.at, done(row, fields));
            }
            // What an earlier write displaced is found again the next time.
            Some(Sent::Not(outcome)) => job.settle(plan.at, outcome.clone()),
            Some(Sent::Stored(_) | Sent::Doubtful(_)) | None => open.push(plan),
        }
    }
    for look in 0..LOOKS_MAX {
        if open.is_empty() {
            return;
        }
        if look > 0 {
            session.platform.sleep_ms(LOOK_WAIT_MS);
        }
        open = verify(session, job, open, sent);
    }
    for plan in open {
        // A record just made is shown by the answer to its create, even where it
        // cannot be read yet.
        if let (true, Some(Sent::Stored(record))) = (plan.is_new, sent.get(&plan.at)) {
            job.settle(plan.at, Outcome::Applied(job.returning.row(record)));
            continue;
        }
        session.unsettled.doubt(&job.object.name, &plan.id);
        let why = match sent.get(&plan.at) {
            Some(Sent::Doubtful(why)) => why.clone(),
            _ => "the write is not to be seen in the record's history".to_owned(),
        };
        job.settle(plan.at, Outcome::Unknown(why));
    }
}

/// Answers the plans whose write is to be seen; gives back the others.
fn verify(session: &mut Session, job: &mut Job<'_>, open: Vec<Planned>, sent: &HashMap<usize, Sent>) -> Vec<Planned> {
    let read_us = session.read_at_us();
    let ids: Vec<String> = open.iter().map(|plan| plan.id.clone()).collect();
    let Ok(records) = look(session, job, &ids, false) else {
        return open;
    };
    // Archived or merged away in between: the stream tells of it, and the history of
    // what was archived still tells what the write overwrote.
    let missing: Vec<String> = ids.iter().filter(|id| !records.contains_key(*id)).cloned().collect();
    let archived = match missing.is_empty() {
        true => HashMap::new(),
        false => match look(session, job, &missing, true) {
            Ok(archived) => archived,
            Err(_) => return open,
        },
    };
    let mut left = Vec::new();
    for plan in open {
        let Some(after) = records.get(&plan.id).or_else(|| archived.get(&plan.id)) else {
            match sent.get(&plan.at) {
                Some(Sent::Stored(_)) if !plan.is_new => job.settle(plan.at, Outcome::Gone),
                _ => left.push(plan),
            }
            continue;
        };
        let stored = match sent.get(&plan.at) {
            Some(Sent::Stored(record)) => Some(record.as_ref()),
            _ => None,
        };
        match land(session, job, &plan, after, stored) {
            Some(landed) => {
                // What a create left out counts as given by HubSpot when it was made: what
                // somebody set since is no such thing, and is told by the stream.
                let shown = stored.filter(|_| plan.is_new).unwrap_or(after);
                let (row, fields) = outcome_row(job, &plan, shown, &landed, read_us);
                job.settle(plan.at, done(row, fields));
            }
            None => left.push(plan),
        }
    }
    left
}

/// Where each written property's write is in its history. `None`: one is not to be seen.
fn land(
    session: &Session,
    job: &Job<'_>,
    plan: &Planned,
    after: &Record,
    stored: Option<&Record>,
) -> Option<Vec<(usize, Landed)>> {
    let one = |change: &Change| {
        let column = job.columns.0.get(change.column)?;
        // As the answer shows it, which is not always as it was sent.
        let told = stored.filter(|record| record.properties.contains_key(&column.name));
        let written = match told {
            Some(record) => column.cell(record),
            None => decode(column.kind, Some(&change.text)),
        };
        let is_stored = |entry: &Entry| same(column.kind, &written, &column.entry_cell(entry));
        let before = plan.before.history(&column.name);
        let now = after.history(&column.name);
        let holds = same(column.kind, &written, &column.cell(after));
        Some((change.column, landed(before, now, holds, &session.ours, &is_stored)?))
    };
    plan.changes.iter().map(one).collect()
}

fn outcome_row(
    job: &Job<'_>,
    plan: &Planned,
    shown: &Record,
    landed: &[(usize, Landed)],
    read_us: i64,
) -> (Row, Vec<FieldOverwrite>) {
    let mut row = job.returning.row(shown);
    let mut newest = job.returning.newest_ms(&plan.before);
    let mut displaced = plan.displaced.clone();
    hold(job, plan, &mut row);
    for (at, landed) in landed {
        let Some(column) = job.columns.0.get(*at) else { continue };
        // What somebody wrote after us is not what was stored of ours: it is told
        // by the stream, as the newer edit it is.
        if let Some(ours) = &landed.ours {
            put(job, &mut row, &column.name, column.entry_cell(ours));
            newest = newest.max(ours.at_us().div_euclid(1_000));
            row.at = Some(ours.at_us()).filter(|at| *at > 0).or(row.at);
        }
        if let Some(entry) = &landed.displaced {
            // The newer of two displaced values had seen the older.
            displaced.retain(|shown| shown.column != *at);
            displaced.push(Shown { column: *at, entry: entry.clone() });
        }
    }
    row.version = version(newest, read_us);
    let fields = overwrites(job, &displaced);
    (row, fields)
}

/// What was wanted and there already is shown as it was looked at: a value that
/// somebody set since is no part of what was stored of ours, and told as that it
/// would be lost.
fn hold(job: &Job<'_>, plan: &Planned, row: &mut Row) {
    let Some(intent) = job.intent(plan.at).filter(|_| !plan.is_new) else { return };
    for (at, (column, wanted)) in job.columns.0.iter().zip(&intent.cells).enumerate() {
        let is_written = plan.changes.iter().any(|change| change.column == at);
        if !wanted.is_absent() && !is_written {
            put(job, row, &column.name, column.cell(&plan.before));
        }
    }
}

fn overwrites(job: &Job<'_>, displaced: &[Shown]) -> Vec<FieldOverwrite> {
    let field = |shown: &Shown| {
        let column = job.columns.0.get(shown.column)?;
        let at = shown.entry.at_us();
        Some(FieldOverwrite {
            column: column.name.clone(),
            value: column.entry_cell(&shown.entry),
            by: shown.entry.by(),
            at: (at > 0).then_some(at),
        })
    };
    displaced.iter().filter_map(field).collect()
}

pub(super) fn done(row: Row, fields: Vec<FieldOverwrite>) -> Outcome {
    if fields.is_empty() { Outcome::Applied(row) } else { Outcome::Overwrote((row, fields)) }
}
