//! Whether two JSON texts mean the same: key order, white space and the
//! notation of numbers and strings aside. Numbers are compared as decimals, so
//! big ones are not rounded into each other.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

use super::decimal::Decimal;

/// Deeper texts are compared as written.
const DEPTH_MAX: usize = 128;

/// Texts that are no JSON are the same only when equal.
pub(crate) fn same(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match (serde_json::from_str::<&RawValue>(a), serde_json::from_str::<&RawValue>(b)) {
        (Ok(a), Ok(b)) => same_raw(a.get(), b.get(), DEPTH_MAX),
        _ => false,
    }
}

/// Whether it is one JSON text.
pub(crate) fn is_valid(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// The elements of an array, each as JSON text. `None`: not an array.
pub(crate) fn elements(text: &str) -> Option<Vec<&str>> {
    let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(items.into_iter().map(RawValue::get).collect())
}

type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

fn same_raw(a: &str, b: &str, depth: usize) -> bool {
    if a == b {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    match (a.as_bytes().first(), b.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => {
            let (Ok(a), Ok(b)) = (serde_json::from_str::<Members>(a), serde_json::from_str::<Members>(b)) else {
                return false;
            };
            a.len() == b.len()
                && a.iter().zip(&b).all(|((name, x), (other, y))| name == other && same_raw(x.get(), y.get(), depth))
        }
        (Some(b'['), Some(b'[')) => {
            let (Some(a), Some(b)) = (elements(a), elements(b)) else {
                return false;
            };
            a.len() == b.len() && a.iter().zip(&b).all(|(x, y)| same_raw(x, y, depth))
        }
        (Some(b'"'), Some(b'"')) => match (serde_json::from_str::<String>(a), serde_json::from_str::<String>(b)) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        },
        (Some(b'-' | b'0'..=b'9'), Some(b'-' | b'0'..=b'9')) => match (Decimal::parse(a), Decimal::parse(b)) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notation_does_not_change_the_meaning() {
        for (a, b) in [
            (r#"{"a":1,"b":[true,null]}"#, r#"{ "b": [true, null], "a": 1.0 }"#),
            (r#""\u00e9""#, r#""é""#),
            ("1e2", "100"),
            (" [ ] ", "[]"),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        ] {
            assert!(same(a, b), "{a} {b}");
        }
    }

    #[test]
    fn values_that_differ_are_told_apart() {
        for (a, b) in [
            ("12345678901234567890123", "12345678901234567890124"),
            ("0.1000000000000000001", "0.1"),
            (r#"{"a":1}"#, r#"{"a":1,"b":null}"#),
            ("[1,2]", "[2,1]"),
            (r#""1""#, "1"),
            ("null", "false"),
            ("{", "{ "),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    #[test]
    fn nesting_without_end_does_not_exhaust_the_stack() {
        let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(500), "]".repeat(500));
        assert!(same(&deep("1"), &deep("1")));
        assert!(!same(&deep("1"), &deep("1.0")));
    }
}
