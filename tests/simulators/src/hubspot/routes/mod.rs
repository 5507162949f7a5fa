//! Paths, bodies and pages: what is said over HTTP, turned into acts on the
//! store. Every API exists at its `v3` path and at date-versioned ones.

mod account_info;
mod associations;
mod batch;
mod control;
mod guard;
mod journal;
mod oauth;
mod objects;
mod owners;
mod properties;
mod request;
mod schemas;
mod webhooks;

use std::sync::Arc;

use axum::{Router, middleware};

use super::shared::Shared;

/// Everything the account answers. `url` is where it listens.
pub fn router(shared: Arc<Shared>, url: &str) -> Router {
    shared.store.lock().url = url.to_owned();
    let api = Router::new()
        .merge(objects::router())
        .merge(batch::router())
        .merge(associations::router())
        .merge(properties::router())
        .merge(schemas::router())
        .merge(owners::router())
        .merge(account_info::router())
        .merge(journal::router())
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard::guard));
    Router::new()
        .merge(api)
        .merge(oauth::router())
        .merge(webhooks::router())
        .merge(journal::files())
        .merge(control::router())
        .fallback(request::no_such_path)
        .with_state(Arc::clone(&shared))
        .merge(crate::control::router(shared.stage.clone()))
}
