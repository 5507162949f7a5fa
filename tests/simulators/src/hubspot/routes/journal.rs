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

/// `url`: where the files are fetched from.
pub fn router(url: &str) -> Router<Arc<Shared>> {
    let mut router = Router::new();
    for prefix in ["/webhooks-journal/journal/{version}", "/webhooks-journal/journal-local/{version}"] {
        let (first, latest, next) = (url.to_owned(), url.to_owned(), url.to_owned());
        let (firsts, latests, nexts) = (url.to_owned(), url.to_owned(), url.to_owned());
        router = router
            .route(&format!("{prefix}/earliest"), get(move |app: App| single(app, first, None, false)))
            .route(&format!("{prefix}/latest"), get(move |app: App| single(app, latest, None, true)))
            .route(
                &format!("{prefix}/offset/{{offset}}/next"),
                get(move |app: App, names: Names| single(app, next, Some(names), false)),
            )
            .route(
                &format!("{prefix}/batch/earliest/{{count}}"),
                get(move |app: App, names: Names| several(app, firsts, names, false)),
            )
            .route(
                &format!("{prefix}/batch/latest/{{count}}"),
                get(move |app: App, names: Names| several(app, latests, names, true)),
            )
            .route(
                &format!("{prefix}/batch/{{offset}}/next/{{count}}"),
                get(move |app: App, names: Names| several(app, nexts, names, false)),
            );
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

fn found(shared: &Shared, offset: Option<&str>, latest: bool, count: usize) -> Result<(Vec<File>, i64), ApiError> {
    shared.with(|store, now_ms| {
        let place = match (offset, latest) {
            (Some(offset), _) => Place::After(offset),
            (None, true) => Place::Latest,
            (None, false) => Place::Earliest,
        };
        let kept_ms = store.settings.webhooks.journal_kept_ms;
        let files = store.journal.read(place, count, now_ms, kept_ms);
        let unknown = || ApiError::new(404, Some("OBJECT_NOT_FOUND"), "The journal offset is unknown or has expired");
        Ok((files.ok_or_else(unknown)?, now_ms))
    })
}

/// 204: nothing there yet.
async fn single(State(shared): App, url: String, names: Option<Names>, latest: bool) -> Answer {
    let offset = names.as_ref().map(|names| name(names, "offset"));
    let (files, now_ms) = found(&shared, offset, latest, 1)?;
    Ok(files.first().map_or_else(Reply::nothing, |file| Reply::ok(show(&url, file, now_ms))))
}

async fn several(State(shared): App, url: String, names: Names, latest: bool) -> Answer {
    let count = name(&names, "count").parse::<usize>().map_err(|_| ApiError::validation("count is not a number"))?;
    let offset = names.get("offset").map(String::as_str);
    let (files, now_ms) = found(&shared, offset, latest, count.clamp(1, FILES_MAX))?;
    let results = files.iter().map(|file| show(&url, file, now_ms)).collect();
    Ok(Outcome { results, errors: Vec::new() }.reply(200, now_ms))
}

async fn file(State(shared): App, names: Names) -> Answer {
    shared.with(|store, _| {
        let file = store.journal.file(name(&names, "offset"));
        file.map(|file| Reply::ok(file.show(store.portal_id))).ok_or_else(ApiError::record_not_found)
    })
}
