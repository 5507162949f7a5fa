//! What a simulated organisation can be told at its start.

use serde::{Deserialize, Serialize};

/// Every bound and habit that tests may want different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The newest API version it knows.
    pub version: String,
    /// A client of the token endpoint.
    pub client_id: String,
    pub client_secret: String,
    /// What its users' password is.
    pub password: String,
    /// The public key (PEM, RSA) a JWT of that client must be signed for.
    pub jwt_public_key_pem: Option<String>,
    /// How long an access token is good for.
    pub session_ms: u64,
    /// A used refresh token is replaced, and the old one refused.
    pub rotates_refresh_tokens: bool,
    /// Requests a day.
    pub api_calls_max: u64,
    /// Long-running requests at the same time.
    pub concurrent_max: u32,
    /// From when on a request is a long-running one.
    pub long_running_ms: u64,
    /// Every request to the data API takes this long.
    pub latency_ms: u64,
    /// Rows of a query page where the caller asks for no size.
    pub query_rows_max: usize,
    /// The smallest query page the caller can ask for.
    pub query_rows_min: usize,
    /// How long change events are kept.
    pub retention_ms: u64,
    /// How long a connect is held open when nothing happens.
    pub connect_hold_ms: u64,
    /// A client that does not connect for so long is forgotten.
    pub client_idle_ms: u64,
    /// Streaming clients must send back the cookie they were given.
    pub requires_cookies: bool,
    /// Events name fields that became null as null in the payload, too.
    pub nulls_in_events: bool,
    /// Events delivered a day.
    pub events_max: u64,
    /// Events sent in one connect answer, at most.
    pub events_per_answer: usize,
    /// How long a bulk job takes.
    pub bulk_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: "67.0".into(),
            client_id: "lockstep-client".into(),
            client_secret: "lockstep-secret".into(),
            password: "password".into(),
            jwt_public_key_pem: None,
            session_ms: 2 * 60 * 60 * 1_000,
            rotates_refresh_tokens: true,
            api_calls_max: 100_000,
            concurrent_max: 25,
            long_running_ms: 20_000,
            latency_ms: 0,
            query_rows_max: 2_000,
            query_rows_min: 200,
            retention_ms: 72 * 60 * 60 * 1_000,
            connect_hold_ms: 110_000,
            client_idle_ms: 40_000,
            requires_cookies: true,
            nulls_in_events: false,
            events_max: 50_000,
            events_per_answer: 1_000,
            bulk_ms: 0,
        }
    }
}
