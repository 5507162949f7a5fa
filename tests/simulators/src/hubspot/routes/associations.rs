//! Associations (v4): of one record, in batches, and the types there are. The
//! v3 batch calls answer in their older shape.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Path, Query, State},
    routing::{get, post, put},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    batch::{Outcome, bounded},
    objects::{TypeOf, object},
    request::{Answer, App, Names, Pairs, Reply, name, number, one, parse},
};
use crate::hubspot::{
    access::Caller, association::End, error::ApiError, record::Source, schema::ObjectType, shared::Shared, store::Store,
};

const PAGE_MAX: usize = 500;
/// Records whose associations one batch read asks for.
const READ_MAX: usize = 1_000;
/// Associations one batch call makes.
const WRITE_MAX: usize = 2_000;

pub fn router() -> Router<Arc<Shared>> {
    let mut router = Router::new();
    for prefix in ["/crm/v4/objects", "/crm/objects/{version}"] {
        let end = format!("{prefix}/{{object}}/{{id}}/associations");
        router = router
            .route(&format!("{end}/{{to}}"), get(page))
            .route(&format!("{end}/{{to}}/{{to_id}}"), put(associate).delete(dissociate))
            .route(&format!("{end}/default/{{to}}/{{to_id}}"), put(associate_plainly));
    }
    for prefix in ["/crm/v4/associations", "/crm/v3/associations", "/crm/associations/{version}"] {
        let pair = format!("{prefix}/{{object}}/{{to}}");
        router = router
            .route(&format!("{pair}/batch/read"), post(batch_read))
            .route(&format!("{pair}/batch/create"), post(batch_create))
            .route(&format!("{pair}/batch/associate/default"), post(batch_default))
            .route(&format!("{pair}/batch/archive"), post(batch_archive))
            .route(&format!("{pair}/batch/labels/archive"), post(batch_unlabel))
            .route(&format!("{pair}/labels"), get(labels))
            .route(&format!("{pair}/types"), get(labels));
    }
    router
}

fn ends(
    store: &Store,
    caller: &Caller,
    names: &Names,
    verb: &str,
) -> Result<(Arc<ObjectType>, Arc<ObjectType>), ApiError> {
    Ok((object(store, caller, name(names, "object"), verb)?, object(store, caller, name(names, "to"), verb)?))
}

/// One associated record with every type it is associated by.
fn show(store: &Store, from: &ObjectType, to: &ObjectType, other: u64, types: &[u32]) -> Value {
    let ways = store.schema.ways(&from.object_type_id, &to.object_type_id);
    let types: Vec<Value> = ways
        .iter()
        .filter(|way| types.contains(&way.type_id))
        .map(|way| json!({ "category": way.category, "typeId": way.type_id, "label": way.label }))
        .collect();
    json!({ "toObjectId": other.to_string(), "associationTypes": types })
}

async fn page(State(shared): App, Extension(caller): Extension<Caller>, names: Names, Query(pairs): Pairs) -> Answer {
    shared.with(|store, _| {
        let (from, to) = ends(store, &caller, &names, "read")?;
        let id = number(name(&names, "id"))?;
        let record = store.record(&from.object_type_id, id).filter(|record| record.archived_ms.is_none());
        let id = record.ok_or_else(ApiError::record_not_found)?.id;
        let limit = one(&pairs, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let after = one(&pairs, "after").and_then(|after| after.parse::<u64>().ok()).unwrap_or(0);
        let all = store.associated(&from.object_type_id, id, &to.object_type_id);
        let mut rest = all.into_iter().filter(|(other, _)| *other > after).peekable();
        let mut results = Vec::new();
        let mut last = 0;
        while let Some((other, types)) = rest.next_if(|_| results.len() < limit) {
            results.push(show(store, &from, &to, other, &types));
            last = other;
        }
        let mut body = Map::new();
        body.insert("results".into(), results.into());
        if rest.peek().is_some() {
            body.insert("paging".into(), json!({ "next": { "after": last.to_string() } }));
        }
        Ok(Reply::ok(Value::Object(body)))
    })
}

async fn associate(State(shared): App, Extension(caller): Extension<Caller>, names: Names, body: Bytes) -> Answer {
    let types: Vec<TypeOf> = parse(&body)?;
    shared.with(|store, now_ms| {
        let (from, to) = ends(store, &caller, &names, "write")?;
        let (id, to_id) = (number(name(&names, "id"))?, number(name(&names, "to_id"))?);
        let wanted: Vec<u32> = types.iter().map(|one| one.association_type_id).collect();
        let (here, there) = (End::new(&from.object_type_id, id), End::new(&to.object_type_id, to_id));
        store.associate(now_ms, &here, &there, &wanted, &Source::integration(caller.app_id))?;
        Ok(Reply::created(made(store, &from, &to, id, to_id, &wanted)))
    })
}

fn made(store: &Store, from: &ObjectType, to: &ObjectType, id: u64, to_id: u64, types: &[u32]) -> Value {
    let ways = store.schema.ways(&from.object_type_id, &to.object_type_id);
    let labels: Vec<&str> =
        ways.iter().filter(|way| types.contains(&way.type_id)).filter_map(|way| way.label.as_deref()).collect();
    json!({
        "fromObjectTypeId": from.object_type_id, "fromObjectId": id.to_string(),
        "toObjectTypeId": to.object_type_id, "toObjectId": to_id.to_string(), "labels": labels,
    })
}

async fn associate_plainly(State(shared): App, Extension(caller): Extension<Caller>, names: Names) -> Answer {
    shared.with(|store, now_ms| {
        let (from, to) = ends(store, &caller, &names, "write")?;
        let (id, to_id) = (number(name(&names, "id"))?, number(name(&names, "to_id"))?);
        let (here, there) = (End::new(&from.object_type_id, id), End::new(&to.object_type_id, to_id));
        store.associate(now_ms, &here, &there, &[], &Source::integration(caller.app_id))?;
        let results = vec![plainly(store, &from, &to, id, to_id)];
        let outcome = Outcome { results, errors: Vec::new() };
        Ok(outcome.reply(200, now_ms))
    })
}

fn plainly(store: &Store, from: &ObjectType, to: &ObjectType, id: u64, to_id: u64) -> Value {
    let ways = store.schema.ways(&from.object_type_id, &to.object_type_id);
    let plain = ways.iter().find(|way| way.label.is_none());
    json!({
        "from": { "id": id.to_string() },
        "to": { "id": to_id.to_string() },
        "associationSpec": plain.map(|way| {
            json!({ "associationCategory": way.category, "associationTypeId": way.type_id })
        }),
    })
}

async fn dissociate(State(shared): App, Extension(caller): Extension<Caller>, names: Names) -> Answer {
    shared.with(|store, now_ms| {
        let (from, to) = ends(store, &caller, &names, "write")?;
        let (id, to_id) = (number(name(&names, "id"))?, number(name(&names, "to_id"))?);
        let (here, there) = (End::new(&from.object_type_id, id), End::new(&to.object_type_id, to_id));
        store.dissociate(now_ms, &here, &there, &Source::integration(caller.app_id));
        Ok(Reply::nothing())
    })
}

#[derive(Debug, Deserialize)]
struct Inputs<T> {
    inputs: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct One {
    id: Value,
}

impl One {
    fn number(&self) -> Result<u64, ApiError> {
        self.id.as_u64().map_or_else(|| number(self.id.as_str().unwrap_or_default()), Ok)
    }
}

async fn batch_read(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    uri: axum::http::Uri,
    names: Names,
    body: Bytes,
) -> Answer {
    let Inputs { inputs } = parse::<Inputs<One>>(&body)?;
    bounded(inputs.len(), READ_MAX)?;
    let old = uri.path().starts_with("/crm/v3/");
    shared.with(|store, now_ms| {
        let (from, to) = ends(store, &caller, &names, "read")?;
        let mut outcome = Outcome::default();
        for input in &inputs {
            let id = input.number()?;
            let found = store.associated(&from.object_type_id, store.survivor(&from.object_type_id, id), &to.object_type_id);
            if found.is_empty() {
                outcome.errors.push(none_found(&from, &to, id));
                continue;
            }
            let others: Vec<Value> = match old {
                false => found.iter().map(|(other, types)| show(store, &from, &to, *other, types)).collect(),
                true => found
                    .iter()
                    .flat_map(|(other, types)| types.iter().map(move |one| (other, *one)))
                    .map(|(other, one)| json!({ "id": other.to_string(), "type": store.association_name(&from, &to, one) }))
                    .collect(),
            };
            outcome.results.push(json!({ "from": { "id": id.to_string() }, "to": others }));
        }
        Ok(outcome.reply(200, now_ms))
    })
}

fn none_found(from: &ObjectType, to: &ObjectType, id: u64) -> Value {
    json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": format!("No {} is associated with {} {id}.", to.name, from.name),
        "context": {
            "fromObjectId": [id.to_string()], "fromObjectType": [from.name], "toObjectType": [to.name],
        },
    })
}

#[derive(Debug, Deserialize)]
struct Making {
    from: One,
    to: One,
    #[serde(default)]
    types: Vec<TypeOf>,
}

async fn batch_create(State(shared): App, Extension(caller): Extension<Caller>, names: Names, body: Bytes) -> Answer {
    // The date-versioned path answers 200, by its description.
    let good = if names.contains_key("version") { 200 } else { 201 };
    make(&shared, &caller, &names, &body, good, made)
}

async fn batch_default(State(shared): App, Extension(caller): Extension<Caller>, names: Names, body: Bytes) -> Answer {
    make(&shared, &caller, &names, &body, 200, |store, from, to, id, to_id, _| plainly(store, from, to, id, to_id))
}

type Shown = fn(&Store, &ObjectType, &ObjectType, u64, u64, &[u32]) -> Value;

fn make(shared: &Shared, caller: &Caller, names: &Names, body: &Bytes, good: u16, show: Shown) -> Answer {
    let Inputs { inputs } = parse::<Inputs<Making>>(body)?;
    bounded(inputs.len(), WRITE_MAX)?;
    shared.with(|store, now_ms| {
        let (from, to) = ends(store, caller, names, "write")?;
        let mut outcome = Outcome::default();
        for input in &inputs {
            let (id, to_id) = (input.from.number()?, input.to.number()?);
            let wanted: Vec<u32> = input.types.iter().map(|one| one.association_type_id).collect();
            let (here, there) = (End::new(&from.object_type_id, id), End::new(&to.object_type_id, to_id));
            match store.associate(now_ms, &here, &there, &wanted, &Source::integration(caller.app_id)) {
                Ok(_) => outcome.results.push(show(store, &from, &to, id, to_id, &wanted)),
                Err(refusal) => {
                    let context = Map::from_iter([("fromObjectId".to_owned(), json!([id.to_string()]))]);
                    outcome.errors.push(refusal.in_batch(context));
                }
            }
        }
        Ok(outcome.reply(good, now_ms))
    })
}

/// Takes labels off; the association itself stays while any type is left.
async fn batch_unlabel(State(shared): App, Extension(caller): Extension<Caller>, names: Names, body: Bytes) -> Answer {
    let Inputs { inputs } = parse::<Inputs<Making>>(&body)?;
    bounded(inputs.len(), WRITE_MAX)?;
    shared.with(|store, now_ms| {
        let (from, to) = ends(store, &caller, &names, "write")?;
        for input in &inputs {
            let types: Vec<u32> = input.types.iter().map(|one| one.association_type_id).collect();
            let here = End::new(&from.object_type_id, input.from.number()?);
            let there = End::new(&to.object_type_id, input.to.number()?);
            store.unlabel(now_ms, &here, &there, &types, &Source::integration(caller.app_id));
        }
        Ok(Reply::nothing())
    })
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Others {
    Many(Vec<One>),
    Single(One),
}

#[derive(Debug, Deserialize)]
struct Unmaking {
    from: One,
    to: Others,
}

async fn batch_archive(State(shared): App, Extension(caller): Extension<Caller>, names: Names, body: Bytes) -> Answer {
    let Inputs { inputs } = parse::<Inputs<Unmaking>>(&body)?;
    bounded(inputs.len(), WRITE_MAX)?;
    shared.with(|store, now_ms| {
        let (from, to) = ends(store, &caller, &names, "write")?;
        for input in inputs {
            let others = match input.to {
                Others::Many(others) => others,
                Others::Single(other) => vec![other],
            };
            for other in others {
                let here = End::new(&from.object_type_id, input.from.number()?);
                let there = End::new(&to.object_type_id, other.number()?);
                store.dissociate(now_ms, &here, &there, &Source::integration(caller.app_id));
            }
        }
        Ok(Reply::nothing())
    })
}

async fn labels(State(shared): App, Extension(caller): Extension<Caller>, Path(names): Names) -> Answer {
    shared.with(|store, _| {
        let (from, to) = ends(store, &caller, &Path(names), "read")?;
        let ways = store.schema.ways(&from.object_type_id, &to.object_type_id);
        let shown: Vec<Value> = ways
            .iter()
            .map(|way| json!({ "category": way.category, "typeId": way.type_id, "label": way.label }))
            .collect();
        Ok(Reply::ok(json!({ "results": shown })))
    })
}
