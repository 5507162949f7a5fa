//! Pages of a full read, in key order; inside the slot's snapshot while it lasts.

use std::collections::{HashMap, HashSet};

use lockstep_sdk::model::{Page, PageRequest, Row};

use crate::failure::{Failure, Result};
use crate::sql;
use crate::value::text_of;
use crate::wire::frame::Reader;
use crate::wire::{Connection, Param};

use super::Session;
use super::shape::{Shape, typed};

/// Rows of a first page, before the size of rows is known.
const FIRST_PAGE_ROWS: u32 = 2_000;

/// A transaction that sees the database exactly as it was where the stream starts.
pub struct Snapshot {
    pub connection: Connection,
    /// The version that rows read in it carry.
    pub version: Vec<u8>,
    /// Objects not yet read to their end.
    pub unread: HashSet<String>,
    /// Bytes of a row, as last seen.
    pub row_bytes: HashMap<String, usize>,
}

pub fn read(session: &mut Session, request: &PageRequest) -> Result<Page> {
    let object = &request.selection.object;
    if session.snapshot.as_ref().is_some_and(|snapshot| snapshot.connection.is_broken()) {
        session.snapshot = None;
    }
    let known = session.database()?.table(object)?;
    if known.table.key.is_empty() {
        return Err(Failure::Unsupported(format!("`{object}` cannot be read: {}", known.table.obstacle)));
    }
    let shape = Shape::new(&known, &request.selection.columns)?;
    let after = parse_after(&request.after, known.table.key.len())?;
    let snapshot = session.snapshot.as_mut().filter(|snapshot| snapshot.unread.contains(object));
    let limit = page_rows(request, snapshot.as_ref().and_then(|snapshot| snapshot.row_bytes.get(object)));
    let key = typed(&known, &known.table.key);
    let statement = sql::page(&known.table.name.sql(), &shape.names(&known), &key, !after.is_empty(), limit);
    let params: Vec<Param<'_>> = after.iter().map(|text| Param::Text(text)).collect();
    let (version, connection) = match snapshot {
        Some(snapshot) => (snapshot.version.clone(), &mut snapshot.connection),
        None => (Vec::new(), &mut session.database()?.connection),
    };
    let mut collected = Collected { rows: Vec::new(), seen: 0, bytes: 0, full: false };
    let bytes_max = request.max_bytes as usize;
    connection.queue(&statement, &params);
    connection.sync()?;
    let read = connection.result(&mut |mut row| {
        collected.seen += 1;
        if collected.full {
            return Ok(());
        }
        collected.bytes += row.size_bytes();
        let (key, cells) = shape.take(&mut row)?;
        collected.rows.push(Row { key, cells, version: version.clone(), at: None });
        collected.full = collected.bytes >= bytes_max;
        Ok(())
    });
    connection.ready()?;
    read?;
    let whole = collected.seen < limit && collected.rows.len() == collected.seen as usize;
    let next = match collected.rows.last() {
        Some(last) if !whole => next_bytes(last),
        _ => Vec::new(),
    };
    finish(session, object, &collected, next.is_empty())?;
    Ok(Page { rows: collected.rows, next })
}

struct Collected {
    rows: Vec<Row>,
    seen: u32,
    bytes: usize,
    full: bool,
}

fn page_rows(request: &PageRequest, row_bytes: Option<&usize>) -> u32 {
    let by_bytes = match row_bytes {
        Some(bytes) => {
            u32::try_from(request.max_bytes as usize / (*bytes).max(1)).unwrap_or(u32::MAX).saturating_add(1)
        }
        None => FIRST_PAGE_ROWS,
    };
    by_bytes.min(request.max_rows).max(1)
}

/// Once everything was read, the snapshot's transaction holds nothing back any more.
fn finish(session: &mut Session, object: &str, collected: &Collected, last: bool) -> Result<()> {
    let Some(snapshot) = &mut session.snapshot else {
        return Ok(());
    };
    if let Some(average) = collected.bytes.checked_div(collected.rows.len()) {
        snapshot.row_bytes.insert(object.to_owned(), average);
    }
    if last {
        snapshot.unread.remove(object);
    }
    if snapshot.unread.is_empty() {
        let mut done = session.snapshot.take();
        if let Some(snapshot) = &mut done {
            snapshot.connection.simple("COMMIT")?;
        }
    }
    Ok(())
}

/// The key's texts, each with its length.
fn next_bytes(row: &Row) -> Vec<u8> {
    let mut bytes = vec![1];
    for cell in &row.key {
        let text = text_of(cell).unwrap_or_default();
        bytes.extend_from_slice(&(text.len() as u32).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

fn parse_after(bytes: &[u8], columns: usize) -> Result<Vec<String>> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let bad = |_| Failure::CursorInvalid("the page does not continue one of this table's".into());
    let mut reader = Reader::new(bytes);
    let mut texts = Vec::new();
    let format = reader.u8().map_err(bad)?;
    for _ in 0..columns {
        let length = reader.u32().map_err(bad)? as usize;
        let text = reader.bytes(length).map_err(bad)?;
        texts.push(String::from_utf8_lossy(text).into_owned());
    }
    if format != 1 || !reader.is_empty() {
        return Err(bad(Failure::Internal(String::new())));
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use lockstep_sdk::model::Cell;

    use super::*;

    #[test]
    fn a_page_continues_behind_the_key_it_ended_with() {
        let row = Row {
            key: vec![Cell::Integer(-5), Cell::Text("a,\"b".into())],
            cells: Vec::new(),
            version: Vec::new(),
            at: None,
        };
        let bytes = next_bytes(&row);
        assert_eq!(parse_after(&bytes, 2).expect("ours"), ["-5", "a,\"b"]);
        assert!(parse_after(&bytes, 1).is_err());
        assert!(parse_after(&bytes, 3).is_err());
    }
}
