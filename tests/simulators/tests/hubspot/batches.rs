//! A hundred at a time, and failures one by one.

use anyhow::Result;
use serde_json::{Value, json};

use crate::client::Caller;

fn batch(verb: &str) -> String {
    format!("/crm/objects/2026-09/contacts/batch/{verb}")
}

#[test]
fn a_create_with_trace_ids_reports_each_failure() -> Result<()> {
    let hub = Caller::start()?;
    let existing = hub.create("contacts", &json!({ "email": "ann@example.com" }))?;
    let inputs = json!({ "inputs": [
        { "objectWriteTraceId": "a", "properties": { "email": "bea@example.com" } },
        { "objectWriteTraceId": "b", "properties": { "email": "ann@example.com" } },
        { "objectWriteTraceId": "c", "properties": { "email": "nobody" } },
    ] });
    let answer = hub.post(&batch("create"), &inputs)?;
    assert_eq!((answer.status, &answer.body["numErrors"]), (207, &json!(2)));
    assert_eq!(answer.text("/results/0/objectWriteTraceId")?, "a");
    assert_eq!(answer.body["errors"][0]["context"], json!({ "objectWriteTraceId": ["b"], "existingId": [existing] }));
    assert_eq!(answer.text("/errors/1/category")?, "VALIDATION_ERROR");
    assert_eq!(answer.text("/status")?, "COMPLETE");
    Ok(())
}

#[test]
fn a_create_without_trace_ids_is_all_or_nothing() -> Result<()> {
    let hub = Caller::start()?;
    hub.create("contacts", &json!({ "email": "ann@example.com" }))?;
    let inputs = json!({ "inputs": [
        { "properties": { "email": "bea@example.com" } },
        { "properties": { "email": "ann@example.com" } },
    ] });
    assert_eq!(hub.post(&batch("create"), &inputs)?.status, 409);
    assert_eq!(hub.account.all("contacts").len(), 1, "nothing was made");
    let twice = json!({ "inputs": [{ "properties": { "email": "c@d.ch" } }, { "properties": { "email": "C@d.ch" } }] });
    assert_eq!(hub.post(&batch("create"), &twice)?.status, 400);
    Ok(())
}

#[test]
fn an_update_reports_what_was_not_there() -> Result<()> {
    let hub = Caller::start()?;
    let id = hub.create("contacts", &json!({ "email": "ann@example.com" }))?;
    let inputs = json!({ "inputs": [
        { "id": id, "properties": { "city": "Bern" } },
        { "id": "999", "properties": { "city": "Chur" } },
        { "id": "998", "properties": { "city": "Chur" } },
    ] });
    let answer = hub.post(&batch("update"), &inputs)?;
    assert_eq!((answer.status, &answer.body["numErrors"]), (207, &json!(1)));
    assert_eq!(answer.body["errors"][0]["context"], json!({ "ids": ["999", "998"] }));
    assert_eq!(
        answer.text("/errors/0/message")?,
        "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid."
    );
    let invalid = json!({ "inputs": [
        { "id": id, "properties": { "city": "Chur" } },
        { "id": "ann@example.com", "idProperty": "email", "properties": { "lifecyclestage": "friend" } },
    ] });
    assert_eq!(hub.post(&batch("update"), &invalid)?.status, 400, "both inputs mean one record");
    let twice = json!({ "inputs": [{ "id": id, "properties": {} }, { "id": id, "properties": {} }] });
    let refused = hub.post(&batch("update"), &twice)?;
    assert_eq!(refused.text("/message")?, format!("Duplicate IDs found in batch input: [{id}]. IDs must be unique"));
    Ok(())
}

#[test]
fn an_upsert_says_what_is_new() -> Result<()> {
    let hub = Caller::start()?;
    let property = json!({ "name": "erp_id", "type": "string", "fieldType": "text", "hasUniqueValue": true });
    hub.account.declare_property("companies", property)?;
    let path = "/crm/v3/objects/companies/batch/upsert";
    let input = |id: &str, name: &str| json!({ "id": id, "idProperty": "erp_id", "properties": { "name": name } });
    let first = hub.post(path, &json!({ "inputs": [input("E1", "One")] }))?;
    assert_eq!((first.status, &first.body["results"][0]["new"]), (200, &json!(true)));
    let second = hub.post(path, &json!({ "inputs": [input("e1", "Uno"), input("E2", "Two")] }))?;
    let news: Vec<&Value> = (0..2).map(|index| &second.body["results"][index]["new"]).collect();
    assert_eq!(news, [&json!(false), &json!(true)]);
    assert_eq!(second.text("/results/0/id")?, first.text("/results/0/id")?);
    let clash = json!({ "properties": { "erp_id": "E2" } });
    let refused = hub.patch(&format!("/crm/v3/objects/companies/{}", first.text("/results/0/id")?), &clash)?;
    assert_eq!(refused.text("/errors/0/code")?, "CONFLICTING_UNIQUE_VALUE");
    let not_unique = json!({ "inputs": [{ "id": "One", "idProperty": "name", "properties": {} }] });
    assert_eq!(hub.post(path, &not_unique)?.status, 400);
    Ok(())
}

#[test]
fn reads_find_by_id_or_unique_value_and_follow_merges() -> Result<()> {
    let hub = Caller::start()?;
    let ann = hub.account.create("contacts", &[("email", "ann@example.com"), ("city", "Bern")])?;
    let bea = hub.account.create("contacts", &[("email", "bea@example.com")])?;
    hub.account.edit("contacts", ann, &[("city", "Chur")])?;
    let body = json!({
        "idProperty": "email", "properties": ["city"], "propertiesWithHistory": ["city"],
        "inputs": [{ "id": "ANN@example.com" }, { "id": "nobody@example.com" }],
    });
    let answer = hub.post(&batch("read"), &body)?;
    assert_eq!(answer.status, 207);
    assert_eq!(answer.body["errors"][0]["context"]["ids"], json!(["nobody@example.com"]));
    assert_eq!(answer.body["results"][0]["propertiesWithHistory"]["city"][1]["value"], "Bern");

    hub.account.merge("contacts", ann, bea)?;
    let body = json!({ "properties": ["email"], "inputs": [{ "id": ann.to_string() }, { "id": bea.to_string() }] });
    let answer = hub.post(&batch("read"), &body)?;
    assert_eq!((answer.status, answer.body["results"].as_array().map(Vec::len)), (200, Some(1)));

    let inputs: Vec<Value> = (0..101).map(|id| json!({ "id": id.to_string() })).collect();
    let too_many = hub.post(&batch("read"), &json!({ "properties": [], "inputs": inputs }))?;
    assert_eq!(too_many.status, 400);
    let with_history = json!({ "properties": [], "propertiesWithHistory": ["city"], "inputs": inputs[..51] });
    assert_eq!(hub.post(&batch("read"), &with_history)?.status, 400);
    Ok(())
}

#[test]
fn archiving_mentions_nothing_that_is_missing() -> Result<()> {
    let hub = Caller::start()?;
    let id = hub.account.create("contacts", &[("city", "Bern")])?;
    let inputs = json!({ "inputs": [{ "id": id.to_string() }, { "id": "999" }] });
    assert_eq!(hub.post(&batch("archive"), &inputs)?.status, 204);
    assert!(hub.account.is_archived("contacts", id));
    Ok(())
}
