//! Current rows by key or match columns, locked where the right allows, so that
//! they can be ordered against the stream.

use lockstep_sdk::model::{Cell, FetchRequest, Found, Row};

use crate::cursor::{parse_lsn, version};
use crate::failure::Result;
use crate::sql;
use crate::value::{TextArray, text_of};
use crate::wire::{Param, RowView};

use super::Session;
use super::database::{Database, Known};
use super::shape::{Shape, column_position, typed};

pub fn fetch(session: &mut Session, request: &FetchRequest) -> Result<Vec<Found>> {
    let database = session.database()?;
    let known = database.table(&request.selection.object)?;
    let shape = Shape::new(&known, &request.selection.columns)?;
    let by = request.by.iter().map(|column| column_position(&known, column)).collect::<Result<Vec<_>>>()?;
    let keys: Vec<&[Cell]> = request.keys.iter().map(Vec::as_slice).collect();
    rows_by(database, &known, &shape, &by, &keys)
}

/// Rows whose columns `by` hold one of `keys`; null is never found.
pub fn rows_by(
    database: &mut Database,
    known: &Known,
    shape: &Shape,
    by: &[usize],
    keys: &[&[Cell]],
) -> Result<Vec<Found>> {
    if keys.is_empty() || by.is_empty() {
        return Ok(Vec::new());
    }
    match rows_by_all(database, known, shape, by, keys) {
        // A key that the column's type cannot even read is in no row.
        Err(failure) if failure.sqlstate().is_some_and(|state| state.starts_with("22")) => {
            if keys.len() == 1 {
                return Ok(Vec::new());
            }
            let mut found = Vec::new();
            for (index, key) in keys.iter().enumerate() {
                let mut rows = rows_by(database, known, shape, by, &[key])?;
                rows.iter_mut().for_each(|row| row.index = index as u32);
                found.append(&mut rows);
            }
            Ok(found)
        }
        other => other,
    }
}

fn rows_by_all(
    database: &mut Database,
    known: &Known,
    shape: &Shape,
    by: &[usize],
    keys: &[&[Cell]],
) -> Result<Vec<Found>> {
    let params = columns(keys, by.len());
    let object = known.table.name.to_string();
    if !database.unlockable.contains(&object) {
        match run(database, known, shape, by, &params, true) {
            // 42501: locking needs the right to update; 25006: a read-only server.
            Err(failure) if matches!(failure.sqlstate(), Some("42501" | "25006" | "55000")) => {
                database.unlockable.insert(object);
            }
            other => return other,
        }
    }
    run(database, known, shape, by, &params, false)
}

/// One array a column.
pub fn columns(keys: &[&[Cell]], count: usize) -> Vec<Vec<u8>> {
    let array = |column: usize| {
        let mut array = TextArray::default();
        for key in keys {
            array.push(key.get(column).and_then(text_of).as_deref());
        }
        array.finish()
    };
    (0..count).map(array).collect()
}

fn run(
    database: &mut Database,
    known: &Known,
    shape: &Shape,
    by: &[usize],
    params: &[Vec<u8>],
    lock: bool,
) -> Result<Vec<Found>> {
    let statement = sql::fetch(&known.table.name.sql(), &shape.names(known), &typed(known, by), lock);
    let params: Vec<Param<'_>> = params.iter().map(|bytes| Param::Binary(bytes)).collect();
    let timeline = database.timeline;
    let connection = &mut database.connection;
    let mut found = Vec::new();
    connection.queue(&statement, &params);
    connection.sync()?;
    let read = connection.result(&mut |mut row| {
        let (index, row) = numbered_row(&mut row, shape, timeline)?;
        found.push(Found { index, row });
        Ok(())
    });
    connection.ready()?;
    read?;
    Ok(found)
}

/// A row that begins with its number (from 1) and ends with the position.
pub fn numbered_row(row: &mut RowView<'_>, shape: &Shape, timeline: u32) -> Result<(u32, Row)> {
    let number: u32 = row.parsed()?.unwrap_or(0);
    let (key, cells) = shape.take(row)?;
    let version = parse_lsn(row.text()?).map(|lsn| version(timeline, lsn, 0)).unwrap_or_default();
    Ok((number.saturating_sub(1), Row { key, cells, version, at: None }))
}
