//! What a test does through its [`Account`](crate::hubspot::Account), over HTTP
//! for everyone else: act as a person, look in, set, disturb. Under `/__sim`,
//! beside the shared faults, deliveries, requests and clock.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::request::{Answer, App, Names, Reply, name, number, parse};
use crate::{
    hubspot::{
        automation::Workflow,
        error::ApiError,
        interject::{Act, Interjection},
        schema::{ObjectType, Property},
        settings::Settings,
        shared::Shared,
    },
    serve::CONTROL,
};

pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(&format!("{CONTROL}/act"), post(act))
        .route(&format!("{CONTROL}/interject"), post(interject))
        .route(&format!("{CONTROL}/records/{{object}}"), get(records))
        .route(&format!("{CONTROL}/records/{{object}}/{{id}}/history"), get(history))
        .route(&format!("{CONTROL}/objects"), post(declare_object))
        .route(&format!("{CONTROL}/objects/{{object}}/properties"), post(declare_property))
        .route(&format!("{CONTROL}/workflows"), post(workflow))
        .route(&format!("{CONTROL}/settings"), get(settings).patch(set))
        .route(&format!("{CONTROL}/apps"), post(app))
        .route(&format!("{CONTROL}/tokens"), post(token).delete(expire))
        .route(&format!("{CONTROL}/calls"), get(calls))
        .route(&format!("{CONTROL}/webhook-deliveries"), get(deliveries))
}

/// `{"edit": {"object": "contacts", "id": 290201, "values": {…}}}`, `create`, `archive`, `merge`.
async fn act(State(shared): App, body: Bytes) -> Answer {
    let act: Act = parse(&body)?;
    shared.with(|store, now_ms| act.perform(store, now_ms));
    Ok(Reply::nothing())
}

async fn interject(State(shared): App, body: Bytes) -> Answer {
    let interjection: Interjection = parse(&body)?;
    shared.interjections.lock().push(interjection);
    Ok(Reply::nothing())
}

async fn records(State(shared): App, names: Names) -> Answer {
    shared.with(|store, _| {
        let object = store.object(name(&names, "object"))?.clone();
        let records = store.records.get(&object.object_type_id).into_iter().flat_map(|records| records.values());
        let shown: Map<String, Value> = records
            .map(|record| {
                let values = store.values(&object, record);
                let archived = record.archived_ms.is_some();
                (record.id.to_string(), json!({ "archived": archived, "values": values }))
            })
            .collect();
        Ok(Reply::ok(Value::Object(shown)))
    })
}

async fn history(State(shared): App, names: Names) -> Answer {
    shared.with(|store, _| {
        let type_id = store.object(name(&names, "object"))?.object_type_id.clone();
        let record = store.record(&type_id, number(name(&names, "id"))?).ok_or_else(ApiError::record_not_found)?;
        Ok(Reply::ok(json!(record.versions)))
    })
}

async fn declare_object(State(shared): App, body: Bytes) -> Answer {
    let object: ObjectType = parse(&body)?;
    shared.with(|store, now_ms| {
        let id = store.schema.add_custom(object, store.portal_id, now_ms);
        Ok(Reply::created(json!({ "objectTypeId": id })))
    })
}

async fn declare_property(State(shared): App, names: Names, body: Bytes) -> Answer {
    let property: Property = parse(&body)?;
    shared.with(|store, _| {
        let named = name(&names, "object");
        let object = store.schema.find_mut(named).ok_or_else(|| ApiError::unknown_object_type(named))?;
        object.properties.retain(|one| one.name != property.name);
        object.properties.push(property);
        Ok(Reply::nothing())
    })
}

async fn workflow(State(shared): App, body: Bytes) -> Answer {
    let workflow: Workflow = parse(&body)?;
    shared.with(|store, _| store.workflows.push(workflow));
    Ok(Reply::nothing())
}

async fn settings(State(shared): App) -> Answer {
    shared.with(|store, _| Ok(Reply::ok(json!(store.settings))))
}

/// The members given; the others stay.
async fn set(State(shared): App, body: Bytes) -> Answer {
    let given: Map<String, Value> = parse(&body)?;
    shared.with(|store, _| {
        let mut all = json!(store.settings);
        if let Some(all) = all.as_object_mut() {
            all.extend(given);
        }
        let wrong = |error: serde_json::Error| ApiError::validation(error.to_string());
        store.settings = serde_json::from_value::<Settings>(all).map_err(wrong)?;
        Ok(Reply::ok(json!(store.settings)))
    })
}

/// Installs an OAuth app: `{"app": 7, "url": "http://127.0.0.1:8080/hooks"}`.
async fn app(State(shared): App, body: Bytes) -> Answer {
    let given: Value = parse(&body)?;
    shared.with(|store, _| {
        let id = given["app"].as_u64().ok_or_else(|| ApiError::validation("app is a number"))?;
        let refresh = store.access.refresh_token(id, &[]);
        let app = store.access.apps.get_mut(&id).ok_or_else(ApiError::record_not_found)?;
        app.target_url = given["url"].as_str().map(str::to_owned).or_else(|| app.target_url.clone());
        Ok(Reply::created(json!({
            "client_id": app.client_id, "client_secret": app.client_secret, "refresh_token": refresh,
        })))
    })
}

/// A private app's key: `{"app": 7, "scopes": ["crm.objects.contacts.read"]}`.
async fn token(State(shared): App, body: Bytes) -> Answer {
    let given: Value = parse(&body)?;
    shared.with(|store, _| {
        let id = given["app"].as_u64().ok_or_else(|| ApiError::validation("app is a number"))?;
        let scopes: Vec<&str> = given["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        Ok(Reply::created(json!({ "token": store.access.private_token(id, &scopes) })))
    })
}

async fn expire(State(shared): App) -> Answer {
    shared.with(|store, now_ms| store.access.expire_all(now_ms));
    Ok(Reply::nothing())
}

async fn calls(State(shared): App) -> Answer {
    shared.with(|store, _| Ok(Reply::ok(json!({ "admitted": store.limits.admitted, "refused": store.limits.refused }))))
}

async fn deliveries(State(shared): App) -> Answer {
    Ok(Reply::ok(json!(*shared.deliveries.lock())))
}
