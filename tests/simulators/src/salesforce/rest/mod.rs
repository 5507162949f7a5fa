//! The data API: from a request to the function that answers it. Everything
//! here runs under the organisation's one lock, so a request is one step.

mod bulk;
mod call;
mod collections;
mod composite;
mod csv;
mod meta;
mod oauth;
mod query;
mod replication;
mod rows;
mod tooling;

pub use call::{Answer, Body, Call};
pub use meta::versions;
pub use oauth::token;

use super::state::{Refusal, State};

/// The oldest API version that is still served.
const VERSION_MIN: f64 = 31.0;

/// Answers one call, counted against the organisation's limits.
pub fn answer(state: &mut State, call: &Call) -> Answer {
    if let Err(refusal) = admit(state, call) {
        return limited(state, refusal.into());
    }
    let answer = route(state, call);
    limited(state, answer)
}

/// The session and the daily budget.
fn admit(state: &mut State, call: &Call) -> Result<(), Refusal> {
    let token = call.header("authorization").and_then(bearer);
    if !token.is_some_and(|token| state.sessions.is_open(token, state.clock.now())) {
        return Err(Refusal::request(401, "INVALID_SESSION_ID", "Session expired or invalid"));
    }
    let now = state.clock.now();
    state.usage.roll(now);
    if state.usage.api_calls >= state.settings.api_calls_max {
        state.usage.limit_errors += 1;
        return Err(Refusal::request(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
    }
    state.usage.api_calls += 1;
    Ok(())
}

/// `Bearer token` or `OAuth token`
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth")).then(|| token.trim())
}

fn limited(state: &State, answer: Answer) -> Answer {
    let usage = format!("api-usage={}/{}", state.usage.api_calls, state.settings.api_calls_max);
    if answer.status == 401 { answer } else { answer.header("sforce-limit-info", usage) }
}

/// Answers one call that was admitted; `composite` comes here with its parts.
fn route(state: &mut State, call: &Call) -> Answer {
    let known = call.version.parse::<f64>().is_ok_and(|version| {
        version >= VERSION_MIN && state.settings.version.parse::<f64>().is_ok_and(|newest| version <= newest)
    });
    if !known {
        return Refusal::not_found().into();
    }
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let method = match (call.method.as_str(), call.query("_HttpMethod")) {
        ("POST", Some(meant)) => meant.to_uppercase(),
        (method, _) => method.to_owned(),
    };
    let answered = match (method.as_str(), &path[..]) {
        ("GET", [] | [""]) => Ok(meta::resources(call)),
        ("GET", ["limits"]) => Ok(meta::limits(state)),
        ("GET", ["sobjects"]) => Ok(meta::objects(state, call)),
        ("GET", ["sobjects", object]) => meta::object(state, call, object),
        ("GET", ["sobjects", object, "describe"]) => meta::describe(state, call, object),
        ("GET", ["sobjects", object, "updated"]) => replication::updated(state, call, object),
        ("GET", ["sobjects", object, "deleted"]) => replication::deleted(state, call, object),
        ("POST", ["sobjects", object]) => rows::create(state, call, object),
        ("GET", ["sobjects", object, id]) => rows::get(state, call, object, id),
        ("PATCH", ["sobjects", object, id]) => rows::update(state, call, object, id),
        ("DELETE", ["sobjects", object, id]) => rows::delete(state, call, object, id),
        ("GET", ["sobjects", object, field, value]) => rows::get_by(state, call, object, field, value),
        ("PATCH", ["sobjects", object, field, value]) => rows::upsert(state, call, object, field, value),
        ("DELETE", ["sobjects", object, field, value]) => rows::delete_by(state, call, object, field, value),
        ("GET", ["query"]) => query::start(state, call, false),
        ("GET", ["queryAll"]) => query::start(state, call, true),
        ("GET", ["query" | "queryAll", locator]) => query::next(state, call, locator),
        ("GET", ["tooling", "query"]) => tooling::query(state, call),
        ("POST", ["composite", "sobjects"]) => collections::create(state, call),
        ("PATCH", ["composite", "sobjects"]) => collections::update(state, call),
        ("DELETE", ["composite", "sobjects"]) => collections::delete(state, call),
        ("GET" | "POST", ["composite", "sobjects", object]) => collections::retrieve(state, call, object),
        ("PATCH", ["composite", "sobjects", object, field]) => collections::upsert(state, call, object, field),
        ("POST", ["composite"]) => composite::run(state, call),
        ("POST", ["composite", "batch"]) => composite::batch(state, call),
        (method, ["jobs", kind @ ("query" | "ingest"), rest @ ..]) => bulk::route(state, call, method, kind, rest),
        _ => Err(Refusal::not_found()),
    };
    answered.unwrap_or_else(Answer::from)
}
