//! The one HTTP listener that others reach: webhooks in, health and metrics out.
//! Everything a stranger sends is bounded in size, number and time. The control
//! API is not served here.

mod accept;
mod metrics;
mod rate;
mod webhooks;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use lockstep_core::config::{Config, Webhooks};
use lockstep_engine::Engine;

pub use accept::serve;

use self::{metrics::Deliveries, rate::Bucket};
use crate::problem::Problem;

/// What the routes share.
pub(crate) struct Public {
    engine: Engine,
    /// By connection name.
    hooks: BTreeMap<String, Hook>,
    /// The address others reach this listener by, without a slash at its end.
    public_url: Option<String>,
    deliveries: Deliveries,
}

/// How webhooks of one connection are taken.
struct Hook {
    settings: Webhooks,
    bucket: Bucket,
}

/// Everything that is served to others.
pub fn router(engine: Engine, config: &Config) -> Router {
    let hooks = config.connections.iter().map(|connection| {
        let settings = connection.webhooks.clone();
        let bucket = Bucket::new(settings.per_second_max);
        (connection.name.clone(), Hook { settings, bucket })
    });
    let public = Public {
        engine,
        hooks: hooks.collect(),
        public_url: config.server.public_url.clone(),
        deliveries: Deliveries::default(),
    };
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/webhooks/{connection}", any(webhooks::take))
        .fallback(unknown)
        .with_state(Arc::new(public))
}

/// Whether webhooks would be taken: the state answers and the syncs run.
async fn ready(State(public): State<Arc<Public>>) -> Response {
    match public.engine.operations().status().await {
        Ok(status) if status.running => "ready\n".into_response(),
        Ok(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "LS-API-007", "the syncs do not run yet").into_response()
        }
        Err(error) => crate::router::problem(&error).into_response(),
    }
}

async fn metrics(State(public): State<Arc<Public>>) -> Response {
    let status = match public.engine.operations().status().await {
        Ok(status) => status,
        Err(error) => return crate::router::problem(&error).into_response(),
    };
    match metrics::text(&status, &public.deliveries) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "LS-API-002", error.to_string()).into_response(),
    }
}

async fn unknown(request: Request) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "LS-API-003", format!("there is nothing at {}", request.uri().path()))
}
