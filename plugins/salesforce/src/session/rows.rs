//! Rows of query answers as the contract's rows.

use lockstep_sdk::model::{Cell, Row};

use crate::api::Record;
use crate::failure::{Failure, Result};
use crate::schema::{Field, Kind, Sobject};
use crate::value::{decode, long_id};

/// Times the server keeps of a row, where the object has them.
const STAMPS: [&str; 2] = ["SystemModstamp", "LastModifiedDate"];

/// What is asked of an object's rows: its columns, and what is needed besides.
pub struct Shape<'s> {
    columns: Vec<&'s Field>,
    select: Vec<&'s str>,
    stamps: Vec<&'s str>,
    is_deleted: bool,
}

impl<'s> Shape<'s> {
    /// # Errors
    /// `not-found` for a column that the object does not have.
    pub fn new(sobject: &'s Sobject, columns: &[String]) -> Result<Self> {
        let columns = columns.iter().map(|name| sobject.known(name)).collect::<Result<Vec<_>>>()?;
        let stamps: Vec<&str> = STAMPS.into_iter().filter(|name| sobject.field(name).is_some()).collect();
        let mut select = vec!["Id"];
        for name in columns.iter().map(|field| field.name.as_str()).chain(stamps.iter().copied()) {
            if !select.contains(&name) {
                select.push(name);
            }
        }
        let is_deleted = sobject.field("IsDeleted").is_some();
        Ok(Shape { columns, select, stamps, is_deleted })
    }

    pub fn fields(&self) -> &[&'s Field] {
        &self.columns
    }

    /// The names to select.
    pub fn select(&self) -> &[&'s str] {
        &self.select
    }

    /// Whether rows in the recycle bin can be told from others.
    pub fn has_is_deleted(&self) -> bool {
        self.is_deleted
    }

    /// A row as read: it has no version, for nothing orders it against the stream.
    ///
    /// # Errors
    /// `internal` when it has no id.
    pub fn row(&self, record: &Record) -> Result<Row> {
        let key = Cell::Text(id_of(record)?);
        let cells = self.columns.iter().map(|field| cell(field, record)).collect();
        let at = record_us(record, "LastModifiedDate").or_else(|| self.stamp_us(record));
        Ok(Row { key: vec![key], cells, version: Vec::new(), at })
    }

    /// The newest of the row's stamps: what preconditions are measured against.
    pub fn stamp_us(&self, record: &Record) -> Option<i64> {
        self.stamps.iter().filter_map(|name| record_us(record, name)).max()
    }
}

fn cell(field: &Field, record: &Record) -> Cell {
    record.get(&field.name).map_or(Cell::Absent, |raw| decode(field.kind(), raw))
}

/// The record's id in its long form.
///
/// # Errors
/// `internal` when it has none.
pub fn id_of(record: &Record) -> Result<String> {
    match record.get("Id").map(|raw| decode(Kind::Id, raw)) {
        Some(Cell::Text(id)) => Ok(id),
        _ => Err(Failure::Protocol("a row without an Id".into())),
    }
}

/// An instant of a record.
pub fn record_us(record: &Record, name: &str) -> Option<i64> {
    match decode(Kind::DateTime, record.get(name)?) {
        Cell::Timestamp(micros) => Some(micros),
        _ => None,
    }
}

/// Whether the record lies in the recycle bin.
pub fn is_deleted(record: &Record) -> bool {
    record.get("IsDeleted").is_some_and(|raw| raw.get() == "true")
}

/// The id in an intent's or a request's key.
pub fn key_id(key: &[Cell]) -> Option<String> {
    match key {
        [Cell::Text(id)] if crate::value::is_id(id) => Some(long_id(id)),
        _ => None,
    }
}
