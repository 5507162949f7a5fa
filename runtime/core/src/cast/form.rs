//! The shape a value must have at one end of a cast.

use std::sync::Arc;

use crate::schema::{ColumnType, Kind};

/// A column type reduced to what bounds its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub kind: Kind,
    /// Characters for text, bytes for bytes, bits for int.
    pub length: Option<u32>,
    /// Decimal digits in all.
    pub precision: Option<u32>,
    /// Digits after the point; for times and timestamps, of the second's fraction.
    pub scale: Option<i32>,
    /// What an enum allows; empty: anything.
    pub values: Arc<[String]>,
    /// Element kind of a list.
    pub element: Option<Kind>,
}

impl Form {
    /// A form without bounds.
    pub fn of(kind: Kind) -> Form {
        Form { kind, length: None, precision: None, scale: None, values: Arc::from([]), element: None }
    }

    pub(crate) fn is_text_like(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Enum | Kind::Opaque)
    }

    /// Digits of a second's fraction that this form keeps: 6 unless it says less.
    pub(crate) fn fraction_digits(&self) -> u32 {
        let said = self.scale.and_then(|digits| u32::try_from(digits).ok());
        said.or(self.precision).unwrap_or(6).min(6)
    }

    /// In words, such as `decimal(12,2)` or `text(80)`.
    pub fn describe(&self) -> String {
        let name = kind_name(self.kind);
        match (self.kind, self.precision, self.scale, self.length) {
            (Kind::Decimal, Some(precision), scale, _) => {
                format!("{name}({precision},{})", scale.unwrap_or(0))
            }
            (Kind::Decimal, None, Some(scale), _) => {
                format!("{name} with {scale} digits after the point")
            }
            (Kind::Time | Kind::Timestamp | Kind::LocalTimestamp, ..) if self.fraction_digits() < 6 => {
                format!("{name}({})", self.fraction_digits())
            }
            (Kind::Int | Kind::Float, _, _, Some(bits)) => format!("{bits}-bit {name}"),
            (_, _, _, Some(length)) => format!("{name}({length})"),
            _ => name.to_owned(),
        }
    }
}

impl From<&ColumnType> for Form {
    fn from(column: &ColumnType) -> Form {
        Form {
            kind: column.kind,
            length: column.length,
            precision: column.precision,
            scale: column.scale,
            values: column.values.clone().into(),
            element: column.element,
        }
    }
}

/// The kind's name as in the connector contract.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::Int => "int",
        Kind::Decimal => "decimal",
        Kind::Float => "float",
        Kind::Text => "text",
        Kind::Bytes => "bytes",
        Kind::Date => "date",
        Kind::Time => "time",
        Kind::Timestamp => "timestamp",
        Kind::LocalTimestamp => "local-timestamp",
        Kind::Uuid => "uuid",
        Kind::Json => "json",
        Kind::Enum => "enum",
        Kind::List => "list",
        Kind::Opaque => "opaque",
    }
}
