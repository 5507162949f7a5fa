//! Writes that are sent a second time, as after an answer that was lost.

use lockstep_core::{key::Key, write::Outcome};
use lockstep_host::FetchRequest;

use crate::{
    bench::{
        Bench, creation, describe,
        stream::name_of,
        value::{same, show},
    },
    report::{Checked, Stop, expect},
};

pub(crate) async fn create_twice(bench: &mut Bench<'_>) -> Checked {
    let scratch = bench.scratch().await?;
    let unique = scratch.unique.ok_or_else(|| Stop::skip("no unique column that is set when creating"))?;
    let cells = bench.cells().await?;
    let writer = bench.writer().await?;
    let intent = creation(cells, scratch.columns.len());
    let first = bench.write(&*writer, vec![intent.clone()]).await?.into_iter().next();
    let Some(Outcome::Applied(first)) = first else {
        return Err(Stop::failed("a create to be applied", first.as_ref().map_or("none".into(), describe)));
    };
    bench.own(&first.key);
    let second = bench.write(&*writer, vec![intent]).await?.into_iter().next();
    match &second {
        Some(Outcome::Duplicate(row)) => {
            expect(row.key == first.key, format!("the row {} to be shown", name_of(&first.key)), || name_of(&row.key))?;
        }
        other => {
            if let Some(Outcome::Applied(row)) = other {
                bench.own(&row.key);
            }
            return Err(Stop::failed("`duplicate`", other.as_ref().map_or("none".into(), describe)));
        }
    }
    let by = scratch.columns.get(unique).cloned().unwrap_or_default();
    let value = first.cells.get(unique).cloned().flatten().ok_or_else(|| Stop::skip("the outcome shows no value"))?;
    let request = FetchRequest { selection: scratch.selection(), by: vec![by], keys: vec![Key::new(vec![value])] };
    let found = bench.reader().await?.fetch(&request).await?;
    expect(found.len() == 1, "one row with the unique value", || format!("{}", found.len()))
}

pub(crate) async fn again(bench: &mut Bench<'_>) -> Checked {
    let made = bench.create_one().await?;
    let at = bench.scratch().await?.edited;
    let to = bench.value(at, 1).await?;
    bench.edit(&made.key, at, made.cell(at), to.clone()).await?;
    let before = bench.fetch_one(&made.key).await?;
    let writer = bench.writer().await?;
    let outcome = bench.update(&*writer, &made.key, at, made.cell(at), to).await?;
    match &outcome {
        Outcome::Applied(_) => {}
        Outcome::Conflict(row) => {
            let (shown, held) = (row.cells.get(at).cloned().flatten(), before.cells.get(at).cloned().flatten());
            expect(same(&shown, &held), format!("the conflict to show {}", show(&held)), || show(&shown))?;
        }
        other => return Err(Stop::failed("`applied`, or `conflict` with what is there", describe(other))),
    }
    let after = bench.fetch_one(&made.key).await?;
    for (before, after) in before.cells.iter().zip(&after.cells) {
        expect(same(before, after), format!("the row to stay ({})", show(before)), || show(after))?;
    }
    Ok(())
}
