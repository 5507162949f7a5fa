//! Many rows at once: collections, composite calls, bulk jobs.

use anyhow::{Context, Result};
use lockstep_simulators::salesforce::{Field, Options, RowRefusal, Settings};
use serde_json::{Value, json};

use crate::caller::Caller;

fn records(rows: impl IntoIterator<Item = Value>) -> Value {
    let rows = rows.into_iter().map(|mut row| {
        row["attributes"] = json!({"type": "Contact"});
        row
    });
    json!({"allOrNone": false, "records": rows.collect::<Vec<_>>()})
}

#[test]
fn each_row_of_a_collection_has_its_own_result() -> Result<()> {
    let caller = Caller::new()?;
    let body = records([json!({"LastName": "A"}), json!({"LastName": null}), json!({"LastName": "B"})]);
    let results = caller.post("composite/sobjects", body.clone())?.json()?;
    assert_eq!(results[0]["errors"], json!([]));
    assert_eq!(
        results[1],
        json!({"success": false, "errors": [{"statusCode": "REQUIRED_FIELD_MISSING",
            "message": "Required fields are missing: [LastName]", "fields": ["LastName"]}]})
    );
    assert_eq!(caller.org.count("Contact"), 2);

    let mut strict = body;
    strict["allOrNone"] = true.into();
    let results = caller.post("composite/sobjects", strict)?.json()?;
    assert_eq!(results[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(results[1]["errors"][0]["statusCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(caller.org.count("Contact"), 2);
    assert_eq!(caller.org.events().len(), 2, "what was rolled back is not told");

    let unreadable = records([json!({"LastName": "C"}), json!({"LastName": "D", "Nope__c": 1})]);
    let heard = caller.post("composite/sobjects", unreadable)?;
    assert_eq!((heard.status, heard.code()?.as_str()), (400, "INVALID_FIELD"));
    let many = records((0..201).map(|number| json!({"LastName": number.to_string()})));
    assert_eq!(caller.post("composite/sobjects", many)?.code()?, "EXCEEDED_ID_LIMIT");
    assert_eq!(caller.org.count("Contact"), 2);
    Ok(())
}

#[test]
fn a_collection_of_updates_and_deletes_isolates_what_is_locked_or_gone() -> Result<()> {
    let caller = Caller::new()?;
    let [a, b, c] = ["A", "B", "C"].map(|name| caller.create("Contact", json!({"LastName": name})));
    let (a, b, c) = (a?, b?, c?);
    caller.org.delete("Contact", &c)?;
    caller.org.refuse_rows(RowRefusal::lock(1).on(&b));
    let body = records([&a, &b, &c].map(|id| json!({"id": id, "Title": "T"})));
    let results = caller.patch("composite/sobjects", body)?.json()?;
    assert_eq!(results[0], json!({"id": a, "success": true, "errors": []}));
    assert_eq!(results[1]["errors"][0]["statusCode"], "UNABLE_TO_LOCK_ROW");
    assert_eq!(results[2]["errors"][0]["statusCode"], "ENTITY_IS_DELETED");
    assert!(results[1].get("id").is_none());

    let body = json!({"ids": [a, c, b], "fields": ["Title"]});
    let rows = caller.post("composite/sobjects/Contact", body)?.json()?;
    assert_eq!((&rows[0]["Title"], &rows[1], &rows[2]["Id"]), (&json!("T"), &Value::Null, &json!(b)));

    let results = caller.call("DELETE", &format!("composite/sobjects?ids={a},{c}&allOrNone=false"), &[], "")?.json()?;
    assert_eq!((&results[0]["success"], &results[1]["success"]), (&json!(true), &json!(false)));
    Ok(())
}

#[test]
fn a_collection_is_upserted_by_an_external_id() -> Result<()> {
    let fields = vec![("Contact".into(), Field::external_id("Ext__c", "Ext", 20))];
    let caller = Caller::start(Options { fields, ..Options::default() })?;
    let body = records([json!({"Ext__c": "1", "LastName": "A"}), json!({"Ext__c": "2", "LastName": "B"})]);
    let first = caller.patch("composite/sobjects/Contact/Ext__c", body.clone())?.json()?;
    assert_eq!((&first[0]["created"], &first[1]["created"]), (&json!(true), &json!(true)));
    let second = caller.patch("composite/sobjects/Contact/Ext__c", body)?.json()?;
    assert_eq!((&second[0]["created"], &second[0]["id"]), (&json!(false), &first[0]["id"]));
    assert_eq!(caller.org.count("Contact"), 2);
    Ok(())
}

#[test]
fn a_bulk_query_is_read_page_by_page_until_the_word_null() -> Result<()> {
    let settings = Settings { bulk_ms: 150, ..Settings::default() };
    let caller = Caller::start(Options { settings, ..Options::default() })?;
    for number in 0..5 {
        caller.org.create("Contact", json!({"LastName": format!("N\"{number}\"")}))?;
    }
    let query = "SELECT Id, LastName, Email, CreatedDate, Account.Name FROM Contact ORDER BY Id";
    let job = caller.post("jobs/query", json!({"operation": "query", "query": query}))?.json()?;
    assert_eq!((&job["state"], &job["object"]), (&json!("UploadComplete"), &json!("Contact")));
    let path = format!("jobs/query/{}", job["id"].as_str().context("an id")?);
    assert_eq!(caller.get(&path)?.json()?["state"], "InProgress");
    while caller.get(&path)?.json()?["state"] != "JobComplete" {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let mut locator = String::new();
    let mut lines = Vec::new();
    let mut pages = 0;
    while locator != "null" {
        let from = if locator.is_empty() { String::new() } else { format!("&locator={locator}") };
        let heard = caller.get(&format!("{path}/results?maxRecords=2{from}"))?;
        assert!(heard.header("content-type").is_some_and(|kind| kind.starts_with("text/csv")));
        lines.extend(heard.text.lines().skip(1).map(str::to_owned));
        locator = heard.header("sforce-locator").context("a locator")?.to_owned();
        pages += 1;
    }
    assert_eq!((pages, lines.len()), (3, 5));
    assert!(lines[0].contains("\"N\"\"0\"\"\",\"\",\""), "{}", lines[0]);
    assert!(lines[0].ends_with("Z\",\"\""), "{}", lines[0]);
    let heard = caller.post("jobs/query", json!({"operation": "query", "query": "SELECT Nope FROM Contact"}))?;
    assert_eq!(heard.code()?, "INVALID_FIELD");
    Ok(())
}

#[test]
fn a_bulk_ingest_saves_what_it_can_and_lists_the_rest() -> Result<()> {
    let fields = vec![("Contact".into(), Field::external_id("Ext__c", "Ext", 20))];
    let caller = Caller::start(Options { fields, ..Options::default() })?;
    let old = caller.create("Contact", json!({"LastName": "Old", "Ext__c": "1", "Title": "T", "Phone": "1"}))?;
    let job = json!({"object": "Contact", "operation": "upsert", "externalIdFieldName": "Ext__c"});
    let job = caller.post("jobs/ingest", job)?.json()?;
    assert_eq!(job["state"], "Open");
    let path = format!("jobs/ingest/{}", job["id"].as_str().context("an id")?);
    let file = "Ext__c,LastName,Title,Phone,Email\n1,New,#N/A,,\n2,\"Two, Too\",,,\n3,Three,,,nonsense\n";
    let csv = [("content-type", "text/csv")];
    assert_eq!(caller.call("PUT", &format!("{path}/batches"), &csv, file)?.status, 201);
    assert_eq!(caller.patch(&path, json!({"state": "UploadComplete"}))?.status, 200);
    let info = caller.get(&path)?.json()?;
    let counts = (&info["state"], &info["numberRecordsProcessed"], &info["numberRecordsFailed"]);
    assert_eq!(counts, (&json!("JobComplete"), &json!(3), &json!(1)));
    let succeeded = caller.get(&format!("{path}/successfulResults"))?.text;
    assert!(succeeded.starts_with("\"sf__Id\",\"sf__Created\",\"Ext__c\""), "{succeeded}");
    assert!(succeeded.contains(&format!("\"{old}\",\"false\"")), "{succeeded}");
    let failed = caller.get(&format!("{path}/failedResults"))?.text;
    assert!(failed.contains("INVALID_EMAIL_ADDRESS:Email: invalid email address: nonsense:Email"), "{failed}");
    let row = caller.org.row("Contact", &old).context("the row")?;
    assert_eq!((&row["LastName"], &row["Title"], &row["Phone"]), (&json!("New"), &Value::Null, &json!("1")));
    Ok(())
}

#[test]
fn calls_in_one_refer_to_each_other_and_stand_or_fall_together() -> Result<()> {
    let caller = Caller::new()?;
    let part = |name: &str, body: Value, object: &str| {
        let url = format!("/services/data/v67.0/sobjects/{object}");
        json!({"method": "POST", "url": url, "referenceId": name, "body": body})
    };
    let account = part("a", json!({"Name": "Acme"}), "Account");
    let good = part("c", json!({"LastName": "x", "AccountId": "@{a.id}"}), "Contact");
    let answer = caller.post("composite", json!({"allOrNone": true, "compositeRequest": [account, good]}))?.json()?;
    assert_eq!(answer["compositeResponse"][1]["httpStatusCode"], 201);
    let found = caller.query("SELECT Id FROM Contact WHERE Account.Name = 'Acme'")?;
    assert_eq!(found["totalSize"], 1);

    let bad = part("c", json!({"AccountId": "@{a.id}"}), "Contact");
    for (all_or_none, accounts) in [(true, 1), (false, 2)] {
        let body = json!({"allOrNone": all_or_none, "compositeRequest": [account, bad]});
        let answer = caller.post("composite", body)?.json()?;
        assert_eq!(answer["compositeResponse"][1]["httpStatusCode"], 400);
        assert_eq!(caller.org.count("Account"), accounts, "all or none: {all_or_none}");
    }
    Ok(())
}
