//! The service's interface over HTTP.
//!
//! `GET /status` · `GET /notes?after=&limit=` · `GET|PUT|PATCH|DELETE /notes/ID` ·
//! `GET /changes?after=&limit=&wait_ms=`. A note's `ETag` is its revision;
//! `PUT` creates (`If-None-Match: *` is implied), `PATCH` and `DELETE` honour `If-Match`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Map, Value, json};

use super::{
    TOKEN,
    notebook::{Note, Notebook, Refusal},
};

const LIMIT_MAX: usize = 1_000;
const LIMIT: usize = 100;
const WAIT_MS_MAX: u64 = 30_000;

type Book = State<Arc<Notebook>>;
type Asked = Query<HashMap<String, String>>;

pub(super) fn all(book: Arc<Notebook>) -> Router {
    Router::new()
        .route("/status", get(|| async { Json(json!({ "service": "practice" })) }))
        .route("/notes", get(list))
        .route("/notes/{id}", get(one).put(create).patch(update).delete(remove))
        .route("/changes", get(changes))
        .layer(from_fn(guard))
        .with_state(book)
}

/// Nobody without the token.
async fn guard(request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given == Some(&format!("Bearer {TOKEN}")) {
        return next.run(request).await;
    }
    let body = json!({ "code": "unauthorized", "message": "the token is wrong" });
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

fn number<T: std::str::FromStr>(asked: &HashMap<String, String>, name: &str) -> Option<T> {
    asked.get(name)?.parse().ok()
}

fn limit(asked: &HashMap<String, String>) -> usize {
    number(asked, "limit").unwrap_or(LIMIT).clamp(1, LIMIT_MAX)
}

async fn list(State(book): Book, Query(asked): Asked) -> Response {
    let limit = limit(&asked);
    let after = asked.get("after").map(String::as_str).unwrap_or_default();
    let mut notes = book.list(after, limit + 1);
    let has_more = notes.len() > limit;
    notes.truncate(limit);
    let notes: Vec<Value> = notes.iter().map(Note::json).collect();
    let next = if has_more { notes.last().map(|note| note["id"].clone()) } else { None };
    Json(json!({ "notes": notes, "next": next })).into_response()
}

async fn one(State(book): Book, Path(id): Path<String>) -> Response {
    answer(StatusCode::OK, book.get(&id).ok_or(Refusal::NotFound))
}

async fn create(State(book): Book, Path(id): Path<String>, Json(given): Json<Map<String, Value>>) -> Response {
    answer(StatusCode::CREATED, book.create(&id, &given))
}

async fn update(
    State(book): Book,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(given): Json<Map<String, Value>>,
) -> Response {
    answer(StatusCode::OK, book.update(&id, revision(&headers), &given))
}

async fn remove(State(book): Book, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match book.delete(&id, revision(&headers)) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refused(refusal),
    }
}

async fn changes(State(book): Book, Query(asked): Asked) -> Response {
    let after = number(&asked, "after");
    let wait = Duration::from_millis(number(&asked, "wait_ms").unwrap_or(0).min(WAIT_MS_MAX));
    let found = match after {
        Some(after) => book.next_changes(after, limit(&asked), wait).await,
        // Only where the log ends.
        None => Ok((Vec::new(), book.last())),
    };
    match found {
        Ok((changes, last)) => Json(json!({ "changes": changes, "last": last })).into_response(),
        Err(refusal) => refused(refusal),
    }
}

/// What `If-Match` names; a revision that never was where it makes no sense.
fn revision(headers: &HeaderMap) -> Option<u64> {
    let given = headers.get(header::IF_MATCH)?.to_str().unwrap_or_default();
    if given == "*" {
        return None;
    }
    Some(given.trim_matches('"').parse().unwrap_or(0))
}

fn answer(status: StatusCode, result: Result<Note, Refusal>) -> Response {
    match result {
        Ok(note) => (status, [(header::ETAG, format!("\"{}\"", note.revision))], Json(note.json())).into_response(),
        Err(refusal) => refused(refusal),
    }
}

fn refused(refusal: Refusal) -> Response {
    let (status, body) = match refusal {
        Refusal::NotFound => (StatusCode::NOT_FOUND, json!({ "code": "not_found", "message": "no such note" })),
        Refusal::Precondition(note) => (
            StatusCode::PRECONDITION_FAILED,
            json!({ "code": "precondition", "message": "the note is not at that revision", "note": note.as_ref().map(Note::json) }),
        ),
        Refusal::Invalid(code, field, message) => {
            (StatusCode::UNPROCESSABLE_ENTITY, json!({ "code": code, "field": field, "message": message }))
        }
        Refusal::LogGone => {
            (StatusCode::GONE, json!({ "code": "gone", "message": "the change log does not reach there" }))
        }
    };
    (status, Json(body)).into_response()
}
