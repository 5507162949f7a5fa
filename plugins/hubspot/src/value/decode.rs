//! A property's text as a cell. What does not fit its type stays text: it is
//! what the system holds, and the runtime says where it cannot be cast.

use lockstep_sdk::model::{Cell, Scalar};

use super::{Kind, calendar};

/// `None` and the empty text are both unset.
pub fn decode(kind: Kind, text: Option<&str>) -> Cell {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Cell::Null;
    };
    let typed = match kind {
        Kind::Text | Kind::Option => None,
        Kind::Number => plain(text).map(Cell::Decimal),
        Kind::Bool => match text {
            "true" => Some(Cell::Boolean(true)),
            "false" => Some(Cell::Boolean(false)),
            _ => None,
        },
        Kind::Date => calendar::parse_date(text).map(Cell::Date),
        Kind::DateTime => calendar::parse_timestamp(text).map(Cell::Timestamp),
        Kind::Options => {
            let options = text.split(';').filter(|option| !option.is_empty());
            let options: Vec<Scalar> = options.map(|option| Scalar::Text(option.to_owned())).collect();
            // Separators alone choose nothing, which is written as nothing.
            if options.is_empty() { Some(Cell::Null) } else { Some(Cell::Many(options)) }
        }
    };
    typed.unwrap_or_else(|| Cell::Text(text.to_owned()))
}

/// Plain decimal notation of a number that may have an exponent.
fn plain(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    if exponent == 0 {
        let whole = if whole.is_empty() { "0" } else { whole };
        let point = if fraction.is_empty() { "" } else { "." };
        return Some(format!("{sign}{whole}{point}{fraction}"));
    }
    // Beyond what any of its numbers can hold.
    if exponent.unsigned_abs() > 400 {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()? + exponent;
    let (whole, fraction) = if point <= 0 {
        ("0".to_owned(), format!("{}{all}", "0".repeat(point.unsigned_abs() as usize)))
    } else {
        let point = point as usize;
        let padded = format!("{all}{}", "0".repeat(point.saturating_sub(all.len())));
        let (whole, fraction) = padded.split_at(point);
        (whole.to_owned(), fraction.to_owned())
    };
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unset_empty_and_null_are_null_of_every_kind() {
        for kind in [Kind::Text, Kind::Number, Kind::Bool, Kind::Date, Kind::DateTime, Kind::Option, Kind::Options] {
            assert_eq!(decode(kind, None), Cell::Null);
            assert_eq!(decode(kind, Some("")), Cell::Null);
        }
        assert_eq!(decode(Kind::Options, Some(";;")), Cell::Null);
    }

    #[test]
    fn texts_are_typed_by_the_schema() {
        let options = Cell::Many(vec![Scalar::Text("a".into()), Scalar::Text("b".into())]);
        for (kind, text, cell) in [
            (Kind::Text, "3039", Cell::Text("3039".into())),
            (Kind::Number, "3039", Cell::Decimal("3039".into())),
            (Kind::Number, "1.0E7", Cell::Decimal("10000000".into())),
            (Kind::Number, "1.5e-3", Cell::Decimal("0.0015".into())),
            (Kind::Number, "-.5", Cell::Decimal("-0.5".into())),
            (Kind::Number, "many", Cell::Text("many".into())),
            (Kind::Bool, "true", Cell::Boolean(true)),
            (Kind::Date, "1970-01-02", Cell::Date(1)),
            (Kind::DateTime, "1970-01-01T00:00:01.500Z", Cell::Timestamp(1_500_000)),
            (Kind::Option, "lead", Cell::Text("lead".into())),
            (Kind::Options, "a;b", options),
        ] {
            assert_eq!(decode(kind, Some(text)), cell, "{kind:?} {text}");
        }
    }
}
