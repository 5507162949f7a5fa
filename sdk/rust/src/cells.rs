//! Cells and scalars from Rust values, and back.

use crate::model::{Cell, Scalar, Uuid};

impl Uuid {
    /// From a 128-bit number, most significant byte first.
    #[must_use]
    pub fn from_u128(value: u128) -> Self {
        Uuid { high: (value >> 64) as u64, low: value as u64 }
    }

    /// As a 128-bit number.
    #[must_use]
    pub fn as_u128(&self) -> u128 {
        (u128::from(self.high) << 64) | u128::from(self.low)
    }
}

impl Cell {
    /// Plain decimal notation of any precision, `NaN` or `±Infinity`.
    pub fn decimal(text: impl Into<String>) -> Self {
        Cell::Decimal(text.into())
    }

    /// JSON text, as the system shows it.
    pub fn json(text: impl Into<String>) -> Self {
        Cell::Json(text.into())
    }

    /// A UUID from its 128 bits.
    #[must_use]
    pub fn uuid(value: u128) -> Self {
        Cell::Uuid(Uuid::from_u128(value))
    }

    /// Whether nothing is told.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Cell::Absent)
    }

    /// Whether it is told and null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    /// The text of a text, decimal or JSON cell.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Cell::Text(text) | Cell::Decimal(text) | Cell::Json(text) => Some(text),
            _ => None,
        }
    }

    /// About how many bytes it takes, for keeping pages and batches in bounds.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        match self {
            Cell::Text(text) | Cell::Decimal(text) | Cell::Json(text) => text.len() + 16,
            Cell::Bytes(bytes) => bytes.len() + 16,
            Cell::Many(items) => items.iter().map(Scalar::size_bytes).sum::<usize>() + 16,
            _ => 16,
        }
    }

    /// As an element of a list; `None` for a list. Absent becomes null.
    #[must_use]
    pub fn into_scalar(self) -> Option<Scalar> {
        Some(match self {
            Cell::Absent | Cell::Null => Scalar::Null,
            Cell::Boolean(value) => Scalar::Boolean(value),
            Cell::Integer(value) => Scalar::Integer(value),
            Cell::Decimal(value) => Scalar::Decimal(value),
            Cell::Float(value) => Scalar::Float(value),
            Cell::Text(value) => Scalar::Text(value),
            Cell::Bytes(value) => Scalar::Bytes(value),
            Cell::Date(value) => Scalar::Date(value),
            Cell::Time(value) => Scalar::Time(value),
            Cell::Timestamp(value) => Scalar::Timestamp(value),
            Cell::LocalTimestamp(value) => Scalar::LocalTimestamp(value),
            Cell::Uuid(value) => Scalar::Uuid(value),
            Cell::Json(value) => Scalar::Json(value),
            Cell::Many(_) => return None,
        })
    }
}

impl Scalar {
    /// About how many bytes it takes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        match self {
            Scalar::Text(text) | Scalar::Decimal(text) | Scalar::Json(text) => text.len() + 16,
            Scalar::Bytes(bytes) => bytes.len() + 16,
            _ => 16,
        }
    }
}

impl From<Scalar> for Cell {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Null => Cell::Null,
            Scalar::Boolean(value) => Cell::Boolean(value),
            Scalar::Integer(value) => Cell::Integer(value),
            Scalar::Decimal(value) => Cell::Decimal(value),
            Scalar::Float(value) => Cell::Float(value),
            Scalar::Text(value) => Cell::Text(value),
            Scalar::Bytes(value) => Cell::Bytes(value),
            Scalar::Date(value) => Cell::Date(value),
            Scalar::Time(value) => Cell::Time(value),
            Scalar::Timestamp(value) => Cell::Timestamp(value),
            Scalar::LocalTimestamp(value) => Cell::LocalTimestamp(value),
            Scalar::Uuid(value) => Cell::Uuid(value),
            Scalar::Json(value) => Cell::Json(value),
        }
    }
}

macro_rules! from_rust_value {
    ($($from:ty => $case:ident),* $(,)?) => {$(
        impl From<$from> for Cell {
            fn from(value: $from) -> Self { Cell::$case(value.into()) }
        }
        impl From<$from> for Scalar {
            fn from(value: $from) -> Self { Scalar::$case(value.into()) }
        }
    )*};
}

from_rust_value! {
    bool => Boolean,
    i64 => Integer,
    i32 => Integer,
    i16 => Integer,
    u32 => Integer,
    f64 => Float,
    String => Text,
    &str => Text,
    Vec<u8> => Bytes,
    &[u8] => Bytes,
    Uuid => Uuid,
}

impl From<Vec<Scalar>> for Cell {
    fn from(items: Vec<Scalar>) -> Self {
        Cell::Many(items)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_survives_the_way_to_halves_and_back() {
        let value = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128;
        let uuid = Uuid::from_u128(value);
        assert_eq!(uuid.high, 0x0011_2233_4455_6677);
        assert_eq!(uuid.as_u128(), value);
    }

    #[test]
    fn none_is_null_and_never_absent() {
        assert_eq!(Cell::from(None::<i64>), Cell::Null);
        assert_eq!(Cell::from(Some("x")), Cell::Text("x".into()));
    }

    #[test]
    fn a_list_is_no_scalar() {
        assert_eq!(Cell::Many(vec![Scalar::Null]).into_scalar(), None);
        assert_eq!(Cell::from(3_i64).into_scalar(), Some(Scalar::Integer(3)));
    }
}
