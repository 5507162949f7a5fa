//! One value against its property: trimmed, normalised, or refused. And values
//! that are computed when read. Codes and wording as the vendor's validation.

use jiff::{Timestamp, civil::Date};

use super::{
    error::Invalid,
    record::Record,
    schema::{ObjectType, Property},
    show::iso,
    store::Store,
};

const DAY_MS: i64 = 24 * 3_600 * 1_000;
/// Properties that no version stores, some of them of one type only.
pub const COMPUTED: &[&str] = &[
    "hs_object_id",
    "hs_lastmodifieddate",
    "lastmodifieddate",
    "hs_full_name_or_email",
    "num_associated_deals",
    "num_associated_contacts",
];
/// The longest text a property takes.
pub const TEXT_CHARACTERS_MAX: usize = 65_536;

/// The value as it will be stored. Empty text clears.
pub fn checked(object: &ObjectType, property: &Property, raw: &str) -> Result<String, Invalid> {
    let value = raw.trim();
    if value.is_empty() {
        return Ok(String::new());
    }
    let refuse = |code, message: String| Err(Invalid::new(&property.name, code, message));
    match property.kind.as_str() {
        "number" => match value.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(value.to_owned()),
            _ => refuse("INVALID_DOUBLE", format!("{value} was not a valid number.")),
        },
        "bool" => match value.to_lowercase() {
            truth if truth == "true" || truth == "false" => Ok(truth),
            _ => refuse("INVALID_OPTION", format!("{value} was not one of the allowed options: [true, false]")),
        },
        "date" => date(value).map_or_else(|message| refuse("INVALID_DATE", message), Ok),
        "datetime" => match instant_ms(value) {
            Some(ms) => Ok(iso(ms)),
            None => refuse("INVALID_DATE", format!("{value} was not a valid date.")),
        },
        "enumeration" if !property.external_options => options(property, value),
        _ if value.chars().count() > TEXT_CHARACTERS_MAX => {
            refuse("VALUE_TOO_LONG", format!("The value is longer than {TEXT_CHARACTERS_MAX} characters"))
        }
        _ if property.name == "email" && object.is_contact() => {
            let email = value.to_lowercase();
            match is_email(&email) {
                true => Ok(email),
                false => refuse("INVALID_EMAIL", format!("Email address {email} is invalid")),
            }
        }
        _ => Ok(value.to_owned()),
    }
}

fn options(property: &Property, value: &str) -> Result<String, Invalid> {
    let known = |value: &str| property.options.iter().any(|choice| choice.value == value);
    let chosen: Vec<&str> = match property.holds_many() {
        true => value.split(';').map(str::trim).filter(|one| !one.is_empty()).collect(),
        false => vec![value],
    };
    if let Some(wrong) = chosen.iter().find(|one| !known(one)) {
        let allowed: Vec<&str> = property.options.iter().map(|choice| choice.value.as_str()).collect();
        let message = format!("{wrong} was not one of the allowed options: [{}]", allowed.join(", "));
        return Err(Invalid::new(&property.name, "INVALID_OPTION", message));
    }
    // A leading semicolon asks to add to what is there: kept for the writer.
    let lead = if value.starts_with(';') && property.holds_many() { ";" } else { "" };
    Ok(format!("{lead}{}", chosen.join(";")))
}

/// `2026-01-31`, or the milliseconds of a midnight in UTC.
fn date(value: &str) -> Result<String, String> {
    if let Ok(date) = value.parse::<Date>()
        && value.len() == "2026-01-31".len()
    {
        return Ok(date.to_string());
    }
    match instant_ms(value) {
        Some(ms) if ms.rem_euclid(DAY_MS) == 0 => Ok(iso(ms)[..10].to_owned()),
        Some(ms) => {
            let rest = ms.rem_euclid(DAY_MS);
            let (seconds, milliseconds) = (rest / 1_000, rest % 1_000);
            let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
            Err(format!("{value} is at {hours}:{minutes}:{}.{milliseconds} UTC, not midnight!", seconds % 60))
        }
        None => Err(format!("{value} was not a valid date.")),
    }
}

/// Milliseconds since 1970, given so or as ISO 8601.
pub fn instant_ms(value: &str) -> Option<i64> {
    if let Ok(ms) = value.parse::<i64>() {
        return Timestamp::from_millisecond(ms).is_ok().then_some(ms);
    }
    if let Ok(at) = value.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    let midnight = value.parse::<Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(midnight.timestamp().as_millisecond())
}

fn is_email(value: &str) -> bool {
    let Some((local, domain)) = value.split_once('@') else { return false };
    let allowed = |character: char| !character.is_whitespace() && !"<>(),;:\"[]\\".contains(character);
    !local.is_empty()
        && !local.starts_with('.')
        && !local.ends_with('.')
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !domain.contains('@')
        && !domain.contains("..")
        && value.chars().all(allowed)
}

impl Store {
    /// What a record shows for a property: stored, or computed now.
    pub fn value(&self, object: &ObjectType, record: &Record, name: &str) -> Option<String> {
        if name == object.created_property {
            return Some(iso(record.created_ms));
        }
        let type_id = object.object_type_id.as_str();
        let counted = |to: &str| self.associated(type_id, record.id, to).len().to_string();
        match (type_id, name) {
            (_, "hs_lastmodifieddate") => Some(iso(record.updated_ms)),
            ("0-1", "lastmodifieddate") => Some(iso(record.updated_ms)),
            (_, "hs_object_id") => Some(record.id.to_string()),
            ("0-1", "hs_full_name_or_email") => full_name(record),
            ("0-1", "num_associated_deals") => Some(counted("0-3")),
            ("0-2", "num_associated_contacts") => Some(counted("0-1")),
            _ => record.current(name).map(str::to_owned),
        }
    }
}

fn full_name(record: &Record) -> Option<String> {
    let parts: Vec<&str> = ["firstname", "lastname"].iter().filter_map(|name| record.current(name)).collect();
    if parts.is_empty() { record.current("email").map(str::to_owned) } else { Some(parts.join(" ")) }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, Result};

    use super::*;
    use crate::hubspot::schema::Schema;

    fn outcome(name: &str, raw: &str) -> Result<Result<String, &'static str>> {
        let schema = Schema::standard()?;
        for object in ["contacts", "companies", "deals"] {
            let object = schema.find(object).context("object")?;
            if let Some(property) = object.property(name) {
                return Ok(checked(object, property, raw).map_err(|invalid| invalid.code));
            }
        }
        anyhow::bail!("no property {name}")
    }

    #[test]
    fn values_are_normalised_or_refused() -> Result<()> {
        for (name, raw, expected) in [
            ("email", " Ann@Example.COM ", Ok("ann@example.com")),
            ("email", "not an address", Err("INVALID_EMAIL")),
            ("firstname", "  Ann  Lee ", Ok("Ann  Lee")),
            ("firstname", "   ", Ok("")),
            ("lifecyclestage", "lead", Ok("lead")),
            ("lifecyclestage", "Lead", Err("INVALID_OPTION")),
            ("hs_buying_role", "OTHER;CHAMPION", Ok("OTHER;CHAMPION")),
            ("hs_buying_role", "OTHER;nobody", Err("INVALID_OPTION")),
            ("hs_email_optout", "TRUE", Ok("true")),
            ("hs_email_optout", "yes", Err("INVALID_OPTION")),
            ("facebookfans", "3039", Ok("3039")),
            ("facebookfans", "many", Err("INVALID_DOUBLE")),
            ("closedate", "1645129167424", Ok("2022-02-17T20:19:27.424Z")),
            ("closedate", "2022-02-17", Ok("2022-02-17T00:00:00Z")),
            ("closedate", "soon", Err("INVALID_DATE")),
        ] {
            assert_eq!(outcome(name, raw)?, expected.map(str::to_owned), "{name} = {raw:?}");
        }
        Ok(())
    }

    #[test]
    fn dates_are_midnights() {
        assert_eq!(date("2020-02-01"), Ok("2020-02-01".into()));
        assert_eq!(date("1580515200000"), Ok("2020-02-01".into()));
        assert_eq!(date("1580515200001"), Err("1580515200001 is at 0:0:0.1 UTC, not midnight!".into()));
    }
}
