//! Several intents in one call, good ones and bad ones.

use std::sync::Arc;

use lockstep_core::{
    schema::Kind,
    value::Value,
    write::{Intent, Outcome, WriteRequest},
};
use lockstep_host::HostError;

use super::NO_COLUMN;
use crate::{
    bench::{
        Bench, Made, Scratch, describe, edit,
        stream::name_of,
        value::{same, show},
    },
    report::{Checked, Stop, expect, told},
};

/// Intents of one call.
const MANY: usize = 6;

/// A text that a column of that length cannot hold.
const LONG_MAX: u32 = 100_000;

/// Two of the good ones around each bad one.
pub(crate) async fn isolated(bench: &mut Bench<'_>) -> Checked {
    let made = bench.create(MANY).await?;
    let scratch = bench.scratch().await?;
    let at = scratch.edited;
    let bad = bad_ones(bench, &scratch, &made).await?;
    if bad.is_empty() {
        return Err(Stop::skip("no intent can be made that must be refused"));
    }
    let mut intents = Vec::new();
    let mut good = Vec::new();
    let mut bad_at = Vec::new();
    let mut rows = made.iter().take(MANY - 1);
    for bad in bad.into_iter().map(Some).chain([None]) {
        for made in rows.by_ref().take(2) {
            let to = bench.value(at, 1).await?;
            good.push((intents.len(), made, to.clone()));
            intents.push(edit(&made.key, scratch.columns.len(), at, made.cell(at), to));
        }
        if let Some(bad) = bad {
            bad_at.push(intents.len());
            intents.push(bad);
        }
    }
    let writer = bench.writer().await?;
    let count = intents.len();
    let outcomes = bench.write(&*writer, intents).await?;
    for (place, made, to) in good {
        let outcome = outcomes.get(place).ok_or_else(|| Stop::failed(format!("{count} outcomes"), "fewer"))?;
        let fits = matches!(outcome, Outcome::Applied(_));
        expect(fits, format!("intent {place}, which is good, to be applied"), || describe(outcome))?;
        let held = bench.held(&made.key, at).await?;
        expect(same(&held, &Some(to)), "an applied row to hold its value", || show(&held))?;
    }
    for place in bad_at {
        let outcome = outcomes.get(place).ok_or_else(|| Stop::failed(format!("{count} outcomes"), "fewer"))?;
        let took = matches!(outcome, Outcome::Applied(_) | Outcome::Overwrote(..));
        expect(!took, format!("intent {place} to be refused"), || describe(outcome))?;
    }
    Ok(())
}

/// What no system takes: a row that is gone, a text that is too long.
async fn bad_ones(bench: &mut Bench<'_>, scratch: &Scratch, made: &[Made]) -> Checked<Vec<Intent>> {
    let mut bad = Vec::new();
    if bench.can("delete") {
        let (gone, writer) = (bench.create(1).await?, bench.writer().await?);
        if let Some(gone) = gone.first() {
            bench.delete(&*writer, &gone.key, vec![None; scratch.columns.len()]).await?;
            let to = bench.value(scratch.edited, 1).await?;
            bad.push(edit(&gone.key, scratch.columns.len(), scratch.edited, gone.cell(scratch.edited), to));
        }
    }
    // The last row's own edit is the bad one: it is not among the good.
    if let (Some((at, value)), Some(last)) = (unfit(scratch), made.last()) {
        bad.push(edit(&last.key, scratch.columns.len(), at, last.cell(at), value));
    }
    Ok(bad)
}

/// A value that a column says it cannot hold.
fn unfit(scratch: &Scratch) -> Option<(usize, Value)> {
    scratch.described.iter().enumerate().find_map(|(at, column)| {
        let kind = &column.column_type;
        if !column.updateable || scratch.object.key.contains(&column.name) {
            return None;
        }
        match (kind.kind, kind.length, kind.precision) {
            (Kind::Text, Some(length), _) if length <= LONG_MAX => {
                Some((at, Value::text("x".repeat(length as usize + 1))))
            }
            (Kind::Decimal, _, Some(precision)) if precision <= 100 => {
                Some((at, Value::Decimal(Arc::from("9".repeat(precision as usize + 1)))))
            }
            _ => None,
        }
    })
}

pub(crate) async fn order(bench: &mut Bench<'_>) -> Checked {
    let made = bench.create(MANY).await?;
    let scratch = bench.scratch().await?;
    let at = scratch.edited;
    let mut wanted = Vec::new();
    let mut intents = Vec::new();
    let rival = bench.rival().await?;
    // Of every other one somebody else was faster.
    for (place, row) in made.iter().enumerate() {
        let to = bench.value(at, 1).await?;
        intents.push(edit(&row.key, scratch.columns.len(), at, row.cell(at), to.clone()));
        if place % 2 == 0 {
            wanted.push(Some(to));
            continue;
        }
        let theirs = bench.value(at, 9).await?;
        let outcome = bench.update(&*rival, &row.key, at, row.cell(at), theirs.clone()).await?;
        expect(matches!(outcome, Outcome::Applied(_)), "the other writer to be first", || describe(&outcome))?;
        wanted.push(Some(theirs));
    }
    let writer = bench.writer().await?;
    let outcomes = bench.write(&*writer, intents).await?;
    for (place, ((row, wanted), outcome)) in made.iter().zip(&wanted).zip(&outcomes).enumerate() {
        let shown = match (place % 2, outcome) {
            (0, Outcome::Applied(shown)) => shown,
            (_, Outcome::Conflict(shown)) if place % 2 == 1 => shown,
            (0, other) => return Err(Stop::failed(format!("intent {place} to be `applied`"), describe(other))),
            (_, other) => {
                bench.writes()?;
                return Err(Stop::failed(format!("intent {place} to be `conflict`"), describe(other)));
            }
        };
        let (own, other) = (name_of(&row.key), name_of(&shown.key));
        expect(own == other, format!("outcome {place} to show the row {own}"), || format!("the row {other}"))?;
        let shown = shown.cells.get(at).cloned().flatten();
        expect(same(&shown, wanted), format!("outcome {place} to show {}", show(wanted)), || show(&shown))?;
        let held = bench.held(&row.key, at).await?;
        expect(same(&held, wanted), format!("row {place} to hold {}", show(wanted)), || show(&held))?;
    }
    Ok(())
}

pub(crate) async fn refused(bench: &mut Bench<'_>) -> Checked {
    let made = bench.create_one().await?;
    let scratch = bench.scratch().await?;
    let writer = bench.writer().await?;
    unknown_column(bench, &scratch, &made).await?;
    let Some((at, value)) = unfit(&scratch) else { return Ok(()) };
    let outcome = bench.update(&*writer, &made.key, at, made.cell(at), value).await?;
    let Outcome::Rejected(rejection) = &outcome else {
        return Err(Stop::failed("a value that does not fit to be `rejected`", describe(&outcome)));
    };
    expect(!rejection.code.is_empty(), "a rejection with a code", || "none".into())?;
    expect(!rejection.message.is_empty(), "a rejection with words", || rejection.code.clone())?;
    let held = bench.held(&made.key, at).await?;
    expect(same(&held, &made.cell(at)), "the row to stay as it was", || show(&held))
}

/// Refused as a whole or row by row, and nothing written either way.
async fn unknown_column(bench: &mut Bench<'_>, scratch: &Scratch, made: &Made) -> Checked {
    let mut columns = scratch.columns.to_vec();
    columns.push(NO_COLUMN.to_owned());
    let to = bench.value(scratch.edited, 1).await?;
    let mut intent = edit(&made.key, scratch.columns.len(), scratch.edited, made.cell(scratch.edited), to);
    intent.cells.push(Some(Value::text("x")));
    intent.expected.push(None);
    let request = WriteRequest {
        object: scratch.object.name.clone(),
        columns: Arc::from(columns),
        intents: vec![intent],
        returning: Arc::clone(&scratch.columns),
    };
    let expected = "a write of a column that does not exist to be `rejected`, or refused with `not-found`";
    match bench.writer().await?.write(&request).await {
        Ok(outcomes) => match outcomes.first() {
            Some(Outcome::Rejected(_)) => {}
            other => return Err(Stop::failed(expected, other.map_or("no outcome".into(), describe))),
        },
        Err(HostError::Guest(error)) if ["not-found", "config", "unsupported"].contains(&error.code.as_str()) => {}
        Err(error) => return Err(Stop::failed(expected, told(&error))),
    }
    let held = bench.held(&made.key, scratch.edited).await?;
    expect(same(&held, &made.cell(scratch.edited)), "the row to stay as it was", || show(&held))
}
