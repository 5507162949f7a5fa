//! Up to a hundred records in a call. A create whose inputs all carry a trace id
//! reports each failure by itself (207); without, the first failure refuses all.
//! Reads and updates report missing records by themselves either way.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Extension, Router,
    extract::{Path, Query, State},
    routing::post,
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    objects::{Beginning, begin, object},
    request::{Answer, App, Names, Pairs, Reply, flag, name, parse, values},
};
use crate::hubspot::{
    access::Caller,
    error::ApiError,
    record::Source,
    schema::ObjectType,
    shared::Shared,
    show::{Wanted, iso},
    store::Store,
    write::Values,
};

pub fn router() -> Router<Arc<Shared>> {
    let mut router = Router::new();
    for prefix in ["/crm/v3/objects", "/crm/objects/{version}"] {
        for (verb, route) in [
            ("read", post(read)),
            ("create", post(create)),
            ("update", post(update)),
            ("upsert", post(upsert)),
            ("archive", post(archive)),
        ] {
            router = router.route(&format!("{prefix}/{{object}}/batch/{verb}"), route);
        }
    }
    router
}

/// What a batch call answers with.
#[derive(Debug, Default)]
pub struct Outcome {
    pub results: Vec<Value>,
    pub errors: Vec<Value>,
}

impl Outcome {
    /// `good`: the status when nothing failed.
    pub fn reply(self, good: u16, started_ms: i64) -> Reply {
        let mut body = Map::new();
        body.insert("status".into(), "COMPLETE".into());
        body.insert("results".into(), self.results.into());
        let partial = !self.errors.is_empty();
        if partial {
            body.insert("numErrors".into(), self.errors.len().into());
            body.insert("errors".into(), self.errors.into());
        }
        body.insert("startedAt".into(), iso(started_ms).into());
        body.insert("completedAt".into(), iso(started_ms + 1).into());
        Reply(if partial { 207 } else { good }, Some(Value::Object(body)))
    }

    /// One line for everything that was not there.
    fn missing(&mut self, object: &ObjectType, ids: Vec<String>) {
        if ids.is_empty() {
            return;
        }
        let message = format!(
            "Could not get some {} objects, they may be deleted or not exist. Check that ids are valid.",
            object.shouted()
        );
        self.errors.push(json!({
            "status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": { "ids": ids },
        }));
    }
}

#[derive(Debug, Deserialize)]
struct Inputs<T> {
    inputs: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct Key {
    id: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reading {
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    id_property: Option<String>,
    inputs: Vec<Key>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    id: Value,
    id_property: Option<String>,
    #[serde(default)]
    properties: Map<String, Value>,
    #[serde(rename = "objectWriteTraceId")]
    trace: Option<String>,
}

impl Change {
    fn key(&self) -> String {
        text(&self.id)
    }
}

fn text(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), |id| id.trim().to_owned())
}

pub fn bounded(count: usize, max: usize) -> Result<(), ApiError> {
    if count > max {
        let message = format!("The batch has {count} inputs, at most {max} are allowed");
        return Err(ApiError::validation(message));
    }
    Ok(())
}

/// Two inputs that mean one record refuse the whole call.
fn distinct(keys: impl Iterator<Item = String>) -> Result<(), ApiError> {
    let mut seen = BTreeSet::new();
    let twice: Vec<String> = keys.filter(|key| !seen.insert(key.to_lowercase())).collect();
    if twice.is_empty() {
        return Ok(());
    }
    let message = format!("Duplicate IDs found in batch input: [{}]. IDs must be unique", twice.join(", "));
    Err(ApiError::validation(message).with("context", json!({ "ids": twice })))
}

fn traced(trace: Option<&String>) -> Map<String, Value> {
    trace.map(|trace| Map::from_iter([("objectWriteTraceId".to_owned(), json!([trace]))])).unwrap_or_default()
}

async fn read(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(names): Names,
    Query(pairs): Pairs,
    body: Bytes,
) -> Answer {
    shared.with(|store, now_ms| {
        let object = object(store, &caller, name(&names, "object"), "read")?;
        let reading: Reading = parse(&body)?;
        let plain = reading.properties_with_history.is_empty();
        bounded(reading.inputs.len(), if plain { store.settings.batch_max } else { store.settings.history_batch_max })?;
        let wanted = Wanted {
            properties: reading.properties,
            with_history: reading.properties_with_history,
            associations: Vec::new(),
        };
        let (mut outcome, mut missing) = (Outcome::default(), Vec::new());
        let mut shown = BTreeSet::new();
        for key in reading.inputs.iter().map(|input| text(&input.id)) {
            let found = store.find(&object, &key, reading.id_property.as_deref(), flag(&pairs, "archived"))?;
            match found.and_then(|id| store.record(&object.object_type_id, id)) {
                // Ids that were merged together are one record, shown once.
                Some(record) if shown.insert(record.id) => outcome.results.push(store.show(&object, record, &wanted)),
                Some(_) => {}
                None => missing.push(key),
            }
        }
        outcome.missing(&object, missing);
        Ok(outcome.reply(200, now_ms))
    })
}

async fn create(State(shared): App, Extension(caller): Extension<Caller>, Path(names): Names, body: Bytes) -> Answer {
    shared.with(|store, now_ms| {
        let object = object(store, &caller, name(&names, "object"), "write")?;
        let Inputs { inputs } = parse::<Inputs<Beginning>>(&body)?;
        bounded(inputs.len(), store.settings.batch_max)?;
        let source = Source::integration(caller.app_id);
        let multi = !inputs.is_empty() && inputs.iter().all(|input| input.trace.is_some());
        if !multi {
            let wishes: Vec<Values> = inputs.iter().map(|input| values(&input.properties)).collect();
            store.all_creatable(&object, &wishes)?;
        }
        let mut outcome = Outcome::default();
        for input in &inputs {
            match begin(store, now_ms, &object, input, &source) {
                Ok(mut made) => {
                    made.extend(input.trace.clone().map(|trace| ("objectWriteTraceId".to_owned(), trace.into())));
                    outcome.results.push(Value::Object(made));
                }
                Err(refusal) if multi => outcome.errors.push(refusal.in_batch(traced(input.trace.as_ref()))),
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(outcome.reply(201, now_ms))
    })
}

async fn update(State(shared): App, Extension(caller): Extension<Caller>, Path(names): Names, body: Bytes) -> Answer {
    changes(&shared, &caller, name(&names, "object"), &body, false)
}

async fn upsert(State(shared): App, Extension(caller): Extension<Caller>, Path(names): Names, body: Bytes) -> Answer {
    changes(&shared, &caller, name(&names, "object"), &body, true)
}

fn changes(shared: &Shared, caller: &Caller, named: &str, body: &Bytes, creating: bool) -> Answer {
    shared.with(|store, now_ms| {
        let object = object(store, caller, named, "write")?;
        let Inputs { inputs } = parse::<Inputs<Change>>(body)?;
        bounded(inputs.len(), store.settings.batch_max)?;
        distinct(inputs.iter().map(Change::key))?;
        let mut found = Vec::new();
        for input in &inputs {
            if creating && input.id_property.is_none() {
                return Err(ApiError::validation("idProperty is required for an upsert"));
            }
            found.push(store.find(&object, &input.key(), input.id_property.as_deref(), false)?);
        }
        // Through merges, or by two unique properties, one record can be meant twice.
        distinct(found.iter().flatten().map(u64::to_string))?;
        let multi = !inputs.is_empty() && inputs.iter().all(|input| input.trace.is_some());
        if !multi {
            for (input, id) in inputs.iter().zip(&found) {
                if id.is_some() || creating {
                    store.writable(&object, *id, &given(input, creating && id.is_none()))?;
                }
            }
        }
        let source = Source::integration(caller.app_id);
        let (mut outcome, mut missing) = (Outcome::default(), Vec::new());
        for (input, id) in inputs.iter().zip(found) {
            if id.is_none() && !creating {
                match &input.trace {
                    Some(_) => outcome.errors.push(absent(&object, input)),
                    None => missing.push(input.key()),
                }
                continue;
            }
            match change(store, now_ms, &object, input, id, &source, creating) {
                Ok(result) => outcome.results.push(result),
                Err(refusal) if multi => outcome.errors.push(refusal.in_batch(traced(input.trace.as_ref()))),
                Err(refusal) => return Err(refusal),
            }
        }
        outcome.missing(&object, missing);
        Ok(outcome.reply(200, now_ms))
    })
}

/// What is to be written; a record made by its key gets the key too.
fn given(input: &Change, beginning: bool) -> Values {
    let mut given = values(&input.properties);
    if beginning && let Some(property) = &input.id_property {
        given.entry(property.clone()).or_insert_with(|| input.key());
    }
    given
}

fn absent(object: &ObjectType, input: &Change) -> Value {
    let message = format!("{} with id {} does not exist", object.shouted(), input.key());
    let mut context = traced(input.trace.as_ref());
    context.insert("ids".into(), json!([input.key()]));
    ApiError::new(404, Some("OBJECT_NOT_FOUND"), message).in_batch(context)
}

fn change(
    store: &mut Store,
    now_ms: i64,
    object: &ObjectType,
    input: &Change,
    id: Option<u64>,
    source: &Source,
    creating: bool,
) -> Result<Value, ApiError> {
    let type_id = object.object_type_id.as_str();
    let written = match id {
        Some(id) => store.update(now_ms, type_id, id, &given(input, false), source)?,
        None => store.create(now_ms, type_id, &given(input, true), source)?,
    };
    let record = store.record(type_id, written.id).ok_or_else(ApiError::record_not_found)?;
    let mut shown = store.show_written(object, record, &written.touched, written.created);
    if creating {
        shown.insert("new".into(), written.created.into());
    }
    shown.extend(input.trace.clone().map(|trace| ("objectWriteTraceId".to_owned(), trace.into())));
    Ok(Value::Object(shown))
}

async fn archive(State(shared): App, Extension(caller): Extension<Caller>, Path(names): Names, body: Bytes) -> Answer {
    shared.with(|store, now_ms| {
        let object = object(store, &caller, name(&names, "object"), "write")?;
        let Inputs { inputs } = parse::<Inputs<Key>>(&body)?;
        bounded(inputs.len(), store.settings.batch_max)?;
        let source = Source::integration(caller.app_id);
        // What is not there is not mentioned.
        for id in inputs.iter().filter_map(|input| text(&input.id).parse().ok()) {
            store.archive(now_ms, &object.object_type_id, id, &source);
        }
        Ok(Reply::nothing())
    })
}
