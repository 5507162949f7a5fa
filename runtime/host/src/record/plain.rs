//! Arguments and answers as JSON that loses nothing and stays readable: lists of
//! bytes as text or base64, and fractions as the shortest text that reads back as the same. Pure.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

const TEXT: &str = "$text";
const BASE64: &str = "$base64";
const FLOAT: &str = "$float";

/// Values nested deeper than the contract's are not of it.
const DEPTH_MAX: usize = 64;

/// For the file.
pub(crate) fn pack(value: Value) -> Value {
    match value {
        Value::Array(items) => match bytes(&items) {
            Some(bytes) => match String::from_utf8(bytes) {
                Ok(text) => one(TEXT, text),
                Err(error) => one(BASE64, STANDARD.encode(error.as_bytes())),
            },
            None => Value::Array(items.into_iter().map(pack).collect()),
        },
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(name, value)| (name, pack(value))).collect()),
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            Some(float) => one(FLOAT, format!("{float:?}")),
            None => Value::Number(number),
        },
        other => other,
    }
}

/// From the file.
///
/// # Errors
/// Words about what cannot have been packed.
pub(crate) fn unpack(value: &Value) -> Result<Value, String> {
    unpack_at(value, 0)
}

fn unpack_at(value: &Value, depth: usize) -> Result<Value, String> {
    if depth > DEPTH_MAX {
        return Err("a value is nested too deeply".into());
    }
    Ok(match value {
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| unpack_at(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Object(fields) => match (fields.len(), fields.iter().next()) {
            (1, Some((name, Value::String(text)))) if name == TEXT => list(text.as_bytes()),
            (1, Some((name, Value::String(text)))) if name == BASE64 => {
                list(&STANDARD.decode(text).map_err(|_| "a value's base64 is broken")?)
            }
            (1, Some((name, Value::String(text)))) if name == FLOAT => {
                let float: f64 = text.parse().map_err(|_| format!("\"{text}\" is no fraction"))?;
                serde_json::Number::from_f64(float).map(Value::Number).ok_or("a fraction is not finite")?
            }
            _ => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), unpack_at(value, depth + 1)?)));
                Value::Object(fields.collect::<Result<Map<_, _>, String>>()?)
            }
        },
        other => other.clone(),
    })
}

fn one(name: &str, text: String) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), Value::String(text))]))
}

fn list(bytes: &[u8]) -> Value {
    bytes.iter().map(|byte| Value::from(*byte)).collect()
}

/// The items as bytes, where all are.
fn bytes(items: &[Value]) -> Option<Vec<u8>> {
    if items.is_empty() {
        return None;
    }
    items.iter().map(|item| item.as_u64().and_then(|number| u8::try_from(number).ok())).collect()
}

/// Where two packed values first differ, and what each holds there.
pub(crate) fn first_difference(expected: &Value, found: &Value) -> Option<(String, String, String)> {
    let (mut place, mut left, mut right) = (String::new(), expected, found);
    loop {
        if left == right {
            return None;
        }
        match (left, right) {
            (Value::Object(a), Value::Object(b)) => {
                let names = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name)));
                let name = names.into_iter().find(|name| a.get(*name) != b.get(*name))?;
                place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                match (a.get(name), b.get(name)) {
                    (Some(a), Some(b)) => (left, right) = (a, b),
                    (a, b) => return Some((place, shown(a), shown(b))),
                }
            }
            (Value::Array(a), Value::Array(b)) => {
                let at = (0..a.len().max(b.len())).find(|at| a.get(*at) != b.get(*at))?;
                place = format!("{place}[{at}]");
                match (a.get(at), b.get(at)) {
                    (Some(a), Some(b)) => (left, right) = (a, b),
                    (a, b) => return Some((place, shown(a), shown(b))),
                }
            }
            (a, b) => return Some((place, shown(Some(a)), shown(Some(b)))),
        }
    }
}

/// A value for people.
pub(crate) fn shown(value: Option<&Value>) -> String {
    match value {
        None => "nothing".into(),
        Some(value) => super::body::show(value.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_packed_is_unpacked_as_it_was() {
        for value in [
            json!({ "after": [97, 98], "key": [255, 0], "none": [], "words": ["a"], "numbers": [1, 300], "text": "x" }),
            json!([0.1, 1e300, -0.0, 5e-324, 12, null, { "deep": [[1, 2], [3]] }]),
        ] {
            assert_eq!(unpack(&pack(value.clone())), Ok(value));
        }
        assert_eq!(pack(json!([97, 98])), json!({ "$text": "ab" }));
    }

    #[test]
    fn the_first_difference_is_named_by_its_place() {
        let expected = json!({ "rows": [{ "a": 1 }, { "a": 2 }], "next": "" });
        let found = json!({ "rows": [{ "a": 1 }, { "a": 3 }], "next": "" });
        assert_eq!(first_difference(&expected, &found), Some(("rows[1].a".into(), "2".into(), "3".into())));
        assert_eq!(first_difference(&expected, &expected), None);
        let shorter = json!({ "rows": [{ "a": 1 }], "next": "" });
        assert_eq!(first_difference(&expected, &shorter).map(|it| it.2).as_deref(), Some("nothing"));
    }
}
