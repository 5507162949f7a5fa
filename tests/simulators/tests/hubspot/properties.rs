//! Properties and object types.

use anyhow::{Context, Result};
use serde_json::json;

use crate::client::Caller;

#[test]
fn a_property_is_made_changed_and_archived() -> Result<()> {
    let hub = Caller::start()?;
    let path = "/crm/v3/properties/contacts";
    let property = json!({
        "name": "colour", "label": "Colour", "type": "enumeration", "fieldType": "select",
        "groupName": "contactinformation", "options": [{ "label": "Red", "value": "red" }],
    });
    let made = hub.post(path, &property)?;
    assert_eq!((made.status, made.body["modificationMetadata"]["readOnlyValue"].as_bool()), (201, Some(false)));
    assert_eq!(hub.post(path, &property)?.status, 409);
    let blue = json!({ "properties": { "colour": "blue" } });
    assert_eq!(hub.post("/crm/v3/objects/contacts", &blue)?.status, 400);
    let options = json!({ "options": [{ "label": "Red", "value": "red" }, { "label": "Blue", "value": "blue" }] });
    assert_eq!(hub.patch(&format!("{path}/colour"), &options)?.status, 200);
    assert_eq!(hub.post("/crm/v3/objects/contacts", &blue)?.status, 201);
    assert_eq!(hub.call("DELETE", &format!("{path}/colour"), None)?.status, 204);
    assert_eq!(hub.get(&format!("{path}/colour"))?.status, 404);
    assert_eq!(hub.get(&format!("{path}/colour?archived=true"))?.status, 200);
    assert_eq!(hub.call("DELETE", &format!("{path}/email"), None)?.status, 400, "the vendor's own stay");
    let many =
        hub.post(&format!("{path}/batch/read"), &json!({ "inputs": [{ "name": "email" }, { "name": "no" }] }))?;
    assert_eq!((many.status, &many.body["numErrors"]), (207, &json!(1)));
    let groups = hub.get(&format!("{path}/groups"))?;
    assert_eq!(groups.text("/results/0/name")?, "contactinformation");
    Ok(())
}

#[test]
fn custom_objects_are_objects_like_the_others() -> Result<()> {
    let hub = Caller::start()?;
    let schema = json!({
        "name": "machine", "labels": { "singular": "Machine", "plural": "Machines" },
        "requiredProperties": ["serial"], "searchableProperties": ["serial"], "primaryDisplayProperty": "serial",
        "associatedObjects": ["COMPANY"],
        "properties": [
            { "name": "serial", "label": "Serial", "type": "string", "fieldType": "text", "hasUniqueValue": true },
        ],
    });
    let made = hub.post("/crm-object-schemas/2026-09/schemas", &schema)?;
    assert_eq!(made.status, 201, "{}", made.body);
    let type_id = made.text("/objectTypeId")?;
    let name = made.text("/fullyQualifiedName")?;
    let incomplete = hub.post(&format!("/crm/v3/objects/{type_id}"), &json!({ "properties": {} }))?;
    assert_eq!(incomplete.body["context"]["properties"], json!(["serial"]));
    let id = hub.create(&name, &json!({ "serial": "M-1" }))?;
    let found = hub.get("/crm/v3/objects/machine/m-1?idProperty=serial")?;
    assert_eq!(found.text("/id")?, id);
    assert!(found.body["properties"]["hs_createdate"].is_string());
    let company = hub.account.create("companies", &[("name", "One")])?;
    hub.account.associate(("machine", id.parse()?), ("companies", company))?;
    assert_eq!(hub.account.associated(("companies", company), &type_id), [id.parse::<u64>()?]);
    let listed = hub.get("/crm/v3/schemas")?;
    let names: Vec<&str> =
        listed.body["results"].as_array().context("list")?.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["machine"]);
    Ok(())
}
