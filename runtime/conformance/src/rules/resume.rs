//! That nothing falls between a read and the stream, or between two sessions.

use std::sync::Arc;

use lockstep_core::{
    change::{Cursor, Row},
    key::Key,
    write::Outcome,
};
use lockstep_host::Role;

use crate::{
    bench::{
        Bench, describe,
        stream::{RECORDS, Told},
    },
    report::{Checked, Stop, expect},
    subject::Opening,
};

/// Rows that are there before the read begins.
const ROWS: usize = 10;
const PAGE_ROWS: u32 = 4;
/// Cursors that are gone on from.
const CURSORS: usize = 4;

/// Edits, a create and a delete between the pages of a full read.
pub(crate) async fn no_gap(bench: &mut Bench<'_>) -> Checked {
    bench.follow().await?;
    let made = bench.create(ROWS).await?;
    let mut keys: Vec<Key> = made.iter().map(|made| made.key.clone()).collect();
    let at = bench.scratch().await?.edited;
    // The position of the initial copy: taken anew, before the first page.
    bench.leave().await;
    bench.follow().await?;
    let reader = bench.subject.open(Role::Read, Opening::AsConfigured).await?;
    let mut rows: Vec<Row> = Vec::new();
    let mut after: Arc<[u8]> = Arc::from([]);
    // The last one is deleted.
    let mut edited = made.iter().take(ROWS - 1);
    let mut pages = 0;
    let mut read = 0;
    loop {
        let page = bench.page(&*reader, &after, PAGE_ROWS).await?;
        read += page.rows.len();
        rows.extend(page.rows.into_iter().filter(|row| keys.contains(&row.key)));
        pages += 1;
        // Some of these were read already, some not yet.
        for made in edited.by_ref().take(2) {
            let to = bench.value(at, pages).await?;
            bench.edit(&made.key, at, made.cell(at), to).await?;
        }
        if pages == 1 {
            keys.extend(bench.create(1).await?.into_iter().map(|made| made.key));
        }
        if pages == 2 && bench.can("delete") {
            let (writer, columns) = (bench.writer().await?, bench.scratch().await?.columns.len());
            if let Some(last) = made.last() {
                let outcome = bench.delete(&*writer, &last.key, vec![None; columns]).await?;
                expect(matches!(outcome, Outcome::Applied(_)), "the delete to be applied", || describe(&outcome))?;
            }
        }
        if page.next.is_empty() {
            break;
        }
        if read > bench.settings.rows_max {
            return Err(Stop::skip(format!("the object holds more than {read} rows: name a smaller one")));
        }
        after = page.next;
    }
    let (told, missing) = bench.collect_rows(RECORDS, &keys, &rows).await?;
    expect(told.gaps.is_empty(), "changes, not `gap` or `truncate`", || format!("{:?}", told.gaps))?;
    match missing {
        None => Ok(()),
        Some(missing) => Err(Stop::failed("read and stream together to show what is there", missing)),
    }
}

/// From every cursor, in a new session, to the same end.
pub(crate) async fn resumes(bench: &mut Bench<'_>) -> Checked {
    bench.follow().await?;
    let durable = bench.durable();
    let made = bench.create(4).await?;
    let keys: Vec<Key> = made.iter().map(|made| made.key.clone()).collect();
    let at = bench.scratch().await?.edited;
    for (turn, made) in (1..).zip(&made) {
        let to = bench.value(at, turn).await?;
        bench.edit(&made.key, at, made.cell(at), to).await?;
    }
    let (whole, missing) = bench.collect_rows(2, &keys, &[]).await?;
    if let Some(missing) = missing {
        return Err(Stop::failed("the rows to be told", missing));
    }
    let there = bench.fetch(&keys).await?;
    let columns = bench.scratch().await?.columns.clone();
    for (step, cursor) in places(&whole) {
        bench.resume_at(cursor, durable.clone()).await?;
        let differs = |later: &Told| {
            let both = joined(&whole, step, later);
            let mut rows = keys.iter().zip(&there);
            rows.find_map(|(key, there)| both.differs(key, None, there.as_ref(), &columns))
        };
        let later = bench.collect(RECORDS, |later| differs(later).is_none()).await?;
        if let Some(missing) = differs(&later) {
            let what = format!("a new session at the cursor of answer {step} to tell the rest");
            return Err(Stop::failed(what, missing));
        }
    }
    // Where everything is told, a new session tells what comes next.
    let last = made.first().ok_or_else(|| Stop::skip("no row"))?;
    let now = bench.fetch_one(&last.key).await?;
    let to = bench.value(at, 99).await?;
    let (cursor, durable) = bench.leave().await.ok_or_else(|| Stop::skip("no stream"))?;
    bench.edit(&last.key, at, now.cells.get(at).cloned().flatten(), to).await?;
    bench.resume_at(cursor, durable).await?;
    let (_, missing) = bench.collect_rows(RECORDS, std::slice::from_ref(&last.key), &[now]).await?;
    match missing {
        None => Ok(()),
        Some(missing) => Err(Stop::failed("a new session at the last cursor to tell the next edit", missing)),
    }
}

/// Cursors to go on from, spread over the stretch: the answer each came with.
fn places(told: &Told) -> Vec<(usize, Cursor)> {
    let mut places: Vec<(usize, Cursor)> = Vec::new();
    for (at, step) in told.steps.iter().enumerate() {
        let cursor = &step.changes.cursor;
        match places.last_mut() {
            // All answers up to the last with this cursor are told.
            Some((last, known)) if known == cursor => *last = at,
            _ => places.push((at, cursor.clone())),
        }
    }
    let every = places.len().div_ceil(CURSORS).max(1);
    places.into_iter().step_by(every).collect()
}

/// What was told up to an answer, and then by a later session.
fn joined(whole: &Told, step: usize, later: &Told) -> Told {
    // What a cursor stands after is told only once it moved past it.
    let kept = whole.steps.get(step).map(|step| step.changes.cursor.clone()).unwrap_or_default();
    let first_with = whole.steps.iter().position(|step| step.changes.cursor == kept).unwrap_or(0);
    let mut events: Vec<_> = whole.events.iter().filter(|event| event.step <= first_with).cloned().collect();
    events.extend(later.events.iter().cloned());
    Told { steps: Vec::new(), events, gaps: Vec::new() }
}
