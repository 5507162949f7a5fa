//! What HubSpot may send: webhooks, answers of its API, the text of its values;
//! and the cursors that come back to us.

use lockstep_hubspot::{
    audit::Ours,
    cursor::{Cursor, parse_page_token},
    response::{self, Batch, RecordPage},
    schema::{CustomTypes, ObjectType, Properties, describe},
    value::{self, Kind, calendar},
    webhook,
};
use lockstep_sdk::http::Response;

use crate::bits::Bits;

pub const VALUES: &[&str] = &[
    "true",
    "1e400",
    "-0",
    "1652140800000",
    ";",
    "2022-02-14T21:36:07.649Z",
    "9999-12-31",
    "-9223372036854775808",
    ".",
];

const KINDS: &[Kind] = &[Kind::Text, Kind::Number, Kind::Bool, Kind::Date, Kind::DateTime, Kind::Option, Kind::Options];

/// A payload, and what is signed of it.
pub fn webhook(bytes: &[u8]) {
    for app_id in [None, Some("7".to_owned())] {
        let _ = webhook::named(bytes, &Ours { app_id });
    }
    let text = Bits::new(bytes).text().into_owned();
    let headers = vec![
        ("X-HubSpot-Signature-v3".to_owned(), text.clone()),
        ("x-hubspot-request-timestamp".to_owned(), text.lines().next().unwrap_or_default().to_owned()),
    ];
    let _ = webhook::signed(&headers, "POST", &text, bytes, i64::MIN);
    let now = text.lines().next().and_then(|line| line.trim().parse().ok()).unwrap_or_default();
    let _ = webhook::signed(&headers, "POST", &text, bytes, now);
    assert!(!webhook::verify(&text, &[0xa5; 32]) || text.len() == 44);
}

/// Answers of every call; the first byte chooses the status.
pub fn answers(bytes: &[u8]) {
    let mut bits = Bits::new(bytes);
    let status = bits.one_of(&[200, 207, 400, 429, 502]).unwrap_or(200);
    let text = bits.text().into_owned();
    let headers = vec![("retry-after".to_owned(), text.chars().take(12).collect())];
    let response = Response { status, headers, body: bits.rest().to_vec() };
    let _ = response::problem(&response);
    if let Ok(page) = response::read::<RecordPage>(&response) {
        let _ = page.after();
        for record in &page.results {
            let _ = record.merged().count();
            for entry in record.history("email") {
                let _ = (entry.at_us(), entry.by());
            }
        }
    }
    let _ = response::read::<Batch>(&response);
    let _ = response::read::<CustomTypes>(&response);
    if let Ok(Properties { results }) = response::read::<Properties>(&response) {
        let (name, label) = ("contacts".to_owned(), "Contacts".to_owned());
        let _ = describe(&ObjectType { name, label, properties: results, required: Vec::new() });
    }
    let _ = calendar::parse_http_date(&text);
}

/// A property's text, written and read again.
pub fn values(bytes: &[u8]) {
    let text = Bits::new(bytes).text();
    for kind in KINDS {
        let cell = value::decode(*kind, Some(&text));
        let Ok(written) = value::encode(*kind, &cell) else { continue };
        let again = value::decode(*kind, Some(&written));
        assert!(value::same(*kind, &cell, &again), "{kind:?}: {cell:?} came back as {again:?}");
    }
}

pub fn cursor(bytes: &[u8]) {
    if let Ok(cursor) = Cursor::parse(bytes) {
        assert_eq!(Cursor::parse(&cursor.to_bytes()).ok(), Some(cursor));
    }
    let _ = parse_page_token(bytes);
}
