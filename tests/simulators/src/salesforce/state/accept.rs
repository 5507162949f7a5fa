//! One value on its way into a field: normalised as the vendor normalises, or
//! refused with the vendor's code and words.

use jiff::civil::Date;
use serde_json::Value;

use super::{Refusal, State, read::by_reference};
use crate::salesforce::{
    id, moment,
    schema::{Field, Kind},
};

/// The value as it will be stored; null where it is empty.
pub fn accept(state: &State, field: &Field, value: &Value) -> Result<Value, Refusal> {
    if value.is_null() {
        return match field.kind {
            Kind::Boolean => Err(unreadable("boolean", value)),
            _ => Ok(Value::Null),
        };
    }
    match field.kind {
        Kind::Boolean => boolean(value),
        Kind::Int => int(field, value),
        Kind::Double | Kind::Currency | Kind::Percent => double(field, value),
        Kind::Date => date(value),
        Kind::Datetime => {
            let at = value.as_str().and_then(moment::parse).ok_or_else(|| unreadable("datetime", value))?;
            Ok(moment::rest(at).into())
        }
        Kind::Id | Kind::Reference => reference(state, field, value),
        Kind::Address => Err(unreadable("address", value)),
        Kind::String
        | Kind::Textarea
        | Kind::Email
        | Kind::Phone
        | Kind::Url
        | Kind::Picklist
        | Kind::Multipicklist => text(field, value),
    }
}

/// Where a request's text cannot be read as the field's type: of the request as a whole.
fn unreadable(wanted: &str, value: &Value) -> Refusal {
    let (kind, shown) = match value {
        Value::Null => ("null", "null".to_owned()),
        Value::Bool(flag) => (if *flag { "VALUE_TRUE" } else { "VALUE_FALSE" }, flag.to_string()),
        Value::Number(number) if number.is_f64() => ("VALUE_NUMBER_FLOAT", number.to_string()),
        Value::Number(number) => ("VALUE_NUMBER_INT", number.to_string()),
        Value::String(text) => ("VALUE_STRING", text.clone()),
        Value::Array(_) => ("START_ARRAY", "[".to_owned()),
        Value::Object(_) => ("START_OBJECT", "{".to_owned()),
    };
    let message = format!(
        "Cannot deserialize instance of {wanted} from {kind} value {shown} or request may be missing a required field \
         at [line:1, column:1]"
    );
    Refusal::request(400, "JSON_PARSER_ERROR", message)
}

fn boolean(value: &Value) -> Result<Value, Refusal> {
    match value {
        Value::Bool(flag) => Ok((*flag).into()),
        Value::String(text) if text.eq_ignore_ascii_case("true") || text == "1" => Ok(true.into()),
        Value::String(text) if text.eq_ignore_ascii_case("false") || text == "0" => Ok(false.into()),
        other => Err(unreadable("boolean", other)),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn int(field: &Field, value: &Value) -> Result<Value, Refusal> {
    let given = number(value).filter(|number| number.fract() == 0.0).ok_or_else(|| unreadable("int", value))?;
    if given.abs() >= 10f64.powi(i32::try_from(field.digits).unwrap_or(9)) {
        return Err(outside(field, given));
    }
    format!("{given:.0}").parse::<i64>().map(Value::from).map_err(|_| outside(field, given))
}

/// Extra decimals are cut off silently, extra digits before the point refused (vendor: describe, `scale`).
fn double(field: &Field, value: &Value) -> Result<Value, Refusal> {
    let given = number(value).ok_or_else(|| unreadable("double", value))?;
    let whole_digits = field.precision.saturating_sub(field.scale);
    if field.precision > 0 && given.abs() >= 10f64.powi(i32::try_from(whole_digits).unwrap_or(18)) {
        return Err(outside(field, given));
    }
    let shown = format!("{given}");
    let cut = match shown.split_once('.') {
        Some((whole, decimals)) if decimals.len() > field.scale as usize => {
            let kept = &decimals[..field.scale as usize];
            if kept.is_empty() { whole.to_owned() } else { format!("{whole}.{kept}") }
        }
        _ => shown,
    };
    Ok(cut.parse::<f64>().unwrap_or(given).into())
}

fn outside(field: &Field, given: f64) -> Refusal {
    let message = format!("{}: value outside of valid range on numeric field: {given}", field.label);
    Refusal::row("NUMBER_OUTSIDE_VALID_RANGE", message, &[&field.name])
}

fn date(value: &Value) -> Result<Value, Refusal> {
    let text = value.as_str().ok_or_else(|| unreadable("date", value))?;
    let day = text.get(..10).and_then(|day| day.parse::<Date>().ok());
    match day {
        Some(day) if text.len() == 10 || moment::parse(text).is_some() => Ok(day.to_string().into()),
        _ => Err(unreadable("date", value)),
    }
}

fn reference(state: &State, field: &Field, value: &Value) -> Result<Value, Refusal> {
    let given = value.as_str().unwrap_or_default().trim();
    if given.is_empty() {
        return Ok(Value::Null);
    }
    let Some(id) = id::long(given) else {
        let message = format!("{}: id value of incorrect type: {given}", field.label);
        return Err(Refusal::row("MALFORMED_ID", message, &[&field.name]));
    };
    let target = state.schema.object_of(&id);
    let fits = target.is_some_and(|target| field.reference_to.contains(&target.name));
    if !fits {
        let message = format!("{}: id value of incorrect type: {id}", field.label);
        return Err(Refusal::row("FIELD_INTEGRITY_EXCEPTION", message, &[&field.name]));
    }
    let id = Value::from(id);
    match by_reference(state, field, &id) {
        Some((_, row)) if row.deleted.is_none() => Ok(id),
        Some(_) => Err(Refusal { status: 400, ..Refusal::deleted() }),
        None => Err(Refusal::row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[])),
    }
}

fn text(field: &Field, value: &Value) -> Result<Value, Refusal> {
    let given = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        other => return Err(unreadable("string", other)),
    };
    if given.is_empty() {
        return Ok(Value::Null);
    }
    if given.chars().count() > field.length as usize {
        let message = format!("{}: data value too large: {given} (max length={})", field.label, field.length);
        return Err(Refusal::row("STRING_TOO_LONG", message, &[&field.name]));
    }
    match field.kind {
        Kind::Email if !is_email(&given) => {
            let message = format!("{}: invalid email address: {given}", field.label);
            Err(Refusal::row("INVALID_EMAIL_ADDRESS", message, &[&field.name]))
        }
        Kind::Picklist if field.restricted && !field.picklist.contains(&given) => Err(bad_choice(field, &given)),
        Kind::Multipicklist => choices(field, &given),
        _ => Ok(given.into()),
    }
}

fn bad_choice(field: &Field, given: &str) -> Refusal {
    let message = format!("{}: bad value for restricted picklist field: {given}", field.label);
    Refusal::row("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &[&field.name])
}

/// Stored once each, in the order the field declares them.
fn choices(field: &Field, given: &str) -> Result<Value, Refusal> {
    let given: Vec<&str> = given.split(';').map(str::trim).filter(|value| !value.is_empty()).collect();
    let mut kept: Vec<&str> = field.picklist.iter().map(String::as_str).filter(|known| given.contains(known)).collect();
    for value in given {
        if !kept.contains(&value) {
            if field.restricted {
                return Err(bad_choice(field, value));
            }
            kept.push(value);
        }
    }
    Ok(if kept.is_empty() { Value::Null } else { kept.join(";").into() })
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.split_once('@') else { return false };
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | ',' | ';' | '<' | '>' | '"');
    let dotted = host.contains('.') && !host.starts_with('.') && !host.ends_with('.');
    !name.is_empty() && dotted && !text.replacen('@', "", 1).contains(odd)
}
