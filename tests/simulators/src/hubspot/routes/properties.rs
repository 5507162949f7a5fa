//! Properties and their groups: listed, made, changed, archived.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Path, Query, State},
    routing::{get, post},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    batch::{Outcome, bounded},
    request::{Answer, App, Names, Pairs, Reply, flag, name, parse},
};
use crate::hubspot::{
    access::Caller,
    error::ApiError,
    interject::SOMEONE,
    schema::{Choice, Group, ObjectType, Property},
    shared::Shared,
    store::Store,
};

const TYPES: &[&str] = &["string", "number", "date", "datetime", "enumeration", "bool", "phone_number"];

pub fn router() -> Router<Arc<Shared>> {
    let mut router = Router::new();
    for prefix in ["/crm/v3/properties", "/crm/properties/{version}"] {
        let own = format!("{prefix}/{{object}}");
        router = router
            .route(&own, get(list).post(create))
            .route(&format!("{own}/batch/read"), post(batch_read))
            .route(&format!("{own}/batch/create"), post(batch_create))
            .route(&format!("{own}/batch/archive"), post(batch_archive))
            .route(&format!("{own}/groups"), get(groups).post(create_group))
            .route(&format!("{own}/groups/{{group}}"), get(group).patch(update_group).delete(archive_group))
            .route(&format!("{own}/{{property}}"), get(read).patch(update).delete(archive));
    }
    router
}

fn scope(store: &Store, caller: &Caller, names: &Names, verb: &str) -> Result<Arc<ObjectType>, ApiError> {
    let object = store.object(name(names, "object"))?.clone();
    caller.needs(&format!("crm.schemas.{}.{verb}", object.scope_name()))?;
    Ok(object)
}

/// The object type itself, to change it.
fn own<'a>(store: &'a mut Store, object: &ObjectType) -> Result<&'a mut ObjectType, ApiError> {
    let id = object.object_type_id.clone();
    store.schema.find_mut(&id).ok_or_else(|| ApiError::unknown_object_type(&id))
}

fn no_property(name: &str) -> ApiError {
    ApiError::new(404, Some("OBJECT_NOT_FOUND"), format!("The property {name} does not exist"))
}

async fn list(State(shared): App, Extension(caller): Extension<Caller>, names: Names, Query(pairs): Pairs) -> Answer {
    shared.with(|store, _| {
        let object = scope(store, &caller, &names, "read")?;
        let archived = flag(&pairs, "archived");
        let shown = object.properties.iter().filter(|one| one.archived == archived).map(|one| one.show(SOMEONE));
        Ok(Reply::ok(json!({ "results": shown.collect::<Vec<Value>>() })))
    })
}

async fn read(State(shared): App, Extension(caller): Extension<Caller>, names: Names, Query(pairs): Pairs) -> Answer {
    shared.with(|store, _| {
        let object = scope(store, &caller, &names, "read")?;
        let (wanted, archived) = (name(&names, "property"), flag(&pairs, "archived"));
        let found = object.properties.iter().find(|one| one.name == wanted && one.archived == archived);
        found.map(|one| Reply::ok(one.show(SOMEONE))).ok_or_else(|| no_property(wanted))
    })
}

async fn create(State(shared): App, Extension(caller): Extension<Caller>, names: Names, body: Bytes) -> Answer {
    let property: Property = parse(&body)?;
    shared.with(|store, now_ms| {
        let object = scope(store, &caller, &names, "write")?;
        Ok(Reply::created(add(own(store, &object)?, property, now_ms)?))
    })
}

fn add(object: &mut ObjectType, mut property: Property, now_ms: i64) -> Result<Value, ApiError> {
    let legal = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    if property.name.is_empty() || !property.name.chars().all(legal) {
        return Err(ApiError::validation(format!("Property name {} is not valid", property.name)));
    }
    if !TYPES.contains(&property.kind.as_str()) {
        return Err(ApiError::validation(format!("Property type {} is not valid", property.kind)));
    }
    if !object.groups.iter().any(|group| group.name == property.group_name) {
        return Err(ApiError::validation(format!("Property group {} does not exist", property.group_name)));
    }
    if object.properties.iter().any(|one| one.name == property.name && !one.archived) {
        let message = format!("A property named '{}' already exists.", property.name);
        return Err(ApiError::new(409, Some("OBJECT_ALREADY_EXISTS"), message));
    }
    property.created_ms = now_ms;
    property.updated_ms = now_ms;
    property.calculated = property.calculation_formula.is_some();
    property.read_only_value = property.calculated;
    let shown = property.show(SOMEONE);
    object.properties.retain(|one| one.name != property.name);
    object.properties.push(property);
    Ok(shown)
}

/// What may be changed of a property.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    label: Option<String>,
    description: Option<String>,
    group_name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    field_type: Option<String>,
    options: Option<Vec<Choice>>,
    display_order: Option<i64>,
    hidden: Option<bool>,
    form_field: Option<bool>,
}

async fn update(State(shared): App, Extension(caller): Extension<Caller>, names: Names, body: Bytes) -> Answer {
    let update: Update = parse(&body)?;
    shared.with(|store, now_ms| {
        let object = scope(store, &caller, &names, "write")?;
        let wanted = name(&names, "property");
        let object = own(store, &object)?;
        let found = object.properties.iter_mut().find(|one| one.name == wanted && !one.archived);
        let property = found.ok_or_else(|| no_property(wanted))?;
        if property.hubspot_defined && (update.kind.is_some() || update.label.is_some()) {
            return Err(ApiError::validation(format!("{wanted} has a read only definition")));
        }
        let set = |place: &mut String, value: Option<String>| {
            if let Some(value) = value {
                *place = value;
            }
        };
        set(&mut property.label, update.label);
        set(&mut property.description, update.description);
        set(&mut property.group_name, update.group_name);
        set(&mut property.kind, update.kind);
        set(&mut property.field_type, update.field_type);
        property.options = update.options.unwrap_or_else(|| property.options.clone());
        property.display_order = update.display_order.unwrap_or(property.display_order);
        property.hidden = update.hidden.unwrap_or(property.hidden);
        property.form_field = update.form_field.unwrap_or(property.form_field);
        property.updated_ms = now_ms;
        Ok(Reply::ok(property.show(SOMEONE)))
    })
}

async fn archive(State(shared): App, Extension(caller): Extension<Caller>, names: Names) -> Answer {
    shared.with(|store, now_ms| {
        let object = scope(store, &caller, &names, "write")?;
        let wanted = name(&names, "property");
        put_away(own(store, &object)?, wanted, now_ms)?;
        Ok(Reply::nothing())
    })
}

fn put_away(object: &mut ObjectType, wanted: &str, now_ms: i64) -> Result<(), ApiError> {
    let found = object.properties.iter_mut().find(|one| one.name == wanted && !one.archived);
    let property = found.ok_or_else(|| no_property(wanted))?;
    if property.hubspot_defined {
        return Err(ApiError::validation(format!("{wanted} is defined by HubSpot and cannot be archived")));
    }
    property.archived = true;
    property.updated_ms = now_ms;
    Ok(())
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Inputs<T> {
    inputs: Vec<T>,
    #[serde(default)]
    archived: bool,
}

async fn batch_read(State(shared): App, Extension(caller): Extension<Caller>, names: Names, body: Bytes) -> Answer {
    let asked: Inputs<Named> = parse(&body)?;
    shared.with(|store, now_ms| {
        let object = scope(store, &caller, &names, "read")?;
        bounded(asked.inputs.len(), store.settings.batch_max)?;
        let mut outcome = Outcome::default();
        for Named { name } in &asked.inputs {
            match object.properties.iter().find(|one| one.name == *name && one.archived == asked.archived) {
                Some(property) => outcome.results.push(property.show(SOMEONE)),
                None => {
                    let context = serde_json::Map::from_iter([("name".to_owned(), json!([name]))]);
                    outcome.errors.push(no_property(name).in_batch(context));
                }
            }
        }
        Ok(outcome.reply(200, now_ms))
    })
}

async fn batch_create(State(shared): App, Extension(caller): Extension<Caller>, names: Names, body: Bytes) -> Answer {
    let asked: Inputs<Property> = parse(&body)?;
    shared.with(|store, now_ms| {
        let object = scope(store, &caller, &names, "write")?;
        bounded(asked.inputs.len(), store.settings.batch_max)?;
        let object = own(store, &object)?;
        let mut outcome = Outcome::default();
        for property in asked.inputs {
            let context = serde_json::Map::from_iter([("name".to_owned(), json!([property.name]))]);
            match add(object, property, now_ms) {
                Ok(shown) => outcome.results.push(shown),
                Err(refusal) => outcome.errors.push(refusal.in_batch(context)),
            }
        }
        Ok(outcome.reply(201, now_ms))
    })
}

async fn batch_archive(State(shared): App, Extension(caller): Extension<Caller>, names: Names, body: Bytes) -> Answer {
    let asked: Inputs<Named> = parse(&body)?;
    shared.with(|store, now_ms| {
        let object = scope(store, &caller, &names, "write")?;
        let object = own(store, &object)?;
        for Named { name } in &asked.inputs {
            // What is not there is not mentioned.
            let _ = put_away(object, name, now_ms);
        }
        Ok(Reply::nothing())
    })
}

fn show_group(group: &Group) -> Value {
    json!({
        "name": group.name, "label": group.label, "displayOrder": group.display_order, "archived": group.archived,
    })
}

async fn groups(State(shared): App, Extension(caller): Extension<Caller>, names: Names) -> Answer {
    shared.with(|store, _| {
        let object = scope(store, &caller, &names, "read")?;
        Ok(Reply::ok(json!({ "results": object.groups.iter().map(show_group).collect::<Vec<Value>>() })))
    })
}

async fn group(State(shared): App, Extension(caller): Extension<Caller>, names: Names) -> Answer {
    shared.with(|store, _| {
        let object = scope(store, &caller, &names, "read")?;
        let found = object.groups.iter().find(|group| group.name == name(&names, "group"));
        found.map(|group| Reply::ok(show_group(group))).ok_or_else(ApiError::record_not_found)
    })
}

async fn create_group(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(names): Names,
    body: Bytes,
) -> Answer {
    let group: Group = parse(&body)?;
    shared.with(|store, _| {
        let object = scope(store, &caller, &Path(names), "write")?;
        let object = own(store, &object)?;
        if object.groups.iter().any(|one| one.name == group.name) {
            let message = format!("A property group named '{}' already exists.", group.name);
            return Err(ApiError::new(409, Some("OBJECT_ALREADY_EXISTS"), message));
        }
        let shown = show_group(&group);
        object.groups.push(group);
        Ok(Reply::created(shown))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupUpdate {
    label: Option<String>,
    display_order: Option<i64>,
}

async fn update_group(State(shared): App, Extension(caller): Extension<Caller>, names: Names, body: Bytes) -> Answer {
    let update: GroupUpdate = parse(&body)?;
    shared.with(|store, _| {
        let object = scope(store, &caller, &names, "write")?;
        let found = own(store, &object)?.groups.iter_mut().find(|group| group.name == name(&names, "group"));
        let group = found.ok_or_else(ApiError::record_not_found)?;
        group.label = update.label.unwrap_or_else(|| group.label.clone());
        group.display_order = update.display_order.unwrap_or(group.display_order);
        Ok(Reply::ok(show_group(group)))
    })
}

/// A group that still holds properties stays.
async fn archive_group(State(shared): App, Extension(caller): Extension<Caller>, names: Names) -> Answer {
    shared.with(|store, _| {
        let object = scope(store, &caller, &names, "write")?;
        let wanted = name(&names, "group");
        if object.properties.iter().any(|one| one.group_name == wanted && !one.archived) {
            return Err(ApiError::validation(format!("Property group {wanted} is not empty")));
        }
        own(store, &object)?.groups.retain(|group| group.name != wanted);
        Ok(Reply::nothing())
    })
}
