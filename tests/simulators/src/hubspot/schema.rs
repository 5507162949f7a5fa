//! Object types, their properties and how they may be associated: all data.
//! The standard ones are in `standard.json`; tests and the schemas API add more.
//! Knows no records.

use std::sync::Arc;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::show::iso;

/// One allowed value of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    pub label: String,
    pub value: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default = "unordered")]
    pub display_order: i64,
    #[serde(default)]
    pub hidden: bool,
}

fn unordered() -> i64 {
    -1
}

/// One property of an object type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Property {
    pub name: String,
    #[serde(default)]
    pub label: String,
    /// `string`, `number`, `date`, `datetime`, `enumeration`, `bool` or `phone_number`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub field_type: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub group_name: String,
    #[serde(default)]
    pub options: Vec<Choice>,
    #[serde(default = "unordered")]
    pub display_order: i64,
    #[serde(default)]
    pub calculated: bool,
    /// The options live elsewhere (owners, pipelines): not checked against `options`.
    #[serde(default)]
    pub external_options: bool,
    #[serde(default)]
    pub has_unique_value: bool,
    #[serde(default)]
    pub hidden: bool,
    #[serde(default)]
    pub form_field: bool,
    #[serde(default)]
    pub referenced_object_type: Option<String>,
    #[serde(default)]
    pub calculation_formula: Option<String>,
    #[serde(default)]
    pub data_sensitivity: Option<String>,
    #[serde(default)]
    pub read_only_value: bool,
    /// Part of the vendor's own definition.
    #[serde(default, skip_deserializing)]
    pub hubspot_defined: bool,
    #[serde(default, skip_deserializing)]
    pub archived: bool,
    #[serde(default, skip_deserializing)]
    pub created_ms: i64,
    #[serde(default, skip_deserializing)]
    pub updated_ms: i64,
}

impl Property {
    /// A checkbox holds several values, joined by `;`.
    pub fn holds_many(&self) -> bool {
        self.kind == "enumeration" && self.field_type == "checkbox"
    }

    /// As the properties and schemas APIs show it. A property of the vendor's
    /// and one of the account's own differ in their keys.
    pub fn show(&self, user_id: u64) -> Value {
        let mut out = Map::new();
        // The properties every custom object is born with have no times.
        if self.created_ms > 0 {
            out.insert("updatedAt".into(), iso(self.updated_ms).into());
            out.insert("createdAt".into(), iso(self.created_ms).into());
        }
        out.insert("name".into(), self.name.clone().into());
        out.insert("label".into(), self.label.clone().into());
        out.insert("type".into(), self.kind.clone().into());
        out.insert("fieldType".into(), self.field_type.clone().into());
        out.insert("description".into(), self.description.clone().into());
        out.insert("groupName".into(), self.group_name.clone().into());
        out.insert("options".into(), self.options.iter().map(show_choice).collect());
        if !self.hubspot_defined {
            out.insert("createdUserId".into(), user_id.to_string().into());
            out.insert("updatedUserId".into(), user_id.to_string().into());
        }
        if let Some(object) = &self.referenced_object_type {
            out.insert("referencedObjectType".into(), object.clone().into());
        }
        if let Some(formula) = &self.calculation_formula {
            out.insert("calculationFormula".into(), formula.clone().into());
        }
        out.insert("displayOrder".into(), self.display_order.into());
        out.insert("calculated".into(), self.calculated.into());
        out.insert("externalOptions".into(), self.external_options.into());
        if !self.hubspot_defined {
            out.insert("archived".into(), self.archived.into());
        }
        out.insert("hasUniqueValue".into(), self.has_unique_value.into());
        out.insert("hidden".into(), self.hidden.into());
        if self.hubspot_defined {
            out.insert("hubspotDefined".into(), true.into());
        } else {
            out.insert("showCurrencySymbol".into(), false.into());
        }
        let metadata = json!({
            "archivable": !self.hubspot_defined,
            "readOnlyDefinition": self.hubspot_defined,
            "readOnlyValue": self.read_only_value,
        });
        out.insert("modificationMetadata".into(), metadata);
        out.insert("formField".into(), self.form_field.into());
        Value::Object(out)
    }
}

fn show_choice(choice: &Choice) -> Value {
    let mut out = Map::new();
    out.insert("label".into(), choice.label.clone().into());
    out.insert("value".into(), choice.value.clone().into());
    if let Some(description) = &choice.description {
        out.insert("description".into(), description.clone().into());
    }
    out.insert("displayOrder".into(), choice.display_order.into());
    out.insert("hidden".into(), choice.hidden.into());
    Value::Object(out)
}

/// A group that properties are filed under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    pub name: String,
    pub label: String,
    #[serde(default = "unordered")]
    pub display_order: i64,
    #[serde(default)]
    pub archived: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    pub singular: String,
    pub plural: String,
}

/// One object type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectType {
    /// `contact`, or the name a custom object was given.
    pub name: String,
    /// As in paths: `contacts`. A custom object's is its fully qualified name.
    #[serde(default)]
    pub plural: String,
    /// `0-1`, `2-3604285`.
    #[serde(default)]
    pub object_type_id: String,
    pub labels: Labels,
    #[serde(default)]
    pub group_name: String,
    #[serde(default)]
    pub primary_display_property: String,
    #[serde(default)]
    pub secondary_display_properties: Vec<String>,
    #[serde(default)]
    pub searchable_properties: Vec<String>,
    #[serde(default)]
    pub required_properties: Vec<String>,
    /// Shown when a reader asks for none, beside the id and the two times.
    #[serde(default)]
    pub default_properties: Vec<String>,
    #[serde(default = "custom_created")]
    pub created_property: String,
    #[serde(default = "usual_modified")]
    pub modified_property: String,
    #[serde(default)]
    pub properties: Vec<Property>,
    #[serde(default)]
    pub groups: Vec<Group>,
    #[serde(default)]
    pub fully_qualified_name: String,
    #[serde(default, skip_deserializing)]
    pub created_ms: i64,
    #[serde(default, skip_deserializing)]
    pub updated_ms: i64,
}

fn custom_created() -> String {
    "hs_createdate".into()
}

fn usual_modified() -> String {
    "hs_lastmodifieddate".into()
}

impl ObjectType {
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name && !property.archived)
    }

    pub fn is_contact(&self) -> bool {
        self.object_type_id == "0-1"
    }

    pub fn is_custom(&self) -> bool {
        self.object_type_id.starts_with("2-")
    }

    /// As messages and association labels write it: `CONTACT`.
    pub fn shouted(&self) -> String {
        if self.is_custom() { self.object_type_id.clone() } else { self.name.to_uppercase() }
    }

    /// Whether `name`, taken from a path, means this type.
    pub fn answers_to(&self, name: &str) -> bool {
        [&self.name, &self.plural, &self.object_type_id, &self.fully_qualified_name]
            .iter()
            .any(|own| !own.is_empty() && own.eq_ignore_ascii_case(name))
    }

    /// Its part of a scope's name: `crm.objects.contacts.read`.
    pub fn scope_name(&self) -> &str {
        if self.is_custom() { "custom" } else { &self.plural }
    }
}

/// A way in which records of two types may be associated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AssociationType {
    pub from: String,
    pub to: String,
    pub type_id: u32,
    /// The number of the same association seen from the other end.
    pub inverse_type_id: u32,
    #[serde(default)]
    pub label: Option<String>,
    /// `HUBSPOT_DEFINED` or `USER_DEFINED`.
    #[serde(default = "hubspot_defined")]
    pub category: String,
}

fn hubspot_defined() -> String {
    "HUBSPOT_DEFINED".into()
}

impl AssociationType {
    fn turned(&self) -> Self {
        Self {
            from: self.to.clone(),
            to: self.from.clone(),
            type_id: self.inverse_type_id,
            inverse_type_id: self.type_id,
            ..self.clone()
        }
    }
}

/// Every object type and association of an account.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// Shared, so that a request can hold on to its type while it changes records.
    pub objects: Vec<Arc<ObjectType>>,
    /// Each stands here once, from either end.
    pub associations: Vec<AssociationType>,
    next_custom: u64,
    next_way: u32,
}

#[derive(Deserialize)]
struct Standard {
    objects: Vec<ObjectType>,
    associations: Vec<AssociationType>,
}

/// When the standard properties are said to have been made.
const STANDARD_SINCE_MS: i64 = 1_565_059_266_638;
/// Custom object numbers start here.
const CUSTOM_TYPES_FROM: u64 = 3_604_285;

impl Schema {
    /// Contacts, companies, deals and tickets.
    pub fn standard() -> Result<Self> {
        let Standard { mut objects, associations } =
            serde_json::from_str(include_str!("standard.json")).context("standard.json")?;
        for object in &mut objects {
            let group = object.group_name.clone();
            object.fully_qualified_name = object.name.to_uppercase();
            object.groups.push(Group { name: group.clone(), label: group.clone(), display_order: -1, archived: false });
            for property in &mut object.properties {
                property.group_name.clone_from(&group);
                property.hubspot_defined = true;
                property.created_ms = STANDARD_SINCE_MS;
                property.updated_ms = STANDARD_SINCE_MS;
            }
        }
        let objects = objects.into_iter().map(Arc::new).collect();
        Ok(Self { objects, associations, next_custom: CUSTOM_TYPES_FROM, next_way: 1 })
    }

    pub fn find(&self, name: &str) -> Option<&Arc<ObjectType>> {
        self.objects.iter().find(|object| object.answers_to(name))
    }

    pub fn find_mut(&mut self, name: &str) -> Option<&mut ObjectType> {
        self.objects.iter_mut().find(|object| object.answers_to(name)).map(Arc::make_mut)
    }

    /// Adds a custom object: numbers it, gives it the properties every object has
    /// and associations with the standard ones. Returns its type id.
    pub fn add_custom(&mut self, mut object: ObjectType, portal_id: u64, now_ms: i64) -> String {
        let number = self.next_custom;
        self.next_custom += 1;
        object.object_type_id = format!("2-{number}");
        object.fully_qualified_name = format!("p{portal_id}_{}", object.name);
        object.plural.clone_from(&object.fully_qualified_name);
        object.created_ms = now_ms;
        object.updated_ms = now_ms;
        if object.group_name.is_empty() {
            object.group_name = format!("{}_information", object.name);
        }
        let (name, label) = (object.group_name.clone(), format!("{} information", object.labels.singular));
        object.groups.push(Group { name, label, display_order: -1, archived: false });
        for property in &mut object.properties {
            property.created_ms = now_ms;
            property.updated_ms = now_ms;
            if property.group_name.is_empty() {
                property.group_name.clone_from(&object.group_name);
            }
        }
        object.properties.extend(every_custom_object_has(&object.group_name));
        let id = object.object_type_id.clone();
        for to in ["0-1", "0-2", "0-3", "0-5"] {
            let type_id = self.next_way;
            self.next_way += 2;
            self.associations.push(AssociationType {
                from: id.clone(),
                to: to.to_owned(),
                type_id,
                inverse_type_id: type_id + 1,
                label: None,
                category: "USER_DEFINED".into(),
            });
        }
        self.objects.push(Arc::new(object));
        id
    }

    /// The ways from `from` to `to`, seen from `from`.
    pub fn ways(&self, from: &str, to: &str) -> Vec<AssociationType> {
        let mut ways: Vec<AssociationType> = Vec::new();
        for way in &self.associations {
            if way.from == from && way.to == to {
                ways.push(way.clone());
            } else if way.from == to && way.to == from {
                ways.push(way.turned());
            }
        }
        ways
    }

    /// The way from `from` with this number, wherever it leads.
    pub fn way(&self, from: &str, category: &str, type_id: u32) -> Option<AssociationType> {
        let ends = self.objects.iter().flat_map(|object| self.ways(from, &object.object_type_id));
        ends.into_iter().find(|way| way.type_id == type_id && way.category == category)
    }
}

fn every_custom_object_has(group: &str) -> Vec<Property> {
    let made = |name: &str, label: &str, kind: &str, field: &str, hidden: bool| Property {
        name: name.into(),
        label: label.into(),
        kind: kind.into(),
        field_type: field.into(),
        description: String::new(),
        group_name: group.into(),
        options: Vec::new(),
        display_order: -1,
        calculated: false,
        external_options: false,
        has_unique_value: false,
        hidden,
        form_field: false,
        referenced_object_type: None,
        calculation_formula: None,
        data_sensitivity: None,
        read_only_value: true,
        hubspot_defined: true,
        archived: false,
        created_ms: 0,
        updated_ms: 0,
    };
    vec![
        made("hs_createdate", "Object create date/time", "datetime", "date", false),
        made("hs_lastmodifieddate", "Object last modified date/time", "datetime", "date", false),
        made("hs_object_id", "Object ID", "number", "number", false),
        made("hs_merged_object_ids", "Merged object IDs", "enumeration", "checkbox", true),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_objects_answer_to_their_names() -> Result<()> {
        let schema = Schema::standard()?;
        for name in ["contacts", "contact", "CONTACT", "0-1"] {
            assert_eq!(schema.find(name).map(|object| object.object_type_id.as_str()), Some("0-1"), "{name}");
        }
        assert!(schema.find("nothing").is_none());
        Ok(())
    }

    #[test]
    fn an_association_is_known_from_both_ends() -> Result<()> {
        let schema = Schema::standard()?;
        let there: Vec<u32> = schema.ways("0-1", "0-2").iter().map(|way| way.type_id).collect();
        let back: Vec<u32> = schema.ways("0-2", "0-1").iter().map(|way| way.type_id).collect();
        assert_eq!((there, back), (vec![279, 1], vec![280, 2]));
        Ok(())
    }
}
