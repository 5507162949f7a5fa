//! One row at a time.

use std::time::Duration;

use anyhow::{Context, Result};
use lockstep_simulators::salesforce::{
    DuplicateRule, Edit, Effect, Field, Formula, Interjection, Moment, Object, Options, RowRefusal, Trigger,
    ValidationRule, long_id,
};
use serde_json::{Value, json};

use crate::caller::Caller;

#[test]
fn a_row_is_created_read_changed_and_deleted() -> Result<()> {
    let caller = Caller::new()?;
    let id = caller.create("Contact", json!({"LastName": "  Smith ", "firstname": "Ann", "Email": ""}))?;
    assert_eq!(long_id(&id[..15]).as_deref(), Some(id.as_str()));

    let heard = caller.get(&format!("sobjects/Contact/{}", &id[..15]))?;
    let row = heard.json()?;
    assert_eq!(row["Id"], id);
    assert_eq!(row["LastName"], "Smith", "trimmed");
    assert_eq!(row["Name"], "Ann Smith");
    assert_eq!(row["Email"], Value::Null, "an empty text is null");
    assert_eq!(row["MailingAddress"], Value::Null);
    assert!(heard.header("last-modified").is_some() && heard.header("etag").is_none());
    assert!(heard.header("sforce-limit-info").context("usage")?.starts_with("api-usage=2/"));

    let path = format!("sobjects/Contact/{id}");
    let heard = caller.patch(&path, json!({"MailingCity": "Oslo", "Birthdate": "1980-02-03"}))?;
    assert_eq!((heard.status, heard.text.as_str()), (204, ""));
    let row = caller.get(&format!("{path}?fields=MailingAddress,Birthdate"))?.json()?;
    assert_eq!(row["MailingAddress"]["city"], "Oslo");
    assert_eq!(row["MailingAddress"]["street"], Value::Null);
    assert_eq!(row["Birthdate"], "1980-02-03");
    assert!(row.get("LastName").is_none());

    assert_eq!(caller.call("DELETE", &path, &[], "")?.status, 204);
    let heard = caller.get(&path)?;
    assert_eq!(heard.status, 404);
    assert_eq!(heard.json()?, json!([{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]));
    let heard = caller.patch(&path, json!({"LastName": "x"}))?;
    assert_eq!((heard.status, heard.code()?.as_str()), (404, "ENTITY_IS_DELETED"));
    Ok(())
}

#[test]
fn a_precondition_tells_whole_seconds_apart_and_no_less() -> Result<()> {
    let caller = Caller::new()?;
    caller.org.clock().stop_at("2026-03-01T10:00:00.100Z".parse()?);
    let id = caller.create("Contact", json!({"LastName": "Smith"}))?;
    let path = format!("sobjects/Contact/{id}");
    let seen = caller.get(&path)?.header("last-modified").context("a time")?.to_owned();
    assert_eq!(seen, "Sun, 01 Mar 2026 10:00:00 GMT");
    let change = |title: &str| {
        let body = json!({"Title": title}).to_string();
        caller.call("PATCH", &path, &[("if-unmodified-since", &seen)], &body)
    };
    caller.org.clock().advance(Duration::from_millis(500));
    caller.org.update("Contact", &id, json!({"Title": "within the second"}))?;
    assert_eq!(change("slipped through")?.status, 204, "the vendor cannot tell edits within a second apart");
    caller.org.clock().advance(Duration::from_secs(1));
    caller.org.update("Contact", &id, json!({"Title": "a second later"}))?;
    let heard = change("too late")?;
    assert_eq!((heard.status, heard.code()?.as_str()), (412, "PRECONDITION_FAILED"));
    assert_eq!(caller.org.row("Contact", &id).context("the row")?["Title"], "a second later");
    let heard = caller.call("GET", &path, &[("if-modified-since", "Sun, 01 Mar 2026 10:00:01 GMT")], "")?;
    assert_eq!((heard.status, heard.text.as_str()), (304, ""));
    let heard = caller.call("PATCH", &path, &[("if-unmodified-since", "yesterday")], "{}")?;
    assert_eq!(heard.status, 400);
    // No precondition is honoured on a delete.
    assert_eq!(caller.call("DELETE", &path, &[("if-unmodified-since", &seen)], "")?.status, 204);
    Ok(())
}

#[test]
fn only_accounts_have_etags() -> Result<()> {
    let caller = Caller::new()?;
    let id = caller.create("Account", json!({"Name": "Acme"}))?;
    let path = format!("sobjects/Account/{id}");
    let etag = caller.get(&path)?.header("etag").context("an etag")?.to_owned();
    let change = |name: &str| caller.call("PATCH", &path, &[("if-match", &etag)], &json!({"Name": name}).to_string());
    assert_eq!(change("Acme 2")?.status, 204);
    assert_eq!(change("Acme 3")?.status, 412, "the etag is another one now, within the same second");
    assert_eq!(caller.call("GET", &path, &[("if-none-match", &etag)], "")?.status, 200);
    Ok(())
}

#[test]
fn values_the_vendor_refuses_are_refused_with_its_codes() -> Result<()> {
    let fields = vec![
        ("Contact".into(), Field::external_id("Ext__c", "Ext", 20)),
        ("Contact".into(), Field::picklist("Colour__c", "Colour", 255, &["Red", "Blue"]).restricted()),
        ("Contact".into(), Field::number("Score__c", "Score", lockstep_simulators::salesforce::Kind::Double, 4, 1)),
        ("Contact".into(), Field::checkbox("Vip__c", "Vip")),
    ];
    let caller = Caller::start(Options { fields, ..Options::default() })?;
    let account = caller.create("Account", json!({"Name": "Acme"}))?;
    let first = caller.create("Contact", json!({"LastName": "A", "Ext__c": "k1"}))?;
    for (values, code, field) in [
        (json!({}), "REQUIRED_FIELD_MISSING", "LastName"),
        (json!({"LastName": "x", "Email": "badone"}), "INVALID_EMAIL_ADDRESS", "Email"),
        (json!({"LastName": "x".repeat(81)}), "STRING_TOO_LONG", "LastName"),
        (json!({"LastName": "x", "Colour__c": "Green"}), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Colour__c"),
        (json!({"LastName": "x", "Score__c": 1000}), "NUMBER_OUTSIDE_VALID_RANGE", "Score__c"),
        (
            json!({"LastName": "x", "CreatedDate": "2020-01-01T00:00:00Z"}),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "CreatedDate",
        ),
        (json!({"LastName": "x", "Name": "y"}), "INVALID_FIELD_FOR_INSERT_UPDATE", "Name"),
        (json!({"LastName": "x", "AccountId": first}), "FIELD_INTEGRITY_EXCEPTION", "AccountId"),
        (json!({"LastName": "x", "AccountId": "nonsense"}), "MALFORMED_ID", "AccountId"),
    ] {
        let heard = caller.post("sobjects/Contact", values)?;
        assert_eq!((heard.status, heard.code()?.as_str()), (400, code), "{}", heard.text);
        assert_eq!(heard.json()?[0]["fields"], json!([field]));
    }
    for (values, code) in [
        (json!({"LastName": "x", "Ext__c": "K1"}), "DUPLICATE_VALUE"),
        (json!({"LastName": "x", "Nope__c": 1}), "INVALID_FIELD"),
        (json!({"LastName": "x", "Birthdate": "soon"}), "JSON_PARSER_ERROR"),
        (json!({"LastName": "x", "Vip__c": null}), "JSON_PARSER_ERROR"),
        (json!({"LastName": "x", "AccountId": format!("{}zzz", &account[..12])}), "INVALID_CROSS_REFERENCE_KEY"),
    ] {
        let heard = caller.post("sobjects/Contact", values)?;
        assert_eq!((heard.status, heard.code()?.as_str()), (400, code), "{}", heard.text);
    }
    let id = caller.create("Contact", json!({"LastName": "x", "Score__c": 12.37, "Vip__c": "true"}))?;
    let row = caller.org.row("Contact", &id).context("the row")?;
    assert_eq!((&row["Score__c"], &row["Vip__c"]), (&json!(12.3), &json!(true)), "extra decimals are cut off");
    assert_eq!(caller.org.count("Contact"), 2);
    Ok(())
}

#[test]
fn an_external_id_finds_creates_and_can_be_ambiguous() -> Result<()> {
    let shared = Field { unique: false, ..Field::external_id("Old__c", "Old", 20) };
    let fields = vec![("Account".into(), Field::external_id("Ext__c", "Ext", 20)), ("Account".into(), shared)];
    let caller = Caller::start(Options { fields, ..Options::default() })?;
    let path = "sobjects/Account/Ext__c/a%2F1";
    let heard = caller.patch(path, json!({"Name": "Acme"}))?;
    assert_eq!((heard.status, &heard.json()?["created"]), (201, &json!(true)));
    let id = heard.json()?["id"].clone();
    let heard = caller.patch(path, json!({"Name": "Acme 2"}))?;
    assert_eq!(
        (heard.status, heard.json()?),
        (200, json!({"id": id, "success": true, "errors": [], "created": false}))
    );
    let row = caller.get(path)?.json()?;
    assert_eq!((&row["Ext__c"], &row["Name"]), (&json!("a/1"), &json!("Acme 2")));

    let parent = json!({"Name": "Child", "Parent": {"Ext__c": "a/1"}});
    let child = caller.create("Account", parent)?;
    assert_eq!(caller.org.row("Account", &child).context("the row")?["ParentId"], id);

    for name in ["B", "C"] {
        caller.create("Account", json!({"Name": name, "Old__c": "same"}))?;
    }
    let heard = caller.patch("sobjects/Account/Old__c/same", json!({"Name": "D"}))?;
    assert_eq!((heard.status, heard.json()?.as_array().map(Vec::len)), (300, Some(2)));
    Ok(())
}

#[test]
fn rules_triggers_and_locks_stand_between_a_write_and_the_row() -> Result<()> {
    let caller = Caller::new()?;
    caller.org.add_validation_rule(ValidationRule {
        object: "Contact".into(),
        refuse_when: "Title = 'Banned'".into(),
        message: "Not this title".into(),
        field: Some("Title".into()),
    })?;
    let heard = caller.post("sobjects/Contact", json!({"LastName": "x", "Title": "banned"}))?;
    assert_eq!(
        heard.json()?[0],
        json!({"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Not this title", "fields": ["Title"]})
    );

    caller.org.add_duplicate_rule(DuplicateRule {
        object: "Contact".into(),
        name: "Same_Email".into(),
        fields: vec!["Email".into()],
        allow_save: true,
    });
    let first = caller.create("Contact", json!({"LastName": "x", "Email": "a@example.com"}))?;
    let twin = json!({"LastName": "y", "Email": "A@example.com"});
    let heard = caller.post("sobjects/Contact", twin.clone())?;
    let error = heard.json()?[0].clone();
    assert_eq!(error["errorCode"], "DUPLICATES_DETECTED");
    let found = &error["duplicateResult"]["matchResults"][0]["matchRecords"][0]["record"];
    assert_eq!(found["Id"], first);
    let insisting = [("sforce-duplicate-rule-header", "allowSave=true")];
    assert_eq!(caller.call("POST", "sobjects/Contact", &insisting, &twin.to_string())?.status, 201);

    let rewrite = |moment, effect| Trigger { object: "Contact".into(), moment, effect, api_only: false };
    caller.org.add_trigger(rewrite(Moment::Before, Effect::FormatPhone("Phone".into())));
    caller.org.add_trigger(rewrite(Moment::After, Effect::Upper("Department".into())));
    let path = format!("sobjects/Contact/{first}");
    caller.patch(&path, json!({"Phone": "4155551212", "Department": "sales"}))?;
    let row = caller.org.row("Contact", &first).context("the row")?;
    assert_eq!((&row["Phone"], &row["Department"]), (&json!("(415) 555-1212"), &json!("SALES")));
    assert_ne!(row["LastModifiedById"], row["CreatedById"], "the flow ran as its own user");

    caller.org.refuse_rows(RowRefusal::lock(1).on(&first));
    assert_eq!(caller.patch(&path, json!({"Phone": "1"}))?.code()?, "UNABLE_TO_LOCK_ROW");
    assert_eq!(caller.patch(&path, json!({"Phone": "1"}))?.status, 204);
    Ok(())
}

#[test]
fn a_merge_leaves_the_loser_in_the_bin_and_its_children_with_the_winner() -> Result<()> {
    let caller = Caller::new()?;
    let [winner, loser] = ["Acme", "ACME Inc"].map(|name| caller.create("Account", json!({"Name": name})));
    let (winner, loser) = (winner?, loser?);
    let child = caller.create("Contact", json!({"LastName": "x", "AccountId": loser}))?;
    caller.org.merge("Account", &winner, &[&loser])?;
    assert_eq!(caller.org.row("Contact", &child).context("the row")?["AccountId"], winner);
    let text = format!("SELECT Id, IsDeleted, MasterRecordId FROM Account WHERE Id = '{loser}'");
    assert_eq!(caller.query(&text)?["totalSize"], 0);
    let all = caller.get(&format!("queryAll?q={}", crate::caller::escaped(&text)))?.json()?;
    assert_eq!(all["records"][0]["IsDeleted"], true);
    assert_eq!(all["records"][0]["MasterRecordId"], winner);

    caller.org.delete("Account", &winner)?;
    assert_eq!(caller.org.count("Contact"), 0, "contacts go with their account");
    caller.org.undelete("Account", &winner)?;
    assert_eq!(caller.org.count("Contact"), 1);
    Ok(())
}

#[test]
fn formulas_move_without_the_rows_times_and_hidden_fields_are_not_there() -> Result<()> {
    let formula = Formula::Join { fields: vec!["Name".into(), "Code__c".into()], separator: "/".into() };
    let object = Object::custom(
        "Thing__c",
        "Thing",
        vec![
            Field::text("Code__c", "Code", 10),
            Field::text("Both__c", "Both", 100).formula(formula),
            Field::text("Secret__c", "Secret", 10).hidden(),
        ],
    );
    let caller = Caller::start(Options { objects: vec![object], ..Options::default() })?;
    let id = caller.create("Thing__c", json!({"Name": "n", "Code__c": "c"}))?;
    assert!(id.starts_with("a00"));
    let row = caller.get(&format!("sobjects/Thing__c/{id}"))?.json()?;
    assert_eq!(row["Both__c"], "n/c");
    assert!(row.get("Secret__c").is_none());
    let described = caller.get("sobjects/Thing__c/describe")?.json()?;
    let names: Vec<&str> =
        described["fields"].as_array().context("fields")?.iter().filter_map(|field| field["name"].as_str()).collect();
    assert!(names.contains(&"Both__c") && !names.contains(&"Secret__c"));
    assert_eq!(caller.post("sobjects/Thing__c", json!({"Secret__c": "x"}))?.code()?, "INVALID_FIELD");
    Ok(())
}

#[test]
fn a_person_gets_between_a_read_and_a_write() -> Result<()> {
    let caller = Caller::new()?;
    let id = caller.create("Contact", json!({"LastName": "Smith"}))?;
    let path = format!("sobjects/Contact/{id}");
    let edit = |title: &str| Edit::Update {
        object: "Contact".into(),
        id: id.clone(),
        values: json!({"Title": title}).as_object().cloned().unwrap_or_default(),
    };
    caller.org.interject(Interjection::before("PATCH", &id, vec![edit("before")]).skip(1));
    caller.org.interject(Interjection::after("GET", &id, vec![edit("after")]));
    assert_eq!(caller.get(&path)?.json()?["Title"], Value::Null);
    assert_eq!(caller.get(&path)?.json()?["Title"], "after");
    caller.patch(&path, json!({"Phone": "1"}))?;
    caller.patch(&path, json!({"Phone": "2"}))?;
    let row = caller.get(&path)?.json()?;
    assert_eq!((&row["Title"], &row["Phone"]), (&json!("before"), &json!("2")));
    let origins = caller.org.events();
    assert_eq!(origins.len(), 5, "each write is told by itself");
    Ok(())
}
