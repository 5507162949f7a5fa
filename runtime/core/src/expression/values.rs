//! Values on their way into an expression and out of it.

use std::sync::Arc;

use cel::common::{
    types::{CelBool, CelBytes, CelDouble, CelInt, CelList, CelNull, CelString, CelTimestamp},
    value::Val,
};
use chrono::{DateTime, FixedOffset};

use super::{LIST_ITEMS_MAX, Problem, number::Number, typing::Type};
use crate::value::{Timestamp, Value, calendar, calendar::DAY_MICROS, uuid_text};

pub(super) fn into_cel<'v>(value: &'v Value, kind: &Type) -> Result<Box<dyn Val + 'v>, Problem> {
    Ok(match (value, kind) {
        (Value::Null, _) => Box::new(CelNull),
        (Value::Bool(value), _) => Box::new(CelBool::from(*value)),
        (Value::Int(_) | Value::Float(_), Type::Decimal) | (Value::Decimal(_), _) => match value.number() {
            Some(number) => Box::new(Number(number)),
            None => return Problem::new("numbers that are not finite have no form in expressions"),
        },
        (Value::Int(value), _) => Box::new(CelInt::from(*value)),
        (Value::Float(value), _) => Box::new(CelDouble::from(*value)),
        (Value::Text(text) | Value::Json(text), _) => Box::new(CelString::from(&**text)),
        (Value::Bytes(bytes), _) => Box::new(CelBytes::from(&**bytes)),
        (Value::Date(i32::MIN | i32::MAX), _) => return Problem::new("infinite dates have no form in expressions"),
        (Value::Date(days), _) => moment(i64::from(*days).saturating_mul(DAY_MICROS))?,
        (Value::Timestamp(Timestamp(micros)) | Value::LocalTimestamp(micros), _) => moment(*micros)?,
        (Value::Time(micros), _) => Box::new(CelString::from(calendar::time_text(*micros))),
        (Value::Uuid(value), _) => Box::new(CelString::from(uuid_text(*value))),
        (Value::List(items), kind) => {
            if items.len() > LIST_ITEMS_MAX {
                return Problem::new("the list is longer than expressions take");
            }
            let element = match kind {
                Type::List(element) => element,
                other => other,
            };
            let items: Result<Vec<Box<dyn Val + 'v>>, Problem> =
                items.iter().map(|item| into_cel(item, element)).collect();
            Box::new(CelList::from(items?))
        }
        (Value::Ref(_), _) => return Problem::new("references have no form in expressions"),
    })
}

fn moment<'v>(micros: i64) -> Result<Box<dyn Val + 'v>, Problem> {
    let at = DateTime::from_timestamp_micros(micros).filter(|at| {
        let year = chrono::Datelike::year(at);
        (1..=9999).contains(&year)
    });
    match at {
        Some(at) => Ok(Box::new(CelTimestamp::from(DateTime::<FixedOffset>::from(at)))),
        None => Problem::new("times before the year 1 or after 9999 have no form in expressions"),
    }
}

pub(super) fn from_cel(value: &dyn Val) -> Result<Value, Problem> {
    if value.downcast_ref::<CelNull>().is_some() {
        return Ok(Value::Null);
    }
    if let Some(value) = value.downcast_ref::<CelBool>() {
        return Ok(Value::Bool(*value.inner()));
    }
    if let Some(value) = value.downcast_ref::<CelInt>() {
        return Ok(Value::Int(*value.inner()));
    }
    if let Some(value) = value.downcast_ref::<Number>() {
        return Ok(Value::Decimal(Arc::from(value.0.to_string())));
    }
    if let Some(value) = value.downcast_ref::<CelDouble>() {
        return Ok(Value::Float(*value.inner()));
    }
    if let Some(value) = value.downcast_ref::<CelString<'_>>() {
        return Ok(Value::text(value.inner()));
    }
    if let Some(value) = value.downcast_ref::<CelBytes<'_>>() {
        return Ok(Value::Bytes(Arc::from(value.inner())));
    }
    if let Some(value) = value.downcast_ref::<CelTimestamp>() {
        return Ok(Value::Timestamp(Timestamp(value.inner().timestamp_micros())));
    }
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        let items: Result<Vec<Value>, Problem> = list.inner().iter().map(|item| from_cel(item.as_ref())).collect();
        return Ok(Value::List(items?.into()));
    }
    Problem::new("it gives a value that fields cannot hold")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_too_far_off_for_any_clock_is_said_to_be_and_is_no_other_date() {
        for days in [i32::MIN + 1, -800_000, 2_932_897, 106_751_992, 213_503_983, i32::MAX - 1] {
            let refused = into_cel(&Value::Date(days), &Type::Moment).err();
            assert!(refused.is_some_and(|problem| problem.message.contains("9999")), "{days} days");
        }
        assert!(into_cel(&Value::Date(2_932_896), &Type::Moment).is_ok(), "the last day of 9999");
    }
}
