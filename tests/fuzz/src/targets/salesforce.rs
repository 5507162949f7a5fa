//! What Salesforce may send: streamed events, answers of its API, the text of its
//! values; and the cursor that comes back to us.

use std::collections::BTreeMap;

use lockstep_salesforce::{
    api::{RowResult, Subanswer, parse_errors, parse_limit_info},
    bayeux::{self, ChangeEvent},
    csv,
    cursor::Cursor,
    schema::{Kind, Sobject, contract_object, parse_describe, parse_global},
    value::{self, parse_http_date_s, parse_timestamp_us},
};

use lockstep_sdk::model::Cell;

use crate::bits::Bits;

pub const VALUES: &[&str] = &[
    "1e400",
    "-0",
    "0E-999999999",
    "true",
    ";",
    "T00:00:00.000+0000",
    "+9999",
    "9999-12-31",
    "\"",
    "\\u0000",
    ".000Z",
];

const KINDS: &[Kind] = &[
    Kind::Id,
    Kind::Reference,
    Kind::Boolean,
    Kind::Int,
    Kind::Decimal,
    Kind::Text,
    Kind::Enum,
    Kind::Multi,
    Kind::Date,
    Kind::DateTime,
    Kind::Time,
    Kind::Compound,
    Kind::Blob,
];

const DESCRIBE: &str = r#"{"name":"Contact","label":"Contact","fields":[
    {"name":"Id","type":"id"},{"name":"Email","type":"email","nillable":true},
    {"name":"FirstName","type":"string","nillable":true,"compoundFieldName":"Name"},
    {"name":"Name","type":"string"},{"name":"Birthdate","type":"date","nillable":true},
    {"name":"Amount__c","type":"currency","nillable":true},{"name":"LastModifiedDate","type":"datetime"}]}"#;

fn contact() -> Sobject {
    parse_describe(DESCRIBE.as_bytes()).expect("a good description")
}

/// An answer of the streaming endpoint, and its cookies.
pub fn events(bytes: &[u8]) {
    let mut known = BTreeMap::new();
    bayeux::cookies(std::str::from_utf8(bytes).into_iter(), &mut known);
    let Ok(messages) = bayeux::parse(bytes) else { return };
    let sobject = contact();
    let columns: Vec<String> = sobject.fields.iter().map(|field| field.name.clone()).collect();
    for message in messages {
        let _ = (message.is_refused(), message.refusal());
        let Some(event) = message.data.as_deref().and_then(|data| ChangeEvent::parse(&message.channel, data)) else {
            continue;
        };
        let _ = (event.is_about_everything(), event.tells_values());
        let (cells, _) = event.cells(&sobject, &columns, "003000000000001AAA");
        assert_eq!(cells.len(), columns.len());
    }
}

/// Answers of every other call.
pub fn answers(bytes: &[u8]) {
    assert!(!parse_errors(400, bytes).is_empty());
    for answer in Subanswer::parse_all(bytes).unwrap_or_default() {
        assert!(!answer.errors().is_empty());
    }
    let _ = RowResult::parse_all(bytes);
    let _ = parse_global(bytes);
    if let Ok(sobject) = parse_describe(bytes) {
        let _ = contract_object(&sobject, None);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = csv::records(text);
        let _ = parse_limit_info(text);
        let _ = parse_http_date_s(text);
        let _ = parse_timestamp_us(text);
    }
}

/// A field read from JSON or text, written and read again.
pub fn values(bytes: &[u8]) {
    let text = Bits::new(bytes).text();
    for kind in KINDS {
        let mut cells = vec![value::decode_text(*kind, &text)];
        if let Ok(raw) = serde_json::from_str::<Box<serde_json::value::RawValue>>(&text) {
            cells.push(value::decode(*kind, &raw));
        }
        for cell in cells {
            let Ok(Some(written)) = value::encode(&cell) else { continue };
            let again = value::decode(*kind, &written);
            assert!(value::same(*kind, &in_millis(cell.clone()), &again), "{kind:?}: {cell:?} came back as {again:?}");
        }
    }
}

/// Salesforce keeps no finer times, and a server that tells some is cut to them.
fn in_millis(cell: Cell) -> Cell {
    match cell {
        Cell::Timestamp(micros) => Cell::Timestamp(micros.div_euclid(1_000) * 1_000),
        Cell::Time(micros) => Cell::Time(micros.div_euclid(1_000) * 1_000),
        other => other,
    }
}

pub fn cursor(bytes: &[u8]) {
    if let Ok(cursor) = Cursor::parse(bytes) {
        assert_eq!(Cursor::parse(&cursor.to_bytes()).ok(), Some(cursor));
    }
}
