//! The columns of a request, and rows made of records in that order.

use lockstep_sdk::model::{Cell, Row};

use crate::audit::{Entry, newest_ms};
use crate::cursor::version;
use crate::failure::Result;
use crate::response::Record;
use crate::schema::{KEY, ObjectType};
use crate::value::{Kind, calendar, decode};

/// A column with how its texts are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub name: String,
    pub kind: Kind,
}

/// Columns in the order asked for.
#[derive(Clone, Debug)]
pub struct Shape(pub Vec<Named>);

impl Shape {
    /// # Errors
    /// `NotFound` for a name that is no property of the type.
    pub fn new(object: &ObjectType, columns: &[String]) -> Result<Self> {
        let named = |name: &String| Ok(Named { name: name.clone(), kind: object.kind(name)? });
        columns.iter().map(named).collect::<Result<_>>().map(Shape)
    }

    /// The properties to ask for.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|column| column.name.clone()).collect()
    }

    pub fn cells(&self, record: &Record) -> Vec<Cell> {
        self.0.iter().map(|column| column.cell(record)).collect()
    }

    /// A row that cannot be ordered.
    pub fn row(&self, record: &Record) -> Row {
        let row = Row::new(key_of(&record.id), self.cells(record));
        Row { at: modified_us(record), ..row }
    }

    /// A row read with the history of its columns, which orders it.
    pub fn ordered_row(&self, record: &Record, read_at_us: i64) -> Row {
        let row = self.row(record);
        let newest = self.newest_ms(record);
        Row { at: self.edited_us(record).or(row.at), ..row }.with_version(version(newest, read_at_us))
    }

    /// When the newest entry of these columns was made. A record whose columns
    /// were never set counts from its creation.
    pub fn newest_ms(&self, record: &Record) -> i64 {
        let newest = newest_ms(self.0.iter().map(|column| record.history(&column.name)));
        let created =
            || record.created_at.as_deref().and_then(calendar::parse_timestamp).map(|us| us.div_euclid(1_000));
        newest.or_else(created).unwrap_or_default()
    }

    /// When one of these columns was last given its value.
    fn edited_us(&self, record: &Record) -> Option<i64> {
        let newest = self.0.iter().filter_map(|column| record.history(&column.name).first());
        newest.map(Entry::at_us).max().filter(|at| *at > 0)
    }
}

impl Named {
    pub fn cell(&self, record: &Record) -> Cell {
        match self.name.as_str() {
            KEY => Cell::Text(record.id.clone()),
            name => decode(self.kind, record.text(name)),
        }
    }

    pub fn entry_cell(&self, entry: &Entry) -> Cell {
        decode(self.kind, entry.value.as_deref())
    }
}

pub fn key_of(id: &str) -> Vec<Cell> {
    vec![Cell::Text(id.to_owned())]
}

fn modified_us(record: &Record) -> Option<i64> {
    record.updated_at.as_deref().and_then(calendar::parse_timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_holds_its_columns_in_order_and_is_ordered_by_their_history() {
        let json = r#"{"id":"7","properties":{"email":"a@b.example","n":"5"},
            "propertiesWithHistory":{"email":[{"value":"a@b.example","timestamp":"1970-01-01T00:00:02Z"}]},
            "createdAt":"1970-01-01T00:00:01Z","updatedAt":"1970-01-01T00:00:09Z"}"#;
        let record: Record = serde_json::from_str(json).expect("a record");
        let named = |name: &str, kind| Named { name: name.into(), kind };
        let shape = Shape(vec![named("n", Kind::Number), named(KEY, Kind::Text), named("email", Kind::Text)]);
        let row = shape.ordered_row(&record, 5);
        let cells = [Cell::Decimal("5".into()), Cell::Text("7".into()), Cell::Text("a@b.example".into())];
        assert_eq!(row.cells, cells);
        assert_eq!(row.version, version(2_000, 5));
        assert_eq!(row.at, Some(2_000_000));
        let bare = Shape(vec![named("n", Kind::Number)]).ordered_row(&record, 5);
        assert_eq!((bare.version, bare.at), (version(1_000, 5), Some(9_000_000)));
    }
}
