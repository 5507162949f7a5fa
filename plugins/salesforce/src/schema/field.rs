//! One field, as describe tells it, and how its values are read.

use serde::Deserialize;

/// How a field's values are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Id,
    Reference,
    Boolean,
    Int,
    Decimal,
    Text,
    /// A restricted picklist.
    Enum,
    /// A multi-select picklist.
    Multi,
    Date,
    DateTime,
    Time,
    /// Made of other fields, which are synced instead.
    Compound,
    /// Binary content, which no query gives.
    Blob,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PicklistValue {
    pub value: String,
    pub active: bool,
}

/// A field of describe; what is not needed is left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Field {
    pub name: String,
    pub label: String,
    #[serde(rename = "type")]
    pub type_name: String,
    pub length: u32,
    pub precision: u32,
    pub scale: i32,
    pub digits: u32,
    pub nillable: bool,
    pub createable: bool,
    pub updateable: bool,
    pub calculated: bool,
    pub auto_number: bool,
    pub defaulted_on_create: bool,
    pub unique: bool,
    pub external_id: bool,
    pub id_lookup: bool,
    pub filterable: Option<bool>,
    pub custom: bool,
    pub restricted_picklist: bool,
    pub compound_field_name: Option<String>,
    pub reference_to: Vec<String>,
    pub inline_help_text: Option<String>,
    pub picklist_values: Vec<PicklistValue>,
}

impl Field {
    /// Field types are those of the vendor's object reference (documented).
    pub fn kind(&self) -> Kind {
        match self.type_name.as_str() {
            "id" => Kind::Id,
            "reference" => Kind::Reference,
            "boolean" => Kind::Boolean,
            "int" | "long" => Kind::Int,
            "double" | "currency" | "percent" => Kind::Decimal,
            "picklist" if self.restricted_picklist => Kind::Enum,
            "multipicklist" => Kind::Multi,
            "date" => Kind::Date,
            "datetime" => Kind::DateTime,
            "time" => Kind::Time,
            "address" | "location" | "complexvalue" => Kind::Compound,
            "base64" => Kind::Blob,
            _ => Kind::Text,
        }
    }

    /// Whether change events tell of this field. They leave out what is derived
    /// from other records or by a formula, `IsDeleted` and `SystemModstamp`;
    /// roll-up summaries, though calculated, are in them (documented). Describe
    /// does not tell a roll-up from a formula, so both are read again.
    pub fn is_in_events(&self) -> bool {
        let audit = ["Id", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"];
        let stored = self.createable || self.updateable || self.auto_number || audit.contains(&self.name.as_str());
        stored && !self.calculated
    }
}
