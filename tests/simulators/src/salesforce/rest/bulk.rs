//! Bulk API 2.0: query jobs read page by page, ingest jobs fed with files.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::{
    Answer, Call, csv,
    meta::known,
    rows::{author, close, open},
};
use crate::salesforce::{
    id,
    jobs::{Job, Stage, Work},
    moment,
    soql::{self, Found},
    state::{Refusal, State, Transaction, Upserted},
};

/// Rows of a results page where the caller names no number.
const PAGE_ROWS: usize = 50_000;
/// Bytes of one upload (vendor: 150 MB).
const UPLOAD_BYTES_MAX: usize = 150_000_000;
/// Rows the vendor saves in one transaction.
const CHUNK_ROWS: usize = 200;
/// How a file says null; an empty cell says nothing.
const NULL: &str = "#N/A";

pub fn route(state: &mut State, call: &Call, method: &str, kind: &str, rest: &[&str]) -> Result<Answer, Refusal> {
    match (method, kind, rest) {
        ("POST", "query", []) => create_query(state, call),
        ("POST", "ingest", []) => create_ingest(state, call),
        ("GET", _, []) => Ok(list(state, call, kind)),
        ("GET", _, [id]) => job(state, kind, id).map(|job| Answer::json(200, info(state, call, job))),
        ("PATCH", _, [id]) => change(state, call, kind, id),
        ("DELETE", _, [id]) => {
            job(state, kind, id)?;
            state.jobs.remove(id);
            Ok(Answer::empty(204))
        }
        ("GET", "query", [id, "results"]) => results(state, call, id),
        ("PUT", "ingest", [id, "batches"]) => upload(state, call, id),
        ("GET", "ingest", [id, "successfulResults"]) => outcome(state, id, |work| match work {
            Work::Ingest { succeeded, .. } => succeeded.clone(),
            Work::Query { .. } => String::new(),
        }),
        ("GET", "ingest", [id, "failedResults"]) => outcome(state, id, |work| match work {
            Work::Ingest { failed, .. } => failed.clone(),
            Work::Query { .. } => String::new(),
        }),
        ("GET", "ingest", [id, "unprocessedrecords"]) => {
            job(state, "ingest", id)?;
            Ok(Answer::csv(String::new()))
        }
        _ => Err(Refusal::not_found()),
    }
}

fn takes(state: &State) -> Duration {
    Duration::from_millis(state.settings.bulk_ms)
}

fn job<'a>(state: &'a State, kind: &str, id: &str) -> Result<&'a Job, Refusal> {
    state.jobs.get(id).filter(|job| job.is_query() == (kind == "query")).ok_or_else(Refusal::not_found)
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

fn info(state: &State, call: &Call, job: &Job) -> Value {
    let at = moment::rest(job.created_at);
    let mut shown = json!({
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": job.created_by,
        "createdDate": at,
        "systemModstamp": at,
        "state": job.state(takes(state)),
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": call.version.parse::<f64>().unwrap_or_default(),
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    });
    match &job.work {
        Work::Query { rows, .. } => {
            shown["jobType"] = "V2Query".into();
            shown["numberRecordsProcessed"] = rows.len().into();
        }
        Work::Ingest { external_id, counts, .. } => {
            shown["jobType"] = "V2Ingest".into();
            shown["numberRecordsProcessed"] = (counts.0 + counts.1).into();
            shown["numberRecordsFailed"] = counts.1.into();
            if let Some(field) = external_id {
                shown["externalIdFieldName"] = field.clone().into();
            }
            if job.stage == Stage::Open {
                let url = format!("services/data/v{}/jobs/ingest/{}/batches", call.version, job.id);
                shown["contentUrl"] = url.into();
            }
        }
    }
    shown["retries"] = 0.into();
    shown["totalProcessingTime"] = 0.into();
    if let Some(error) = &job.error {
        shown["errorMessage"] = error.clone().into();
    }
    shown
}

fn list(state: &State, call: &Call, kind: &str) -> Answer {
    let own = state.jobs.all().filter(|job| job.is_query() == (kind == "query"));
    let records: Vec<Value> = own.map(|job| info(state, call, job)).collect();
    Answer::json(200, json!({"done": true, "nextRecordsUrl": null, "records": records}))
}

fn create_query(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let body = call.object_body()?;
    let operation = text(&body, "operation").unwrap_or_default().to_owned();
    if !matches!(operation.as_str(), "query" | "queryAll") {
        return Err(Refusal::request(400, "INVALIDJOB", "operation has to be query or queryAll"));
    }
    let query = text(&body, "query").unwrap_or_default().to_owned();
    let found = soql::run(state, &query, operation == "queryAll", &call.version)?;
    let Found::Rows { records, columns } = found else {
        return Err(Refusal::request(400, "API_ERROR", "COUNT() is not supported in a bulk query"));
    };
    let object = records.first().and_then(|record| record["attributes"]["type"].as_str().map(str::to_owned));
    let object = object.or_else(|| {
        query.split_whitespace().skip_while(|word| !word.eq_ignore_ascii_case("from")).nth(1).map(str::to_owned)
    });
    let row = |record: &Value| {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| csv::cell(column.split('.').fold(record, |at, part| nested(at, part))))
            .collect();
        csv::line(cells.iter().map(String::as_str))
    };
    let rows = records.iter().map(row).collect();
    let job = Job {
        id: state.jobs.next_id(),
        operation,
        object: object.unwrap_or_default(),
        stage: Stage::Running(Instant::now()),
        created_at: state.now(),
        created_by: author(state, call).user,
        error: None,
        work: Work::Query { text: query, columns, rows },
    };
    let mut shown = info(state, call, &job);
    shown["state"] = "UploadComplete".into();
    state.jobs.add(job);
    Ok(Answer::json(200, shown))
}

/// A member of a record, whatever the case it was asked for in.
fn nested<'a>(record: &'a Value, name: &str) -> &'a Value {
    let members = record.as_object().into_iter().flatten();
    members.into_iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map_or(&Value::Null, |(_, value)| value)
}

fn results(state: &State, call: &Call, id: &str) -> Result<Answer, Refusal> {
    let job = job(state, "query", id)?;
    let Work::Query { columns, rows, .. } = &job.work else { return Err(Refusal::not_found()) };
    if job.state(takes(state)) != "JobComplete" {
        return Ok(Answer::empty(204));
    }
    let size = call.query("maxRecords").and_then(|own| own.parse::<usize>().ok()).unwrap_or(PAGE_ROWS).max(1);
    let offset = match call.query("locator") {
        None => 0,
        Some(locator) => locator
            .strip_prefix("MTAw")
            .and_then(|offset| offset.parse::<usize>().ok())
            .filter(|offset| *offset < rows.len())
            .ok_or_else(|| Refusal::request(400, "INVALID_QUERY_LOCATOR", "invalid query locator"))?,
    };
    let end = (offset + size).min(rows.len());
    let mut text = csv::line(columns.iter().map(String::as_str));
    text.extend(rows[offset..end].iter().map(String::as_str));
    // The vendor writes the word, not an empty header.
    let locator = if end == rows.len() { "null".to_owned() } else { format!("MTAw{end}") };
    let answer = Answer::csv(text).header("sforce-locator", locator);
    Ok(answer.header("sforce-numberofrecords", (end - offset).to_string()))
}

fn create_ingest(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let body = call.object_body()?;
    let operation = text(&body, "operation").unwrap_or_default().to_owned();
    let object = known(state, text(&body, "object").unwrap_or_default())?.name.clone();
    let external_id = text(&body, "externalIdFieldName").map(str::to_owned);
    if !matches!(operation.as_str(), "insert" | "update" | "upsert" | "delete" | "hardDelete") {
        return Err(Refusal::request(400, "INVALIDJOB", "operation is not supported"));
    }
    if operation == "upsert" && external_id.is_none() {
        return Err(Refusal::request(400, "INVALIDJOB", "externalIdFieldName is required for an upsert"));
    }
    let work = Work::Ingest {
        external_id,
        data: String::new(),
        succeeded: String::new(),
        failed: String::new(),
        counts: (0, 0),
    };
    let job = Job {
        id: state.jobs.next_id(),
        operation,
        object,
        stage: Stage::Open,
        created_at: state.now(),
        created_by: author(state, call).user,
        error: None,
        work,
    };
    let shown = info(state, call, &job);
    state.jobs.add(job);
    Ok(Answer::json(200, shown))
}

fn upload(state: &mut State, call: &Call, id: &str) -> Result<Answer, Refusal> {
    job(state, "ingest", id)?;
    if call.body.len() > UPLOAD_BYTES_MAX {
        return Err(Refusal::request(413, "INVALIDBATCH", "Max upload size exceeded"));
    }
    let text = String::from_utf8_lossy(&call.body).into_owned();
    match state.jobs.get_mut(id) {
        Some(Job { stage: Stage::Open, work: Work::Ingest { data, .. }, .. }) => {
            *data = text;
            Ok(Answer::empty(201))
        }
        _ => Err(Refusal::request(400, "INVALIDJOBSTATE", "The job is not open")),
    }
}

fn change(state: &mut State, call: &Call, kind: &str, id: &str) -> Result<Answer, Refusal> {
    let body = call.object_body()?;
    let job = job(state, kind, id)?.clone();
    match text(&body, "state") {
        Some("Aborted") => {
            if let Some(job) = state.jobs.get_mut(id) {
                job.stage = Stage::Aborted;
            }
        }
        Some("UploadComplete") if kind == "ingest" && job.stage == Stage::Open => ingest(state, call, job),
        _ => return Err(Refusal::request(400, "INVALIDJOBSTATE", "The job cannot go to that state")),
    }
    let mut shown = self::job(state, kind, id).map(|job| info(state, call, job))?;
    if text(&body, "state") == Some("UploadComplete") {
        shown["state"] = "UploadComplete".into();
    }
    Ok(Answer::json(200, shown))
}

/// Does what the file asks, row by row, in the vendor's chunks.
fn ingest(state: &mut State, call: &Call, mut job: Job) {
    job.stage = Stage::Running(Instant::now());
    let Work::Ingest { external_id, data, succeeded, failed, counts } = &mut job.work else { return };
    let rows = csv::rows(data).unwrap_or_default();
    let Some((header, rows)) = rows.split_first() else {
        job.stage = Stage::Failed;
        job.error = Some("InvalidBatch : The file has no header or is not comma-separated".into());
        state.jobs.add(job);
        return;
    };
    let names =
        |first: &str, second: &str| csv::line([first, second].into_iter().chain(header.iter().map(String::as_str)));
    *succeeded = names("sf__Id", "sf__Created");
    *failed = names("sf__Id", "sf__Error");
    for chunk in rows.chunks(CHUNK_ROWS) {
        let (mut transaction, nested) = open(state, call);
        for row in chunk {
            let values = record(header, row);
            let external = external_id.as_deref();
            let done = one(&mut transaction, state, &job.operation, &job.object, external, values);
            let cells = |first: &str, second: &str| {
                csv::line([first, second].into_iter().chain(row.iter().map(String::as_str)))
            };
            match done {
                Ok((id, created)) => {
                    counts.0 += 1;
                    succeeded.push_str(&cells(&id, if created { "true" } else { "false" }));
                }
                Err(refusal) => {
                    counts.1 += 1;
                    failed.push_str(&cells("", &refusal.bulk()));
                }
            }
        }
        close(state, transaction, nested);
    }
    state.jobs.add(job);
}

/// One line as a record. `Account.External__c` names a parent by its external id.
fn record(header: &[String], row: &[String]) -> Map<String, Value> {
    let mut values = Map::new();
    for (name, cell) in header.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        let value = if cell == NULL { Value::Null } else { cell.clone().into() };
        match name.split_once('.') {
            Some((relationship, field)) => values.insert(relationship.to_owned(), json!({field: value})),
            None => values.insert(name.clone(), value),
        };
    }
    values
}

fn one(
    transaction: &mut Transaction,
    state: &mut State,
    operation: &str,
    object: &str,
    external_id: Option<&str>,
    mut values: Map<String, Value>,
) -> Result<(String, bool), Refusal> {
    let id = values.iter().find(|(name, _)| name.eq_ignore_ascii_case("id")).and_then(|(_, id)| id.as_str());
    let id = id.map(|id| id::long(id).unwrap_or_else(|| id.to_owned()));
    let required = || Refusal::row("MISSING_ARGUMENT", "Id not specified", &["Id"]);
    match operation {
        "insert" => transaction.create(state, object, &values).map(|id| (id, true)),
        "update" => transaction.update(state, object, &id.ok_or_else(required)?, &values).map(|id| (id, false)),
        "upsert" => {
            let field = external_id.unwrap_or("Id");
            let name = values.keys().find(|name| name.eq_ignore_ascii_case(field)).cloned().unwrap_or_default();
            let value = values.shift_remove(&name).unwrap_or_default();
            match transaction.upsert(state, object, field, &value, &values)? {
                Upserted::Created(id) => Ok((id, true)),
                Upserted::Updated(id) => Ok((id, false)),
                Upserted::Several(_) => {
                    Err(Refusal::row("DUPLICATE_EXTERNAL_ID", "more than one record found", &[field]))
                }
            }
        }
        _ => transaction.delete(state, object, &id.ok_or_else(required)?).map(|id| (id, false)),
    }
}

fn outcome(state: &State, id: &str, file: impl Fn(&Work) -> String) -> Result<Answer, Refusal> {
    let job = job(state, "ingest", id)?;
    match job.state(takes(state)) {
        "JobComplete" | "Failed" => Ok(Answer::csv(file(&job.work))),
        _ => Err(Refusal::request(400, "INVALIDJOBSTATE", "The job has not finished")),
    }
}
