//! What has to be gathered before a plan can be made.

use std::sync::Arc;

use crate::{
    change::{ChangeBatch, ChangeKind, Row},
    journal::{Entry, What},
    key::{Key, MatchKey},
    matching,
    record::{FieldId, HoldReason, Life, Record, RecordId, SideId},
    spec::{SideSpec, SyncSpec},
    value::{Cell, Value},
};

use super::{
    Needs, Refs,
    cells::{Cells, Layout},
    standing::{Lifted, Projected, lift, project},
};

/// What has to be looked up before a batch can be absorbed. The records found
/// are gathered whole, and with each of them its [`parents`].
pub fn needs(spec: &SyncSpec, side: SideId, batch: &ChangeBatch) -> Needs {
    let mut needs = Needs::default();
    let Some(side) = spec.side(side) else {
        return needs;
    };
    let layout = Arc::new(Layout::new(side, Some(&batch.columns)));
    for row in &batch.rows {
        needs.keys.push((side.id, row.key.clone()));
        let place = needs.keys.len() - 1;
        if batch.kind == ChangeKind::Delete {
            let matches = key_matches(spec, side, &row.key);
            needs.matches_unless_linked.extend(matches.into_iter().map(|key| (place, key)));
        }
        if batch.kind == ChangeKind::Upsert {
            let cells = Cells::new(layout.clone(), &row.cells);
            let moved = told(spec, side, &cells, &row.key, &mut needs);
            let matches = row_matches(spec, side, &cells);
            if moved {
                needs.matches.extend(matches);
            } else {
                needs.matches_unless_linked.extend(matches.into_iter().map(|key| (place, key)));
            }
        }
    }
    needs
}

/// What has to be looked up before rows as read can be absorbed: the same, for
/// rows positional by the side's columns.
pub fn needs_rows<'r>(spec: &SyncSpec, side: SideId, rows: impl IntoIterator<Item = &'r Row>) -> Needs {
    let mut needs = Needs::default();
    let Some(side) = spec.side(side) else {
        return needs;
    };
    let layout = Arc::new(Layout::new(side, None));
    for row in rows {
        needs.keys.push((side.id, row.key.clone()));
        let cells = Cells::new(layout.clone(), &row.cells);
        told(spec, side, &cells, &row.key, &mut needs);
        needs.matches.extend(row_matches(spec, side, &cells));
    }
    needs
}

/// What has to be looked up before journaled entries can be reverted or replayed: records
/// that are what a deleted one would be.
pub fn needs_entries<'e>(spec: &SyncSpec, entries: impl IntoIterator<Item = &'e Entry>) -> Needs {
    let matches = entries.into_iter().filter_map(|entry| last_of(&entry.what)).flat_map(|last| match_last(spec, last));
    Needs { matches: matches.collect(), ..Needs::default() }
}

/// What a record held when it was deleted.
fn last_of(what: &What) -> Option<&[(FieldId, Value)]> {
    match what {
        What::Deleted { last, .. } | What::DeleteConflict { displaced: last, .. } => Some(last),
        _ => None,
    }
}

/// What a record that held these values is matched by.
pub(super) fn match_last(spec: &SyncSpec, last: &[(FieldId, Value)]) -> Vec<MatchKey> {
    let value = |field: FieldId| last.iter().find(|(known, _)| *known == field).map(|(_, value)| value);
    matching::match_keys_of(spec, value)
}

/// What has to be looked up before it can be told whose rows with these keys are, or were.
pub fn needs_keys<'k>(spec: &SyncSpec, side: SideId, keys: impl IntoIterator<Item = &'k Key>) -> Needs {
    let mut needs = Needs::default();
    let Some(side) = spec.side(side) else {
        return needs;
    };
    for key in keys {
        let place = needs.keys.len();
        needs.keys.push((side.id, key.clone()));
        let matches = key_matches(spec, side, key);
        needs.matches_unless_linked.extend(matches.into_iter().map(|key| (place, key)));
    }
    needs
}

/// What has to be looked up before rows in outcomes can be settled: whose they
/// are is known, so nothing is matched.
pub fn needs_outcomes<'r>(spec: &SyncSpec, side: SideId, rows: impl IntoIterator<Item = &'r Row>) -> Needs {
    let mut needs = Needs::default();
    let Some(side) = spec.side(side) else {
        return needs;
    };
    let layout = Arc::new(Layout::new(side, None));
    for row in rows {
        needs.keys.push((side.id, row.key.clone()));
        told(spec, side, &Cells::new(layout.clone(), &row.cells), &row.key, &mut needs);
    }
    needs
}

/// The key that a streamed row has after this change, where that is another one
/// than it was known by.
pub fn moved_to(spec: &SyncSpec, side: SideId, batch: &ChangeBatch, row: usize) -> Option<Key> {
    let (side, row) = (spec.side(side)?, batch.rows.get(row)?);
    if batch.kind != ChangeKind::Upsert {
        return None;
    }
    let cells = Cells::new(Arc::new(Layout::new(side, Some(&batch.columns))), &row.cells);
    if cells.shows_key(&row.key) { None } else { cells.key() }
}

/// Adds the other key a row shows and its parents. True: it shows another key.
fn told(spec: &SyncSpec, side: &SideSpec, cells: &Cells<'_>, key: &Key, needs: &mut Needs) -> bool {
    let moved = if cells.shows_key(key) { None } else { cells.key() };
    let has_moved = moved.is_some();
    if let Some(shown) = moved {
        needs.keys.push((side.id, shown));
    }
    for field in spec.fields() {
        if let (Some(parents), Some(native)) = (&field.reference, cells.get(field.id))
            && !native.is_null()
        {
            let key = Key::new(vec![native.clone()]);
            needs.parents.push((parents.clone(), side.name.clone(), key));
        }
    }
    has_moved
}

/// The match values of a row, in the order of the match sets.
pub(super) fn row_matches(spec: &SyncSpec, side: &SideSpec, cells: &Cells<'_>) -> Vec<MatchKey> {
    if spec.match_on.is_empty() {
        return Vec::new();
    }
    // References cannot be lifted before their parents are gathered, so they do not match.
    let nowhere = Refs::default();
    let mut values: Vec<Option<Value>> = vec![None; spec.fields.len()];
    for field in spec.match_on.iter().flatten() {
        if let Some(native) = cells.get(*field)
            && let Lifted::Value(value) = lift(spec, &nowhere, side, *field, native)
            && let Some(place) = values.get_mut(usize::from(field.0))
        {
            *place = Some(value);
        }
    }
    matching::match_keys(spec, &values)
}

/// The match values that a row's key alone tells, where the sides share it.
pub(super) fn key_matches(spec: &SyncSpec, side: &SideSpec, key: &Key) -> Vec<MatchKey> {
    let is_key = |field: &FieldId| side.field(*field).is_some_and(|here| side.key.contains(&here.column));
    // Mostly keys are the side's own: then no row is made.
    if side.key.len() != key.0.len() || !spec.match_on.iter().any(|fields| fields.iter().all(is_key)) {
        return Vec::new();
    }
    let mut row: Vec<Cell> = vec![None; side.columns.len()];
    for (place, value) in side.key.iter().zip(key.0.iter()) {
        if let Some(cell) = row.get_mut(*place) {
            *cell = Some(value.clone());
        }
    }
    row_matches(spec, side, &Cells::new(Arc::new(Layout::new(side, None)), &row))
}

/// The match values a record carries: none once it is deleted everywhere.
pub fn record_matches(spec: &SyncSpec, record: &Record) -> Vec<MatchKey> {
    if spec.match_on.is_empty() || !record.can_be_matched() {
        return Vec::new();
    }
    matching::match_keys_of(spec, |field| record.field(field).map(|state| &state.value))
}

/// The parents a record refers to, as (parent sync, record there): their keys
/// at every side belong into [`Refs`] whenever the record is worked on.
pub fn parents(spec: &SyncSpec, record: &Record) -> Vec<(Arc<str>, RecordId)> {
    let mut found = Vec::new();
    for field in spec.fields() {
        let value = record.field(field.id).map(|state| &state.value);
        if let (Some(sync), Some(Value::Ref(parent))) = (&field.reference, value) {
            found.push((sync.clone(), *parent));
        }
    }
    found
}

/// A reference that cannot be followed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    pub field: FieldId,
    /// The parent's sync.
    pub sync: Arc<str>,
    /// The side at which the parent is missing.
    pub side: Arc<str>,
    pub parent: Parent,
}

/// The parent waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// A row with this key at the side is not linked yet.
    Key(Key),
    /// This record has no row at the side yet.
    Record(RecordId),
}

/// What a record waits for. When it arrives, gather the record with the
/// parent in [`Refs`] and [`super::Planner::review`] it.
pub fn waits(spec: &SyncSpec, refs: &Refs, record: &Record) -> Vec<Wait> {
    let mut found = Vec::new();
    if matches!(record.life, Life::Deleted { .. }) {
        return found;
    }
    for field in spec.fields() {
        let (Some(sync), Some(state)) = (&field.reference, record.field(field.id)) else {
            continue;
        };
        for side in spec.sides() {
            let wait = |parent| Wait { field: field.id, sync: sync.clone(), side: side.name.clone(), parent };
            let awaiting =
                state.hold.as_ref().is_some_and(|hold| matches!(hold.reason, HoldReason::AwaitingParent { .. }));
            let observed = record.link(side.id).and_then(|link| link.observed(field.id));
            if let (true, Some(native)) = (awaiting, observed)
                && let Lifted::Waiting(key) = lift(spec, refs, side, field.id, native)
            {
                found.push(wait(Parent::Key(key)));
            }
            if side.field(field.id).is_some()
                && let Projected::Waiting(parent) = project(refs, side, field, &state.value)
            {
                found.push(wait(Parent::Record(parent)));
            }
        }
    }
    found
}
