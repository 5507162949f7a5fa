//! A request as the organisation sees it, and what it answers.

use axum::{
    body::Body as HttpBody,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};
use bytes::Bytes;
use serde_json::Value;

use crate::salesforce::{schema::Field, schema::Object, state::Refusal};

/// One call of the data API.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    /// Decoded, behind `/services/data/vXX.X`.
    pub path: Vec<String>,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// `67.0`, as the caller wrote it.
    pub version: String,
    /// `http://127.0.0.1:8080`
    pub instance: String,
}

impl Call {
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn json(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let message = format!("Unexpected character at [line:{}, column:{}]", error.line(), error.column());
            Refusal::request(400, "JSON_PARSER_ERROR", message)
        })
    }

    pub fn object_body(&self) -> Result<serde_json::Map<String, Value>, Refusal> {
        match self.json()? {
            Value::Object(map) => Ok(map),
            _ => Err(Refusal::request(400, "JSON_PARSER_ERROR", "The HTTP entity body is required to be an object.")),
        }
    }

    /// The client named in `Sforce-Call-Options: client=…`.
    pub fn client(&self) -> Option<&str> {
        let options = self.header("sforce-call-options")?.split(',');
        options
            .filter_map(|option| option.trim().split_once('='))
            .find(|(name, _)| *name == "client")
            .map(|(_, own)| own)
    }

    /// What change events say a write of this call came from.
    pub fn origin(&self) -> String {
        let client = self.client().map(|client| format!(";client={client}")).unwrap_or_default();
        format!("com/salesforce/api/rest/{}{client}", self.version)
    }

    /// Saves in spite of a duplicate rule that allows it.
    pub fn insists(&self) -> bool {
        self.header("sforce-duplicate-rule-header").is_some_and(|own| own.replace(' ', "").contains("allowSave=true"))
    }

    /// `?fields=A,B`, looked up.
    pub fn fields<'a>(&self, object: &'a Object) -> Result<Option<Vec<&'a Field>>, Refusal> {
        let Some(names) = self.query("fields") else { return Ok(None) };
        named(object, names.split(',')).map(Some)
    }
}

/// The fields of these names.
pub fn named<'a, 'n>(object: &'a Object, names: impl Iterator<Item = &'n str>) -> Result<Vec<&'a Field>, Refusal> {
    let find = |name: &str| {
        object.field(name.trim()).filter(|field| !field.hidden).ok_or_else(|| {
            let message = format!("No such column '{}' on sobject of type {}", name.trim(), object.name);
            Refusal::request(400, "INVALID_FIELD", message)
        })
    };
    names.map(find).collect()
}

/// What comes back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

#[derive(Debug, Clone)]
pub enum Body {
    None,
    Json(Value),
    Csv(String),
}

impl Answer {
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::None }
    }

    pub fn csv(text: String) -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::Csv(text) }
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn into_http(self) -> Response<HttpBody> {
        let (kind, body) = match self.body {
            Body::None => (None, HttpBody::empty()),
            Body::Json(value) => (Some("application/json;charset=UTF-8"), HttpBody::from(value.to_string())),
            Body::Csv(text) => (Some("text/csv"), HttpBody::from(text)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let body = refusal.answer();
        Self::json(refusal.status, body)
    }
}
