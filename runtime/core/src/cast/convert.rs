//! One value into one form, exactly or not at all.

use std::sync::Arc;

use super::{
    CastError,
    form::{Form, kind_name},
    text,
};
use crate::{
    schema::Kind,
    value::{Special, Timestamp, Value, calendar::DAY_MICROS, decimal::Decimal, json},
};

/// The value in the form wanted. Null is null in every form.
pub(super) fn convert(value: &Value, form: &Form, lossy: bool) -> Result<Value, CastError> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    match form.kind {
        Kind::Bool => to_bool(value),
        Kind::Int => to_int(value, form, lossy),
        Kind::Decimal => to_decimal(value, form, lossy),
        Kind::Float => to_float(value, form, lossy),
        Kind::Text | Kind::Opaque => to_bounded_text(value, form),
        Kind::Enum => to_enum(value, form),
        Kind::Bytes => to_bytes(value, form),
        Kind::Date => to_date(value, form, lossy),
        Kind::Time => to_time(value, form, lossy),
        Kind::Timestamp => to_timestamp(value, form, lossy),
        Kind::LocalTimestamp => to_local(value, form, lossy),
        Kind::Uuid => to_uuid(value),
        Kind::Json => to_json(value),
        Kind::List => to_list(value, form, lossy),
    }
}

fn to_bool(value: &Value) -> Result<Value, CastError> {
    match value {
        Value::Bool(_) => Ok(value.clone()),
        Value::Int(_) | Value::Decimal(_) | Value::Float(_) => {
            match value.number().and_then(|number| number.to_int()) {
                Some(0) => Ok(Value::Bool(false)),
                Some(1) => Ok(Value::Bool(true)),
                _ => not_a("a number other than 0 and 1", "a bool"),
            }
        }
        Value::Text(text) => text::parse_bool(text)
            .map_or_else(|| not_a("the text", "a bool (true/false, yes/no, 1/0)"), |value| Ok(Value::Bool(value))),
        Value::Json(text) => match text::json_scalar(text) {
            Value::Null => Ok(Value::Null),
            Value::Bool(value) => Ok(Value::Bool(value)),
            _ => not_a("the JSON", "true or false"),
        },
        _ => unsupported(value, Kind::Bool),
    }
}

fn to_int(value: &Value, form: &Form, lossy: bool) -> Result<Value, CastError> {
    let number = match value {
        Value::Int(number) => return int_in_range(*number, form),
        Value::Bool(value) => return Ok(Value::Int(i64::from(*value))),
        Value::Decimal(_) | Value::Float(_) => finite(value, form)?,
        Value::Text(text) => parsed(text, "a whole number")?,
        Value::Json(text) => match json_number(text, "a whole number")? {
            JsonNumber::Finite(number) => number,
            JsonNumber::Special(_) => return out_of_range(form),
            JsonNumber::Null => return Ok(Value::Null),
        },
        _ => return unsupported(value, Kind::Int),
    };
    let number = whole(number, form, lossy)?;
    match number.to_int() {
        Some(number) => int_in_range(number, form),
        None => out_of_range(form),
    }
}

fn whole(number: Decimal, form: &Form, lossy: bool) -> Result<Decimal, CastError> {
    if number.scale_needed() == 0 {
        Ok(number)
    } else if lossy {
        Ok(number.rounded(0))
    } else {
        would_lose("the digits after the point", form)
    }
}

fn int_in_range(number: i64, form: &Form) -> Result<Value, CastError> {
    let bits = form.length.unwrap_or(64).clamp(1, 64);
    let fits = bits == 64 || (-(1i64 << (bits - 1))..(1i64 << (bits - 1))).contains(&number);
    if fits { Ok(Value::Int(number)) } else { out_of_range(form) }
}

fn to_decimal(value: &Value, form: &Form, lossy: bool) -> Result<Value, CastError> {
    let unbounded = form.precision.is_none() && form.scale.is_none();
    let number = match value {
        Value::Decimal(_) if unbounded => return Ok(value.clone()),
        Value::Int(number) => Decimal::from_int(*number),
        Value::Bool(value) => Decimal::from_int(i64::from(*value)),
        Value::Decimal(_) | Value::Float(_) => match value.special() {
            Some(special) => return special_decimal(special),
            None => finite(value, form)?,
        },
        Value::Text(text) => match Special::parse(text.trim()) {
            Some(special) => return special_decimal(special),
            None => parsed(text, "a number")?,
        },
        Value::Json(text) => match json_number(text, "a number")? {
            JsonNumber::Finite(number) => number,
            JsonNumber::Special(special) => return special_decimal(special),
            JsonNumber::Null => return Ok(Value::Null),
        },
        _ => return unsupported(value, Kind::Decimal),
    };
    decimal_in_form(number, form, lossy)
}

fn special_decimal(special: Special) -> Result<Value, CastError> {
    Ok(Value::Decimal(Arc::from(special.text())))
}

/// Written with the form's scale, as the side itself would show it.
fn decimal_in_form(number: Decimal, form: &Form, lossy: bool) -> Result<Value, CastError> {
    let scale = match (form.precision, form.scale) {
        (_, Some(scale)) => Some(scale),
        (Some(_), None) => Some(0),
        (None, None) => None,
    };
    let number = match scale {
        Some(scale) => {
            let rounded = number.rounded(scale);
            if rounded != number && !lossy {
                return would_lose("digits of the number", form);
            }
            rounded
        }
        None => number,
    };
    if let (Some(precision), Some(scale)) = (form.precision, scale) {
        let whole_max = i64::from(precision) - i64::from(scale);
        let whole = number.whole_digits() as i64;
        let small = number.is_zero() || whole > 0 || whole_max >= 0;
        if whole > whole_max.max(0) || !small {
            return out_of_range(form);
        }
    }
    Ok(Value::Decimal(Arc::from(number.to_string())))
}

fn to_float(value: &Value, form: &Form, lossy: bool) -> Result<Value, CastError> {
    let float = match value {
        Value::Float(float) => *float,
        Value::Int(_) | Value::Decimal(_) => match value.special() {
            Some(special) => special.float(),
            None => nearest_float(&finite(value, form)?, form)?,
        },
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Text(text) => match text::parse_float(text) {
            Some(float) => float,
            None => return not_a("the text", "a number"),
        },
        Value::Json(text) => match json_number(text, "a number")? {
            JsonNumber::Finite(number) => nearest_float(&number, form)?,
            JsonNumber::Special(special) => special.float(),
            JsonNumber::Null => return Ok(Value::Null),
        },
        _ => return unsupported(value, Kind::Float),
    };
    let single = form.length == Some(32);
    let stored = if single { single_precision(float) } else { float };
    if stored.is_infinite() && float.is_finite() {
        return out_of_range(form);
    }
    if !lossy && !says_the_same(value, stored, single) {
        return would_lose("digits of the number", form);
    }
    Ok(Value::Float(stored))
}

/// The number a 32-bit column shows: the shortest that reads back as the same
/// 32 bits, not the longer one that widening those bits would give.
fn single_precision(float: f64) -> f64 {
    let narrow = float as f32;
    narrow.to_string().parse().unwrap_or(f64::from(narrow))
}

/// Whether the float, written as short as reads back, is the number it came from.
fn says_the_same(value: &Value, stored: f64, single: bool) -> bool {
    let number = match value {
        Value::Text(text) => Decimal::parse(text.trim()),
        Value::Json(text) => Decimal::parse(text.trim()),
        Value::Float(float) if !single => return *float == stored || float.is_nan(),
        value => value.number(),
    };
    let Some(number) = number else {
        return true;
    };
    let shown = Decimal::from_float(stored);
    shown.is_some_and(|shown| shown == number)
}

fn nearest_float(number: &Decimal, form: &Form) -> Result<f64, CastError> {
    match number.to_string().parse::<f64>() {
        Ok(float) if float.is_finite() => Ok(float),
        _ => out_of_range(form),
    }
}

fn to_bounded_text(value: &Value, form: &Form) -> Result<Value, CastError> {
    if let Value::Text(text) = value {
        fits(text, form)?;
        return Ok(value.clone());
    }
    if matches!(value, Value::Ref(_)) {
        return unsupported(value, form.kind);
    }
    let text = text::to_text(value)?;
    fits(&text, form)?;
    Ok(Value::Text(text))
}

fn fits(text: &str, form: &Form) -> Result<(), CastError> {
    let Some(length_max) = form.length else {
        return Ok(());
    };
    // Bytes are never fewer than characters: most texts need no counting.
    if text.len() <= length_max as usize {
        return Ok(());
    }
    let length = text.chars().count();
    if length <= length_max as usize {
        return Ok(());
    }
    Err(CastError::TooLong { length, length_max, unit: "characters" })
}

fn to_enum(value: &Value, form: &Form) -> Result<Value, CastError> {
    let value = to_bounded_text(value, form)?;
    let Value::Text(text) = &value else {
        return Ok(value);
    };
    if form.values.is_empty() || form.values.iter().any(|known| **known == **text) {
        return Ok(value);
    }
    Err(CastError::NotListed { count: form.values.len() })
}

fn to_bytes(value: &Value, form: &Form) -> Result<Value, CastError> {
    let bytes = match value {
        Value::Bytes(bytes) => bytes.clone(),
        _ => match scalar_text(value, Kind::Bytes)? {
            None => return Ok(Value::Null),
            Some(text) => match text::parse_bytes(&text) {
                Some(bytes) => bytes,
                None => return not_a("the text", "base64"),
            },
        },
    };
    match form.length {
        Some(length_max) if bytes.len() > length_max as usize => {
            Err(CastError::TooLong { length: bytes.len(), length_max, unit: "bytes" })
        }
        _ => Ok(Value::Bytes(bytes)),
    }
}

fn to_date(value: &Value, form: &Form, lossy: bool) -> Result<Value, CastError> {
    match value {
        Value::Date(_) => Ok(value.clone()),
        Value::Timestamp(Timestamp(micros)) | Value::LocalTimestamp(micros) => match *micros {
            i64::MIN => Ok(Value::Date(i32::MIN)),
            i64::MAX => Ok(Value::Date(i32::MAX)),
            micros if micros.rem_euclid(DAY_MICROS) != 0 && !lossy => would_lose("the time of day", form),
            micros => match i32::try_from(micros.div_euclid(DAY_MICROS)) {
                Ok(days) => Ok(Value::Date(days)),
                Err(_) => out_of_range(form),
            },
        },
        _ => match scalar_text(value, Kind::Date)? {
            None => Ok(Value::Null),
            Some(text) => match text::parse_date(&text) {
                Some(days) => Ok(Value::Date(days)),
                None => not_a("the text", "a date (2026-02-28)"),
            },
        },
    }
}

fn to_time(value: &Value, form: &Form, lossy: bool) -> Result<Value, CastError> {
    let micros = match value {
        Value::Time(micros) => *micros,
        _ => match scalar_text(value, Kind::Time)? {
            None => return Ok(Value::Null),
            Some(text) => match text::parse_time(&text) {
                Some(micros) => micros,
                None => return not_a("the text", "a time of day (13:05:00)"),
            },
        },
    };
    Ok(Value::Time(to_fraction(micros, form, lossy)?))
}

fn to_timestamp(value: &Value, form: &Form, lossy: bool) -> Result<Value, CastError> {
    let micros = match value {
        Value::Timestamp(Timestamp(micros)) | Value::LocalTimestamp(micros) => *micros,
        Value::Date(days) => midnight(*days, form)?,
        _ => match scalar_text(value, Kind::Timestamp)? {
            None => return Ok(Value::Null),
            Some(text) => match text::parse_instant(&text) {
                Some(Timestamp(micros)) => micros,
                None => return not_a("the text", "an instant (2026-02-28T13:05:00Z)"),
            },
        },
    };
    Ok(Value::Timestamp(Timestamp(to_fraction(micros, form, lossy)?)))
}

fn to_local(value: &Value, form: &Form, lossy: bool) -> Result<Value, CastError> {
    let micros = match value {
        Value::Timestamp(Timestamp(micros)) | Value::LocalTimestamp(micros) => *micros,
        Value::Date(days) => midnight(*days, form)?,
        _ => match scalar_text(value, Kind::LocalTimestamp)? {
            None => return Ok(Value::Null),
            Some(text) => match text::parse_local(&text) {
                Some(micros) => micros,
                None => return not_a("the text", "a date and time (2026-02-28T13:05:00)"),
            },
        },
    };
    Ok(Value::LocalTimestamp(to_fraction(micros, form, lossy)?))
}

fn midnight(days: i32, form: &Form) -> Result<i64, CastError> {
    match days {
        i32::MIN => Ok(i64::MIN),
        i32::MAX => Ok(i64::MAX),
        days => i64::from(days).checked_mul(DAY_MICROS).map_or_else(|| out_of_range(form), Ok),
    }
}

/// To the form's fraction of a second, half up.
fn to_fraction(micros: i64, form: &Form, lossy: bool) -> Result<i64, CastError> {
    let step = 10i64.pow(6 - form.fraction_digits());
    let rest = micros.rem_euclid(step);
    if micros == i64::MIN || micros == i64::MAX || rest == 0 {
        return Ok(micros);
    }
    if !lossy {
        return would_lose("a fraction of the second", form);
    }
    let rounded = if rest * 2 >= step { micros.checked_add(step - rest) } else { micros.checked_sub(rest) };
    rounded.map_or_else(|| out_of_range(form), Ok)
}

fn to_uuid(value: &Value) -> Result<Value, CastError> {
    match value {
        Value::Uuid(_) => Ok(value.clone()),
        _ => match scalar_text(value, Kind::Uuid)? {
            None => Ok(Value::Null),
            Some(text) => match text::parse_uuid(&text) {
                Some(value) => Ok(Value::Uuid(value)),
                None => not_a("the text", "a UUID"),
            },
        },
    }
}

fn to_json(value: &Value) -> Result<Value, CastError> {
    match value {
        Value::Json(_) => Ok(value.clone()),
        // Text is JSON written out, so that both ways give the same back.
        Value::Text(text) if json::is_valid(text) => Ok(Value::Json(text.clone())),
        Value::Text(_) => not_a("the text", "JSON"),
        Value::Ref(_) => unsupported(value, Kind::Json),
        _ => Ok(Value::Json(text::to_json(value)?)),
    }
}

fn to_list(value: &Value, form: &Form, lossy: bool) -> Result<Value, CastError> {
    let items: Arc<[Value]> = match value {
        Value::List(items) if form.element.is_none() => return Ok(Value::List(items.clone())),
        Value::List(items) => items.clone(),
        Value::Text(text) => text::split(text).into(),
        Value::Json(text) => match text::json_elements(text, form.element == Some(Kind::Json)) {
            Some(items) => items.into(),
            None if text.trim() == "null" => return Ok(Value::Null),
            None => return not_a("the JSON", "an array"),
        },
        _ => return unsupported(value, Kind::List),
    };
    let Some(element) = form.element else {
        return Ok(Value::List(items));
    };
    let element = Form {
        length: form.length,
        precision: form.precision,
        scale: form.scale,
        values: form.values.clone(),
        ..Form::of(element)
    };
    if element.kind == Kind::List {
        return unsupported(value, Kind::List);
    }
    let items: Result<Vec<Value>, CastError> = items.iter().map(|item| convert(item, &element, lossy)).collect();
    Ok(Value::List(items?.into()))
}

/// The text to parse for a kind that is read from text and JSON strings only.
fn scalar_text(value: &Value, kind: Kind) -> Result<Option<Arc<str>>, CastError> {
    match value {
        Value::Text(text) => Ok(Some(text.clone())),
        Value::Json(json) => match text::json_scalar(json) {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            _ => unsupported(value, kind),
        },
        _ => unsupported(value, kind),
    }
}

fn finite(value: &Value, form: &Form) -> Result<Decimal, CastError> {
    value.number().map_or_else(|| out_of_range(form), Ok)
}

fn parsed(text: &str, wanted: &'static str) -> Result<Decimal, CastError> {
    Decimal::parse(text.trim()).map_or_else(|| not_a("the text", wanted), Ok)
}

fn json_number(text: &str, wanted: &'static str) -> Result<JsonNumber, CastError> {
    match text::json_scalar(text) {
        Value::Null => Ok(JsonNumber::Null),
        Value::Decimal(text) => parsed(&text, wanted).map(JsonNumber::Finite),
        Value::Text(word) => match Special::parse(&word) {
            Some(special) => Ok(JsonNumber::Special(special)),
            None => not_a("the JSON", wanted),
        },
        _ => not_a("the JSON", wanted),
    }
}

/// A number in JSON; what JSON has no number for is its word, as PostgreSQL writes it.
enum JsonNumber {
    Null,
    Finite(Decimal),
    Special(Special),
}

fn not_a<T>(what: &'static str, wanted: &'static str) -> Result<T, CastError> {
    Err(CastError::NotA { what, wanted })
}

fn out_of_range<T>(form: &Form) -> Result<T, CastError> {
    Err(CastError::OutOfRange { form: form.describe() })
}

fn would_lose<T>(what: &'static str, form: &Form) -> Result<T, CastError> {
    Err(CastError::WouldLose { what, form: form.describe() })
}

fn unsupported<T>(value: &Value, to: Kind) -> Result<T, CastError> {
    let from = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Decimal(_) => "decimal",
        Value::Float(_) => "float",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Date(_) => "date",
        Value::Time(_) => "time",
        Value::Timestamp(_) => "timestamp",
        Value::LocalTimestamp(_) => "local-timestamp",
        Value::Uuid(_) => "uuid",
        Value::Json(_) => "json",
        Value::List(_) => "list",
        Value::Ref(_) => "reference",
    };
    Err(CastError::Unsupported { from, to: kind_name(to) })
}
