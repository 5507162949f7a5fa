//! Change events, as streaming clients hear them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lockstep_simulators::DeliveryFaults;
use lockstep_simulators::salesforce::{Edit, Field, Options, Settings};
use serde_json::{Value, json};

use crate::caller::Caller;

const CONTACTS: &str = "/data/ContactChangeEvent";

fn members(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[test]
fn a_change_is_told_with_what_changed_and_who_did_it() -> Result<()> {
    let mut caller = Caller::new()?;
    let client = caller.shake()?;
    assert_eq!(caller.subscribe(&client, CONTACTS, -1)?["successful"], true);
    caller.org.clock().stop_at("2026-03-01T10:00:00.250Z".parse()?);
    let options = [("sforce-call-options", "client=lockstep-test")];
    let body = json!({"LastName": "Smith", "FirstName": "Ann", "MailingCity": "Oslo"}).to_string();
    let heard = caller.call("POST", "sobjects/Contact", &options, &body)?;
    let id = heard.json()?["id"].clone();
    let event = caller.hear(&client, 1)?.remove(0);
    let payload = &event["payload"];
    let header = &payload["ChangeEventHeader"];
    assert_eq!(header["changeType"], "CREATE");
    assert_eq!(header["recordIds"], json!([id]));
    assert_eq!(header["changedFields"], json!([]));
    assert_eq!(header["changeOrigin"], "com/salesforce/api/rest/67.0;client=lockstep-test");
    assert_eq!(header["commitTimestamp"], 1_772_359_200_250_i64);
    assert_eq!(payload["Name"], json!({"LastName": "Smith", "FirstName": "Ann"}));
    assert_eq!(payload["MailingAddress"], json!({"City": "Oslo"}));
    assert_eq!(payload["CreatedDate"], "2026-03-01T10:00:00.000Z");
    for never in ["Id", "SystemModstamp", "Email", "IsDeleted"] {
        assert!(payload.get(never).is_none(), "{never}");
    }

    let id = id.as_str().context("an id")?;
    caller.org.update("Contact", id, json!({"MailingCity": null, "MailingStreet": "1 Way", "Title": "Boss"}))?;
    let event = caller.hear(&client, 1)?.remove(0);
    let payload = &event["payload"];
    let header = &payload["ChangeEventHeader"];
    let changed =
        json!(["LastModifiedById", "LastModifiedDate", "MailingAddress.City", "MailingAddress.Street", "Title"]);
    assert_eq!(header["changedFields"], changed);
    assert_eq!(payload["MailingAddress"], json!({"Street": "1 Way"}), "what became null is named and absent");
    assert!(header["changeOrigin"].as_str().is_some_and(|own| own.contains("SfdcInternalAPI")));

    caller.org.delete("Contact", id)?;
    let event = caller.hear(&client, 1)?.remove(0);
    assert_eq!(members(event["payload"].clone()).len(), 1, "a delete tells nothing but its header");
    caller.org.undelete("Contact", id)?;
    let event = caller.hear(&client, 1)?.remove(0);
    assert_eq!(event["payload"]["ChangeEventHeader"]["changeType"], "UNDELETE");
    assert_eq!(event["payload"]["Title"], "Boss");
    Ok(())
}

#[test]
fn one_transaction_shares_a_key_and_equal_changes_share_an_event() -> Result<()> {
    let mut caller = Caller::new()?;
    let ids = ["A", "B", "C"].map(|name| caller.org.create("Contact", json!({"LastName": name})));
    let [a, b, c] = ids;
    let (a, b, c) = (a?, b?, c?);
    let client = caller.shake()?;
    caller.subscribe(&client, "/data/ChangeEvents", -1)?;
    let update = |id: &str, title: &str| Edit::Update {
        object: "Contact".into(),
        id: id.into(),
        values: members(json!({"Title": title})),
    };
    caller.org.edit(&[update(&a, "same"), update(&b, "same"), update(&c, "other")])?;
    let events = caller.hear(&client, 2)?;
    let headers: Vec<&Value> = events.iter().map(|event| &event["payload"]["ChangeEventHeader"]).collect();
    assert_eq!(headers[0]["recordIds"], json!([a, b]));
    assert_eq!(headers[1]["recordIds"], json!([c]));
    assert_eq!(headers[0]["transactionKey"], headers[1]["transactionKey"]);
    assert_eq!((&headers[0]["sequenceNumber"], &headers[1]["sequenceNumber"]), (&json!(1), &json!(2)));
    assert_eq!(headers[0]["commitNumber"], headers[1]["commitNumber"]);
    Ok(())
}

#[test]
fn a_connect_is_held_open_until_something_happens() -> Result<()> {
    let settings = Settings { connect_hold_ms: 400, ..Settings::default() };
    let mut caller = Caller::start(Options { settings, ..Options::default() })?;
    let client = caller.shake()?;
    caller.subscribe(&client, CONTACTS, -1)?;
    let started = Instant::now();
    let replies = caller.connect(&client)?;
    assert!(started.elapsed() >= Duration::from_millis(400));
    assert_eq!(replies.len(), 1, "nothing happened");
    assert_eq!(replies[0]["advice"], json!({"reconnect": "retry", "interval": 0, "timeout": 400}));
    std::thread::scope(|scope| -> Result<()> {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            caller.org.create("Contact", json!({"LastName": "x"}))
        });
        let started = Instant::now();
        let replies = caller.connect(&client)?;
        assert!(started.elapsed() < Duration::from_millis(350), "woken");
        assert_eq!(replies[0]["channel"], CONTACTS);
        Ok(())
    })
}

#[test]
fn replay_reaches_back_as_far_as_events_are_kept() -> Result<()> {
    let mut caller = Caller::new()?;
    for name in ["A", "B", "C"] {
        caller.org.create("Contact", json!({"LastName": name}))?;
    }
    let client = caller.shake()?;
    caller.subscribe(&client, CONTACTS, -2)?;
    let all = caller.hear(&client, 3)?;
    let first = all[0]["event"]["replayId"].as_i64().context("a replay id")?;
    let client = caller.shake()?;
    caller.subscribe(&client, CONTACTS, first)?;
    assert_eq!(caller.hear(&client, 2)?, all[1..]);

    caller.org.clock().advance(Duration::from_secs(73 * 60 * 60));
    caller.org.create("Contact", json!({"LastName": "D"}))?;
    let client = caller.shake()?;
    let refused = caller.subscribe(&client, CONTACTS, first)?;
    assert_eq!(refused["successful"], false);
    let error = refused["error"].as_str().context("an error")?;
    assert!(error.starts_with(&format!("400::The replayId {{{first}}} you provided was invalid.")), "{error}");
    let refused = caller.subscribe(&client, "/data/NoSuchChangeEvent", -1)?;
    assert!(refused["error"].as_str().is_some_and(|error| error.starts_with("400::The channel")));
    Ok(())
}

#[test]
fn a_client_that_is_not_known_or_not_allowed_is_told_so() -> Result<()> {
    let mut caller = Caller::new()?;
    let client = caller.shake()?;
    caller.org.forget_streaming_clients();
    let reply = caller.connect(&client)?.remove(0);
    assert_eq!(reply["error"], "403::Unknown client");
    assert_eq!(reply["advice"]["reconnect"], "handshake");

    let client = caller.shake()?;
    caller.forget_cookie();
    let reply = caller.connect(&client)?.remove(0);
    assert!(reply["error"].as_str().is_some_and(|error| error.contains("no BAYEUX_BROWSER cookie")), "{reply}");

    caller.org.end_sessions();
    let reply = caller.connect(&client)?.remove(0);
    assert_eq!(reply["error"], "401::Authentication invalid");
    let message = json!([{"channel": "/meta/handshake", "supportedConnectionTypes": ["long-polling"]}]);
    let reply = caller.say(message)?.remove(0);
    assert_eq!(reply["error"], "403::Handshake denied");
    assert_eq!(reply["ext"]["sfdc"]["failureReason"], "401::Authentication invalid");
    Ok(())
}

#[test]
fn gaps_overflows_and_unreliable_deliveries_come_on_demand() -> Result<()> {
    let mut caller = Caller::new()?;
    let client = caller.shake()?;
    caller.subscribe(&client, CONTACTS, -1)?;
    caller.org.tell_as_gaps(1);
    let id = caller.org.create("Contact", json!({"LastName": "A"}))?;
    caller.org.publish_gap("GAP_OVERFLOW", "Contact", &["000000000000000AAA".into()]);
    let events = caller.hear(&client, 2)?;
    let header = &events[0]["payload"]["ChangeEventHeader"];
    assert_eq!((&header["changeType"], &header["recordIds"]), (&json!("GAP_CREATE"), &json!([id])));
    assert_eq!(members(events[0]["payload"].clone()).len(), 1);
    assert_eq!(events[1]["payload"]["ChangeEventHeader"]["changeType"], "GAP_OVERFLOW");

    caller.org.faults().set_deliveries(DeliveryFaults { drop: 1, duplicate: 1, ..DeliveryFaults::default() });
    let edits: Vec<Edit> = ["B", "C"]
        .map(|name| Edit::Create { object: "Contact".into(), values: members(json!({"LastName": name})) })
        .into();
    caller.org.edit(&edits)?;
    let events = caller.hear(&client, 2)?;
    assert_eq!(events[0], events[1], "one dropped, one doubled");
    assert_eq!(events[0]["payload"]["Name"]["LastName"], "C");
    Ok(())
}

#[test]
fn a_second_connect_ends_the_first_and_hears_what_comes() -> Result<()> {
    let mut caller = Caller::new()?;
    let client = caller.shake()?;
    caller.subscribe(&client, CONTACTS, -1)?;
    std::thread::scope(|scope| -> Result<()> {
        let first = scope.spawn(|| caller.connect(&client));
        std::thread::sleep(Duration::from_millis(100));
        let second = scope.spawn(|| caller.connect(&client));
        let first = first.join().map_err(|_| anyhow::anyhow!("panicked"))??;
        assert_eq!((first.len(), &first[0]["successful"]), (1, &json!(true)), "answered at once, with nothing");
        caller.org.create("Contact", json!({"LastName": "x"}))?;
        let second = second.join().map_err(|_| anyhow::anyhow!("panicked"))??;
        assert_eq!(second[0]["channel"], CONTACTS);
        Ok(())
    })
}

#[test]
fn an_object_that_is_not_captured_or_a_field_that_is_hidden_is_not_told() -> Result<()> {
    let fields = vec![("Contact".into(), Field::text("Secret__c", "Secret", 20).hidden())];
    let mut caller = Caller::start(Options { fields, ..Options::default() })?;
    caller.org.capture("Lead", false);
    let client = caller.shake()?;
    let refused = caller.subscribe(&client, "/data/LeadChangeEvent", -1)?;
    assert_eq!(refused["successful"], false);
    caller.subscribe(&client, "/data/ChangeEvents", -1)?;
    caller.org.create("Lead", json!({"LastName": "x", "Company": "y"}))?;
    caller.org.create("Contact", json!({"LastName": "x", "Secret__c": "s"}))?;
    let event = caller.hear(&client, 1)?.remove(0);
    assert_eq!(event["payload"]["ChangeEventHeader"]["entityName"], "Contact");
    assert!(event["payload"].get("Secret__c").is_none());
    Ok(())
}

#[test]
fn what_is_too_much_for_one_transaction_or_one_event_is_not_told_in_full() -> Result<()> {
    let long: Vec<(String, Field)> =
        (0..9).map(|number| ("Contact".into(), Field::area(&format!("Long{number}__c"), "Long", 131_072))).collect();
    let mut caller = Caller::start(Options { fields: long, ..Options::default() })?;
    let client = caller.shake()?;
    caller.subscribe(&client, CONTACTS, -1)?;
    caller.org.with(|state| state.events.overflow_above = 3);
    let edits: Vec<Edit> = (0..5)
        .map(|number| Edit::Create {
            object: "Contact".into(),
            values: members(json!({"LastName": number.to_string()})),
        })
        .collect();
    caller.org.edit(&edits)?;
    let kinds = |events: &[Value]| -> Vec<String> {
        let kind = |event: &Value| event["payload"]["ChangeEventHeader"]["changeType"].as_str().map(str::to_owned);
        events.iter().filter_map(kind).collect()
    };
    let events = caller.hear(&client, 4)?;
    assert_eq!(kinds(&events), ["CREATE", "CREATE", "CREATE", "GAP_OVERFLOW"]);
    let header = &events[3]["payload"]["ChangeEventHeader"];
    assert_eq!((&header["recordIds"], &header["sequenceNumber"]), (&json!(["000000000000000AAA"]), &json!(4)));

    let mut values = members(json!({"LastName": "x"}));
    values.extend((0..9).map(|number| (format!("Long{number}__c"), "x".repeat(131_000).into())));
    caller.org.edit(&[Edit::Create { object: "Contact".into(), values }])?;
    assert_eq!(kinds(&caller.hear(&client, 1)?), ["GAP_CREATE"]);
    Ok(())
}
