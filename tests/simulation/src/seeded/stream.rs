//! How each kind of system tells of its changes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lockstep_core::{
    change::{ChangeBatch, ChangeKind, ChangeRow, Changes, Cursor, Version},
    key::Key,
    value::Timestamp,
};
use lockstep_engine::port::{ChangesRequest, SessionError, SessionErrorKind};

use super::{
    habits::Stream,
    place::{LATE_MAX_US, OVERLAP_US},
    session::{OBJECT, Visit, cells, positions, version},
    table::{COLUMNS, Logged, place},
};

/// Changes in one answer, at most; few, so that there are several.
const ANSWER_MAX: usize = 5;
const POLL_EVERY: Duration = Duration::from_secs(1);
/// Of a hundred events, those that name the row only.
const GAPS_PERCENT: u64 = 10;

fn cursor(at: u64) -> Cursor {
    Cursor(at.to_be_bytes().as_slice().into())
}

fn read(cursor: &Cursor) -> Result<u64, SessionError> {
    let bytes = cursor.0.as_ref().try_into().map_err(|_| invalid())?;
    Ok(u64::from_be_bytes(bytes))
}

fn invalid() -> SessionError {
    SessionError::new(SessionErrorKind::CursorInvalid, "the log does not reach back that far")
}

/// A stream that is there starts as far back as it reaches.
pub fn start(visit: &Visit) -> Cursor {
    let now_us = visit.now_us();
    visit.place.ring(now_us);
    let stream = visit.place.table().habits.stream;
    let lsn = visit.place.table().lsn();
    let mut feed = visit.place.feed();
    let was_started = std::mem::replace(&mut feed.started, true);
    let at = match stream {
        Stream::Log | Stream::Events if was_started => feed.forgotten,
        Stream::Webhooks if was_started => feed.forgotten,
        Stream::Log | Stream::Events => lsn,
        Stream::Webhooks => feed.arrived.len() as u64,
        Stream::Polling => now_us.cast_unsigned(),
    };
    if !was_started {
        feed.forgotten = at;
        feed.handed = at;
    }
    cursor(at)
}

pub async fn changes(visit: &Visit, request: &ChangesRequest) -> Result<Changes, SessionError> {
    let after = read(&request.after)?;
    let stream = visit.place.table().habits.stream;
    if stream != Stream::Polling {
        let durable = read(&request.durable).unwrap_or(0);
        let mut feed = visit.place.feed();
        if !feed.started || after < feed.forgotten {
            return Err(invalid());
        }
        // What is on disk at the other end may be forgotten; events are kept for days.
        if stream != Stream::Events {
            feed.forgotten = feed.forgotten.max(durable.min(after));
        }
    }
    let nothing = || Changes {
        batches: Vec::new(),
        cursor: request.after.clone(),
        more: false,
        lag_bytes: (stream == Stream::Log).then(|| visit.place.table().lsn().saturating_sub(after)),
        lag_ms: None,
    };
    if request.records_max == 0 {
        return Ok(nothing());
    }
    let wait = Duration::from_millis(u64::from(request.wait_ms));
    let heard = visit.place.news.notified();
    if visit.now_us() < visit.place.weather().stalled_until_us {
        tokio::time::sleep(wait).await;
        let mut stalled = nothing();
        // It does not know better.
        stalled.more = true;
        return Ok(stalled);
    }
    if stream == Stream::Polling {
        tokio::time::sleep(POLL_EVERY).await;
        return take(visit, request, after, stream);
    }
    let now = take(visit, request, after, stream)?;
    if !now.batches.is_empty() {
        return Ok(now);
    }
    let _ = tokio::time::timeout(wait, heard).await;
    take(visit, request, after, stream)
}

fn take(visit: &Visit, request: &ChangesRequest, after: u64, stream: Stream) -> Result<Changes, SessionError> {
    let wanted: Arc<[String]> = match request.selections.first() {
        Some(selection) => selection.columns.clone().into(),
        None => Arc::from([]),
    };
    let columns = positions(&wanted)?;
    match stream {
        Stream::Log => Ok(log(visit, after, &wanted, &columns)),
        Stream::Events => Ok(events(visit, after, &columns)),
        Stream::Webhooks => Ok(webhooks(visit, after)),
        Stream::Polling => Ok(polling(visit, after, &wanted, &columns)),
    }
}

fn batch(kind: ChangeKind, columns: Arc<[String]>, row: ChangeRow) -> ChangeBatch {
    ChangeBatch { object: OBJECT.into(), kind, columns, rows: vec![row], origin: "".into() }
}

fn told(logged: &Logged, columns: &[usize], version: Version) -> (ChangeKind, ChangeRow) {
    let at = Some(Timestamp(logged.at_us));
    match &logged.after {
        Some(row) => {
            (ChangeKind::Upsert, ChangeRow { key: logged.key.clone(), cells: cells(row, columns), version, at })
        }
        None => (ChangeKind::Delete, ChangeRow { key: logged.key.clone(), cells: Vec::new(), version, at }),
    }
}

fn log(visit: &Visit, after: u64, wanted: &Arc<[String]>, columns: &[usize]) -> Changes {
    let table = visit.place.table();
    let next = table.log.iter().skip(after as usize).take(ANSWER_MAX);
    let batches: Vec<ChangeBatch> = next
        .map(|logged| {
            let (kind, row) = told(logged, columns, version(logged.lsn, 1));
            batch(kind, wanted.clone(), row)
        })
        .collect();
    let at = after + batches.len() as u64;
    let mut feed = visit.place.feed();
    feed.handed = feed.handed.max(at);
    let left = table.lsn().saturating_sub(at);
    Changes { batches, cursor: cursor(at), more: left > 0, lag_bytes: Some(left), lag_ms: None }
}

/// Changed fields only; a create tells all that are set.
fn events(visit: &Visit, after: u64, wanted: &[usize]) -> Changes {
    let table = visit.place.table();
    let mut batches = Vec::new();
    for logged in table.log.iter().skip(after as usize).take(ANSWER_MAX) {
        let changed: Vec<usize> = wanted.iter().copied().filter(|column| logged.changed.contains(column)).collect();
        let names: Arc<[String]> =
            changed.iter().filter_map(|column| COLUMNS.get(*column)).map(|name| (*name).to_owned()).collect();
        let (kind, row) = told(logged, &changed, version(logged.lsn, 1));
        let rolled = visit.place.dice().percent(GAPS_PERCENT);
        if *visit.place.feed().gaps.entry(logged.lsn).or_insert(rolled) {
            let row = ChangeRow { cells: Vec::new(), version: Version::default(), ..row };
            batches.push(batch(ChangeKind::Invalidate, Arc::from([]), row));
        } else {
            batches.push(batch(kind, names, row));
        }
    }
    let at = after + batches.len() as u64;
    let mut feed = visit.place.feed();
    feed.handed = feed.handed.max(at);
    let more = table.lsn() > at;
    Changes { batches, cursor: cursor(at), more, lag_bytes: None, lag_ms: None }
}

fn webhooks(visit: &Visit, after: u64) -> Changes {
    visit.place.ring(visit.now_us());
    let mut feed = visit.place.feed();
    let keys: Vec<Key> = feed.arrived.iter().skip(after as usize).take(ANSWER_MAX).cloned().collect();
    let batches: Vec<ChangeBatch> = keys
        .into_iter()
        .map(|key| {
            let row = ChangeRow { key, cells: Vec::new(), version: Version::default(), at: None };
            batch(ChangeKind::Invalidate, Arc::from([]), row)
        })
        .collect();
    let at = after + batches.len() as u64;
    feed.handed = feed.handed.max(at);
    let more = feed.arrived.len() as u64 > at;
    Changes { batches, cursor: cursor(at), more, lag_bytes: None, lag_ms: None }
}

/// What was modified since the last look, and a little before; the newest of
/// each row that shows already.
fn polling(visit: &Visit, after: u64, wanted: &Arc<[String]>, columns: &[usize]) -> Changes {
    let now_us = visit.now_us();
    let since_us = after.cast_signed() - OVERLAP_US - LATE_MAX_US;
    let table = visit.place.table();
    // Its answer to an earlier look has arrived.
    visit.place.feed().handed = after;
    let mut newest: BTreeMap<Vec<u8>, &Logged> = BTreeMap::new();
    for logged in table.log.iter().rev().take_while(|logged| logged.made_us >= since_us) {
        // Some are late: which, and how late, is the row's own.
        let late_us = if logged.lsn % 5 == 0 { (logged.lsn as i64 * 700_001) % LATE_MAX_US } else { 0 };
        if logged.made_us + late_us <= now_us {
            newest.entry(place(&logged.key)).or_insert(logged);
        }
    }
    let batches = newest
        .values()
        .map(|logged| {
            let whole = Logged { at_us: logged.at_us - logged.at_us.rem_euclid(1_000_000), ..(*logged).clone() };
            let (kind, row) = told(&whole, columns, Version::default());
            batch(kind, wanted.clone(), row)
        })
        .collect();
    Changes { batches, cursor: cursor(now_us.cast_unsigned()), more: false, lag_bytes: None, lag_ms: None }
}
