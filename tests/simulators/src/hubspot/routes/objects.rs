//! One record at a time, pages of records, search, merge, privacy deletion.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Path, Query, State},
    http::Uri,
    routing::{get, post},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::request::{Answer, App, Names, Pairs, Reply, flag, list, name, number, one, parse, values, wanted};
use crate::hubspot::{
    access::Caller, association::End, error::ApiError, record::Source, schema::ObjectType, search::Search,
    shared::Shared, store::Store,
};

const PAGE_DEFAULT: usize = 10;
const PAGE_MAX: usize = 100;

pub fn router() -> Router<Arc<Shared>> {
    let mut router = Router::new();
    for prefix in ["/crm/v3/objects", "/crm/objects/{version}"] {
        router = router
            .route(&format!("{prefix}/{{object}}"), get(page).post(create))
            .route(&format!("{prefix}/{{object}}/search"), post(search))
            .route(&format!("{prefix}/{{object}}/merge"), post(merge))
            .route(&format!("{prefix}/{{object}}/gdpr-delete"), post(forget))
            .route(&format!("{prefix}/{{object}}/{{id}}"), get(read).patch(update).delete(archive));
    }
    router
}

/// The object type a path means, if the caller may do this to it.
pub fn object(store: &Store, caller: &Caller, named: &str, verb: &str) -> Result<Arc<ObjectType>, ApiError> {
    let object = store.object(named)?.clone();
    caller.needs(&format!("crm.objects.{}.{verb}", object.scope_name()))?;
    Ok(object)
}

async fn page(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(names): Names,
    Query(pairs): Pairs,
    uri: Uri,
) -> Answer {
    shared.with(|store, _| {
        let object = object(store, &caller, name(&names, "object"), "read")?;
        let wanted = wanted(&pairs);
        let limit = one(&pairs, "limit").map_or(Ok(PAGE_DEFAULT), str::parse::<usize>);
        let limit = limit.map_err(|_| ApiError::validation("limit is not a number"))?;
        let history_max = store.settings.history_batch_max;
        let max = if wanted.with_history.is_empty() { PAGE_MAX } else { history_max };
        if limit == 0 || limit > max {
            return Err(ApiError::validation(format!("limit must be between 1 and {max}")));
        }
        let after = match one(&pairs, "after").filter(|after| !after.is_empty()) {
            Some(after) => after.parse::<u64>().map_err(|_| ApiError::validation("after is not a valid offset"))?,
            None => 0,
        };
        let archived = flag(&pairs, "archived");
        let records = store.records.get(&object.object_type_id);
        let mut records = records
            .into_iter()
            .flat_map(|records| records.range(after + 1..))
            .map(|(_, record)| record)
            .filter(|record| record.archived_ms.is_some() == archived);
        let page: Vec<_> = records.by_ref().take(limit).collect();
        let more = records.next().is_some();
        let results: Vec<Value> = page.iter().map(|record| store.show(&object, record, &wanted)).collect();
        let mut body = Map::new();
        body.insert("results".into(), results.into());
        if let Some(last) = page.last().filter(|_| more) {
            let link = next_page(&store.url, &uri, last.id);
            body.insert("paging".into(), json!({ "next": { "after": last.id.to_string(), "link": link } }));
        }
        Ok(Reply::ok(Value::Object(body)))
    })
}

/// The same address, further on.
fn next_page(url: &str, uri: &Uri, after: u64) -> String {
    let kept = uri.query().unwrap_or_default().split('&').filter(|one| !one.is_empty() && !one.starts_with("after="));
    let query: String = kept.flat_map(|one| [one, "&"]).collect();
    format!("{url}{}?{query}after={after}", uri.path())
}

async fn read(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(names): Names,
    Query(pairs): Pairs,
) -> Answer {
    shared.with(|store, _| {
        let object = object(store, &caller, name(&names, "object"), "read")?;
        let id_property = one(&pairs, "idProperty");
        let key = name(&names, "id");
        if id_property.is_none() {
            number(key)?;
        }
        let found = store.find(&object, key, id_property, flag(&pairs, "archived"))?;
        let record = found.and_then(|id| store.record(&object.object_type_id, id));
        let record = record.ok_or_else(ApiError::record_not_found)?;
        Ok(Reply::ok(store.show(&object, record, &wanted(&pairs))))
    })
}

/// What a record begins with.
#[derive(Debug, Deserialize)]
pub struct Beginning {
    #[serde(default)]
    pub properties: Map<String, Value>,
    #[serde(default)]
    pub associations: Vec<Wish>,
    #[serde(rename = "objectWriteTraceId")]
    pub trace: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Wish {
    to: Target,
    #[serde(default)]
    types: Vec<TypeOf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    id: Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeOf {
    pub association_category: String,
    pub association_type_id: u32,
}

/// Creates a record with its associations; the answer's body.
pub fn begin(
    store: &mut Store,
    now_ms: i64,
    object: &ObjectType,
    beginning: &Beginning,
    source: &Source,
) -> Result<Map<String, Value>, ApiError> {
    let type_id = object.object_type_id.as_str();
    let mut links = Vec::new();
    for wish in &beginning.associations {
        let id = wish.to.id.as_u64().or_else(|| wish.to.id.as_str()?.parse().ok());
        let id = id.ok_or_else(|| ApiError::validation("An association's target is not an id"))?;
        for one in &wish.types {
            let way = store.schema.way(type_id, &one.association_category, one.association_type_id);
            let way = way.ok_or_else(|| {
                ApiError::validation(format!("No association type {} from this object", one.association_type_id))
            })?;
            if store.record(&way.to, id).is_none_or(|record| record.archived_ms.is_some()) {
                return Err(ApiError::validation(format!("Associations are invalid: {id} does not exist")));
            }
            links.push((End::new(&way.to, id), way.type_id));
        }
    }
    let written = store.create(now_ms, type_id, &values(&beginning.properties), source)?;
    for (to, way) in links {
        store.associate(now_ms, &End::new(type_id, written.id), &to, &[way], source)?;
    }
    let record = store.record(type_id, written.id).ok_or_else(ApiError::record_not_found)?;
    Ok(store.show_written(object, record, &written.touched, true))
}

async fn create(State(shared): App, Extension(caller): Extension<Caller>, Path(names): Names, body: Bytes) -> Answer {
    shared.with(|store, now_ms| {
        let object = object(store, &caller, name(&names, "object"), "write")?;
        let beginning: Beginning = parse(&body)?;
        let made = begin(store, now_ms, &object, &beginning, &Source::integration(caller.app_id))?;
        Ok(Reply::created(Value::Object(made)))
    })
}

#[derive(Debug, Deserialize)]
struct Update {
    #[serde(default)]
    properties: Map<String, Value>,
}

async fn update(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(names): Names,
    Query(pairs): Pairs,
    body: Bytes,
) -> Answer {
    shared.with(|store, now_ms| {
        let object = object(store, &caller, name(&names, "object"), "write")?;
        let update: Update = parse(&body)?;
        let id_property = one(&pairs, "idProperty");
        if id_property.is_none() {
            number(name(&names, "id"))?;
        }
        let id = store.find(&object, name(&names, "id"), id_property, false)?;
        let id = id.ok_or_else(ApiError::record_not_found)?;
        let source = Source::integration(caller.app_id);
        let written = store.update(now_ms, &object.object_type_id, id, &values(&update.properties), &source)?;
        let record = store.record(&object.object_type_id, written.id).ok_or_else(ApiError::record_not_found)?;
        Ok(Reply::ok(Value::Object(store.show_written(&object, record, &written.touched, false))))
    })
}

async fn archive(State(shared): App, Extension(caller): Extension<Caller>, Path(names): Names) -> Answer {
    shared.with(|store, now_ms| {
        let object = object(store, &caller, name(&names, "object"), "write")?;
        let id = number(name(&names, "id"))?;
        if store.record(&object.object_type_id, id).is_none() {
            return Err(ApiError::record_not_found());
        }
        store.archive(now_ms, &object.object_type_id, id, &Source::integration(caller.app_id));
        Ok(Reply::nothing())
    })
}

async fn search(State(shared): App, Extension(caller): Extension<Caller>, Path(names): Names, body: Bytes) -> Answer {
    shared.with(|store, now_ms| {
        let object = object(store, &caller, name(&names, "object"), "read")?;
        let asked: Search = parse(&body)?;
        Ok(Reply::ok(store.search(now_ms, &object, asked)?))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Merge {
    primary_object_id: String,
    object_id_to_merge: String,
}

async fn merge(State(shared): App, Extension(caller): Extension<Caller>, Path(names): Names, body: Bytes) -> Answer {
    shared.with(|store, now_ms| {
        let object = object(store, &caller, name(&names, "object"), "write")?;
        let asked: Merge = parse(&body)?;
        let (winner, loser) = (number(&asked.primary_object_id)?, number(&asked.object_id_to_merge)?);
        let source = Source::integration(caller.app_id);
        let kept = store.merge(now_ms, &object.object_type_id, winner, loser, &source)?;
        let record = store.record(&object.object_type_id, kept).ok_or_else(ApiError::record_not_found)?;
        let all: Vec<(String, String)> =
            object.properties.iter().map(|one| ("properties".to_owned(), one.name.clone())).collect();
        let wanted = crate::hubspot::show::Wanted { properties: list(&all, "properties"), ..Default::default() };
        Ok(Reply::ok(store.show(&object, record, &wanted)))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Forget {
    object_id: String,
    id_property: Option<String>,
}

async fn forget(State(shared): App, Extension(caller): Extension<Caller>, Path(names): Names, body: Bytes) -> Answer {
    shared.with(|store, now_ms| {
        let object = object(store, &caller, name(&names, "object"), "write")?;
        let asked: Forget = parse(&body)?;
        let id_property = asked.id_property.as_deref();
        let live = store.find(&object, &asked.object_id, id_property, false)?;
        let id = match live {
            Some(id) => Some(id),
            None => store.find(&object, &asked.object_id, id_property, true)?,
        };
        if let Some(id) = id {
            store.forget(now_ms, &object.object_type_id, id, &Source::integration(caller.app_id));
        }
        Ok(Reply::nothing())
    })
}
