//! Reading requests and wording answers: path names, query lists, JSON bodies,
//! the two kinds of refusal that have nothing to do with records.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::hubspot::{error::ApiError, shared::Shared, show::Wanted, write::Values};

pub type App = State<Arc<Shared>>;
/// Parts of the path by name.
pub type Names = Path<HashMap<String, String>>;
/// The query in order; a name may come several times.
pub type Pairs = Query<Vec<(String, String)>>;
pub type Answer = Result<Reply, ApiError>;

/// A status and, mostly, a body.
#[derive(Debug)]
pub struct Reply(pub u16, pub Option<Value>);

impl Reply {
    pub fn ok(body: Value) -> Self {
        Self(200, Some(body))
    }

    pub fn created(body: Value) -> Self {
        Self(201, Some(body))
    }

    pub fn nothing() -> Self {
        Self(204, None)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = match self.1 {
            Some(body) => (status, Json(body)).into_response(),
            None => return status.into_response(),
        };
        let json = axum::http::HeaderValue::from_static("application/json;charset=utf-8");
        response.headers_mut().insert(axum::http::header::CONTENT_TYPE, json);
        response
    }
}

pub fn name<'a>(names: &'a HashMap<String, String>, part: &str) -> &'a str {
    names.get(part).map(String::as_str).unwrap_or_default()
}

/// An id in a path, which is a number.
pub fn number(text: &str) -> Result<u64, ApiError> {
    text.parse()
        .map_err(|_| ApiError::new(404, Some("OBJECT_NOT_FOUND"), "Object not found.  objectId are usually numeric."))
}

pub fn one<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

/// A list given as `a,b`, or by repeating the name.
pub fn list(pairs: &[(String, String)], name: &str) -> Vec<String> {
    let given = pairs.iter().filter(|(own, _)| own == name).flat_map(|(_, value)| value.split(','));
    given.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

pub fn flag(pairs: &[(String, String)], name: &str) -> bool {
    one(pairs, name) == Some("true")
}

pub fn wanted(pairs: &[(String, String)]) -> Wanted {
    Wanted {
        properties: list(pairs, "properties"),
        with_history: list(pairs, "propertiesWithHistory"),
        associations: list(pairs, "associations"),
    }
}

pub fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        ApiError::validation(format!("Invalid input JSON on line {line}, column {column}: {error}"))
    })
}

/// Property values as they come: texts mostly, numbers and booleans too; null clears.
pub fn values(given: &Map<String, Value>) -> Values {
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    given.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// The vendor's own 404 for a path it does not know is a page; ours says the path.
pub async fn no_such_path(uri: Uri) -> Response {
    (StatusCode::NOT_FOUND, format!("Not Found: {}", uri.path())).into_response()
}
