//! The bytes that records, journal entries and quarantine rows are kept as.

use lockstep_core::{delta::Quarantined, journal::Entry, record::Record};

use crate::error::StateError;

fn unreadable(what: &str, error: impl std::fmt::Display) -> StateError {
    StateError::corrupt(format!("{what} cannot be read: {error}"))
}

pub(crate) fn record(record: &Record) -> Vec<u8> {
    serde_json::to_vec(record).unwrap_or_default()
}

pub(crate) fn record_from(bytes: &[u8]) -> Result<Record, StateError> {
    serde_json::from_slice(bytes).map_err(|error| unreadable("a record", error))
}

pub(crate) fn entry(entry: &Entry) -> Vec<u8> {
    serde_json::to_vec(entry).unwrap_or_default()
}

pub(crate) fn entry_from(bytes: &[u8]) -> Result<Entry, StateError> {
    serde_json::from_slice(bytes).map_err(|error| unreadable("a journal entry", error))
}

pub(crate) fn quarantined(row: &Quarantined) -> Vec<u8> {
    serde_json::to_vec(row).unwrap_or_default()
}

pub(crate) fn quarantined_from(bytes: &[u8]) -> Result<Quarantined, StateError> {
    serde_json::from_slice(bytes).map_err(|error| unreadable("a quarantined write", error))
}
