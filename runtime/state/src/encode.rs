//! The bytes that records, journal entries and quarantine rows are kept as. Each
//! begins with its version.

use lockstep_core::{
    codec::{decode_entry, decode_record, encode_entry, encode_record},
    delta::Quarantined,
    journal::Entry,
    key::Key,
    record::{FieldId, Record, RecordId, SideId},
    value::Timestamp,
    write::{Action, Rejection},
};
use serde::{Deserialize, Serialize};

use crate::error::StateError;

/// The first byte of every quarantine row.
const QUARANTINE_VERSION: u8 = 1;

fn unreadable(what: &str, error: impl std::fmt::Display) -> StateError {
    StateError::corrupt(format!("{what} cannot be read: {error}"))
}

pub(crate) fn record(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    encode_record(record, &mut bytes);
    bytes
}

pub(crate) fn record_from(bytes: &[u8]) -> Result<Record, StateError> {
    decode_record(bytes).map_err(|error| unreadable("a record", error))
}

pub(crate) fn entry(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    encode_entry(entry, &mut bytes);
    bytes
}

pub(crate) fn entry_from(bytes: &[u8]) -> Result<Entry, StateError> {
    decode_entry(bytes).map_err(|error| unreadable("a journal entry", error))
}

/// All of a quarantine row but its values, which JSON cannot hold exactly.
#[derive(Serialize, Deserialize)]
struct Refusal {
    record: u64,
    side: u8,
    at: i64,
    action: Action,
    rejection: Rejection,
    signature: String,
    fields: Vec<u16>,
    attempts: u32,
}

/// Version, length of the JSON part (4 bytes, little end first), JSON, values.
pub(crate) fn quarantined(row: &Quarantined) -> Vec<u8> {
    let refusal = Refusal {
        record: row.record.0,
        side: row.side.0,
        at: row.at.0,
        action: row.action,
        rejection: row.rejection.clone(),
        signature: row.signature.clone(),
        fields: row.values.iter().map(|(field, _)| field.0).collect(),
        attempts: row.attempts,
    };
    // Text and numbers only: this cannot fail.
    let json = serde_json::to_vec(&refusal).unwrap_or_default();
    let values = Key::new(row.values.iter().map(|(_, value)| value.clone()).collect());
    let mut bytes = vec![QUARANTINE_VERSION];
    bytes.extend((json.len() as u32).to_le_bytes());
    bytes.extend(json);
    bytes.extend(values.encode());
    bytes
}

pub(crate) fn quarantined_from(bytes: &[u8]) -> Result<Quarantined, StateError> {
    let short = || unreadable("a refused write", "it ends too early");
    let (version, bytes) = bytes.split_first().ok_or_else(short)?;
    if *version != QUARANTINE_VERSION {
        return Err(unreadable("a refused write", format!("version {version}")));
    }
    let (length, bytes) = bytes.split_first_chunk().ok_or_else(short)?;
    let length = u32::from_le_bytes(*length) as usize;
    let (json, values) = bytes.split_at_checked(length).ok_or_else(short)?;
    let refusal: Refusal = serde_json::from_slice(json).map_err(|error| unreadable("a refused write", error))?;
    let values = Key::decode(values).map_err(|error| unreadable("a refused write", error))?;
    if values.0.len() != refusal.fields.len() {
        return Err(unreadable("a refused write", "fields and values differ in number"));
    }
    Ok(Quarantined {
        record: RecordId(refusal.record),
        side: SideId(refusal.side),
        at: Timestamp(refusal.at),
        action: refusal.action,
        rejection: refusal.rejection,
        signature: refusal.signature,
        values: refusal.fields.into_iter().map(FieldId).zip(values.0.iter().cloned()).collect(),
        attempts: refusal.attempts,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lockstep_core::value::Value;

    use super::*;

    #[test]
    fn a_refused_write_comes_back_as_it_was_and_cut_short_it_is_refused() {
        let row = Quarantined {
            record: RecordId(7),
            side: SideId(1),
            at: Timestamp(5),
            action: Action::Create,
            rejection: Rejection {
                code: "23514".to_owned(),
                class: "check".to_owned(),
                message: "no".to_owned(),
                columns: vec!["amount".to_owned()],
            },
            signature: "right check 23514 amount".to_owned(),
            values: vec![
                (FieldId(3), Value::Float(f64::NAN)),
                (FieldId(5), Value::List(Arc::from([Value::text("a"), Value::Null]))),
                (FieldId(9), Value::Bytes(Arc::from([0u8, 255]))),
            ],
            attempts: 2,
        };
        let bytes = quarantined(&row);
        assert_eq!(quarantined_from(&bytes).unwrap(), row);
        for cut in 0..bytes.len() {
            assert!(quarantined_from(&bytes[..cut]).is_err(), "{cut}");
        }
    }
}
