//! A sampled value in the form in which two systems' notations of it are equal,
//! as a number to compare by: `+49 (30) 901820-11` and `4930 90182011`, `Closed
//! Won` and `closed_won`, `12.50` and `12.5`. Keeps no values.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use crate::value::{Value, calendar};

/// Longer values are compared by their beginning.
const TEXT_CHARS_MAX: usize = 200;
/// Shorter values are too common to tell one row from another.
const KEY_BYTES_MIN: usize = 4;
/// Shorter numbers are counters, which every table has.
const KEY_DIGITS_MIN: usize = 5;
/// The end of a telephone number that is written alike with and without a prefix.
const PHONE_DIGITS: usize = 9;
/// Fewer digits are no telephone number.
const PHONE_DIGITS_MIN: usize = 7;
const MICROS: i64 = 1_000_000;

/// One cell. `exact` 0: there is none.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub(super) exact: u64,
    /// The day of a moment, for a column that knows days only. 0: none.
    pub(super) day: u64,
    /// NaN: not a number.
    pub(super) number: f64,
    /// Says which row it is, if no other row has it.
    pub(super) key_like: bool,
}

impl Cell {
    pub(super) const NONE: Cell = Cell { exact: 0, day: 0, number: f64::NAN, key_like: false };

    pub(super) fn of(value: &Value) -> Cell {
        match value {
            Value::Null | Value::Bytes(_) | Value::Ref(_) | Value::Json(_) => Cell::NONE,
            Value::Bool(value) => Cell { number: f64::NAN, ..of_number(if *value { "1" } else { "0" }) },
            Value::Int(value) => of_number(&value.to_string()),
            Value::Float(value) => of_number(&value.to_string()),
            Value::Decimal(text) => of_number(text),
            Value::Date(days) => Cell { exact: hash(&calendar::date_text(*days)), ..Cell::NONE },
            Value::Timestamp(at) => of_moment(at.0),
            Value::LocalTimestamp(at) => of_moment(*at),
            Value::Time(_) | Value::Uuid(_) => Cell { exact: hash(&value.show()), key_like: true, ..Cell::NONE },
            Value::List(items) => of_list(items.iter().map(Value::show)),
            Value::Text(text) => of_text(text),
        }
    }

    /// Both are there and mean the same.
    pub(super) fn agrees(self, other: Cell) -> bool {
        let there = self.exact != 0 && other.exact != 0;
        there && (self.exact == other.exact || self.exact == other.day || self.day == other.exact)
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = FxHasher::default();
    text.hash(&mut hasher);
    hasher.finish().max(1)
}

fn of_moment(micros: i64) -> Cell {
    let days = i32::try_from(micros.div_euclid(calendar::DAY_MICROS)).unwrap_or_default();
    let day = hash(&calendar::date_text(days));
    if micros.rem_euclid(calendar::DAY_MICROS) == 0 {
        return Cell { exact: day, ..Cell::NONE };
    }
    let second = hash(&format!("at {}", micros.div_euclid(MICROS)));
    Cell { exact: second, day, key_like: true, ..Cell::NONE }
}

fn of_number(text: &str) -> Cell {
    let plain = match text.split_once('.') {
        Some((whole, fraction)) => {
            let fraction = fraction.trim_end_matches('0');
            if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
        }
        None => text.to_owned(),
    };
    let plain = if plain == "-0" { "0" } else { plain.as_str() };
    let key_like = plain.len() >= KEY_DIGITS_MIN && !plain.contains('.');
    Cell { exact: hash(plain), day: 0, number: plain.parse().unwrap_or(f64::NAN), key_like }
}

fn of_text(text: &str) -> Cell {
    let text = text.trim();
    let head = text.as_bytes().first().copied().unwrap_or_default();
    if text.is_empty() {
        return Cell::NONE;
    }
    if head.is_ascii_digit() && text.as_bytes().get(4) == Some(&b'-') {
        if let Some(days) = calendar::parse_date(text) {
            return Cell { exact: hash(&calendar::date_text(days)), ..Cell::NONE };
        }
        if let Some(at) = calendar::parse_instant(text).map(|at| at.0).or_else(|| calendar::parse_local(text)) {
            return of_moment(at);
        }
    }
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-') && text.parse::<f64>().is_ok();
    // A leading nought belongs to a code, not to an amount.
    if numeric && (!text.starts_with('0') || text.len() == 1 || text.starts_with("0.")) {
        return of_number(text);
    }
    match text {
        "true" | "True" | "TRUE" => return Cell { number: f64::NAN, ..of_number("1") },
        "false" | "False" | "FALSE" => return Cell { number: f64::NAN, ..of_number("0") },
        _ => {}
    }
    if text.contains(';') && !text.contains(' ') {
        return of_list(text.split(';').map(str::to_owned));
    }
    let phone_sign = |c: char| c.is_ascii_digit() || "+()-./ \u{a0}".contains(c);
    let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() >= PHONE_DIGITS_MIN && text.chars().all(phone_sign) {
        let end: String = digits.iter().skip(digits.len().saturating_sub(PHONE_DIGITS)).collect();
        return Cell { exact: hash(&format!("tel {end}")), key_like: true, ..Cell::NONE };
    }
    let folded = fold(text);
    Cell { exact: hash(&folded), key_like: folded.len() >= KEY_BYTES_MIN, ..Cell::NONE }
}

fn of_list(items: impl Iterator<Item = String>) -> Cell {
    let mut items: Vec<String> = items.map(|item| fold(&item)).filter(|item| !item.is_empty()).collect();
    items.sort();
    if items.is_empty() { Cell::NONE } else { Cell { exact: hash(&items.join(";")), ..Cell::NONE } }
}

/// Letters and digits alone, in lower case; web addresses without what all have.
fn fold(text: &str) -> String {
    let lower: String = text.chars().take(TEXT_CHARS_MAX).flat_map(char::to_lowercase).collect();
    let plain = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(&lower);
    let plain = plain.strip_prefix("www.").unwrap_or(plain);
    let folded: String = plain.chars().filter(|c| c.is_alphanumeric()).collect();
    if folded.is_empty() { lower } else { folded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Timestamp;

    fn same(a: Value, b: Value) -> bool {
        Cell::of(&a).agrees(Cell::of(&b))
    }

    #[test]
    fn notations_of_one_value_agree() {
        for (a, b) in [
            ("+49 (30) 901820-11", "0049 30 90182011"),
            ("Closed Won", "closed_won"),
            ("https://www.example.org/", "example.org"),
            ("b;a", "A;B"),
            ("Ada@Example.org ", "ada@example.org"),
        ] {
            assert!(same(Value::text(a), Value::text(b)), "{a} {b}");
        }
        assert!(same(Value::Decimal("12.50".into()), Value::Float(12.5)));
        assert!(same(Value::Int(12), Value::text("12.0")));
        assert!(same(Value::Bool(true), Value::text("true")));
        let noon = Value::Timestamp(Timestamp(43_200 * MICROS));
        assert!(same(noon.clone(), Value::text("1970-01-01T12:00:00Z")));
        assert!(same(noon, Value::Date(0)));
    }

    #[test]
    fn other_values_do_not() {
        assert!(!same(Value::text("Berlin"), Value::text("Bern")));
        assert!(!same(Value::text("01234"), Value::Int(1234)));
        assert!(
            !same(Value::Null, Value::Null) && !same(Value::Null, Value::text("Bern")),
            "nothing agrees with nothing"
        );
        let (noon, one) = (Timestamp(43_200 * MICROS), Timestamp(46_800 * MICROS));
        assert!(!same(Value::Timestamp(noon), Value::Timestamp(one)), "two moments of one day");
    }
}
