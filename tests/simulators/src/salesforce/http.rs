//! The organisation's HTTP face: hands requests to the data API, the token
//! endpoint or the streaming channel, and wakes who waits when something happened.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State as Extracted},
    http::{Response, Uri, request::Parts},
};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    events,
    interject::{self, When},
    org::edit_as_person,
    rest::{self, Answer, Call},
    state::{Refusal, State},
};
use crate::{Faults, serve::REQUEST_BYTES_MAX};

/// The state, and what lies around its lock.
#[derive(Debug)]
pub struct Shared {
    state: Mutex<State>,
    /// Sent to whenever a streaming client may have something to hear.
    pub wake: watch::Sender<u64>,
    pub faults: Faults,
    in_flight: Mutex<BTreeMap<u64, Instant>>,
}

impl Shared {
    pub fn new(state: State, faults: Faults) -> Self {
        Self { state: Mutex::new(state), wake: watch::Sender::new(0), faults, in_flight: Mutex::new(BTreeMap::new()) }
    }

    /// Looks at or changes the state, and wakes who waits if that made events.
    pub fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let before = (state.events.latest(), state.events.clients.count());
        let result = f(&mut state);
        let after = (state.events.latest(), state.events.clients.count());
        drop(state);
        if before != after {
            self.wake_all();
        }
        result
    }

    pub fn wake_all(&self) {
        self.wake.send_modify(|count| *count += 1);
    }
}

/// The routes; `instance` is what answers call this server.
pub fn router(shared: Arc<Shared>, instance: &str) -> Router {
    let instance: Arc<str> = instance.into();
    Router::new()
        .fallback(move |Extracted(shared): Extracted<Arc<Shared>>, request: Request| {
            let instance = Arc::clone(&instance);
            async move { serve(&shared, &instance, request).await }
        })
        .with_state(shared)
}

async fn serve(shared: &Shared, instance: &str, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, REQUEST_BYTES_MAX).await else {
        return Answer::from(Refusal::request(413, "REQUEST_TOO_LARGE", "The request is too large")).into_http();
    };
    let path = head.uri.path();
    let answer = if path.starts_with("/cometd") {
        stream(shared, path, &head, &body).await
    } else if let Some(endpoint) = path.strip_prefix("/services/oauth2/") {
        let form: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
        shared.with(|state| rest::token(state, endpoint, &head.headers, &form, instance))
    } else if matches!(path.trim_end_matches('/'), "/services/data") {
        Answer::json(200, shared.with(|state| rest::versions(state)))
    } else {
        data(shared, instance, &head, body).await
    };
    answer.into_http()
}

async fn stream(shared: &Shared, path: &str, head: &Parts, body: &Bytes) -> Answer {
    let version = path.trim_start_matches("/cometd").trim_matches('/').split('/').next().unwrap_or_default();
    if version.parse::<f64>().is_err() {
        let error = "400::API version in the URI is mandatory. URI format: '/cometd/67.0'";
        return Answer::json(400, json!([{"successful": false, "error": error}]));
    }
    events::cometd(shared, &head.headers, body).await
}

/// `67.0` and the segments behind it, decoded; of `/services/data/v67.0/…`.
pub fn data_path(path: &str) -> Option<(String, Vec<String>)> {
    let mut segments = path.strip_prefix("/services/data/")?.trim_end_matches('/').split('/');
    let version = segments.next()?.strip_prefix('v')?.to_owned();
    Some((version, segments.map(decoded).collect()))
}

/// A path segment without its percent signs.
fn decoded(segment: &str) -> String {
    // A plus is a plus in a path.
    let kept = segment.replace('+', "%2B");
    form_urlencoded::parse(kept.as_bytes())
        .next()
        .map(|(name, value)| if value.is_empty() { name.into_owned() } else { format!("{name}={value}") })
        .unwrap_or_default()
}

async fn data(shared: &Shared, instance: &str, head: &Parts, body: Bytes) -> Answer {
    let Some(call) = call(instance, &head.uri, head, body) else { return Refusal::not_found().into() };
    let (latency, long_ms, concurrent_max) = shared.with(|state| {
        let settings = &state.settings;
        (settings.latency_ms, settings.long_running_ms, settings.concurrent_max)
    });
    let Some(_flight) = Flight::begin(shared, Duration::from_millis(long_ms), concurrent_max as usize) else {
        shared.with(|state| state.usage.limit_errors += 1);
        let message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded.";
        return Refusal::request(403, "REQUEST_LIMIT_EXCEEDED", message).into();
    };
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    let path = head.uri.path();
    shared.with(|state| {
        let edits = interject::take(&mut state.interjections, &call.method, path);
        let edit = |state: &mut State, when: When| {
            for (_, edit) in edits.iter().filter(|(own, _)| *own == when) {
                // An edit that is refused is one that person could not make.
                let _ = edit_as_person(state, [(None, edit)].into_iter());
            }
        };
        edit(state, When::Before);
        let answer = rest::answer(state, &call);
        edit(state, When::After);
        answer
    })
}

fn call(instance: &str, uri: &Uri, head: &Parts, body: Bytes) -> Option<Call> {
    let (version, path) = data_path(uri.path())?;
    Some(Call {
        method: head.method.to_string(),
        path,
        query: form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
        headers: head.headers.clone(),
        body,
        version,
        instance: instance.to_owned(),
    })
}

/// One request of the data API, while it runs.
struct Flight<'a> {
    shared: &'a Shared,
    number: u64,
}

impl<'a> Flight<'a> {
    /// Refused where too many have been running for long.
    fn begin(shared: &'a Shared, long: Duration, max: usize) -> Option<Self> {
        let mut flights = shared.in_flight.lock();
        if flights.values().filter(|since| since.elapsed() >= long).count() >= max {
            return None;
        }
        let number = flights.last_key_value().map_or(0, |(last, _)| last + 1);
        flights.insert(number, Instant::now());
        Some(Self { shared, number })
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.shared.in_flight.lock().remove(&self.number);
    }
}

/// What a fault answers when the organisation has no more to give.
pub fn refusal_fault(status: u16, code: &str, message: &str) -> crate::Fault {
    let body: Value = Refusal::request(status, code, message).answer();
    crate::Fault::Answer { status, headers: Vec::new(), body }
}
