//! Countries by ISO 3166-1 and currencies by ISO 4217.

use std::sync::LazyLock;

use iso_currency::Currency;
use rustc_hash::FxHashMap;

use super::super::CastError;
use crate::value::Value;

/// How countries are written into a column; all are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountryStyle {
    Alpha2,
    Alpha3,
    /// In English, as most people write it.
    Name,
}

/// What people write that is not the standard's own name; the first of a code
/// is the one written.
const NAMES: [(&str, &str); 43] = [
    ("US", "United States"),
    ("US", "USA"),
    ("US", "U.S.A."),
    ("US", "United States of America"),
    ("GB", "United Kingdom"),
    ("GB", "UK"),
    ("GB", "Great Britain"),
    ("GB", "England"),
    ("GB", "Scotland"),
    ("GB", "Wales"),
    ("GB", "Northern Ireland"),
    ("KR", "South Korea"),
    ("KR", "Korea"),
    ("KP", "North Korea"),
    ("RU", "Russia"),
    ("VN", "Vietnam"),
    ("CZ", "Czechia"),
    ("CZ", "Czech Republic"),
    ("IR", "Iran"),
    ("BO", "Bolivia"),
    ("TZ", "Tanzania"),
    ("VE", "Venezuela"),
    ("MD", "Moldova"),
    ("SY", "Syria"),
    ("LA", "Laos"),
    ("BN", "Brunei"),
    ("TW", "Taiwan"),
    ("CI", "Ivory Coast"),
    ("CI", "Côte d'Ivoire"),
    ("CV", "Cape Verde"),
    ("MK", "North Macedonia"),
    ("MK", "Macedonia"),
    ("SZ", "Eswatini"),
    ("SZ", "Swaziland"),
    ("NL", "Netherlands"),
    ("NL", "Holland"),
    ("NL", "The Netherlands"),
    ("TR", "Turkey"),
    ("TR", "Türkiye"),
    ("CD", "DR Congo"),
    ("CG", "Congo"),
    ("PS", "Palestine"),
    ("VA", "Vatican City"),
];

/// A name without case, blanks and signs.
fn fold(name: &str) -> String {
    let name = name.trim();
    let name = name.strip_suffix("(the)").unwrap_or(name);
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Every known name, folded, with its alpha-2 code; what people write goes first.
static BY_NAME: LazyLock<FxHashMap<String, &'static str>> = LazyLock::new(|| {
    let standard = rust_iso3166::ALL.iter().map(|country| (fold(country.name), country.alpha2));
    standard.chain(NAMES.iter().map(|(code, name)| (fold(name), *code))).collect()
});

/// The alpha-2 code of a country by code or name.
fn country(text: &str) -> Option<rust_iso3166::CountryCode> {
    let text = text.trim();
    let upper = text.to_ascii_uppercase();
    match upper.len() {
        2 => rust_iso3166::from_alpha2(if upper == "UK" { "GB" } else { &upper }),
        3 if upper.bytes().all(|b| b.is_ascii_digit()) => rust_iso3166::from_numeric_str(&upper),
        3 => rust_iso3166::from_alpha3(&upper),
        _ => None,
    }
    .or_else(|| rust_iso3166::from_alpha2(BY_NAME.get(&fold(text))?))
}

pub(super) fn read_country(text: &str) -> Result<Value, CastError> {
    let found = country(text).ok_or(CastError::NotA { what: "the text", wanted: "a country (DE, DEU or Germany)" })?;
    Ok(Value::text(found.alpha2))
}

pub(super) fn write_country(text: &str, style: CountryStyle) -> Result<Value, CastError> {
    let found = country(text).ok_or(CastError::NotA { what: "the text", wanted: "a country (DE, DEU or Germany)" })?;
    Ok(Value::text(match style {
        CountryStyle::Alpha2 => found.alpha2,
        CountryStyle::Alpha3 => found.alpha3,
        CountryStyle::Name => NAMES.iter().find(|(code, _)| *code == found.alpha2).map_or(found.name, |(_, name)| name),
    }))
}

/// The code of a currency, written in any case.
pub(super) fn read_currency(text: &str) -> Result<Value, CastError> {
    currency(text)
        .map(|found| Value::text(found.code()))
        .ok_or(CastError::NotA { what: "the text", wanted: "a currency (EUR)" })
}

pub(super) fn currency(text: &str) -> Option<Currency> {
    Currency::from_code(&text.trim().to_ascii_uppercase())
}
