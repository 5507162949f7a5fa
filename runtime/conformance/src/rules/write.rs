//! Plain writes: what was said to be applied is what the system then holds.

use lockstep_core::{change::Row, key::Key, value::Value, write::Outcome};

use crate::{
    bench::{
        Bench, describe,
        stream::name_of,
        value::{same, show},
    },
    report::{Checked, Stop, expect},
};

/// What an outcome showed is what is there.
async fn holds(bench: &mut Bench<'_>, told: &Row) -> Checked<Row> {
    let held = bench.fetch_one(&told.key).await?;
    let columns = bench.scratch().await?.columns.clone();
    for (column, (told, held)) in columns.iter().zip(told.cells.iter().zip(&held.cells)) {
        let fits = told.is_none() || same(told, held);
        expect(fits, format!("`{column}` to hold {}, as the outcome shows", show(told)), || show(held))?;
    }
    Ok(held)
}

pub(crate) async fn create(bench: &mut Bench<'_>) -> Checked {
    let scratch = bench.scratch().await?;
    let cells = bench.cells().await?;
    let writer = bench.writer().await?;
    let intent = crate::bench::creation(cells.clone(), scratch.columns.len());
    let outcome = bench.write(&*writer, vec![intent]).await?.into_iter().next();
    let Some(Outcome::Applied(row)) = outcome else {
        let seen = outcome.as_ref().map_or("none".into(), describe);
        return Err(Stop::failed("a create to be applied", seen));
    };
    bench.own(&row.key);
    let held = holds(bench, &row).await?;
    let at = scratch.edited;
    let wanted = cells.get(at).cloned().flatten();
    let stored = held.cells.get(at).cloned().flatten();
    expect(same(&stored, &wanted), format!("the row to hold {}", show(&wanted)), || show(&stored))
}

pub(crate) async fn update(bench: &mut Bench<'_>) -> Checked {
    let made = bench.create_one().await?;
    let scratch = bench.scratch().await?;
    let at = scratch.edited;
    let to = bench.value(at, 1).await?;
    let stored = bench.edit(&made.key, at, made.cell(at), to.clone()).await?;
    let held = holds(bench, &stored).await?;
    let cell = held.cells.get(at).cloned().flatten();
    let wanted = Some(to);
    expect(same(&cell, &wanted), format!("the row to hold {}", show(&wanted)), || show(&cell))?;
    for (place, column) in scratch.columns.iter().enumerate().filter(|(place, _)| *place != at) {
        let (before, after) = (made.cell(place), held.cells.get(place).cloned().flatten());
        expect(same(&before, &after), format!("`{column}` to stay {}", show(&before)), || show(&after))?;
    }
    Ok(())
}

pub(crate) async fn null(bench: &mut Bench<'_>) -> Checked {
    let scratch = bench.scratch().await?;
    let at = scratch.nullable.ok_or_else(|| Stop::skip("no column that may be null"))?;
    let made = bench.create_one().await?;
    let before = made.cell(at);
    if before.as_ref().is_none_or(Value::is_null) {
        return Err(Stop::skip("the column holds nothing to begin with"));
    }
    bench.edit(&made.key, at, before, Value::Null).await?;
    let held = bench.held(&made.key, at).await?;
    expect(held.as_ref().is_some_and(Value::is_null), "null", || show(&held))
}

pub(crate) async fn delete(bench: &mut Bench<'_>) -> Checked {
    bench.needs("delete")?;
    let made = bench.create_one().await?;
    let scratch = bench.scratch().await?;
    let writer = bench.writer().await?;
    let mut expected = vec![None; scratch.columns.len()];
    if let Some(cell) = expected.get_mut(scratch.edited) {
        *cell = made.cell(scratch.edited);
    }
    let outcome = bench.delete(&*writer, &made.key, expected).await?;
    expect(matches!(outcome, Outcome::Applied(_)), "a delete to be applied", || describe(&outcome))?;
    let held = bench.fetch(std::slice::from_ref(&made.key)).await?.into_iter().next().flatten();
    expect(held.is_none(), "the row to be gone", || format!("{} is still there", name_of(&made.key)))
}

pub(crate) async fn gone(bench: &mut Bench<'_>) -> Checked {
    bench.needs("delete")?;
    let made = bench.create_one().await?;
    let scratch = bench.scratch().await?;
    let key: Key = made.key.clone();
    let writer = bench.writer().await?;
    let nothing = || vec![None; scratch.columns.len()];
    let outcome = bench.delete(&*writer, &key, nothing()).await?;
    expect(matches!(outcome, Outcome::Applied(_)), "the delete to be applied", || describe(&outcome))?;
    let to = bench.value(scratch.edited, 1).await?;
    let outcome = bench.update(&*writer, &key, scratch.edited, made.cell(scratch.edited), to).await?;
    expect(matches!(outcome, Outcome::Gone), "an update of it to be `gone`", || describe(&outcome))?;
    let outcome = bench.delete(&*writer, &key, nothing()).await?;
    expect(matches!(outcome, Outcome::Gone), "a second delete of it to be `gone`", || describe(&outcome))?;
    let held = bench.fetch(std::slice::from_ref(&key)).await?.into_iter().next().flatten();
    expect(held.is_none(), "no row to be made by an update", || format!("{} is there again", name_of(&key)))
}
