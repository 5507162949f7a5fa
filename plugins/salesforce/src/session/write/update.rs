//! Updates: read, compare, write if not modified since, read back.
//!
//! The precondition is measured in whole seconds (documented as weak): a row
//! that was modified in the very second in which it is read could be modified
//! again in it, unseen. Such a row is read again once that second is over;
//! from then on every modification has a later stamp.

use std::collections::HashMap;

use lockstep_sdk::model::Outcome;

use crate::api::{RowResult, Subanswer};
use crate::config::Updates;
use crate::failure::{ApiError, Result, Trouble};

use super::request::{Body, COLLECTION_MAX, COMPOSITE_MAX, HEADER, Patch, collection, composite};
use super::task::{Seen, Task};
use super::verdict::{Verdict, is_about_some_row, on_row, on_silence, refusal, retry_ms};

/// Until the second of a fresh stamp is over.
const SECOND_MS: u64 = 1_050;
/// Times the server's clock is waited for.
const SECOND_WAITS_MAX: u32 = 3;
/// Between two tries at a locked row.
const LOCKED_MS: u64 = 250;

pub fn update(task: &mut Task<'_>) -> Result<()> {
    let mut waits = 0;
    let mut rounds = 0;
    loop {
        let open = task.open("update");
        if open.is_empty() {
            return Ok(());
        }
        if rounds > 0 && task.is_late() {
            task.settle_all(&open, || Outcome::Unavailable("the row was locked or kept changing".into()));
            return Ok(());
        }
        rounds += 1;
        let mut ids: HashMap<usize, String> = HashMap::new();
        for at in &open {
            if let Some(id) = task.id(*at) {
                ids.insert(*at, id);
            }
        }
        let all: Vec<String> = ids.values().cloned().collect();
        let seen = task.look(&all, false)?;
        let conditional = task.session.config.updates == Updates::Conditional;
        let mut ready = Vec::new();
        let mut fresh = false;
        for at in &open {
            let Some(id) = ids.get(at) else { continue };
            if !compare(task, *at, seen.get(id)) {
                continue;
            }
            if conditional && waits < SECOND_WAITS_MAX && seen.get(id).is_some_and(is_fresh) {
                fresh = true;
            } else {
                ready.push((*at, id.clone()));
            }
        }
        let retry = match conditional {
            true => write_conditional(task, &ready, &seen)?,
            false => write_collections(task, &ready)?,
        };
        if fresh {
            waits += 1;
            task.platform().sleep_ms(SECOND_MS);
        } else if retry {
            task.platform().sleep_ms(LOCKED_MS);
        }
    }
}

/// Whether the row is to be written; else it is settled.
fn compare(task: &mut Task<'_>, at: usize, seen: Option<&Seen>) -> bool {
    let (Some(intent), Some(seen)) = (task.intent(at), seen) else {
        task.settle(at, Outcome::Gone);
        return false;
    };
    // What is wanted is there: by an earlier try of this write, or by somebody else.
    if task.holds(intent, seen) {
        let row = task.as_stored(intent, Some(seen), "");
        task.settle(at, Outcome::Applied(row));
        return false;
    }
    if !task.differing(intent, seen).is_empty() {
        let row = task.returned(seen);
        task.settle(at, Outcome::Conflict(row));
        return false;
    }
    true
}

/// Whether the second of the row's stamp was not over when it was read.
fn is_fresh(seen: &Seen) -> bool {
    match (seen.stamp_s, seen.date_s) {
        (Some(stamp), Some(date)) => date <= stamp,
        _ => false,
    }
}

/// True: some are to be tried again.
fn write_conditional(task: &mut Task<'_>, ready: &[(usize, String)], seen: &HashMap<String, Seen>) -> Result<bool> {
    let mut again = false;
    for chunk in ready.chunks(COMPOSITE_MAX) {
        let mut written = Vec::new();
        let mut bodies = Vec::new();
        for (at, id) in chunk {
            if let Some(body) = task.body(*at) {
                bodies.push((*at, id.clone(), body));
            }
        }
        let patches: Vec<Patch<'_>> = bodies
            .iter()
            .map(|(_, id, fields)| Patch {
                path: task.session.api.path(&format!("/sobjects/{}/{id}", task.sobject.name)),
                body: Body { fields, attributes: None },
                unmodified_since_s: seen.get(id).and_then(|seen| seen.stamp_s),
            })
            .collect();
        let verdicts = match patches.as_slice() {
            [] => continue,
            [only] => vec![send_one(task, only)],
            several => send_composite(task, several),
        };
        for ((at, id, _), verdict) in bodies.iter().zip(verdicts) {
            match verdict {
                None => written.push((*at, id.clone())),
                Some(Verdict::Again(_)) => again = true,
                Some(Verdict::Settled(outcome)) => task.settle(*at, outcome),
                Some(Verdict::Taken { error, .. }) => task.settle(*at, refusal(&error)),
            }
        }
        read_back(task, &written);
    }
    Ok(again)
}

/// `None`: written.
fn send_one(task: &mut Task<'_>, patch: &Patch<'_>) -> Option<Verdict> {
    let body = match serde_json::to_vec(&patch.body) {
        Ok(body) => body,
        Err(error) => return Some(Verdict::Settled(Outcome::Unavailable(error.to_string()))),
    };
    let mut request = task.session.api.request("PATCH", &patch.path).json(body);
    if let Some(since_s) = patch.unmodified_since_s {
        request = request.header(&HEADER.to_lowercase(), crate::value::http_date_s(since_s));
    }
    task.has_written = true;
    match task.session.api.send(request) {
        Ok(answer) if answer.is_success() => None,
        Ok(answer) => Some(on_row(&[answer.error()])),
        Err(failure) => Some(Verdict::Settled(on_silence(&failure))),
    }
}

fn send_composite(task: &mut Task<'_>, patches: &[Patch<'_>]) -> Vec<Option<Verdict>> {
    let all = |outcome: Outcome| patches.iter().map(|_| Some(Verdict::Settled(outcome.clone()))).collect();
    let body = match composite(patches) {
        Ok(body) => body,
        Err(error) => return all(Outcome::Unavailable(error.to_string())),
    };
    task.has_written = true;
    let path = task.session.api.path("/composite");
    let answer = match task.session.api.send(task.session.api.request("POST", &path).json(body)) {
        Ok(answer) => answer,
        Err(failure) => return all(on_silence(&failure)),
    };
    if !answer.is_success() {
        return all(on_request(&answer.error()));
    }
    let Some(parts) = Subanswer::parse_all(&answer.body) else {
        return all(Outcome::Unknown("the answer was not understood".into()));
    };
    let verdict = |at: usize| {
        let part = parts.iter().find(|part| part.reference_id == format!("r{at}"));
        match part {
            Some(part) if (200..300).contains(&part.http_status_code) => None,
            Some(part) => Some(on_row(&part.errors())),
            None => Some(Verdict::Settled(Outcome::Unknown("the answer does not tell of this row".into()))),
        }
    };
    (0..patches.len()).map(verdict).collect()
}

/// What the refusal of a whole request means for its rows.
pub fn on_request(error: &ApiError) -> Outcome {
    match error.trouble() {
        Trouble::Limit { .. } => Outcome::Throttled(retry_ms(error)),
        Trouble::Away if error.code.is_empty() => Outcome::Unknown(error.message.clone()),
        Trouble::Away | Trouble::Busy | Trouble::Auth => Outcome::Unavailable(error.message.clone()),
        Trouble::Denied | Trouble::Missing | Trouble::Changed | Trouble::Refused => refusal(error),
    }
}

/// Updates without a precondition of the server's. True: some are to be tried again.
fn write_collections(task: &mut Task<'_>, ready: &[(usize, String)]) -> Result<bool> {
    let mut again = false;
    let mut work: Vec<Vec<(usize, String)>> = ready.chunks(COLLECTION_MAX).rev().map(<[_]>::to_vec).collect();
    while let Some(chunk) = work.pop() {
        let mut bodies = Vec::new();
        for (at, id) in &chunk {
            if let Some(body) = task.body(*at) {
                bodies.push((*at, id.clone(), body));
            }
        }
        if bodies.is_empty() {
            continue;
        }
        let object = task.sobject.name.clone();
        let records: Vec<Body<'_>> =
            bodies.iter().map(|(_, id, fields)| Body { fields, attributes: Some((&object, Some(id))) }).collect();
        let ats: Vec<usize> = bodies.iter().map(|(at, _, _)| *at).collect();
        let sent = send_collection(task, "PATCH", &records);
        let results = match sent {
            Ok(results) => results,
            Err(Refused::Apart) if bodies.len() > 1 => {
                let (left, right) = chunk.split_at(chunk.len() / 2);
                work.push(right.to_vec());
                work.push(left.to_vec());
                continue;
            }
            Err(refused) => {
                let outcome = refused.outcome();
                task.settle_all(&ats, || outcome.clone());
                continue;
            }
        };
        let mut written = Vec::new();
        for ((at, id, _), result) in bodies.iter().zip(results) {
            match (result.success, on_row(&result.errors)) {
                (true, _) => written.push((*at, id.clone())),
                (false, Verdict::Again(_)) => again = true,
                (false, Verdict::Settled(outcome)) => task.settle(*at, outcome),
                (false, Verdict::Taken { error, .. }) => task.settle(*at, refusal(&error)),
            }
        }
        read_back(task, &written);
    }
    Ok(again)
}

/// Why a collections request has no results.
pub enum Refused {
    /// Some row of it cannot be read: take it apart.
    Apart,
    Whole(Outcome),
}

impl Refused {
    pub fn outcome(self) -> Outcome {
        match self {
            Refused::Apart => {
                super::verdict::rejected("JSON_PARSER_ERROR", "type", "Salesforce could not read the row")
            }
            Refused::Whole(outcome) => outcome,
        }
    }
}

/// Send rows to the collections resource; one result a row.
pub fn send_collection(
    task: &mut Task<'_>,
    method: &str,
    records: &[Body<'_>],
) -> std::result::Result<Vec<RowResult>, Refused> {
    let body = collection(records).map_err(|error| Refused::Whole(Outcome::Unavailable(error.to_string())))?;
    let path = task.session.api.path("/composite/sobjects");
    let request = task.session.api.request(method, &path).json(body);
    task.has_written = true;
    let answer = task.session.api.send(request).map_err(|failure| Refused::Whole(on_silence(&failure)))?;
    if !answer.is_success() {
        let error = answer.error();
        return Err(if is_about_some_row(&error) && records.len() > 1 {
            Refused::Apart
        } else {
            Refused::Whole(on_request(&error))
        });
    }
    let unread = || Refused::Whole(Outcome::Unknown("the answer was not understood".into()));
    RowResult::parse_all(&answer.body).filter(|results| results.len() == records.len()).ok_or_else(unread)
}

/// Rows as they are after a write of ours.
pub fn read_back(task: &mut Task<'_>, written: &[(usize, String)]) {
    if written.is_empty() {
        return;
    }
    task.has_written = true;
    let ids: Vec<String> = written.iter().map(|(_, id)| id.clone()).collect();
    match task.look(&ids, false) {
        Ok(seen) => {
            for (at, id) in written {
                let Some(intent) = task.intent(*at) else { continue };
                let row = task.as_stored(intent, seen.get(id), id);
                task.settle(*at, Outcome::Applied(row));
            }
        }
        Err(failure) => {
            let ats: Vec<usize> = written.iter().map(|(at, _)| *at).collect();
            task.settle_all(&ats, || Outcome::Unknown(format!("written, but not read back: {failure}")));
        }
    }
}
