//! Large full reads through the Bulk API 2.0. A job reads one range of ids in
//! their order, so that a lost job is begun again where its pages had come to.

use std::rc::Rc;

use lockstep_sdk::model::{Page, PageRequest, Row};
use serde::{Deserialize, Serialize};

use crate::csv;
use crate::failure::{Failure, Result};
use crate::schema::Sobject;
use crate::soql;
use crate::value::{decode_text, parse_timestamp_us};

use super::Session;
use super::read::Place;
use super::rows::Shape;

/// Rows of one job.
const JOB_ROWS: u32 = 250_000;
/// How long a call waits for a job; the next page asks again.
const JOB_WAIT_MS: u64 = 15_000;
const JOB_POLL_MS: u64 = 1_000;
/// Rows of one page of a result.
const RESULT_ROWS_MAX: u32 = 10_000;

/// A place in a job's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    job: String,
    /// The result's page; empty: the first, or the job is not done yet.
    locator: String,
    /// The last id taken: where to begin again should the job be gone.
    behind: String,
    /// Rows taken of this job.
    taken: u32,
}

#[derive(Deserialize)]
struct Job {
    #[serde(default)]
    id: String,
    #[serde(default)]
    state: String,
    #[serde(default, rename = "errorMessage")]
    error: String,
}

/// Begin a job behind an id.
pub fn begin(
    session: &mut Session,
    sobject: &Rc<Sobject>,
    shape: &Shape<'_>,
    behind: &str,
    request: &PageRequest,
) -> Result<Page> {
    let select = soql::select(shape.select().iter().copied(), &sobject.name);
    let query = soql::page(&select, behind, JOB_ROWS);
    let body = serde_json::json!({"operation": "query", "query": query}).to_string().into_bytes();
    let answer = session.api.send(session.api.request("POST", &session.api.path("/jobs/query")).json(body))?;
    if !answer.is_success() {
        return Err(Failure::Api(Box::new(answer.error())));
    }
    let job: Job = parsed(&answer.body)?;
    let token = Token { job: job.id, locator: String::new(), behind: behind.to_owned(), taken: 0 };
    page(session, sobject, shape, &token, request)
}

/// The next page of a job's result; empty while the job runs.
pub fn page(
    session: &mut Session,
    sobject: &Rc<Sobject>,
    shape: &Shape<'_>,
    token: &Token,
    request: &PageRequest,
) -> Result<Page> {
    match is_done(session, token) {
        Ok(true) => {}
        Ok(false) => return Ok(Page { rows: Vec::new(), next: Place::Bulk(token.clone()).to_bytes() }),
        Err(Failure::Api(error)) if error.status == 404 => {
            return begin(session, sobject, shape, &token.behind, request);
        }
        Err(failure) => return Err(failure),
    }
    let rows_max = request.max_rows.clamp(1, RESULT_ROWS_MAX);
    let locator = if token.locator.is_empty() {
        String::new()
    } else {
        format!("&locator={}", soql::url_encoded(&token.locator))
    };
    let path = format!("/jobs/query/{}/results?maxRecords={rows_max}{locator}", token.job);
    let api = session.api.clone();
    let answer = api.send(api.request("GET", &api.path(&path)).header("accept-encoding", "gzip"))?;
    if answer.status == 404 {
        return begin(session, sobject, shape, &token.behind, request);
    }
    if !answer.is_success() {
        return Err(Failure::Api(Box::new(answer.error())));
    }
    let text = std::str::from_utf8(&answer.body).map_err(|_| Failure::Protocol("a result that is no text".into()))?;
    let rows = read_rows(shape, text)?;
    let behind = match rows.last().map(|row| row.key.as_slice()) {
        Some([lockstep_sdk::model::Cell::Text(id)]) => id.clone(),
        _ => token.behind.clone(),
    };
    let taken = token.taken.saturating_add(u32::try_from(rows.len()).unwrap_or(u32::MAX));
    // The last page's locator is the word null (documented).
    let locator = answer.header("sforce-locator").filter(|locator| !locator.is_empty() && *locator != "null");
    let next = match locator {
        Some(locator) => {
            Place::Bulk(Token { job: token.job.clone(), locator: locator.to_owned(), behind, taken }).to_bytes()
        }
        None if taken >= JOB_ROWS => Place::Behind(behind).to_bytes(),
        None => Vec::new(),
    };
    Ok(Page { rows, next })
}

fn is_done(session: &mut Session, token: &Token) -> Result<bool> {
    if !token.locator.is_empty() {
        return Ok(true);
    }
    let deadline = session.platform.monotonic_ms() + JOB_WAIT_MS;
    loop {
        let answer = session.api.get(&session.api.path(&format!("/jobs/query/{}", token.job)))?;
        let job: Job = parsed(&answer.body)?;
        match job.state.as_str() {
            "JobComplete" => return Ok(true),
            "Failed" | "Aborted" => {
                return Err(Failure::Protocol(format!("the bulk query ended as {}: {}", job.state, job.error)));
            }
            _ if session.platform.monotonic_ms() >= deadline => return Ok(false),
            _ => session.platform.sleep_ms(JOB_POLL_MS),
        }
    }
}

fn parsed(body: &[u8]) -> Result<Job> {
    serde_json::from_slice(body).map_err(|error| Failure::Protocol(format!("a job: {error}")))
}

/// Rows of a result. A field that is null is an empty one: Salesforce has no empty text.
fn read_rows(shape: &Shape<'_>, text: &str) -> Result<Vec<Row>> {
    let records = csv::records(text).ok_or_else(|| Failure::Protocol("a result cut off in a field".into()))?;
    let mut records = records.into_iter();
    let header = records.next().unwrap_or_default();
    let place = |name: &str| header.iter().position(|known| known == name);
    let (id, at) = (place("Id"), place("LastModifiedDate"));
    let columns: Vec<Option<usize>> = shape.fields().iter().map(|field| place(&field.name)).collect();
    let mut rows = Vec::new();
    for record in records {
        let text = |place: Option<usize>| place.and_then(|place| record.get(place)).map(String::as_str);
        let Some(id) = text(id).filter(|id| crate::value::is_id(id)) else {
            return Err(Failure::Protocol("a row without an Id".into()));
        };
        let cell = |(field, place): (&&crate::schema::Field, &Option<usize>)| {
            text(*place).map_or(lockstep_sdk::model::Cell::Absent, |text| decode_text(field.kind(), text))
        };
        let cells = shape.fields().iter().zip(&columns).map(cell).collect();
        let key = vec![decode_text(crate::schema::Kind::Id, id)];
        rows.push(Row { key, cells, version: Vec::new(), at: text(at).and_then(parse_timestamp_us) });
    }
    Ok(rows)
}
