//! A property as the properties API describes it.

use serde::Deserialize;

use super::{KEY, reference_of};
use crate::value::Kind;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Properties {
    pub results: Vec<Property>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Property {
    pub name: String,
    pub label: String,
    pub description: String,
    /// `string`, `number`, `date`, `datetime`, `enumeration`, `bool`, `phone_number`, ….
    #[serde(rename = "type")]
    pub type_name: String,
    /// How it is edited: `checkbox` takes several options.
    pub field_type: String,
    pub options: Vec<PropertyOption>,
    pub calculated: Option<bool>,
    pub has_unique_value: Option<bool>,
    pub archived: Option<bool>,
    pub modification_metadata: Option<Modification>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PropertyOption {
    pub value: String,
    pub label: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Modification {
    pub read_only_value: bool,
}

impl Property {
    /// How its texts are read at this object. Ids are texts, also where they are
    /// called numbers: they are compared with keys.
    pub fn kind(&self, object: &str) -> Kind {
        if self.name == KEY || reference_of(object, &self.name).is_some() {
            return Kind::Text;
        }
        match self.type_name.as_str() {
            "number" => Kind::Number,
            "bool" => Kind::Bool,
            "date" => Kind::Date,
            "datetime" => Kind::DateTime,
            "enumeration" if self.field_type == "checkbox" => Kind::Options,
            "enumeration" => Kind::Option,
            // string, phone_number, json, object_coordinates, and what comes later.
            _ => Kind::Text,
        }
    }

    pub fn is_computed(&self) -> bool {
        self.calculated == Some(true) || self.field_type.starts_with("calculation")
    }

    pub fn is_read_only(&self) -> bool {
        self.name == KEY
            || self.is_computed()
            || self.modification_metadata.as_ref().is_some_and(|it| it.read_only_value)
    }

    /// A contact's e-mail address is unique without being declared so.
    pub fn is_unique(&self, object: &str) -> bool {
        self.name == KEY
            || self.has_unique_value == Some(true)
            || (self.name == "email" && matches!(object, "contacts" | "contact" | "0-1"))
    }
}

/// Custom object types, as the schemas API lists them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CustomTypes {
    pub results: Vec<CustomType>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CustomType {
    pub object_type_id: String,
    pub fully_qualified_name: String,
    pub name: String,
    pub labels: Labels,
    pub required_properties: Vec<String>,
    pub archived: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Labels {
    pub plural: Option<String>,
}

impl CustomType {
    /// Whether a configured name means this type.
    pub fn goes_by(&self, name: &str) -> bool {
        [&self.object_type_id, &self.fully_qualified_name, &self.name].into_iter().any(|known| known == name)
    }
}
