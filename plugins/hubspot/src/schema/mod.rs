//! Object types and their properties, as HubSpot describes them and as the
//! runtime sees them.

mod describe;
mod property;
mod wanted;

pub use describe::{describe, reference_of};
pub use property::{CustomType, CustomTypes, Properties, Property};
pub use wanted::property_body;

use crate::failure::{Failure, Result};
use crate::value::Kind;

/// The property that identifies a record of any type.
pub const KEY: &str = "hs_object_id";

/// An object type with its properties.
#[derive(Clone, Debug)]
pub struct ObjectType {
    pub name: String,
    pub label: String,
    pub properties: Vec<Property>,
    /// What a create must give.
    pub required: Vec<String>,
}

impl ObjectType {
    /// # Errors
    /// `NotFound` for a name that is no property of this type.
    pub fn property(&self, name: &str) -> Result<&Property> {
        self.properties
            .iter()
            .find(|property| property.name == name)
            .ok_or_else(|| Failure::NotFound(format!("`{}` has no property `{name}`", self.name)))
    }

    /// How a property's texts are read; the key's are ids.
    ///
    /// # Errors
    /// `NotFound` for a name that is no property of this type.
    pub fn kind(&self, name: &str) -> Result<Kind> {
        if name == KEY { Ok(Kind::Text) } else { Ok(self.property(name)?.kind(&self.name)) }
    }

    /// Whether HubSpot keeps a property's values unique, so that records can be
    /// found by them without searching.
    pub fn is_unique(&self, name: &str) -> bool {
        self.properties.iter().any(|property| property.name == name && property.is_unique(&self.name))
    }
}
