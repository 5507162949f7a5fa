//! The canonical type of a field: the narrowest that every side's values fit
//! into and come back from.

use crate::schema::{ColumnType, Kind};

/// The type that holds what all of these hold. `None`: there is none.
pub(super) fn widest<'a>(types: impl IntoIterator<Item = &'a ColumnType>) -> Option<ColumnType> {
    let mut types = types.into_iter();
    let first = types.next()?.clone();
    types.try_fold(first, |wide, one| join(&wide, one))
}

fn join(a: &ColumnType, b: &ColumnType) -> Option<ColumnType> {
    use Kind::*;
    if a.kind == b.kind {
        return same_kind(a, b);
    }
    let (low, high) = if rank(a.kind) <= rank(b.kind) { (a, b) } else { (b, a) };
    Some(match (low.kind, high.kind) {
        (Bool, Int | Decimal | Float) => high.clone(),
        (Int, Decimal) => decimals(&int_as_decimal(low), high),
        (Int, Float) if low.length.is_some_and(|bits| bits <= 32) && high.length != Some(32) => high.clone(),
        (Int | Decimal, Float) => ColumnType::of(Decimal),
        (Date, Timestamp | LocalTimestamp) => high.clone(),
        (LocalTimestamp, Timestamp) => {
            ColumnType { scale: finer(low, high), precision: None, ..ColumnType::of(Timestamp) }
        }
        (Enum | Opaque, Text) | (Enum, Opaque) => longer(low, high, Text),
        // Delimited text splits into text elements.
        (List, Text | Enum | Opaque) => ColumnType { element: Some(Text), ..ColumnType::of(List) },
        (_, Text | Enum | Opaque) => ColumnType::of(Text),
        (Bool | Int | Decimal | Float | Date | Time | LocalTimestamp | Timestamp | Uuid | Bytes | List, Json) => {
            ColumnType::of(Json)
        }
        _ => return None,
    })
}

/// Narrow to wide; pairs are looked at in this order only.
fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Bool => 0,
        Kind::Int => 1,
        Kind::Decimal => 2,
        Kind::Float => 3,
        Kind::Date => 4,
        Kind::Time => 5,
        Kind::LocalTimestamp => 6,
        Kind::Timestamp => 7,
        Kind::Uuid => 8,
        Kind::Bytes => 9,
        Kind::List => 10,
        Kind::Json => 11,
        Kind::Enum => 12,
        Kind::Opaque => 13,
        Kind::Text => 14,
    }
}

fn same_kind(a: &ColumnType, b: &ColumnType) -> Option<ColumnType> {
    if same_bounds(a, b) {
        return Some(a.clone());
    }
    Some(match a.kind {
        Kind::Decimal => decimals(a, b),
        Kind::Int => ColumnType { length: larger(a.length, b.length), ..ColumnType::of(Kind::Int) },
        Kind::Float => ColumnType { length: larger(a.length, b.length), ..ColumnType::of(Kind::Float) },
        Kind::Time | Kind::Timestamp | Kind::LocalTimestamp => {
            ColumnType { scale: finer(a, b), ..ColumnType::of(a.kind) }
        }
        Kind::Enum => enums(a, b),
        Kind::List => lists(a, b)?,
        Kind::Text | Kind::Opaque | Kind::Bytes => longer(a, b, a.kind),
        Kind::Bool | Kind::Date | Kind::Uuid | Kind::Json => ColumnType::of(a.kind),
    })
}

fn same_bounds(a: &ColumnType, b: &ColumnType) -> bool {
    (a.length, a.precision, a.scale, &a.values, a.element) == (b.length, b.precision, b.scale, &b.values, b.element)
}

/// `None` is without bound.
fn larger(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    Some(a?.max(b?))
}

fn longer(a: &ColumnType, b: &ColumnType, kind: Kind) -> ColumnType {
    ColumnType { length: larger(a.length, b.length), ..ColumnType::of(kind) }
}

/// Digits of the second's fraction; nothing said means six.
fn finer(a: &ColumnType, b: &ColumnType) -> Option<i32> {
    let digits = |one: &ColumnType| one.scale.or(one.precision.and_then(|digits| i32::try_from(digits).ok()));
    Some(digits(a)?.max(digits(b)?))
}

fn int_as_decimal(int: &ColumnType) -> ColumnType {
    let precision = match int.length.unwrap_or(64) {
        ..=16 => 5,
        17..=32 => 10,
        _ => 19,
    };
    ColumnType { precision: Some(precision), scale: Some(0), ..ColumnType::of(Kind::Decimal) }
}

fn decimals(a: &ColumnType, b: &ColumnType) -> ColumnType {
    let parts = |one: &ColumnType| {
        let precision = i64::from(one.precision?);
        let scale = i64::from(one.scale.unwrap_or(0));
        Some((precision - scale, scale))
    };
    let (Some((whole_a, scale_a)), Some((whole_b, scale_b))) = (parts(a), parts(b)) else {
        return ColumnType::of(Kind::Decimal);
    };
    let (whole, scale) = (whole_a.max(whole_b), scale_a.max(scale_b));
    ColumnType {
        precision: u32::try_from(whole + scale).ok(),
        scale: i32::try_from(scale).ok(),
        ..ColumnType::of(Kind::Decimal)
    }
}

fn enums(a: &ColumnType, b: &ColumnType) -> ColumnType {
    if a.values.is_empty() || b.values.is_empty() {
        return ColumnType::of(Kind::Enum);
    }
    let mut values = a.values.clone();
    values.extend(b.values.iter().filter(|value| !a.values.contains(value)).cloned());
    ColumnType { values, ..ColumnType::of(Kind::Enum) }
}

fn lists(a: &ColumnType, b: &ColumnType) -> Option<ColumnType> {
    let element =
        |one: &ColumnType| ColumnType { kind: one.element.unwrap_or(Kind::Text), element: None, ..one.clone() };
    let joined = join(&element(a), &element(b))?;
    // Elements are never lists.
    (joined.kind != Kind::List).then_some(ColumnType { kind: Kind::List, element: Some(joined.kind), ..joined })
}
