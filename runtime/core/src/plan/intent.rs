//! Which write a record wants at a side, and what it looks like: derived from
//! the record whenever asked, never stored.

use crate::{
    cast::Cast,
    record::{FieldId, Life, Link, Presence, Record, SideId},
    spec::{SideField, SideSpec, SyncSpec},
    value::{Cell, Value},
    write::{Action, Intent},
};

use super::{
    Belonging, Refs, Sent, belonging,
    compute::worked_out,
    filter::{Footing, footing, reads_any},
    standing::{Projected, Stand, is_held, project, stand},
};

/// Which write a record wants at a side, if any: derived, never stored. Does
/// not know the phase: in a first copy, creates are not marked.
pub fn wants(spec: &SyncSpec, refs: &Refs, record: &Record, side: SideId) -> Option<Action> {
    let (side, action) = open_to(spec, refs, record, side)?;
    let wanted = match action {
        Action::Create => can_create(spec, refs, record, side),
        Action::Update => {
            let link = record.link(side.id)?;
            update_fields(spec, refs, record, link, side).next().is_some()
        }
        Action::Delete => true,
    };
    wanted.then_some(action)
}

/// The one write that could be wanted as the record stands at a side, if its
/// values ask for it.
fn open_to<'s>(spec: &'s SyncSpec, refs: &Refs, record: &Record, side: SideId) -> Option<(&'s SideSpec, Action)> {
    let side = spec.side(side)?;
    let link = record.link(side.id);
    if link.is_some_and(|link| link.quarantined) {
        return None;
    }
    let (allowed, action) = match &record.life {
        Life::HeldDelete { .. } | Life::Ambiguous { .. } => return None,
        // Not to be sent: it is what the row that may be there is looked for by.
        Life::Deleted { .. } if link.is_some_and(|link| link.presence == Presence::Uncertain) => {
            (side.creates, Action::Create)
        }
        Life::Deleted { .. } => {
            let live = link.is_some_and(|link| link.is_live() && link.key.is_some());
            (side.deletes && live, Action::Delete)
        }
        Life::Live => match link.map(|link| link.presence) {
            Some(Presence::Barred) => return None,
            Some(Presence::Live) => match footing(spec, refs, record, side) {
                Footing::Leaves if side.deletes => (link.is_some_and(|link| link.key.is_some()), Action::Delete),
                Footing::Leaves | Footing::Whole | Footing::FilterFields => (side.updates, Action::Update),
            },
            None | Some(Presence::Deleted | Presence::Uncertain) => {
                (side.creates && belonging(spec, record) == Belonging::In, Action::Create)
            }
        },
    };
    allowed.then_some((side, action))
}

/// The write a record wants at a side now.
pub fn intent(spec: &SyncSpec, refs: &Refs, record: &Record, side: SideId) -> Option<Sent> {
    let (side, action) = open_to(spec, refs, record, side)?;
    let link = record.link(side.id);
    let mut cells: Vec<Cell> = vec![None; side.columns.len()];
    let mut expected: Vec<Cell> = vec![None; side.columns.len()];
    let mut fields = Vec::new();
    let key = match action {
        Action::Create => {
            for (field, canonical, native) in create_cells(spec, refs, record, side)? {
                // What a default puts there is the side's own way to show that there is
                // no value: the record keeps none.
                let default = default_cell(spec, refs, record, side, field, &canonical);
                put(&mut cells, side, field, default.as_ref().unwrap_or(&native));
                fields.push((field, canonical, native));
            }
            None
        }
        Action::Update => {
            let link = link?;
            for (field, canonical, native) in update_fields(spec, refs, record, link, side) {
                put(&mut cells, side, field, &native);
                if let Some(known) = link.observed(field) {
                    put(&mut expected, side, field, known);
                }
                fields.push((field, canonical, native));
            }
            if fields.is_empty() {
                return None;
            }
            link.key.clone()
        }
        Action::Delete => {
            let link = link?;
            for field in spec.fields() {
                if let Some(known) = link.observed(field.id) {
                    put(&mut expected, side, field.id, known);
                }
            }
            link.key.clone()
        }
    };
    Some(Sent { record: record.id, intent: Intent { action, key, cells, expected }, fields })
}

/// The write a record wants, and with it the fields of an earlier one of which nobody
/// knows whether it took effect, as they are believed to be: the side looks before it
/// writes, and tells what the earlier one overwrote. Alone, where nothing else is wanted.
pub fn affirm<'f>(
    spec: &SyncSpec,
    record: &Record,
    side: SideId,
    doubtful: impl IntoIterator<Item = &'f FieldId>,
    sent: Option<Sent>,
) -> Option<Sent> {
    let is_update = sent.as_ref().is_none_or(|sent| sent.intent.action == Action::Update);
    let side = spec.side(side)?;
    let link = record.link(side.id).filter(|link| link.is_live() && !link.quarantined);
    let Some(link) = link.filter(|_| is_update && record.life == Life::Live) else {
        return sent;
    };
    let mut sent = sent.unwrap_or_else(|| {
        let nothing = vec![None; side.columns.len()];
        let key = link.key.clone();
        let intent = Intent { action: Action::Update, key, cells: nothing.clone(), expected: nothing };
        Sent { record: record.id, intent, fields: Vec::new() }
    });
    for field in doubtful {
        let is_sent = sent.fields.iter().any(|(known, ..)| known == field);
        let here = side.field(*field).filter(|here| here.writes_update && !is_sent);
        if let (Some(_), Some(state), Some(known)) = (here, record.field(*field), link.observed(*field)) {
            put(&mut sent.intent.cells, side, *field, known);
            put(&mut sent.intent.expected, side, *field, known);
            sent.fields.push((*field, state.value.clone(), known.clone()));
        }
    }
    (!sent.fields.is_empty()).then_some(sent)
}

fn put(cells: &mut [Cell], side: &SideSpec, field: FieldId, value: &Value) {
    let place = side.field(field).and_then(|here| cells.get_mut(here.column));
    if let Some(place) = place {
        *place = Some(value.clone());
    }
}

type Write = (FieldId, Value, Value);

/// The fields an update has to write: units that are not held and of which the
/// side lacks at least one value, whole.
pub(super) fn update_fields<'r>(
    spec: &'r SyncSpec,
    refs: &'r Refs,
    record: &'r Record,
    link: &'r Link,
    side: &'r SideSpec,
) -> impl Iterator<Item = Write> + 'r {
    let narrow = footing(spec, refs, record, side) == Footing::FilterFields;
    spec.units()
        .filter(move |unit| !narrow || reads_any(spec, unit))
        .filter(move |unit| !is_held(record, unit))
        .filter(move |unit| lacks(spec, refs, record, link, side, unit))
        .flat_map(move |unit| {
            unit.iter().filter_map(move |field| {
                side.field(*field).filter(|here| here.writes_update)?;
                link.observed(*field)?;
                projection(spec, refs, record, side, *field)
            })
        })
}

/// Whether the side lacks a value of this unit and could take all it lacks.
fn lacks(spec: &SyncSpec, refs: &Refs, record: &Record, link: &Link, side: &SideSpec, unit: &[FieldId]) -> bool {
    let mut lacking = false;
    for field in unit {
        let Some(here) = side.field(*field) else {
            continue;
        };
        if !here.writes_update || stand(spec, refs, record, link, side, *field) != Stand::Pending {
            continue;
        }
        if projection(spec, refs, record, side, *field).is_none() {
            return false;
        }
        lacking = true;
    }
    lacking
}

fn projection(spec: &SyncSpec, refs: &Refs, record: &Record, side: &SideSpec, field: FieldId) -> Option<Write> {
    // A field that no side has told of yet may still have a default.
    let canonical = match record.field(field) {
        Some(state) => &state.value,
        None => spec.field(field)?.default.as_ref().map(|_| &Value::Null)?,
    };
    match project(refs, side, spec.field(field)?, canonical) {
        Projected::Value(native) => Some((field, canonical.clone(), native)),
        Projected::Waiting(_) | Projected::Uncastable(_) => None,
    }
}

/// What a new row gets where the record has no value.
fn default_cell(
    spec: &SyncSpec,
    refs: &Refs,
    record: &Record,
    side: &SideSpec,
    field: FieldId,
    canonical: &Value,
) -> Option<Value> {
    let field = spec.field(field).filter(|_| canonical.is_null())?;
    let value = worked_out(field.default.as_ref()?, record).ok().filter(|value| !value.is_null())?;
    match project(refs, side, field, &value) {
        Projected::Value(native) => Some(native),
        Projected::Waiting(_) | Projected::Uncastable(_) => None,
    }
}

/// What a create would write. `None`: it has to wait, or there is nothing to write.
fn create_cells(spec: &SyncSpec, refs: &Refs, record: &Record, side: &SideSpec) -> Option<Vec<Write>> {
    let mut writes = Vec::new();
    for unit in spec.units() {
        let held = is_held(record, unit);
        for field in unit {
            let Some(here) = side.field(*field) else {
                continue;
            };
            if !here.writes_create {
                continue;
            }
            let write = projection(spec, refs, record, side, *field);
            match write {
                Some(write) if !held => writes.push(write),
                _ if must_have(here) => return None,
                _ => {}
            }
        }
    }
    writes.iter().any(|(_, value, _)| !value.is_null()).then_some(writes)
}

/// Whether [`create_cells`] has anything, without making it.
fn can_create(spec: &SyncSpec, refs: &Refs, record: &Record, side: &SideSpec) -> bool {
    let mut any = false;
    for unit in spec.units() {
        let held = is_held(record, unit);
        for field in unit {
            let Some(here) = side.field(*field).filter(|here| here.writes_create) else {
                continue;
            };
            match has_value(spec, refs, record, side, *field) {
                Some(has_value) if !held => any |= has_value,
                _ if must_have(here) => return false,
                _ => {}
            }
        }
    }
    any
}

/// Whether what would be written is more than null. `None`: it cannot be written.
fn has_value(spec: &SyncSpec, refs: &Refs, record: &Record, side: &SideSpec, field: FieldId) -> Option<bool> {
    let here = side.field(field)?;
    // The usual case, without making a value.
    if here.cast == Cast::Identity {
        return match (record.field(field), &spec.field(field)?.default) {
            (Some(state), _) => Some(!state.value.is_null()),
            (None, default) => default.as_ref().map(|_| false),
        };
    }
    projection(spec, refs, record, side, field).map(|(_, canonical, _)| !canonical.is_null())
}

fn must_have(here: &SideField) -> bool {
    here.required
}
