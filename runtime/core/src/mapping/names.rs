//! Which fields a sync has, columns of equal names included.

use std::collections::BTreeMap;

use super::{
    Objects,
    error::{About, Code, Report},
};
use crate::{
    config::{Field, FieldColumn, Span, Sync},
    schema::{Column, Object},
};

/// The names that have to be numbered before a sync compiles, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pub sides: Vec<String>,
    pub fields: Vec<String>,
}

/// The sides and fields of a sync, columns of equal names included.
pub fn names(sync: &Sync, objects: &Objects) -> Names {
    let fields = resolve(sync, objects, &mut Report::default());
    Names {
        sides: sync.sides.iter().map(|side| side.name.clone()).collect(),
        fields: fields.into_iter().map(|field| field.name).collect(),
    }
}

/// Columns of several objects that have the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameMatch {
    /// A name for the field, made of the first column's.
    pub field: String,
    /// Side name and column, in the sides' order.
    pub columns: Vec<(String, String)>,
}

/// Proposes fields: columns that at least two sides have under the same name,
/// upper and lower case, `_` and a `__c` ending aside. A name that two columns
/// of one side could claim goes to the one spelt alike, or to none.
pub fn same_name<'o>(sides: impl IntoIterator<Item = (&'o str, &'o Object)>) -> Vec<NameMatch> {
    let mut order: Vec<String> = Vec::new();
    let mut found: BTreeMap<String, Vec<(&str, &Column)>> = BTreeMap::new();
    for (side, object) in sides {
        for column in &object.columns {
            let name = normalised(&column.name);
            if name.is_empty() {
                continue;
            }
            let entry = found.entry(name.clone()).or_insert_with(|| {
                order.push(name);
                Vec::new()
            });
            entry.push((side, column));
        }
    }
    let matches = order.iter().filter_map(|name| propose(found.get(name)?));
    distinct(matches.collect())
}

fn propose(candidates: &[(&str, &Column)]) -> Option<NameMatch> {
    let mut columns: Vec<(String, String)> = Vec::new();
    for (side, column) in candidates {
        if columns.iter().any(|(known, _)| known == side) {
            continue;
        }
        let rivals = candidates.iter().filter(|(other, _)| other == side);
        let chosen = if rivals.clone().count() == 1 {
            column.name.clone()
        } else {
            let spelt = |name: &str| candidates.iter().any(|(other, column)| other != side && column.name == name);
            let alike: Vec<&str> = rivals.map(|(_, c)| c.name.as_str()).filter(|name| spelt(name)).collect();
            match alike[..] {
                [only] => only.to_owned(),
                _ => continue,
            }
        };
        columns.push(((*side).to_owned(), chosen));
    }
    let (_, first) = columns.first().filter(|_| columns.len() > 1)?;
    Some(NameMatch { field: field_name(first), columns })
}

/// Numbers what would otherwise be two fields of one name.
fn distinct(mut matches: Vec<NameMatch>) -> Vec<NameMatch> {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for one in &mut matches {
        let times = taken.entry(one.field.clone()).or_default();
        *times += 1;
        if *times > 1 {
            one.field = format!("{}_{times}", one.field);
        }
    }
    matches
}

/// The form in which column names are compared.
fn normalised(name: &str) -> String {
    let name = name.strip_suffix("__c").unwrap_or(name);
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A column's name as a field's: a letter, then letters, digits, `_` and `-`.
pub(crate) fn field_name(column: &str) -> String {
    let column = column.strip_suffix("__c").unwrap_or(column);
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let mut name: String = column.chars().map(plain).take(60).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert_str(0, "f_");
    }
    name
}

/// The fields as written, their missing columns filled in, then those of equal names.
pub(super) fn resolve(sync: &Sync, objects: &Objects, report: &mut Report) -> Vec<Field> {
    let mut fields = sync.fields.clone();
    if !sync.same_name {
        return fields;
    }
    let sides = || sync.sides.iter().filter_map(|side| Some((side.name.as_str(), objects.get(&side.name)?)));
    for field in fields.iter_mut().filter(|field| field.from.is_none()) {
        for (side, object) in sides() {
            if field.columns.iter().all(|(known, _)| known != side)
                && let Some(column) = by_name(object, &field.name)
            {
                field.columns.push((side.to_owned(), column_of(column, &field.at)));
            }
        }
        if field.columns.len() < 2 {
            report.error(
                Code::NoColumn,
                About { at: field.at.clone(), field: Some(&field.name), side: None },
                format!("fewer than two sides have a column named like field `{}`", field.name),
                "name its columns, or remove the field",
            );
        }
    }
    let mapped = |side: &str, column: &str| {
        let mut columns = fields.iter().flat_map(|field| &field.columns);
        columns.any(|(known, here)| known == side && here.column == column)
    };
    let skipped: Vec<String> = sync.skipped.iter().map(|name| normalised(name)).collect();
    let mut found = Vec::new();
    for one in same_name(sides()) {
        let named = |name: &str| fields.iter().any(|field| normalised(&field.name) == normalised(name));
        let taken = one.columns.iter().any(|(side, column)| mapped(side, column));
        if taken || named(&one.field) || skipped.contains(&normalised(&one.field)) || unwritable(&one, objects) {
            continue;
        }
        found.push(named_field(sync, one));
    }
    fields.extend(found);
    fields
}

fn by_name<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    let exact = object.column(name).map(|column| column.name.as_str());
    exact.or_else(|| {
        let wanted = normalised(name);
        let mut alike = object.columns.iter().filter(|column| normalised(&column.name) == wanted);
        let only = alike.next()?;
        alike.next().is_none().then_some(only.name.as_str())
    })
}

/// Columns that every side computes by itself are not worth a field.
fn unwritable(one: &NameMatch, objects: &Objects) -> bool {
    one.columns.iter().all(|(side, column)| {
        let column = objects.get(side).and_then(|object| object.column(column));
        column.is_some_and(|column| column.computed || !(column.createable || column.updateable))
    })
}

fn named_field(sync: &Sync, one: NameMatch) -> Field {
    let columns = one.columns.into_iter().map(|(side, column)| {
        let column = column_of(&column, &sync.at);
        (side, column)
    });
    Field {
        columns: columns.collect(),
        name: one.field,
        at: sync.at.clone(),
        conflict: None,
        initial: None,
        one_way: Vec::new(),
        reference: None,
        sensitive: false,
        lossy: false,
        notation: None,
        from: None,
        default: None,
        reviewed: None,
    }
}

fn column_of(column: &str, at: &Span) -> FieldColumn {
    FieldColumn { column: column.to_owned(), at: at.clone(), read: true, write: true, notation: None }
}
