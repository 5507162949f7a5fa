//! How records that existed before the sync find each other: normalised match
//! values. Equal keys make two rows candidates; who is linked is the planner's.
//!
//! Knows nothing of sides: it sees canonical values only.

use std::fmt::Write;

use crate::{
    key::MatchKey,
    record::FieldId,
    spec::SyncSpec,
    value::{Value, uuid_text},
};

/// Longer values never match: they are prose, not identity.
const TEXT_BYTES_MAX: usize = 1024;

/// Digits below which a text is no telephone number.
const PHONE_DIGITS_MIN: usize = 6;

/// The match keys of a record, one per match set all of whose fields have a
/// value, in the sets' order. `values` is indexed by [`FieldId`].
pub fn match_keys(spec: &SyncSpec, values: &[Option<Value>]) -> Vec<MatchKey> {
    match_keys_of(spec, |field| values.get(usize::from(field.0)).and_then(Option::as_ref))
}

/// [`match_keys`], wherever the values are.
pub fn match_keys_of<'v>(spec: &SyncSpec, value: impl Fn(FieldId) -> Option<&'v Value>) -> Vec<MatchKey> {
    spec.match_on.iter().filter_map(|set| match_key(spec, set, &value)).collect()
}

/// The key of one match set. `None`: some field has no value to match by.
fn match_key<'v>(spec: &SyncSpec, set: &[FieldId], value: impl Fn(FieldId) -> Option<&'v Value>) -> Option<MatchKey> {
    let mut key = String::new();
    for field in set {
        let name = spec.field(*field).map_or("", |field| &field.name);
        let part = normalise(name, value(*field)?)?;
        // The length keeps neighbouring parts apart, whatever they contain.
        write!(key, "{}:{}:{part};", field.0, part.len()).ok()?;
    }
    (!key.is_empty()).then(|| MatchKey(key.into()))
}

/// The form in which two systems' notations of the same identity are equal.
/// `None`: nothing to match by.
pub fn normalise(field_name: &str, value: &Value) -> Option<String> {
    let part = match value {
        Value::Text(text) => normalise_text(field_name, text)?,
        Value::Int(_) | Value::Decimal(_) | Value::Float(_) => value.number()?.trimmed().to_string(),
        Value::Uuid(value) => uuid_text(*value),
        Value::Bool(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::Timestamp(_)
        | Value::LocalTimestamp(_)
        | Value::Ref(_) => value.show(),
        Value::Null | Value::Bytes(_) | Value::Json(_) | Value::List(_) => return None,
    };
    (!part.is_empty() && part.len() <= TEXT_BYTES_MAX).then_some(part)
}

fn normalise_text(field_name: &str, text: &str) -> Option<String> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let folded = folded.to_lowercase();
    Some(match Form::of(field_name) {
        Form::Email => email(&folded),
        Form::Phone => phone(&folded).unwrap_or(folded),
        Form::Plain => folded,
    })
}

/// What a field holds, as far as its name tells.
enum Form {
    Email,
    Phone,
    Plain,
}

impl Form {
    fn of(field_name: &str) -> Form {
        let name: String =
            field_name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        let contains = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if contains(&["email", "mailaddress"]) {
            Form::Email
        } else if contains(&["phone", "mobile", "fax", "msisdn"]) {
            Form::Phone
        } else {
            Form::Plain
        }
    }
}

/// `Ada <mailto:ada@example.org>` is `ada@example.org`.
fn email(text: &str) -> String {
    let inner = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(text, |(inner, _)| inner);
    inner.trim().trim_start_matches("mailto:").to_owned()
}

/// `+` and digits; `00` in front stands for `+`. `None`: no telephone number.
fn phone(text: &str) -> Option<String> {
    let text = text.trim_start_matches("tel:");
    let foreign = |c: char| !(c.is_ascii_digit() || "+()-./ \u{a0}".contains(c));
    if text.contains(foreign) {
        return None;
    }
    // `+44 (0)20` names the trunk prefix that is left out after a country code.
    let international = text.starts_with('+') || text.starts_with("00");
    let text = if international { text.replace("(0)", "") } else { text.to_owned() };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < PHONE_DIGITS_MIN {
        return None;
    }
    Some(match (text.starts_with('+'), digits.strip_prefix("00")) {
        (true, _) => format!("+{digits}"),
        (false, Some(rest)) => format!("+{rest}"),
        (false, None) => digits,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::spec::{DeletePolicy, FieldSpec, Policy};

    fn spec(names: &[&str], match_on: &[&[u16]]) -> SyncSpec {
        let field = |(id, name): (usize, &&str)| {
            Some(FieldSpec {
                id: FieldId(id as u16),
                name: Arc::from(*name),
                conflict: None,
                initial: None,
                reference: None,
                group: None,
                sensitive: false,
                from: None,
                default: None,
            })
        };
        SyncSpec {
            name: Arc::from("contacts"),
            rules: 1,
            sides: Vec::new(),
            fields: names.iter().enumerate().map(field).collect(),
            groups: Vec::new(),
            match_on: match_on.iter().map(|set| set.iter().map(|id| FieldId(*id)).collect()).collect(),
            conflict: Policy::Hold,
            initial: Policy::Hold,
            deletes: DeletePolicy::Hold,
            skew_tolerance_ms: 0,
            bounces_max: 3,
            filter: None,
        }
    }

    #[test]
    fn notations_of_the_same_identity_are_equal() {
        for (field, a, b) in [
            ("name", "  Ada   LOVELACE ", "ada lovelace"),
            ("name", "STRASSE", "strasse"),
            ("Email", "Ada@Example.ORG", "ada@example.org"),
            ("work_email", "Ada <ada@example.org>", "mailto:ada@example.org"),
            ("phone", "+44 (0)20 7946 0958", "0044 20-7946.0958"),
            ("MobilePhone", "(020) 7946 0958", "02079460958"),
        ] {
            let form = |text: &str| normalise(field, &Value::text(text));
            assert!(form(a).is_some());
            assert_eq!(form(a), form(b), "{field}");
        }
        let amount = |text: &str| normalise("no", &Value::Decimal(Arc::from(text)));
        assert_eq!(amount("12.50"), amount("12.5"));
        assert_eq!(amount("12"), normalise("no", &Value::Int(12)));
    }

    #[test]
    fn different_identities_stay_apart() {
        for (field, a, b) in [
            ("name", "Ada", "Adah"),
            ("phone", "+44 20 7946 0958", "+49 20 7946 0958"),
            ("phone", "ext. a", "ext. b"),
            ("email", "a@example.org", "b@example.org"),
        ] {
            let form = |text: &str| normalise(field, &Value::text(text));
            assert_ne!(form(a), form(b), "{field}");
        }
    }

    #[test]
    fn empty_and_null_never_match() {
        let spec = spec(&["email"], &[&[0]]);
        for value in [None, Some(Value::Null), Some(Value::text("  "))] {
            assert_eq!(match_keys(&spec, &[value]), Vec::new());
        }
        let prose = Value::text("x".repeat(TEXT_BYTES_MAX + 1));
        assert_eq!(match_keys(&spec, &[Some(prose)]), Vec::new());
    }

    #[test]
    fn a_composite_needs_every_part_and_keeps_parts_apart() {
        let spec = spec(&["first", "last"], &[&[0, 1]]);
        let keys = |a: &str, b: &str| match_keys(&spec, &[Some(Value::text(a)), Some(Value::text(b))]);
        assert_eq!(keys("a", "b").len(), 1);
        assert_ne!(keys("a;1:1:b", "c"), keys("a", "b;1:1:c"));
        assert_ne!(keys("ab", "c"), keys("a", "bc"));
        assert_eq!(keys("a", ""), Vec::new());
    }

    #[test]
    fn sets_give_keys_in_their_order() {
        let spec = spec(&["email", "phone"], &[&[1], &[0]]);
        let values = [Some(Value::text("A@x.org")), Some(Value::text("555 123 456"))];
        let keys = match_keys(&spec, &values);
        assert_eq!(keys, [MatchKey(Arc::from("1:9:555123456;")), MatchKey(Arc::from("0:7:a@x.org;"))]);
    }
}
