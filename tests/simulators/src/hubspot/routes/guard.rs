//! In front of every API call: who calls, whether a limit allows it, and the
//! people who act just before or after it.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::hubspot::{
    access::Caller,
    error::ApiError,
    interject::When,
    limits::{Cost, Headers},
    shared::Shared,
};

pub async fn guard(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let uri_bytes = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    let (headers, admitted) = shared.with(|store, now_ms| {
        if uri_bytes > store.settings.uri_bytes_max {
            return (Headers::new(), Err(ApiError::new(414, None, "URI Too Long")));
        }
        let caller = match store.access.caller(header.as_deref(), now_ms) {
            Ok(caller) => caller,
            Err(refusal) => return (Headers::new(), Err(refusal)),
        };
        let Some(cost) = cost(&method, &path) else { return (Headers::new(), Ok(caller)) };
        let (headers, verdict) = store.limits.admit(&store.settings, &caller, cost, now_ms);
        (headers, verdict.map(|()| caller))
    });
    let mut response = match admitted.and_then(|caller| version(&path).map(|()| caller)) {
        Ok(caller) => {
            shared.interject(&method, &path, When::Before);
            request.extensions_mut().insert::<Caller>(caller);
            let response = next.run(request).await;
            shared.interject(&method, &path, When::After);
            response
        }
        Err(refusal) => refusal.into_response(),
    };
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    // The account's own time, which a caller may compare with its own.
    let date = shared.stage.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(header::DATE, date);
    }
    let json = HeaderValue::from_static("application/json;charset=utf-8");
    if response.headers().contains_key(header::CONTENT_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    response
}

/// None: counted by no limit.
fn cost(method: &str, path: &str) -> Option<Cost> {
    if path.starts_with("/webhooks-journal/") {
        return None;
    }
    Some(if method == "POST" && path.ends_with("/search") { Cost::Search } else { Cost::Ordinary })
}

/// A date-versioned path must name a version there could be.
fn version(path: &str) -> Result<(), ApiError> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let named = match parts.as_slice() {
        ["crm", "objects" | "properties" | "associations" | "owners", version, ..]
        | ["crm-object-schemas" | "account-info", version, ..] => version,
        _ => return Ok(()),
    };
    let dated =
        named.strip_suffix("-beta").unwrap_or(named).split_once('-').is_some_and(|(year, month)| {
            year.len() == 4 && year.parse::<u16>().is_ok() && matches!(month, "03" | "09")
        });
    if dated || *named == "v3" || *named == "v4" {
        return Ok(());
    }
    Err(ApiError::new(404, Some("OBJECT_NOT_FOUND"), format!("API version {named} does not exist")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_known_or_refused() {
        for path in ["/crm/objects/2026-09/contacts", "/crm/v3/objects/contacts", "/crm/objects/2026-09-beta/0-1"] {
            assert!(version(path).is_ok(), "{path}");
        }
        for path in ["/crm/objects/2026-10/contacts", "/crm/objects/latest/contacts"] {
            assert!(version(path).is_err(), "{path}");
        }
    }
}
