//! Values as they cross between systems, and what "the same" means for them.

pub(crate) mod calendar;
pub(crate) mod decimal;
mod flat;
pub(crate) mod json;
mod meaning;
mod show;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use self::{meaning::Special, show::uuid_text};
use crate::record::RecordId;

/// Microseconds since 1970-01-01T00:00:00Z. `i64::MIN` and `i64::MAX` stand for
/// minus infinity and infinity, as PostgreSQL knows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

/// One value. Equality is exact: the same kind and the same notation, so that a
/// side's value is recognised exactly as it showed it. Whether two values mean
/// the same (`1.5` and `1.50`) is asked with [`Value::same_meaning`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// Plain decimal notation of any precision, or `NaN`, `Infinity`, `-Infinity`.
    Decimal(Arc<str>),
    /// Compared by bits, NaN equal to itself.
    Float(f64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    /// Days since 1970-01-01; `i32::MIN`/`MAX` are the infinities.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    Timestamp(Timestamp),
    /// Wall-clock microseconds since 1970-01-01T00:00:00, no zone.
    LocalTimestamp(i64),
    Uuid(u128),
    /// JSON text, as the side shows it.
    Json(Arc<str>),
    /// One dimension; elements are never lists.
    List(#[serde(deserialize_with = "flat::elements")] Arc<[Value]>),
    /// A reference in canonical form: the parent's runtime id (in the parent's sync).
    Ref(RecordId),
}

/// A value that may not have been told: `None` is *absent* (keep what is
/// known), `Some(Value::Null)` is null.
pub type Cell = Option<Value>;

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        use Value::*;
        match (self, other) {
            (Null, Null) => true,
            (Bool(a), Bool(b)) => a == b,
            (Int(a), Int(b)) => a == b,
            (Decimal(a), Decimal(b)) | (Text(a), Text(b)) | (Json(a), Json(b)) => a == b,
            (Float(a), Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (Bytes(a), Bytes(b)) => a == b,
            (Date(a), Date(b)) => a == b,
            (Time(a), Time(b)) | (LocalTimestamp(a), LocalTimestamp(b)) => a == b,
            (Timestamp(a), Timestamp(b)) => a == b,
            (Uuid(a), Uuid(b)) => a == b,
            (List(a), List(b)) => a == b,
            (Ref(a), Ref(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl std::hash::Hash for Value {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        use Value::*;
        std::mem::discriminant(self).hash(state);
        match self {
            Null => {}
            Bool(v) => v.hash(state),
            Int(v) | Time(v) | LocalTimestamp(v) => v.hash(state),
            Decimal(v) | Text(v) | Json(v) => v.hash(state),
            Float(v) => if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() }.hash(state),
            Bytes(v) => v.hash(state),
            Date(v) => v.hash(state),
            Timestamp(v) => v.hash(state),
            Uuid(v) => v.hash(state),
            List(v) => v.hash(state),
            Ref(v) => v.hash(state),
        }
    }
}

impl Value {
    /// A text value.
    pub fn text(text: impl AsRef<str>) -> Self {
        Value::Text(Arc::from(text.as_ref()))
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// A lower bound of the bytes this value occupies, for bounding batches.
    pub fn size_bytes(&self) -> usize {
        match self {
            Value::Decimal(v) | Value::Text(v) | Value::Json(v) => v.len() + 16,
            Value::Bytes(v) => v.len() + 16,
            Value::List(v) => v.iter().map(Value::size_bytes).sum::<usize>() + 16,
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Date(_)
            | Value::Time(_)
            | Value::Timestamp(_)
            | Value::LocalTimestamp(_)
            | Value::Uuid(_)
            | Value::Ref(_) => 16,
        }
    }
}
