//! Values as bytes: one tag byte, small numbers and short texts in few bytes.

use std::sync::Arc;

use crate::{
    record::RecordId,
    value::{Timestamp, Value},
};

use super::{
    CodecError, Reader,
    reader::{write_blob, write_count, write_number, write_signed},
};

/// Texts up to this many bytes have their length in the tag.
const SHORT_TEXT_BYTES_MAX: usize = 127;
/// Tags from here on are short texts.
const SHORT_TEXT: u8 = 128;

pub(crate) fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(false) => out.push(1),
        Value::Bool(true) => out.push(2),
        Value::Int(v) => signed(out, 3, *v),
        Value::Decimal(v) => blob(out, 4, v.as_bytes()),
        Value::Float(v) => {
            out.push(5);
            out.extend_from_slice(&v.to_bits().to_le_bytes());
        }
        Value::Text(v) if v.len() <= SHORT_TEXT_BYTES_MAX => {
            out.push(SHORT_TEXT + v.len() as u8);
            out.extend_from_slice(v.as_bytes());
        }
        Value::Text(v) => blob(out, 6, v.as_bytes()),
        Value::Bytes(v) => blob(out, 7, v),
        Value::Date(v) => signed(out, 8, i64::from(*v)),
        Value::Time(v) => signed(out, 9, *v),
        Value::Timestamp(v) => signed(out, 10, v.0),
        Value::LocalTimestamp(v) => signed(out, 11, *v),
        Value::Uuid(v) => {
            out.push(12);
            out.extend_from_slice(&v.to_be_bytes());
        }
        Value::Json(v) => blob(out, 13, v.as_bytes()),
        Value::List(v) => {
            out.push(14);
            write_count(out, v.len());
            for element in v.iter() {
                write_value(out, element);
            }
        }
        Value::Ref(v) => {
            out.push(15);
            write_number(out, v.0);
        }
    }
}

fn signed(out: &mut Vec<u8>, tag: u8, value: i64) {
    out.push(tag);
    write_signed(out, value);
}

fn blob(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    write_blob(out, bytes);
}

pub(crate) fn read_value(reader: &mut Reader<'_>) -> Result<Value, CodecError> {
    match reader.byte()? {
        14 => {
            let count = reader.count()?;
            let mut elements = Vec::with_capacity(count);
            for _ in 0..count {
                let tag = reader.byte()?;
                elements.push(read_single(reader, tag)?);
            }
            Ok(Value::List(elements.into()))
        }
        tag => read_single(reader, tag),
    }
}

/// A value that is not a list: elements are never lists, so nothing nests.
fn read_single(reader: &mut Reader<'_>, tag: u8) -> Result<Value, CodecError> {
    Ok(match tag {
        0 => Value::Null,
        1 => Value::Bool(false),
        2 => Value::Bool(true),
        3 => Value::Int(reader.signed()?),
        4 => Value::Decimal(Arc::from(reader.text()?)),
        5 => Value::Float(f64::from_bits(u64::from_le_bytes(reader.array()?))),
        6 => Value::Text(Arc::from(reader.text()?)),
        7 => Value::Bytes(Arc::from(reader.blob()?)),
        8 => Value::Date(
            i32::try_from(reader.signed()?).map_err(|_| CodecError::Impossible("a date outside its range"))?,
        ),
        9 => Value::Time(reader.signed()?),
        10 => Value::Timestamp(Timestamp(reader.signed()?)),
        11 => Value::LocalTimestamp(reader.signed()?),
        12 => Value::Uuid(u128::from_be_bytes(reader.array()?)),
        13 => Value::Json(Arc::from(reader.text()?)),
        15 => Value::Ref(RecordId(reader.number()?)),
        short if short >= SHORT_TEXT => {
            let bytes = reader.bytes(usize::from(short - SHORT_TEXT))?;
            let text = std::str::from_utf8(bytes).map_err(|_| CodecError::Impossible("text that is not UTF-8"))?;
            Value::Text(Arc::from(text))
        }
        _ => return Err(CodecError::Impossible("an unknown kind of value")),
    })
}
