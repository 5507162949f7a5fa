//! The account itself, and how many calls were made today.

use std::sync::Arc;

use axum::{Extension, Router, extract::State, routing::get};
use serde_json::json;

use super::request::{Answer, App, Reply};
use crate::hubspot::{access::Caller, limits::resets_ms, shared::Shared, show::iso};

pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/account-info/{version}/details", get(details))
        .route("/account-info/{version}/api-usage/daily/private-apps", get(usage))
        .route("/account-info/{version}/api-usage/daily", get(usage))
}

async fn details(State(shared): App) -> Answer {
    shared.with(|store, _| {
        Ok(Reply::ok(json!({
            "portalId": store.portal_id,
            "accountType": "DEVELOPER_TEST",
            "timeZone": "UTC",
            "companyCurrency": "EUR",
            "additionalCurrencies": [],
            "utcOffset": "+00:00",
            "utcOffsetMilliseconds": 0,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        })))
    })
}

async fn usage(State(shared): App, Extension(caller): Extension<Caller>) -> Answer {
    shared.with(|store, now_ms| {
        Ok(Reply::ok(json!({ "results": [{
            "name": "private-apps-api-calls-daily",
            "usageLimit": store.settings.daily_max,
            "currentUsage": store.limits.used_today(caller.app_id, now_ms),
            "collectedAt": iso(now_ms),
            "fetchStatus": "SUCCESS",
            "resetsAt": iso(resets_ms(now_ms)),
        }] })))
    })
}
