//! Creates. HubSpot's upsert is not used: it would overwrite values that
//! nobody here has seen. A unique property is looked up first, and a create
//! that meets a record made meanwhile is refused by HubSpot and answered with
//! that record.

use std::collections::HashMap;

use lockstep_sdk::model::{Intent, Outcome};
use serde_json::json;

use super::super::Session;
use super::super::records::Wanted;
use super::send::{Input, Sent, send};
use super::update::{Planned, finish, properties};
use super::{Chunk, Job};
use crate::failure::Result;
use crate::response::Record;
use crate::schema::KEY;
use crate::value::encode;
use crate::writing::Change;

/// A create: what is set, and the unique property that finds it.
struct Made {
    at: usize,
    changes: Vec<Change>,
    unique: Option<(String, String)>,
}

pub fn create(session: &mut Session, job: &mut Job<'_>, chunk: &Chunk) -> Result<()> {
    let mut creates: Vec<Made> = chunk.iter().filter_map(|(at, _)| prepare(job, *at)).collect();
    let there = find(session, job, &creates)?;
    creates.retain(|made| match there.get(&made.at) {
        Some(record) => {
            duplicate(session, job, made.at, record);
            false
        }
        None => true,
    });
    let inputs: Vec<Input> = creates
        .iter()
        .map(|made| (made.at, json!({ "properties": properties(job, &made.changes), "associations": [] })))
        .collect();
    let sent = send(session, &job.object.name.clone(), "create", &inputs);
    settle(session, job, creates, sent);
    Ok(())
}

fn prepare(job: &mut Job<'_>, at: usize) -> Option<Made> {
    let intent = job.intent(at)?;
    match changes(job, intent) {
        Ok(changes) if changes.is_empty() => {
            let message = "there is nothing to create a record from".to_owned();
            job.settle(at, Outcome::reject("LS-HS-INTENT", "validation", message, Vec::new()));
            None
        }
        Ok(changes) => {
            let unique = changes.iter().find_map(|change| {
                let name = &job.columns.0.get(change.column)?.name;
                job.object.is_unique(name).then(|| (name.clone(), change.text.trim().to_lowercase()))
            });
            Some(Made { at, changes, unique })
        }
        Err((column, why)) => {
            job.settle(at, Outcome::reject("LS-HS-VALUE", "type", why, job.names([column])));
            None
        }
    }
}

fn changes(job: &Job<'_>, intent: &Intent) -> std::result::Result<Vec<Change>, (usize, &'static str)> {
    let mut changes = Vec::new();
    for (column, (named, cell)) in job.columns.0.iter().zip(&intent.cells).enumerate() {
        // Unset is what a new record's property is.
        if cell.is_absent() || cell.is_null() || named.name == KEY {
            continue;
        }
        let text = encode(named.kind, cell).map_err(|why| (column, why))?;
        changes.push(Change { column, text });
    }
    Ok(changes)
}

/// Records that have the creates' unique values already, by the create.
fn find(session: &mut Session, job: &Job<'_>, creates: &[Made]) -> Result<HashMap<usize, Record>> {
    let mut by_property: HashMap<&str, Vec<(usize, &str)>> = HashMap::new();
    for made in creates {
        if let Some((property, value)) = &made.unique {
            by_property.entry(property).or_default().push((made.at, value));
        }
    }
    let mut found = HashMap::new();
    for (property, values) in by_property {
        let mut names = job.all.clone();
        if !names.iter().any(|name| name == property) {
            names.push(property.to_owned());
        }
        let wanted =
            Wanted { object: &job.object.name, properties: &names, history: true, archived: false, by: Some(property) };
        let ids: Vec<String> = values.iter().map(|(_, value)| (*value).to_owned()).collect();
        for record in session.records(&wanted, &ids)? {
            let held = record.text(property).unwrap_or_default().to_lowercase();
            let asked = values.iter().filter(|(_, value)| *value == held);
            for (at, _) in asked {
                found.insert(*at, record.clone());
            }
        }
    }
    Ok(found)
}

fn duplicate(session: &mut Session, job: &mut Job<'_>, at: usize, record: &Record) {
    let read_us = session.read_at_us();
    let row = job.returning.ordered_row(record, read_us);
    job.settle(at, Outcome::Duplicate(row));
}

fn settle(session: &mut Session, job: &mut Job<'_>, creates: Vec<Made>, mut sent: HashMap<usize, Sent>) {
    let looked_us = session.read_at_us();
    let mut planned = Vec::new();
    let mut again = Vec::new();
    for made in creates {
        match sent.get(&made.at) {
            Some(Sent::Stored(record)) => planned.push(Planned {
                at: made.at,
                id: record.id.clone(),
                changes: made.changes,
                displaced: Vec::new(),
                before: Record { id: record.id.clone(), ..Record::default() },
                looked_us,
                is_new: true,
            }),
            Some(Sent::Not(Outcome::Rejected(rejection))) if rejection.class == "unique" => again.push(made),
            Some(Sent::Not(outcome)) => job.settle(made.at, outcome.clone()),
            Some(Sent::Doubtful(_)) | None => again.push(made),
        }
    }
    finish(session, job, planned, &sent);
    // Whatever has the unique value by now is the record, whoever made it.
    let found = find(session, job, &again).unwrap_or_default();
    for made in again {
        if let Some(record) = found.get(&made.at) {
            duplicate(session, job, made.at, record);
            continue;
        }
        match sent.remove(&made.at) {
            Some(Sent::Not(outcome)) => job.settle(made.at, outcome),
            Some(Sent::Doubtful(why)) => {
                session.unsettled.doubt_create(&job.object.name, session.platform.monotonic_ms());
                job.settle(made.at, Outcome::Unknown(why));
            }
            Some(Sent::Stored(_)) | None => {}
        }
    }
}
