//! From JSON, or from CSV's text, to a cell of the field's kind. What cannot be
//! read as its kind crosses as text: the host holds that one field, and names it.

use lockstep_sdk::model::{Cell, Scalar};
use serde_json::value::RawValue;

use crate::schema::Kind;

use super::{calendar, long_id, number};

/// A field of a record in JSON.
pub fn decode(kind: Kind, raw: &RawValue) -> Cell {
    let text = raw.get().trim();
    if text == "null" {
        return Cell::Null;
    }
    if text.starts_with('"') {
        return match serde_json::from_str::<String>(text) {
            Ok(text) => decode_text(kind, &text),
            // Half a character, as no text of Salesforce's has: it stays as it came.
            Err(_) => decode_text(kind, text),
        };
    }
    match kind {
        // Instants in events may be numbers: milliseconds since 1970.
        Kind::DateTime => match text.parse::<i64>() {
            Ok(millis) => Cell::Timestamp(millis.saturating_mul(1000)),
            Err(_) => Cell::Text(text.to_owned()),
        },
        _ => decode_text(kind, text),
    }
}

/// A field as text. Salesforce has no empty text: it is null.
pub fn decode_text(kind: Kind, text: &str) -> Cell {
    if text.is_empty() {
        return Cell::Null;
    }
    let read = match kind {
        Kind::Id | Kind::Reference => Some(Cell::Text(long_id(text))),
        Kind::Text | Kind::Enum => Some(Cell::Text(text.to_owned())),
        Kind::Boolean => match text {
            "true" => Some(Cell::Boolean(true)),
            "false" => Some(Cell::Boolean(false)),
            _ => None,
        },
        Kind::Int => number::plain(text).and_then(|plain| plain.parse().ok()).map(Cell::Integer),
        Kind::Decimal => number::plain(text).map(Cell::Decimal),
        Kind::Multi => {
            Some(Cell::Many(text.split(';').filter(|part| !part.is_empty()).map(Scalar::from).collect::<Vec<_>>()))
        }
        Kind::Date => calendar::parse_date(text).and_then(|days| i32::try_from(days).ok()).map(Cell::Date),
        Kind::DateTime => calendar::parse_timestamp_us(text).map(Cell::Timestamp),
        Kind::Time => calendar::parse_time_us(text).map(Cell::Time),
        Kind::Compound | Kind::Blob => None,
    };
    read.unwrap_or_else(|| Cell::Text(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, json: &str) -> Cell {
        decode(kind, &RawValue::from_string(json.to_owned()).expect("JSON"))
    }

    #[test]
    fn values_are_read_as_their_fields_kind() {
        for (kind, json, expected) in [
            (Kind::Text, r#""O'Neil \"x\"""#, Cell::Text("O'Neil \"x\"".into())),
            (Kind::Text, r#""""#, Cell::Null),
            (Kind::Text, "null", Cell::Null),
            (Kind::Boolean, "false", Cell::Boolean(false)),
            (Kind::Multi, r#""\ud9e0""#, Cell::Many(vec![Scalar::Text(r#""\ud9e0""#.into())])),
            (Kind::Int, "3.0", Cell::Integer(3)),
            (Kind::Decimal, "123456789012345678.5", Cell::Decimal("123456789012345678.5".into())),
            (Kind::Decimal, "3.0", Cell::Decimal("3".into())),
            (Kind::Date, r#""1970-01-03""#, Cell::Date(2)),
            (Kind::DateTime, r#""2021-12-02T18:23:33.000+0000""#, Cell::Timestamp(1_638_469_413_000_000)),
            (Kind::DateTime, "1638469413000", Cell::Timestamp(1_638_469_413_000_000)),
            (Kind::Reference, r#""0014S000007dTS6""#, Cell::Text("0014S000007dTS6QAM".into())),
            (Kind::Multi, r#""a;b c""#, Cell::Many(vec![Scalar::Text("a".into()), Scalar::Text("b c".into())])),
        ] {
            assert_eq!(of(kind, json), expected, "{json}");
        }
    }

    #[test]
    fn what_is_not_of_its_kind_crosses_as_text() {
        assert_eq!(of(Kind::Date, r#""soon""#), Cell::Text("soon".into()));
        assert_eq!(of(Kind::Int, "1.5"), Cell::Text("1.5".into()));
    }
}
