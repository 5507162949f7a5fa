//! Broken checks, descriptions, pages and look-ups.

use std::sync::Arc;

use lockstep_core::{
    change::{Found, Page},
    schema::{CheckItem, Object},
    value::Value,
};
use lockstep_host::{FetchRequest, HostError, PageRequest};

use super::{Mutant, session::BrokenSession};

fn item(status: &str) -> CheckItem {
    CheckItem { name: "service".into(), status: status.into(), message: "looked".into(), remedy: String::new() }
}

pub(super) async fn check(session: &BrokenSession, objects: &[String]) -> Result<Vec<CheckItem>, HostError> {
    match session.mutant {
        Mutant::CheckSaysOk => Ok(vec![item("ok")]),
        Mutant::CheckWithoutRemedy => Ok(vec![item("warn")]),
        Mutant::OpenTakesAll => session.inner.check(&[]).await,
        _ => session.inner.check(objects).await,
    }
}

pub(super) async fn discover(session: &BrokenSession, objects: &[String]) -> Result<Vec<Object>, HostError> {
    if session.mutant == Mutant::DiscoverMakesUp {
        let mut all = session.inner.discover(&[]).await?;
        all.truncate(1);
        for (object, name) in all.iter_mut().zip(objects) {
            object.name.clone_from(name);
        }
        return Ok(all);
    }
    let mut found = session.inner.discover(objects).await?;
    for object in &mut found {
        match session.mutant {
            Mutant::DiscoverTwice => object.columns.extend(object.columns.last().cloned()),
            Mutant::DiscoverShuffles => {
                let by = session.count() as usize % object.columns.len().max(1);
                object.columns.rotate_left(by);
            }
            _ => {}
        }
    }
    Ok(found)
}

pub(super) async fn read(session: &BrokenSession, request: &PageRequest) -> Result<Page, HostError> {
    let mut request = request.clone();
    let mut made_up = Vec::new();
    match session.mutant {
        Mutant::PageOverflows => request.rows_max *= 2,
        Mutant::PageInSession => {
            // What another session gave is not known here: from the beginning.
            let number = request.after.first().copied().map(usize::from);
            request.after = number.and_then(|at| session.memory.lock().pages.get(at - 1).cloned()).unwrap_or_default();
        }
        Mutant::ColumnMadeUp => made_up = drop_unknown(session, &mut request.selection).await?,
        _ => {}
    }
    let mut page = session.inner.read(&request).await?;
    let mut memory = session.memory.lock();
    match session.mutant {
        Mutant::ReadSkips => drop(page.rows.pop()),
        Mutant::ReadRepeats => {
            let last = page.rows.last().cloned();
            if !request.after.is_empty() {
                page.rows.extend(memory.last_row.take());
            }
            memory.last_row = last;
        }
        Mutant::PageLoops => {
            if request.after.is_empty() {
                memory.first_page = Some(Arc::clone(&page.next));
            } else {
                page.next = memory.first_page.clone().unwrap_or_default();
            }
        }
        Mutant::PageInSession if !page.next.is_empty() => {
            memory.pages.push(Arc::clone(&page.next));
            page.next = Arc::from([u8::try_from(memory.pages.len()).unwrap_or(255)]);
        }
        _ => {}
    }
    for row in &mut page.rows {
        made_up.iter().for_each(|at| row.cells.insert(*at, Some(Value::Null)));
    }
    Ok(page)
}

/// Takes out what does not exist; its positions.
async fn drop_unknown(
    session: &BrokenSession,
    selection: &mut lockstep_core::change::Selection,
) -> Result<Vec<usize>, HostError> {
    let objects = session.inner.discover(std::slice::from_ref(&selection.object)).await?;
    let Some(object) = objects.first() else { return Ok(Vec::new()) };
    let unknown = |name: &String| object.column(name).is_none();
    let places = selection.columns.iter().enumerate().filter(|(_, name)| unknown(name)).map(|(at, _)| at).collect();
    selection.columns.retain(|name| !unknown(name));
    Ok(places)
}

pub(super) async fn fetch(session: &BrokenSession, request: &FetchRequest) -> Result<Vec<Found>, HostError> {
    let mut found = session.inner.fetch(request).await?;
    if session.mutant == Mutant::FetchMixed {
        let mut places: Vec<u32> = found.iter().map(|one| one.index).collect();
        places.reverse();
        for (one, place) in found.iter_mut().zip(places) {
            one.index = place;
        }
    }
    Ok(found)
}
