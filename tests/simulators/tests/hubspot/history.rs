//! Who set what, and when.

use anyhow::Result;
use lockstep_simulators::hubspot::{Settings, Source};
use serde_json::json;

use crate::client::Caller;

#[test]
fn the_history_tells_programs_and_people_apart() -> Result<()> {
    let hub = Caller::start()?;
    let id = hub.create("contacts", &json!({ "city": "Bern" }))?;
    hub.account.edit("contacts", id.parse()?, &[("city", "Chur")])?;
    let other = Caller { token: hub.account.add_token(77, &[]), account: hub.account };
    let path = format!("/crm/v3/objects/contacts/{id}");
    other.patch(&path, &json!({ "properties": { "city": "Genf" } }))?;
    let read = other.get(&format!("{path}?propertiesWithHistory=city"))?;
    let sources: Vec<String> =
        (0..3).map(|at| read.text(&format!("/propertiesWithHistory/city/{at}/sourceType"))).collect::<Result<_>>()?;
    assert_eq!(sources, ["INTEGRATION", "CRM_UI", "INTEGRATION"]);
    assert_eq!(read.text("/propertiesWithHistory/city/0/sourceId")?, "77");
    assert_eq!(read.text("/propertiesWithHistory/city/2/sourceId")?, other.account.app_id().to_string());
    assert_eq!(read.body["propertiesWithHistory"]["city"][1]["updatedByUserId"], 1_071);
    Ok(())
}

#[test]
fn the_same_value_again_is_no_news_and_clearing_is_an_entry() -> Result<()> {
    let hub = Caller::start()?;
    let id = hub.account.create("contacts", &[("city", "Bern")])?;
    let path = format!("/crm/v3/objects/contacts/{id}");
    let before = hub.get(&path)?.text("/updatedAt")?;
    hub.patch(&path, &json!({ "properties": { "city": "Bern" } }))?;
    assert_eq!(hub.get(&path)?.text("/updatedAt")?, before);
    hub.patch(&path, &json!({ "properties": { "city": null } }))?;
    let values: Vec<String> =
        hub.account.history("contacts", id, "city").into_iter().map(|version| version.value).collect();
    assert_eq!(values, ["Bern", ""]);
    Ok(())
}

#[test]
fn only_the_newest_entries_are_shown() -> Result<()> {
    let hub = Caller::with(Settings { history_max: 3, ..Settings::default() })?;
    let id = hub.account.create("companies", &[("city", "0")])?;
    for n in 1..6 {
        hub.account.edit_as(&Source::system("IMPORT", "31"), "companies", id, &[("city", &n.to_string())])?;
    }
    let read = hub.get(&format!("/crm/v3/objects/companies/{id}?propertiesWithHistory=city"))?;
    let shown: Vec<String> =
        (0..3).map(|at| read.text(&format!("/propertiesWithHistory/city/{at}/value"))).collect::<Result<_>>()?;
    assert_eq!(shown, ["5", "4", "3"]);
    assert!(read.text("/propertiesWithHistory/city/3/value").is_err());
    assert_eq!(read.text("/propertiesWithHistory/city/0/sourceType")?, "IMPORT");
    Ok(())
}

#[test]
fn a_repeated_value_can_be_made_to_leave_a_trace() -> Result<()> {
    let hub = Caller::with(Settings { repeated_value_leaves_trace: true, ..Settings::default() })?;
    let id = hub.account.create("contacts", &[("city", "Bern")])?;
    hub.patch(&format!("/crm/v3/objects/contacts/{id}"), &json!({ "properties": { "city": "Bern" } }))?;
    let kinds: Vec<String> =
        hub.account.history("contacts", id, "city").into_iter().map(|version| version.source.kind).collect();
    assert_eq!(kinds, ["CRM_UI", "INTEGRATION"]);
    Ok(())
}
