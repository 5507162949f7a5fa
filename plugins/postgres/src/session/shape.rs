//! How rows of one request look on the wire: which columns are selected, how
//! each is read, where the key is found among them.

use lockstep_sdk::model::Cell;

use crate::failure::{Failure, Result};
use crate::sql::Changed;
use crate::value::{Codec, decode};
use crate::wire::RowView;

use super::database::Known;

/// The columns asked for, then those of the key that are not among them.
pub struct Shape {
    select: Vec<usize>,
    codecs: Vec<Codec>,
    asked: usize,
    key: Vec<usize>,
}

impl Shape {
    pub fn new(known: &Known, columns: &[String]) -> Result<Self> {
        let mut select = Vec::with_capacity(columns.len() + known.table.key.len());
        for column in columns {
            select.push(column_position(known, column)?);
        }
        let mut key = Vec::with_capacity(known.table.key.len());
        for position in &known.table.key {
            match select.iter().position(|selected| selected == position) {
                Some(at) => key.push(at),
                None => {
                    key.push(select.len());
                    select.push(*position);
                }
            }
        }
        let codec = |at: &usize| known.types.get(*at).map(|info| info.codec);
        let codecs = select.iter().filter_map(codec).collect();
        Ok(Shape { select, codecs, asked: columns.len(), key })
    }

    /// Names of what is selected.
    pub fn names<'a>(&self, known: &'a Known) -> Vec<&'a str> {
        let name = |at: &usize| known.table.columns.get(*at).map(|column| column.name.as_str());
        self.select.iter().filter_map(name).collect()
    }

    /// Read the selected columns of a row: its key, and the cells asked for.
    pub fn take(&self, row: &mut RowView<'_>) -> Result<(Vec<Cell>, Vec<Cell>)> {
        let mut cells = Vec::with_capacity(self.codecs.len());
        for codec in &self.codecs {
            cells.push(match row.take()? {
                None => Cell::Null,
                Some(bytes) => decode(*codec, bytes),
            });
        }
        let key = self.key.iter().filter_map(|at| cells.get(*at).cloned()).collect();
        cells.truncate(self.asked);
        Ok((key, cells))
    }
}

/// Where a named column is.
pub fn column_position(known: &Known, column: &str) -> Result<usize> {
    known
        .table
        .position(column)
        .ok_or_else(|| Failure::NotFound(format!("`{}` has no column `{column}`", known.table.name)))
}

/// Columns with their types, for statements.
pub fn typed<'a>(known: &'a Known, positions: &[usize]) -> Vec<Changed<'a>> {
    let column = |at: &usize| Some((known.table.columns.get(*at)?.name.as_str(), known.types.get(*at)?.as_ref()));
    positions.iter().filter_map(column).collect()
}
