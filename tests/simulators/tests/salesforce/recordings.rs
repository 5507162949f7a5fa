//! Genuine traffic of the vendor, recorded years ago: what the simulator answers
//! must have the same shape. The recordings are no part of the repository; they
//! are read from the folder that `LOCKSTEP_RECORDINGS` names, and without them
//! these tests say that they were skipped.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use lockstep_simulators::salesforce::{Field, Kind, Object, Options};
use serde_json::{Value, json};

use crate::caller::{Caller, Heard};

/// The lines of a recording; nothing, loudly, where there is none.
fn recorded(name: &str) -> Result<Option<Vec<Value>>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recordings");
    let folder = std::env::var_os("LOCKSTEP_RECORDINGS").map_or(beside, PathBuf::from);
    let Ok(text) = fs::read_to_string(folder.join(name)) else {
        eprintln!("SKIPPED: there is no recording {name}; LOCKSTEP_RECORDINGS names the folder they are in");
        return Ok(None);
    };
    let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(!lines.is_empty(), "{name} is empty");
    Ok(Some(lines))
}

/// The organisation the traffic was recorded with, as far as it was asked about.
fn caller() -> Result<Caller> {
    let of = |object: &str, field: Field| (object.to_owned(), field);
    let fields = vec![
        of("Account", Field::text("Custom_External_ID__c", "Custom_External_ID", 100)),
        of("Account", Field::email("email_field__c", "email_field")),
        of("Contact", Field::external_id("Custom_External_ID__c", "Custom External ID", 191)),
        of("Contact", Field::number("float_field__c", "float_field", Kind::Double, 18, 2)),
        of("Contact", Field::number("currency_field__c", "currency_field", Kind::Currency, 18, 2)),
        of("Contact", Field::number("percent_field__c", "percent field", Kind::Percent, 18, 0)),
        of("Contact", Field::checkbox("checkbox_field__c", "checkbox field")),
        of("Contact", Field::datetime("datetime_field__c", "datetime field")),
        of("Contact", Field::date("date_field__c", "date_field")),
        of("Contact", Field::url("url_field__c", "url field")),
        of("Contact", Field::phone("phone_field__c", "phone field")),
        of("Contact", Field::area("textarea_field__c", "textarea field", 32_768)),
        of(
            "Contact",
            Field::picklist("picklist_field__c", "picklist field", 255, &["Red", "Blue", "Green"]).restricted(),
        ),
        of("Contact", Field::text("text_field__c", "text field", 191)),
    ];
    let assignment: Object = serde_json::from_value(json!({
        "name": "TopicAssignment", "label": "Topic Assignment", "key_prefix": "0TA", "owned": false, "fields": [
            {"name": "TopicId", "label": "Topic ID", "type": "reference", "reference_to": ["Topic"]},
            {"name": "EntityId", "label": "Entity ID", "type": "reference", "reference_to": ["Account", "Contact", "Lead"]},
        ],
    }))?;
    Caller::start(Options { fields, objects: vec![assignment], ..Options::default() })
}

fn is_time(text: &str) -> bool {
    text.len() == 28 && text.ends_with(".000+0000") && text.as_bytes()[10] == b'T'
}

/// What differs in shape. `extra` keys may be in one and not in the other.
fn differences(theirs: &Value, ours: &Value, at: &str, extra: bool, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (name, value) in theirs {
                match ours.get(name) {
                    Some(own) => differences(value, own, &format!("{at}.{name}"), extra, found),
                    None if extra => {}
                    None => found.push(format!("{at}.{name} is missing")),
                }
            }
            for name in ours.keys().filter(|name| !extra && !theirs.contains_key(*name)) {
                found.push(format!("{at}.{name} is not the vendor's"));
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            if let (Some(first), Some(own)) = (theirs.first(), ours.first()) {
                differences(first, own, &format!("{at}[]"), extra, found);
            }
        }
        (Value::String(text), Value::String(own)) => {
            if is_time(text) != is_time(own) {
                found.push(format!("{at}: {own:?} is not written like {text:?}"));
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (theirs, ours) => {
            if std::mem::discriminant(theirs) != std::mem::discriminant(ours) {
                found.push(format!("{at}: {ours} instead of {theirs}"));
            }
        }
    }
}

fn same_shape(theirs: &Value, ours: &Value, about: &str) -> Result<()> {
    let mut found = Vec::new();
    differences(theirs, ours, "", false, &mut found);
    ensure!(found.is_empty(), "{about}: {found:#?}");
    Ok(())
}

/// Every header the vendor sent is sent, and no etag where it sent none.
fn same_headers(line: &Value, heard: &Heard, about: &str) -> Result<()> {
    let theirs = line["headers"].as_object().context("headers")?;
    for name in theirs.keys() {
        ensure!(heard.header(name).is_some(), "{about}: no header {name}");
    }
    for name in ["etag", "last-modified"] {
        ensure!(theirs.contains_key(name) || heard.header(name).is_none(), "{about}: the vendor sends no {name}");
    }
    Ok(())
}

fn newest(path: &str) -> String {
    path.replace("/v42.0/", "/v67.0/")
}

#[test]
fn descriptions_say_what_the_vendors_say() -> Result<()> {
    let Some(lines) = recorded("salesforce.jsonl")? else { return Ok(()) };
    let caller = caller()?;
    let mut described = 0;
    for line in &lines {
        let path = line["path"].as_str().unwrap_or_default();
        if !path.ends_with("/describe") {
            continue;
        }
        described += 1;
        let heard = caller.get(&newest(path))?;
        ensure!(heard.status == 200, "{path}: {heard:?}");
        same_headers(line, &heard, path)?;
        let (theirs, ours) = (&line["body"], heard.json()?);
        let mut found = Vec::new();
        differences(theirs, &ours, "", false, &mut found);
        // Objects that people do not see in lists have fewer addresses.
        found.retain(|difference| !difference.starts_with(".urls."));
        ensure!(found.is_empty(), "{path}: {found:#?}");
        let by_name = |body: &Value| -> BTreeMap<String, Value> {
            let fields = body["fields"].as_array().cloned().unwrap_or_default();
            fields.into_iter().map(|field| (field["name"].as_str().unwrap_or_default().to_owned(), field)).collect()
        };
        let (theirs, ours) = (by_name(theirs), by_name(&ours));
        let mut different = Vec::new();
        for (name, ours) in &ours {
            let Some(theirs) = theirs.get(name) else {
                // A few of the vendor's objects lack fields that all others have.
                if !["IsDeleted", "LastModifiedDate", "LastModifiedById"].contains(&name.as_str()) {
                    different.push(format!("{name} is not the vendor's"));
                }
                continue;
            };
            for (property, value) in theirs.as_object().into_iter().flatten() {
                if &ours[property] != value {
                    different.push(format!("{name}.{property}: {} instead of {value}", ours[property]));
                }
            }
        }
        ensure!(different.is_empty(), "{path}: {different:#?}");
    }
    ensure!(described >= 5, "only {described} descriptions");
    Ok(())
}

#[test]
fn rows_and_missing_rows_look_like_the_vendors() -> Result<()> {
    let Some(lines) = recorded("salesforce.jsonl")? else { return Ok(()) };
    let caller = caller()?;
    let mut shown = 0;
    for line in lines.iter().filter(|line| line["method"] == "GET") {
        let path = line["path"].as_str().unwrap_or_default();
        let Some((object, _)) = path.split_once("/sobjects/").and_then(|(_, rest)| rest.split_once('/')) else {
            continue;
        };
        if path.ends_with("/describe") {
            continue;
        }
        if line["status"] == 404 {
            let heard = caller.get(&newest(path))?;
            assert_eq!((heard.status, &heard.json()?), (404, &line["body"]));
            same_headers(line, &heard, path)?;
            continue;
        }
        shown += 1;
        let known = caller.get(&format!("sobjects/{object}/describe"))?.json()?;
        let createable: Vec<&str> = known["fields"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|field| field["createable"] == true && field["type"] != "reference")
            .filter_map(|field| field["name"].as_str())
            .collect();
        let values = line["body"].as_object().context("a row")?;
        let values: serde_json::Map<String, Value> = values
            .iter()
            .filter(|(name, value)| createable.contains(&name.as_str()) && !value.is_null())
            .filter(|(name, _)| !name.ends_with("_External_ID__c"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let id = caller.create(object, values.into())?;
        let heard = caller.get(&format!("sobjects/{object}/{id}"))?;
        same_headers(line, &heard, path)?;
        let ours = heard.json()?;
        let mut found = Vec::new();
        differences(&line["body"], &ours, "", true, &mut found);
        for name in ours.as_object().into_iter().flat_map(|row| row.keys()) {
            // Custom fields came and went between the recordings.
            if line["body"].get(name).is_none() && !name.ends_with("__c") {
                found.push(format!("{name} is not the vendor's"));
            }
        }
        ensure!(found.is_empty(), "{path}: {found:#?}");
        for name in createable {
            let (theirs, ours) = (&line["body"][name], &ours[name]);
            // The recorder wrote 1 for 1.0.
            let same_number = theirs.is_number() && theirs.as_f64() == ours.as_f64();
            let kept = theirs == ours || same_number || theirs.is_null() || name.ends_with("_External_ID__c");
            ensure!(kept, "{path}: {name} is {ours} instead of {theirs}");
        }
    }
    ensure!(shown >= 10, "only {shown} rows");
    Ok(())
}

#[test]
fn recorded_queries_are_understood_and_answered_in_the_same_shape() -> Result<()> {
    let Some(lines) = recorded("salesforce.jsonl")? else { return Ok(()) };
    let caller = caller()?;
    for (object, values) in
        [("Account", json!({"Name": "x"})), ("Contact", json!({"LastName": "x"})), ("Topic", json!({"Name": "x"}))]
    {
        caller.create(object, values)?;
    }
    let mut asked = 0;
    for line in lines.iter().filter(|line| line["path"] == "/services/data/v42.0/query") {
        asked += 1;
        let text = line["query"]["q"].as_str().context("a query")?;
        let heard = caller.get(&format!("query?q={text}"))?;
        ensure!(heard.status == 200, "{text}: {heard:?}");
        same_headers(line, &heard, text)?;
        same_shape(&line["body"], &heard.json()?, text)?;
    }
    ensure!(asked >= 40, "only {asked} queries");
    Ok(())
}

#[test]
fn recorded_writes_have_the_same_results() -> Result<()> {
    let Some(lines) = recorded("salesforce.jsonl")? else { return Ok(()) };
    let caller = caller()?;
    let mut written = 0;
    for line in lines.iter().filter(|line| line["method"] != "GET") {
        written += 1;
        let method = line["method"].as_str().context("a method")?;
        let path = line["path"].as_str().context("a path")?;
        let about = format!("{method} {path} {}", line["request"]);
        let mut request = line["request"].clone();
        let mut query = String::new();
        if let Some(records) = request.get_mut("records").and_then(Value::as_array_mut) {
            for (place, record) in records.iter_mut().enumerate() {
                let converted = line["body"][place]["errors"][0]["statusCode"] == "CANNOT_UPDATE_CONVERTED_LEAD";
                if record.get("id").is_some() {
                    record["id"] = standing_row(&caller, &record["attributes"]["type"], converted)?.into();
                }
            }
        } else if let Some(ids) = line["query"]["ids"].as_str() {
            let ids = ids.split("%2C").map(|id| {
                let object = if id.starts_with("001") { "Account" } else { "Contact" };
                standing_row(&caller, &object.into(), false)
            });
            query = format!("?ids={}&allOrNone=true", ids.collect::<Result<Vec<_>>>()?.join(","));
        }
        let heard = caller.call(method, &format!("{}{query}", newest(path)), &[], &request.to_string())?;
        assert_eq!(u64::from(heard.status), line["status"].as_u64().unwrap_or_default(), "{about}: {heard:?}");
        same_headers(line, &heard, &about)?;
        let ours = heard.json()?;
        same_shape(&line["body"], &ours, &about)?;
        for (theirs, ours) in line["body"].as_array().into_iter().flatten().zip(ours.as_array().into_iter().flatten()) {
            same_shape(theirs, ours, &about)?;
            assert_eq!(theirs["success"], ours["success"], "{about}");
            assert_eq!(theirs["errors"], ours["errors"], "{about}");
        }
    }
    ensure!(written >= 15, "only {written} writes");
    Ok(())
}

/// A row that is there to be changed.
fn standing_row(caller: &Caller, object: &Value, converted: bool) -> Result<String> {
    let object = object.as_str().context("an object")?;
    let values = match object {
        "Account" => json!({"Name": "standing"}),
        "Lead" => json!({"LastName": "standing", "Company": "standing", "IsConverted": converted}),
        _ => json!({"LastName": "standing"}),
    };
    caller.create(object, values)
}

#[test]
fn change_events_have_the_keys_and_forms_of_recorded_ones() -> Result<()> {
    let Some(lines) = recorded("salesforce-cdc.jsonl")? else { return Ok(()) };
    let object = Object::custom(
        "Employee__c",
        "Employee",
        vec![
            Field::text("First_Name__c", "First Name", 80),
            Field::text("Last_Name__c", "Last Name", 80),
            Field::number("Tenure__c", "Tenure", Kind::Double, 18, 0),
        ],
    );
    let mut caller = Caller::start(Options { objects: vec![object], ..Options::default() })?;
    let client = caller.shake()?;
    caller.subscribe(&client, "/data/Employee__ChangeEvent", -1)?;
    let values = json!({"Name": "e-100", "First_Name__c": "Patricia", "Last_Name__c": "Smith"});
    let id = caller.org.create("Employee__c", values)?;
    caller.org.update("Employee__c", &id, json!({"Tenure__c": 3}))?;
    caller.org.delete("Employee__c", &id)?;
    caller.org.undelete("Employee__c", &id)?;
    let events = caller.hear(&client, 4)?;
    assert_eq!(lines.len(), events.len());
    for (theirs, ours) in lines.iter().zip(&events) {
        let about = theirs["payload"]["ChangeEventHeader"]["changeType"].to_string();
        same_shape(theirs, ours, &about)?;
        let header = |event: &Value, name: &str| event["payload"]["ChangeEventHeader"][name].clone();
        for name in ["entityName", "changeType", "changedFields"] {
            assert_eq!(header(theirs, name), header(ours, name), "{about} {name}");
        }
        for name in ["Name", "First_Name__c", "Last_Name__c", "Tenure__c"] {
            assert_eq!(theirs["payload"][name].to_string(), ours["payload"][name].to_string(), "{about} {name}");
        }
        let (theirs, ours) = (&theirs["payload"]["LastModifiedDate"], &ours["payload"]["LastModifiedDate"]);
        let form = |time: &Value| time.as_str().map(|text| (text.len(), text.ends_with(".000Z")));
        assert_eq!(form(theirs), form(ours), "{about}");
    }
    let ids: Vec<i64> = events.iter().filter_map(|event| event["event"]["replayId"].as_i64()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    Ok(())
}
