//! The contract's object of an sObject.

use lockstep_sdk::model::{Column, ColumnType, Extra, Object, Reference};

use super::{Field, Kind, Sobject};

/// Longest text that equality can be asked of in a query: long text areas cannot.
const ID_LENGTH: u32 = 18;
/// Salesforce keeps whole seconds of an instant, milliseconds of a time of day.
const TIMESTAMP_SCALE: i32 = 0;
const TIME_SCALE: i32 = 3;

/// What the contract says of an sObject.
pub fn contract_object(sobject: &Sobject, rows_estimate: Option<u64>) -> Object {
    let columns: Vec<Column> = sobject.fields.iter().map(|field| column(sobject, field)).collect();
    let mut object = Object::new(sobject.name.clone(), columns, vec!["Id".into()]);
    object.label = sobject.label.clone();
    object.unique_keys = sobject
        .fields
        .iter()
        .filter(|field| field.unique && field.kind() != Kind::Id)
        .map(|field| vec![field.name.clone()])
        .collect();
    object.rows_estimate = rows_estimate;
    object.obstacle = if !sobject.queryable {
        "the integration user may not query it".into()
    } else if sobject.field("Id").is_none() {
        "it has no Id".into()
    } else {
        String::new()
    };
    object
}

fn column(sobject: &Sobject, field: &Field) -> Column {
    let mut column = Column::new(field.name.clone(), column_type(field));
    column.label = field.label.clone();
    column.nullable = field.nillable;
    column.has_default = field.defaulted_on_create || field.auto_number || field.kind() == Kind::Boolean;
    column.createable = field.createable && sobject.createable;
    column.updateable = field.updateable && sobject.updateable;
    column.computed = field.calculated || field.auto_number;
    column.unique = field.unique || field.kind() == Kind::Id;
    column.comment = field.inline_help_text.clone().unwrap_or_default();
    match field.reference_to.as_slice() {
        [] => {}
        [one] => column.references = Some(Reference { object: one.clone(), columns: vec!["Id".into()] }),
        // Which of them a value refers to only its prefix tells: left to the mapping.
        several => column.extras.push(extra("polymorphic", several.join(","))),
    }
    if field.external_id {
        column.extras.push(extra("external-id", "true".into()));
    }
    if field.type_name == "picklist" && !field.restricted_picklist {
        let values: Vec<&str> = field.picklist_values.iter().map(|value| value.value.as_str()).collect();
        column.extras.push(extra("suggested-values", values.join(";")));
    }
    column
}

fn column_type(field: &Field) -> ColumnType {
    let kind = match field.kind() {
        Kind::Id | Kind::Reference | Kind::Text => "text",
        Kind::Boolean => "bool",
        Kind::Int => "int",
        Kind::Decimal => "decimal",
        Kind::Enum => "enum",
        Kind::Multi => "list",
        Kind::Date => "date",
        Kind::DateTime => "timestamp",
        Kind::Time => "time",
        Kind::Compound | Kind::Blob => "opaque",
    };
    let mut column_type = ColumnType::new(kind, native(field));
    match field.kind() {
        Kind::Id | Kind::Reference => column_type.length = Some(ID_LENGTH),
        Kind::Text => column_type.length = (field.length > 0).then_some(field.length),
        Kind::Int => column_type.length = Some(if field.type_name == "long" { 64 } else { 32 }),
        Kind::Decimal if field.precision > 0 => {
            column_type.precision = Some(field.precision);
            column_type.scale = Some(field.scale);
        }
        // Rows may still hold values that were taken out of use.
        Kind::Enum => column_type.values = field.picklist_values.iter().map(|value| value.value.clone()).collect(),
        Kind::Multi => column_type.element = Some("text".into()),
        Kind::DateTime => column_type.scale = Some(TIMESTAMP_SCALE),
        Kind::Time => column_type.scale = Some(TIME_SCALE),
        _ => {}
    }
    column_type
}

fn native(field: &Field) -> String {
    let name = &field.type_name;
    match field.kind() {
        Kind::Decimal => format!("{name}({},{})", field.precision, field.scale),
        Kind::Text if field.length > 0 => format!("{name}({})", field.length),
        Kind::Enum => format!("{name} (restricted)"),
        _ => name.clone(),
    }
}

fn extra(name: &str, value: String) -> Extra {
    Extra { name: name.into(), value }
}

#[cfg(test)]
mod tests {
    use super::super::parse_describe;
    use super::*;

    const LEAD: &str = r#"{"name":"Lead","label":"Lead","queryable":true,"createable":true,"updateable":true,"fields":[
        {"name":"Id","type":"id","length":18,"defaultedOnCreate":true},
        {"name":"Company","label":"Company","type":"string","length":255,"createable":true,"updateable":true},
        {"name":"OwnerId","type":"reference","referenceTo":["Group","User"],"createable":true,"updateable":true,"defaultedOnCreate":true},
        {"name":"Account__c","type":"reference","referenceTo":["Account"],"nillable":true,"createable":true,"updateable":true},
        {"name":"Rating","type":"picklist","length":40,"nillable":true,"picklistValues":[{"value":"Hot","active":true}]},
        {"name":"Level__c","type":"picklist","restrictedPicklist":true,"picklistValues":[{"value":"A","active":true},{"value":"B","active":false}]},
        {"name":"Tags__c","type":"multipicklist","nillable":true},
        {"name":"Amount__c","type":"currency","precision":18,"scale":2,"nillable":true},
        {"name":"Score__c","type":"double","precision":18,"scale":0,"calculated":true,"nillable":true},
        {"name":"Key__c","type":"string","length":40,"unique":true,"externalId":true,"nillable":true},
        {"name":"CreatedDate","type":"datetime"}]}"#;

    #[test]
    fn describe_becomes_typed_columns() {
        let object = contract_object(&parse_describe(LEAD.as_bytes()).expect("a describe"), None);
        let column = |name: &str| object.columns.iter().find(|column| column.name == name).expect("a column").clone();
        assert_eq!(object.key, ["Id"]);
        assert_eq!(object.unique_keys, [["Key__c"]]);
        assert!(object.obstacle.is_empty());
        assert_eq!((column("Company").type_.kind.as_str(), column("Company").type_.length), ("text", Some(255)));
        assert!(!column("Company").nullable);
        assert!(!column("Id").createable);
        assert_eq!(column("OwnerId").references, None);
        assert_eq!(column("OwnerId").extras, [extra("polymorphic", "Group,User".into())]);
        assert_eq!(column("Account__c").references.map(|reference| reference.object), Some("Account".into()));
        assert_eq!(column("Rating").type_.kind, "text");
        assert_eq!(column("Level__c").type_.kind, "enum");
        assert_eq!(column("Level__c").type_.values, ["A", "B"]);
        assert_eq!(column("Tags__c").type_.kind, "list");
        assert_eq!((column("Amount__c").type_.precision, column("Amount__c").type_.scale), (Some(18), Some(2)));
        assert!(column("Score__c").computed);
        assert_eq!(column("CreatedDate").type_.scale, Some(0));
    }
}
