//! The routes of connectors and their versions.

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use lockstep_engine::{
    Operations,
    versions::{Order, RecordOrder},
};

use crate::{
    log, requests,
    router::{Asked, Ops, answer, lines, problem},
};

pub(crate) fn routes() -> Router<Operations> {
    Router::new()
        .route("/v1/connectors", post(list))
        .route("/v1/connector/upgrade", post(upgrade))
        .route("/v1/connector/approve", post(approve))
        .route("/v1/connector/rollback", post(rollback))
        .route("/v1/connector/record", post(record))
        .route("/v1/connector/log", post(log::log))
        .route("/v1/connector/disable", post(disable))
        .route("/v1/connector/enable", post(enable))
}

async fn list(State(ops): Ops) -> Response {
    answer(ops.connectors())
}

async fn upgrade(State(ops): Ops, Asked(order): Asked<Order>) -> Response {
    answer(ops.upgrade(&order).await)
}

async fn approve(State(ops): Ops, Asked(asked): Asked<requests::Version>) -> Response {
    answer(ops.approve(&asked.connection, asked.digest.as_deref(), &asked.by).await)
}

async fn rollback(State(ops): Ops, Asked(asked): Asked<requests::Version>) -> Response {
    answer(ops.rollback(&asked.connection, asked.digest.as_deref(), &asked.by).await)
}

/// The recording as it is, with nothing around it; empty where there is none.
async fn record(State(ops): Ops, Asked(order): Asked<RecordOrder>) -> Response {
    match ops.record(&order).await {
        Ok(content) => lines(Body::from(content.unwrap_or_default())),
        Err(error) => problem(&error).into_response(),
    }
}

async fn disable(State(ops): Ops, Asked(asked): Asked<requests::Connection>) -> Response {
    answer(ops.disable(&asked.connection, &asked.by))
}

async fn enable(State(ops): Ops, Asked(asked): Asked<requests::Connection>) -> Response {
    answer(ops.enable(&asked.connection, &asked.by))
}
