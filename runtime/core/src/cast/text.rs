//! Values as text and text as values, exactly.
//!
//! The text form of each kind is ISO 8601 for dates and times, plain notation
//! for numbers, `true`/`false`, the usual UUID form, base64 for bytes, and
//! `;` between the elements of a list.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::CastError;
use crate::value::{Special, Timestamp, Value, calendar, decimal::Decimal, json, uuid_text};

/// Between the elements of a list written as text.
pub(super) const DELIMITER: char = ';';

/// The exact text form. Nulls and references have none.
pub(super) fn to_text(value: &Value) -> Result<Arc<str>, CastError> {
    Ok(match value {
        Value::Text(text) | Value::Decimal(text) | Value::Json(text) => text.clone(),
        Value::Bool(value) => Arc::from(if *value { "true" } else { "false" }),
        Value::Int(value) => Arc::from(value.to_string()),
        Value::Float(_) => float_text(value),
        Value::Bytes(bytes) => Arc::from(STANDARD.encode(bytes)),
        Value::Date(days) => Arc::from(calendar::date_text(*days)),
        Value::Time(micros) => Arc::from(calendar::time_text(*micros)),
        Value::Timestamp(at) => Arc::from(calendar::instant_text(*at)),
        Value::LocalTimestamp(micros) => Arc::from(calendar::local_text(*micros)),
        Value::Uuid(value) => Arc::from(uuid_text(*value)),
        Value::List(items) => Arc::from(delimited(items)?),
        Value::Null => return unsupported("null"),
        Value::Ref(_) => return unsupported("a reference"),
    })
}

fn unsupported<T>(from: &'static str) -> Result<T, CastError> {
    Err(CastError::Unsupported { from, to: "text" })
}

/// Shortest plain notation, or the special's word.
fn float_text(value: &Value) -> Arc<str> {
    match (value.special(), value) {
        (Some(special), _) => Arc::from(special.text()),
        (None, Value::Float(value)) => Arc::from(value.to_string()),
        (None, _) => Arc::from(""),
    }
}

fn delimited(items: &[Value]) -> Result<String, CastError> {
    let mut text = String::new();
    for (at, item) in items.iter().enumerate() {
        if item.is_null() {
            return Err(CastError::NotDelimitable { why: "an element is null" });
        }
        let item = to_text(item)?;
        if item.contains(DELIMITER) {
            return Err(CastError::NotDelimitable { why: "an element contains the delimiter `;`" });
        }
        if at > 0 {
            text.push(DELIMITER);
        }
        text.push_str(&item);
    }
    if text.is_empty() && !items.is_empty() {
        return Err(CastError::NotDelimitable { why: "its only element is empty" });
    }
    Ok(text)
}

/// The elements of delimited text; empty text is the empty list.
pub(super) fn split(text: &str) -> Vec<Value> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(DELIMITER).map(Value::text).collect()
}

pub(super) fn parse_bool(text: &str) -> Option<bool> {
    let word = text.trim();
    let is = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
    if is(&["true", "t", "yes", "y", "on", "1"]) {
        Some(true)
    } else if is(&["false", "f", "no", "n", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// Plain decimal notation, normalised; exponents are written out.
pub(super) fn parse_decimal(text: &str) -> Option<Arc<str>> {
    let text = text.trim();
    if let Some(special) = Special::parse(text) {
        return Some(Arc::from(special.text()));
    }
    Some(Arc::from(Decimal::parse(text)?.to_string()))
}

pub(super) fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim();
    match Special::parse(text) {
        Some(special) => Some(special.float()),
        None => {
            Decimal::parse(text)?;
            text.parse().ok().filter(|value: &f64| value.is_finite())
        }
    }
}

pub(super) fn parse_uuid(text: &str) -> Option<u128> {
    let text = text.trim();
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let hyphens: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    if !(hyphens.is_empty() || hyphens == [8, 13, 18, 23]) {
        return None;
    }
    let hex = text.replace('-', "");
    let digits = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    digits.then(|| u128::from_str_radix(&hex, 16).ok()).flatten()
}

pub(super) fn parse_bytes(text: &str) -> Option<Arc<[u8]>> {
    STANDARD.decode(text.trim()).ok().map(Arc::from)
}

pub(super) fn parse_date(text: &str) -> Option<i32> {
    calendar::parse_date(text.trim())
}

pub(super) fn parse_time(text: &str) -> Option<i64> {
    calendar::parse_time(text.trim())
}

pub(super) fn parse_instant(text: &str) -> Option<Timestamp> {
    calendar::parse_instant(text.trim())
}

pub(super) fn parse_local(text: &str) -> Option<i64> {
    calendar::parse_local(text.trim())
}

/// A JSON scalar as the value it holds: numbers as decimals, strings as text.
/// Objects and arrays stay JSON.
pub(super) fn json_scalar(text: &str) -> Value {
    let text = text.trim();
    match text.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'"') => match serde_json::from_str::<String>(text) {
            Ok(inner) => Value::text(inner),
            Err(_) => Value::Json(Arc::from(text)),
        },
        Some(b'-' | b'0'..=b'9') => match parse_decimal(text) {
            Some(number) => Value::Decimal(number),
            None => Value::Json(Arc::from(text)),
        },
        _ => Value::Json(Arc::from(text)),
    }
}

/// The value as JSON: numbers and booleans as such, all else as strings.
pub(super) fn to_json(value: &Value) -> Result<Arc<str>, CastError> {
    let quoted = |text: &str| Arc::from(serde_json::Value::from(text).to_string());
    Ok(match value {
        Value::Null => Arc::from("null"),
        Value::Json(text) => text.clone(),
        Value::Bool(_) | Value::Int(_) => to_text(value)?,
        Value::Decimal(_) | Value::Float(_) if value.special().is_none() => to_text(value)?,
        Value::List(items) => {
            let items: Result<Vec<Arc<str>>, CastError> = items.iter().map(to_json).collect();
            Arc::from(format!("[{}]", items?.join(",")))
        }
        _ => quoted(&to_text(value)?),
    })
}

/// The elements of a JSON array. `as_json`: each stays JSON, a string with its quotes.
pub(super) fn json_elements(text: &str, as_json: bool) -> Option<Vec<Value>> {
    let element = |text: &str| match text.trim() {
        json if as_json && json != "null" => Value::Json(Arc::from(json)),
        json => json_scalar(json),
    };
    Some(json::elements(text)?.into_iter().map(element).collect())
}
