//! Values between this version's cells and the core's. Nothing is copied more
//! than once.

use std::sync::Arc;

use lockstep_core::{
    key::Key,
    value::{Cell, Timestamp, Value},
};

use super::model::{self, Scalar, Uuid};

/// From the guest. Cannot fail: every cell has a value.
pub(super) fn from_guest(cell: model::Cell) -> Cell {
    Some(match cell {
        model::Cell::Absent => return None,
        model::Cell::Null => Value::Null,
        model::Cell::Boolean(value) => Value::Bool(value),
        model::Cell::Integer(value) => Value::Int(value),
        model::Cell::Decimal(value) => Value::Decimal(value.into()),
        model::Cell::Float(value) => Value::Float(value),
        model::Cell::Text(value) => Value::Text(value.into()),
        model::Cell::Bytes(value) => Value::Bytes(value.into()),
        model::Cell::Date(value) => Value::Date(value),
        model::Cell::Time(value) => Value::Time(value),
        model::Cell::Timestamp(value) => Value::Timestamp(Timestamp(value)),
        model::Cell::LocalTimestamp(value) => Value::LocalTimestamp(value),
        model::Cell::Uuid(value) => Value::Uuid(uuid(value)),
        model::Cell::Json(value) => Value::Json(value.into()),
        model::Cell::Many(items) => Value::List(items.into_iter().map(element).collect()),
    })
}

fn element(scalar: Scalar) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(value),
        Scalar::Integer(value) => Value::Int(value),
        Scalar::Decimal(value) => Value::Decimal(value.into()),
        Scalar::Float(value) => Value::Float(value),
        Scalar::Text(value) => Value::Text(value.into()),
        Scalar::Bytes(value) => Value::Bytes(value.into()),
        Scalar::Date(value) => Value::Date(value),
        Scalar::Time(value) => Value::Time(value),
        Scalar::Timestamp(value) => Value::Timestamp(Timestamp(value)),
        Scalar::LocalTimestamp(value) => Value::LocalTimestamp(value),
        Scalar::Uuid(value) => Value::Uuid(uuid(value)),
        Scalar::Json(value) => Value::Json(value.into()),
    }
}

fn uuid(value: Uuid) -> u128 {
    (u128::from(value.high) << 64) | u128::from(value.low)
}

fn halves(value: u128) -> Uuid {
    Uuid { high: (value >> 64) as u64, low: value as u64 }
}

/// A key from the guest; `None` when a part of it is absent.
pub(super) fn key_from_guest(cells: Vec<model::Cell>) -> Option<Key> {
    let values: Option<Arc<[Value]>> = cells.into_iter().map(from_guest).collect();
    values.map(Key)
}

/// To the guest; `None` for what has no place in a cell: a reference, or a list in a list.
pub(super) fn to_guest(cell: Option<&Value>) -> Option<model::Cell> {
    let Some(value) = cell else { return Some(model::Cell::Absent) };
    Some(match value {
        Value::Null => model::Cell::Null,
        Value::Bool(value) => model::Cell::Boolean(*value),
        Value::Int(value) => model::Cell::Integer(*value),
        Value::Decimal(value) => model::Cell::Decimal(value.as_ref().to_owned()),
        Value::Float(value) => model::Cell::Float(*value),
        Value::Text(value) => model::Cell::Text(value.as_ref().to_owned()),
        Value::Bytes(value) => model::Cell::Bytes(value.to_vec()),
        Value::Date(value) => model::Cell::Date(*value),
        Value::Time(value) => model::Cell::Time(*value),
        Value::Timestamp(value) => model::Cell::Timestamp(value.0),
        Value::LocalTimestamp(value) => model::Cell::LocalTimestamp(*value),
        Value::Uuid(value) => model::Cell::Uuid(halves(*value)),
        Value::Json(value) => model::Cell::Json(value.as_ref().to_owned()),
        Value::List(items) => model::Cell::Many(items.iter().map(scalar).collect::<Option<_>>()?),
        Value::Ref(_) => return None,
    })
}

fn scalar(value: &Value) -> Option<Scalar> {
    Some(match value {
        Value::Null => Scalar::Null,
        Value::Bool(value) => Scalar::Boolean(*value),
        Value::Int(value) => Scalar::Integer(*value),
        Value::Decimal(value) => Scalar::Decimal(value.as_ref().to_owned()),
        Value::Float(value) => Scalar::Float(*value),
        Value::Text(value) => Scalar::Text(value.as_ref().to_owned()),
        Value::Bytes(value) => Scalar::Bytes(value.to_vec()),
        Value::Date(value) => Scalar::Date(*value),
        Value::Time(value) => Scalar::Time(*value),
        Value::Timestamp(value) => Scalar::Timestamp(value.0),
        Value::LocalTimestamp(value) => Scalar::LocalTimestamp(*value),
        Value::Uuid(value) => Scalar::Uuid(halves(*value)),
        Value::Json(value) => Scalar::Json(value.as_ref().to_owned()),
        Value::List(_) | Value::Ref(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_the_way_to_the_guest_and_back() {
        let text = || Value::text("ä");
        let all = vec![
            Value::Null,
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Decimal("1.50".into()),
            Value::Float(-0.0),
            text(),
            Value::Bytes(vec![0, 255].into()),
            Value::Date(i32::MAX),
            Value::Time(1),
            Value::Timestamp(Timestamp(i64::MIN)),
            Value::LocalTimestamp(-1),
            Value::Uuid(u128::MAX - 7),
            Value::Json("{}".into()),
        ];
        let list = Value::List(all.clone().into());
        for value in all.into_iter().chain([list]) {
            let cell = to_guest(Some(&value)).expect("a cell");
            assert_eq!(from_guest(cell), Some(value));
        }
        assert_eq!(to_guest(None).map(from_guest), Some(None));
    }

    #[test]
    fn a_list_in_a_list_has_no_cell() {
        let inner = Value::List(vec![Value::Null].into());
        assert!(to_guest(Some(&Value::List(vec![inner].into()))).is_none());
    }
}
