//! The routes: `POST /v1/OPERATION` with the operation's arguments as JSON
//! answers with its result; `POST /v1/tail` answers line by line.

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, FromRequest, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use lockstep_engine::{EngineError, Operations};
use serde::{Serialize, de::DeserializeOwned};

use crate::{connectors, problem::Problem, requests, tail};

/// Bytes a request may have.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// Every operation as a route.
pub fn router(operations: Operations) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/v1/status", post(status))
        .route("/v1/check", post(check))
        .route("/v1/discover", post(discover))
        .route("/v1/sample", post(sample))
        .route("/v1/requests", post(requests_made))
        .route("/v1/incidents", post(incidents))
        .route("/v1/plan", post(plan))
        .route("/v1/apply", post(apply))
        .route("/v1/pause", post(pause))
        .route("/v1/resume", post(resume))
        .route("/v1/explain", post(explain))
        .route("/v1/conflicts", post(conflicts))
        .route("/v1/resolve", post(resolve))
        .route("/v1/failures", post(failures))
        .route("/v1/retry", post(retry))
        .route("/v1/ignore", post(ignore))
        .route("/v1/replay", post(replay))
        .route("/v1/revert", post(revert))
        .route("/v1/journal", post(journal))
        .route("/v1/tail", post(tail::tail))
        .route("/v1/drift", post(drift))
        .route("/v1/drift/decide", post(decide_drift))
        .route("/v1/audit", post(audit))
        .route("/v1/backfill", post(backfill))
        .route("/v1/remove", post(remove))
        .merge(connectors::routes())
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(operations)
}

pub(crate) type Ops = State<Operations>;

async fn ready(State(ops): Ops) -> Response {
    match ops.status().await {
        Ok(_) => "ready\n".into_response(),
        Err(error) => problem(&error).into_response(),
    }
}

async fn status(State(ops): Ops) -> Response {
    answer(ops.status().await)
}

async fn check(State(ops): Ops, Asked(asked): Asked<requests::Check>) -> Response {
    answer(ops.check(asked.connection.as_deref()).await)
}

async fn discover(State(ops): Ops, Asked(asked): Asked<requests::Discover>) -> Response {
    answer(ops.discover(&asked.connection, &asked.objects).await)
}

async fn requests_made(State(ops): Ops, Asked(asked): Asked<requests::OfConnection>) -> Response {
    answer(ops.requests(&asked.connection))
}

async fn incidents(State(ops): Ops, Asked(asked): Asked<requests::OfConnection>) -> Response {
    answer(ops.incidents(&asked.connection))
}

async fn sample(State(ops): Ops, Asked(asked): Asked<requests::Sample>) -> Response {
    answer(ops.sample(&asked.connection, &asked.object, &asked.columns).await)
}

async fn plan(State(ops): Ops, Asked(asked): Asked<requests::OfSync>) -> Response {
    answer(ops.plan(asked.sync.as_deref()).await)
}

async fn apply(State(ops): Ops, Asked(asked): Asked<requests::OfSync>) -> Response {
    answer(ops.apply(asked.sync.as_deref()).await)
}

async fn pause(State(ops): Ops, Asked(asked): Asked<requests::Pause>) -> Response {
    answer(ops.pause(&asked.sync, asked.side.as_deref(), &asked.by).await)
}

async fn resume(State(ops): Ops, Asked(asked): Asked<requests::Pause>) -> Response {
    answer(ops.resume(&asked.sync, asked.side.as_deref(), &asked.by).await)
}

async fn explain(State(ops): Ops, Asked(asked): Asked<requests::Explain>) -> Response {
    answer(ops.explain(&asked.sync, &asked.record, asked.field.as_deref()).await)
}

async fn conflicts(State(ops): Ops, Asked(asked): Asked<requests::Conflicts>) -> Response {
    answer(ops.conflicts(asked.sync.as_deref(), &asked.filter, asked.all).await)
}

async fn resolve(State(ops): Ops, Asked(asked): Asked<requests::Resolve>) -> Response {
    let requests::Resolve { sync, filter, decision, by, preview } = asked;
    answer(ops.resolve(&sync, &filter, &decision, &by, preview).await)
}

async fn failures(State(ops): Ops, Asked(asked): Asked<requests::Failures>) -> Response {
    answer(ops.failures(asked.sync.as_deref(), &asked.filter).await)
}

async fn retry(State(ops): Ops, Asked(asked): Asked<requests::OnMany>) -> Response {
    answer(ops.retry(&asked.sync, &asked.filter, &asked.by, asked.preview).await)
}

async fn ignore(State(ops): Ops, Asked(asked): Asked<requests::OnMany>) -> Response {
    answer(ops.ignore(&asked.sync, &asked.filter, &asked.by, asked.preview).await)
}

async fn replay(State(ops): Ops, Asked(asked): Asked<requests::OnMany>) -> Response {
    answer(ops.replay(&asked.sync, &asked.filter, &asked.by, asked.preview).await)
}

async fn revert(State(ops): Ops, Asked(asked): Asked<requests::OnMany>) -> Response {
    answer(ops.revert(&asked.sync, &asked.filter, &asked.by, asked.preview).await)
}

async fn journal(State(ops): Ops, Asked(asked): Asked<requests::Journal>) -> Response {
    answer(ops.journal(&asked.sync, &asked.filter).await)
}

async fn drift(State(ops): Ops, Asked(asked): Asked<requests::Drift>) -> Response {
    answer(ops.drift(asked.sync.as_deref(), asked.all).await)
}

async fn decide_drift(State(ops): Ops, Asked(asked): Asked<requests::DecideDrift>) -> Response {
    answer(ops.decide_drift(&asked.sync, asked.item, asked.decision, &asked.by).await)
}

async fn audit(State(ops): Ops, Asked(asked): Asked<requests::Audit>) -> Response {
    answer(ops.audit(&asked.sync, asked.repair).await)
}

async fn backfill(State(ops): Ops, Asked(asked): Asked<requests::Backfill>) -> Response {
    answer(ops.backfill(&asked.sync, &asked.side).await)
}

async fn remove(State(ops): Ops, Asked(asked): Asked<requests::Remove>) -> Response {
    answer(ops.remove(&asked.sync).await)
}

async fn unknown(request: Request) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "LS-API-003", format!("there is no operation at {}", request.uri().path()))
}

pub(crate) fn answer<T: Serialize>(result: Result<T, EngineError>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => problem(&error).into_response(),
    }
}

/// An engine's error as it goes over the wire.
pub fn problem(error: &EngineError) -> Problem {
    let status = match error {
        EngineError::UnknownSync(_)
        | EngineError::UnknownSide { .. }
        | EngineError::UnknownField { .. }
        | EngineError::UnknownConnection(_)
        | EngineError::UnknownRecord { .. } => StatusCode::NOT_FOUND,
        EngineError::Mapping { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        EngineError::Refused { .. } | EngineError::Code { .. } => StatusCode::CONFLICT,
        EngineError::Session { .. } => StatusCode::BAD_GATEWAY,
        EngineError::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        EngineError::State { .. } | EngineError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let code = error.code();
    let text = error.to_string();
    // Some errors carry their code in their words; it is shown once.
    let title = text.replacen(&format!("[{code}] "), "", 1);
    Problem::new(status, code, title).remedy(error.remedy())
}

/// A JSON body; a wrong one is told as a problem.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        let bytes =
            Bytes::from_request(request, state).await.map_err(|error| Problem::bad_request(error.to_string()))?;
        let bytes = if bytes.is_empty() { b"{}" } else { &bytes[..] };
        serde_json::from_slice(bytes).map(Asked).map_err(|error| Problem::bad_request(error.to_string()))
    }
}

/// Lines of JSON.
pub(crate) fn lines(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}
