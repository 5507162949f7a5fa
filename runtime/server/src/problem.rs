//! Errors on the wire: RFC 9457 problem documents that carry the same codes,
//! words and remedies as the command line shows.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

/// One failed request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{title}")]
pub struct Problem {
    /// `urn:lockstep:error:CODE`.
    #[serde(rename = "type")]
    pub kind: Box<str>,
    pub code: Box<str>,
    pub title: Box<str>,
    /// HTTP status.
    pub status: u16,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub detail: Box<str>,
    /// What to do; empty if nothing is known.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub remedy: Box<str>,
}

impl Problem {
    pub fn new(status: StatusCode, code: impl Into<Box<str>>, title: impl Into<Box<str>>) -> Self {
        let code = code.into();
        Problem {
            kind: format!("urn:lockstep:error:{code}").into(),
            code,
            title: title.into(),
            status: status.as_u16(),
            detail: Box::default(),
            remedy: Box::default(),
        }
    }

    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<Box<str>>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// The request itself was wrong.
    pub fn bad_request(title: impl Into<Box<str>>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "LS-API-001", title)
    }

    /// The other end did not answer as agreed.
    pub fn broken(title: impl Into<Box<str>>) -> Self {
        Problem::new(StatusCode::BAD_GATEWAY, "LS-API-002", title)
            .remedy("Look at the log of the running Lockstep; is it of the same version?")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
        response
    }
}
