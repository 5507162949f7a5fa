//! A cell as a property's text. The empty text clears a property.

use lockstep_sdk::model::{Cell, Scalar};

use super::{Kind, calendar};

/// What to send for a cell; the error says why it cannot be held.
pub fn encode(kind: Kind, cell: &Cell) -> Result<String, &'static str> {
    Ok(match (kind, cell) {
        (_, Cell::Null) => String::new(),
        (Kind::Date, Cell::Timestamp(micros) | Cell::LocalTimestamp(micros)) => {
            let days = micros.div_euclid(calendar::DAY_US);
            calendar::date_text(i32::try_from(days).map_err(|_| "no such date")?).ok_or("no such date")?
        }
        (Kind::DateTime, Cell::Date(days)) => {
            calendar::timestamp_text(i64::from(*days).saturating_mul(calendar::DAY_US)).ok_or("no such time")?
        }
        (Kind::Options, Cell::Many(items)) => {
            let texts = items.iter().map(scalar).collect::<Result<Vec<_>, _>>()?;
            if texts.iter().any(|text| text.contains(';')) {
                return Err("an option cannot hold a semicolon");
            }
            // A text that begins with the separator would add to what is there.
            texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(";")
        }
        (_, Cell::Many(_)) => return Err("this property holds one value, not several"),
        (_, Cell::Absent) => return Err("nothing is told"),
        (_, Cell::Bytes(_)) => return Err("a property cannot hold bytes"),
        (_, cell) => scalar(&cell.clone().into_scalar().unwrap_or(Scalar::Null))?,
    })
}

fn scalar(scalar: &Scalar) -> Result<String, &'static str> {
    Ok(match scalar {
        Scalar::Null => String::new(),
        Scalar::Boolean(value) => value.to_string(),
        Scalar::Integer(value) => value.to_string(),
        Scalar::Float(value) if value.is_finite() => value.to_string(),
        Scalar::Float(_) => return Err("not a finite number"),
        Scalar::Decimal(text) if matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity") => {
            return Err("not a finite number");
        }
        Scalar::Decimal(text) | Scalar::Text(text) | Scalar::Json(text) => text.clone(),
        Scalar::Bytes(_) => return Err("a property cannot hold bytes"),
        Scalar::Date(days) => calendar::date_text(*days).ok_or("no such date")?,
        Scalar::Time(micros) => calendar::time_text(*micros),
        Scalar::Timestamp(micros) | Scalar::LocalTimestamp(micros) => {
            calendar::timestamp_text(*micros).ok_or("no such time")?
        }
        Scalar::Uuid(uuid) => {
            let hex = format!("{:032x}", uuid.as_u128());
            let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
            let parts: Vec<&str> = parts.iter().filter_map(|(from, to)| hex.get(*from..*to)).collect();
            parts.join("-")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;

    #[test]
    fn what_is_encoded_is_read_back() {
        for (kind, cell) in [
            (Kind::Text, Cell::Text("a".into())),
            (Kind::Number, Cell::Decimal("1.5".into())),
            (Kind::Bool, Cell::Boolean(false)),
            (Kind::Date, Cell::Date(20_000)),
            (Kind::DateTime, Cell::Timestamp(1_700_000_000_123_000)),
            (Kind::Options, Cell::Many(vec![Scalar::Text("x".into()), Scalar::Text("y".into())])),
            (Kind::Text, Cell::Null),
        ] {
            let text = encode(kind, &cell).expect("encodes");
            assert_eq!(decode(kind, Some(&text)), cell, "{kind:?}");
        }
    }

    #[test]
    fn what_a_property_cannot_hold_is_refused() {
        assert!(encode(Kind::Options, &Cell::Many(vec![Scalar::Text("a;b".into())])).is_err());
        assert!(encode(Kind::Number, &Cell::Decimal("NaN".into())).is_err());
        assert!(encode(Kind::Text, &Cell::Bytes(vec![1])).is_err());
        assert!(encode(Kind::Text, &Cell::Many(Vec::new())).is_err());
        assert!(encode(Kind::DateTime, &Cell::Timestamp(i64::MAX)).is_err());
    }

    #[test]
    fn a_time_finer_than_milliseconds_is_cut() {
        let text = encode(Kind::DateTime, &Cell::Timestamp(1_500_999)).expect("encodes");
        assert_eq!(text, "1970-01-01T00:00:01.500Z");
    }
}
