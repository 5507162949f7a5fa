//! Writes that are cut off: the session is thrown away in the middle of the
//! call, as when the process dies.

use std::time::Duration;

use lockstep_core::write::{Outcome, WriteRequest};
use lockstep_host::Role;

use crate::{
    bench::{
        Bench, cell, creation, describe, edit,
        value::{same, show},
    },
    report::{Checked, expect},
    subject::Opening,
};

/// When the call is cut off, in microseconds: before, during and after it reaches the system.
const CUTS_US: [u64; 5] = [0, 500, 1_500, 4_000, 10_000];
/// What was on its way arrives within this.
const SETTLE: Duration = Duration::from_millis(150);

pub(crate) async fn write(bench: &mut Bench<'_>) -> Checked {
    let scratch = bench.scratch().await?;
    let at = scratch.edited;
    for cut_us in CUTS_US {
        let made = bench.create_one().await?;
        let to = bench.value(at, 1).await?;
        let cells = bench.cells().await?;
        let written = cells.get(at).cloned().flatten();
        let columns = scratch.columns.len();
        let mut intents = vec![edit(&made.key, columns, at, made.cell(at), to.clone())];
        if scratch.unique.is_some() {
            intents.push(creation(cells, columns));
        }
        let request = WriteRequest {
            object: scratch.object.name.clone(),
            columns: scratch.columns.clone(),
            intents: intents.clone(),
            returning: scratch.columns.clone(),
        };
        let session = bench.subject.open(Role::Write, Opening::AsConfigured).await?;
        // Signed in and connected, so that the cut meets the write itself.
        let warm = lockstep_host::FetchRequest {
            selection: scratch.selection(),
            by: scratch.object.key.clone(),
            keys: vec![made.key.clone()],
        };
        session.fetch(&warm).await?;
        let cut = tokio::time::timeout(Duration::from_micros(cut_us), session.write(&request)).await;
        drop(session);
        tokio::time::sleep(SETTLE).await;
        let wanted = Some(to);
        let held = bench.held(&made.key, at).await?;
        let is_whole = same(&held, &wanted) || (cut.is_err() && same(&held, &made.cell(at)));
        expect(is_whole, "the value of before or the one wanted", || show(&held))?;
        let again = bench.subject.open(Role::Write, Opening::AsConfigured).await?;
        let outcomes = bench.write(&*again, intents).await?;
        for outcome in &outcomes {
            // A duplicate may be anybody's; the kit's own holds what it wrote.
            match outcome {
                Outcome::Applied(row) if row.key != made.key => bench.own(&row.key),
                Outcome::Duplicate(row) if same(&cell(row, at), &written) => bench.own(&row.key),
                _ => {}
            }
            let fits = matches!(outcome, Outcome::Applied(_) | Outcome::Conflict(_) | Outcome::Duplicate(_));
            expect(fits, "the same write sent again to be `applied`, `conflict` or `duplicate`", || describe(outcome))?;
        }
        let held = bench.held(&made.key, at).await?;
        expect(same(&held, &wanted), "the row to hold what was wanted in the end", || show(&held))?;
    }
    Ok(())
}
