//! When two values are the same, and when what is stored is what was sent.

use lockstep_sdk::model::{Cell, Scalar};

use crate::schema::Kind;

use super::{long_id, number};

/// Whether two values of a field are one: notation apart, nothing else.
pub fn same(kind: Kind, a: &Cell, b: &Cell) -> bool {
    let (a, b) = (settled(kind, a), settled(kind, b));
    match (&a, &b) {
        (Cell::Many(a), Cell::Many(b)) => sorted(a) == sorted(b),
        _ => a == b,
    }
}

/// Whether `stored` is how Salesforce keeps `sent`: trimmed, rounded to the
/// field's digits, cut to whole seconds, or in the vendor's own spelling.
/// Anything else was put there by somebody else, or by an automation.
pub fn stored_as(kind: Kind, sent: &Cell, stored: &Cell) -> bool {
    if same(kind, sent, stored) {
        return true;
    }
    match (settled(kind, sent), settled(kind, stored)) {
        (Cell::Text(sent), Cell::Null) => sent.trim().is_empty(),
        (Cell::Text(sent), Cell::Text(stored)) => spelt(&sent) == spelt(&stored) || is_same_phone(&sent, &stored),
        (Cell::Decimal(sent), Cell::Decimal(stored)) => number::is_rounding_of(&stored, &sent),
        (Cell::Timestamp(sent), Cell::Timestamp(stored)) => sent.div_euclid(1_000_000) * 1_000_000 == stored,
        (Cell::Time(sent), Cell::Time(stored)) => sent / 1000 * 1000 == stored,
        _ => false,
    }
}

/// One notation for what a cell says.
fn settled(kind: Kind, cell: &Cell) -> Cell {
    match cell {
        Cell::Text(text) | Cell::Json(text) if text.is_empty() => Cell::Null,
        Cell::Many(items) if items.is_empty() => Cell::Null,
        Cell::Text(text) if matches!(kind, Kind::Id | Kind::Reference) => Cell::Text(long_id(text)),
        Cell::Decimal(text) if kind == Kind::Int => text.parse().map_or_else(|_| cell.clone(), Cell::Integer),
        Cell::Decimal(text) => number::plain(text).map_or_else(|| cell.clone(), Cell::Decimal),
        Cell::Integer(value) if kind == Kind::Decimal => Cell::Decimal(value.to_string()),
        Cell::Float(value) if kind == Kind::Decimal => {
            number::plain(&value.to_string()).map_or_else(|| cell.clone(), Cell::Decimal)
        }
        _ => cell.clone(),
    }
}

fn sorted(items: &[Scalar]) -> Vec<&str> {
    let mut texts: Vec<&str> = items
        .iter()
        .map(|item| match item {
            Scalar::Text(text) => text.as_str(),
            _ => "",
        })
        .collect();
    texts.sort_unstable();
    texts
}

fn spelt(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_lowercase()
}

/// `+1 415 555 0100` and `(415) 555-0100`: digits alone count, the country's may be missing.
fn is_same_phone(a: &str, b: &str) -> bool {
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    let phone = |text: &str| text.chars().all(|char| char.is_ascii_digit() || " +-().".contains(char));
    let (a_digits, b_digits) = (digits(a), digits(b));
    let long = a_digits.len() >= 7 && b_digits.len() >= 7;
    phone(a) && phone(b) && long && (a_digits.ends_with(&b_digits) || b_digits.ends_with(&a_digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Cell {
        Cell::Text(text.into())
    }

    #[test]
    fn notation_does_not_make_a_difference_and_content_does() {
        assert!(same(Kind::Text, &text(""), &Cell::Null));
        assert!(same(Kind::Reference, &text("0014S000007dTS6"), &text("0014S000007dTS6QAM")));
        assert!(same(Kind::Decimal, &Cell::Decimal("3.0".into()), &Cell::Integer(3)));
        assert!(same(
            Kind::Multi,
            &Cell::Many(vec!["a".into(), "b".into()]),
            &Cell::Many(vec!["b".into(), "a".into()])
        ));
        assert!(!same(Kind::Text, &text("a"), &text("A")));
        assert!(!same(Kind::Text, &text("a"), &text("a ")));
        assert!(!same(Kind::Multi, &Cell::Many(vec!["a".into()]), &Cell::Null));
    }

    #[test]
    fn what_the_vendor_makes_of_a_value_is_still_that_value() {
        assert!(stored_as(Kind::Text, &text(" Bob "), &text("Bob")));
        assert!(stored_as(Kind::Text, &text("  "), &Cell::Null));
        assert!(stored_as(Kind::Text, &text("A@B.C"), &text("a@b.c")));
        assert!(stored_as(Kind::Text, &text("+1 415 555 0100"), &text("(415) 555-0100")));
        assert!(stored_as(Kind::Decimal, &Cell::Decimal("1.239".into()), &Cell::Decimal("1.24".into())));
        assert!(stored_as(Kind::DateTime, &Cell::Timestamp(1_500_000), &Cell::Timestamp(1_000_000)));
        assert!(!stored_as(Kind::Text, &text("Bob"), &text("Rob")));
        assert!(!stored_as(Kind::Text, &text("Bob"), &Cell::Null));
        assert!(!stored_as(Kind::Decimal, &Cell::Decimal("1".into()), &Cell::Decimal("2".into())));
    }
}
