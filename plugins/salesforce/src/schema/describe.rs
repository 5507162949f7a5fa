//! The vendor's describe answers.

use std::collections::HashMap;

use serde::Deserialize;

use crate::failure::{Failure, Result};

use super::{Field, Kind};

/// An sObject with its fields by name.
#[derive(Clone, Debug, Default)]
pub struct Sobject {
    pub name: String,
    pub label: String,
    pub queryable: bool,
    pub createable: bool,
    pub updateable: bool,
    pub deletable: bool,
    pub replicateable: bool,
    pub key_prefix: String,
    pub custom: bool,
    /// Those that can be synced, in describe's order: compound fields are left
    /// out in favour of their parts, binary ones because no query gives them.
    pub fields: Vec<Field>,
    places: HashMap<String, usize>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Described {
    name: String,
    label: String,
    queryable: bool,
    createable: bool,
    updateable: bool,
    deletable: bool,
    replicateable: bool,
    key_prefix: Option<String>,
    custom: bool,
    fields: Vec<Field>,
}

/// A line of the global describe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Global {
    pub name: String,
    pub label: String,
    pub queryable: bool,
    pub createable: bool,
    pub updateable: bool,
    pub replicateable: bool,
    pub custom_setting: bool,
    pub deprecated_and_hidden: bool,
}

impl Global {
    /// Whether it is offered when nobody says which objects are wanted: records
    /// of people's work, not the tables that Salesforce keeps beside them.
    pub fn is_offered(&self) -> bool {
        let beside = ["Feed", "History", "Share", "ChangeEvent", "Tag", "__e", "__mdt", "__x"];
        self.queryable
            && self.createable
            && self.updateable
            && self.replicateable
            && !self.custom_setting
            && !self.deprecated_and_hidden
            && !beside.iter().any(|ending| self.name.ends_with(ending))
    }
}

/// The answer to `/sobjects/T/describe`.
///
/// # Errors
/// `internal` when it is something else.
pub fn parse_describe(body: &[u8]) -> Result<Sobject> {
    let described: Described =
        serde_json::from_slice(body).map_err(|error| Failure::Protocol(format!("a describe answer: {error}")))?;
    let compounds: Vec<&str> = described
        .fields
        .iter()
        .filter_map(|field| field.compound_field_name.as_deref().filter(|compound| *compound != field.name))
        .collect();
    let is_compound =
        |field: &Field| matches!(field.kind(), Kind::Compound | Kind::Blob) || compounds.contains(&field.name.as_str());
    let fields: Vec<Field> = described.fields.iter().filter(|field| !is_compound(field)).cloned().collect();
    let places = fields.iter().enumerate().map(|(at, field)| (field.name.clone(), at)).collect();
    Ok(Sobject {
        name: described.name,
        label: described.label,
        queryable: described.queryable,
        createable: described.createable,
        updateable: described.updateable,
        deletable: described.deletable,
        replicateable: described.replicateable,
        key_prefix: described.key_prefix.unwrap_or_default(),
        custom: described.custom,
        fields,
        places,
    })
}

/// The answer to `/sobjects`.
///
/// # Errors
/// `internal` when it is something else.
pub fn parse_global(body: &[u8]) -> Result<Vec<Global>> {
    #[derive(Deserialize)]
    struct Answer {
        sobjects: Vec<Global>,
    }
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| Failure::Protocol(format!("a global describe answer: {error}")))?;
    Ok(answer.sobjects)
}

impl Sobject {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.places.get(name).and_then(|at| self.fields.get(*at))
    }

    /// The field, or an error that names it.
    ///
    /// # Errors
    /// `not-found`.
    pub fn known(&self, name: &str) -> Result<&Field> {
        self.field(name).ok_or_else(|| {
            Failure::NotFound(format!("`{}` has no field `{name}`, or the integration user may not see it", self.name))
        })
    }

    /// The part of a compound field that an event names `Compound.Part`: the
    /// part's name there can differ from the field's (`BillingAddress.Street` is
    /// `BillingStreet`, documented).
    pub fn part(&self, compound: &str, part: &str) -> Option<&Field> {
        let custom = format!("__{part}__s");
        self.fields.iter().filter(|field| field.compound_field_name.as_deref() == Some(compound)).find(|field| {
            field.name == part || field.name.ends_with(&custom) || field.name.strip_suffix(part).is_some_and(is_address)
        })
    }
}

/// `Billing`, `Mailing`, `Other`, nothing: what stands before a part's own name.
fn is_address(prefix: &str) -> bool {
    prefix.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTACT: &str = r#"{"name":"Contact","label":"Contact","queryable":true,"keyPrefix":"003","fields":[
        {"name":"Id","type":"id"},
        {"name":"LastName","type":"string","compoundFieldName":"Name"},
        {"name":"Name","type":"string"},
        {"name":"MailingStreet","type":"textarea","compoundFieldName":"MailingAddress"},
        {"name":"MailingState","type":"string","compoundFieldName":"MailingAddress"},
        {"name":"MailingAddress","type":"address"},
        {"name":"Spot__Latitude__s","type":"double","compoundFieldName":"Spot__c"},
        {"name":"Spot__c","type":"location"},
        {"name":"Photo__c","type":"base64"}]}"#;

    #[test]
    fn compound_fields_are_left_out_in_favour_of_their_parts() {
        let contact = parse_describe(CONTACT.as_bytes()).expect("a describe");
        let names: Vec<&str> = contact.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["Id", "LastName", "MailingStreet", "MailingState", "Spot__Latitude__s"]);
    }

    #[test]
    fn a_part_is_found_by_the_name_that_events_give_it() {
        let contact = parse_describe(CONTACT.as_bytes()).expect("a describe");
        let part = |compound, part| contact.part(compound, part).map(|field| field.name.as_str());
        assert_eq!(part("MailingAddress", "Street"), Some("MailingStreet"));
        assert_eq!(part("Name", "LastName"), Some("LastName"));
        assert_eq!(part("Spot__c", "Latitude"), Some("Spot__Latitude__s"));
        assert_eq!(part("MailingAddress", "Planet"), None);
    }

    #[test]
    fn tables_beside_the_records_are_not_offered() {
        let global = |name: &str| Global {
            name: name.into(),
            queryable: true,
            createable: true,
            updateable: true,
            replicateable: true,
            ..Global::default()
        };
        assert!(global("Contact").is_offered());
        assert!(global("Invoice__c").is_offered());
        assert!(!global("ContactFeed").is_offered());
        assert!(!global("Invoice__ChangeEvent").is_offered());
        assert!(!Global { createable: false, ..global("X") }.is_offered());
    }
}
