//! The types of expressions, and which one a field has.

use crate::schema::{ColumnType, Kind};

/// What an expression, or a part of one, says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Bool,
    Int,
    Double,
    /// An exact decimal.
    Decimal,
    Text,
    Bytes,
    /// An instant; a date is its midnight.
    Moment,
    /// A length of time.
    Span,
    Null,
    List(Box<Type>),
    /// An empty list's elements.
    Unknown,
}

impl Type {
    /// What a field of this type is in expressions. `None`: nothing.
    pub(super) fn of(column: &ColumnType) -> Type {
        match column.kind {
            Kind::Bool => Type::Bool,
            Kind::Int => Type::Int,
            Kind::Decimal => Type::Decimal,
            Kind::Float => Type::Double,
            Kind::Text | Kind::Enum | Kind::Opaque | Kind::Uuid | Kind::Json | Kind::Time => Type::Text,
            Kind::Bytes => Type::Bytes,
            Kind::Date | Kind::Timestamp | Kind::LocalTimestamp => Type::Moment,
            Kind::List => {
                let element =
                    ColumnType { kind: column.element.unwrap_or(Kind::Text), element: None, ..column.clone() };
                Type::List(Box::new(Type::of(&element)))
            }
        }
    }

    /// The column type that holds values of this one. `None`: none does.
    pub(super) fn column_type(&self) -> Option<ColumnType> {
        Some(match self {
            Type::Bool => ColumnType::of(Kind::Bool),
            Type::Int => ColumnType::of(Kind::Int),
            Type::Double => ColumnType::of(Kind::Float),
            Type::Decimal => ColumnType::of(Kind::Decimal),
            Type::Text => ColumnType::of(Kind::Text),
            Type::Bytes => ColumnType::of(Kind::Bytes),
            Type::Moment => ColumnType::of(Kind::Timestamp),
            Type::List(element) => {
                ColumnType { element: Some(element.column_type()?.kind), ..ColumnType::of(Kind::List) }
            }
            Type::Span | Type::Null | Type::Unknown => return None,
        })
    }

    /// The type of either. `None`: they are not of one.
    pub(super) fn either(self, other: Type) -> Option<Type> {
        match (self, other) {
            (one, other) if one == other => Some(one),
            (Type::Unknown | Type::Null, other) | (other, Type::Unknown | Type::Null) => Some(other),
            (Type::List(one), Type::List(other)) => Some(Type::List(Box::new(one.either(*other)?))),
            _ => None,
        }
    }

    /// Whether the two can be told apart at all.
    pub(super) fn compares_to(&self, other: &Type) -> bool {
        match (self, other) {
            (Type::Null, _) | (_, Type::Null) => true,
            (Type::Decimal, Type::Int | Type::Double | Type::Decimal) => true,
            (Type::Int | Type::Double, Type::Int | Type::Double) => true,
            (one, other) => one.clone().either(other.clone()).is_some(),
        }
    }

    pub(super) fn is_ordered(&self) -> bool {
        matches!(
            self,
            Type::Bool
                | Type::Int
                | Type::Double
                | Type::Decimal
                | Type::Text
                | Type::Bytes
                | Type::Moment
                | Type::Span
        )
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Double => "double",
            Type::Decimal => "decimal",
            Type::Text => "string",
            Type::Bytes => "bytes",
            Type::Moment => "timestamp",
            Type::Span => "duration",
            Type::Null => "null",
            Type::List(_) => "list",
            Type::Unknown => "nothing",
        })
    }
}
