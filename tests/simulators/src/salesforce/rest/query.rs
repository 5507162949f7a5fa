//! Queries, page by page.

use serde_json::{Value, json};

use super::{Answer, Call};
use crate::salesforce::{
    soql::{self, Found},
    state::{Refusal, State},
};

/// Results that can be read on at the same time; the oldest are forgotten.
const CURSORS_MAX: usize = 200;
/// The largest page a caller can ask for.
const PAGE_ROWS_MAX: usize = 2_000;
/// Characters of a query.
const QUERY_CHARS_MAX: usize = 100_000;

pub fn start(state: &mut State, call: &Call, all: bool) -> Result<Answer, Refusal> {
    let Some(text) = call.query("q") else {
        return Err(Refusal::request(400, "MALFORMED_QUERY", "A query string has to be specified"));
    };
    if text.len() > QUERY_CHARS_MAX {
        return Err(Refusal::request(
            400,
            "QUERY_TOO_COMPLICATED",
            "SOQL statements cannot be longer than 100000 characters.",
        ));
    }
    let records = match soql::run(state, text, all, &call.version)? {
        Found::Count(count) => {
            return Ok(Answer::json(200, json!({"totalSize": count, "done": true, "records": []})));
        }
        Found::Rows { records, .. } => records,
    };
    let size = page_rows(state, call);
    if records.len() <= size {
        return Ok(Answer::json(200, json!({"totalSize": records.len(), "done": true, "records": records})));
    }
    state.cursors_made += 1;
    let number = state.cursors_made;
    if state.cursors.len() >= CURSORS_MAX {
        state.cursors.pop_first();
    }
    let page = page(call, number, &records, 0, size);
    state.cursors.insert(number, records);
    Ok(page)
}

pub fn next(state: &State, call: &Call, locator: &str) -> Result<Answer, Refusal> {
    let place = locator.split_once('-').and_then(|(id, offset)| {
        let number = id.strip_prefix("01gSm")?.parse::<u64>().ok()?;
        Some((number, state.cursors.get(&number)?, offset.parse::<usize>().ok()?))
    });
    let Some((number, records, offset)) = place.filter(|(_, records, offset)| *offset < records.len()) else {
        return Err(Refusal::request(400, "INVALID_QUERY_LOCATOR", "invalid query locator"));
    };
    Ok(page(call, number, records, offset, page_rows(state, call)))
}

/// `Sforce-Query-Options: batchSize=200`, within the vendor's bounds.
fn page_rows(state: &State, call: &Call) -> usize {
    let settings = &state.settings;
    let options = call.header("sforce-query-options").unwrap_or_default().split(',');
    let asked = options.filter_map(|option| option.trim().split_once('=')).find(|(name, _)| *name == "batchSize");
    let asked = asked.and_then(|(_, size)| size.trim().parse::<usize>().ok());
    asked.map_or(settings.query_rows_max, |size| size.clamp(settings.query_rows_min, PAGE_ROWS_MAX)).max(1)
}

fn page(call: &Call, number: u64, records: &[Value], offset: usize, size: usize) -> Answer {
    let end = (offset + size).min(records.len());
    let done = end == records.len();
    let mut body = json!({"totalSize": records.len(), "done": done});
    if !done {
        body["nextRecordsUrl"] = format!("/services/data/v{}/query/01gSm{number:010}-{end}", call.version).into();
    }
    body["records"] = records[offset..end].into();
    Answer::json(200, body)
}
