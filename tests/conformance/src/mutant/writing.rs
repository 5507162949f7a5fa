//! Broken writes.

use std::{sync::Arc, time::Duration};

use lockstep_core::{
    change::{Row, Version},
    key::Key,
    value::Value,
    write::{Action, Intent, Outcome, Rejection, WriteRequest},
};
use lockstep_host::{FetchRequest, HostError};

use super::{Mutant, session::BrokenSession};

/// Where the practice service refuses a title.
const TITLE_MAX: usize = 200;
/// Enough for somebody else's write that is under way.
const A_MOMENT: Duration = Duration::from_millis(100);

pub(super) async fn write(session: &BrokenSession, request: &WriteRequest) -> Result<Vec<Outcome>, HostError> {
    let mut request = request.clone();
    match session.mutant {
        Mutant::CreateLies | Mutant::DeleteLies => {
            let action = if session.mutant == Mutant::CreateLies { Action::Create } else { Action::Delete };
            if request.intents.iter().all(|intent| intent.action == action) {
                return Ok(request.intents.iter().map(pretended).collect());
            }
        }
        Mutant::AbsentAsNull => {
            for intent in request.intents.iter_mut().filter(|intent| intent.action == Action::Update) {
                let told = intent.cells.iter_mut().skip(2).filter(|cell| cell.is_none());
                told.for_each(|cell| *cell = Some(Value::Null));
            }
        }
        Mutant::PreconditionIgnored => forget(&mut request, |_| true),
        Mutant::DeleteUnconditional => forget(&mut request, |intent| intent.action == Action::Delete),
        Mutant::CompareThenWrite => {
            if let Some(conflicts) = compared(session, &request).await? {
                return Ok(conflicts);
            }
            forget(&mut request, |_| true);
        }
        Mutant::NullDropped => {
            for cell in request.intents.iter_mut().flat_map(|intent| &mut intent.cells) {
                if cell.as_ref().is_some_and(Value::is_null) {
                    *cell = None;
                }
            }
        }
        Mutant::TextCut => cut(&mut request),
        Mutant::AllOrNothing => {
            if let Some(refused) = any_bad(session, &request).await? {
                return Ok(refused);
            }
        }
        Mutant::HalfWritten => half(session, &request).await?,
        _ => {}
    }
    let mut outcomes = session.inner.write(&request).await?;
    for (intent, outcome) in request.intents.iter().zip(&mut outcomes) {
        twist(session, intent, outcome);
    }
    if session.mutant == Mutant::AnswerLookedUp {
        tokio::time::sleep(A_MOMENT).await;
        let rows = there(session, &request).await?;
        for (outcome, row) in outcomes.iter_mut().zip(rows) {
            if let (Outcome::Applied(stored), Some(row)) = (outcome, row) {
                stored.cells = row.cells;
            }
        }
    }
    if session.mutant == Mutant::OutcomesSwapped {
        outcomes.reverse();
    }
    Ok(outcomes)
}

fn twist(session: &BrokenSession, intent: &Intent, outcome: &mut Outcome) {
    match (session.mutant, &mut *outcome) {
        (Mutant::VersionAhead, Outcome::Applied(row)) => {
            row.version = Version { generation: row.version.generation, order: Arc::from([0xff_u8; 8]) };
        }
        (Mutant::OutcomeLies, Outcome::Applied(row)) if intent.action == Action::Update => {
            if let Some(cell) = row.cells.get_mut(1) {
                *cell = Some(Value::text("something else"));
            }
        }
        (Mutant::ConflictEmpty, Outcome::Conflict(row)) => row.cells.iter_mut().for_each(|cell| *cell = None),
        (Mutant::GoneApplied, Outcome::Gone) => *outcome = pretended(intent),
        (Mutant::CreateOverwrites, Outcome::Duplicate(row)) => *outcome = Outcome::Applied(row.clone()),
        (Mutant::RepeatRefused, Outcome::Conflict(_)) => {
            *outcome = Outcome::Rejected(Rejection {
                code: "again".into(),
                class: "other".into(),
                message: "this was written before".into(),
                columns: Vec::new(),
            });
        }
        _ => {}
    }
}

/// Applied, without asking anybody.
fn pretended(intent: &Intent) -> Outcome {
    let key = intent.key.clone().or_else(|| intent.cells.first().cloned().flatten().map(|id| Key::new(vec![id])));
    Outcome::Applied(Row {
        key: key.unwrap_or(Key::new(Vec::new())),
        cells: intent.cells.clone(),
        version: Version::default(),
        at: None,
    })
}

fn forget(request: &mut WriteRequest, which: impl Fn(&Intent) -> bool) {
    for intent in request.intents.iter_mut().filter(|intent| which(intent)) {
        intent.expected.iter_mut().for_each(|cell| *cell = None);
    }
}

fn cut(request: &mut WriteRequest) {
    for cell in request.intents.iter_mut().flat_map(|intent| &mut intent.cells) {
        if let Some(Value::Text(text)) = cell
            && text.chars().count() > TITLE_MAX
        {
            *cell = Some(Value::text(text.chars().take(TITLE_MAX).collect::<String>()));
        }
    }
}

async fn there(session: &BrokenSession, request: &WriteRequest) -> Result<Vec<Option<Row>>, HostError> {
    let keys: Vec<Key> = request.intents.iter().filter_map(|intent| intent.key.clone()).collect();
    if keys.len() < request.intents.len() || keys.is_empty() {
        return Ok(Vec::new());
    }
    let objects = session.inner.discover(std::slice::from_ref(&request.object)).await?;
    let by = objects.first().map(|object| object.key.clone()).unwrap_or_default();
    let selection =
        lockstep_core::change::Selection { object: request.object.clone(), columns: request.columns.to_vec() };
    let mut rows = vec![None; keys.len()];
    for found in session.inner.fetch(&FetchRequest { selection, by, keys }).await? {
        if let Some(place) = rows.get_mut(found.index as usize) {
            *place = Some(found.row);
        }
    }
    Ok(rows)
}

/// Outcomes, if what is there is not what is expected.
async fn compared(session: &BrokenSession, request: &WriteRequest) -> Result<Option<Vec<Outcome>>, HostError> {
    let rows = there(session, request).await?;
    let mut outcomes = Vec::new();
    for (intent, row) in request.intents.iter().zip(rows) {
        let Some(row) = row else { continue };
        let holds =
            intent.expected.iter().zip(&row.cells).all(|(expected, cell)| expected.is_none() || expected == cell);
        if !holds {
            outcomes.push(Outcome::Conflict(row));
        }
    }
    // The gap between the two.
    tokio::time::sleep(Duration::from_millis(20)).await;
    Ok(if outcomes.is_empty() || outcomes.len() < request.intents.len() { None } else { Some(outcomes) })
}

/// Refusals for all, if one row is gone.
async fn any_bad(session: &BrokenSession, request: &WriteRequest) -> Result<Option<Vec<Outcome>>, HostError> {
    let rows = there(session, request).await?;
    if rows.iter().all(Option::is_some) {
        return Ok(None);
    }
    let refused = Outcome::Rejected(Rejection {
        code: "batch".into(),
        class: "other".into(),
        message: "one of the batch was bad".into(),
        columns: Vec::new(),
    });
    Ok(Some(vec![refused; request.intents.len()]))
}

/// A first step that nobody asked for, and some time before the second.
async fn half(session: &BrokenSession, request: &WriteRequest) -> Result<(), HostError> {
    let mut first = request.clone();
    first.intents.retain(|intent| intent.action == Action::Update);
    for intent in &mut first.intents {
        intent.expected.iter_mut().for_each(|cell| *cell = None);
        intent.cells.iter_mut().flatten().for_each(|cell| {
            if matches!(cell, Value::Text(_)) {
                *cell = Value::text("half of it");
            }
        });
    }
    if first.intents.is_empty() {
        return Ok(());
    }
    session.inner.write(&first).await?;
    tokio::time::sleep(Duration::from_millis(30)).await;
    // Back to what the second step expects.
    for (intent, wanted) in first.intents.iter_mut().zip(&request.intents) {
        intent.cells.clone_from(&wanted.expected);
    }
    session.inner.write(&first).await.map(drop)
}
