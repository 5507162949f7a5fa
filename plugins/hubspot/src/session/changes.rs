//! The change stream: what was modified or archived is named, and read again
//! by whoever follows. Values are never taken from a search: its index lags.

use std::time::Duration;

use lockstep_sdk::model::{ChangeBatch, ChangeRow, ChangesAnswer, ChangesRequest, Position, Selection};

use super::Session;
use super::records::Wanted;
use super::tail::{Named, Tail, Work};
use crate::cursor::Cursor;
use crate::failure::Result;
use crate::writing::{Shape, key_of};

/// Longest sleep between two looks at what is due.
const NAP_MS: u64 = 1_000;

/// Nothing has to be prepared at HubSpot; the stream starts now.
pub fn start(session: &mut Session, selections: &[Selection]) -> Result<Position> {
    for selection in selections {
        // Also compares the clocks.
        session.object_type(&selection.object)?;
    }
    let now = session.server_ms();
    let cursor = Cursor::at(selections.iter().map(|selection| selection.object.as_str()), now);
    session.tail = None;
    Ok(Position::new(cursor.to_bytes()))
}

pub fn changes(session: &mut Session, request: &ChangesRequest) -> Result<ChangesAnswer> {
    let after = Cursor::parse(&request.after)?;
    let objects: Vec<&str> = request.selections.iter().map(|selection| selection.object.as_str()).collect();
    let now = session.platform.monotonic_ms();
    let mut tail = match session.tail.take().filter(|tail| tail.continues(&after)) {
        Some(tail) => tail,
        None => Tail::new(after, now, session.config.overlap_ms),
    };
    tail.follow(&objects);
    // A failed request leaves the tail where it was: it is asked again.
    let taken = take(session, &mut tail, request);
    session.tail = Some(tail);
    taken
}

fn take(session: &mut Session, tail: &mut Tail, request: &ChangesRequest) -> Result<ChangesAnswer> {
    let deadline = session.platform.monotonic_ms() + u64::from(request.wait_ms);
    let max = request.max_records as usize;
    if max == 0 {
        return Ok(ChangesAnswer::new(Vec::new(), tail.cursor().to_bytes()));
    }
    loop {
        // What is told of the archived ones counts twice.
        let named = tail.next(max.div_ceil(2));
        if !named.is_empty() {
            let told = at_their_end(session, request, &named)?;
            tail.give(named.len());
            let batches = told.into_iter().chain(batches(&named)).collect();
            let mut answer = ChangesAnswer::new(batches, tail.cursor().to_bytes());
            answer.more = tail.is_busy();
            return Ok(answer);
        }
        let now = session.platform.monotonic_ms();
        match tail.work(now) {
            Some(work) => step(session, tail, work)?,
            None if now >= deadline => break,
            None => {
                let until = tail.next_due().min(deadline).saturating_sub(now);
                session.platform.sleep_ms(until.clamp(1, NAP_MS));
            }
        }
        // What was found is given first.
        if session.platform.monotonic_ms() >= deadline && !tail.has_named() {
            break;
        }
    }
    let mut answer = ChangesAnswer::new(Vec::new(), tail.cursor().to_bytes());
    answer.more = tail.is_busy();
    Ok(answer)
}

/// What archived records held at their end. An edit made shortly before that may have
/// been read by nobody; told in no order, it decides nothing, and is not lost.
fn at_their_end(session: &mut Session, request: &ChangesRequest, named: &[Named]) -> Result<Vec<ChangeBatch>> {
    let mut batches = Vec::new();
    for selection in &request.selections {
        let of_it = named.iter().filter(|one| one.is_archived && one.object == selection.object);
        let ids: Vec<String> = of_it.map(|one| one.id.clone()).collect();
        if ids.is_empty() {
            continue;
        }
        let object = session.object_type(&selection.object)?;
        let shape = Shape::new(&object, &selection.columns)?;
        let names = shape.names();
        let wanted = Wanted { object: &object.name, properties: &names, history: false, archived: true, by: None };
        let mut batch = ChangeBatch::new(selection.object.clone(), "upsert", selection.columns.clone());
        for record in session.records(&wanted, &ids)? {
            let row = shape.row(&record);
            batch.rows.push(ChangeRow { at: row.at, ..ChangeRow::new(row.key, row.cells, Vec::new()) });
        }
        if !batch.rows.is_empty() {
            batches.push(batch);
        }
    }
    Ok(batches)
}

/// One request's worth of looking.
fn step(session: &mut Session, tail: &mut Tail, work: Work) -> Result<()> {
    let started_ms = session.server_ms();
    match work {
        Work::Search { object, body } => {
            let request = session.api.search(&object, &body);
            let page = session.call(request, super::call::Repeat::Harmless)?;
            let done = tail.searched(&object, &page, started_ms);
            if done {
                let interval = Duration::from_millis(session.config.poll_interval_ms);
                tail.rest_search(&object, session.platform.monotonic_ms(), interval);
            }
        }
        Work::Archived { object, after } => {
            let request = session.api.list(&object, &[], &after, crate::request::LIST_MAX, true);
            let page = session.call(request, super::call::Repeat::Harmless)?;
            let done = tail.swept(&object, &page, started_ms);
            if done {
                let interval = Duration::from_millis(session.config.archived_interval_ms);
                tail.rest_sweep(&object, session.platform.monotonic_ms(), interval);
            }
        }
    }
    Ok(())
}

/// One batch an object, in the order the objects come.
fn batches(named: &[Named]) -> Vec<ChangeBatch> {
    let mut batches: Vec<ChangeBatch> = Vec::new();
    for one in named {
        let row = ChangeRow::new(key_of(&one.id), Vec::new(), Vec::new());
        match batches.iter_mut().find(|batch| batch.object == one.object) {
            Some(batch) => batch.rows.push(row),
            None => {
                let mut batch = ChangeBatch::new(one.object.clone(), "invalidate", Vec::new());
                batch.rows.push(row);
                batches.push(batch);
            }
        }
    }
    batches
}
