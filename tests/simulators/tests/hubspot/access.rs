//! Tokens, scopes, limits, owners, the account itself.

use std::time::Duration;

use anyhow::Result;
use lockstep_simulators::{
    Fault, Rule,
    hubspot::{Settings, unavailable},
};
use serde_json::json;

use crate::client::Caller;

#[test]
fn oauth_tokens_last_half_an_hour() -> Result<()> {
    let mut hub = Caller::start()?;
    let (client, secret, refresh) = hub.account.install(7, &["crm.objects.contacts.read"]);
    let form = format!("grant_type=refresh_token&client_id={client}&client_secret={secret}&refresh_token={refresh}");
    let kind = "application/x-www-form-urlencoded";
    let granted = hub.raw("POST", "/oauth/v1/token", "", kind, &form)?;
    assert_eq!((granted.status, &granted.body["expires_in"]), (200, &json!(1_800)));
    hub.token = granted.text("/access_token")?;
    let answer = hub.get("/crm/v3/objects/contacts")?;
    assert_eq!(answer.status, 200);
    assert!(answer.header("x-hubspot-ratelimit-daily").is_none(), "an OAuth app has no daily limit");
    let forbidden = hub.post("/crm/v3/objects/contacts", &json!({ "properties": {} }))?;
    assert_eq!((forbidden.status, forbidden.text("/category")?.as_str()), (403, "MISSING_SCOPES"));

    hub.account.stage().clock.advance(Duration::from_secs(1_801));
    let expired = hub.get("/crm/v3/objects/contacts")?;
    assert_eq!((expired.status, expired.text("/category")?.as_str()), (401, "EXPIRED_AUTHENTICATION"));
    let again = hub.raw("POST", "/oauth/2026-09/token", "", kind, &form)?;
    hub.token = again.text("/access_token")?;
    assert_eq!(hub.get("/crm/v3/objects/contacts")?.status, 200);
    hub.account.uninstall(7);
    assert_eq!(hub.get("/crm/v3/objects/contacts")?.status, 401);
    let refused = hub.raw("POST", "/oauth/v1/token", "", kind, &form)?;
    assert_eq!((refused.status, refused.text("/status")?.as_str()), (400, "BAD_REFRESH_TOKEN"));
    assert_eq!(hub.raw("GET", "/crm/v3/objects/contacts", "", kind, "")?.status, 401);
    Ok(())
}

#[test]
fn bursts_are_refused_and_counted() -> Result<()> {
    let hub = Caller::with(Settings { burst_max: 3, ..Settings::default() })?;
    hub.account.stage().clock.stop_at("2026-01-02T03:04:05Z".parse()?);
    for left in ["2", "1", "0"] {
        let answer = hub.get("/crm/v3/objects/contacts")?;
        assert_eq!((answer.status, answer.header("x-hubspot-ratelimit-remaining")), (200, Some(left)));
    }
    let refused = hub.get("/crm/v3/objects/contacts")?;
    assert_eq!((refused.status, refused.text("/policyName")?.as_str()), (429, "TEN_SECONDLY_ROLLING"));
    assert_eq!(refused.text("/message")?, "You have reached your ten_secondly_rolling limit.");
    assert!(refused.header("retry-after").is_none(), "not promised");
    hub.account.stage().clock.advance(Duration::from_secs(10));
    assert_eq!(hub.get("/crm/v3/objects/contacts")?.status, 200);
    assert_eq!(hub.account.calls(), (4, 1));
    let usage = hub.get("/account-info/v3/api-usage/daily/private-apps")?;
    assert_eq!(usage.body["results"][0]["currentUsage"], 5);
    Ok(())
}

#[test]
fn faults_happen_in_the_vendors_words() -> Result<()> {
    let hub = Caller::start()?;
    let faults = &hub.account.stage().faults;
    faults.inject(Rule::next("/contacts", unavailable()));
    assert_eq!(hub.get("/crm/v3/objects/contacts")?.status, 503);
    faults.inject(Rule::next("/contacts", Fault::CutAfter).method("POST"));
    assert!(hub.post("/crm/v3/objects/contacts", &json!({ "properties": { "city": "Bern" } })).is_err());
    assert_eq!(hub.account.all("contacts").len(), 1, "it took effect all the same");
    assert_eq!(hub.account.stage().traffic.count("POST", "/contacts"), 1);
    Ok(())
}

#[test]
fn owners_can_be_listed_and_owned_by() -> Result<()> {
    let hub = Caller::start()?;
    let page = hub.get("/crm/v3/owners?limit=1")?;
    assert_eq!(page.text("/results/0/email")?, "ada@example.com");
    let next = hub.get(&format!("/crm/owners/2026-09?after={}", page.text("/paging/next/after")?))?;
    assert_eq!(next.text("/results/0/firstName")?, "Grace");
    hub.create("contacts", &json!({ "hubspot_owner_id": page.text("/results/0/id")? }))?;
    assert_eq!(hub.get("/account-info/2026-09/details")?.body["portalId"], 20_858_235);
    Ok(())
}

#[test]
fn everything_can_be_steered_over_http() -> Result<()> {
    let hub = Caller::start()?;
    let created = json!({ "create": { "object": "contacts", "values": { "city": "Bern" } } });
    assert_eq!(hub.post("/__sim/act", &created)?.status, 204);
    let records = hub.get("/__sim/records/contacts")?;
    let id = records.body.as_object().and_then(|records| records.keys().next().cloned()).unwrap_or_default();
    let edited = json!({ "edit": { "object": "contacts", "id": id.parse::<u64>()?, "values": { "city": "Chur" } } });
    hub.post("/__sim/act", &edited)?;
    let history = hub.get(&format!("/__sim/records/contacts/{id}/history"))?;
    assert_eq!(history.text("/city/1/value")?, "Chur");
    let set = hub.patch("/__sim/settings", &json!({ "burst_max": 1, "search_lag_ms": 7 }))?;
    assert_eq!((&set.body["burst_max"], &set.body["daily_max"]), (&json!(1), &json!(250_000)));
    assert_eq!(hub.patch("/__sim/settings", &json!({ "brust_max": 1 }))?.status, 400);
    let token = hub.post("/__sim/tokens", &json!({ "app": 9, "scopes": [] }))?.text("/token")?;
    assert!(token.starts_with("pat-"));
    assert_eq!(hub.get("/__sim/calls")?.body, json!({ "admitted": 0, "refused": 0 }), "steering is not calling");
    Ok(())
}

#[test]
fn answers_tell_the_accounts_time_and_long_addresses_are_refused() -> Result<()> {
    let hub = Caller::start()?;
    hub.account.stage().clock.stop_at("2026-01-02T03:04:05.678Z".parse()?);
    let answer = hub.get("/crm/v3/objects/contacts")?;
    assert_eq!(answer.header("date"), Some("Fri, 02 Jan 2026 03:04:05 GMT"));
    let names = vec!["a_property_with_a_long_name"; 700].join(",");
    assert_eq!(hub.get(&format!("/crm/v3/objects/contacts?properties={names}"))?.status, 414);
    let body = json!({ "properties": names.split(',').collect::<Vec<_>>(), "inputs": [] });
    assert_eq!(hub.post("/crm/v3/objects/contacts/batch/read", &body)?.status, 200, "a body may be long");
    Ok(())
}
