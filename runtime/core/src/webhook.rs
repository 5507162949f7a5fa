//! Requests that systems send by themselves, and what a connector makes of them.

use crate::{change::ChangeBatch, value::Timestamp};

/// A request that a system sent to a connection's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub method: String,
    /// Path and query, as the request line had them.
    pub path: String,
    /// The whole address as the sender knows it, query included: what vendors sign.
    pub url: String,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub received_at: Timestamp,
}

/// What a connector made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookAnswer {
    /// HTTP status. Below 300: what it told is taken.
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub batches: Vec<ChangeBatch>,
}

impl WebhookAnswer {
    /// Whether the connector took the request.
    pub fn is_taken(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
