//! Creates. What makes one idempotent is a unique field: with an external id
//! configured for the object its value is looked up first, and Salesforce itself
//! refuses a second row with it and names the first.

use std::collections::HashMap;

use lockstep_sdk::model::{Cell, FetchRequest, Outcome, Selection};

use crate::failure::Result;

use super::super::fetch;
use super::request::{Body, COLLECTION_MAX};
use super::task::Task;
use super::update::{Refused, read_back, send_collection};
use super::verdict::{Verdict, on_row, refusal};

/// Between two tries at rows that were locked.
const LOCKED_MS: u64 = 250;

pub fn create(task: &mut Task<'_>) -> Result<()> {
    find_by_external_id(task)?;
    loop {
        let open = task.open("create");
        if open.is_empty() {
            return Ok(());
        }
        if send(task, open) {
            if task.is_late() {
                let open = task.open("create");
                task.settle_all(&open, || Outcome::Unavailable("the rows it refers to stay locked".into()));
            }
            task.platform().sleep_ms(LOCKED_MS);
        }
    }
}

/// Rows that are there already, by the configured external id.
fn find_by_external_id(task: &mut Task<'_>) -> Result<()> {
    let Some(name) = task.session.config.external_ids.get(&task.sobject.name).cloned() else {
        return Ok(());
    };
    let open = task.open("create");
    find_by(task, &name, &open)
}

/// Settles creates whose row is found by one field.
fn find_by(task: &mut Task<'_>, name: &str, open: &[usize]) -> Result<()> {
    let Some(place) = task.request.columns.iter().position(|column| column == name) else {
        return Ok(());
    };
    let told = |at: &usize| task.intent(*at).and_then(|intent| intent.cells.get(place)).cloned();
    let asked: Vec<(usize, Cell)> = open.iter().filter_map(|at| Some((*at, told(at)?))).collect();
    let asked: Vec<(usize, Cell)> =
        asked.into_iter().filter(|(_, cell)| !cell.is_null() && !cell.is_absent()).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let request = FetchRequest {
        selection: Selection { object: task.request.object.clone(), columns: task.request.returning.clone() },
        by: vec![name.to_owned()],
        keys: asked.iter().map(|(_, cell)| vec![cell.clone()]).collect(),
    };
    for found in fetch::fetch(task.session, &request)? {
        if let Some((at, _)) = asked.get(found.index as usize) {
            task.settle(*at, Outcome::Duplicate(found.row));
        }
    }
    Ok(())
}

/// True: some are to be tried again.
fn send(task: &mut Task<'_>, open: Vec<usize>) -> bool {
    let mut again = false;
    let mut taken: HashMap<usize, Verdict> = HashMap::new();
    let mut work: Vec<Vec<usize>> = open.chunks(COLLECTION_MAX).rev().map(<[_]>::to_vec).collect();
    while let Some(chunk) = work.pop() {
        let bodies: Vec<_> = chunk.iter().filter_map(|at| Some((*at, task.body(*at)?))).collect();
        if bodies.is_empty() {
            continue;
        }
        let object = task.sobject.name.clone();
        let records: Vec<Body<'_>> =
            bodies.iter().map(|(_, fields)| Body { fields, attributes: Some((&object, None)) }).collect();
        let results = match send_collection(task, "POST", &records) {
            Ok(results) => results,
            Err(Refused::Apart) if bodies.len() > 1 => {
                let (left, right) = chunk.split_at(chunk.len() / 2);
                work.push(right.to_vec());
                work.push(left.to_vec());
                continue;
            }
            Err(refused) => {
                let outcome = refused.outcome();
                task.settle_all(&chunk, || outcome.clone());
                continue;
            }
        };
        let mut written = Vec::new();
        for ((at, _), result) in bodies.iter().zip(results) {
            match (result.success, result.id) {
                (true, Some(id)) => written.push((*at, crate::value::long_id(&id))),
                (true, None) => task.settle(*at, Outcome::Unknown("created without an id".into())),
                (false, _) => match on_row(&result.errors) {
                    Verdict::Again(_) => again = true,
                    Verdict::Settled(outcome) => task.settle(*at, outcome),
                    found @ Verdict::Taken { .. } => {
                        taken.insert(*at, found);
                    }
                },
            }
        }
        read_back(task, &written);
    }
    settle_taken(task, taken);
    again
}

/// Creates whose unique values another row has: that row, if it can be found.
fn settle_taken(task: &mut Task<'_>, taken: HashMap<usize, Verdict>) {
    let mut held: Vec<(usize, String)> = Vec::new();
    for (at, verdict) in &taken {
        if let Verdict::Taken { holder: Some(id), .. } = verdict {
            held.push((*at, id.clone()));
        }
    }
    let ids: Vec<String> = held.iter().map(|(_, id)| id.clone()).collect();
    if let Ok(seen) = task.look(&ids, false) {
        for (at, id) in &held {
            if let Some(seen) = seen.get(id) {
                let row = task.returned(seen);
                task.settle(*at, Outcome::Duplicate(row));
            }
        }
    }
    let uniques: Vec<String> =
        task.fields.iter().filter(|field| field.unique || field.external_id).map(|field| field.name.clone()).collect();
    for name in uniques {
        let open: Vec<usize> = task.open("create").into_iter().filter(|at| taken.contains_key(at)).collect();
        if open.is_empty() || find_by(task, &name, &open).is_err() {
            break;
        }
    }
    for (at, verdict) in taken {
        if let Verdict::Taken { error, .. } = verdict {
            task.settle(at, refusal(&error));
        }
    }
}
