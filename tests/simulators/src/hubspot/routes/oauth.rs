//! Tokens against a client's secret and a refresh token.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    extract::{Path, Query, State},
    routing::{get, post},
};
use bytes::Bytes;

use super::request::{Answer, App, Names, Pairs, Reply, name};
use crate::hubspot::{error::ApiError, shared::Shared};

pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/oauth/{version}/token", post(token))
        .route("/oauth/v1/access-tokens/{token}", get(describe))
        .route("/oauth/v1/refresh-tokens/{token}", get(describe_refresh).delete(revoke))
}

/// The form may stand in the body or in the query.
async fn token(State(shared): App, Query(pairs): Pairs, body: Bytes) -> Answer {
    let text = String::from_utf8_lossy(&body).into_owned();
    let uri: axum::http::Uri = format!("/?{text}").parse().map_err(|_| ApiError::validation("not a form"))?;
    let Query(given) =
        Query::<Vec<(String, String)>>::try_from_uri(&uri).map_err(|_| ApiError::validation("not a form"))?;
    let form: BTreeMap<String, String> = pairs.into_iter().chain(given).collect();
    shared.with(|store, now_ms| {
        let (life_ms, portal_id) = (store.settings.token_life_ms, store.portal_id);
        store.access.grant(&form, now_ms, life_ms, portal_id).map(Reply::ok)
    })
}

async fn describe(State(shared): App, Path(names): Names) -> Answer {
    shared.with(|store, now_ms| {
        let described = store.access.describe(name(&names, "token"), now_ms, store.portal_id);
        described.map(Reply::ok).ok_or_else(ApiError::record_not_found)
    })
}

async fn describe_refresh(State(shared): App, Path(names): Names) -> Answer {
    shared.with(|store, _| {
        let described = store.access.describe_refresh(name(&names, "token"), store.portal_id);
        described.map(Reply::ok).ok_or_else(ApiError::record_not_found)
    })
}

async fn revoke(State(shared): App, Path(names): Names) -> Answer {
    shared.with(|store, _| store.access.revoke_refresh(name(&names, "token")));
    Ok(Reply::nothing())
}
