//! Up to 200 rows in one call, each with its own result.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{
    Answer, Call,
    call::named,
    meta::known,
    rows::{abandon, close, open},
};
use crate::salesforce::{
    id,
    state::{Refusal, State, Transaction, Upserted},
};

/// Rows a call may bring.
const ROWS_MAX: usize = 200;
/// Rows a call may ask for.
const RETRIEVE_MAX: usize = 2_000;

/// What one row became.
enum Done {
    Id(String),
    Upserted { id: String, created: bool },
}

impl Done {
    fn result(&self) -> Value {
        match self {
            Self::Id(id) => json!({"id": id, "success": true, "errors": []}),
            Self::Upserted { id, created } => json!({"id": id, "success": true, "errors": [], "created": created}),
        }
    }
}

/// Writes rows in one transaction. With `all_or_none`, one refusal undoes all.
/// A refusal that is not about the row's values (a name or a type that cannot
/// be read) is of the request as a whole.
fn each<T>(
    state: &mut State,
    call: &Call,
    all_or_none: bool,
    rows: &[T],
    write: impl Fn(&mut Transaction, &mut State, &T) -> Result<Done, Refusal>,
) -> Result<Answer, Refusal> {
    if rows.len() > ROWS_MAX {
        let message = format!("record limit reached. cannot submit more than {ROWS_MAX} records in this request");
        return Err(Refusal::request(400, "EXCEEDED_ID_LIMIT", message));
    }
    let (mut transaction, nested) = open(state, call);
    let mark = transaction.mark();
    let mut results = Vec::with_capacity(rows.len());
    let mut refused = false;
    for row in rows {
        match write(&mut transaction, state, row) {
            Ok(done) => results.push(Ok(done)),
            Err(refusal) if refusal.fields.is_none() && refusal.status == 400 => {
                abandon(state, transaction, nested, mark);
                return Err(refusal);
            }
            Err(refusal) => {
                refused = true;
                results.push(Err(refusal));
            }
        }
    }
    if !(all_or_none && refused) {
        close(state, transaction, nested);
        let results = results.iter().map(|result| match result {
            Ok(done) => done.result(),
            Err(refusal) => refusal.result(),
        });
        return Ok(Answer::json(200, results.collect()));
    }
    abandon(state, transaction, nested, mark);
    let rolled_back = Refusal::row(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
        &[],
    );
    let results = results.iter().map(|result| result.as_ref().err().unwrap_or(&rolled_back).result());
    Ok(Answer::json(200, results.collect()))
}

/// `{"allOrNone": false, "records": [...]}`
fn body(call: &Call) -> Result<(bool, Vec<Map<String, Value>>), Refusal> {
    let mut body = call.object_body()?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or_default();
    let Some(Value::Array(records)) = body.remove("records") else {
        return Err(Refusal::request(400, "MISSING_ARGUMENT", "records not specified"));
    };
    let records = records.into_iter().filter_map(|record| match record {
        Value::Object(record) => Some(record),
        _ => None,
    });
    Ok((all_or_none, records.collect()))
}

fn kind(state: &State, record: &Map<String, Value>) -> Result<String, Refusal> {
    let kind = record.get("attributes").and_then(|own| own.get("type")).and_then(Value::as_str).unwrap_or_default();
    match state.schema.object(kind) {
        Some(object) => Ok(object.name.clone()),
        None => Err(Refusal::request(400, "INVALID_TYPE", format!("sObject type '{kind}' is not supported."))),
    }
}

fn id_of(record: &Map<String, Value>) -> Option<&str> {
    record.iter().find(|(name, _)| name.eq_ignore_ascii_case("id")).and_then(|(_, id)| id.as_str())
}

/// Within a collection, a row that is not there is another's or nobody's.
fn missing(refusal: Refusal) -> Refusal {
    if refusal.code == "NOT_FOUND" {
        return Refusal::row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[]);
    }
    refusal
}

pub fn create(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let (all_or_none, records) = body(call)?;
    each(state, call, all_or_none, &records, |transaction, state, record| {
        let kind = kind(state, record)?;
        transaction.create(state, &kind, record).map(Done::Id)
    })
}

pub fn update(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let (all_or_none, records) = body(call)?;
    let mut seen = HashSet::new();
    for id in records.iter().filter_map(id_of).filter_map(id::long) {
        if !seen.insert(id.clone()) {
            let message = format!("duplicate id specified: {id}");
            return Err(Refusal::request(400, "DUPLICATE_VALUE", message));
        }
    }
    each(state, call, all_or_none, &records, |transaction, state, record| {
        let kind = kind(state, record)?;
        let Some(id) = id_of(record) else {
            return Err(Refusal::row("MISSING_ARGUMENT", "Id not specified in an update call", &["Id"]));
        };
        transaction.update(state, &kind, id, record).map(Done::Id).map_err(missing)
    })
}

pub fn upsert(state: &mut State, call: &Call, object: &str, field: &str) -> Result<Answer, Refusal> {
    let object = known(state, object)?.name.clone();
    let (all_or_none, records) = body(call)?;
    each(state, call, all_or_none, &records, |transaction, state, record| {
        let mut values = record.clone();
        let name = values.keys().find(|name| name.eq_ignore_ascii_case(field)).cloned().unwrap_or_default();
        let value = values.shift_remove(&name).unwrap_or_default();
        match transaction.upsert(state, &object, field, &value, &values)? {
            Upserted::Created(id) => Ok(Done::Upserted { id, created: true }),
            Upserted::Updated(id) => Ok(Done::Upserted { id, created: false }),
            Upserted::Several(ids) => {
                let message = format!("{field}: more than one record found for external id field: {ids:?}");
                Err(Refusal::row("DUPLICATE_EXTERNAL_ID", message, &[field]))
            }
        }
    })
}

pub fn delete(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let ids: Vec<String> = call.query("ids").unwrap_or_default().split(',').map(|id| id.trim().to_owned()).collect();
    let all_or_none = call.query("allOrNone").is_some_and(|own| own.eq_ignore_ascii_case("true"));
    each(state, call, all_or_none, &ids, |transaction, state, id| {
        let long = id::long(id).ok_or_else(|| Refusal::row("MALFORMED_ID", format!("malformed id {id}"), &[]))?;
        let object = state.schema.object_of(&long).map(|object| object.name.clone());
        let object = object.ok_or_else(|| missing(Refusal::not_found()))?;
        transaction.delete(state, &object, &long).map(Done::Id).map_err(missing)
    })
}

/// The rows of these ids, null where there is none.
pub fn retrieve(state: &State, call: &Call, object: &str) -> Result<Answer, Refusal> {
    let object = known(state, object)?;
    let (ids, fields): (Vec<String>, Vec<String>) = if call.method == "POST" {
        let body = call.object_body()?;
        let list = |name: &str| {
            let own = body.get(name).and_then(Value::as_array).into_iter().flatten();
            own.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        (list("ids"), list("fields"))
    } else {
        let list = |name: &str| call.query(name).unwrap_or_default().split(',').map(str::to_owned).collect();
        (list("ids"), list("fields"))
    };
    if ids.len() > RETRIEVE_MAX {
        let message = format!("record limit reached. cannot submit more than {RETRIEVE_MAX} records in this request");
        return Err(Refusal::request(400, "EXCEEDED_ID_LIMIT", message));
    }
    let fields = named(object, fields.iter().map(String::as_str))?;
    let rows = ids.iter().map(|id| {
        let row = id::long(id).and_then(|id| state.table(&object.name).get(&id));
        match row.filter(|row| row.deleted.is_none()) {
            Some(row) => state.show(object, row, Some(&fields), &call.version),
            None => Value::Null,
        }
    });
    Ok(Answer::json(200, rows.collect()))
}
