//! Rows that another transaction holds: they wait, the others do not wait for them.

use lockstep_sdk::model::{Cell, WriteRequest};

use crate::failure::Result;
use crate::sql;
use crate::wire::Param;

use super::super::database::{Database, Known};
use super::super::fetch::columns;
use super::super::shape::typed;
use super::group::Group;

/// The groups without the intents whose rows are held, and those intents.
pub fn set_aside(
    database: &mut Database,
    known: &Known,
    request: &WriteRequest,
    groups: &[Group],
) -> Result<(Vec<Group>, Vec<usize>)> {
    let statement = sql::locked(&known.table.name.sql(), &typed(known, &known.table.key));
    let mut free = Vec::with_capacity(groups.len());
    let mut held = Vec::new();
    for group in groups {
        let keys: Vec<&[Cell]> = group
            .intents
            .iter()
            .filter_map(|at| request.intents.get(*at))
            .map(|intent| intent.key.as_slice())
            .collect();
        if keys.iter().any(|key| key.is_empty()) {
            // Creates have no row yet that could be held.
            free.push(group.clone());
            continue;
        }
        let arrays = columns(&keys, known.table.key.len());
        let params: Vec<Param<'_>> = arrays.iter().map(|bytes| Param::Binary(bytes)).collect();
        let rows = database.connection.query(&statement, &params)?;
        let numbers: Vec<usize> = (0..rows.len()).filter_map(|row| rows.text(row, 0).parse().ok()).collect();
        let mut left = group.clone();
        left.intents.clear();
        for (number, at) in (1..).zip(&group.intents) {
            if numbers.contains(&number) { held.push(*at) } else { left.intents.push(*at) }
        }
        if !left.intents.is_empty() {
            free.push(left);
        }
    }
    Ok((free, held))
}
