//! What answers mean: errors in the vendor's spellings, results by row, the
//! header that tells how much of the day's requests is left.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::failure::ApiError;

/// A row of an answer: values untouched, so that numbers keep every digit.
pub type Record = HashMap<String, Box<RawValue>>;

/// Matched rows named in a message.
const MATCHES_MAX: usize = 5;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Given {
    /// One-row calls say `errorCode`, collections say `statusCode`.
    error_code: String,
    status_code: String,
    message: String,
    fields: Vec<String>,
    duplicate_result: Option<Value>,
    match_results: Option<Value>,
    /// The token endpoint's spelling.
    error: String,
    #[serde(rename = "error_description")]
    error_description: String,
}

impl Given {
    fn into_error(self, status: u16) -> ApiError {
        let code = [self.error_code, self.status_code, self.error].into_iter().find(|code| !code.is_empty());
        let message = if self.message.is_empty() { self.error_description } else { self.message };
        let mut matches = Vec::new();
        for found in [self.duplicate_result, self.match_results].into_iter().flatten() {
            collect_ids(&found, &mut matches);
        }
        ApiError { status, code: code.unwrap_or_default(), message, fields: self.fields, matches, retry_after_ms: None }
    }
}

/// Ids anywhere inside what a duplicate rule says.
fn collect_ids(value: &Value, ids: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(id) if name == "Id" && ids.len() < MATCHES_MAX => ids.push(id.clone()),
                    other => collect_ids(other, ids),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_ids(item, ids)),
        _ => {}
    }
}

/// The errors of an answer that is not a success. Never empty.
pub fn parse_errors(status: u16, body: &[u8]) -> Vec<ApiError> {
    let list: Option<Vec<Given>> = serde_json::from_slice(body).ok();
    let one = || serde_json::from_slice::<Given>(body).ok().map(|given| vec![given]);
    let mut errors: Vec<ApiError> =
        list.or_else(one).unwrap_or_default().into_iter().map(|given| given.into_error(status)).collect();
    if errors.is_empty() {
        errors.push(ApiError { status, message: format!("HTTP {status}"), ..ApiError::default() });
    }
    errors
}

/// What became of one row of a collections call.
#[derive(Debug)]
pub struct RowResult {
    pub id: Option<String>,
    pub success: bool,
    pub errors: Vec<ApiError>,
}

impl RowResult {
    /// The results of a collections call, one a row.
    pub fn parse_all(body: &[u8]) -> Option<Vec<RowResult>> {
        #[derive(Deserialize)]
        struct Row {
            id: Option<String>,
            #[serde(default)]
            success: bool,
            #[serde(default)]
            errors: Vec<Given>,
        }
        let rows: Vec<Row> = serde_json::from_slice(body).ok()?;
        let result = |row: Row| RowResult {
            id: row.id,
            success: row.success,
            errors: row.errors.into_iter().map(|given| given.into_error(200)).collect(),
        };
        Some(rows.into_iter().map(result).collect())
    }
}

/// One answer inside a composite answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subanswer {
    pub body: Option<Box<RawValue>>,
    pub http_status_code: u16,
    pub reference_id: String,
}

impl Subanswer {
    /// The answers of a composite call.
    pub fn parse_all(body: &[u8]) -> Option<Vec<Subanswer>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            composite_response: Vec<Subanswer>,
        }
        serde_json::from_slice::<Answer>(body).ok().map(|answer| answer.composite_response)
    }

    pub fn errors(&self) -> Vec<ApiError> {
        parse_errors(self.http_status_code, self.body.as_ref().map_or("", |body| body.get()).as_bytes())
    }
}

/// `api-usage=1281/15000`, perhaps followed by more: used and allowed.
pub fn parse_limit_info(header: &str) -> Option<(u64, u64)> {
    let usage = header.split([';', ',']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, limit) = usage.split_once('/')?;
    Some((used.trim().parse().ok()?, limit.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_in_all_their_spellings() {
        let list =
            parse_errors(404, br#"[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]"#);
        assert_eq!((list[0].code.as_str(), list[0].status), ("NOT_FOUND", 404));
        let token = parse_errors(400, br#"{"error":"invalid_grant","error_description":"authentication failure"}"#);
        assert_eq!((token[0].code.as_str(), token[0].message.as_str()), ("invalid_grant", "authentication failure"));
        let page = parse_errors(502, b"<html>");
        assert_eq!((page.len(), page[0].status), (1, 502));
    }

    #[test]
    fn results_come_one_a_row_and_a_failed_row_has_no_id() {
        let body = br#"[{"id":"0014S000007dTS6QAM","success":true,"errors":[]},
            {"success":false,"errors":[{"statusCode":"INVALID_EMAIL_ADDRESS","message":"Email: x","fields":["Email"]}]}]"#;
        let rows = RowResult::parse_all(body).expect("results");
        assert!(rows[0].success);
        assert_eq!(rows[1].id, None);
        assert_eq!(rows[1].errors[0].code, "INVALID_EMAIL_ADDRESS");
        assert_eq!(rows[1].errors[0].fields, ["Email"]);
    }

    #[test]
    fn what_a_duplicate_rule_found_is_named() {
        let body = br#"[{"errorCode":"DUPLICATES_DETECTED","message":"Use one of these records?","duplicateResult":
            {"matchResults":[{"matchRecords":[{"record":{"attributes":{"type":"Contact"},"Id":"0034S000005YJY8QAO"}}]}]}}]"#;
        assert_eq!(parse_errors(400, body)[0].matches, ["0034S000005YJY8QAO"]);
    }

    #[test]
    fn the_days_requests_are_read_from_the_header() {
        assert_eq!(parse_limit_info("api-usage=1281/15000"), Some((1281, 15_000)));
        assert_eq!(parse_limit_info("api-usage=25/5000; per-app-api-usage=17/250(appName=x)"), Some((25, 5_000)));
        assert_eq!(parse_limit_info("nothing"), None);
    }

    #[test]
    fn a_composite_answer_has_a_status_for_each_part() {
        let body = br#"{"compositeResponse":[{"body":null,"httpHeaders":{},"httpStatusCode":204,"referenceId":"r0"},
            {"body":[{"errorCode":"PRECONDITION_FAILED","message":"x"}],"httpStatusCode":412,"referenceId":"r1"}]}"#;
        let parts = Subanswer::parse_all(body).expect("parts");
        assert_eq!(parts[0].http_status_code, 204);
        assert_eq!(parts[1].errors()[0].code, "PRECONDITION_FAILED");
    }
}
