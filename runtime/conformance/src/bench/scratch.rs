//! The object the kit works on: found or made, and the columns it writes.

use std::sync::Arc;

use lockstep_core::{
    change::Selection,
    schema::{Column, ColumnType, Kind, Object},
};
use lockstep_host::{EnsureRequest, HostError, WantedColumn};

use crate::{report::told, settings::Settings, subject::Session};

/// Made through `ensure` where no object is named.
const OWN_OBJECT: &str = "lockstep_conformance";
/// Columns besides the needed ones that are written when none are named.
const COLUMNS_MAX: usize = 5;
/// Shorter texts do not hold what tells rows apart.
const TEXT_MIN: u32 = 40;

/// An object to write to. Everything is positional by `columns`.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub object: Object,
    pub columns: Arc<[String]>,
    pub described: Vec<Column>,
    /// A text column that is edited again and again.
    pub edited: usize,
    /// Another column that may be updated.
    pub other: Option<usize>,
    /// One that may be null.
    pub nullable: Option<usize>,
    /// One that is unique and set when creating: what makes a create repeatable.
    pub unique: Option<usize>,
    /// The kit made the object.
    pub is_own: bool,
}

impl Scratch {
    pub fn selection(&self) -> Selection {
        Selection { object: self.object.name.clone(), columns: self.columns.to_vec() }
    }

    /// Find the object, or make it.
    pub async fn prepare(session: &dyn Session, settings: &Settings, can_ensure: bool) -> Result<Scratch, String> {
        let is_own = settings.object.is_none();
        let name = settings.object.clone().unwrap_or_else(|| OWN_OBJECT.into());
        if is_own && !can_ensure {
            return Err("the connector makes no objects, and none is named that the kit may write to: \
                        add `conformance = { object = \"…\" }` to the connection"
                .into());
        }
        let mut found = look(session, &name).await?;
        if found.is_none() && is_own && can_ensure {
            session.ensure(&own(&name)).await.map_err(|error| format!("`ensure` of {name}: {}", told(&error)))?;
            found = look(session, &name).await?;
        }
        let object = found.ok_or_else(|| format!("`discover` does not find the object {name}"))?;
        choose(object, settings, is_own)
    }
}

async fn look(session: &dyn Session, name: &str) -> Result<Option<Object>, String> {
    match session.discover(&[name.to_owned()]).await {
        // A connector may know the object by a fuller name, such as one with a schema.
        Ok(objects) => {
            Ok(objects.into_iter().find(|object| object.name == name || object.name.ends_with(&format!(".{name}"))))
        }
        Err(HostError::Guest(error)) if error.code == "not-found" => Ok(None),
        Err(error) => Err(format!("`discover` of {name}: {}", told(&error))),
    }
}

/// What the kit makes of its own: a key it gives itself, and a column of every plain kind.
pub(crate) fn own(name: &str) -> EnsureRequest {
    EnsureRequest {
        object: name.to_owned(),
        columns: vec![
            WantedColumn { nullable: false, ..wanted("id", Kind::Text) },
            wanted("title", Kind::Text),
            wanted("note", Kind::Text),
            WantedColumn {
                column_type: ColumnType { precision: Some(12), scale: Some(2), ..ColumnType::of(Kind::Decimal) },
                ..wanted("amount", Kind::Decimal)
            },
            wanted("visits", Kind::Int),
            wanted("active", Kind::Bool),
            wanted("seen", Kind::Timestamp),
        ],
        key: vec!["id".into()],
        dry_run: false,
    }
}

/// A column to ask for.
pub(crate) fn wanted(name: &str, kind: Kind) -> WantedColumn {
    WantedColumn {
        name: name.into(),
        column_type: ColumnType::of(kind),
        nullable: true,
        unique: false,
        references: None,
        comment: String::new(),
    }
}

/// Which of the object's columns are written.
fn choose(object: Object, settings: &Settings, is_own: bool) -> Result<Scratch, String> {
    if !object.obstacle.is_empty() {
        return Err(format!("{} cannot take part: {}", object.name, object.obstacle));
    }
    let asked = |name: &String| settings.columns.contains(name) || settings.values.contains_key(name);
    if let Some(missing) =
        settings.columns.iter().chain(settings.values.keys()).find(|name| object.column(name).is_none())
    {
        return Err(format!("{} has no column `{missing}`", object.name));
    }
    let is_key = |column: &Column| object.key.contains(&column.name);
    let is_needed = |column: &Column| column.createable && !column.nullable && !column.has_default && !column.computed;
    let mut chosen: Vec<Column> = Vec::new();
    let mut plain_ones = 0;
    for column in &object.columns {
        let is_plain = settings.columns.is_empty() && plain_ones < COLUMNS_MAX && is_plain(column) && !is_key(column);
        if asked(&column.name) || is_needed(column) || is_plain {
            plain_ones += usize::from(is_plain);
            chosen.push(column.clone());
        }
    }
    let may_edit = |column: &Column| {
        column.updateable && !is_key(column) && !column.unique && !settings.values.contains_key(&column.name)
    };
    let is_text = |column: &Column| column.column_type.kind == Kind::Text && fits(column);
    let edited = chosen.iter().position(|column| may_edit(column) && is_text(column));
    let edited = edited.ok_or_else(|| format!("{} has no text column that may be edited", object.name))?;
    let others = || chosen.iter().enumerate().filter(|(at, column)| *at != edited && may_edit(column));
    let other = others().map(|(at, _)| at).next();
    let nullable = others().filter(|(_, column)| column.nullable).map(|(at, _)| at).next_back();
    let is_unique = |column: &Column| {
        let only = |keys: &Vec<String>| keys.len() == 1 && keys.contains(&column.name);
        column.createable && (column.unique || only(&object.key) || object.unique_keys.iter().any(only))
    };
    let unique = chosen.iter().position(is_unique);
    let columns = chosen.iter().map(|column| column.name.clone()).collect();
    Ok(Scratch { object, columns, described: chosen, edited, other, nullable, unique, is_own })
}

/// Any value of the kind is taken, so far as can be told.
fn is_plain(column: &Column) -> bool {
    let kind = matches!(
        column.column_type.kind,
        Kind::Text | Kind::Int | Kind::Decimal | Kind::Bool | Kind::Date | Kind::Timestamp
    );
    let free = column.createable && column.updateable && column.nullable && !column.computed && !column.unique;
    kind && free && column.references.is_none() && fits(column)
}

fn fits(column: &Column) -> bool {
    column.column_type.kind != Kind::Text || column.column_type.length.is_none_or(|length| length >= TEXT_MIN)
}
