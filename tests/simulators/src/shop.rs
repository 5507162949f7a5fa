//! A REST service of no vendor: items in lists that page in every usual way, with
//! times of modification, ETags, and tombstones for what was deleted.
//!
//! `GET /items` (`limit` with `after`, `offset` or `page`; `updated_since`) · `POST /items` ·
//! `GET|PUT|PATCH|DELETE /items/ID`. Every list says its next page in the body
//! (`paging.next`) and in a `Link` header.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::Arc,
};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::{Listen, Server, Stage};

pub const TOKEN: &str = "shop-token";
/// However many are asked for.
const PAGE_MAX: usize = 10;
const NAME_MAX: usize = 200;

type Fields = Map<String, Value>;

#[derive(Clone, Debug)]
struct Item {
    revision: u64,
    updated_at: Timestamp,
    is_deleted: bool,
    fields: Fields,
}

impl Item {
    fn json(&self, id: &str) -> Value {
        let mut shown = self.fields.clone();
        shown.insert("id".into(), id.into());
        shown.insert("updated_at".into(), self.updated_at.to_string().into());
        shown.insert("deleted".into(), self.is_deleted.into());
        Value::Object(shown)
    }
}

#[derive(Debug, Default)]
struct Shelf {
    items: BTreeMap<String, Item>,
    revisions: u64,
}

impl Shelf {
    fn put(&mut self, id: &str, fields: Fields, is_deleted: bool) -> Item {
        self.revisions += 1;
        let item = Item { revision: self.revisions, updated_at: Timestamp::now(), is_deleted, fields };
        self.items.insert(id.to_owned(), item.clone());
        item
    }

    fn there(&self, id: &str) -> Option<&Item> {
        self.items.get(id).filter(|item| !item.is_deleted)
    }
}

type Kept = Arc<Mutex<Shelf>>;

/// A running service; stops when dropped. Its methods are the people who work there.
#[derive(Debug)]
pub struct Shop {
    server: Server,
    shelf: Kept,
}

impl Shop {
    /// # Errors
    /// No port is free.
    pub fn start(stage: Stage) -> io::Result<Self> {
        let shelf = Kept::default();
        let kept = Arc::clone(&shelf);
        let server = Server::start(Listen::default(), stage, move |_| router(kept))?;
        Ok(Shop { server, shelf })
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// Sets these fields of an item, which is made if it is not there.
    pub fn set(&self, id: &str, fields: &Value) {
        let mut shelf = self.shelf.lock();
        let mut all = shelf.there(id).map(|item| item.fields.clone()).unwrap_or_default();
        all.extend(fields.as_object().cloned().unwrap_or_default());
        shelf.put(id, all, false);
    }

    pub fn remove(&self, id: &str) {
        let mut shelf = self.shelf.lock();
        if let Some(fields) = shelf.there(id).map(|item| item.fields.clone()) {
            shelf.put(id, fields, true);
        }
    }

    /// What an item holds now.
    pub fn get(&self, id: &str) -> Option<Value> {
        self.shelf.lock().there(id).map(|item| item.json(id))
    }
}

fn router(shelf: Kept) -> Router {
    Router::new()
        .route("/items", get(list).post(create))
        .route("/items/{id}", get(one).put(create_as).patch(update).delete(remove))
        .layer(from_fn(guard))
        .with_state(shelf)
}

async fn guard(request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given == Some(&format!("Bearer {TOKEN}")) {
        return next.run(request).await;
    }
    refused(StatusCode::UNAUTHORIZED, "the token is wrong")
}

fn refused(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

fn shown(status: StatusCode, id: &str, item: &Item) -> Response {
    (status, [(header::ETAG, format!("\"{}\"", item.revision))], Json(item.json(id))).into_response()
}

async fn list(State(shelf): State<Kept>, Query(asked): Query<HashMap<String, String>>) -> Response {
    let number = |name: &str| asked.get(name).and_then(|value| value.parse::<usize>().ok());
    let since = asked.get("updated_since").map(|value| value.parse::<Timestamp>());
    let Some(since) = since.transpose().ok() else {
        return refused(StatusCode::BAD_REQUEST, "updated_since is no time");
    };
    let size = number("limit").unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let shelf = shelf.lock();
    let all: Vec<(&String, &Item)> = shelf.items.iter().filter(|(_, item)| since <= Some(item.updated_at)).collect();
    let begin = match (asked.get("after"), number("offset"), number("page")) {
        (Some(after), ..) => all.iter().position(|(id, _)| *id > after).unwrap_or(all.len()),
        (_, Some(offset), _) => offset,
        (.., Some(page)) => (page.max(1) - 1) * size,
        _ => 0,
    };
    let page: Vec<&(&String, &Item)> = all.iter().skip(begin).take(size).collect();
    let last = page.last().filter(|_| begin + size < all.len()).map(|(id, _)| id.as_str());
    let rows: Vec<Value> = page.iter().map(|(id, item)| item.json(id)).collect();
    let body = json!({ "data": rows, "paging": { "next": last } });
    let Some(last) = last else { return Json(body).into_response() };
    let mut query: Vec<(&str, &str)> = vec![("after", last)];
    query.extend(["limit", "updated_since"].into_iter().filter_map(|name| Some((name, asked.get(name)?.as_str()))));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    ([(header::LINK, format!("</items?{query}>; rel=\"next\""))], Json(body)).into_response()
}

async fn one(State(shelf): State<Kept>, Path(id): Path<String>) -> Response {
    match shelf.lock().there(&id) {
        Some(item) => shown(StatusCode::OK, &id, item),
        None => refused(StatusCode::NOT_FOUND, "no such item"),
    }
}

async fn create(State(shelf): State<Kept>, Json(given): Json<Fields>) -> Response {
    let mut shelf = shelf.lock();
    let id = format!("item-{}", shelf.revisions + 1);
    made(&mut shelf, &id, given)
}

async fn create_as(State(shelf): State<Kept>, Path(id): Path<String>, Json(given): Json<Fields>) -> Response {
    let mut shelf = shelf.lock();
    if shelf.there(&id).is_some() {
        return refused(StatusCode::PRECONDITION_FAILED, "the item is there already");
    }
    made(&mut shelf, &id, given)
}

fn made(shelf: &mut Shelf, id: &str, mut given: Fields) -> Response {
    given.remove("id");
    if let Err(message) = checked(&given, true) {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, &message);
    }
    let item = shelf.put(id, given, false);
    shown(StatusCode::CREATED, id, &item)
}

async fn update(
    State(shelf): State<Kept>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(given): Json<Fields>,
) -> Response {
    let mut shelf = shelf.lock();
    let Some(there) = shelf.there(&id) else { return refused(StatusCode::NOT_FOUND, "no such item") };
    if !matches(&headers, there) {
        return refused(StatusCode::PRECONDITION_FAILED, "the item is another by now");
    }
    if let Err(message) = checked(&given, false) {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, &message);
    }
    let mut fields = there.fields.clone();
    fields.extend(given);
    let item = shelf.put(&id, fields, false);
    shown(StatusCode::OK, &id, &item)
}

async fn remove(State(shelf): State<Kept>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let mut shelf = shelf.lock();
    let Some(there) = shelf.there(&id) else { return refused(StatusCode::NOT_FOUND, "no such item") };
    if !matches(&headers, there) {
        return refused(StatusCode::PRECONDITION_FAILED, "the item is another by now");
    }
    let fields = there.fields.clone();
    shelf.put(&id, fields, true);
    StatusCode::NO_CONTENT.into_response()
}

/// Without `If-Match` everything goes: the service does not protect who does not ask.
fn matches(headers: &HeaderMap, item: &Item) -> bool {
    headers.get(header::IF_MATCH).is_none_or(|given| given.as_bytes() == format!("\"{}\"", item.revision).as_bytes())
}

fn checked(given: &Fields, is_new: bool) -> Result<(), String> {
    if is_new && !given.contains_key("name") {
        return Err("an item needs a name".into());
    }
    given.iter().try_for_each(|(field, value)| {
        let fits = match field.as_str() {
            "name" => value.as_str().is_some_and(|name| name.chars().count() <= NAME_MAX),
            "note" => value.is_string() || value.is_null(),
            "stock" => value.is_i64() || value.is_null(),
            "price" => value.is_number() || value.is_null(),
            "active" => value.is_boolean() || value.is_null(),
            _ => return Err(format!("an item has no {field}")),
        };
        if fits { Ok(()) } else { Err(format!("{field} does not take {value}")) }
    })
}
