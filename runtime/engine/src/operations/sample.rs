//! A look at a few rows of an object: values by column, nothing kept. The values
//! at one place in all columns are one row's, so that rows can be told apart.

use std::sync::Arc;

use lockstep_core::{change::Selection, value::Value};

use crate::{EngineError, Role, engine::Shared, port::PageRequest};

/// Rows looked at, at the most.
const ROWS_MAX: usize = 500;
/// Pages asked for, at the most: systems with small pages give fewer rows.
const PAGES_MAX: u32 = 5;
const BYTES_MAX: u32 = 2 << 20;

/// The values of each column, in the columns' order, from the first pages of a
/// full read. Null: the row has none, or it was not told.
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
    let mut values = vec![Vec::new(); columns.len()];
    let (mut after, mut rows, mut bytes) = (Arc::from([]), 0, 0);
    for _ in 0..PAGES_MAX {
        let request = PageRequest {
            selection: Selection { object: object.to_owned(), columns: columns.to_vec() },
            after,
            rows_max: u32::try_from(ROWS_MAX - rows).unwrap_or(u32::MAX),
            bytes_max: BYTES_MAX,
        };
        let page = session.read(&request).await.map_err(told)?;
        rows += page.rows.len();
        for row in page.rows {
            let mut cells = row.cells.into_iter();
            for column in &mut values {
                let value = cells.next().flatten().unwrap_or(Value::Null);
                bytes += value.size_bytes();
                column.push(value);
            }
        }
        if page.next.is_empty() || rows >= ROWS_MAX || bytes >= BYTES_MAX as usize {
            break;
        }
        after = page.next;
    }
    Ok(values)
}
