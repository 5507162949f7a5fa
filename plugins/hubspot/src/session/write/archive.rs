//! Deletes. An archived record keeps its values and history, so that an edit
//! made between look and archive is found there.

use lockstep_sdk::model::{FieldOverwrite, Outcome};
use serde_json::json;

use super::super::Session;
use super::update::{conflict_row, done, gone, look};
use super::{Chunk, Job};
use crate::audit::Entry;
use crate::failure::Result;
use crate::limits;
use crate::response::Record;
use crate::writing::{Judged, judge_delete, refused};

pub fn archive(session: &mut Session, job: &mut Job<'_>, chunk: &Chunk) -> Result<()> {
    let looked_us = session.read_at_us();
    let ids: Vec<String> = chunk.iter().map(|(_, id)| id.clone()).collect();
    let mut records = look(session, job, &ids, false)?;
    let mut open: Vec<(usize, Record)> = Vec::new();
    gone(session, job, chunk, &records, looked_us)?;
    for (at, id) in chunk {
        session.unsettled.settle(&job.object.name, id);
        let Some(record) = records.remove(id) else { continue };
        let Some(intent) = job.intent(*at) else { continue };
        match judge_delete(intent, &job.columns, &record, &session.ours) {
            Judged::Conflict { instead } => {
                let row = conflict_row(job, &record, looked_us, &instead);
                job.settle(*at, Outcome::Conflict(row));
            }
            Judged::Write { .. } | Judged::Unfit { .. } => open.push((*at, record)),
        }
    }
    if open.is_empty() {
        return Ok(());
    }
    let inputs = open.iter().map(|(_, record)| json!({ "id": record.id })).collect();
    let request = session.api.batch(&job.object.name, "archive", inputs);
    let answer = session.command(request);
    if let Err(failure) = &answer
        && !failure.is_uncertain()
    {
        let outcome = match failure.problem() {
            Some(problem) if problem.status == 429 => Outcome::Throttled(limits::wait_ms(problem)),
            Some(problem) if problem.status < 500 => refused(problem),
            _ => Outcome::Unavailable(failure.to_string()),
        };
        for (at, _) in open {
            job.settle(at, outcome.clone());
        }
        return Ok(());
    }
    confirm(session, job, open, answer.is_ok());
    Ok(())
}

/// Looks at what was archived. `acknowledged`: HubSpot said that it was.
fn confirm(session: &mut Session, job: &mut Job<'_>, open: Vec<(usize, Record)>, acknowledged: bool) {
    let read_us = session.read_at_us();
    let ids: Vec<String> = open.iter().map(|(_, record)| record.id.clone()).collect();
    let archived = look(session, job, &ids, true);
    for (at, before) in open {
        let after = archived.as_ref().ok().and_then(|records| records.get(&before.id));
        let outcome = match after {
            Some(after) => {
                let fields = edited_since(job, &before, after);
                done(job.returning.ordered_row(&before, read_us), fields)
            }
            // Not there, or it cannot be looked at: gone for good, or in doubt.
            None if acknowledged && archived.is_ok() => Outcome::Applied(job.returning.ordered_row(&before, read_us)),
            None => {
                session.unsettled.doubt(&job.object.name, &before.id);
                Outcome::Unknown("whether the record was archived could not be seen".into())
            }
        };
        job.settle(at, outcome);
    }
}

/// What others wrote between our look and the archiving.
fn edited_since(job: &Job<'_>, before: &Record, after: &Record) -> Vec<FieldOverwrite> {
    let field = |column: &crate::writing::Named| {
        let known = before.history(&column.name);
        let entry: &Entry = after.history(&column.name).iter().find(|entry| !known.contains(entry))?;
        let at = entry.at_us();
        Some(FieldOverwrite {
            column: column.name.clone(),
            value: column.entry_cell(entry),
            by: entry.by(),
            at: (at > 0).then_some(at),
        })
    };
    job.columns.0.iter().filter_map(field).collect()
}
