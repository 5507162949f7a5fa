//! Queries, and asking what changed since.

use std::time::Duration;

use anyhow::{Context, Result};
use lockstep_simulators::salesforce::{Edit, Field, Options, Settings};
use serde_json::{Value, json};

use crate::caller::{Caller, escaped};

fn names(found: &Value) -> Vec<&str> {
    let records = found["records"].as_array().map(Vec::as_slice).unwrap_or_default();
    records.iter().filter_map(|record| record["Name"].as_str()).collect()
}

#[test]
fn conditions_order_and_limits_select_rows() -> Result<()> {
    let fields = vec![("Account".into(), Field::multipicklist("Tags__c", "Tags", &["a", "b", "c"]))];
    let caller = Caller::start(Options { fields, ..Options::default() })?;
    for (name, employees, tags, industry) in [
        ("Alpha", json!(10), json!("b;a"), json!("Banking")),
        ("beta", json!(20), Value::Null, Value::Null),
        ("Gamma", Value::Null, json!("c"), json!("Energy")),
        ("O'Brien", json!(5), Value::Null, json!("Energy")),
    ] {
        let values = json!({"Name": name, "NumberOfEmployees": employees, "Tags__c": tags, "Industry": industry});
        caller.create("Account", values)?;
    }
    for (condition, expected) in [
        ("WHERE Name = 'BETA'", vec!["beta"]),
        ("WHERE Name LIKE '%A' ORDER BY Name DESC", vec!["Gamma", "beta", "Alpha"]),
        ("WHERE Name = 'O\\'Brien'", vec!["O'Brien"]),
        ("WHERE NumberOfEmployees >= 10 AND NumberOfEmployees < 20", vec!["Alpha"]),
        ("WHERE Industry != 'Energy' ORDER BY Name", vec!["Alpha", "beta"]),
        (
            "WHERE Industry = null OR (Industry IN ('Banking', 'x') AND NOT Name = 'x') ORDER BY Name",
            vec!["Alpha", "beta"],
        ),
        ("WHERE Industry NOT IN ('Energy') ORDER BY Name LIMIT 1 OFFSET 1", vec!["beta"]),
        ("WHERE Tags__c INCLUDES ('a;b', 'c') ORDER BY Name", vec!["Alpha", "Gamma"]),
        ("ORDER BY NumberOfEmployees NULLS LAST, Name", vec!["O'Brien", "Alpha", "beta", "Gamma"]),
        ("ORDER BY Industry, NumberOfEmployees DESC NULLS LAST", vec!["beta", "Alpha", "O'Brien", "Gamma"]),
        (
            "WHERE CreatedBy.Username = 'integration@example.com' AND CreatedDate > 2001-01-01T00:00:00Z LIMIT 1",
            vec!["Alpha"],
        ),
        ("WHERE CreatedDate < 2001-01-01T00:00:00+02:00", vec![]),
    ] {
        let found = caller.query(&format!("SELECT Name FROM Account {condition}"))?;
        assert_eq!(names(&found), expected, "{condition}");
    }
    assert_eq!(caller.query("select count() from account where industry = 'Energy'")?["totalSize"], 2);
    let all = caller.query("SELECT FIELDS(ALL) FROM Account LIMIT 1")?;
    assert!(all["records"][0]["SystemModstamp"].is_string());
    Ok(())
}

#[test]
fn what_is_not_a_query_is_refused_as_the_vendor_refuses_it() -> Result<()> {
    let caller = Caller::new()?;
    for (text, code, words) in [
        ("SELECT Id Account", "MALFORMED_QUERY", "unexpected token: Account"),
        ("SELECT Nope FROM Account", "INVALID_FIELD", "No such column 'Nope' on entity 'Account'"),
        ("SELECT Id FROM Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported"),
        ("SELECT Id FROM Account WHERE Name = 1", "INVALID_FIELD", "must be of type string"),
        ("SELECT Id FROM Account WHERE CreatedDate > '2020-01-01'", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Account WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Nope.Name FROM Contact", "INVALID_FIELD", "Didn't understand relationship 'Nope'"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY", "LIMIT of at most 200"),
    ] {
        let heard = caller.get(&format!("query?q={}", escaped(text)))?;
        assert_eq!((heard.status, heard.code()?.as_str()), (400, code), "{text}");
        assert!(heard.text.contains(words), "{text}: {}", heard.text);
    }
    Ok(())
}

#[test]
fn a_long_result_is_read_on_and_does_not_move_meanwhile() -> Result<()> {
    let settings = Settings { query_rows_min: 2, ..Settings::default() };
    let caller = Caller::start(Options { settings, ..Options::default() })?;
    for number in 0..5 {
        caller.create("Account", json!({"Name": format!("A{number}")}))?;
    }
    let size = [("sforce-query-options", "batchSize=2")];
    let path = format!("query?q={}", escaped("SELECT Name FROM Account ORDER BY Name"));
    let mut page = caller.call("GET", &path, &size, "")?.json()?;
    let mut seen: Vec<String> = Vec::new();
    caller.create("Account", json!({"Name": "A0a"}))?;
    loop {
        seen.extend(names(&page).into_iter().map(str::to_owned));
        assert_eq!(page["totalSize"], 5);
        let Some(next) = page["nextRecordsUrl"].as_str().map(str::to_owned) else { break };
        page = caller.call("GET", &next, &size, "")?.json()?;
    }
    assert_eq!(seen, ["A0", "A1", "A2", "A3", "A4"]);
    assert_eq!(page["done"], true);
    assert_eq!(caller.get("query/01gSm9999999999-2")?.code()?, "INVALID_QUERY_LOCATOR");
    Ok(())
}

#[test]
fn rows_that_become_visible_late_are_behind_what_was_covered() -> Result<()> {
    let caller = Caller::new()?;
    caller.org.clock().stop_at("2026-03-01T10:00:00Z".parse()?);
    let mut late = caller.org.begin();
    let values = json!({"LastName": "Late"}).as_object().cloned().unwrap_or_default();
    late.edit(&caller.org, Edit::Create { object: "Contact".into(), values });
    caller.org.clock().advance(Duration::from_secs(90));
    caller.org.create("Contact", json!({"LastName": "Early"}))?;
    let text = "SELECT LastName, SystemModstamp FROM Contact ORDER BY SystemModstamp";
    assert_eq!(caller.query(text)?["totalSize"], 1, "nobody sees what is not committed");
    caller.org.clock().advance(Duration::from_secs(60));
    let span = "sobjects/Contact/updated?start=2026-03-01T09:00:00Z&end=2026-03-01T10:02:00Z";
    let updated = caller.get(span)?.json()?;
    assert_eq!(updated["ids"].as_array().map(Vec::len), Some(1));
    assert_eq!(updated["latestDateCovered"], "2026-03-01T10:00:00.000+0000", "held back by the open transaction");
    caller.org.commit(late)?;
    let found = caller.query(text)?;
    assert_eq!(found["records"][0]["LastName"], "Late");
    assert_eq!(found["records"][0]["SystemModstamp"], "2026-03-01T10:00:00.000+0000", "as old as its edit");
    let updated = caller.get(span)?.json()?;
    assert_eq!(updated["ids"].as_array().map(Vec::len), Some(2));
    assert_eq!(updated["latestDateCovered"], "2026-03-01T10:02:00.000+0000");
    Ok(())
}

#[test]
fn deletes_are_told_as_far_back_as_they_are_known() -> Result<()> {
    let caller = Caller::new()?;
    caller.org.clock().stop_at("2026-03-20T10:00:30Z".parse()?);
    let id = caller.create("Contact", json!({"LastName": "Gone"}))?;
    caller.org.delete("Contact", &id)?;
    caller.org.clock().advance(Duration::from_secs(120));
    let deleted = |start: &str, end: &str| caller.get(&format!("sobjects/Contact/deleted?start={start}&end={end}"));
    let heard = deleted("2026-03-20T10:00:00.000%2B00:00", "2026-03-20T10:02:00.000%2B00:00")?.json()?;
    assert_eq!(heard["deletedRecords"], json!([{"id": id, "deletedDate": "2026-03-20T10:00:30.000+0000"}]));
    assert_eq!(heard["earliestDateAvailable"], "2026-03-05T10:02:30.000+0000");
    assert_eq!(deleted("2026-02-20T00:00:00Z", "2026-03-20T00:00:00Z")?.code()?, "INVALID_REPLICATION_DATE");
    assert_eq!(deleted("2026-03-20T10:00:10Z", "2026-03-20T10:00:50Z")?.code()?, "INVALID_REPLICATION_DATE");
    caller.org.with(|state| state.deletes_known_since = Some(state.now()));
    let heard = deleted("2026-03-20T10:00:00Z", "2026-03-20T10:02:00Z")?.json()?;
    assert_eq!(heard["earliestDateAvailable"].as_str().context("a time")?, "2026-03-20T10:02:30.000+0000");
    Ok(())
}

#[test]
fn a_reference_may_point_at_several_kinds_of_rows() -> Result<()> {
    let caller = Caller::new()?;
    let account = caller.create("Account", json!({"Name": "Acme"}))?;
    let lead = caller.create("Lead", json!({"LastName": "Ann", "Company": "C"}))?;
    caller.create("Task", json!({"Subject": "Call", "WhoId": lead, "WhatId": account}))?;
    let found = caller.query("SELECT Who.Name, What.Name, Owner.Name FROM Task")?;
    let task = &found["records"][0];
    assert_eq!((&task["Who"]["Name"], &task["Who"]["attributes"]["type"]), (&json!("Ann"), &json!("Lead")));
    assert_eq!((&task["What"]["Name"], &task["Owner"]["Name"]), (&json!("Acme"), &json!("Integration User")));
    let described = caller.get("sobjects/Task/describe")?.json()?;
    let who = described["fields"].as_array().into_iter().flatten().find(|field| field["name"] == "WhoId");
    let who = who.context("WhoId")?;
    assert_eq!((&who["referenceTo"], &who["polymorphicForeignKey"]), (&json!(["Contact", "Lead"]), &json!(true)));
    Ok(())
}
