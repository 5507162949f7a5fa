//! What the change stream tells of single rows.

use std::sync::Arc;

use lockstep_core::{key::Key, value::Cell, write::Outcome};

use crate::{
    bench::{
        Bench, describe,
        stream::{Event, RECORDS, Shown, Told, name_of},
        value::{same, show},
    },
    report::{Checked, Stop, expect},
};

/// Edits of one row, one after the other.
const EDITS: u32 = 5;
/// More changes than an answer may have.
const MANY: usize = 8;
const FEW: u32 = 3;

/// Cursors of a stretch: none comes again once another came after it.
pub(crate) async fn forward(bench: &mut Bench<'_>) -> Checked {
    bench.follow().await?;
    let begin = bench.cursor();
    let made = bench.create(MANY).await?;
    let keys: Vec<Key> = made.iter().map(|made| made.key.clone()).collect();
    let (mut told, missing) = bench.collect_rows(2, &keys, &[]).await?;
    if let Some(missing) = missing {
        return Err(Stop::failed("the rows to be told", missing));
    }
    let until = bench.deadline();
    for _ in 0..2 {
        let step = bench.step(RECORDS, 200, until).await?;
        bench.take(&mut told, step).await?;
    }
    let mut passed = vec![begin.clone()];
    for step in &told.steps {
        let cursor = &step.changes.cursor;
        if passed.last() == Some(cursor) {
            continue;
        }
        expect(!passed.contains(cursor), "a cursor after those before it", || {
            let place = passed.iter().position(|known| known == cursor).unwrap_or(0);
            format!("the cursor of answer {place} again, after {} others", passed.len())
        })?;
        passed.push(cursor.clone());
    }
    expect(passed.len() > 1, "a cursor that moves when changes are given", || "it never moved".into())
}

pub(crate) async fn order(bench: &mut Bench<'_>) -> Checked {
    bench.follow().await?;
    let made = bench.create_one().await?;
    let at = bench.scratch().await?.edited;
    let mut values = vec![made.cell(at)];
    for turn in 1..=EDITS {
        let to = bench.value(at, turn).await?;
        let from = values.last().cloned().flatten();
        let stored = bench.edit(&made.key, at, from, to).await?;
        values.push(stored.cells.get(at).cloned().flatten());
    }
    let (told, missing) = bench.collect_rows(RECORDS, std::slice::from_ref(&made.key), &[]).await?;
    if let Some(missing) = missing {
        return Err(Stop::failed("the last edit to be told last", missing));
    }
    let mut reached = 0;
    let mut versions: Vec<Arc<[u8]>> = Vec::new();
    for event in told.of(&made.key) {
        if !event.is_fetched && !event.version.order.is_empty() {
            let is_older = versions.last().is_some_and(|last| event.version.order < *last);
            expect(!is_older, "versions that grow", || "a change with an older version after a newer one".into())?;
            versions.push(Arc::clone(&event.version.order));
        }
        let told = event.cells.as_ref().and_then(|cells| cells.get(at).cloned().flatten());
        let Some(told) = told else { continue };
        let place = values.iter().position(|value| same(value, &Some(told.clone())));
        let place = place.ok_or_else(|| {
            Stop::failed("values that were written", format!("{} was never", show(&Some(told.clone()))))
        })?;
        expect(place >= reached, "edits in the order they were made", || {
            format!("edit {place} was told after edit {reached}")
        })?;
        reached = place;
    }
    Ok(())
}

pub(crate) async fn tombstone(bench: &mut Bench<'_>) -> Checked {
    bench.needs("delete")?;
    bench.follow().await?;
    let made = bench.create(2).await?;
    let keys: Vec<Key> = made.iter().map(|made| made.key.clone()).collect();
    let (_, missing) = bench.collect_rows(RECORDS, &keys, &[]).await?;
    if let Some(missing) = missing {
        return Err(Stop::failed("the rows to be told", missing));
    }
    let writer = bench.writer().await?;
    let columns = bench.scratch().await?.columns.len();
    for key in &keys {
        let outcome = bench.delete(&*writer, key, vec![None; columns]).await?;
        expect(matches!(outcome, Outcome::Applied(_)), "the delete to be applied", || describe(&outcome))?;
    }
    let is_told = |told: &Told| keys.iter().all(|key| told.overlay(key, None) == Shown::Gone);
    let told = bench.collect(RECORDS, is_told).await?;
    for key in &keys {
        let shown = told.overlay(key, None);
        expect(shown == Shown::Gone, format!("the row {} to be told as deleted", name_of(key)), || match shown {
            Shown::Untold => "nothing was told of it".into(),
            _ => "it is told as there".into(),
        })?;
    }
    Ok(())
}

/// Every told cell is what the row holds, whether it was edited or not.
pub(crate) async fn unchanged(bench: &mut Bench<'_>) -> Checked {
    bench.follow().await?;
    let made = bench.create_one().await?;
    let (_, missing) = bench.collect_rows(RECORDS, std::slice::from_ref(&made.key), &[]).await?;
    if let Some(missing) = missing {
        return Err(Stop::failed("the new row to be told", missing));
    }
    let scratch = bench.scratch().await?;
    let to = bench.value(scratch.edited, 1).await?;
    let stored = bench.edit(&made.key, scratch.edited, made.cell(scratch.edited), to).await?;
    let edited = stored.cells.get(scratch.edited).cloned().flatten();
    let is_there = |told: &Told| {
        let mut cells = told.of(&made.key).filter_map(|event| event.cells.as_ref()?.get(scratch.edited).cloned());
        cells.any(|cell| same(&cell, &edited))
    };
    let told = bench.collect(RECORDS, is_there).await?;
    expect(is_there(&told), "the edit to be told", || "it was not".into())?;
    let held = bench.fetch_one(&made.key).await?;
    for event in told.of(&made.key) {
        let Some(cells) = &event.cells else { continue };
        for (at, (cell, column)) in cells.iter().zip(scratch.columns.iter()).enumerate() {
            let holds = held.cells.get(at).cloned().flatten();
            if at == scratch.edited || cell.is_none() {
                continue;
            }
            expect(same(cell, &holds), format!("`{column}` as it is ({}), or absent", show(&holds)), || show(cell))?;
        }
    }
    Ok(())
}

pub(crate) async fn bounds(bench: &mut Bench<'_>) -> Checked {
    bench.follow().await?;
    let made = bench.create(MANY).await?;
    let keys: Vec<Key> = made.iter().map(|made| made.key.clone()).collect();
    let (told, missing) = bench.collect_rows(FEW, &keys, &[]).await?;
    for step in &told.steps {
        let rows: usize = step.changes.batches.iter().map(|batch| batch.rows.len()).sum();
        expect(rows <= FEW as usize, format!("at most {FEW} changes in an answer"), || format!("{rows}"))?;
    }
    match missing {
        None => Ok(()),
        Some(missing) => Err(Stop::failed("the rest to follow", missing)),
    }
}

/// A competing writer's edit is newer than what our own write and a read said before it.
pub(crate) async fn version(bench: &mut Bench<'_>) -> Checked {
    bench.follow().await?;
    let made = bench.create_one().await?;
    let at = bench.scratch().await?.edited;
    let first = bench.value(at, 1).await?;
    let written = bench.edit(&made.key, at, made.cell(at), first).await?;
    let read = bench.fetch_one(&made.key).await?;
    let second = bench.value(at, 2).await?;
    let rival = bench.rival().await?;
    let from: Cell = written.cells.get(at).cloned().flatten();
    let outcome = bench.update(&*rival, &made.key, at, from, second.clone()).await?;
    expect(matches!(outcome, Outcome::Applied(_)), "the other writer's edit to be applied", || describe(&outcome))?;
    let last = bench.held(&made.key, at).await?;
    let tells = |event: &&Event| {
        let told = event.cells.as_ref().and_then(|cells| cells.get(at).cloned().flatten());
        told.is_some() && same(&told, &last)
    };
    let told = bench.collect(RECORDS, |told| told.of(&made.key).any(|event| tells(&event))).await?;
    let event = told.of(&made.key).find(tells);
    let event = event.ok_or_else(|| Stop::failed("the other writer's edit to be told", "it was not"))?;
    for (what, version) in [("our write before it", &written.version), ("a read before it", &read.version)] {
        expect(!event.version.is_stale_against(version), format!("the edit to be newer than {what}"), || {
            format!("its version {} is not above {}", hex(&event.version.order), hex(&version.order))
        })?;
    }
    // And the other way round: what is read after an edit is not older than it.
    let after = bench.fetch_one(&made.key).await?;
    let is_older = !after.version.order.is_empty()
        && !event.is_fetched
        && after.version.order < event.version.order
        && !event.version.order.is_empty();
    expect(!is_older, "a read after an edit not to be older than it", || {
        format!("the read's version {} is below {}", hex(&after.version.order), hex(&event.version.order))
    })?;
    let written = Some(second);
    expect(same(&last, &written), "the other writer's value", || show(&last))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
