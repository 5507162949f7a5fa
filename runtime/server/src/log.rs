//! What a connector says while it runs, one JSON document a line.

use axum::{
    body::{Body, Bytes},
    extract::State,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use lockstep_engine::port::Log;

use crate::{
    requests,
    router::{Asked, Ops, lines, problem},
};

pub(crate) async fn log(State(ops): Ops, Asked(asked): Asked<requests::OfConnection>) -> Response {
    match ops.log(&asked.connection) {
        Ok(log) => lines(Body::from_stream(stream::unfold(log, next))),
        Err(error) => problem(&error).into_response(),
    }
}

async fn next(log: Option<Box<dyn Log>>) -> Option<(Result<Bytes, serde_json::Error>, Option<Box<dyn Log>>)> {
    let mut log = log?;
    let logged = log.next().await?;
    let text = serde_json::to_vec(&logged).map(|mut text| {
        text.push(b'\n');
        Bytes::from(text)
    });
    Some((text, Some(log)))
}
