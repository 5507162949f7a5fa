//! The control surface over HTTP: what its description shows is what it takes.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::caller::Caller;

#[test]
fn everything_described_is_understood() -> Result<()> {
    let caller = Caller::new()?;
    let post = |path: &str, body: Value| -> Result<Value> {
        let heard = caller.post(&format!("/__sim/{path}"), body)?;
        ensure!(heard.status < 300, "{path}: {heard:?}");
        if heard.text.is_empty() { Ok(Value::Null) } else { heard.json() }
    };
    let made = post(
        "edits",
        json!([{"create": {"object": "Contact", "values": {"LastName": "A"}}},
        {"create": {"object": "Contact", "values": {"LastName": "B"}}}]),
    )?;
    let (first, second) = (made[0].as_str().context("an id")?, made[1].as_str().context("an id")?);
    post("edits", json!([{"update": {"object": "Contact", "id": first, "values": {"Title": "T"}}}]))?;
    post("edits", json!([{"merge": {"object": "Contact", "winner": first, "losers": [second]}}]))?;
    post("edits", json!([{"delete": {"object": "Contact", "id": first}}]))?;
    post("edits", json!([{"undelete": {"object": "Contact", "id": first}}]))?;
    let row = caller.get(&format!("/__sim/rows/Contact/{second}"))?.json()?;
    assert_eq!((&row["IsDeleted"], &row["MasterRecordId"]), (&json!(true), &json!(first)));

    let edit = json!([{"update": {"object": "Contact", "id": first, "values": {"Title": "late"}}}]);
    post("late_edits", json!({"edits": edit, "commit_after_ms": 50}))?;
    post("interject", json!({"method": "GET", "path": "/limits", "when": "before", "edits": edit}))?;
    post(
        "objects",
        json!({"name": "Thing__c", "label": "Thing", "fields": [{"name": "Code__c", "label": "Code", "type": "string", "length": 10}]}),
    )?;
    post(
        "fields/Contact",
        json!({"name": "Score__c", "label": "Score", "type": "double", "precision": 5, "scale": 2}),
    )?;
    for rule in [
        json!({"validation": {"object": "Contact", "refuse_when": "Title = 'x'", "message": "No", "field": "Title"}}),
        json!({"duplicate": {"object": "Contact", "name": "R", "fields": ["Email"], "allow_save": true}}),
        json!({"trigger": {"object": "Contact", "moment": "before", "effect": {"format_phone": "Phone"}}}),
        json!({"refusal": {"code": "INSUFFICIENT_ACCESS", "message": "No", "id": first, "times": 1}}),
    ] {
        post("rules", rule)?;
    }
    let path = format!("sobjects/Contact/{first}");
    assert_eq!(caller.patch(&path, json!({"Phone": "4155551212"}))?.code()?, "INSUFFICIENT_ACCESS");
    assert_eq!(caller.patch(&path, json!({"Phone": "4155551212", "Score__c": 1.255}))?.status, 204);
    let row = caller.org.row("Contact", first).context("the row")?;
    assert_eq!((&row["Phone"], &row["Score__c"]), (&json!("(415) 555-1212"), &json!(1.25)));
    let refused = caller
        .post("/__sim/rules", json!({"validation": {"object": "Contact", "refuse_when": "?", "message": "No"}}))?;
    assert_eq!(refused.status, 400);

    post(
        "gaps",
        json!({"publish": {"kind": "GAP_OVERFLOW", "object": "Contact", "record_ids": ["000000000000000AAA"]}}),
    )?;
    post("gaps", json!({"next": 1}))?;
    post("settings", json!({"api_calls_max": 7}))?;
    assert_eq!(caller.get("/__sim/settings")?.json()?["api_calls_max"], 7);
    assert!(post("sessions", json!({}))?["refresh_token"].is_string());
    assert!(caller.get("/__sim/events")?.json()?.as_array().is_some_and(|events| events.len() > 5));
    assert_eq!(caller.get("/__sim/usage")?.json()?["api_calls"], 2);
    post("faults", json!({"method": "PATCH", "path": "/contacts", "skip": 1, "times": 2, "fault": "cut_after"}))?;
    post("deliveries", json!({"drop": 1, "duplicate": 1, "reverse": 1, "delay_ms": 500}))?;
    for gone in ["sessions", "streaming_clients", "rules", "faults", "requests"] {
        assert_eq!(caller.call("DELETE", &format!("/__sim/{gone}"), &[], "")?.status, 204, "{gone}");
    }
    assert_eq!(caller.get("limits")?.status, 401);
    Ok(())
}
