//! The pull variant of webhooks.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::client::Caller;

#[test]
fn the_journal_is_read_file_after_file() -> Result<()> {
    let hub = Caller::start()?;
    let base = "/webhooks-journal/journal/2026-03";
    assert_eq!(hub.get(&format!("{base}/earliest"))?.status, 204, "nothing yet");
    let id = hub.account.create("contacts", &[("city", "Bern")])?;
    let first = hub.get(&format!("{base}/earliest"))?;
    let offset = first.text("/currentOffset")?;
    let url = first.text("/url")?;
    let path = url.strip_prefix(&hub.account.url()).context("our own address")?;
    let file = hub.raw("GET", path, "", "application/json", "")?;
    assert_eq!(file.text("/offset")?, offset);
    let events = file.body["journalEvents"].as_array().context("events")?;
    let changed: Vec<&Value> = events.iter().filter(|event| event["propertyChanges"]["city"] == "Bern").collect();
    assert_eq!(changed.len(), 1);
    assert_eq!((&changed[0]["action"], &changed[0]["objectId"]), (&json!("UPDATE"), &json!(id)));

    assert_eq!(hub.get(&format!("{base}/offset/{offset}/next"))?.status, 204);
    hub.account.archive("contacts", id)?;
    let next = hub.get(&format!("/webhooks-journal/journal-local/2026-03/offset/{offset}/next"))?;
    assert_ne!(next.text("/currentOffset")?, offset);
    let many = hub.get(&format!("{base}/batch/earliest/10"))?;
    assert_eq!(many.body["results"].as_array().map(Vec::len), Some(2));
    hub.account.stage().clock.advance(std::time::Duration::from_secs(4 * 24 * 3_600));
    assert_eq!(hub.get(&format!("{base}/offset/{offset}/next"))?.status, 404, "kept for three days");
    Ok(())
}
