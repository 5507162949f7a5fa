//! The control surface every simulated vendor has over HTTP, under `/__sim`:
//! faults, deliveries, the requests seen, the clock. A vendor adds its own
//! routes beside these.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{DeliveryFaults, Rule, Stage, serve::CONTROL};

/// The shared routes, to be merged into the vendor's router.
pub fn router(stage: Stage) -> Router {
    Router::new()
        .route(&format!("{CONTROL}/faults"), get(faults).post(inject).delete(clear))
        .route(&format!("{CONTROL}/deliveries"), post(deliveries))
        .route(&format!("{CONTROL}/requests"), get(requests).delete(forget))
        .route(&format!("{CONTROL}/clock"), get(clock).post(set_clock))
        .with_state(stage)
}

async fn faults(State(stage): State<Stage>) -> Json<Vec<Rule>> {
    Json(stage.faults.waiting())
}

async fn inject(State(stage): State<Stage>, Json(rule): Json<Rule>) -> StatusCode {
    stage.faults.inject(rule);
    StatusCode::NO_CONTENT
}

async fn clear(State(stage): State<Stage>) -> StatusCode {
    stage.faults.clear();
    StatusCode::NO_CONTENT
}

async fn deliveries(State(stage): State<Stage>, Json(faults): Json<DeliveryFaults>) -> StatusCode {
    stage.faults.set_deliveries(faults);
    StatusCode::NO_CONTENT
}

async fn requests(State(stage): State<Stage>) -> Json<Value> {
    Json(json!({ "total": stage.traffic.total(), "requests": stage.traffic.seen() }))
}

async fn forget(State(stage): State<Stage>) -> StatusCode {
    stage.traffic.forget();
    StatusCode::NO_CONTENT
}

/// What to do to the clock.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ClockChange {
    /// An RFC 3339 time.
    StopAt(String),
    AdvanceMs(u64),
    Run,
}

async fn clock(State(stage): State<Stage>) -> Json<Value> {
    Json(json!({ "now": stage.clock.now().to_string() }))
}

async fn set_clock(
    State(stage): State<Stage>,
    Json(change): Json<ClockChange>,
) -> Result<Json<Value>, (StatusCode, String)> {
    match change {
        ClockChange::StopAt(at) => {
            let at = at.parse::<Timestamp>().map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
            stage.clock.stop_at(at);
        }
        ClockChange::AdvanceMs(ms) => stage.clock.advance(Duration::from_millis(ms)),
        ClockChange::Run => stage.clock.run(),
    }
    Ok(clock(State(stage)).await)
}
