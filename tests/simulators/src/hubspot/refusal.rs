//! The vendor's refusals as faults, for `stage.faults`: limits it says are
//! reached, and the times when it is not well.

use serde_json::{Value, json};

use super::error::correlation_id;
use crate::Fault;

fn answer(status: u16, body: Value) -> Fault {
    Fault::Answer { status, headers: Vec::new(), body }
}

fn limit(which: &str, policy: &str) -> Fault {
    let message = format!("You have reached your {which} limit.");
    let correlation = correlation_id();
    let body = json!({
        "status": "error",
        "message": message,
        "errorType": "RATE_LIMIT",
        "correlationId": correlation,
        "policyName": policy,
    });
    answer(429, body)
}

/// 429: too many calls within ten seconds.
pub fn burst_exceeded() -> Fault {
    limit("ten_secondly_rolling", "TEN_SECONDLY_ROLLING")
}

/// 429: too many calls today.
pub fn daily_exceeded() -> Fault {
    limit("daily", "DAILY")
}

/// 429: too many searches within a second. Names no policy.
pub fn search_exceeded() -> Fault {
    let message = "You have reached your secondly limit.";
    let body = json!({
        "status": "error", "message": message, "correlationId": correlation_id(), "category": "RATE_LIMITS",
    });
    answer(429, body)
}

/// 500, in the vendor's words.
pub fn server_error() -> Fault {
    let body = json!({ "status": "error", "message": "internal error", "correlationId": correlation_id() });
    answer(500, body)
}

/// 503, as its front door says it.
pub fn unavailable() -> Fault {
    let body = json!({
        "status": "error", "message": "Service temporarily unavailable", "correlationId": correlation_id(),
    });
    answer(503, body)
}

/// 504, as its front door says it.
pub fn gateway_timeout() -> Fault {
    answer(504, json!({ "status": "error", "message": "Gateway timeout", "correlationId": correlation_id() }))
}
