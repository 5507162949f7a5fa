//! Values to write: different in every row and at every turn, and such that
//! any system that offers the column's type can hold them.

use std::sync::Arc;

use lockstep_core::{
    schema::{Column, Kind},
    value::{Cell, Timestamp, Value},
};

const DAY_S: i64 = 86_400;
const MICROS: i64 = 1_000_000;
/// 2023-11-14; whole seconds, which the coarsest systems keep.
const BEGIN_S: i64 = 1_700_000_000;

/// A value for a column. `n` marks the row, `turn` the edit.
pub(crate) fn value(column: &Column, mark: &str, n: u64, turn: u32) -> Option<Value> {
    let row = i64::try_from(n % 100_000).unwrap_or(0);
    let step = i64::from(turn);
    let kind = &column.column_type;
    Some(match kind.kind {
        Kind::Text | Kind::Opaque => Value::text(cut(format!("kit {mark} {turn}"), kind.length)),
        Kind::Int if kind.length.is_some_and(|bits| bits <= 16) => Value::Int((row * 7 + step) % 30_000),
        Kind::Int => Value::Int(row * 1_000 + step),
        Kind::Decimal => {
            let whole = (row * 7 + step) % if kind.precision.is_some_and(|digits| digits < 7) { 100 } else { 1_000 };
            Value::Decimal(Arc::from(match kind.scale {
                Some(scale) if scale <= 0 => format!("{whole}"),
                Some(1) => format!("{whole}.5"),
                _ => format!("{whole}.25"),
            }))
        }
        Kind::Float => Value::Float((row % 1_000) as f64 + step as f64 + 0.5),
        Kind::Bool => Value::Bool(step % 2 == 0),
        Kind::Date => Value::Date(i32::try_from(19_000 + row % 1_000 + step).unwrap_or(0)),
        Kind::Time => Value::Time((row * 7 + step) % DAY_S * MICROS),
        Kind::Timestamp => Value::Timestamp(Timestamp((BEGIN_S + row * 60 + step) * MICROS)),
        Kind::LocalTimestamp => Value::LocalTimestamp((BEGIN_S + row * 60 + step) * MICROS),
        Kind::Uuid => Value::Uuid(uuid(mark, turn)),
        Kind::Json => Value::Json(Arc::from(format!("{{\"kit\": \"{mark}\", \"turn\": {turn}}}"))),
        Kind::Enum => Value::text(kind.values.get((turn as usize) % kind.values.len().max(1))?),
        Kind::Bytes => Value::Bytes(Arc::from(format!("{mark}{turn}").into_bytes())),
        Kind::List => return None,
    })
}

/// A text made from an author's template.
pub(crate) fn from_template(template: &str, mark: &str) -> Value {
    Value::text(template.replace("{n}", mark))
}

/// The last characters fit: they are what differs.
fn cut(text: String, length: Option<u32>) -> String {
    let length = length.map_or(usize::MAX, |length| length as usize);
    let skip = text.chars().count().saturating_sub(length);
    text.chars().skip(skip).collect()
}

fn uuid(mark: &str, turn: u32) -> u128 {
    // FNV-1a: any spread will do, and it has to be the same everywhere.
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in mark.bytes().chain(turn.to_be_bytes()) {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    // Version 4, variant 1, as databases that look expect it.
    (hash & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62)
}

/// Whether two cells say the same, whatever notation they are in. Absent
/// equals nothing but absent.
pub(crate) fn same(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b || a.same_meaning(b),
        (None, None) => true,
        _ => false,
    }
}

/// For people. Long values are cut.
pub(crate) fn show(cell: &Cell) -> String {
    match cell {
        None => "absent".into(),
        Some(Value::Null) => "null".into(),
        Some(value) => {
            let shown = value.show();
            let more = if shown.chars().count() > 80 { "…" } else { "" };
            format!("`{}{more}`", shown.chars().take(80).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_column_keeps_what_differs() {
        assert_eq!(cut("kit abc-12 3".into(), Some(4)), "12 3");
        assert_eq!(cut("kit".into(), None), "kit");
    }

    #[test]
    fn absent_is_not_null() {
        assert!(!same(&None, &Some(Value::Null)));
        assert!(same(&Some(Value::Decimal(Arc::from("1.50"))), &Some(Value::Decimal(Arc::from("1.5")))));
    }
}
