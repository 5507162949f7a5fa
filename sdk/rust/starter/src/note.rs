//! A note as the service shows it, and as the contract's rows. No requests here.

use lockstep_sdk::{Cell, Column, ColumnType, Error, Object, Result, Row};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The service's one object.
pub const OBJECT: &str = "notes";

/// Letters a title may have.
const TITLE_MAX: u32 = 200;
const ID_MAX: u32 = 64;

/// Every column: name, kind, length, whether it may be null.
const COLUMNS: [(&str, &str, Option<u32>, bool); 5] = [
    ("id", "text", Some(ID_MAX), false),
    ("title", "text", Some(TITLE_MAX), false),
    ("body", "text", None, true),
    ("stars", "int", None, true),
    ("done", "bool", None, true),
];

#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Note {
    pub id: String,
    pub revision: u64,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// The columns of a request, checked.
pub struct Columns(pub Vec<String>);

impl Columns {
    /// # Errors
    /// `not-found`, naming what does not exist.
    pub fn of(object: &str, names: &[String]) -> Result<Self> {
        if object != OBJECT {
            return Err(Error::not_found(format!("there is no object {object}")));
        }
        match names.iter().find(|name| !COLUMNS.iter().any(|(known, ..)| known == name)) {
            Some(name) => Err(Error::not_found(format!("notes have no column {name}"))),
            None => Ok(Columns(names.to_vec())),
        }
    }
}

impl Note {
    pub fn cell(&self, name: &str) -> Cell {
        if name == "id" {
            return Cell::from(self.id.as_str());
        }
        match self.fields.get(name) {
            None | Some(Value::Null) => Cell::Null,
            Some(Value::Bool(value)) => Cell::from(*value),
            Some(Value::String(text)) => Cell::from(text.as_str()),
            Some(Value::Number(number)) => number.as_i64().map_or_else(|| Cell::json(number.to_string()), Cell::from),
            Some(other) => Cell::json(other.to_string()),
        }
    }

    pub fn cells(&self, columns: &Columns) -> Vec<Cell> {
        columns.0.iter().map(|name| self.cell(name)).collect()
    }

    pub fn row(&self, columns: &Columns) -> Row {
        Row::new(vec![Cell::from(self.id.as_str())], self.cells(columns)).with_version(self.revision.to_be_bytes())
    }
}

/// What a cell is in a request's body; `None` for what is not told.
pub fn json(cell: &Cell) -> Result<Option<Value>> {
    Ok(Some(match cell {
        Cell::Absent => return Ok(None),
        Cell::Null => Value::Null,
        Cell::Boolean(value) => Value::from(*value),
        Cell::Integer(value) => Value::from(*value),
        Cell::Text(text) => Value::from(text.as_str()),
        other => return Err(Error::internal(format!("a note holds no such value: {other:?}"))),
    }))
}

/// The id that a key names.
pub fn id(key: &[Cell]) -> Result<String> {
    match key {
        [Cell::Text(id)] => Ok(id.clone()),
        other => Err(Error::internal(format!("not a key of notes: {other:?}"))),
    }
}

pub fn describe() -> Object {
    let columns = COLUMNS.iter().map(|(name, kind, length, nullable)| {
        let kind = ColumnType { length: *length, ..ColumnType::new(*kind, *kind) };
        Column { nullable: *nullable, updateable: *name != "id", unique: *name == "id", ..Column::new(*name, kind) }
    });
    Object::new(OBJECT, columns.collect(), vec!["id".into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_leaves_out_is_null_and_not_absent() {
        let note: Note = serde_json::from_str(r#"{"id":"a","revision":7,"title":"x","stars":3}"#).expect("a note");
        let columns = Columns::of("notes", &["title".into(), "stars".into(), "done".into()]).expect("columns");
        let row = note.row(&columns);
        assert_eq!(row.cells, [Cell::from("x"), Cell::from(3_i64), Cell::Null]);
        assert_eq!(row.version, 7_u64.to_be_bytes());
    }

    #[test]
    fn a_column_that_does_not_exist_is_named() {
        let error = Columns::of("notes", &["colour".into()]).err().expect("an error");
        assert_eq!(error.code, "not-found");
        assert!(error.message.contains("colour"));
    }
}
