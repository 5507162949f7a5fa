//! Requests on their way into a recording, and answers out of one.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::{Error, WasiBody};

use super::{Failure, Placed, hooks::Nothing, limits::HttpLimits, request};
use crate::record::{
    Halted, Player, Track,
    event::{Event, HttpAnswer},
};

type Sending = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Nothing), Error>> + Send>;

/// How long a component may take to hand its body over to a replay.
const BODY: Duration = Duration::from_secs(10);

/// Note that a request begins; answers where.
pub(super) fn begin(track: &Track, request: &http::Request<WasiBody>) -> Option<usize> {
    let (method, url, headers) = head(request);
    track.note(Event::Http { method, url, headers, body: None, answer: None })
}

/// What a guest gets, for a recording.
pub(super) fn told(track: &Track, answered: &Result<Placed, Failure>) -> HttpAnswer {
    match answered {
        Ok((answer, _)) => HttpAnswer::Answered {
            status: answer.status.as_u16(),
            headers: pairs(&answer.headers),
            body: track.body(&answer.body),
        },
        Err(failure) => HttpAnswer::Failed(failure.to_string()),
    }
}

/// Answer a request as it was answered when it was recorded.
pub(super) fn play(player: &Arc<Player>, request: http::Request<WasiBody>, limits: HttpLimits) -> Sending {
    let (method, url, headers) = head(&request);
    let at = player.request(&method, &url, &headers);
    let player = Arc::clone(player);
    Box::new(async move {
        let at = at.map_err(ended)?;
        let body = match tokio::time::timeout(BODY, request::body(request.into_body(), &limits)).await {
            Ok(Ok(body)) => body,
            // As it was when it was recorded: what came of that is told.
            Ok(Err(_)) | Err(_) => Bytes::new(),
        };
        match player.answer(at, &body).map_err(ended)? {
            Some(HttpAnswer::Answered { status, headers, body }) => {
                let mut response =
                    http::Response::new(Full::new(Bytes::from(body.held)).map_err(|no| match no {}).boxed_unsync());
                *response.status_mut() = StatusCode::from_u16(status).map_err(|error| internal(error.to_string()))?;
                *response.headers_mut() = map(&headers);
                Ok((response, Box::new(async { Ok(()) }) as Nothing))
            }
            Some(HttpAnswer::Failed(words)) => Err(internal(words)),
            // It was still on its way when the recording ended.
            None => std::future::pending().await,
        }
    })
}

fn internal(words: String) -> Error {
    Error::InternalError(Some(words))
}

fn ended(halted: Halted) -> Error {
    internal(halted.to_string())
}

fn head(request: &http::Request<WasiBody>) -> (String, String, Vec<(String, String)>) {
    (request.method().to_string(), request.uri().to_string(), pairs(request.headers()))
}

/// Headers as texts, in which bytes beyond ASCII stand for themselves as in Latin-1.
fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// What cannot be a header is left out.
fn map(pairs: &[(String, String)]) -> HeaderMap {
    let pair = |(name, value): &(String, String)| {
        let bytes: Result<Vec<u8>, _> = value.chars().map(u8::try_from).collect();
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(&bytes.ok()?).ok()?))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in pairs.iter().filter_map(pair) {
        headers.append(name, value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_they_were_written() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_static("1"));
        headers.append("x-a", HeaderValue::from_bytes(&[0xe9]).expect("a value"));
        assert_eq!(map(&pairs(&headers)), headers);
        assert!(map(&[("no name".into(), "1".into()), ("x".into(), "\n".into())]).is_empty());
    }
}
