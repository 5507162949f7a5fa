//! One row at a time, by id or by an external id, with preconditions.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Answer, Call, meta::known};
use crate::salesforce::{
    id, moment,
    schema::{Field, Object},
    state::{Author, Mark, Refusal, Row, State, Transaction, Upserted},
};

/// Who writes with this call.
pub fn author(state: &State, call: &Call) -> Author {
    Author { insists: call.insists(), ..state.integration(call.origin()) }
}

/// A transaction to write in: the one around several calls where there is one
/// (then the second is true), or one of this call's own.
pub fn open(state: &mut State, call: &Call) -> (Transaction, bool) {
    match state.outer.take() {
        Some(outer) => (outer, true),
        None => (Transaction::begin(state, author(state, call)), false),
    }
}

/// What was written stays, as far as it is up to this call.
pub fn close(state: &mut State, transaction: Transaction, nested: bool) {
    if nested {
        state.outer = Some(transaction);
    } else {
        transaction.commit(state);
    }
}

/// What was written since the mark is undone.
pub fn abandon(state: &mut State, mut transaction: Transaction, nested: bool, mark: Mark) {
    transaction.roll_back_to(state, mark);
    if nested {
        state.outer = Some(transaction);
    }
}

/// Runs one write as a transaction of its own.
pub fn in_transaction<T>(
    state: &mut State,
    call: &Call,
    write: impl FnOnce(&mut Transaction, &mut State) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let (mut transaction, nested) = open(state, call);
    let mark = transaction.mark();
    match write(&mut transaction, state) {
        Ok(done) => {
            close(state, transaction, nested);
            Ok(done)
        }
        Err(refusal) => {
            abandon(state, transaction, nested, mark);
            Err(refusal)
        }
    }
}

pub fn create(state: &mut State, call: &Call, object: &str) -> Result<Answer, Refusal> {
    let values = call.object_body()?;
    known(state, object)?;
    let id = in_transaction(state, call, |transaction, state| transaction.create(state, object, &values))?;
    Ok(Answer::json(201, json!({"id": id, "success": true, "errors": []})))
}

pub fn get(state: &State, call: &Call, object: &str, id: &str) -> Result<Answer, Refusal> {
    let object = known(state, object)?;
    if id::long(id).is_none() {
        let message = format!("Provided external ID field does not exist or is not accessible: {id}");
        return Err(Refusal::request(404, "NOT_FOUND", message));
    }
    show(state, call, object, live(state, object, id)?)
}

pub fn get_by(state: &State, call: &Call, object: &str, field: &str, value: &str) -> Result<Answer, Refusal> {
    let object = known(state, object)?;
    let field = external(object, field)?;
    let found = holders(state, object, field, value);
    match &found[..] {
        [] => Err(Refusal::not_found()),
        [row] => show(state, call, object, row),
        several => Ok(choices(call, object, several.iter().map(|row| row.id.as_str()))),
    }
}

/// The object, held on to while the state changes.
fn held(state: &State, object: &str) -> Result<Arc<Object>, Refusal> {
    state.schema.shared(object).ok_or_else(Refusal::not_found)
}

fn external<'a>(object: &'a Object, field: &str) -> Result<&'a Field, Refusal> {
    object.field(field).filter(|field| field.external_id || field.id_lookup).ok_or_else(Refusal::not_found)
}

fn holders<'a>(state: &'a State, object: &Object, field: &Field, value: &str) -> Vec<&'a Row> {
    let rows = state.table(&object.name).find(&field.name, &value.into());
    rows.into_iter().filter(|row| row.deleted.is_none()).collect()
}

fn live<'a>(state: &'a State, object: &Object, id: &str) -> Result<&'a Row, Refusal> {
    let row = id::long(id).and_then(|id| state.table(&object.name).get(&id));
    row.filter(|row| row.deleted.is_none()).ok_or_else(Refusal::not_found)
}

/// 300: the addresses of the rows that were meant, perhaps.
fn choices<'a>(call: &Call, object: &Object, ids: impl Iterator<Item = &'a str>) -> Answer {
    let url = |id| Value::from(format!("/services/data/v{}/sobjects/{}/{id}", call.version, object.name));
    Answer::json(300, ids.map(url).collect())
}

fn show(state: &State, call: &Call, object: &Object, row: &Row) -> Result<Answer, Refusal> {
    let fields = call.fields(object)?;
    let answer = match precondition(call, object, row)? {
        Verdict::Proceed => Answer::json(200, state.show(object, row, fields.as_deref(), &call.version)),
        Verdict::NotModified => Answer::empty(304),
        Verdict::Failed => return Err(failed()),
    };
    let answer = answer.header("last-modified", moment::http(row.modified_at));
    Ok(if object.etag { answer.header("etag", format!("\"{}\"", etag(row))) } else { answer })
}

fn etag(row: &Row) -> String {
    let mut bytes = Vec::new();
    for quarter in 0..4u8 {
        let mut hasher = DefaultHasher::new();
        (quarter, &row.id, row.revision).hash(&mut hasher);
        bytes.extend(hasher.finish().to_be_bytes());
    }
    STANDARD.encode(bytes)
}

enum Verdict {
    Proceed,
    NotModified,
    Failed,
}

fn failed() -> Refusal {
    let message = "The request was not executed because one or more of the preconditions that the client specified in \
                   the request headers was not satisfied.";
    Refusal::request(412, "PRECONDITION_FAILED", message)
}

/// Weak ones (times, whole seconds) on every object, strong ones (ETags) where
/// the object has them; none on DELETE (vendor: conditional request headers).
fn precondition(call: &Call, object: &Object, row: &Row) -> Result<Verdict, Refusal> {
    let time = |name: &str| match call.header(name) {
        None => Ok(None),
        Some(text) => match moment::from_http(text) {
            Some(at) => Ok(Some(at)),
            None => {
                let message = format!("Invalid value for header {name}: {text}");
                Err(Refusal::request(400, "INVALID_HEADER", message))
            }
        },
    };
    if time("if-unmodified-since")?.is_some_and(|since| row.modified_at > since) {
        return Ok(Verdict::Failed);
    }
    if time("if-modified-since")?.is_some_and(|since| row.modified_at <= since) && call.method == "GET" {
        return Ok(Verdict::NotModified);
    }
    if object.etag {
        let own = etag(row);
        let among = |list: &str| {
            let mut tags = list.split(',').map(|tag| tag.trim().trim_matches('"').trim_end_matches("-gzip"));
            tags.any(|tag| tag == own || tag == "*")
        };
        if call.header("if-match").is_some_and(|list| !among(list)) {
            return Ok(Verdict::Failed);
        }
        if call.header("if-none-match").is_some_and(among) {
            return Ok(if call.method == "GET" { Verdict::NotModified } else { Verdict::Failed });
        }
    }
    Ok(Verdict::Proceed)
}

pub fn update(state: &mut State, call: &Call, object: &str, id: &str) -> Result<Answer, Refusal> {
    let values = call.object_body()?;
    let object = held(state, object)?;
    if let Ok(row) = live(state, &object, id)
        && !matches!(precondition(call, &object, row)?, Verdict::Proceed)
    {
        return Err(failed());
    }
    in_transaction(state, call, |transaction, state| transaction.update(state, &object.name, id, &values))?;
    Ok(Answer::empty(204))
}

pub fn delete(state: &mut State, call: &Call, object: &str, id: &str) -> Result<Answer, Refusal> {
    known(state, object)?;
    in_transaction(state, call, |transaction, state| transaction.delete(state, object, id))?;
    Ok(Answer::empty(204))
}

pub fn delete_by(state: &mut State, call: &Call, object: &str, field: &str, value: &str) -> Result<Answer, Refusal> {
    let object = held(state, object)?;
    let field = external(&object, field)?;
    let found: Vec<String> = holders(state, &object, field, value).into_iter().map(|row| row.id.clone()).collect();
    match &found[..] {
        [] => Err(Refusal::not_found()),
        [id] => delete(state, call, &object.name, id),
        several => Ok(choices(call, &object, several.iter().map(String::as_str))),
    }
}

pub fn upsert(state: &mut State, call: &Call, object: &str, field: &str, value: &str) -> Result<Answer, Refusal> {
    let values = call.object_body()?;
    let object = held(state, object)?;
    if let Some(field) = object.field(field)
        && let [row] = holders(state, &object, field, value)[..]
        && !matches!(precondition(call, &object, row)?, Verdict::Proceed)
    {
        return Err(failed());
    }
    let name = object.name.clone();
    let done = in_transaction(state, call, |transaction, state| {
        transaction.upsert(state, &name, field, &value.into(), &values)
    })?;
    let (status, id, created) = match &done {
        Upserted::Created(id) => (201, id, true),
        Upserted::Updated(id) => (200, id, false),
        Upserted::Several(ids) => return Ok(choices(call, &object, ids.iter().map(String::as_str))),
    };
    Ok(Answer::json(status, json!({"id": id, "success": true, "errors": [], "created": created})))
}
