//! Conditions: bound to the schema first (so a wrong name or a wrong type is
//! refused as the vendor refuses it), then tried on rows.

use std::cmp::Ordering;

use jiff::{Timestamp, civil::Date};
use serde_json::Value;

use super::syntax::{Filter, Literal, Operator, Path};
use crate::salesforce::{
    id, moment,
    schema::{Field, Kind, Object, Schema},
    state::{Refusal, Row, State, instant_of},
};

/// Relationships followed from one row, at most (vendor: five).
const HOPS_MAX: usize = 5;

/// A path that was found in the schema.
#[derive(Debug, Clone)]
pub struct Bound<'a> {
    /// The reference fields to follow.
    pub hops: Vec<&'a Field>,
    pub field: &'a Field,
}

/// Finds a path in the schema.
pub fn bind<'a>(schema: &'a Schema, object: &'a Object, path: &Path, text: &str) -> Result<Bound<'a>, Refusal> {
    let Some((last, before)) = path.parts.split_last() else { return Err(no_column(object, "", path.at, text)) };
    let mut hops = Vec::new();
    let mut at = object;
    for (place, name) in before.iter().enumerate() {
        // The object itself may be named before its field.
        if place == 0 && name.eq_ignore_ascii_case(&object.name) && at.relationship(name).is_none() {
            continue;
        }
        let found = at.relationship(name).filter(|field| !field.hidden && hops.len() < HOPS_MAX);
        let Some(field) = found else {
            let message = format!(
                "{}Didn't understand relationship '{name}' in field path. If you are attempting to use a custom \
                 relationship, be sure to append the '__r' after the custom relationship name.",
                pointer(text, path.at)
            );
            return Err(Refusal::request(400, "INVALID_FIELD", message));
        };
        hops.push(field);
        // A polymorphic reference shows the fields its first known target has.
        let target = field.reference_to.iter().rev().find_map(|target| schema.object(target));
        at = target.ok_or_else(|| no_column(at, name, path.at, text))?;
    }
    let field = at.field(last).filter(|field| !field.hidden).ok_or_else(|| no_column(at, last, path.at, text))?;
    Ok(Bound { hops, field })
}

fn no_column(object: &Object, name: &str, at: usize, text: &str) -> Refusal {
    let message = format!(
        "{}No such column '{name}' on entity '{}'. If you are attempting to use a custom field, be sure to append the \
         '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
        pointer(text, at),
        object.name
    );
    Refusal::request(400, "INVALID_FIELD", message)
}

/// The vendor's way of pointing into a query.
pub fn pointer(text: &str, at: usize) -> String {
    const AROUND: usize = 30;
    let floor = |index: usize| (0..=index).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0);
    let (from, to) = (floor(at.saturating_sub(AROUND)), floor((at + AROUND).min(text.len())));
    let column = at + 1;
    format!("\n{}\n{}^\nERROR at Row:1:Column:{column}\n", &text[from..to], " ".repeat(at.saturating_sub(from)))
}

/// A condition whose names and types were found right.
#[derive(Debug)]
pub enum Prepared<'a> {
    And(Vec<Prepared<'a>>),
    Or(Vec<Prepared<'a>>),
    Not(Box<Prepared<'a>>),
    Compare { bound: Bound<'a>, operator: Operator, value: &'a Literal },
    In { bound: Bound<'a>, values: &'a [Literal], negated: bool },
    Like { bound: Bound<'a>, pattern: &'a str },
    Includes { bound: Bound<'a>, sets: &'a [String], negated: bool },
}

/// Looks every name of a condition up and checks every type in it.
pub fn prepare<'a>(
    schema: &'a Schema,
    object: &'a Object,
    filter: &'a Filter,
    text: &str,
) -> Result<Prepared<'a>, Refusal> {
    let all = |parts: &'a [Filter]| {
        parts.iter().map(|part| prepare(schema, object, part, text)).collect::<Result<Vec<_>, Refusal>>()
    };
    Ok(match filter {
        Filter::And(parts) => Prepared::And(all(parts)?),
        Filter::Or(parts) => Prepared::Or(all(parts)?),
        Filter::Not(inner) => Prepared::Not(Box::new(prepare(schema, object, inner, text)?)),
        Filter::Compare { path, operator, value } => {
            let bound = filterable(schema, object, path, text)?;
            check_literal(bound.field, value, path, text)?;
            Prepared::Compare { bound, operator: *operator, value }
        }
        Filter::In { path, values, negated } => {
            let bound = filterable(schema, object, path, text)?;
            values.iter().try_for_each(|value| check_literal(bound.field, value, path, text))?;
            Prepared::In { bound, values, negated: *negated }
        }
        Filter::Like { path, pattern } => Prepared::Like { bound: filterable(schema, object, path, text)?, pattern },
        Filter::Includes { path, sets, negated } => {
            Prepared::Includes { bound: filterable(schema, object, path, text)?, sets, negated: *negated }
        }
    })
}

fn filterable<'a>(schema: &'a Schema, object: &'a Object, path: &Path, text: &str) -> Result<Bound<'a>, Refusal> {
    let bound = bind(schema, object, path, text)?;
    let field = bound.field;
    if field.kind == Kind::Address || (field.kind == Kind::Textarea && field.length > 255) {
        let message = format!("{}field '{}' can not be filtered in a query call", pointer(text, path.at), field.name);
        return Err(Refusal::request(400, "INVALID_FIELD", message));
    }
    Ok(bound)
}

fn check_literal(field: &Field, literal: &Literal, path: &Path, text: &str) -> Result<(), Refusal> {
    let (fits, wanted) = match field.kind {
        kind if kind.is_text() => {
            (matches!(literal, Literal::Text(_)), "string and should be enclosed in quotes".to_owned())
        }
        Kind::Id | Kind::Reference => {
            if let Literal::Text(given) = literal
                && !given.is_empty()
                && id::long(given).is_none()
            {
                let message = format!("{}invalid ID field: {given}", pointer(text, path.at));
                return Err(Refusal::request(400, "INVALID_QUERY_FILTER_OPERATOR", message));
            }
            (matches!(literal, Literal::Text(_)), "ID and should be enclosed in quotes".to_owned())
        }
        Kind::Boolean => (matches!(literal, Literal::Bool(_)), unquoted("boolean")),
        Kind::Date => (matches!(literal, Literal::Date(_)), unquoted("date")),
        Kind::Datetime => (matches!(literal, Literal::Moment(_)), unquoted("dateTime")),
        Kind::Int => (matches!(literal, Literal::Number(_)), unquoted("int")),
        _ => (matches!(literal, Literal::Number(_)), unquoted("double")),
    };
    if fits || *literal == Literal::Null {
        return Ok(());
    }
    let message = format!(
        "{}value of filter criterion for field '{}' must be of type {wanted}",
        pointer(text, path.at),
        field.name
    );
    Err(Refusal::request(400, "INVALID_FIELD", message))
}

fn unquoted(kind: &str) -> String {
    format!("{kind} and should not be enclosed in quotes")
}

/// Whether a condition holds for a row.
pub fn holds(state: &State, object: &Object, row: &Row, filter: &Prepared<'_>) -> bool {
    match filter {
        Prepared::And(parts) => parts.iter().all(|part| holds(state, object, row, part)),
        Prepared::Or(parts) => parts.iter().any(|part| holds(state, object, row, part)),
        Prepared::Not(inner) => !holds(state, object, row, inner),
        Prepared::Compare { bound, operator, value } => {
            // The row's own times are compared as they are, not as they are shown.
            if let (Literal::Moment(at), Some(own)) = (value, own_time(bound, row)) {
                return order_holds(Some(own.cmp(&moment::whole(*at))), *operator);
            }
            compare_holds(&state.follow(object, row, bound), bound.field.kind, *operator, value)
        }
        Prepared::In { bound, values, negated } => {
            let own = state.follow(object, row, bound);
            let found = values.iter().any(|value| compare_holds(&own, bound.field.kind, Operator::Equal, value));
            found != *negated
        }
        Prepared::Like { bound, pattern } => {
            state.follow(object, row, bound).as_str().is_some_and(|text| like(text, pattern))
        }
        Prepared::Includes { bound, sets, negated } => {
            let own = state.follow(object, row, bound);
            let own: Vec<&str> = own.as_str().unwrap_or_default().split(';').collect();
            let found = sets.iter().any(|set| set.split(';').all(|value| own.contains(&value)));
            found != *negated
        }
    }
}

fn own_time(bound: &Bound<'_>, row: &Row) -> Option<Timestamp> {
    if bound.hops.is_empty() { instant_of(row, &bound.field.name) } else { None }
}

fn compare_holds(own: &Value, kind: Kind, operator: Operator, literal: &Literal) -> bool {
    // An empty text is how a query may ask for null, too.
    let asks_null = *literal == Literal::Null || matches!(literal, Literal::Text(text) if text.is_empty());
    let order = if asks_null { own.is_null().then_some(Ordering::Equal) } else { order_against(own, kind, literal) };
    order_holds(order, operator)
}

fn order_holds(order: Option<Ordering>, operator: Operator) -> bool {
    match operator {
        Operator::Equal => order == Some(Ordering::Equal),
        Operator::NotEqual => order != Some(Ordering::Equal),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

fn order_against(own: &Value, kind: Kind, literal: &Literal) -> Option<Ordering> {
    match literal {
        Literal::Null => None,
        Literal::Bool(literal) => own.as_bool().map(|own| own.cmp(literal)),
        Literal::Number(literal) => own.as_f64()?.partial_cmp(literal),
        Literal::Text(literal) if matches!(kind, Kind::Id | Kind::Reference) => {
            let literal = id::long(literal)?;
            own.as_str().map(|own| own.cmp(literal.as_str()))
        }
        Literal::Text(literal) => own.as_str().map(|own| own.to_lowercase().cmp(&literal.to_lowercase())),
        Literal::Moment(literal) => Some(instant(own)?.cmp(&moment::whole(*literal))),
        Literal::Date(literal) => own.as_str()?.parse::<Date>().ok().map(|own| own.cmp(literal)),
    }
}

fn instant(value: &Value) -> Option<Timestamp> {
    moment::parse(value.as_str()?)
}

/// The order of two values of one field; null is below everything.
pub fn order_of(left: &Value, right: &Value, kind: Kind) -> Ordering {
    match (left.is_null(), right.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => match (left, right) {
            (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
            (Value::Number(left), Value::Number(right)) => {
                left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal)
            }
            (Value::String(left), Value::String(right)) if kind.is_text() => {
                left.to_lowercase().cmp(&right.to_lowercase())
            }
            (Value::String(left), Value::String(right)) => left.cmp(right),
            _ => Ordering::Equal,
        },
    }
}

/// `%` is any text, `_` any character; a backslash before them means themselves.
fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let mut wanted = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => wanted.push(Wanted::This(chars.next().unwrap_or('\\'))),
            '%' => wanted.push(Wanted::Any),
            '_' => wanted.push(Wanted::One),
            c => wanted.extend(c.to_lowercase().map(Wanted::This)),
        }
    }
    // reachable[i]: the pattern so far can end before text[i].
    let mut reachable = vec![false; text.len() + 1];
    reachable[0] = true;
    for wanted in wanted {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match wanted {
                Wanted::Any => reachable[at] || (at > 0 && next[at - 1]),
                Wanted::One => at > 0 && reachable[at - 1],
                Wanted::This(c) => at > 0 && reachable[at - 1] && text[at - 1] == c,
            };
        }
        reachable = next;
    }
    reachable[text.len()]
}

#[derive(Clone, Copy)]
enum Wanted {
    Any,
    One,
    This(char),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_knows_its_wildcards() {
        assert!(like("Acme Ltd", "acme%"));
        assert!(like("Acme", "%c%"));
        assert!(like("Acme", "A_me") && !like("Acmee", "A_me"));
        assert!(like("50%", "50\\%") && !like("505", "50\\%"));
        assert!(!like("Acme", "acm"));
    }

    #[test]
    fn null_compares_only_with_null() {
        let null = Value::Null;
        assert!(compare_holds(&null, Kind::String, Operator::Equal, &Literal::Null));
        assert!(compare_holds(&null, Kind::String, Operator::NotEqual, &Literal::Text("x".into())));
        assert!(!compare_holds(&null, Kind::Double, Operator::Less, &Literal::Number(1.0)));
        assert!(compare_holds(&"X".into(), Kind::String, Operator::Equal, &Literal::Text("x".into())));
    }
}
