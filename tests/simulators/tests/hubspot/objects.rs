//! One record at a time, and pages of them.

use std::time::Duration;

use anyhow::{Context, Result};
use lockstep_simulators::hubspot::{Rewrite, Settings, Workflow};
use serde_json::{Value, json};

use crate::client::Caller;

const CONTACTS: &str = "/crm/v3/objects/contacts";

#[test]
fn a_record_is_created_normalised_read_changed_and_archived() -> Result<()> {
    let hub = Caller::start()?;
    let made = hub.post(CONTACTS, &json!({ "properties": { "email": " Ann@Example.com ", "firstname": " Ann " } }))?;
    assert_eq!(made.status, 201);
    assert_eq!(made.body["properties"]["email"], "ann@example.com");
    assert_eq!(made.body["properties"]["firstname"], "Ann");
    let id = made.text("/id")?;

    let read = hub.get(&format!("{CONTACTS}/{id}?properties=firstname,lastname,nonsense"))?;
    assert_eq!(read.body["properties"]["lastname"], Value::Null, "unset is null");
    assert!(read.body["properties"].get("nonsense").is_none(), "what does not exist is left out");
    let by_email = hub.get(&format!("{CONTACTS}/ann@example.com?idProperty=email"))?;
    assert_eq!(by_email.text("/id")?, id);

    let changed =
        hub.patch(&format!("{CONTACTS}/{id}"), &json!({ "properties": { "firstname": "", "city": "Bern" } }))?;
    assert_eq!(changed.body["properties"]["firstname"], "", "a write shows a cleared value as empty text");
    let read = hub.get(&format!("{CONTACTS}/{id}"))?;
    assert_eq!(read.body["properties"]["firstname"], Value::Null, "a read shows it as null");

    let updated = read.text("/updatedAt")?;
    std::thread::sleep(Duration::from_millis(3));
    assert_eq!(hub.call("DELETE", &format!("{CONTACTS}/{id}"), None)?.status, 204);
    let gone = hub.get(&format!("{CONTACTS}/{id}"))?;
    assert_eq!((gone.status, gone.text("/message")?.as_str()), (404, "resource not found"));
    let bin = hub.get(&format!("{CONTACTS}/{id}?archived=true"))?;
    assert_eq!(bin.body["archived"], true);
    assert_eq!(bin.text("/updatedAt")?, updated, "archiving does not move the modified time");
    assert!(bin.text("/archivedAt")? > updated);

    hub.account.restore("contacts", id.parse()?)?;
    assert_eq!(hub.get(&format!("{CONTACTS}/{id}"))?.status, 200);
    Ok(())
}

#[test]
fn refusals_name_the_property_and_the_reason() -> Result<()> {
    let hub = Caller::start()?;
    for (properties, code) in [
        (json!({ "email": "nobody" }), "INVALID_EMAIL"),
        (json!({ "lifecyclestage": "friend" }), "INVALID_OPTION"),
        (json!({ "hs_object_id": "1" }), "READ_ONLY_VALUE"),
        (json!({ "shoe_size": "43" }), "PROPERTY_DOESNT_EXIST"),
        (json!({ "hubspot_owner_id": "999" }), "INVALID_OWNER_ID"),
    ] {
        let refused = hub.post(CONTACTS, &json!({ "properties": properties }))?;
        assert_eq!((refused.status, refused.text("/category")?.as_str()), (400, "VALIDATION_ERROR"));
        assert_eq!(refused.text("/errors/0/code")?, code);
        let message = refused.text("/message")?;
        assert!(message.starts_with("Property values were not valid: [{\"isValid\":false,"), "{message}");
    }
    let id = hub.create("contacts", &json!({ "email": "ann@example.com" }))?;
    let twice = hub.post(CONTACTS, &json!({ "properties": { "email": "ANN@example.com" } }))?;
    assert_eq!((twice.status, twice.text("/category")?.as_str()), (409, "CONFLICT"));
    assert_eq!(twice.text("/message")?, format!("Contact already exists. Existing ID: {id}"));
    let other = hub.create("contacts", &json!({ "email": "bea@example.com" }))?;
    let taken = hub.patch(&format!("{CONTACTS}/{other}"), &json!({ "properties": { "email": "ann@example.com" } }))?;
    assert_eq!(taken.status, 409);
    assert_eq!(hub.post("/crm/v3/objects/unicorns", &json!({}))?.status, 400);
    assert_eq!(hub.get(&format!("{CONTACTS}/abc"))?.status, 404);
    assert_eq!(
        hub.raw("POST", CONTACTS, &format!("authorization: Bearer {}\r\n", hub.token), "application/json", "{")?.status,
        400
    );
    Ok(())
}

#[test]
fn pages_follow_one_another_and_the_bin_is_another_list() -> Result<()> {
    let hub = Caller::start()?;
    let ids: Vec<u64> =
        (0..25).map(|n| hub.account.create("contacts", &[("firstname", &format!("C{n}"))])).collect::<Result<_>>()?;
    hub.account.archive("contacts", *ids.first().context("one")?)?;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = hub.get(&format!("/crm/objects/2026-09/contacts?limit=10&after={after}"))?;
        let results = page.body["results"].as_array().context("results")?;
        seen.extend(results.iter().filter_map(|one| one["id"].as_str()?.parse::<u64>().ok()));
        match page.text("/paging/next/after") {
            Ok(next) => after = next,
            Err(_) => break,
        }
    }
    assert_eq!(seen, ids[1..]);
    let bin = hub.get(&format!("{CONTACTS}?archived=true"))?;
    assert_eq!(bin.text("/results/0/id")?, ids[0].to_string());
    assert_eq!(hub.get(&format!("{CONTACTS}?limit=101"))?.status, 400);
    let many = hub.get(&format!("{CONTACTS}?limit=51&propertiesWithHistory=firstname"))?;
    assert_eq!(many.status, 400, "history makes pages smaller");
    assert_eq!(hub.get("/crm/objects/2026-11/contacts")?.status, 404, "no such version");
    Ok(())
}

#[test]
fn a_merge_keeps_the_winner_and_the_losers_id_answers_with_it() -> Result<()> {
    let hub = Caller::start()?;
    let winner = hub.create("contacts", &json!({ "email": "ann@example.com", "firstname": "Ann" }))?;
    let loser = hub.create("contacts", &json!({ "email": "anne@example.com", "firstname": "Anne", "city": "Bern" }))?;
    let body = json!({ "primaryObjectId": winner, "objectIdToMerge": loser });
    let merged = hub.post(&format!("{CONTACTS}/merge"), &body)?;
    assert_eq!((merged.status, merged.text("/id")?), (200, winner.clone()));
    let path = format!("{CONTACTS}/{loser}?properties=firstname,city,hs_merged_object_ids,hs_additional_emails");
    let read = hub.get(&path)?;
    assert_eq!(read.text("/id")?, winner, "the old id means the winner");
    for (property, value) in [
        ("firstname", "Ann"),
        ("city", "Bern"),
        ("hs_merged_object_ids", loser.as_str()),
        ("hs_additional_emails", "anne@example.com"),
    ] {
        assert_eq!(read.body["properties"][property], value, "{property}");
    }
    let again = hub.post(CONTACTS, &json!({ "properties": { "email": "anne@example.com" } }))?;
    assert_eq!(again.text("/message")?, format!("Contact already exists. Existing ID: {winner}"));

    hub.account.set(|settings| settings.merge_makes_new_record = true);
    let third = hub.account.create("contacts", &[("email", "third@example.com")])?;
    let kept = hub.account.merge("contacts", winner.parse()?, third)?;
    assert!(kept.to_string() != winner && kept != third);
    assert_eq!(hub.get(&format!("{CONTACTS}/{loser}"))?.text("/id")?, kept.to_string());
    Ok(())
}

#[test]
fn privacy_deletion_leaves_nothing() -> Result<()> {
    let hub = Caller::start()?;
    let id = hub.create("contacts", &json!({ "email": "ann@example.com" }))?;
    let body = json!({ "objectId": "ann@example.com", "idProperty": "email" });
    assert_eq!(hub.post(&format!("{CONTACTS}/gdpr-delete"), &body)?.status, 204);
    assert_eq!(hub.get(&format!("{CONTACTS}/{id}"))?.status, 404);
    assert_eq!(hub.get(&format!("{CONTACTS}/{id}?archived=true"))?.status, 404);
    Ok(())
}

#[test]
fn workflows_rewrite_what_was_written() -> Result<()> {
    let hub = Caller::with(Settings { search_lag_ms: 0, ..Settings::default() })?;
    hub.account.add_workflow(Workflow {
        object: "contacts".into(),
        when: "phone".into(),
        property: "phone".into(),
        rewrite: Rewrite::DigitsOnly,
        delay_ms: 0,
    });
    hub.account.add_workflow(Workflow {
        object: "contacts".into(),
        when: "city".into(),
        property: "state".into(),
        rewrite: Rewrite::CopyOf("city".into()),
        delay_ms: 60_000,
    });
    let made = hub.post(CONTACTS, &json!({ "properties": { "phone": "+41 (31) 123-45", "city": "Bern" } }))?;
    assert_eq!(made.body["properties"]["phone"], "+41 (31) 123-45", "the answer shows what was sent");
    let id = made.text("/id")?;
    let path = format!("{CONTACTS}/{id}?properties=phone,state&propertiesWithHistory=phone");
    let read = hub.get(&path)?;
    assert_eq!(read.body["properties"]["phone"], "+413112345");
    assert_eq!(read.text("/propertiesWithHistory/phone/0/sourceType")?, "AUTOMATION_PLATFORM");
    assert_eq!(read.text("/propertiesWithHistory/phone/1/sourceType")?, "INTEGRATION");
    assert_eq!(read.body["properties"]["state"], Value::Null);
    hub.account.stage().clock.advance(Duration::from_secs(61));
    assert_eq!(hub.get(&path)?.body["properties"]["state"], "Bern");
    Ok(())
}

#[test]
fn two_edits_in_one_millisecond_are_both_in_the_history() -> Result<()> {
    let hub = Caller::start()?;
    hub.account.stage().clock.stop_at("2026-01-02T03:04:05.678Z".parse()?);
    let id = hub.account.create("contacts", &[("city", "Bern")])?;
    hub.account.edit("contacts", id, &[("city", "Chur")])?;
    let read = hub.get(&format!("{CONTACTS}/{id}?propertiesWithHistory=city"))?;
    assert_eq!(read.text("/propertiesWithHistory/city/0/value")?, "Chur");
    assert_eq!(read.text("/propertiesWithHistory/city/0/timestamp")?, "2026-01-02T03:04:05.678Z");
    assert_eq!(read.text("/propertiesWithHistory/city/1/timestamp")?, "2026-01-02T03:04:05.678Z");
    Ok(())
}
