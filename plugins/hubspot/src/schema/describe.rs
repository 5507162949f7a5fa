//! An object type in the contract's words.

use lockstep_sdk::model::{Column, ColumnType, Extra, Object, Reference};

use super::property::Property;
use super::{KEY, ObjectType};
use crate::value::Kind;

/// Characters of a text property (vendor documentation, property limits).
const TEXT_LENGTH: u32 = 65_536;

pub fn describe(object: &ObjectType) -> Object {
    let mut columns: Vec<Column> = Vec::with_capacity(object.properties.len() + 1);
    if !object.properties.iter().any(|property| property.name == KEY) {
        columns.push(key_column(None));
    }
    for property in &object.properties {
        columns.push(match property.name.as_str() {
            KEY => key_column(Some(property)),
            _ => column(object, property),
        });
    }
    let unique = object.properties.iter().filter(|it| it.name != KEY && it.is_unique(&object.name));
    let mut described = Object::new(object.name.clone(), Vec::new(), vec![KEY.into()]);
    described.unique_keys = unique.map(|property| vec![property.name.clone()]).collect();
    described.columns = columns;
    described.label.clone_from(&object.label);
    described
}

fn key_column(property: Option<&Property>) -> Column {
    let mut column = Column::new(KEY, ColumnType::new("text", "record id"));
    if let Some(property) = property.filter(|property| !property.label.is_empty()) {
        column.label.clone_from(&property.label);
    }
    column.nullable = false;
    column.has_default = true;
    column.createable = false;
    column.updateable = false;
    column.unique = true;
    column
}

fn column(object: &ObjectType, property: &Property) -> Column {
    let mut column = Column::new(property.name.clone(), column_type(object, property));
    if !property.label.is_empty() {
        column.label.clone_from(&property.label);
    }
    let writable = !property.is_read_only();
    let required = object.required.contains(&property.name);
    column.nullable = !required;
    column.createable = writable;
    column.updateable = writable;
    column.computed = property.is_computed();
    column.unique = property.is_unique(&object.name);
    column.comment.clone_from(&property.description);
    column.references = reference_of(&object.name, &property.name)
        .map(|parent| Reference { object: parent.into(), columns: vec![KEY.into()] });
    let labels = property.options.iter().filter(|option| option.label != option.value && !option.label.is_empty());
    column.extras = labels
        .map(|option| Extra { name: format!("option-label:{}", option.value), value: option.label.clone() })
        .collect();
    column
}

fn column_type(object: &ObjectType, property: &Property) -> ColumnType {
    let native = match property.field_type.is_empty() {
        true => property.type_name.clone(),
        false => format!("{} ({})", property.type_name, property.field_type),
    };
    let kind = property.kind(&object.name);
    let name = match kind {
        Kind::Text => "text",
        Kind::Number => "decimal",
        Kind::Bool => "bool",
        Kind::Date => "date",
        Kind::DateTime => "timestamp",
        Kind::Option => "enum",
        Kind::Options => "list",
    };
    let mut column_type = ColumnType::new(name, native);
    match kind {
        Kind::Text if property.type_name == "string" => column_type.length = Some(TEXT_LENGTH),
        // Milliseconds.
        Kind::DateTime => column_type.scale = Some(3),
        Kind::Option => column_type.values = property.options.iter().map(|option| option.value.clone()).collect(),
        Kind::Options => {
            column_type.element = Some("text".into());
            column_type.values = property.options.iter().map(|option| option.value.clone()).collect();
        }
        Kind::Text | Kind::Number | Kind::Bool | Kind::Date => {}
    }
    // An enumeration whose options HubSpot keeps elsewhere (owners, teams).
    if kind == Kind::Option && column_type.values.is_empty() {
        column_type.kind = "text".into();
    }
    column_type
}

/// The object a property holds an id of. `associatedcompanyid` is a contact's
/// primary company, and a deal's and ticket's are shown by `hs_primary_associated_company`.
pub fn reference_of(object: &str, property: &str) -> Option<&'static str> {
    match (object, property) {
        ("contacts", "associatedcompanyid") => Some("companies"),
        ("deals" | "tickets", "hs_primary_associated_company") => Some("companies"),
        ("companies", "hs_parent_company_id") => Some("companies"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contacts() -> ObjectType {
        let json = r#"[
            {"name":"email","label":"Email","type":"string","fieldType":"text","options":[],"calculated":false,
             "hasUniqueValue":false,"modificationMetadata":{"readOnlyValue":false}},
            {"name":"hs_object_id","label":"Record ID","type":"number","fieldType":"number"},
            {"name":"revenue","type":"number","fieldType":"number"},
            {"name":"score","type":"number","fieldType":"calculation_equation","calculated":true},
            {"name":"stage","type":"enumeration","fieldType":"select",
             "options":[{"label":"Lead","value":"lead"},{"label":"customer","value":"customer"}]},
            {"name":"tags","type":"enumeration","fieldType":"checkbox","options":[{"label":"A","value":"a"}]},
            {"name":"owner","type":"enumeration","fieldType":"select","options":[]},
            {"name":"born","type":"date","fieldType":"date"},
            {"name":"seen","type":"datetime","fieldType":"date","modificationMetadata":{"readOnlyValue":true}},
            {"name":"ok","type":"bool","fieldType":"booleancheckbox"},
            {"name":"phone","type":"phone_number","fieldType":"phonenumber"},
            {"name":"crm_id","type":"string","fieldType":"text","hasUniqueValue":true},
            {"name":"associatedcompanyid","type":"number","fieldType":"number"}]"#;
        let properties = serde_json::from_str(json).expect("properties");
        ObjectType { name: "contacts".into(), label: "Contacts".into(), properties, required: vec!["crm_id".into()] }
    }

    #[test]
    fn properties_are_described_with_their_types_and_rights() {
        let object = describe(&contacts());
        let column = |name: &str| object.columns.iter().find(|column| column.name == name).expect("a column");
        let kinds: Vec<(&str, &str)> =
            object.columns.iter().map(|column| (column.name.as_str(), column.type_.kind.as_str())).collect();
        assert_eq!(
            kinds,
            [
                ("email", "text"),
                ("hs_object_id", "text"),
                ("revenue", "decimal"),
                ("score", "decimal"),
                ("stage", "enum"),
                ("tags", "list"),
                ("owner", "text"),
                ("born", "date"),
                ("seen", "timestamp"),
                ("ok", "bool"),
                ("phone", "text"),
                ("crm_id", "text"),
                ("associatedcompanyid", "text"),
            ]
        );
        assert_eq!(object.key, ["hs_object_id"]);
        assert_eq!(object.unique_keys, [["email"], ["crm_id"]]);
        assert!(column("score").computed && !column("score").updateable);
        assert!(!column("seen").updateable && !column("seen").computed);
        assert_eq!(column("stage").type_.values, ["lead", "customer"]);
        assert_eq!(column("seen").type_.scale, Some(3));
        assert!(!column("crm_id").nullable && column("email").unique);
        assert_eq!(column("associatedcompanyid").references.as_ref().expect("a reference").object, "companies");
    }
}
