//! How a record stands at a side: what its values look like there, and whether
//! the side has acknowledged the agreed ones. Reads only.

use crate::{
    cast::Cast,
    key::Key,
    record::{FieldId, Link, Record, RecordId, SideId},
    spec::{FieldSpec, SideSpec, SyncSpec},
    value::Value,
};

use super::Refs;

/// A native value in canonical form, or why not.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lifted {
    Value(Value),
    /// The parent with this key at the side is not linked yet.
    Waiting(Key),
    Uncastable(String),
}

/// A canonical value in a side's native form, or why not.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Projected {
    Value(Value),
    /// This parent has no row at the side yet.
    Waiting(RecordId),
    Uncastable(String),
}

/// Whether a side has acknowledged a field's agreed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    Agreed,
    /// The side still holds something else.
    Pending,
    /// What the side holds was never seen, so it cannot be compared or replaced.
    Unseen,
}

pub(super) fn lift(spec: &SyncSpec, refs: &Refs, side: &SideSpec, field: FieldId, native: &Value) -> Lifted {
    let (Some(here), Some(field)) = (side.field(field), spec.field(field)) else {
        return Lifted::Uncastable("the field is not mapped here".into());
    };
    if let Some(parents) = &field.reference {
        if native.is_null() {
            return Lifted::Value(Value::Null);
        }
        let key = Key::new(vec![native.clone()]);
        return match refs.record(parents, &side.name, &key) {
            Some(parent) => Lifted::Value(Value::Ref(parent)),
            None => Lifted::Waiting(key),
        };
    }
    match here.cast.lift(native) {
        Ok(value) => Lifted::Value(value),
        Err(error) => Lifted::Uncastable(error.to_string()),
    }
}

pub(super) fn project(refs: &Refs, side: &SideSpec, field: &FieldSpec, canonical: &Value) -> Projected {
    let Some(here) = side.field(field.id) else {
        return Projected::Uncastable("the field is not mapped here".into());
    };
    if let (Some(parents), Value::Ref(parent)) = (&field.reference, canonical) {
        let key = refs.key(parents, &side.name, *parent);
        return match key.map(|key| &key.0[..]) {
            Some([single]) => Projected::Value(single.clone()),
            Some(_) => Projected::Uncastable("the parent's key has several columns".into()),
            None => Projected::Waiting(*parent),
        };
    }
    match here.cast.project(canonical) {
        Ok(value) => Projected::Value(value),
        Err(error) => Projected::Uncastable(error.to_string()),
    }
}

/// Agreed when the side holds (or was written, and stored in its own way) what
/// the canonical value looks like there, or when what it holds means the same.
pub(super) fn stand(
    spec: &SyncSpec,
    refs: &Refs,
    record: &Record,
    link: &Link,
    side: &SideSpec,
    field: FieldId,
) -> Stand {
    let (Some(state), Some(field_spec)) = (record.field(field), spec.field(field)) else {
        return Stand::Agreed;
    };
    let Some(here) = side.field(field) else {
        return Stand::Agreed;
    };
    let Some(known) = link.acknowledged(field) else {
        return Stand::Unseen;
    };
    // The usual case, without making values.
    if here.cast == Cast::Identity && *known == state.value {
        return Stand::Agreed;
    }
    if let Projected::Value(wanted) = project(refs, side, field_spec, &state.value)
        && wanted.same_meaning(known)
    {
        return Stand::Agreed;
    }
    match lift(spec, refs, side, field, known) {
        Lifted::Value(held) if held.same_meaning(&state.value) => Stand::Agreed,
        _ => Stand::Pending,
    }
}

/// Whether any field of the unit waits for something.
pub(super) fn is_held(record: &Record, unit: &[FieldId]) -> bool {
    unit.iter().any(|field| record.field(*field).is_some_and(|state| state.hold.is_some()))
}

/// The sides in force, other than one.
pub(super) fn others<'s>(spec: &'s SyncSpec, side: SideId) -> impl Iterator<Item = &'s SideSpec> + 's {
    spec.sides().filter(move |other| other.id != side)
}
