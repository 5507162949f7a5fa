//! Remote keys: how one side identifies one of its rows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::value::Value;

/// A row's key at one side: one value per key column, in the object's key order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key(pub Arc<[Value]>);

impl Key {
    pub fn new(values: Vec<Value>) -> Self {
        Key(values.into())
    }
}

/// A normalised match value: records of different sides with equal match values
/// (in the same sync) are candidates to be the same logical record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MatchKey(pub Arc<str>);

impl Key {
    /// Stable bytes, equal exactly when the keys are.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        for value in self.0.iter() {
            crate::codec::write_value(&mut out, value);
        }
        out
    }

    /// What [`Key::encode`] made.
    ///
    /// # Errors
    /// On bytes that it cannot have made.
    pub fn decode(bytes: &[u8]) -> Result<Key, crate::codec::CodecError> {
        let mut reader = crate::codec::Reader::new(bytes);
        let mut values = Vec::new();
        while !reader.is_empty() {
            values.push(crate::codec::read_value(&mut reader)?);
        }
        Ok(Key::new(values))
    }
}
