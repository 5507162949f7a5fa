//! Which records a sync's filter lets take part, and what that means for the rows
//! of one that it does not: derived from the record whenever asked, never stored,
//! so that a record is in or out by what is agreed of it, and nothing can be
//! forgotten in between.

use crate::{
    record::{FieldId, Link, Record, SideId},
    spec::{Leaving, SideSpec, SyncSpec},
};

use super::{
    Refs,
    standing::{Stand, is_held, stand},
};

/// Whether a record takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belonging {
    In,
    Out,
    /// The filter makes nothing of its values: nothing is created or deleted.
    Unknown,
}

/// Whether the sync's filter lets a record take part.
pub fn belonging(spec: &SyncSpec, record: &Record) -> Belonging {
    let Some(filter) = &spec.filter else {
        return Belonging::In;
    };
    let Some(expression) = &filter.expression else {
        return Belonging::Unknown;
    };
    match expression.holds(|field| record.field(field).map(|state| &state.value)) {
        Ok(true) => Belonging::In,
        Ok(false) => Belonging::Out,
        Err(_) => Belonging::Unknown,
    }
}

/// What may be written to a side's row of a record that is linked there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Footing {
    Whole,
    /// Only the fields that the filter reads: so every side sees why.
    FilterFields,
    Leaves,
}

pub(super) fn footing(spec: &SyncSpec, refs: &Refs, record: &Record, side: &SideSpec) -> Footing {
    let Some(filter) = &spec.filter else {
        return Footing::Whole;
    };
    if belonging(spec, record) != Belonging::Out {
        return Footing::Whole;
    }
    match &filter.leaving {
        Leaving::Keep => Footing::Whole,
        Leaving::Unlink => Footing::FilterFields,
        Leaving::Delete(sides) if sides.contains(&side.id) && is_kept(spec, refs, record, sides) => Footing::Leaves,
        Leaving::Delete(_) => Footing::Whole,
    }
}

/// Whether the filter reads any of these fields.
pub(super) fn reads_any(spec: &SyncSpec, unit: &[FieldId]) -> bool {
    let expression = spec.filter.as_ref().and_then(|filter| filter.expression.as_ref());
    expression.is_some_and(|expression| expression.reads().any(|field| unit.contains(&field)))
}

/// Whether a row that is gone from a side is no news of the record: it is one
/// that leaves, or has left, there.
pub(super) fn is_loose(spec: &SyncSpec, record: &Record, side: SideId) -> bool {
    let Some(filter) = &spec.filter else {
        return false;
    };
    let loose = match &filter.leaving {
        Leaving::Keep => false,
        Leaving::Unlink => true,
        Leaving::Delete(sides) => sides.contains(&side),
    };
    loose && belonging(spec, record) == Belonging::Out
}

/// Whether sides that keep their rows hold all that is agreed of the record, and
/// nothing of it waits for anyone.
fn is_kept(spec: &SyncSpec, refs: &Refs, record: &Record, leaving: &[SideId]) -> bool {
    let keepers: Vec<(&Link, &SideSpec)> = record
        .links
        .iter()
        .filter(|link| link.is_live() && !leaving.contains(&link.side))
        .filter_map(|link| Some((link, spec.side(link.side)?)))
        .collect();
    !keepers.is_empty()
        && spec.fields().filter(|field| field.from.is_none()).all(|field| {
            let Some(state) = record.field(field.id) else {
                return true;
            };
            let holds = |(link, side): &(&Link, &SideSpec)| {
                side.field(field.id).is_some() && stand(spec, refs, record, link, side, field.id) == Stand::Agreed
            };
            !is_held(record, &[field.id]) && (state.value.is_null() || keepers.iter().any(holds))
        })
}
