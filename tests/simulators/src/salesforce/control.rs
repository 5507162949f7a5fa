//! The control surface over HTTP, under `/__sim`: what [`super::Org`] does, for
//! clients in other languages and for trying things by hand.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, State as Extracted},
    http::StatusCode,
    routing::{get, post},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    http::Shared,
    interject::Interjection,
    org::{add_interjection, add_validation_rule, edit_as_person},
    schema::{Field, Object},
    state::{DuplicateRule, Edit, Refusal, RowRefusal, State, Trigger, ValidationRule},
};
use crate::{Stage, control, serve::CONTROL};

type Handle = Extracted<Arc<Shared>>;
type Refused = (StatusCode, Json<Value>);

/// The organisation's own routes and the shared ones.
pub fn router(shared: Arc<Shared>, stage: Stage) -> Router {
    let at = |path: &str| format!("{CONTROL}/{path}");
    Router::new()
        .route(&at("edits"), post(edits))
        .route(&at("late_edits"), post(late_edits))
        .route(&at("interject"), post(interject))
        .route(&at("rows/{object}/{id}"), get(row))
        .route(&at("objects"), post(object))
        .route(&at("fields/{object}"), post(field))
        .route(&at("rules"), post(rule).delete(clear_rules))
        .route(&at("gaps"), post(gap))
        .route(&at("sessions"), post(session).delete(end_sessions))
        .route(&at("streaming_clients"), get(streaming_clients).delete(forget_streaming_clients))
        .route(&at("events"), get(events))
        .route(&at("settings"), get(settings).post(change_settings))
        .route(&at("usage"), get(usage))
        .with_state(shared)
        .merge(control::router(stage))
}

fn refused(refusal: Refusal) -> Refused {
    (StatusCode::BAD_REQUEST, Json(refusal.answer()))
}

/// Edits of a person, in one transaction.
async fn edits(Extracted(shared): Handle, Json(edits): Json<Vec<Edit>>) -> Result<Json<Vec<String>>, Refused> {
    let edited = shared.with(|state| edit_as_person(state, edits.iter().map(|edit| (None, edit))));
    edited.map(Json).map_err(refused)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LateEdits {
    edits: Vec<Edit>,
    commit_after_ms: u64,
}

/// Edits that carry the time of now and show only later.
async fn late_edits(Extracted(shared): Handle, Json(late): Json<LateEdits>) -> StatusCode {
    let (number, at): (u64, Timestamp) = shared.with(|state| (state.begin_open(), state.clock.now()));
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(late.commit_after_ms)).await;
        shared.with(|state| {
            state.open_since.remove(&number);
            // Who asked is gone: a refusal has nobody to hear it.
            let _ = edit_as_person(state, late.edits.iter().map(|edit| (Some(at), edit)));
        });
    });
    StatusCode::ACCEPTED
}

async fn interject(Extracted(shared): Handle, Json(interjection): Json<Interjection>) -> StatusCode {
    shared.with(|state| add_interjection(state, interjection));
    StatusCode::NO_CONTENT
}

async fn row(Extracted(shared): Handle, Path((object, id)): Path<(String, String)>) -> Result<Json<Value>, StatusCode> {
    let shown = shared.with(|state| {
        let object = state.schema.object(&object)?;
        let row = state.table(&object.name).get(&id)?;
        Some(state.show(object, row, None, &state.settings.version))
    });
    shown.map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn object(Extracted(shared): Handle, Json(object): Json<Object>) -> StatusCode {
    shared.with(|state| {
        state.schema_changed_at = state.clock.now();
        state.schema.declare(object);
    });
    StatusCode::NO_CONTENT
}

async fn field(Extracted(shared): Handle, Path(object): Path<String>, Json(field): Json<Field>) -> StatusCode {
    let known = shared.with(|state| {
        state.schema_changed_at = state.clock.now();
        state.schema.declare_field(&object, field)
    });
    if known { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Rule {
    Validation(ValidationRule),
    Duplicate(DuplicateRule),
    Trigger(Trigger),
    Refusal(RowRefusal),
}

async fn rule(Extracted(shared): Handle, Json(rule): Json<Rule>) -> Result<StatusCode, Refused> {
    shared
        .with(|state| {
            match rule {
                Rule::Validation(rule) => add_validation_rule(state, rule)?,
                Rule::Duplicate(rule) => state.rules.duplicates.push(rule),
                Rule::Trigger(rule) => state.rules.triggers.push(rule),
                Rule::Refusal(rule) => state.rules.refusals.push(rule),
            }
            Ok(StatusCode::NO_CONTENT)
        })
        .map_err(refused)
}

async fn clear_rules(Extracted(shared): Handle) -> StatusCode {
    shared.with(|state| state.rules = super::state::Rules::default());
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Gap {
    /// An event of this kind about these records.
    Publish { kind: String, object: String, record_ids: Vec<String> },
    /// The next so many change events are told as gaps.
    Next(u32),
}

async fn gap(Extracted(shared): Handle, Json(gap): Json<Gap>) -> StatusCode {
    let done = shared.with(|state| match gap {
        Gap::Publish { kind, object, record_ids } => state.publish_gap(&kind, &object, &record_ids),
        Gap::Next(events) => {
            state.events.gaps_next = events;
            true
        }
    });
    if done { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn session(Extracted(shared): Handle) -> Json<Value> {
    shared.with(|state| {
        let (access, refresh) = (state.sessions.open(Timestamp::MAX), state.sessions.grant_refresh());
        Json(json!({"access_token": access, "refresh_token": refresh}))
    })
}

async fn end_sessions(Extracted(shared): Handle) -> StatusCode {
    shared.with(|state| state.sessions.end_all());
    shared.wake_all();
    StatusCode::NO_CONTENT
}

async fn streaming_clients(Extracted(shared): Handle) -> Json<Value> {
    let shown =
        |state: &mut State| json!({"count": state.events.clients.count(), "channels": state.events.clients.channels()});
    Json(shared.with(shown))
}

async fn forget_streaming_clients(Extracted(shared): Handle) -> StatusCode {
    shared.with(|state| state.events.clients.forget_all());
    StatusCode::NO_CONTENT
}

async fn events(Extracted(shared): Handle) -> Json<Value> {
    Json(shared.with(|state| state.events.events().map(|event| event.message.clone()).collect()))
}

async fn settings(Extracted(shared): Handle) -> Json<Value> {
    Json(shared.with(|state| json!(state.settings)))
}

/// Lays the given settings over those in force.
async fn change_settings(
    Extracted(shared): Handle,
    Json(given): Json<Value>,
) -> Result<StatusCode, (StatusCode, String)> {
    shared.with(|state| {
        let mut whole = json!(state.settings);
        for (name, value) in given.as_object().into_iter().flatten() {
            whole[name.as_str()] = value.clone();
        }
        state.settings = serde_json::from_value(whole).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        Ok(StatusCode::NO_CONTENT)
    })
}

async fn usage(Extracted(shared): Handle) -> Json<Value> {
    Json(shared.with(|state| json!(state.usage)))
}
