//! Deletes. The vendor knows no precondition for them, so the row is compared
//! just before, and what lies in the recycle bin is compared afterwards: a value
//! that somebody wrote in between is reported, and can be restored.

use std::collections::HashMap;

use lockstep_sdk::model::{FieldOverwrite, Outcome};

use crate::api::RowResult;
use crate::failure::Result;

use super::request::COLLECTION_MAX;
use super::task::{Seen, Task};
use super::update::on_request;
use super::verdict::{Verdict, on_row, on_silence, refusal};

/// Between two tries at rows that were locked.
const LOCKED_MS: u64 = 250;

pub fn remove(task: &mut Task<'_>) -> Result<()> {
    let mut rounds = 0;
    loop {
        let open = task.open("delete");
        if open.is_empty() {
            return Ok(());
        }
        if rounds > 0 && task.is_late() {
            task.settle_all(&open, || Outcome::Unavailable("the row stays locked".into()));
            return Ok(());
        }
        let ids: Vec<(usize, String)> = open.iter().filter_map(|at| Some((*at, task.id(*at)?))).collect();
        let all: Vec<String> = ids.iter().map(|(_, id)| id.clone()).collect();
        let seen = task.look(&all, false)?;
        let mut ready = Vec::new();
        for (at, id) in ids {
            let (Some(intent), Some(found)) = (task.intent(at), seen.get(&id)) else {
                task.settle(at, Outcome::Gone);
                continue;
            };
            if task.differing(intent, found).is_empty() {
                ready.push((at, id));
            } else {
                let row = task.returned(found);
                task.settle(at, Outcome::Conflict(row));
            }
        }
        for chunk in ready.chunks(COLLECTION_MAX) {
            send(task, chunk, &seen);
        }
        if !task.open("delete").is_empty() {
            task.platform().sleep_ms(LOCKED_MS);
        }
        rounds += 1;
    }
}

fn send(task: &mut Task<'_>, chunk: &[(usize, String)], seen: &HashMap<String, Seen>) {
    let ats: Vec<usize> = chunk.iter().map(|(at, _)| *at).collect();
    let ids: Vec<&str> = chunk.iter().map(|(_, id)| id.as_str()).collect();
    let path = task.session.api.path(&format!("/composite/sobjects?ids={}&allOrNone=false", ids.join(",")));
    task.has_written = true;
    let answer = match task.session.api.send(task.session.api.request("DELETE", &path)) {
        Ok(answer) => answer,
        Err(failure) => return task.settle_all(&ats, || on_silence(&failure)),
    };
    if !answer.is_success() {
        let error = answer.error();
        return task.settle_all(&ats, || on_request(&error));
    }
    let Some(results) = RowResult::parse_all(&answer.body).filter(|results| results.len() == chunk.len()) else {
        return task.settle_all(&ats, || Outcome::Unknown("the answer was not understood".into()));
    };
    let mut deleted = Vec::new();
    for ((at, id), result) in chunk.iter().zip(results) {
        match (result.success, on_row(&result.errors)) {
            (true, _) => deleted.push((*at, id.clone())),
            (false, Verdict::Again(_)) => {}
            (false, Verdict::Settled(outcome)) => task.settle(*at, outcome),
            (false, Verdict::Taken { error, .. }) => task.settle(*at, refusal(&error)),
        }
    }
    look_into_the_bin(task, &deleted, seen);
}

/// What was deleted, as it was at that moment.
fn look_into_the_bin(task: &mut Task<'_>, deleted: &[(usize, String)], seen: &HashMap<String, Seen>) {
    let ids: Vec<String> = deleted.iter().map(|(_, id)| id.clone()).collect();
    // What cannot be looked at (an object without a bin, a failing service) was
    // as it was compared, as far as anybody can tell.
    let bin = task.look(&ids, true).unwrap_or_default();
    for (at, id) in deleted {
        let Some(intent) = task.intent(*at) else { continue };
        let found = bin.get(id).filter(|found| found.is_deleted).or_else(|| seen.get(id));
        let Some(found) = found else {
            task.settle(*at, Outcome::Gone);
            continue;
        };
        let foreign: Vec<FieldOverwrite> = task
            .differing(intent, found)
            .into_iter()
            .filter_map(|column| {
                Some(FieldOverwrite {
                    column: task.request.columns.get(column)?.clone(),
                    value: task.shown(found, column)?.clone(),
                    by: String::new(),
                    at: found.row.at,
                })
            })
            .collect();
        let row = task.returned(found);
        task.settle(*at, if foreign.is_empty() { Outcome::Applied(row) } else { Outcome::Overwrote((row, foreign)) });
    }
}
