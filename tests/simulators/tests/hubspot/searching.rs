//! Search, its caps and its lag.

use std::time::Duration;

use anyhow::{Context, Result};
use lockstep_simulators::hubspot::{Settings, search_exceeded};
use lockstep_simulators::{Fault, Rule};
use serde_json::{Value, json};

use crate::client::Caller;

const SEARCH: &str = "/crm/v3/objects/contacts/search";

fn names(answer: &Value) -> Vec<&str> {
    let results = answer["results"].as_array().into_iter().flatten();
    results.filter_map(|one| one["properties"]["firstname"].as_str()).collect()
}

#[test]
fn what_was_just_written_is_found_seconds_later() -> Result<()> {
    let hub = Caller::with(Settings { search_lag_ms: 3_000, ..Settings::default() })?;
    hub.account.stage().clock.stop_at("2026-01-02T03:04:05Z".parse()?);
    let id = hub.account.create("contacts", &[("firstname", "Ann")])?;
    let everything = json!({});
    assert_eq!(hub.post(SEARCH, &everything)?.body, json!({ "total": 0, "results": [] }));
    hub.account.stage().clock.advance(Duration::from_millis(3_000));
    assert_eq!(names(&hub.post(SEARCH, &everything)?.body), ["Ann"]);

    hub.account.edit("contacts", id, &[("firstname", "Anne")])?;
    let old =
        json!({ "filterGroups": [{ "filters": [{ "propertyName": "firstname", "operator": "EQ", "value": "ann" }] }] });
    assert_eq!(names(&hub.post(SEARCH, &old)?.body), ["Anne"], "found by the old value, shown with the new");
    hub.account.archive("contacts", id)?;
    assert_eq!(hub.post(SEARCH, &everything)?.body, json!({ "total": 1, "results": [] }), "as recorded");
    hub.account.stage().clock.advance(Duration::from_millis(3_000));
    assert_eq!(hub.post(SEARCH, &everything)?.body["total"], 0);
    Ok(())
}

#[test]
fn filters_sorts_and_pages() -> Result<()> {
    let hub = Caller::with(Settings { search_lag_ms: 0, search_secondly_max: 1_000, ..Settings::default() })?;
    for (first, city) in [("Ann", "Bern"), ("Bea", "Chur"), ("Cleo", "Bern"), ("Dora", "")] {
        hub.account.create("contacts", &[("firstname", first), ("city", city)])?;
    }
    let filter = |filter: Value| json!({ "filterGroups": [{ "filters": [filter] }], "sorts": ["-firstname"] });
    for (asked, expected) in [
        (json!({ "propertyName": "city", "operator": "EQ", "value": "bern" }), vec!["Cleo", "Ann"]),
        (json!({ "propertyName": "city", "operator": "NEQ", "value": "Bern" }), vec!["Dora", "Bea"]),
        (json!({ "propertyName": "city", "operator": "IN", "values": ["bern", "chur"] }), vec!["Cleo", "Bea", "Ann"]),
        (json!({ "propertyName": "city", "operator": "NOT_HAS_PROPERTY" }), vec!["Dora"]),
        (json!({ "propertyName": "firstname", "operator": "CONTAINS_TOKEN", "value": "*e*" }), vec!["Cleo", "Bea"]),
        (json!({ "propertyName": "hs_object_id", "operator": "GT", "value": "290251" }), vec!["Dora", "Cleo"]),
        (
            json!({ "propertyName": "lastmodifieddate", "operator": "GTE", "value": "0" }),
            vec!["Dora", "Cleo", "Bea", "Ann"],
        ),
    ] {
        assert_eq!(names(&hub.post(SEARCH, &filter(asked.clone()))?.body), expected, "{asked}");
    }
    let or = json!({ "filterGroups": [
        { "filters": [{ "propertyName": "firstname", "operator": "EQ", "value": "Ann" }] },
        { "filters": [{ "propertyName": "city", "operator": "EQ", "value": "Chur" }] },
    ] });
    assert_eq!(names(&hub.post(SEARCH, &or)?.body), ["Ann", "Bea"], "oldest first when not told otherwise");
    assert_eq!(names(&hub.post(SEARCH, &json!({ "query": "cle" }))?.body), ["Cleo"]);

    let page = json!({ "limit": 3, "sorts": [{ "propertyName": "firstname", "direction": "ASCENDING" }] });
    let first = hub.post(SEARCH, &page)?;
    assert_eq!((&first.body["total"], first.text("/paging/next/after")?.as_str()), (&json!(4), "3"));
    let second = hub.post(SEARCH, &json!({ "limit": 3, "after": "3", "sorts": ["firstname"] }))?;
    assert_eq!(names(&second.body), ["Dora"]);
    assert!(second.body.get("paging").is_none());
    Ok(())
}

#[test]
fn what_search_cannot_do_it_refuses() -> Result<()> {
    let hub = Caller::with(Settings { search_secondly_max: 1_000, ..Settings::default() })?;
    let group = json!({ "filters": [{ "propertyName": "city", "operator": "HAS_PROPERTY" }] });
    for body in [
        json!({ "limit": 201 }),
        json!({ "limit": 100, "after": "9901" }),
        json!({ "filterGroups": vec![group; 6] }),
        json!({ "filterGroups": [{ "filters": [{ "propertyName": "city", "operator": "LIKE", "value": "B" }] }] }),
        json!({ "filterGroups": [{ "filters": [{ "propertyName": "shoe_size", "operator": "EQ", "value": "43" }] }] }),
        json!({ "filterGroups": [{ "filters": [{ "propertyName": "city", "operator": "IN", "values": [] }] }] }),
        json!({ "sorts": ["shoe_size"] }),
    ] {
        assert_eq!(hub.post(SEARCH, &body)?.status, 400, "{body}");
    }
    assert_eq!(hub.post(SEARCH, &json!({ "limit": 100, "after": "9900" }))?.status, 200);
    Ok(())
}

#[test]
fn too_many_searches_in_a_second_are_refused_in_the_recorded_words() -> Result<()> {
    let hub = Caller::with(Settings { search_secondly_max: 2, ..Settings::default() })?;
    hub.account.stage().clock.stop_at("2026-01-02T03:04:05Z".parse()?);
    for _ in 0..2 {
        assert_eq!(hub.post(SEARCH, &json!({}))?.status, 200);
    }
    let refused = hub.post(SEARCH, &json!({}))?;
    assert_eq!(refused.status, 429);
    let keys: Vec<&String> = refused.body.as_object().context("object")?.keys().collect();
    assert_eq!(keys, ["status", "message", "correlationId", "category"]);
    assert_eq!(refused.text("/message")?, "You have reached your secondly limit.");
    assert!(refused.header("x-hubspot-ratelimit-daily").is_some());
    assert!(refused.header("x-hubspot-ratelimit-max").is_none(), "search answers carry only the daily ones");
    hub.account.stage().clock.advance(Duration::from_secs(1));
    assert_eq!(hub.post(SEARCH, &json!({}))?.status, 200);
    assert_eq!(hub.account.calls(), (3, 1));

    let faults = &hub.account.stage().faults;
    faults.inject(Rule::next("/search", search_exceeded()));
    assert_eq!(hub.post(SEARCH, &json!({}))?.status, 429);
    faults.inject(Rule::next("/search", Fault::Hang).times(1));
    faults.clear();
    Ok(())
}
