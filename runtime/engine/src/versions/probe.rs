//! Two versions asked the same, side by side, through sessions of their own:
//! whether they can work, what columns there are, what rows hold.

use std::time::Duration;

use lockstep_core::{
    change::{ChangeBatch, Found, Selection},
    key::Key,
    schema::Object,
};
use tokio::time::sleep;

use super::{
    compare,
    switch::Recorded,
    trial::{Objection, failed},
};
use crate::{
    Connector, Role, Session, SessionError, SessionErrorKind,
    port::{FetchRequest, PageRequest},
};

/// Rows of an object that are compared: the first ones, and those that changed last.
const FIRST_MAX: u32 = 20;
const LAST_MAX: usize = 40;
/// Objects whose rows are compared.
const OBJECTS_MAX: usize = 8;
const BYTES_MAX: u32 = 1 << 20;
/// How often rows are asked for, and the time between two attempts.
const FETCHES_MAX: u32 = 5;
const FETCH_AGAIN: Duration = Duration::from_millis(100);
const FETCH_AGAIN_MAX: Duration = Duration::from_secs(2);

/// What both read.
#[derive(Default)]
pub(super) struct Read {
    pub(super) rows: usize,
    pub(super) differences: Vec<String>,
}

/// What the new version finds wrong that the old one does not.
///
/// # Errors
/// What the new version failed in, in words.
pub(super) async fn check(old: &dyn Connector, new: &dyn Connector, objects: &[String]) -> Result<Vec<String>, String> {
    let told = |call: &'static str| move |error: SessionError| words(call, &error);
    let mut session = new.open(Role::Read).await.map_err(told("open"))?;
    let found = session.check(objects).await.map_err(told("check"))?;
    let before = match old.open(Role::Read).await {
        Ok(mut session) => session.check(objects).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    Ok(compare::checked(&before, &found))
}

/// Where both versions read differently. What the old one cannot be asked is not compared.
///
/// # Errors
/// What the new version failed in, in words.
pub(super) async fn reads(
    old: &dyn Connector,
    new: &dyn Connector,
    objects: &[String],
    last: Option<&Recorded>,
) -> Result<Read, String> {
    let mut read = Read::default();
    if objects.is_empty() {
        return Ok(read);
    }
    let mut new = new.open(Role::Read).await.map_err(|error| words("open", &error))?;
    let described = new.discover(objects).await.map_err(|error| words("discover", &error))?;
    let Ok(mut old) = old.open(Role::Read).await else {
        return Ok(read);
    };
    let Ok(known) = old.discover(objects).await else {
        return Ok(read);
    };
    read.differences = compare::described(&known, &described);
    for object in known.iter().filter(|object| objects.contains(&object.name)).take(OBJECTS_MAX) {
        rows(old.as_mut(), new.as_mut(), object, last, &mut read).await?;
    }
    Ok(read)
}

fn words(call: &str, error: &SessionError) -> String {
    match failed(call, error) {
        Objection::Failed(why) => why,
        Objection::Differs(what) => what.join("; "),
    }
}

async fn rows(
    old: &mut dyn Session,
    new: &mut dyn Session,
    object: &Object,
    last: Option<&Recorded>,
    read: &mut Read,
) -> Result<(), String> {
    if object.key.is_empty() || !object.obstacle.is_empty() {
        return Ok(());
    }
    let asked = last.and_then(|last| last.request.selections.iter().find(|one| one.object == object.name));
    let selection = asked.cloned().unwrap_or_else(|| Selection {
        object: object.name.clone(),
        columns: object.columns.iter().map(|column| column.name.clone()).collect(),
    });
    let first =
        PageRequest { selection: selection.clone(), after: [].into(), rows_max: FIRST_MAX, bytes_max: BYTES_MAX };
    let Ok(page) = old.read(&first).await else {
        return Ok(());
    };
    let mut keys: Vec<Key> = page.rows.into_iter().map(|row| row.key).collect();
    keys.extend(last.map(|last| changed(&last.answer.batches, &object.name)).unwrap_or_default());
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(key.clone()));
    if keys.is_empty() {
        return Ok(());
    }
    read.rows += keys.len();
    let columns = selection.columns.clone();
    let request = FetchRequest { selection, by: object.key.clone(), keys };
    let Ok(before) = fetch(old, &request).await else {
        return Ok(());
    };
    let found = fetch(new, &request).await.map_err(|error| words("fetch", &error))?;
    let Ok(after) = fetch(old, &request).await else {
        return Ok(());
    };
    read.differences.extend(compare::fetched(&object.name, &columns, &before, &found, &after));
    Ok(())
}

/// Current rows, asked for again where the system was only busy: under load
/// a deadlock with somebody's edit says nothing about a version.
async fn fetch(session: &mut dyn Session, request: &FetchRequest) -> Result<Vec<Found>, SessionError> {
    for _ in 1..FETCHES_MAX {
        match session.fetch(request).await {
            Err(error) if matches!(error.kind, SessionErrorKind::Retry | SessionErrorKind::Throttled) => {
                let asked = Duration::from_millis(u64::from(error.retry_after_ms.unwrap_or_default()));
                sleep(asked.clamp(FETCH_AGAIN, FETCH_AGAIN_MAX)).await;
            }
            answer => return answer,
        }
    }
    session.fetch(request).await
}

/// Keys of an object's rows that changed last.
fn changed(batches: &[ChangeBatch], object: &str) -> Vec<Key> {
    let rows = batches.iter().rev().filter(|batch| *batch.object == *object).flat_map(|batch| batch.rows.iter().rev());
    rows.take(LAST_MAX).map(|row| row.key.clone()).collect()
}
