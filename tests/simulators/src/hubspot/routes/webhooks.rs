//! Where an app's events go, and which it wants.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    batch::Outcome,
    request::{Answer, App, Names, Reply, name, number, parse},
};
use crate::hubspot::{error::ApiError, shared::Shared, show::iso, subscription::Subscription};

const VERBS: &[&str] =
    &["creation", "deletion", "propertyChange", "merge", "restore", "privacyDeletion", "associationChange"];

pub fn router() -> Router<Arc<Shared>> {
    let mut router = Router::new();
    for prefix in ["/webhooks/v3/{app}", "/app-webhooks/{version}/{app}"] {
        router = router
            .route(&format!("{prefix}/settings"), get(settings).put(set).delete(unset))
            .route(&format!("{prefix}/subscriptions"), get(list).post(create))
            .route(&format!("{prefix}/subscriptions/batch/update"), post(batch_update))
            .route(&format!("{prefix}/subscriptions/{{id}}"), get(read).patch(update).delete(remove));
    }
    router
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    target_url: String,
    #[serde(default)]
    throttling: Option<Throttling>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Throttling {
    max_concurrent_requests: usize,
}

fn show_settings(url: &str, concurrent_max: usize) -> Value {
    json!({ "targetUrl": url, "throttling": { "maxConcurrentRequests": concurrent_max }, "createdAt": iso(0) })
}

async fn settings(State(shared): App, names: Names) -> Answer {
    let app_id = number(name(&names, "app"))?;
    shared.with(|store, _| {
        let url = store.access.apps.get(&app_id).and_then(|app| app.target_url.clone());
        let url = url.ok_or_else(ApiError::record_not_found)?;
        Ok(Reply::ok(show_settings(&url, store.settings.webhooks.concurrent_max)))
    })
}

async fn set(State(shared): App, names: Names, body: Bytes) -> Answer {
    let app_id = number(name(&names, "app"))?;
    let wanted: Settings = parse(&body)?;
    shared.with(|store, _| {
        if let Some(throttling) = &wanted.throttling {
            store.settings.webhooks.concurrent_max = throttling.max_concurrent_requests;
        }
        let app = store.access.apps.get_mut(&app_id).ok_or_else(ApiError::record_not_found)?;
        app.target_url = Some(wanted.target_url.clone());
        Ok(Reply::ok(show_settings(&wanted.target_url, store.settings.webhooks.concurrent_max)))
    })
}

async fn unset(State(shared): App, names: Names) -> Answer {
    let app_id = number(name(&names, "app"))?;
    shared.with(|store, _| {
        if let Some(app) = store.access.apps.get_mut(&app_id) {
            app.target_url = None;
        }
        Ok(Reply::nothing())
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wish {
    event_type: String,
    property_name: Option<String>,
    object_type_id: Option<String>,
    #[serde(default)]
    active: bool,
}

async fn create(State(shared): App, names: Names, body: Bytes) -> Answer {
    let app_id = number(name(&names, "app"))?;
    let wish: Wish = parse(&body)?;
    shared.with(|store, now_ms| {
        let known = wish.event_type.split_once('.').is_some_and(|(object, verb)| {
            (object == "object" || store.schema.objects.iter().any(|one| one.name == object)) && VERBS.contains(&verb)
        });
        if !known {
            return Err(ApiError::validation(format!("eventType {} is not valid", wish.event_type)));
        }
        let subscription = Subscription {
            id: store.take_number(),
            app_id,
            event_type: wish.event_type,
            object_type_id: wish.object_type_id,
            property_name: wish.property_name,
            active: wish.active,
            created_ms: now_ms,
        };
        let shown = subscription.show();
        store.subscriptions.push(subscription);
        Ok(Reply::created(shown))
    })
}

async fn list(State(shared): App, names: Names) -> Answer {
    let app_id = number(name(&names, "app"))?;
    shared.with(|store, _| {
        let own = store.subscriptions.iter().filter(|one| one.app_id == app_id);
        Ok(Reply::ok(json!({ "results": own.map(Subscription::show).collect::<Vec<Value>>() })))
    })
}

async fn read(State(shared): App, names: Names) -> Answer {
    let id = number(name(&names, "id"))?;
    shared.with(|store, _| {
        let found = store.subscriptions.iter().find(|one| one.id == id);
        found.map(|one| Reply::ok(one.show())).ok_or_else(ApiError::record_not_found)
    })
}

#[derive(Debug, Deserialize)]
struct Switch {
    active: bool,
}

async fn update(State(shared): App, names: Names, body: Bytes) -> Answer {
    let id = number(name(&names, "id"))?;
    let Switch { active } = parse(&body)?;
    shared.with(|store, _| {
        let found = store.subscriptions.iter_mut().find(|one| one.id == id);
        let subscription = found.ok_or_else(ApiError::record_not_found)?;
        subscription.active = active;
        Ok(Reply::ok(subscription.show()))
    })
}

#[derive(Debug, Deserialize)]
struct Switches {
    inputs: Vec<OneSwitch>,
}

#[derive(Debug, Deserialize)]
struct OneSwitch {
    id: u64,
    active: bool,
}

async fn batch_update(State(shared): App, body: Bytes) -> Answer {
    let Switches { inputs } = parse(&body)?;
    shared.with(|store, now_ms| {
        let mut outcome = Outcome::default();
        for OneSwitch { id, active } in inputs {
            let Some(subscription) = store.subscriptions.iter_mut().find(|one| one.id == id) else {
                let context = serde_json::Map::from_iter([("id".to_owned(), json!([id.to_string()]))]);
                outcome.errors.push(ApiError::record_not_found().in_batch(context));
                continue;
            };
            subscription.active = active;
            outcome.results.push(subscription.show());
        }
        Ok(outcome.reply(200, now_ms))
    })
}

async fn remove(State(shared): App, names: Names) -> Answer {
    let id = number(name(&names, "id"))?;
    shared.with(|store, _| {
        store.subscriptions.retain(|one| one.id != id);
        Ok(Reply::nothing())
    })
}
