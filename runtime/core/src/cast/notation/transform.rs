//! A notation that is a component's: its values are what it reads and writes.

use crate::{
    cast::{CastError, Form, between::Way, convert},
    code::TransformSlot,
    schema::ColumnType,
    value::Value,
};

pub(super) fn plain(slot: &TransformSlot, native: &ColumnType) -> Result<ColumnType, &'static str> {
    let code = slot.code.as_ref().ok_or("its component, which is not loaded")?;
    match code.about().takes.as_slice() {
        [one] if one.fits(native.kind) => Ok(code.about().gives.clone()),
        [_] => Err("another kind of column, as its component says"),
        _ => Err("a component that takes one value"),
    }
}

pub(super) fn ways(slot: &TransformSlot) -> (Way, Way) {
    let narrow = |what: &str| Way::Narrows(what.to_owned());
    let writes = slot.code.as_ref().is_some_and(|code| code.about().writes);
    let written = if writes { narrow("what its component cannot write is not written") } else { Way::Impossible };
    (narrow("what its component refuses is not taken"), written)
}

/// What the component says must be of the type that it gives.
pub(super) fn read(slot: &TransformSlot, native: &Value) -> Result<Value, CastError> {
    let code = slot.code.as_ref().ok_or_else(|| CastError::Refused { words: "it is not loaded".to_owned() })?;
    let value = code.read(&[native]).map_err(|words| CastError::Refused { words })?;
    convert::convert(&value, &Form::from(&code.about().gives), false)
}

pub(super) fn write(slot: &TransformSlot, plain: &Value) -> Result<Value, CastError> {
    let code = slot.code.as_ref().ok_or_else(|| CastError::Refused { words: "it is not loaded".to_owned() })?;
    code.write(plain).map_err(|words| CastError::Refused { words })
}
