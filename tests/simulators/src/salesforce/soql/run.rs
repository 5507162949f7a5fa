//! Runs a query over the rows and renders what it selects.

use serde_json::{Map, Value, json};

use super::{
    filter::{Bound, bind, holds, order_of, pointer, prepare},
    parse,
    syntax::{Column, Filter, Literal, Operator, Path, Query, Select},
};
use crate::salesforce::{
    id,
    schema::{Field, Kind, Object},
    state::{Refusal, Row, State},
};

/// Rows that OFFSET may skip, at most.
const OFFSET_MAX: usize = 2_000;
/// Rows that `FIELDS(ALL)` and `FIELDS(CUSTOM)` may be asked for.
const ALL_FIELDS_ROWS_MAX: usize = 200;

/// What a query found.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    Count(usize),
    Rows {
        records: Vec<Value>,
        /// The selected columns, as a bulk file names them.
        columns: Vec<String>,
    },
}

/// Runs a query; `all` sees the recycle bin too.
pub fn run(state: &State, text: &str, all: bool, version: &str) -> Result<Found, Refusal> {
    let query = parse::query(text).map_err(|malformed| {
        let message = format!("{}{}", pointer(text, malformed.at), malformed.message);
        Refusal::request(400, "MALFORMED_QUERY", message)
    })?;
    let object = state.schema.object(&query.from).ok_or_else(|| {
        let message = format!(
            "{}sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the \
             '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
            pointer(text, text.to_lowercase().find(" from ").map_or(0, |at| at + 6)),
            query.from
        );
        Refusal::request(400, "INVALID_TYPE", message)
    })?;
    if query.offset > OFFSET_MAX {
        let message = format!("Maximum SOQL offset allowed is {OFFSET_MAX}");
        return Err(Refusal::request(400, "NUMBER_OUTSIDE_VALID_RANGE", message));
    }
    let rows = select(state, object, &query, text, all || query.all_rows)?;
    match &query.select {
        Select::Count => Ok(Found::Count(rows.len())),
        Select::Columns(columns) => {
            let columns = bound(state, object, columns, &query, text)?;
            let names = columns.iter().map(|(path, _)| path.parts.join(".")).collect();
            let records = rows.iter().map(|row| render(state, object, row, &columns, version)).collect();
            Ok(Found::Rows { records, columns: names })
        }
    }
}

/// The rows, filtered, ordered and cut.
fn select<'a>(
    state: &'a State,
    object: &Object,
    query: &Query,
    text: &str,
    all: bool,
) -> Result<Vec<&'a Row>, Refusal> {
    let filter = query.filter.as_ref().map(|filter| prepare(&state.schema, object, filter, text)).transpose()?;
    let fits = |row: &&'a Row| {
        let seen = match &row.deleted {
            None => true,
            Some(deleted) => all && !deleted.purged,
        };
        seen && filter.as_ref().is_none_or(|filter| holds(state, object, row, filter))
    };
    let mut rows: Vec<&Row> = candidates(state, object, query.filter.as_ref()).into_iter().filter(fits).collect();
    let mut keys = Vec::new();
    for order in &query.order {
        keys.push((bind(&state.schema, object, &order.path, text)?, order));
    }
    // Ids ascend already.
    let by_id =
        keys.len() == 1 && keys[0].0.field.kind == Kind::Id && keys[0].0.hops.is_empty() && !keys[0].1.descending;
    if !keys.is_empty() && !by_id {
        let mut keyed: Vec<(Vec<Value>, &Row)> = rows
            .into_iter()
            .map(|row| (keys.iter().map(|(bound, _)| state.follow(object, row, bound)).collect(), row))
            .collect();
        keyed.sort_by(|(left, _), (right, _)| {
            let orders = keys.iter().zip(left.iter().zip(right)).map(|((bound, order), (left, right))| {
                let ordering = order_of(left, right, bound.field.kind);
                let one_null = left.is_null() != right.is_null();
                // Nulls are first, whichever way, unless they are asked for last.
                if if one_null { order.nulls_last } else { order.descending } { ordering.reverse() } else { ordering }
            });
            orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
        rows = keyed.into_iter().map(|(_, row)| row).collect();
    }
    Ok(rows.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX)).collect())
}

/// The rows worth trying: by id where the condition names ids, all otherwise.
fn candidates<'a>(state: &'a State, object: &Object, filter: Option<&Filter>) -> Vec<&'a Row> {
    let table = state.table(&object.name);
    let parts: &[Filter] = match filter {
        Some(Filter::And(parts)) => parts,
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    let is_id = |path: &Path| matches!(&path.parts[..], [only] if only.eq_ignore_ascii_case("Id"));
    for part in parts {
        let ids: Vec<&Literal> = match part {
            Filter::Compare { path, operator: Operator::Equal, value } if is_id(path) => vec![value],
            Filter::In { path, values, negated: false } if is_id(path) => values.iter().collect(),
            _ => continue,
        };
        let mut ids: Vec<String> = ids
            .into_iter()
            .filter_map(|id| match id {
                Literal::Text(text) => id::long(text),
                _ => None,
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        return ids.iter().filter_map(|id| table.get(id)).collect();
    }
    for part in parts {
        if let Filter::Compare { path, operator: Operator::Greater | Operator::GreaterOrEqual, value } = part
            && is_id(path)
            && let Literal::Text(text) = value
            && let Some(id) = id::long(text)
        {
            return table.rows_from(&id).collect();
        }
        if let Filter::Compare { path, operator: Operator::Equal, value: Literal::Text(text) } = part
            && let [only] = &path.parts[..]
            && let Some(field) = object.field(only).filter(|field| state.is_indexed(field))
        {
            let mut found = table.find(&field.name, &text.clone().into());
            found.sort_by(|left, right| left.id.cmp(&right.id));
            return found;
        }
    }
    table.rows().collect()
}

fn bound<'a>(
    state: &'a State,
    object: &'a Object,
    columns: &[Column],
    query: &Query,
    text: &str,
) -> Result<Vec<(Path, Bound<'a>)>, Refusal> {
    let mut found = Vec::new();
    for column in columns {
        match column {
            Column::Path(path) => found.push((path.clone(), bind(&state.schema, object, path, text)?)),
            Column::All { standard, custom } => {
                if *custom && query.limit.is_none_or(|limit| limit > ALL_FIELDS_ROWS_MAX) {
                    let message = "The SOQL FIELDS function must have a LIMIT of at most 200";
                    return Err(Refusal::request(400, "MALFORMED_QUERY", message));
                }
                for field in object.fields.iter().filter(|field| !field.hidden) {
                    if if field.is_custom() { *custom } else { *standard } {
                        let path = Path { parts: vec![field.name.clone()], at: 0 };
                        found.push((path, Bound { hops: Vec::new(), field }));
                    }
                }
            }
        }
    }
    Ok(found)
}

/// One record as a query answers it, parents nested.
fn render(state: &State, object: &Object, row: &Row, columns: &[(Path, Bound<'_>)], version: &str) -> Value {
    let mut record = attributes(&object.name, &row.id, version);
    for (_, bound) in columns {
        place(&mut record, state, (object, row), &bound.hops, bound.field, version);
    }
    Value::Object(record)
}

/// Puts one field where its path leads; a parent that is not there is null.
fn place(
    record: &mut Map<String, Value>,
    state: &State,
    (object, row): (&Object, &Row),
    hops: &[&Field],
    field: &Field,
    version: &str,
) {
    let Some((hop, rest)) = hops.split_first() else {
        record.insert(field.name.clone(), state.read(object, row, field));
        return;
    };
    let name = hop.relationship.clone().unwrap_or_default();
    let entry = record.entry(name).or_insert(Value::Null);
    let Some((parent, parent_row)) = state.parent(object, row, hop) else { return };
    if entry.is_null() {
        *entry = Value::Object(attributes(&parent.name, &parent_row.id, version));
    }
    if let Value::Object(inner) = entry {
        place(inner, state, (parent, parent_row), rest, field, version);
    }
}

fn attributes(object: &str, id: &str, version: &str) -> Map<String, Value> {
    let url = format!("/services/data/v{version}/sobjects/{object}/{id}");
    Map::from_iter([("attributes".to_owned(), json!({"type": object, "url": url}))])
}
