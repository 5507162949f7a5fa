//! The competing writer: nothing that somebody else wrote is lost unsaid.

use std::time::{Duration, Instant};

use futures_util::future::join;
use lockstep_core::write::Outcome;

use crate::{
    bench::{
        Bench, describe, edit, send,
        value::{same, show},
    },
    report::{Checked, Stop, expect},
};

/// How often two writers run against each other.
const ROUNDS: u32 = 5;
/// Moments of a write at which somebody else gets in between.
const DELAYS: u32 = 8;
/// A write that takes longer is taken for one of this length.
const SPAN_MAX: Duration = Duration::from_secs(2);

/// The other writer was first: ours is a conflict that shows theirs.
pub(crate) async fn stale(bench: &mut Bench<'_>) -> Checked {
    bench.writes()?;
    let made = bench.create_one().await?;
    let scratch = bench.scratch().await?;
    let at = scratch.edited;
    let (writer, rival) = (bench.writer().await?, bench.rival().await?);
    let theirs = bench.value(at, 1).await?;
    let outcome = bench.update(&*rival, &made.key, at, made.cell(at), theirs).await?;
    expect(matches!(outcome, Outcome::Applied(_)), "the other writer to be first", || describe(&outcome))?;
    let theirs = bench.held(&made.key, at).await?;
    let ours = bench.value(at, 2).await?;
    let outcome = bench.update(&*writer, &made.key, at, made.cell(at), ours).await?;
    let held = bench.held(&made.key, at).await?;
    expect(same(&held, &theirs), "the other writer's value to stay", || {
        format!("{} ({})", show(&held), describe(&outcome))
    })?;
    match &outcome {
        Outcome::Conflict(row) => {
            let shown = row.cells.get(at).cloned().flatten();
            expect(same(&shown, &theirs), format!("the conflict to show {}", show(&theirs)), || show(&shown))?;
        }
        other => return Err(Stop::failed("`conflict`", describe(other))),
    }
    let Some(other) = scratch.other else { return Ok(()) };
    // A different column: whatever the outcome, neither edit may be lost.
    let aside = bench.value(other, 3).await?;
    let before = bench.fetch_one(&made.key).await?;
    let from = before.cells.get(other).cloned().flatten();
    let outcome = bench.update(&*rival, &made.key, other, from, aside).await?;
    expect(matches!(outcome, Outcome::Applied(_)), "the other writer's other column", || describe(&outcome))?;
    let aside = bench.held(&made.key, other).await?;
    let ours = bench.value(at, 4).await?;
    let outcome = bench.update(&*writer, &made.key, at, theirs, ours).await?;
    let fits = matches!(outcome, Outcome::Applied(_) | Outcome::Conflict(_));
    expect(fits, "an edit of another column to be `applied`, or `conflict`", || describe(&outcome))?;
    let held = bench.held(&made.key, other).await?;
    expect(same(&held, &aside), "the other writer's other column to stay", || show(&held))
}

/// Both at once, both expecting the same: one of them is told.
pub(crate) async fn race(bench: &mut Bench<'_>) -> Checked {
    bench.writes()?;
    let scratch = bench.scratch().await?;
    let at = scratch.edited;
    let (writer, rival) = (bench.writer().await?, bench.rival().await?);
    for round in 0..ROUNDS {
        let made = bench.create_one().await?;
        let (ours, theirs) = (bench.value(at, 2 * round + 1).await?, bench.value(at, 2 * round + 2).await?);
        let intent = |to| vec![edit(&made.key, scratch.columns.len(), at, made.cell(at), to)];
        let both =
            join(send(&*writer, &scratch, intent(ours.clone())), send(&*rival, &scratch, intent(theirs.clone()))).await;
        let (first, second) = (both.0?, both.1?);
        let (Some(first), Some(second)) = (first.first(), second.first()) else {
            return Err(Stop::failed("one outcome for one intent", "none"));
        };
        let shown = format!("{} and {}", describe(first), describe(second));
        let applied = [first, second].iter().filter(|outcome| matches!(outcome, Outcome::Applied(_))).count();
        expect(applied < 2, "two writers that expect the same not both to be `applied`", || shown.clone())?;
        let held = bench.held(&made.key, at).await?;
        let is_held = |value| same(&held, &Some(value));
        let wrote = |outcome: &Outcome| matches!(outcome, Outcome::Applied(_) | Outcome::Overwrote(..));
        if wrote(first) && !wrote(second) {
            expect(is_held(ours), "the value of the writer that was applied", || format!("{} ({shown})", show(&held)))?;
        } else if wrote(second) && !wrote(first) {
            expect(is_held(theirs), "the value of the writer that was applied", || {
                format!("{} ({shown})", show(&held))
            })?;
        } else if wrote(first) {
            let fits = is_held(ours) || is_held(theirs);
            expect(fits, "the value of one of the two", || format!("{} ({shown})", show(&held)))?;
        } else {
            expect(same(&held, &made.cell(at)), "the value of before, as neither wrote", || {
                format!("{} ({shown})", show(&held))
            })?;
        }
    }
    Ok(())
}

/// One column is there already, as after a write whose answer was lost, and somebody
/// sets it while the other one is written: told as stored, theirs would never be news.
pub(crate) async fn meanwhile(bench: &mut Bench<'_>) -> Checked {
    bench.writes()?;
    let scratch = bench.scratch().await?;
    let (at, other) = (scratch.edited, scratch.other.ok_or_else(|| Stop::skip("no second column to write"))?);
    let (writer, rival) = (bench.writer().await?, bench.rival().await?);
    let (first, value) = (bench.create_one().await?, bench.value(other, 1).await?);
    let begun = Instant::now();
    bench.update(&*writer, &first.key, other, first.cell(other), value).await?;
    let span = begun.elapsed().min(SPAN_MAX);
    for round in 0..DELAYS {
        let made = bench.create_one().await?;
        let Some(held) = made.cell(at) else { return Err(Stop::skip("a create does not show what it set")) };
        let (ours, theirs) = (bench.value(other, 2 * round + 1).await?, bench.value(at, 2 * round + 2).await?);
        let columns = scratch.columns.len();
        let mut both = edit(&made.key, columns, other, made.cell(other), ours);
        if let (Some(cell), Some(expected)) = (both.cells.get_mut(at), both.expected.get_mut(at)) {
            (*cell, *expected) = (Some(held.clone()), Some(held));
        }
        let their = edit(&made.key, columns, at, made.cell(at), theirs.clone());
        // Each time a bit later within the time that a write takes.
        let late = async {
            tokio::time::sleep(span * round / DELAYS).await;
            send(&*rival, &scratch, vec![their]).await
        };
        let answered = join(send(&*writer, &scratch, vec![both]), late).await;
        let (first, second) = (answered.0?, answered.1?);
        let wrote = matches!(second.first(), Some(Outcome::Applied(_) | Outcome::Overwrote(..)));
        if let (true, Some(Outcome::Applied(row) | Outcome::Overwrote(row, _))) = (wrote, first.first()) {
            let told = row.cells.get(at).cloned().flatten();
            expect(!same(&told, &Some(theirs)), format!("the outcome to show {}", show(&made.cell(at))), || {
                format!("{}, which is the other writer's", show(&told))
            })?;
        }
    }
    Ok(())
}

pub(crate) async fn delete_stale(bench: &mut Bench<'_>) -> Checked {
    bench.needs("delete")?;
    bench.writes()?;
    let made = bench.create_one().await?;
    let scratch = bench.scratch().await?;
    let at = scratch.edited;
    let (writer, rival) = (bench.writer().await?, bench.rival().await?);
    let theirs = bench.value(at, 1).await?;
    let outcome = bench.update(&*rival, &made.key, at, made.cell(at), theirs).await?;
    expect(matches!(outcome, Outcome::Applied(_)), "the other writer to be first", || describe(&outcome))?;
    let mut expected = vec![None; scratch.columns.len()];
    if let Some(cell) = expected.get_mut(at) {
        *cell = made.cell(at);
    }
    let outcome = bench.delete(&*writer, &made.key, expected).await?;
    let held = bench.fetch(std::slice::from_ref(&made.key)).await?.into_iter().next().flatten();
    expect(held.is_some(), "the row with the other writer's edit to stay", || {
        format!("it is gone ({})", describe(&outcome))
    })?;
    expect(matches!(outcome, Outcome::Conflict(_)), "`conflict`", || describe(&outcome))
}
