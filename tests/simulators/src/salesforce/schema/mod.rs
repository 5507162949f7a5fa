//! The organisation's objects and fields, as data. Names are found whatever
//! their case, as the vendor does. Knows nothing of rows.

mod describe;
mod field;
mod standard;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

pub use describe::{describe, summary};
pub use field::{Field, Formula, Kind};

/// One object type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    pub name: String,
    pub label: String,
    #[serde(default)]
    pub label_plural: String,
    /// The first three characters of its records' ids; given by the organisation where empty.
    #[serde(default)]
    pub key_prefix: String,
    /// The fields of its own; system fields are added when it is declared.
    pub fields: Vec<Field>,
    #[serde(default)]
    pub mergeable: bool,
    /// Its changes are published where Change Data Capture selects it.
    #[serde(default = "yes")]
    pub capturable: bool,
    /// Rows carry an ETag and `If-Match` is honoured (vendor: Account only).
    #[serde(default)]
    pub etag: bool,
    #[serde(default = "yes")]
    pub owned: bool,
}

fn yes() -> bool {
    true
}

impl Object {
    /// A custom object with a text name, `Name__c`.
    pub fn custom(name: &str, label: &str, fields: Vec<Field>) -> Self {
        let mut own =
            vec![Field { name_field: true, id_lookup: true, ..Field::text("Name", &format!("{label} Name"), 80) }];
        own.extend(fields);
        Self {
            name: name.into(),
            label: label.into(),
            label_plural: format!("{label}s"),
            key_prefix: String::new(),
            fields: own,
            mergeable: false,
            capturable: true,
            etag: false,
            owned: true,
        }
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The field and the relationship's targets behind `Account` in `Account.Name`.
    pub fn relationship(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.relationship.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name)))
    }

    pub fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// `ContactChangeEvent`, `Employee__ChangeEvent`
    pub fn change_event(&self) -> String {
        match self.name.strip_suffix("__c") {
            Some(stem) => format!("{stem}__ChangeEvent"),
            None => format!("{}ChangeEvent", self.name),
        }
    }

    /// The parts of a compound field, in the order they are declared.
    pub fn parts(&self, compound: &str) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(move |field| {
            field.name != compound && field.compound.as_deref().is_some_and(|whole| whole == compound)
        })
    }

    fn complete(&mut self) {
        let has = |object: &Self, name: &str| object.field(name).is_some();
        let mut fields = Vec::with_capacity(self.fields.len() + 12);
        if !has(self, "Id") {
            let id = Field {
                kind: Kind::Id,
                length: 18,
                id_lookup: true,
                defaulted: true,
                nillable: false,
                ..Field::text("Id", &format!("{} ID", self.label), 18)
            };
            fields.push(id.system());
            fields.push(Field::checkbox("IsDeleted", "Deleted").system());
        }
        if self.mergeable && !has(self, "MasterRecordId") {
            let name = self.name.clone();
            fields.push(Field::reference("MasterRecordId", "Master Record ID", "MasterRecord", &[&name]).system());
        }
        fields.append(&mut self.fields);
        self.fields = fields;
        if self.owned && !has(self, "OwnerId") {
            let owner = Field::reference("OwnerId", "Owner ID", "Owner", &["User"]).defaulted();
            self.fields.push(Field { permissionable: Some(false), ..owner });
        }
        for (name, label, by) in
            [("Created", "Created", "CreatedBy"), ("LastModified", "Last Modified", "LastModifiedBy")]
        {
            if !has(self, &format!("{name}Date")) {
                self.fields
                    .push(Field::datetime(&format!("{name}Date"), &format!("{label} Date")).defaulted().system());
                let user = Field::reference(&format!("{name}ById"), &format!("{label} By ID"), by, &["User"]);
                self.fields.push(user.defaulted().system());
            }
        }
        if !has(self, "SystemModstamp") {
            self.fields.push(Field::datetime("SystemModstamp", "System Modstamp").defaulted().system());
        }
        if self.label_plural.is_empty() {
            self.label_plural = format!("{}s", self.label);
        }
    }
}

/// Every object of the organisation.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// By name in lower case.
    objects: BTreeMap<String, Arc<Object>>,
    custom_prefixes: u64,
}

impl Schema {
    /// The standard objects.
    pub fn standard() -> Self {
        let mut schema = Self::default();
        for object in standard::objects() {
            schema.declare(object);
        }
        schema
    }

    /// Adds an object, or replaces the one of that name.
    pub fn declare(&mut self, mut object: Object) {
        if object.key_prefix.is_empty() {
            self.custom_prefixes += 1;
            object.key_prefix = format!("a{:02}", self.custom_prefixes - 1);
        }
        object.complete();
        self.objects.insert(object.name.to_lowercase(), Arc::new(object));
    }

    /// Adds or replaces one field. False where there is no such object.
    pub fn declare_field(&mut self, object: &str, field: Field) -> bool {
        let Some(object) = self.objects.get_mut(&object.to_lowercase()).map(Arc::make_mut) else { return false };
        match object.fields.iter_mut().find(|own| own.name.eq_ignore_ascii_case(&field.name)) {
            Some(own) => *own = field,
            None => object.fields.push(field),
        }
        true
    }

    /// Whether its changes are published. False where there is no such object.
    pub fn set_capturable(&mut self, object: &str, capturable: bool) -> bool {
        let object = self.objects.get_mut(&object.to_lowercase()).map(Arc::make_mut);
        object.map(|object| object.capturable = capturable).is_some()
    }

    /// Takes a field away, as an administrator may.
    pub fn remove_field(&mut self, object: &str, field: &str) -> bool {
        let Some(object) = self.objects.get_mut(&object.to_lowercase()).map(Arc::make_mut) else { return false };
        let before = object.fields.len();
        object.fields.retain(|own| !own.name.eq_ignore_ascii_case(field));
        object.fields.len() < before
    }

    pub fn object(&self, name: &str) -> Option<&Object> {
        self.objects.get(&name.to_lowercase()).map(Arc::as_ref)
    }

    /// The object, to hold on to while the state changes.
    pub fn shared(&self, name: &str) -> Option<Arc<Object>> {
        self.objects.get(&name.to_lowercase()).map(Arc::clone)
    }

    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values().map(Arc::as_ref)
    }

    /// The object an id belongs to, by its first three characters.
    pub fn object_of(&self, id: &str) -> Option<&Object> {
        let prefix = id.get(..3)?;
        self.objects().find(|object| object.key_prefix == prefix)
    }
}
