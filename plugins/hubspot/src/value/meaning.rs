//! Whether two cells mean the same to HubSpot, however they are written.

use lockstep_sdk::model::{Cell, Scalar};

use super::Kind;

/// Numbers by their value, sets of options in any order, the rest exactly.
pub fn same(kind: Kind, a: &Cell, b: &Cell) -> bool {
    if a == b {
        return true;
    }
    match (kind, a, b) {
        (Kind::Number, _, _) => match (number(a), number(b)) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        },
        (Kind::Options, Cell::Many(a), Cell::Many(b)) => sorted(a) == sorted(b),
        (Kind::DateTime, Cell::Timestamp(a), Cell::Timestamp(b)) => a.div_euclid(1_000) == b.div_euclid(1_000),
        _ => false,
    }
}

fn sorted(items: &[Scalar]) -> Vec<&str> {
    let mut texts: Vec<&str> = items
        .iter()
        .filter_map(|item| match item {
            Scalar::Text(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// Sign, digits before and after the point, without idle zeros.
fn number(cell: &Cell) -> Option<(bool, String, String)> {
    let text = match cell {
        Cell::Decimal(text) => text.clone(),
        Cell::Integer(value) => value.to_string(),
        Cell::Float(value) => value.to_string(),
        _ => return None,
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.as_str()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0').to_owned();
    let fraction = fraction.trim_end_matches('0').to_owned();
    let zero = whole.is_empty() && fraction.is_empty();
    Some((negative && !zero, whole, fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations_of_one_value_are_the_same() {
        let decimal = |text: &str| Cell::Decimal(text.into());
        assert!(same(Kind::Number, &decimal("1.50"), &decimal("01.5")));
        assert!(same(Kind::Number, &decimal("-0"), &Cell::Integer(0)));
        assert!(!same(Kind::Number, &decimal("1.5"), &decimal("1.51")));
        let options = |all: &[&str]| Cell::Many(all.iter().map(|one| Scalar::Text((*one).into())).collect());
        assert!(same(Kind::Options, &options(&["a", "b"]), &options(&["b", "a"])));
        assert!(!same(Kind::Options, &options(&["a"]), &options(&["b", "a"])));
        assert!(same(Kind::DateTime, &Cell::Timestamp(1_000_001), &Cell::Timestamp(1_000_900)));
        assert!(!same(Kind::Text, &Cell::Text("a".into()), &Cell::Text("A".into())));
        assert!(!same(Kind::Text, &Cell::Null, &Cell::Text("A".into())));
    }
}
