//! What `discover` tells of an object.

use std::collections::BTreeSet;

use lockstep_core::schema::{Kind, Object};
use lockstep_host::{HostError, Role};

use super::NO_OBJECT;
use crate::{
    bench::Bench,
    report::{Checked, Stop, expect, told},
    subject::Opening,
};

pub(crate) async fn well_formed(bench: &mut Bench<'_>) -> Checked {
    let scratch = bench.scratch().await?;
    object(&scratch.object)
}

fn object(object: &Object) -> Checked {
    let mut names = BTreeSet::new();
    for column in &object.columns {
        let name = &column.name;
        expect(!name.is_empty(), "a name for every column", || "an empty one".into())?;
        expect(names.insert(name), "each column once", || format!("`{name}` twice"))?;
        let computed_is_written = column.computed && (column.createable || column.updateable);
        expect(!computed_is_written, "computed columns that cannot be written", || format!("`{name}`"))?;
        match column.column_type.kind {
            Kind::List => {
                let has_element = column.column_type.element.is_some();
                expect(has_element, "an element kind for every list", || format!("`{name}` has none"))?;
            }
            Kind::Enum => {
                let values: BTreeSet<&String> = column.column_type.values.iter().collect();
                let once = values.len() == column.column_type.values.len();
                expect(once, "each value of an enum once", || format!("`{name}` repeats one"))?;
            }
            _ => {}
        }
        if let Some(reference) = &column.references {
            expect(!reference.object.is_empty(), "references that name their object", || format!("`{name}`"))?;
        }
    }
    expect(!object.key.is_empty(), "a key", || "none, so rows cannot be told apart".into())?;
    for name in object.key.iter().chain(object.unique_keys.iter().flatten()) {
        expect(names.contains(name), "keys of columns that exist", || format!("`{name}` does not"))?;
    }
    Ok(())
}

pub(crate) async fn stable(bench: &mut Bench<'_>) -> Checked {
    let scratch = bench.scratch().await?;
    let asked = [scratch.object.name.clone()];
    let reader = bench.reader().await?;
    let first = reader.discover(&asked).await?;
    let again = reader.discover(&asked).await?;
    let other = bench.subject.open(Role::Read, Opening::AsConfigured).await?.discover(&asked).await?;
    for (what, second) in [("asked again", again), ("in another session", other)] {
        expect(same(&first, &second), "the same objects and columns, in the same order", || {
            format!("{what}, {}", difference(&first, &second))
        })?;
    }
    Ok(())
}

/// How many rows there are may change.
fn same(a: &[Object], b: &[Object]) -> bool {
    let settled = |objects: &[Object]| -> Vec<Object> {
        objects.iter().map(|object| Object { rows_estimate: None, ..object.clone() }).collect()
    };
    settled(a) == settled(b)
}

fn difference(a: &[Object], b: &[Object]) -> String {
    for (one, other) in a.iter().zip(b) {
        for (known, found) in one.columns.iter().zip(&other.columns) {
            if known != found {
                return format!("`{}` differs in the place of `{}`", found.name, known.name);
            }
        }
        if one.columns.len() != other.columns.len() {
            return format!("{} has {} columns instead of {}", other.name, other.columns.len(), one.columns.len());
        }
    }
    format!("{} objects instead of {}, or with other keys", b.len(), a.len())
}

pub(crate) async fn unknown(bench: &mut Bench<'_>) -> Checked {
    let reader = bench.reader().await?;
    let expected = "no object, one with an obstacle, or the error `not-found`";
    match reader.discover(&[NO_OBJECT.to_owned()]).await {
        Ok(objects) => {
            let made_up = objects.iter().find(|object| object.obstacle.is_empty());
            expect(made_up.is_none(), expected, || format!("{} objects", objects.len()))
        }
        Err(HostError::Guest(error)) if error.code == "not-found" => Ok(()),
        Err(error) => Err(Stop::failed(expected, told(&error))),
    }
}
