//! Object types as the schemas API shows them: the custom ones in the list, any
//! by name. New ones can be made.

use std::sync::Arc;

use axum::{Extension, Router, extract::State, http::Uri, routing::get};
use bytes::Bytes;
use serde_json::{Value, json};

use super::request::{Answer, App, Names, Reply, name, parse};
use crate::hubspot::{
    access::Caller, error::ApiError, interject::SOMEONE, schema::ObjectType, shared::Shared, show::iso, store::Store,
};

pub fn router() -> Router<Arc<Shared>> {
    let mut router = Router::new();
    for prefix in ["/crm/v3/schemas", "/crm-object-schemas/{version}/schemas"] {
        router = router.route(prefix, get(list).post(create)).route(&format!("{prefix}/{{object}}"), get(read));
    }
    router
}

/// The newer paths show one member more.
fn show(store: &Store, object: &ObjectType, uri: &Uri) -> Value {
    let properties = object.properties.iter().filter(|property| !property.archived);
    let mut shown = json!({
        "labels": object.labels,
        "requiredProperties": object.required_properties,
        "searchableProperties": object.searchable_properties,
        "primaryDisplayProperty": object.primary_display_property,
        "secondaryDisplayProperties": object.secondary_display_properties,
        "archived": false,
        "restorable": true,
        "metaType": if object.is_custom() { "PORTAL_SPECIFIC" } else { "HUBSPOT" },
        "id": object.object_type_id.split_once('-').map_or("", |(_, id)| id),
        "fullyQualifiedName": object.fully_qualified_name,
        "createdAt": iso(object.created_ms),
        "updatedAt": iso(object.updated_ms),
        "objectTypeId": object.object_type_id,
        "properties": properties.map(|property| property.show(SOMEONE)).collect::<Vec<Value>>(),
        "associations": associations(store, object),
        "name": if object.is_custom() { object.name.clone() } else { object.shouted() },
    });
    if let Some(members) = shown.as_object_mut().filter(|_| uri.path().starts_with("/crm-object-schemas/")) {
        members.insert("allowsSensitiveProperties".into(), false.into());
    }
    shown
}

/// Each association twice, once in either direction.
fn associations(store: &Store, object: &ObjectType) -> Vec<Value> {
    let mut shown = Vec::new();
    for other in &store.schema.objects {
        for way in store.schema.ways(&object.object_type_id, &other.object_type_id) {
            let one_way = |from: &str, to: &str, from_name: &str, to_name: &str, id: u32| {
                json!({
                    "fromObjectTypeId": from, "toObjectTypeId": to, "name": format!("{from_name}_to_{to_name}"),
                    "cardinality": "ONE_TO_MANY", "inverseCardinality": "ONE_TO_MANY", "id": id.to_string(),
                    "createdAt": null, "updatedAt": null,
                })
            };
            shown.push(one_way(&way.from, &way.to, &object.name, &other.name, way.type_id));
            shown.push(one_way(&way.to, &way.from, &other.name, &object.name, way.inverse_type_id));
        }
    }
    shown
}

async fn list(State(shared): App, Extension(caller): Extension<Caller>, uri: Uri) -> Answer {
    caller.needs("crm.schemas.custom.read")?;
    shared.with(|store, _| {
        let custom = store.schema.objects.iter().filter(|object| object.is_custom());
        Ok(Reply::ok(json!({ "results": custom.map(|object| show(store, object, &uri)).collect::<Vec<Value>>() })))
    })
}

async fn read(State(shared): App, Extension(caller): Extension<Caller>, names: Names, uri: Uri) -> Answer {
    shared.with(|store, _| {
        let object = store.object(name(&names, "object"))?;
        caller.needs(&format!("crm.schemas.{}.read", object.scope_name()))?;
        Ok(Reply::ok(show(store, object, &uri)))
    })
}

async fn create(State(shared): App, Extension(caller): Extension<Caller>, uri: Uri, body: Bytes) -> Answer {
    caller.needs("crm.schemas.custom.write")?;
    let object: ObjectType = parse(&body)?;
    shared.with(|store, now_ms| {
        if store.schema.objects.iter().any(|one| one.name == object.name) {
            let message = format!("An object type named '{}' already exists.", object.name);
            return Err(ApiError::new(409, Some("OBJECT_ALREADY_EXISTS"), message));
        }
        let id = store.schema.add_custom(object, store.portal_id, now_ms);
        let object = store.object(&id)?;
        Ok(Reply::created(show(store, object, &uri)))
    })
}
