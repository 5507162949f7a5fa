//! HubSpot's answers as values: records, batches, pages and problems.

use std::collections::HashMap;

use lockstep_sdk::http::Response;
use serde::Deserialize;
use serde_json::Value;

use crate::audit::Entry;
use crate::failure::{Failure, Result};

/// The property that names what was merged into a record, separated by `;`.
pub const MERGED: &str = "hs_merged_object_ids";

/// A record as any endpoint shows it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Record {
    pub id: String,
    /// `null` where unset.
    pub properties: HashMap<String, Option<String>>,
    pub properties_with_history: HashMap<String, Vec<Entry>>,
    pub created_at: Option<String>,
    pub updated_at: Option<String>,
    pub archived: bool,
    pub archived_at: Option<String>,
    /// Ties a result to the input that carried it.
    pub object_write_trace_id: Option<String>,
}

impl Record {
    /// A property's text; unset, empty and not told are one.
    pub fn text(&self, property: &str) -> Option<&str> {
        self.properties.get(property)?.as_deref().filter(|text| !text.is_empty())
    }

    /// A property's entries, the newest first.
    pub fn history(&self, property: &str) -> &[Entry] {
        self.properties_with_history.get(property).map(Vec::as_slice).unwrap_or_default()
    }

    /// Ids of the records that were merged into this one.
    pub fn merged(&self) -> impl Iterator<Item = &str> {
        let ids = self.text(MERGED).unwrap_or_default().split(';').map(str::trim);
        ids.filter(|id| !id.is_empty() && *id != self.id)
    }
}

/// A page of a list or a search.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct RecordPage {
    pub results: Vec<Record>,
    pub paging: Option<Paging>,
    pub total: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Paging {
    pub next: Option<Next>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Next {
    pub after: String,
}

impl RecordPage {
    /// Where the next page starts, if there is one.
    pub fn after(&self) -> Option<&str> {
        let next = self.paging.as_ref()?.next.as_ref()?;
        Some(next.after.as_str()).filter(|after| !after.is_empty())
    }
}

/// A batch call's answer: 200, 201, or 207 with errors beside the results.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Batch {
    pub results: Vec<Record>,
    pub num_errors: u64,
    pub errors: Vec<Problem>,
}

/// A refusal: of a whole call, or of rows in a batch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Problem {
    /// The HTTP status; 0 for a row's.
    #[serde(skip)]
    pub status: u16,
    pub message: String,
    pub category: String,
    #[serde(rename = "policyName")]
    pub policy: String,
    pub correlation_id: String,
    /// `ids`, `objectWriteTraceId`, `propertyName`, …: which rows or properties it is about.
    #[serde(deserialize_with = "lenient")]
    pub context: HashMap<String, Vec<String>>,
    pub errors: Vec<Detail>,
    #[serde(skip)]
    pub retry_after_ms: Option<u32>,
    /// Scopes that would have been enough.
    #[serde(skip)]
    pub scopes: Vec<String>,
}

/// One of several reasons inside a refusal.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Detail {
    pub message: String,
    pub code: String,
    /// The property, in some answers.
    #[serde(rename = "in")]
    pub place: String,
    #[serde(deserialize_with = "lenient")]
    pub context: HashMap<String, Vec<String>>,
}

/// Contexts hold lists of texts; anything else in them is not worth an answer.
fn lenient<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<HashMap<String, Vec<String>>, D::Error> {
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Ok(match Value::deserialize(from)? {
        Value::Object(map) => map
            .into_iter()
            .map(|(name, value)| match value {
                Value::Array(items) => (name, items.into_iter().filter_map(text).collect()),
                other => (name, text(other).into_iter().collect()),
            })
            .collect(),
        _ => HashMap::new(),
    })
}

/// The body of a successful answer.
///
/// # Errors
/// `Refused` for every other status, `Unreadable` for a body that is not what it should be.
pub fn read<T: serde::de::DeserializeOwned>(response: &Response) -> Result<T> {
    if !(200..300).contains(&response.status) {
        return Err(Failure::Refused(Box::new(problem(response))));
    }
    serde_json::from_slice(&response.body).map_err(|error| Failure::Unreadable(error.to_string()))
}

/// A refusal's body, with what its headers say. A body that is not HubSpot's
/// (a proxy's page) leaves only the status.
pub fn problem(response: &Response) -> Problem {
    let mut problem: Problem = serde_json::from_slice(&response.body).unwrap_or_default();
    problem.status = response.status;
    if problem.message.is_empty() {
        problem.message = format!("status {}", response.status);
    }
    problem.retry_after_ms = response
        .header("retry-after")
        .and_then(|text| text.trim().parse::<u32>().ok())
        .map(|seconds| seconds.saturating_mul(1_000));
    problem.scopes = problem
        .errors
        .iter()
        .flat_map(|detail| detail.context.get("requiredGranularScopes").or(detail.context.get("requiredScopes")))
        .flatten()
        .cloned()
        .collect();
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response {
        Response { status, headers: vec![("retry-after".into(), "2".into())], body: body.into() }
    }

    #[test]
    fn a_record_shows_its_texts_and_nulls() {
        let body = r#"{"results":[{"id":"7","properties":{"email":"a@b.example","lastname":null,"city":"",
            "hs_merged_object_ids":"5;6"},"createdAt":"2022-02-14T21:36:07.649Z","updatedAt":"2022-02-14T21:36:16.420Z",
            "archived":false}],"paging":{"next":{"after":"8","link":"x"}}}"#;
        let page: RecordPage = read(&answer(200, body)).expect("a page");
        let record = page.results.first().expect("one");
        assert_eq!(record.text("email"), Some("a@b.example"));
        assert_eq!((record.text("lastname"), record.text("city"), record.text("phone")), (None, None, None));
        assert_eq!(record.merged().collect::<Vec<_>>(), ["5", "6"]);
        assert_eq!(page.after(), Some("8"));
    }

    #[test]
    fn a_partial_failure_has_results_and_errors() {
        let body = r#"{"status":"COMPLETE","results":[],"numErrors":1,"errors":[{"status":"error",
            "category":"OBJECT_NOT_FOUND","message":"Could not get some objects","context":{"ids":["9"]}}]}"#;
        let batch: Batch = read(&answer(207, body)).expect("a batch");
        assert_eq!(batch.num_errors, 1);
        let error = batch.errors.first().expect("one");
        assert_eq!(error.context.get("ids").map(Vec::as_slice), Some(["9".to_owned()].as_slice()));
    }

    #[test]
    fn a_refusal_keeps_what_helps() {
        let body = r#"{"status":"error","message":"You have reached your ten_secondly_rolling limit.",
            "errorType":"RATE_LIMIT","correlationId":"c","policyName":"TEN_SECONDLY_ROLLING"}"#;
        let problem = problem(&answer(429, body));
        assert_eq!((problem.status, problem.policy.as_str()), (429, "TEN_SECONDLY_ROLLING"));
        assert_eq!(problem.retry_after_ms, Some(2_000));
        let page = super::problem(&answer(502, "<html>"));
        assert_eq!(page.message, "status 502");
    }

    #[test]
    fn a_missing_scope_is_named() {
        let body = r#"{"status":"error","message":"m","category":"MISSING_SCOPES","errors":[{"message":"one of",
            "context":{"requiredGranularScopes":["crm.objects.contacts.read"]}}]}"#;
        assert_eq!(problem(&answer(403, body)).scopes, ["crm.objects.contacts.read"]);
    }
}
