//! Broken change streams.

use lockstep_core::{
    change::{ChangeBatch, ChangeKind, Changes, Selection},
    value::Value,
};
use lockstep_host::{ChangesRequest, HostError};

use super::{Mutant, session::BrokenSession};

pub(super) async fn changes(session: &BrokenSession, request: &ChangesRequest) -> Result<Changes, HostError> {
    let mut request = request.clone();
    match session.mutant {
        Mutant::StreamOverflows => request.records_max = request.records_max.saturating_mul(10),
        Mutant::ZeroTakes if request.records_max == 0 => request.records_max = 1_000,
        Mutant::TellsAll => {
            let objects = session.inner.discover(&[]).await?;
            let all = objects.iter().map(|object| Selection {
                object: object.name.clone(),
                columns: object.columns.iter().map(|column| column.name.clone()).collect(),
            });
            request.selections = all.collect();
        }
        Mutant::CursorBack => {
            if let Some(real) = session.memory.lock().real.clone() {
                request.after = real;
            }
        }
        _ => {}
    }
    let after = request.after.clone();
    let answer = session.inner.changes(&request).await;
    if session.mutant == Mutant::CursorGuessed
        && let Err(HostError::Guest(error)) = &answer
        && error.code == "cursor-invalid"
    {
        return Ok(Changes { batches: Vec::new(), cursor: after, more: false, lag_bytes: None, lag_ms: None });
    }
    let mut answer = answer?;
    twist(session, &mut answer);
    Ok(answer)
}

fn twist(session: &BrokenSession, answer: &mut Changes) {
    let mut memory = session.memory.lock();
    match session.mutant {
        Mutant::StreamBeginsLate if memory.started && !answer.batches.is_empty() => {
            memory.started = false;
            answer.batches.clear();
        }
        Mutant::CursorSkips => {
            let mut given = std::mem::take(&mut memory.held);
            given.append(&mut answer.batches);
            // The last row waits for the next call, and the cursor does not.
            if let Some(last) = given.last_mut()
                && answer.more
                && let Some(row) = last.rows.pop()
            {
                memory.held = vec![ChangeBatch { rows: vec![row], ..last.clone() }];
            }
            given.retain(|batch| !batch.rows.is_empty());
            answer.batches = given;
        }
        Mutant::CursorBack => {
            memory.real = Some(answer.cursor.clone());
            memory.told.push(answer.cursor.clone());
            if memory.told.len().is_multiple_of(3)
                && let Some(old) = memory.told.first().cloned()
            {
                answer.cursor = old;
            }
        }
        Mutant::OrderSwapped => answer.batches.iter_mut().for_each(|batch| batch.rows.reverse()),
        Mutant::DeleteDropped => answer.batches.retain(|batch| batch.kind != ChangeKind::Delete),
        Mutant::NullForUnchanged => {
            for row in answer.batches.iter_mut().flat_map(|batch| &mut batch.rows) {
                if !memory.seen.insert(row.key.clone()) {
                    // Only the title is told; the rest ought to be absent.
                    row.cells.iter_mut().skip(2).for_each(|cell| *cell = Some(Value::Null));
                }
            }
        }
        Mutant::NeverQuiet => {
            if answer.batches.is_empty() {
                answer.batches.clone_from(&memory.held);
            } else {
                memory.held.clone_from(&answer.batches);
            }
        }
        _ => {}
    }
}
