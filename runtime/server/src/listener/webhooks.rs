//! `/webhooks/CONNECTION`: what a system sends by itself. Read within bounds,
//! handed to the connection, and answered as its connector says once it is safe;
//! whatever is not safe in time is refused, so that the sender tries again.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use lockstep_core::{
    value::Timestamp,
    webhook::{Webhook, WebhookAnswer},
};
use lockstep_engine::Refusal;

use super::{Hook, Public, metrics::Outcome};
use crate::problem::Problem;

/// A sender that was refused for now is asked to come back after so long.
const RETRY_AFTER_S: u16 = 5;
/// A sender that sends too fast.
const SLOW_DOWN_S: u16 = 1;

/// Headers of an answer that are the listener's own business.
const OWN_HEADERS: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TRAILER,
    header::UPGRADE,
    header::DATE,
];

pub(super) async fn take(
    State(public): State<Arc<Public>>,
    Path(connection): Path<String>,
    request: Request,
) -> Response {
    let Some(hook) = public.hooks.get(&connection) else {
        return nobody("nobody takes webhooks here").into_response();
    };
    let (outcome, response) = match deliver(&public, &connection, hook, request).await {
        Ok(answer) if answer.is_taken() => (Outcome::Taken, answered(answer)),
        Ok(answer) => (Outcome::Refused, answered(answer)),
        Err(NotTaken { outcome, problem, retry_after_s }) => (outcome, later(problem, retry_after_s)),
    };
    public.deliveries.count(&connection, outcome);
    response
}

/// Why a request got no answer of its connector's.
struct NotTaken {
    outcome: Outcome,
    problem: Problem,
    retry_after_s: Option<u16>,
}

impl NotTaken {
    fn new(outcome: Outcome, problem: Problem) -> Self {
        NotTaken { outcome, problem, retry_after_s: None }
    }
}

async fn deliver(public: &Public, connection: &str, hook: &Hook, request: Request) -> Result<WebhookAnswer, NotTaken> {
    let arrived = Instant::now();
    if !hook.bucket.admits(arrived) {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "LS-API-006", "too many requests");
        return Err(NotTaken { outcome: Outcome::TooMany, problem, retry_after_s: Some(SLOW_DOWN_S) });
    }
    let patience = Duration::from_millis(hook.settings.answer_within_ms);
    let (parts, body) = request.into_parts();
    let read = tokio::time::timeout(patience, whole(body, hook.settings.body_bytes_max)).await;
    let body = read.unwrap_or_else(|_| {
        let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, "LS-API-008", "the request came too slowly");
        Err(NotTaken::new(Outcome::TooSlow, problem))
    })?;
    let webhook = Webhook {
        method: parts.method.as_str().to_owned(),
        path: path_and_query(&parts.uri).to_owned(),
        url: url(hook.settings.public_url.as_deref(), public.public_url.as_deref(), &parts),
        headers: headers(&parts.headers),
        body,
        received_at: now(),
    };
    let patience = patience.saturating_sub(arrived.elapsed());
    public.engine.ingest(connection, &webhook, patience).await.map_err(|refusal| {
        tracing::info!(%connection, "a webhook was not taken: {refusal}");
        match refusal {
            Refusal::Nobody(_) => NotTaken::new(Outcome::Nobody, nobody("this connection takes no webhooks")),
            Refusal::Busy | Refusal::NotSafe(_) => {
                let problem = Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "LS-API-007",
                    "it cannot be taken now; send it again",
                );
                NotTaken { outcome: Outcome::NotSafe, problem, retry_after_s: Some(RETRY_AFTER_S) }
            }
        }
    })
}

async fn whole(body: Body, bytes_max: usize) -> Result<Vec<u8>, NotTaken> {
    let read = Limited::new(body, bytes_max).collect().await;
    read.map(|body| body.to_bytes().to_vec()).map_err(|error| {
        if error.is::<LengthLimitError>() {
            let title = format!("the body is larger than {bytes_max} bytes");
            NotTaken::new(Outcome::TooLarge, Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "LS-API-005", title))
        } else {
            NotTaken::new(Outcome::TooSlow, Problem::bad_request("the body broke off"))
        }
    })
}

fn nobody(title: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "LS-API-004", title)
}

/// A problem, and when the sender is to come back.
fn later(problem: Problem, seconds: Option<u16>) -> Response {
    let mut response = problem.into_response();
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The connector's answer as it goes over the wire.
fn answered(answer: WebhookAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = (status, answer.body).into_response();
    let named = answer.headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::try_from(name.as_str()).ok().filter(|name| !OWN_HEADERS.contains(name))?;
        Some((name, HeaderValue::try_from(value.as_str()).ok()?))
    });
    for (name, value) in named {
        response.headers_mut().insert(name, value);
    }
    response
}

fn path_and_query(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |whole| whole.as_str())
}

/// The address as the sender knows it, byte for byte: what vendors sign.
fn url(own: Option<&str>, server: Option<&str>, request: &Parts) -> String {
    if let Some(own) = own {
        return match request.uri.query() {
            Some(query) if !own.contains('?') => format!("{own}?{query}"),
            _ => own.to_owned(),
        };
    }
    let path = path_and_query(&request.uri);
    match server {
        Some(server) => format!("{server}{path}"),
        None => {
            let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
            format!("https://{host}{path}")
        }
    }
}

/// Those that are text; others no connector could look at.
fn headers(all: &HeaderMap) -> Vec<(String, String)> {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.as_str().to_owned(), std::str::from_utf8(value.as_bytes()).ok()?.to_owned()))
    };
    all.iter().filter_map(text).collect()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str) -> Parts {
        let request = Request::builder().uri(uri).header(header::HOST, "sync.example.com").body(Body::empty());
        request.expect("a request").into_parts().0
    }

    #[test]
    fn the_address_is_the_one_the_sender_was_told() {
        let plain = parts("/webhooks/hub?a=%20b&c");
        assert_eq!(url(None, None, &plain), "https://sync.example.com/webhooks/hub?a=%20b&c");
        assert_eq!(url(None, Some("https://x.example"), &plain), "https://x.example/webhooks/hub?a=%20b&c");
        assert_eq!(url(Some("https://x.example/in"), Some("https://y"), &plain), "https://x.example/in?a=%20b&c");
        assert_eq!(url(Some("https://x.example/in"), None, &parts("/webhooks/hub")), "https://x.example/in");
    }

    #[test]
    fn a_connector_cannot_break_the_answers_framing() {
        let answer = WebhookAnswer {
            status: 200,
            headers: vec![
                ("content-type".into(), "text/plain".into()),
                ("content-length".into(), "999".into()),
                ("x-bad".into(), "a\r\nset-cookie: b".into()),
                ("not a name".into(), "x".into()),
            ],
            body: b"ok".to_vec(),
            batches: Vec::new(),
        };
        let response = answered(answer);
        assert_eq!(response.headers().len(), 1);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain");
    }
}
