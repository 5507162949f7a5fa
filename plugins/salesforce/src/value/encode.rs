//! From a cell to the JSON that a write carries. Numbers keep every digit.

use lockstep_sdk::model::{Cell, Scalar};
use serde_json::value::RawValue;

use super::{calendar, number};

/// Why a value cannot be sent, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritable(pub String);

/// The JSON of a cell. `None`: nothing is told.
///
/// # Errors
/// When Salesforce has no notation for the value.
pub fn encode(cell: &Cell) -> Result<Option<Box<RawValue>>, Unwritable> {
    let json = match cell {
        Cell::Absent => return Ok(None),
        Cell::Null => "null".to_owned(),
        Cell::Boolean(value) => value.to_string(),
        Cell::Integer(value) => value.to_string(),
        Cell::Decimal(text) => number::plain(text).ok_or_else(|| Unwritable(format!("{text} is not a number")))?,
        Cell::Float(value) if value.is_finite() => {
            number::plain(&value.to_string()).ok_or_else(|| Unwritable(format!("{value} is not a number")))?
        }
        Cell::Float(value) => return Err(Unwritable(format!("{value} is not a number"))),
        Cell::Text(text) | Cell::Json(text) if text.is_empty() => "null".to_owned(),
        Cell::Text(text) | Cell::Json(text) => quoted(text)?,
        Cell::Date(days) if matches!(*days, i32::MIN | i32::MAX) => return Err(Unwritable("an infinite date".into())),
        Cell::Date(days) => quoted(&calendar::date_text(writable_day(i64::from(*days))?))?,
        Cell::Time(micros) => quoted(&calendar::time_text(*micros))?,
        Cell::Timestamp(micros) if matches!(*micros, i64::MIN | i64::MAX) => {
            return Err(Unwritable("an infinite time".into()));
        }
        Cell::Timestamp(micros) | Cell::LocalTimestamp(micros) => {
            writable_day(micros.div_euclid(calendar::DAY_US))?;
            quoted(&calendar::timestamp_text(*micros))?
        }
        Cell::Uuid(uuid) => quoted(&format!("{:016x}{:016x}", uuid.high, uuid.low))?,
        Cell::Bytes(_) => return Err(Unwritable("bytes".into())),
        Cell::Many(items) => many(items)?,
    };
    RawValue::from_string(json).map(Some).map_err(|error| Unwritable(error.to_string()))
}

/// Salesforce's dates have years of four digits.
fn writable_day(days: i64) -> Result<i64, Unwritable> {
    let (year, ..) = calendar::date_of(days);
    if (0..=9999).contains(&year) { Ok(days) } else { Err(Unwritable(format!("a date in the year {year}"))) }
}

fn quoted(text: &str) -> Result<String, Unwritable> {
    serde_json::to_string(text).map_err(|error| Unwritable(error.to_string()))
}

/// A multi-select picklist: its values, separated by semicolons.
fn many(items: &[Scalar]) -> Result<String, Unwritable> {
    let mut parts = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Scalar::Text(text) if text.contains(';') => {
                return Err(Unwritable("a value with a semicolon in a multi-select picklist".into()));
            }
            Scalar::Text(text) => parts.push(text.as_str()),
            _ => return Err(Unwritable("a list of something else than text".into())),
        }
    }
    if parts.is_empty() { Ok("null".into()) } else { quoted(&parts.join(";")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(cell: Cell) -> String {
        encode(&cell).expect("writable").expect("told").get().to_owned()
    }

    #[test]
    fn values_are_written_as_the_vendor_reads_them() {
        assert_eq!(json(Cell::Null), "null");
        assert_eq!(json(Cell::Text(String::new())), "null");
        assert_eq!(json(Cell::Text("a\"b\n".into())), r#""a\"b\n""#);
        assert_eq!(json(Cell::Decimal("123456789012345678.50".into())), "123456789012345678.5");
        assert_eq!(json(Cell::Timestamp(1_638_469_413_000_000)), r#""2021-12-02T18:23:33.000Z""#);
        assert_eq!(json(Cell::Many(vec!["a".into(), "b".into()])), r#""a;b""#);
        assert_eq!(json(Cell::Many(Vec::new())), "null");
        assert!(encode(&Cell::Absent).expect("writable").is_none());
    }

    #[test]
    fn what_has_no_notation_is_refused_before_it_is_sent() {
        for cell in [
            Cell::Decimal("NaN".into()),
            Cell::Float(f64::INFINITY),
            Cell::Date(i32::MAX),
            Cell::Bytes(vec![1]),
            Cell::Many(vec!["a;b".into()]),
        ] {
            assert!(encode(&cell).is_err(), "{cell:?}");
        }
    }
}
