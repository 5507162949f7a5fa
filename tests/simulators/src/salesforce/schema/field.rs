//! What a field is: declared as data, by tests, by the standalone mode and for
//! the standard objects. What the vendor derives from it (byte lengths, SOAP
//! types) is derived in `describe`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The vendor's field types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Id,
    String,
    Textarea,
    Email,
    Phone,
    Url,
    Picklist,
    Multipicklist,
    Reference,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    Datetime,
    /// Compound: shown, never written.
    Address,
}

impl Kind {
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Currency | Self::Percent)
    }

    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::String
                | Self::Textarea
                | Self::Email
                | Self::Phone
                | Self::Url
                | Self::Picklist
                | Self::Multipicklist
        )
    }
}

/// How a formula field comes by its value. Formulas are computed when read:
/// they change without the row's times changing and are in no change event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Formula {
    /// The text of these fields that are not empty, joined.
    Join { fields: Vec<String>, separator: String },
    /// The product of two number fields.
    Product { left: String, right: String },
}

/// One field of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Field {
    pub name: String,
    pub label: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub length: u32,
    pub precision: u32,
    pub scale: u32,
    pub digits: u32,
    pub nillable: bool,
    pub createable: bool,
    pub updateable: bool,
    pub permissionable: Option<bool>,
    pub compound: Option<String>,
    pub extra: Option<String>,
    /// The vendor fills it in on create where nothing is given.
    pub defaulted: bool,
    pub default: Value,
    pub relationship: Option<String>,
    pub reference_to: Vec<String>,
    pub external_id: bool,
    pub unique: bool,
    pub id_lookup: bool,
    pub name_field: bool,
    pub formula: Option<Formula>,
    pub picklist: Vec<String>,
    pub restricted: bool,
    /// Field-level security hides it from the integration user.
    pub hidden: bool,
}

impl Default for Field {
    fn default() -> Self {
        Self {
            name: String::new(),
            label: String::new(),
            kind: Kind::String,
            length: 255,
            precision: 0,
            scale: 0,
            digits: 0,
            nillable: true,
            createable: true,
            updateable: true,
            permissionable: None,
            compound: None,
            extra: None,
            defaulted: false,
            default: Value::Null,
            relationship: None,
            reference_to: Vec::new(),
            external_id: false,
            unique: false,
            id_lookup: false,
            name_field: false,
            formula: None,
            picklist: Vec::new(),
            restricted: false,
            hidden: false,
        }
    }
}

impl Field {
    fn new(name: &str, label: &str, kind: Kind, length: u32) -> Self {
        Self { name: name.into(), label: label.into(), kind, length, ..Self::default() }
    }

    pub fn text(name: &str, label: &str, length: u32) -> Self {
        Self::new(name, label, Kind::String, length)
    }

    pub fn area(name: &str, label: &str, length: u32) -> Self {
        Self { extra: Some("plaintextarea".into()), ..Self::new(name, label, Kind::Textarea, length) }
    }

    pub fn email(name: &str, label: &str) -> Self {
        Self::new(name, label, Kind::Email, 80)
    }

    pub fn phone(name: &str, label: &str) -> Self {
        Self::new(name, label, Kind::Phone, 40)
    }

    pub fn url(name: &str, label: &str) -> Self {
        Self::new(name, label, Kind::Url, 255)
    }

    pub fn picklist(name: &str, label: &str, length: u32, values: &[&str]) -> Self {
        let picklist = values.iter().map(|value| (*value).to_owned()).collect();
        Self { picklist, ..Self::new(name, label, Kind::Picklist, length) }
    }

    pub fn multipicklist(name: &str, label: &str, values: &[&str]) -> Self {
        Self { kind: Kind::Multipicklist, ..Self::picklist(name, label, 4099, values) }
    }

    pub fn checkbox(name: &str, label: &str) -> Self {
        Self {
            nillable: false,
            defaulted: true,
            default: Value::Bool(false),
            ..Self::new(name, label, Kind::Boolean, 0)
        }
    }

    pub fn int(name: &str, label: &str, digits: u32) -> Self {
        Self { digits, ..Self::new(name, label, Kind::Int, 0) }
    }

    pub fn number(name: &str, label: &str, kind: Kind, precision: u32, scale: u32) -> Self {
        Self { precision, scale, ..Self::new(name, label, kind, 0) }
    }

    pub fn date(name: &str, label: &str) -> Self {
        Self::new(name, label, Kind::Date, 0)
    }

    pub fn datetime(name: &str, label: &str) -> Self {
        Self::new(name, label, Kind::Datetime, 0)
    }

    pub fn reference(name: &str, label: &str, relationship: &str, targets: &[&str]) -> Self {
        Self {
            relationship: Some(relationship.into()),
            reference_to: targets.iter().map(|target| (*target).to_owned()).collect(),
            ..Self::new(name, label, Kind::Reference, 18)
        }
    }

    /// A text key of another system, unique in the organisation.
    pub fn external_id(name: &str, label: &str, length: u32) -> Self {
        Self { external_id: true, unique: true, id_lookup: true, ..Self::text(name, label, length) }
    }

    #[must_use]
    pub fn required(mut self) -> Self {
        self.nillable = false;
        self
    }

    #[must_use]
    pub fn restricted(mut self) -> Self {
        self.restricted = true;
        self
    }

    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.createable = false;
        self.updateable = false;
        self
    }

    #[must_use]
    pub fn system(self) -> Self {
        Self { permissionable: Some(false), ..self.read_only() }
    }

    #[must_use]
    pub fn defaulted(mut self) -> Self {
        self.defaulted = true;
        self.nillable = false;
        self
    }

    #[must_use]
    pub fn part_of(mut self, compound: &str) -> Self {
        self.compound = Some(compound.into());
        self
    }

    #[must_use]
    pub fn extra(mut self, extra: &str) -> Self {
        self.extra = Some(extra.into());
        self
    }

    #[must_use]
    pub fn formula(self, formula: Formula) -> Self {
        Self { formula: Some(formula), ..self.read_only() }
    }

    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    pub fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// Refused when missing on create and when set to null.
    pub fn is_required(&self) -> bool {
        !self.nillable && self.createable && !self.defaulted
    }
}
