//! Numbers as people write them: separators, percent signs, currencies.

use std::sync::Arc;

use super::super::{CastError, Form};
use crate::{
    schema::{ColumnType, Kind},
    value::{Value, decimal::Decimal},
};

/// Which signs stand between groups of three digits and before the fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Separators {
    group: Option<char>,
    point: char,
}

/// The numbers by which separators are named, and what they mean.
const EXAMPLES: [(&str, Separators); 6] = [
    ("1,234.56", Separators { group: Some(','), point: '.' }),
    ("1.234,56", Separators { group: Some('.'), point: ',' }),
    ("1 234,56", Separators { group: Some(' '), point: ',' }),
    ("1'234.56", Separators { group: Some('\''), point: '.' }),
    ("1234,56", Separators { group: None, point: ',' }),
    ("1234.56", Separators { group: None, point: '.' }),
];

impl Separators {
    /// By example, such as `1.234,56`.
    pub fn by_example(example: &str) -> Option<Separators> {
        EXAMPLES.iter().find(|(known, _)| *known == example).map(|(_, separators)| *separators)
    }

    /// The examples that are understood.
    pub fn examples() -> impl Iterator<Item = &'static str> {
        EXAMPLES.iter().map(|(example, _)| *example)
    }
}

impl Default for Separators {
    fn default() -> Self {
        Separators { group: None, point: '.' }
    }
}

fn refused() -> CastError {
    CastError::NotA { what: "the text", wanted: "a number with these separators" }
}

/// Strict about groups: `12,5` is not a hundred and twenty-five.
fn parse(text: &str, separators: Separators) -> Result<Decimal, CastError> {
    let text = text.trim();
    let (sign, rest) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = match rest.split_once(separators.point) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (rest, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_group =
        |c: char| Some(c) == separators.group || separators.group == Some(' ') && "\u{a0}\u{202f}".contains(c);
    let groups: Vec<&str> = whole.split(is_group).collect();
    let grouped = groups.len() == 1
        || groups.iter().enumerate().all(|(at, part)| match at {
            0 => (1..=3).contains(&part.len()),
            _ => part.len() == 3,
        });
    let fraction = fraction.unwrap_or_default();
    if whole.is_empty() || !grouped || !groups.iter().all(|part| digits(part)) || !digits(fraction) {
        return Err(refused());
    }
    let point = if fraction.is_empty() { "" } else { "." };
    Decimal::parse(&format!("{sign}{}{point}{fraction}", groups.concat())).ok_or_else(refused)
}

fn spelt(number: &Decimal, separators: Separators) -> String {
    let plain = number.to_string();
    let (sign, rest) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut text = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if let Some(group) = separators.group
            && at > 0
            && (whole.len() - at).is_multiple_of(3)
        {
            text.push(group);
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push(separators.point);
        text.push_str(fraction);
    }
    text
}

fn decimal(number: &Decimal) -> Value {
    Value::Decimal(Arc::from(number.to_string()))
}

fn number_of(value: &Value) -> Result<Decimal, CastError> {
    value.number().ok_or(CastError::NotA { what: "the value", wanted: "a finite number" })
}

pub(super) fn read_number(text: &str, separators: Separators) -> Result<Value, CastError> {
    parse(text, separators).map(|number| decimal(&number))
}

pub(super) fn write_number(plain: &Value, separators: Separators) -> Result<Value, CastError> {
    Ok(Value::text(spelt(&number_of(plain)?, separators)))
}

/// An amount in `currency`, whose code or sign may stand before or after it.
pub(super) fn read_money(text: &str, currency: &str, separators: Separators) -> Result<Value, CastError> {
    let sign = super::place::currency(currency).map(|known| known.symbol().symbol).unwrap_or_default();
    let mut rest = text.trim();
    for name in [currency, sign.as_str()].into_iter().filter(|name| !name.is_empty()) {
        let begins = rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
        let tail = rest.len().saturating_sub(name.len());
        let ends = rest.get(tail..).is_some_and(|end| end.eq_ignore_ascii_case(name));
        if begins {
            rest = rest.get(name.len()..).unwrap_or_default().trim();
            break;
        } else if ends {
            rest = rest.get(..tail).unwrap_or_default().trim();
            break;
        }
    }
    parse(rest, separators)
        .map(|number| decimal(&number))
        .map_err(|_| CastError::NotA { what: "the text", wanted: "an amount in the field's currency" })
}

pub(super) fn write_money(plain: &Value, currency: &str, separators: Separators) -> Result<Value, CastError> {
    Ok(Value::text(format!("{} {currency}", spelt(&number_of(plain)?, separators))))
}

/// The type of a hundred times what a column holds.
pub(super) fn hundredfold(native: &ColumnType) -> ColumnType {
    let plain = ColumnType::of(Kind::Decimal);
    match (native.kind, native.precision, native.scale) {
        (Kind::Decimal, Some(precision), scale) => {
            let scale = scale.unwrap_or(0);
            let lower = (scale - 2).max(0);
            // What the scale gives up, the whole part gains.
            let precision = i64::from(precision) - i64::from(scale) + 2 + i64::from(lower);
            ColumnType { precision: u32::try_from(precision).ok(), scale: Some(lower), ..plain }
        }
        _ => plain,
    }
}

/// A share in hundredths. `fraction`: the column has parts of one.
pub(super) fn read_percent(native: &Value, fraction: bool) -> Result<Value, CastError> {
    let Value::Text(text) = native else {
        let number = number_of(native)?;
        return Ok(if fraction { decimal(&number.shifted(2)) } else { native.clone() });
    };
    // What has a percent sign means hundredths wherever it stands.
    let bare = text.trim().strip_suffix('%').map(str::trim_end);
    let number = parse(bare.unwrap_or(text), Separators::default())?;
    Ok(decimal(&if fraction && bare.is_none() { number.shifted(2) } else { number }))
}

pub(super) fn write_percent(plain: &Value, native: &Form, fraction: bool) -> Result<Value, CastError> {
    let number = number_of(plain)?;
    let number = if fraction { number.shifted(-2) } else { number };
    Ok(match native.is_text_like() {
        true if !fraction => Value::text(format!("{number}%")),
        true => Value::text(number.to_string()),
        false => decimal(&number),
    })
}
