//! Records, journal entries and refusals as people see them: core's values in
//! the plain shapes of [`crate::operations`]. Pure renderings; looks nothing up.

mod conflict;
mod entry;
mod explanation;
mod failure;

pub use conflict::{decided, held};
pub use entry::entry;
pub use explanation::explanation;
pub use failure::failure_groups;

use lockstep_core::{
    key::Key,
    record::{FieldId, SideId},
    spec::SyncSpec,
    value::Value,
};

/// What stands in place of a value nobody is to see.
const MASKED: &str = "•••";

/// A sync with its name, to give numbers back their words.
pub struct Names<'a> {
    pub spec: &'a SyncSpec,
}

impl Names<'_> {
    /// A side's name; a side no longer mapped shows by its number.
    pub fn side(&self, id: SideId) -> String {
        self.spec.side(id).map_or_else(|| format!("side {}", id.0), |side| side.name.to_string())
    }

    /// A field's name; a field no longer mapped shows by its number.
    pub fn field(&self, id: FieldId) -> String {
        self.spec.field(id).map_or_else(|| format!("field {}", id.0), |field| field.name.to_string())
    }

    /// A field's value in words, masked where the field is sensitive.
    pub fn value(&self, field: FieldId, value: &Value) -> String {
        match self.spec.field(field) {
            Some(spec) if spec.sensitive => MASKED.to_owned(),
            _ => value.show(),
        }
    }

    /// A key in words: its values, comma-separated.
    pub fn key(&self, key: &Key) -> String {
        key.0.iter().map(Value::show).collect::<Vec<_>>().join(",")
    }
}
