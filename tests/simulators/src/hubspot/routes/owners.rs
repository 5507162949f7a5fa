//! The people records can belong to.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Path, Query, State},
    routing::get,
};
use serde_json::{Map, Value, json};

use super::request::{Answer, App, Names, Pairs, Reply, flag, name, one};
use crate::hubspot::{
    access::Caller,
    error::ApiError,
    shared::Shared,
    show::iso,
    store::{Owner, Store},
};

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 500;

pub fn router() -> Router<Arc<Shared>> {
    let mut router = Router::new();
    for prefix in ["/crm/v3/owners", "/crm/owners/{version}"] {
        router = router
            .route(prefix, get(page))
            .route(&format!("{prefix}/"), get(page))
            .route(&format!("{prefix}/{{id}}"), get(read));
    }
    router
}

fn show(owner: &Owner) -> Value {
    json!({
        "id": owner.id.to_string(),
        "email": owner.email,
        "type": "PERSON",
        "firstName": owner.first_name,
        "lastName": owner.last_name,
        "userId": owner.user_id,
        "userIdIncludingInactive": owner.user_id,
        "createdAt": iso(0),
        "updatedAt": iso(0),
        "archived": owner.archived,
    })
}

async fn page(State(shared): App, Extension(caller): Extension<Caller>, Query(pairs): Pairs) -> Answer {
    caller.needs("crm.objects.owners.read")?;
    let limit = one(&pairs, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE_DEFAULT).min(PAGE_MAX);
    let after = one(&pairs, "after").and_then(|after| after.parse::<u64>().ok()).unwrap_or(0);
    let archived = flag(&pairs, "archived");
    shared.with(|store: &mut Store, _| {
        let mut owners = store.owners.iter().filter(|owner| {
            owner.archived == archived
                && owner.id > after
                && one(&pairs, "email").is_none_or(|email| email.eq_ignore_ascii_case(&owner.email))
        });
        let page: Vec<&Owner> = owners.by_ref().take(limit).collect();
        let mut body = Map::new();
        body.insert("results".into(), page.iter().map(|owner| show(owner)).collect());
        if let Some(last) = page.last().filter(|_| owners.next().is_some()) {
            body.insert("paging".into(), json!({ "next": { "after": last.id.to_string() } }));
        }
        Ok(Reply::ok(Value::Object(body)))
    })
}

async fn read(
    State(shared): App,
    Extension(caller): Extension<Caller>,
    Path(names): Names,
    Query(pairs): Pairs,
) -> Answer {
    caller.needs("crm.objects.owners.read")?;
    let by_user = one(&pairs, "idProperty") == Some("userId");
    let wanted = name(&names, "id").parse::<u64>().ok();
    shared.with(|store, _| {
        let found = store.owners.iter().find(|owner| Some(if by_user { owner.user_id } else { owner.id }) == wanted);
        found.map(|owner| Reply::ok(show(owner))).ok_or_else(ApiError::record_not_found)
    })
}
