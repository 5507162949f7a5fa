//! A look at a few rows of an object: values by column, nothing kept.

use std::sync::Arc;

use lockstep_core::{change::Selection, value::Value};

use crate::{EngineError, Role, engine::Shared, port::PageRequest};

/// Rows looked at, at the most.
const ROWS_MAX: u32 = 500;
const BYTES_MAX: u32 = 2 << 20;

/// The told values of each column, in the columns' order, from the first page
/// of a full read.
pub(super) async fn sample(
    shared: &Shared,
    connection: &str,
    object: &str,
    columns: &[String],
) -> Result<Vec<Vec<Value>>, EngineError> {
    let connector =
        shared.connectors.get(connection).ok_or_else(|| EngineError::UnknownConnection(connection.to_owned()))?;
    let told = |error| EngineError::session(connection, error);
    let mut session = connector.open(Role::Read).await.map_err(told)?;
    let request = PageRequest {
        selection: Selection { object: object.to_owned(), columns: columns.to_vec() },
        after: Arc::from([]),
        rows_max: ROWS_MAX,
        bytes_max: BYTES_MAX,
    };
    let page = session.read(&request).await.map_err(told)?;
    let mut values = vec![Vec::new(); columns.len()];
    for row in page.rows {
        for (column, cell) in values.iter_mut().zip(row.cells) {
            column.extend(cell.filter(|value| !value.is_null()));
        }
    }
    Ok(values)
}
