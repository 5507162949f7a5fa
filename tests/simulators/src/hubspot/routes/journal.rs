//! The webhooks journal: where the next file of events is, and the files.

use std::sync::Arc;

use axum::{Router, extract::State, routing::get};
use serde_json::{Value, json};

use super::{
    batch::Outcome,
    request::{Answer, App, Names, Reply, name},
};
use crate::hubspot::{
    error::ApiError,
    journal::{File, Place},
    shared::Shared,
    show::iso,
};

/// Files one batch answer names.
const FILES_MAX: usize = 100;
/// How long a file's address is good for.
const ADDRESS_LIFE_MS: i64 = 3_600 * 1_000;

pub fn router() -> Router<Arc<Shared>> {
    let mut router = Router::new();
    for prefix in ["/webhooks-journal/journal/{version}", "/webhooks-journal/journal-local/{version}"] {
        router = router
            .route(&format!("{prefix}/earliest"), get(earliest))
            .route(&format!("{prefix}/latest"), get(latest))
            .route(&format!("{prefix}/offset/{{offset}}/next"), get(earliest))
            .route(&format!("{prefix}/batch/earliest/{{count}}"), get(several))
            .route(&format!("{prefix}/batch/latest/{{count}}"), get(several_latest))
            .route(&format!("{prefix}/batch/{{offset}}/next/{{count}}"), get(several));
    }
    router
}

/// The files themselves: their address is the permission.
pub fn files() -> Router<Arc<Shared>> {
    Router::new().route("/webhooks-journal-files/{offset}", get(file))
}

fn show(url: &str, file: &File, now_ms: i64) -> Value {
    json!({
        "url": format!("{url}/webhooks-journal-files/{}", file.offset),
        "expiresAt": iso(now_ms + ADDRESS_LIFE_MS),
        "currentOffset": file.offset,
    })
}

/// Files from the offset in the path on, or from the beginning, or the last ones; as shown.
fn found(shared: &Shared, names: &Names, latest: bool, count: usize) -> Result<(Vec<Value>, i64), ApiError> {
    shared.with(|store, now_ms| {
        let place = match (names.get("offset"), latest) {
            (Some(offset), _) => Place::After(offset),
            (None, true) => Place::Latest,
            (None, false) => Place::Earliest,
        };
        let kept_ms = store.settings.webhooks.journal_kept_ms;
        let files = store.journal.read(place, count, now_ms, kept_ms);
        let unknown = || ApiError::new(404, Some("OBJECT_NOT_FOUND"), "The journal offset is unknown or has expired");
        let files = files.ok_or_else(unknown)?;
        Ok((files.iter().map(|file| show(&store.url, file, now_ms)).collect(), now_ms))
    })
}

async fn earliest(State(shared): App, names: Names) -> Answer {
    single(&shared, &names, false)
}

async fn latest(State(shared): App, names: Names) -> Answer {
    single(&shared, &names, true)
}

/// 204: nothing there yet.
fn single(shared: &Shared, names: &Names, latest: bool) -> Answer {
    let (files, _) = found(shared, names, latest, 1)?;
    Ok(files.into_iter().next().map_or_else(Reply::nothing, Reply::ok))
}

async fn several(State(shared): App, names: Names) -> Answer {
    many(&shared, &names, false)
}

async fn several_latest(State(shared): App, names: Names) -> Answer {
    many(&shared, &names, true)
}

fn many(shared: &Shared, names: &Names, latest: bool) -> Answer {
    let count = name(names, "count").parse::<usize>().map_err(|_| ApiError::validation("count is not a number"))?;
    let (results, now_ms) = found(shared, names, latest, count.clamp(1, FILES_MAX))?;
    Ok(Outcome { results, errors: Vec::new() }.reply(200, now_ms))
}

async fn file(State(shared): App, names: Names) -> Answer {
    shared.with(|store, _| {
        let file = store.journal.file(name(&names, "offset"));
        file.map(|file| Reply::ok(file.show(store.portal_id))).ok_or_else(ApiError::record_not_found)
    })
}
