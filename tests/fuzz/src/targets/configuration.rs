//! The operator's file, and the settings that connectors are given of it.

use lockstep_core::config::{Config, SecretRef, duration_ms};

pub const WORDS: &[&str] = &[
    "[syncs.a]\n",
    "[connections.a]\n",
    "match = ",
    "conflict = ",
    "deletes = ",
    "fields.",
    "{ latest = true }",
    "\"\"\"",
    "env:",
    "999999999999999999d",
    "1979-05-27",
    "[[",
    "prefer = \"a\"",
    "when = \"a == 1\"",
    "\u{1F469}",
];

/// Every error points into the file.
pub fn file(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(errors) = Config::parse(&text) {
        assert!(!errors.is_empty(), "refused without a word");
        for error in errors {
            let place = error.at.bytes.clone();
            assert!(text.get(place.clone()).is_some(), "{} points to {place:?}", error.code);
            assert!(!error.message.is_empty());
        }
    }
    let _ = duration_ms(&text);
    let _ = SecretRef::parse(&text);
}

pub fn connectors(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = lockstep_postgres::config::Config::parse(&text);
    let _ = lockstep_salesforce::config::Config::parse(&text);
    let _ = lockstep_salesforce::config::parse_url(&text);
    let _ = lockstep_hubspot::config::Config::parse(&text);
}
