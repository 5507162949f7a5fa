//! Queries, as text. Names are checked before they get here; values are quoted here.

use lockstep_sdk::model::Cell;

use crate::schema::{Field, Kind};
use crate::value::{long_id, seconds_text};

/// A text literal.
pub fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for char in text.chars() {
        match char {
            '\'' => literal.push_str("\\'"),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            other => literal.push(other),
        }
    }
    literal.push('\'');
    literal
}

/// A value as a literal of the field's kind. `None`: no row can hold it.
pub fn literal(field: &Field, cell: &Cell) -> Option<String> {
    Some(match (field.kind(), cell) {
        (Kind::Id | Kind::Reference, Cell::Text(text)) => quoted(&long_id(text)),
        (Kind::Text | Kind::Enum, Cell::Text(text)) if !text.is_empty() => quoted(text),
        (Kind::Boolean, Cell::Boolean(value)) => value.to_string(),
        (Kind::Int | Kind::Decimal, Cell::Integer(value)) => value.to_string(),
        (Kind::Int | Kind::Decimal, Cell::Decimal(text)) if text.parse::<f64>().is_ok_and(f64::is_finite) => {
            text.clone()
        }
        (Kind::DateTime, Cell::Timestamp(micros)) => seconds_text(micros.div_euclid(1_000_000)),
        (Kind::Text | Kind::Enum, Cell::Integer(value)) => quoted(&value.to_string()),
        _ => return None,
    })
}

/// `SELECT a, b FROM T`.
pub fn select<'a>(columns: impl IntoIterator<Item = &'a str>, object: &str) -> String {
    let columns: Vec<&str> = columns.into_iter().collect();
    format!("SELECT {} FROM {object}", columns.join(","))
}

/// A page of a full read: by key range, so that it can go on after any restart.
pub fn page(select: &str, after: &str, rows: u32) -> String {
    let condition = if after.is_empty() { String::new() } else { format!(" WHERE Id > {}", quoted(after)) };
    format!("{select}{condition} ORDER BY Id LIMIT {rows}")
}

/// Rows whose fields `by` hold one of the keys, given as literals.
pub fn by_keys(select: &str, by: &[&str], keys: &[Vec<String>]) -> String {
    let condition = match by {
        [only] => {
            let list: Vec<&str> = keys.iter().filter_map(|key| key.first().map(String::as_str)).collect();
            format!("{only} IN ({})", list.join(","))
        }
        several => {
            let one = |key: &Vec<String>| -> String {
                let parts: Vec<String> =
                    several.iter().zip(key).map(|(name, value)| format!("{name} = {value}")).collect();
                format!("({})", parts.join(" AND "))
            };
            keys.iter().map(one).collect::<Vec<_>>().join(" OR ")
        }
    };
    format!("{select} WHERE {condition}")
}

/// A page of what was modified from `from_s` on, in the order of its stamps.
/// `after`: where the last page of the same window ended.
pub fn modified(select: &str, from_s: i64, after: Option<(i64, &str)>, rows: u32) -> String {
    let condition = match after {
        None => format!("SystemModstamp >= {}", seconds_text(from_s)),
        Some((stamp_s, id)) => {
            let stamp = seconds_text(stamp_s);
            format!("(SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > {}))", quoted(id))
        }
    };
    format!("{select} WHERE {condition} ORDER BY SystemModstamp, Id LIMIT {rows}")
}

/// Percent-encoded for a query string, but only where it has to be: requests are
/// bounded in length.
pub fn url_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'~' | b'(' | b')' | b',' | b'\'' | b'=' | b':' | b'*' | b'/' | b'!' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_quotes() {
        assert_eq!(quoted(r"O'Neil \ x"), r"'O\'Neil \\ x'");
        assert_eq!(quoted("a\nb"), r"'a\nb'");
    }

    #[test]
    fn a_page_goes_on_behind_the_id_it_ended_with() {
        let select = select(["Id", "Name"], "Account");
        assert_eq!(page(&select, "", 10), "SELECT Id,Name FROM Account ORDER BY Id LIMIT 10");
        assert_eq!(page(&select, "001A", 10), "SELECT Id,Name FROM Account WHERE Id > '001A' ORDER BY Id LIMIT 10");
    }

    #[test]
    fn rows_are_found_by_one_field_or_by_several() {
        let select = select(["Id"], "Contact");
        let key = |texts: &[&str]| texts.iter().map(|text| quoted(text)).collect::<Vec<_>>();
        assert_eq!(
            by_keys(&select, &["Email"], &[key(&["a"]), key(&["b"])]),
            "SELECT Id FROM Contact WHERE Email IN ('a','b')"
        );
        assert_eq!(
            by_keys(&select, &["FirstName", "LastName"], &[key(&["a", "b"]), key(&["c", "d"])]),
            "SELECT Id FROM Contact WHERE (FirstName = 'a' AND LastName = 'b') OR (FirstName = 'c' AND LastName = 'd')"
        );
    }

    #[test]
    fn a_window_is_read_in_the_order_of_stamps_and_goes_on_inside_one_second() {
        let select = select(["Id"], "Lead");
        assert_eq!(
            modified(&select, 1_638_469_413, Some((1_638_469_413, "00Q1")), 5),
            "SELECT Id FROM Lead WHERE (SystemModstamp > 2021-12-02T18:23:33Z OR (SystemModstamp = 2021-12-02T18:23:33Z \
             AND Id > '00Q1')) ORDER BY SystemModstamp, Id LIMIT 5"
        );
    }

    #[test]
    fn a_query_is_encoded_for_its_place_in_an_address() {
        assert_eq!(url_encoded("a = 'b&c' AND d > 1 + 2"), "a+=+'b%26c'+AND+d+%3E+1+%2B+2");
        assert_eq!(url_encoded("é%#"), "%C3%A9%25%23");
    }
}
