//! Elements of lists as they are read: never lists themselves, so that no input
//! can nest deeper than the stack.

use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use super::{Timestamp, Value};
use crate::record::RecordId;

/// A [`Value`] that is not a list. The variants are in the same order.
#[derive(Deserialize)]
enum Single {
    Null,
    Bool(bool),
    Int(i64),
    Decimal(Arc<str>),
    Float(f64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    Date(i32),
    Time(i64),
    Timestamp(Timestamp),
    LocalTimestamp(i64),
    Uuid(u128),
    Json(Arc<str>),
    List(Never),
    Ref(RecordId),
}

/// Cannot be read.
#[derive(Deserialize)]
enum Never {}

pub(super) fn elements<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<[Value]>, D::Error> {
    Ok(Vec::<Single>::deserialize(from)?.into_iter().map(Value::from).collect())
}

impl From<Single> for Value {
    fn from(single: Single) -> Self {
        match single {
            Single::Null => Value::Null,
            Single::Bool(v) => Value::Bool(v),
            Single::Int(v) => Value::Int(v),
            Single::Decimal(v) => Value::Decimal(v),
            Single::Float(v) => Value::Float(v),
            Single::Text(v) => Value::Text(v),
            Single::Bytes(v) => Value::Bytes(v),
            Single::Date(v) => Value::Date(v),
            Single::Time(v) => Value::Time(v),
            Single::Timestamp(v) => Value::Timestamp(v),
            Single::LocalTimestamp(v) => Value::LocalTimestamp(v),
            Single::Uuid(v) => Value::Uuid(v),
            Single::Json(v) => Value::Json(v),
            Single::List(never) => match never {},
            Single::Ref(v) => Value::Ref(v),
        }
    }
}
