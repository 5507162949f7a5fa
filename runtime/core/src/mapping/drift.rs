//! What a change of the systems' columns does to a mapping: which columns are
//! not what they were, and which fields have to be set aside so that the rest
//! still compiles.

use serde::{Deserialize, Serialize};

use super::{
    Compiled, Ids, MappingError, Objects, columns::is_required, compile, compile_with, error::Report, names::resolve,
};
use crate::{
    config::{Field, Sync},
    expression,
    schema::{Column, Object},
};

/// What a filter that cannot be decided is listed as among fields that are set aside.
const FILTER: &str = "filter";

/// What happened to a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnNews {
    Added,
    Removed,
    /// Its type, or whether it can be empty or written, is another.
    Altered,
}

/// A difference between two looks at an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnChange {
    pub column: String,
    pub news: ColumnNews,
    /// In the system's words; empty for a column that was added.
    pub before: String,
    /// Empty for a column that was removed.
    pub now: String,
}

/// A field that takes no part because a column of it changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    pub field: String,
    pub reason: String,
    /// Side and column of those that are gone.
    pub removed: Vec<(String, String)>,
}

/// A mapping, as far as it holds.
#[derive(Clone, Debug)]
pub struct Partly {
    pub compiled: Compiled,
    pub aside: Vec<SetAside>,
}

/// What is different about an object's columns, in the order they had.
pub fn differences(before: &Object, now: &Object) -> Vec<ColumnChange> {
    let of = |column: &Column, news, before: String, now: String| ColumnChange {
        column: column.name.clone(),
        news,
        before,
        now,
    };
    let known = before.columns.iter().filter_map(|column| match now.column(&column.name) {
        None => Some(of(column, ColumnNews::Removed, describe(column), String::new())),
        Some(same) if !differs(column, same) => None,
        Some(other) => Some(of(column, ColumnNews::Altered, describe(column), describe(other))),
    });
    let added = now.columns.iter().filter(|column| before.column(&column.name).is_none());
    known.chain(added.map(|column| of(column, ColumnNews::Added, String::new(), describe(column)))).collect()
}

/// Whether a mapping can tell the two apart.
fn differs(one: &Column, other: &Column) -> bool {
    let rights = |column: &Column| (column.nullable, column.computed, column.createable, column.updateable);
    one.column_type != other.column_type || rights(one) != rights(other) || is_required(one) != is_required(other)
}

fn describe(column: &Column) -> String {
    let kind = match column.column_type.native.as_str() {
        "" => format!("{:?}", column.column_type.kind).to_lowercase(),
        native => native.to_owned(),
    };
    let mut words = vec![kind];
    if !column.nullable {
        words.push("not null".to_owned());
    }
    if is_required(column) {
        words.push("without default".to_owned());
    }
    if column.computed {
        words.push("computed".to_owned());
    } else if !column.createable && !column.updateable {
        words.push("read-only".to_owned());
    }
    words.join(", ")
}

/// Compiles what of a sync still holds, `before` being what its sides had when
/// all of it did: fields of which a column changed since, and no longer fits,
/// are set aside. What no change of a column explains is an error, as is
/// whatever a whole side depends on.
///
/// # Errors
/// All of them at once, as [`compile`] has them.
pub fn compile_around(
    sync: &Sync,
    before: &Objects,
    now: &Objects,
    ids: &Ids,
    rules: u32,
) -> Result<Partly, Vec<MappingError>> {
    let former = resolve(sync, before, &mut Report::default());
    let mut aside = lost(&former, before, now);
    let mut reduced = sync.clone();
    loop {
        leave_out(&mut reduced, &former, &mut aside);
        if reduced.match_on.is_empty() && !sync.match_on.is_empty() {
            // Without any of them, new rows would be made twice.
            return Err(cannot_match(sync, now, ids, rules));
        }
        let bearable = bear_refusals(&reduced, &former, &aside, (before, now));
        let waits = filter_waits(sync, &mut aside);
        let errors = match compile_with(&reduced, &bearable, ids, rules, waits) {
            Ok(compiled) => return Ok(Partly { compiled, aside }),
            Err(errors) => errors,
        };
        let known = aside.len();
        for error in &errors {
            let field = error.field.as_deref().and_then(|name| former.iter().find(|field| field.name == name));
            match field.filter(|field| has_changed(field, before, now)) {
                Some(field) if aside.iter().any(|known| known.field == field.name) => {}
                Some(field) => aside.push(SetAside {
                    field: field.name.clone(),
                    reason: error.message.clone(),
                    removed: Vec::new(),
                }),
                None => return Err(errors),
            }
        }
        if aside.len() == known {
            return Err(errors);
        }
    }
}

/// Fields with a column that is no longer there.
fn lost(former: &[Field], before: &Objects, now: &Objects) -> Vec<SetAside> {
    let is_gone = |(side, column): &(String, String)| {
        let had = before.get(side).is_some_and(|object| object.column(column).is_some());
        had && now.get(side).is_some_and(|object| object.column(column).is_none())
    };
    let aside = |field: &Field| {
        let columns = field.columns.iter().map(|(side, here)| (side.clone(), here.column.clone()));
        let removed: Vec<(String, String)> = columns.filter(|place| is_gone(place)).collect();
        let (side, column) = removed.first()?;
        let reason = format!("column `{column}` at `{side}` is gone");
        Some(SetAside { field: field.name.clone(), reason, removed })
    };
    former.iter().filter_map(aside).collect()
}

fn has_changed(field: &Field, before: &Objects, now: &Objects) -> bool {
    field.columns.iter().any(|(side, here)| {
        let column = |objects: &Objects| objects.get(side).and_then(|object| object.column(&here.column)).cloned();
        match (column(before), column(now)) {
            (Some(before), Some(now)) => differs(&before, &now),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    })
}

/// Whether the filter reads a field that is set aside: then nobody can tell which
/// records take part, and none is created or deleted for it.
fn filter_waits(sync: &Sync, aside: &mut Vec<SetAside>) -> bool {
    let Some(filter) = &sync.filter else {
        return false;
    };
    let names = expression::names(&filter.text);
    let Some(cause) = aside.iter().find(|one| names.contains(&one.field)) else {
        return false;
    };
    let reason = format!("it reads field `{}`: {}", cause.field, cause.reason);
    if aside.iter().all(|one| one.field != FILTER) {
        aside.push(SetAside { field: FILTER.to_owned(), reason, removed: Vec::new() });
    }
    true
}

/// Takes fields out that are computed from others that are set aside.
fn leave_out_computed(former: &[Field], aside: &mut Vec<SetAside>) {
    for field in former {
        let Some(from) = &field.from else { continue };
        let names = from.reads();
        let cause = aside.iter().find(|one| names.contains(&one.field));
        if let Some(cause) = cause
            && aside.iter().all(|one| one.field != field.name)
        {
            let reason = format!("it is computed from field `{}`: {}", cause.field, cause.reason);
            aside.push(SetAside { field: field.name.clone(), reason, removed: Vec::new() });
        }
    }
}

/// Takes fields out of a sync, with all that is decided together with them.
fn leave_out(sync: &mut Sync, former: &[Field], aside: &mut Vec<SetAside>) {
    leave_out_computed(former, aside);
    for field in &mut sync.fields {
        let names = field.default.as_ref().map(|default| expression::names(&default.text)).unwrap_or_default();
        // Without its default a new row stays empty there, which the side may refuse.
        if aside.iter().any(|one| names.contains(&one.field)) {
            field.default = None;
        }
    }
    let mut groups = Vec::new();
    for group in &sync.groups {
        let Some(cause) = aside.iter().find(|one| group.fields.contains(&one.field)) else {
            groups.push(group.clone());
            continue;
        };
        let reason = format!("it is decided together with field `{}`: {}", cause.field, cause.reason);
        let others: Vec<SetAside> = group
            .fields
            .iter()
            .filter(|name| aside.iter().all(|known| known.field != **name))
            .map(|name| SetAside { field: name.clone(), reason: reason.clone(), removed: Vec::new() })
            .collect();
        aside.extend(others);
    }
    sync.groups = groups;
    let is_aside = |name: &str| aside.iter().any(|one| one.field == name);
    sync.match_on.retain(|set| !set.iter().any(|name| is_aside(name)));
    sync.fields.retain(|field| !is_aside(&field.name));
    // Columns of equal names must not become a field of their own meanwhile.
    for field in former.iter().filter(|field| is_aside(&field.name)) {
        let columns = field.columns.iter().map(|(_, here)| here.column.clone());
        sync.skipped.extend(columns.chain([field.name.clone()]));
    }
    sync.skipped.sort();
    sync.skipped.dedup();
}

/// The objects as if columns that nobody fills, and that nobody had to fill
/// before, could stay empty: a create that is refused is one record's trouble.
fn bear_refusals(sync: &Sync, former: &[Field], aside: &[SetAside], (before, now): (&Objects, &Objects)) -> Objects {
    let has = |field: &Field, side: &str, name: &str| {
        field.columns.iter().any(|(known, here)| known == side && here.column == name)
    };
    let is_aside = |field: &Field| aside.iter().any(|one| one.field == field.name);
    let fields = resolve(sync, now, &mut Report::default());
    let mut objects = now.clone();
    for (side, object) in &mut objects {
        let Some(known) = before.get(side) else {
            continue;
        };
        for column in object.columns.iter_mut().filter(|column| is_required(column)) {
            let name = column.name.as_str();
            let was_bearable = known.column(name).is_none_or(|column| !is_required(column));
            let filled_before = former.iter().any(|field| is_aside(field) && has(field, side, name));
            if (was_bearable || filled_before) && !fields.iter().any(|field| has(field, side, name)) {
                column.has_default = true;
            }
        }
    }
    objects
}

/// The errors of the sync as it is written.
fn cannot_match(sync: &Sync, now: &Objects, ids: &Ids, rules: u32) -> Vec<MappingError> {
    match compile(sync, now, ids, rules) {
        Err(errors) => errors,
        Ok(_) => Vec::new(),
    }
}
