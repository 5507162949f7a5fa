//! Journal entries as they commit, one JSON document a line.

use axum::{
    body::{Body, Bytes},
    extract::State,
    response::Response,
};
use futures_util::stream;
use lockstep_engine::{Operations, operations::EntryView};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::router::lines;

/// One line of a tail.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    Entry(EntryView),
    /// The reader was too slow: this many entries were not sent. They are in the journal.
    Missed(u64),
}

pub(crate) async fn tail(State(operations): State<Operations>) -> Response {
    let entries = operations.follow();
    lines(Body::from_stream(stream::unfold(entries, next)))
}

async fn next(mut entries: Receiver<EntryView>) -> Option<(Result<Bytes, serde_json::Error>, Receiver<EntryView>)> {
    let line = match entries.recv().await {
        Ok(entry) => Line::Entry(entry),
        Err(RecvError::Lagged(missed)) => Line::Missed(missed),
        Err(RecvError::Closed) => return None,
    };
    let text = serde_json::to_vec(&line).map(|mut text| {
        text.push(b'\n');
        Bytes::from(text)
    });
    Some((text, entries))
}
