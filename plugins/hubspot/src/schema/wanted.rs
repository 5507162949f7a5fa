//! A column that should exist, as the property that would be created for it.

use lockstep_sdk::model::WantedColumn;
use serde_json::{Value, json};

/// Groups that exist in every account, by object. Custom types have one named
/// after themselves, which is not told here.
fn group_of(object: &str) -> Option<&'static str> {
    Some(match object {
        "contacts" => "contactinformation",
        "companies" => "companyinformation",
        "deals" => "dealinformation",
        "tickets" => "ticketinformation",
        _ => return None,
    })
}

/// The property to create; the error says what HubSpot cannot hold.
pub fn property_body(object: &str, column: &WantedColumn) -> Result<Value, String> {
    let group = group_of(object)
        .ok_or_else(|| format!("create `{}` at `{object}` by hand: its property group is not known", column.name))?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !column.name.bytes().all(fits) || !column.name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Err(format!("`{}`: a property's name has only a-z, 0-9 and _, and begins with a letter", column.name));
    }
    let (type_name, field_type) = match column.type_.kind.as_str() {
        "text" | "uuid" | "json" | "opaque" | "time" => ("string", "text"),
        "int" | "decimal" | "float" => ("number", "number"),
        "bool" => ("enumeration", "booleancheckbox"),
        "date" => ("date", "date"),
        "timestamp" | "local-timestamp" => ("datetime", "date"),
        "enum" => ("enumeration", "select"),
        "list" => ("enumeration", "checkbox"),
        other => return Err(format!("`{}`: HubSpot has no property type for {other}", column.name)),
    };
    let options: Vec<Value> = match column.type_.kind.as_str() {
        "bool" => [("true", "Yes"), ("false", "No")].iter().map(|it| json!({"value": it.0, "label": it.1})).collect(),
        _ => column.type_.values.iter().map(|value| json!({"value": value, "label": value})).collect(),
    };
    if column.type_.kind == "list" && options.is_empty() {
        return Err(format!("`{}`: a list needs its options to be known", column.name));
    }
    Ok(json!({
        "name": column.name,
        "label": column.name,
        "description": column.comment,
        "groupName": group,
        "type": type_name,
        "fieldType": field_type,
        "hasUniqueValue": column.unique,
        "options": options,
    }))
}

#[cfg(test)]
mod tests {
    use lockstep_sdk::model::ColumnType;

    use super::*;

    fn wanted(name: &str, kind: &str) -> WantedColumn {
        WantedColumn {
            name: name.into(),
            type_: ColumnType::new(kind, kind),
            nullable: true,
            unique: true,
            references: None,
            comment: "why".into(),
        }
    }

    #[test]
    fn a_column_becomes_a_property() {
        let body = property_body("contacts", &wanted("crm_id", "text")).expect("possible");
        assert_eq!(
            (&body["type"], &body["groupName"], &body["hasUniqueValue"]),
            (&json!("string"), &json!("contactinformation"), &json!(true))
        );
        assert_eq!(property_body("deals", &wanted("ok", "bool")).expect("possible")["options"][0]["value"], "true");
    }

    #[test]
    fn what_hubspot_cannot_hold_is_said() {
        assert!(property_body("contacts", &wanted("CRM Id", "text")).is_err());
        assert!(property_body("contacts", &wanted("raw", "bytes")).is_err());
        assert!(property_body("2-77", &wanted("x", "text")).is_err());
        assert!(property_body("contacts", &wanted("tags", "list")).is_err());
    }
}
