//! Telephone numbers: read in the notations people use, kept as E.164.

use std::{
    cell::RefCell,
    hash::{Hash, Hasher},
    sync::Arc,
};

use phonenumber::{Mode, country::Id};

use super::super::{CastError, between::Way};
use crate::{schema::ColumnType, value::Value};

/// `+` and fifteen digits (ITU-T E.164).
pub(super) const E164_MAX: u32 = 16;
/// Longer text is no telephone number, however it is punctuated.
const TEXT_BYTES_MAX: usize = 64;

/// How a column holds telephone numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// The country of numbers without a country code, ISO 3166-1 alpha-2.
    /// `None`: such numbers are refused.
    pub region: Option<Arc<str>>,
    pub style: PhoneStyle,
}

/// How numbers are written into a column; all are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneStyle {
    E164,
    International,
    National,
}

impl Phone {
    /// Whether numbers of this region can be read.
    pub fn knows(region: &str) -> bool {
        region.parse::<Id>().is_ok()
    }

    fn id(&self) -> Option<Id> {
        self.region.as_deref().and_then(|region| region.parse().ok())
    }

    fn parsed(&self, text: &str) -> Result<phonenumber::PhoneNumber, CastError> {
        let refused = CastError::NotA { what: "the text", wanted: "a telephone number" };
        let text = text.trim();
        let text = text.strip_prefix("tel:").unwrap_or(text);
        // The parser would spell letters out as digits and skip what it does not know.
        let foreign = |c: char| !(c.is_ascii_digit() || "+()-./ \u{a0}\u{202f}\u{2010}\u{2011}\u{2013}".contains(c));
        if text.len() > TEXT_BYTES_MAX || text.contains(foreign) {
            return Err(match text.to_ascii_lowercase() {
                text if text.contains("ext") || text.contains('x') || text.contains('#') => {
                    CastError::NotA { what: "the text", wanted: "a telephone number without an extension" }
                }
                _ => refused,
            });
        }
        let international = text.starts_with('+') || text.starts_with("00");
        if self.region.is_none() && !international {
            return Err(CastError::NotA {
                what: "the text",
                wanted: "a telephone number with its country code (+49 …)",
            });
        }
        let text = match text.strip_prefix("00") {
            Some(rest) => format!("+{rest}"),
            None => text.to_owned(),
        };
        // `+44 (0)20`: the trunk prefix is left out after a country code.
        let text = if international { text.replace("(0)", "") } else { text };
        let number = phonenumber::parse(self.id(), text).map_err(|_| refused.clone())?;
        if number.extension().is_some() { Err(refused) } else { Ok(number) }
    }

    pub(super) fn read(&self, text: &str) -> Result<Value, CastError> {
        if let Some(known) = remembered(self, text) {
            return Ok(known);
        }
        let value = self.worked_out(text)?;
        remember(self, text, &value);
        Ok(value)
    }

    fn worked_out(&self, text: &str) -> Result<Value, CastError> {
        let number = self.parsed(text)?;
        let text = number.format().mode(Mode::E164).to_string();
        if text.len() > E164_MAX as usize {
            return Err(CastError::NotA { what: "the text", wanted: "a telephone number" });
        }
        Ok(Value::text(text))
    }

    pub(super) fn write(&self, text: &str) -> Result<Value, CastError> {
        let mode = match self.style {
            PhoneStyle::E164 => return Ok(Value::text(text)),
            PhoneStyle::International => Mode::International,
            PhoneStyle::National => Mode::National,
        };
        let number = self.parsed(text)?;
        // In national form a number of another country would be taken for one of this.
        let abroad = self.style == PhoneStyle::National && Some(number.code().value()) != self.code();
        let mode = if abroad { Mode::International } else { mode };
        Ok(Value::text(number.format().mode(mode).to_string()))
    }

    /// The country code that numbers of the region have.
    fn code(&self) -> Option<u16> {
        let region = self.region.as_deref()?;
        phonenumber::metadata::DATABASE.by_id(region).map(|metadata| metadata.country_code())
    }
}

/// Numbers read last on this thread. While a record is planned its number is read
/// several times over, and reading one takes as long as all else about the record.
const REMEMBERED: usize = 256;

struct Read {
    phone: Phone,
    text: Box<str>,
    value: Value,
}

thread_local! {
    static LAST: RefCell<Vec<Option<Read>>> = const { RefCell::new(Vec::new()) };
}

fn slot(phone: &Phone, text: &str) -> usize {
    let mut hasher = rustc_hash::FxHasher::default();
    (phone.region.as_deref(), text).hash(&mut hasher);
    usize::try_from(hasher.finish() >> 56).unwrap_or(0) % REMEMBERED
}

fn remembered(phone: &Phone, text: &str) -> Option<Value> {
    LAST.with_borrow(|last| {
        let known = last.get(slot(phone, text))?.as_ref()?;
        (*known.text == *text && known.phone == *phone).then(|| known.value.clone())
    })
}

fn remember(phone: &Phone, text: &str, value: &Value) {
    LAST.with_borrow_mut(|last| {
        if last.is_empty() {
            last.resize_with(REMEMBERED, || None);
        }
        if let Some(place) = last.get_mut(slot(phone, text)) {
            *place = Some(Read { phone: phone.clone(), text: text.into(), value: value.clone() });
        }
    });
}

/// Columns shorter than a number can be refuse some.
pub(super) fn written(native: &ColumnType) -> Way {
    match native.length {
        Some(length) if length < E164_MAX => Way::Narrows("longer telephone numbers do not fit".to_owned()),
        _ => Way::Exact,
    }
}
