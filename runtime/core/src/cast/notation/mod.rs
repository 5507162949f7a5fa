//! Notations: how a side writes what its column's type does not say, such as a
//! telephone number in text, a date as `31.12.2026`, or `Closed Won` for `won`.
//!
//! Reading gives the plain value that other sides understand; writing gives the
//! side's own form back. Blank text is the absence of a value. Never guesses:
//! what cannot be read is refused, and [`super::Cast`] refuses to write what
//! would not be read back as it was.

mod amount;
mod html;
mod moment;
mod phone;
mod place;
mod transform;
mod values;

use std::sync::Arc;

use super::{CastError, Form, between::Way, convert};
use crate::{
    code::TransformSlot,
    schema::{ColumnType, Kind},
    value::Value,
};

pub use self::{
    amount::Separators,
    moment::{Moment, Zone},
    phone::{Phone, PhoneStyle},
    place::CountryStyle,
    values::ValueMap,
};

/// How values are written at a side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notation {
    /// A telephone number; plain is E.164.
    Phone(Phone),
    /// A country; plain is ISO 3166-1 alpha-2.
    Country(CountryStyle),
    /// A currency; plain is its ISO 4217 code.
    Currency,
    /// An amount of one currency, with its code or sign; plain is the number.
    Money { currency: Arc<str>, separators: Separators },
    /// A number with other separators than a plain point; plain is the number.
    Number(Separators),
    /// `12.5` or `12.5 %` for twelve and a half of a hundred; plain is 12.5.
    Percent,
    /// `0.125` for twelve and a half of a hundred; plain is 12.5.
    Fraction,
    /// A date or time written by a pattern.
    Moment(Moment),
    /// Times without a zone that are meant in this one; plain is the instant.
    Zone(Zone),
    /// Seconds, or milliseconds, since 1970; plain is the instant.
    Epoch { millis: bool },
    /// Other words for the same choices.
    Values(ValueMap),
    /// A list in text; the elements may have other words, too.
    Delimited { delimiter: char, values: Option<ValueMap> },
    /// Text with markup; plain is the text.
    Html,
    /// As a component reads and writes it.
    Transform(TransformSlot),
}

impl Notation {
    /// A currency's code as the standard has it. `None`: no such currency.
    pub fn currency_code(text: &str) -> Option<Arc<str>> {
        place::currency(text).map(|known| known.code().into())
    }

    /// The type of what is read from a column of type `native`. `Err`: the
    /// notation makes no sense there; what it needs instead.
    pub fn plain(&self, native: &ColumnType) -> Result<ColumnType, &'static str> {
        let text = matches!(native.kind, Kind::Text | Kind::Opaque | Kind::Enum);
        let number = matches!(native.kind, Kind::Int | Kind::Decimal | Kind::Float);
        let needs = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err(what) };
        match self {
            Notation::Phone(_) => {
                needs(text, "text").map(|()| ColumnType { length: Some(phone::E164_MAX), ..ColumnType::of(Kind::Text) })
            }
            Notation::Country(_) => {
                needs(text, "text").map(|()| ColumnType { length: Some(2), ..ColumnType::of(Kind::Text) })
            }
            Notation::Currency => {
                needs(text, "text").map(|()| ColumnType { length: Some(3), ..ColumnType::of(Kind::Text) })
            }
            Notation::Money { .. } | Notation::Number(_) => needs(text, "text").map(|()| ColumnType::of(Kind::Decimal)),
            Notation::Percent => needs(text || number, "text or numbers").map(|()| ColumnType::of(Kind::Decimal)),
            Notation::Fraction => needs(text || number, "text or numbers").map(|()| amount::hundredfold(native)),
            Notation::Moment(moment) => needs(text, "text").map(|()| moment.plain()),
            Notation::Zone(_) => {
                let local = native.kind == Kind::LocalTimestamp;
                needs(local, "times without a zone")
                    .map(|()| ColumnType { scale: native.scale, ..ColumnType::of(Kind::Timestamp) })
            }
            Notation::Epoch { millis } => needs(number || text, "numbers or text").map(|()| {
                let fraction = matches!(native.kind, Kind::Decimal | Kind::Float);
                let scale = if *millis { 3 } else { 0 };
                ColumnType { scale: (!fraction).then_some(scale), ..ColumnType::of(Kind::Timestamp) }
            }),
            Notation::Values(map) => map.plain(native),
            Notation::Delimited { values, .. } => needs(text, "text").map(|()| {
                let known = values.as_ref().map(ValueMap::canonical).unwrap_or_default();
                ColumnType { values: known, element: Some(Kind::Text), ..ColumnType::of(Kind::List) }
            }),
            Notation::Html => needs(text, "text").map(|()| ColumnType::of(Kind::Text)),
            Notation::Transform(slot) => transform::plain(slot, native),
        }
    }

    /// Whether the column itself sets no bounds to its numbers: text holds any. They
    /// are bounded by the other sides then.
    pub(crate) fn is_elastic(&self, native: &ColumnType) -> bool {
        let loose = !matches!(native.kind, Kind::Int | Kind::Decimal);
        loose && matches!(self, Notation::Money { .. } | Notation::Number(_) | Notation::Percent | Notation::Fraction)
    }

    /// What becomes of values on the way in and out.
    pub(super) fn ways(&self, native: &ColumnType) -> (Way, Way) {
        let narrow = |what: &str| Way::Narrows(what.to_owned());
        match self {
            Notation::Phone(_) => (narrow("text that is no telephone number is not taken"), phone::written(native)),
            Notation::Country(_) => (narrow("text that names no country is not taken"), Way::Exact),
            Notation::Currency => (narrow("text that names no currency is not taken"), Way::Exact),
            Notation::Money { .. } | Notation::Number(_) => {
                (narrow("text that is no number of this form is not taken"), Way::Exact)
            }
            Notation::Percent | Notation::Fraction => (narrow("text that is no share is not taken"), Way::Exact),
            Notation::Moment(moment) => (narrow("text of another pattern is not taken"), moment.written()),
            Notation::Zone(_) => {
                let twice = "times that the clocks of its zone show twice or never are not taken";
                (narrow(twice), narrow(twice))
            }
            Notation::Epoch { millis } => {
                let unit = if *millis { "milliseconds" } else { "seconds" };
                (
                    narrow("numbers out of range are not taken"),
                    Way::Narrows(format!("finer fractions of {unit} do not fit")),
                )
            }
            Notation::Values(map) => (map.read_way(), map.written_way()),
            Notation::Delimited { delimiter, values } => {
                let nulls = format!("lists with nulls or `{delimiter}` in their elements do not fit into text");
                let read = values.as_ref().map_or(Way::Exact, ValueMap::read_way);
                (read, Way::Narrows(nulls))
            }
            Notation::Html => (Way::Loses("the markup of the text".to_owned()), Way::Exact),
            Notation::Transform(slot) => transform::ways(slot),
        }
    }

    /// What the column's value says, plainly.
    pub(super) fn read(&self, native: &Value) -> Result<Value, CastError> {
        if native.is_null() || is_blank(native) {
            return Ok(Value::Null);
        }
        match self {
            Notation::Phone(phone) => phone.read(text_of(native)?),
            Notation::Country(_) => place::read_country(text_of(native)?),
            Notation::Currency => place::read_currency(text_of(native)?),
            Notation::Money { currency, separators } => amount::read_money(text_of(native)?, currency, *separators),
            Notation::Number(separators) => amount::read_number(text_of(native)?, *separators),
            Notation::Percent => amount::read_percent(native, false),
            Notation::Fraction => amount::read_percent(native, true),
            Notation::Moment(moment) => moment.read(text_of(native)?),
            Notation::Zone(zone) => zone.read(native),
            Notation::Epoch { millis } => moment::read_epoch(native, *millis),
            Notation::Values(map) => map.read_any(native),
            Notation::Delimited { delimiter, values } => {
                values::read_delimited(text_of(native)?, *delimiter, values.as_ref())
            }
            Notation::Html => Ok(Value::text(html::to_text(text_of(native)?)?)),
            Notation::Transform(slot) => transform::read(slot, native),
        }
    }

    /// The plain value as the column has it. `native` bounds it.
    pub(super) fn write(&self, plain: &Value, native: &Form, lossy: bool) -> Result<Value, CastError> {
        if plain.is_null() {
            return Ok(Value::Null);
        }
        let written = match self {
            Notation::Phone(phone) => phone.write(text_of(plain)?)?,
            Notation::Country(style) => place::write_country(text_of(plain)?, *style)?,
            Notation::Currency => place::read_currency(text_of(plain)?)?,
            Notation::Money { currency, separators } => amount::write_money(plain, currency, *separators)?,
            Notation::Number(separators) => amount::write_number(plain, *separators)?,
            Notation::Percent => amount::write_percent(plain, native, false)?,
            Notation::Fraction => amount::write_percent(plain, native, true)?,
            Notation::Moment(moment) => moment.write(plain)?,
            Notation::Zone(zone) => zone.write(plain)?,
            Notation::Epoch { millis } => moment::write_epoch(plain, *millis)?,
            Notation::Values(map) => map.write_any(plain)?,
            Notation::Delimited { delimiter, values } => values::write_delimited(plain, *delimiter, values.as_ref())?,
            Notation::Html => Value::text(html::from_text(text_of(plain)?)),
            Notation::Transform(slot) => transform::write(slot, plain)?,
        };
        convert::convert(&written, native, lossy)
    }
}

fn is_blank(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.trim().is_empty())
}

/// Longer text has none of these notations.
const TEXT_BYTES_MAX: usize = 1 << 20;

fn text_of(value: &Value) -> Result<&str, CastError> {
    match value {
        Value::Text(text) if text.len() <= TEXT_BYTES_MAX => Ok(text),
        Value::Text(_) => Err(CastError::NotA { what: "the text", wanted: "shorter than a mebibyte" }),
        _ => Err(CastError::NotA { what: "the value", wanted: "text" }),
    }
}
