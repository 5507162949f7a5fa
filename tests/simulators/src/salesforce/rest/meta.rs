//! What there is: versions, resources, limits, objects, descriptions.

use serde_json::{Map, Value, json};

use super::{Answer, Call};
use crate::salesforce::{
    moment,
    schema::{self, Object},
    state::{Refusal, State},
};

/// `/services/data`: asked without a session.
pub fn versions(state: &State) -> Value {
    let newest = state.settings.version.parse::<f64>().unwrap_or(60.0);
    let mut versions = Vec::new();
    let mut version = super::VERSION_MIN;
    while version <= newest {
        versions.push(json!({
            "label": format!("Release {version:.0}"),
            "url": format!("/services/data/v{version:.1}"),
            "version": format!("{version:.1}"),
        }));
        version += 1.0;
    }
    versions.into()
}

pub fn resources(call: &Call) -> Answer {
    let base = format!("/services/data/v{}", call.version);
    let names = ["sobjects", "query", "queryAll", "composite", "limits", "jobs"];
    let map: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), format!("{base}/{name}").into())).collect();
    Answer::json(200, map.into())
}

pub fn limits(state: &State) -> Answer {
    let settings = &state.settings;
    let of = |max: u64, used: u64| json!({"Max": max, "Remaining": max.saturating_sub(used)});
    Answer::json(
        200,
        json!({
            "DailyApiRequests": of(settings.api_calls_max, state.usage.api_calls),
            "DailyBulkV2QueryJobs": of(10_000, state.jobs.made()),
            "DailyDeliveredPlatformEvents": of(settings.events_max, state.usage.events_delivered),
            "DailyStreamingApiEvents": of(settings.events_max, state.usage.events_delivered),
            "StreamingApiConcurrentClients": of(2_000, state.events.clients.count() as u64),
        }),
    )
}

pub fn objects(state: &State, call: &Call) -> Answer {
    let summaries: Vec<Value> = state.schema.objects().map(|object| schema::summary(object, &call.version)).collect();
    Answer::json(200, json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": summaries}))
}

pub fn known<'a>(state: &'a State, name: &str) -> Result<&'a Object, Refusal> {
    state.schema.object(name).ok_or_else(Refusal::not_found)
}

pub fn object(state: &State, call: &Call, name: &str) -> Result<Answer, Refusal> {
    let object = known(state, name)?;
    let body = json!({"objectDescribe": schema::summary(object, &call.version), "recentItems": []});
    Ok(Answer::json(200, body))
}

pub fn describe(state: &State, call: &Call, name: &str) -> Result<Answer, Refusal> {
    let object = known(state, name)?;
    let described = schema::describe(&state.schema, object, &call.version, &call.instance);
    let changed = state.schema_changed_at;
    let since = call.header("if-modified-since").and_then(moment::from_http);
    let answer = match since {
        Some(since) if moment::whole(changed) <= since => Answer::empty(304),
        _ => Answer::json(200, described),
    };
    let etag = format!("\"{:x}\"", changed.as_second() & 0xffff_ffff);
    Ok(answer.header("etag", etag).header("last-modified", moment::http(changed)))
}
