//! Several calls in one: `composite`, where later ones refer to earlier
//! answers, and `composite/batch`, where they do not.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Answer, Body, Call, route, rows::author};
use crate::salesforce::state::{Refusal, State, Transaction};

/// Calls in one (vendor: 25).
const CALLS_MAX: usize = 25;

pub fn run(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let body = call.object_body()?;
    let parts = parts(&body, "compositeRequest")?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or_default();
    if all_or_none {
        state.outer = Some(Transaction::begin(state, author(state, call)));
    }
    let mut answers: Vec<(String, Answer)> = Vec::new();
    for part in parts {
        let name = part["referenceId"].as_str().unwrap_or_default().to_owned();
        let answer = match inner(call, part, Some(&answers)) {
            Ok(inner) => route(state, &inner),
            Err(refusal) => refusal.into(),
        };
        let failed = answer.status >= 400;
        answers.push((name, answer));
        if failed && all_or_none {
            break;
        }
    }
    if let Some(outer) = state.outer.take() {
        if answers.iter().any(|(_, answer)| answer.status >= 400) {
            outer.roll_back(state);
            halt(parts, &mut answers);
        } else {
            outer.commit(state);
        }
    }
    let shown: Vec<Value> = answers
        .into_iter()
        .map(|(name, answer)| {
            let mut headers = Map::new();
            for (name, value) in &answer.headers {
                headers.insert((*name).to_owned(), value.clone().into());
            }
            json!({
                "body": json_of(&answer.body),
                "httpHeaders": headers,
                "httpStatusCode": answer.status,
                "referenceId": name,
            })
        })
        .collect();
    Ok(Answer::json(200, json!({"compositeResponse": shown})))
}

/// Those that went well did not, after all.
fn halt(parts: &[Value], answers: &mut Vec<(String, Answer)>) {
    let halted = || {
        let message = "The transaction was rolled back since another operation in the same transaction failed.";
        Answer::from(Refusal::request(400, "PROCESSING_HALTED", message))
    };
    for (_, answer) in answers.iter_mut().filter(|(_, answer)| answer.status < 400) {
        *answer = halted();
    }
    for part in parts.iter().skip(answers.len()) {
        answers.push((part["referenceId"].as_str().unwrap_or_default().to_owned(), halted()));
    }
}

pub fn batch(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let body = call.object_body()?;
    let mut failed = false;
    let mut results = Vec::new();
    for part in parts(&body, "batchRequests")? {
        let answer = match inner(call, part, None) {
            Ok(inner) => route(state, &inner),
            Err(refusal) => refusal.into(),
        };
        failed |= answer.status >= 400;
        results.push(json!({"statusCode": answer.status, "result": json_of(&answer.body)}));
    }
    Ok(Answer::json(200, json!({"hasErrors": failed, "results": results})))
}

fn parts<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a [Value], Refusal> {
    let parts = body.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if parts.is_empty() || parts.len() > CALLS_MAX {
        let message = format!("between 1 and {CALLS_MAX} requests are expected in {name}");
        return Err(Refusal::request(400, "INVALID_INPUT", message));
    }
    Ok(parts)
}

fn json_of(body: &Body) -> Value {
    match body {
        Body::Json(value) => value.clone(),
        Body::None | Body::Csv(_) => Value::Null,
    }
}

/// One part as a call of its own.
fn inner(call: &Call, part: &Value, answers: Option<&[(String, Answer)]>) -> Result<Call, Refusal> {
    let filled = |value: &Value| match answers {
        Some(answers) => fill(value, answers),
        None => Ok(value.clone()),
    };
    let url = filled(&part["url"])?.as_str().unwrap_or_default().to_owned();
    let url = if url.starts_with('/') { url } else { format!("/services/data/{url}") };
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let Some((version, path)) = super::super::http::data_path(path) else { return Err(Refusal::not_found()) };
    if path.first().is_some_and(|first| first == "composite") && path.len() == 1 {
        return Err(Refusal::request(400, "INVALID_INPUT", "composite requests cannot be nested"));
    }
    let body = if part["body"].is_null() { &part["richInput"] } else { &part["body"] };
    let body = filled(body)?;
    let mut headers: HeaderMap = call.headers.clone();
    for (name, value) in part["httpHeaders"].as_object().into_iter().flatten() {
        let header =
            name.parse::<HeaderName>().ok().zip(value.as_str().and_then(|value| HeaderValue::from_str(value).ok()));
        if let Some((name, value)) = header {
            headers.insert(name, value);
        }
    }
    Ok(Call {
        method: part["method"].as_str().unwrap_or("GET").to_uppercase(),
        path,
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers,
        body: if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) },
        version,
        instance: call.instance.clone(),
    })
}

/// Puts earlier answers in the place of `@{name.path}`.
fn fill(value: &Value, answers: &[(String, Answer)]) -> Result<Value, Refusal> {
    Ok(match value {
        Value::String(text) => fill_text(text, answers)?.into(),
        Value::Array(items) => items.iter().map(|item| fill(item, answers)).collect::<Result<Vec<_>, _>>()?.into(),
        Value::Object(members) => {
            let filled = members.iter().map(|(name, value)| Ok((name.clone(), fill(value, answers)?)));
            Value::Object(filled.collect::<Result<_, Refusal>>()?)
        }
        other => other.clone(),
    })
}

fn fill_text(text: &str, answers: &[(String, Answer)]) -> Result<String, Refusal> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((path, after)) = after.split_once('}') else { break };
        filled.push_str(before);
        filled.push_str(&referred(path, answers)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn referred(path: &str, answers: &[(String, Answer)]) -> Result<String, Refusal> {
    let unknown = || {
        let message = format!("Invalid reference specified. No value for {path} found in the earlier answers");
        Refusal::request(400, "PROCESSING_HALTED", message)
    };
    let path = path.replace('[', ".").replace(']', "");
    let mut parts = path.split('.');
    let name = parts.next().unwrap_or_default();
    let answer = answers.iter().find(|(own, answer)| own == name && answer.status < 400);
    let mut at = answer.map(|(_, answer)| json_of(&answer.body)).ok_or_else(unknown)?;
    for part in parts {
        at = match part.parse::<usize>() {
            Ok(index) => at.get(index).cloned(),
            Err(_) => at.get(part).cloned(),
        }
        .ok_or_else(unknown)?;
    }
    Ok(at.as_str().map_or_else(|| at.to_string(), str::to_owned))
}
