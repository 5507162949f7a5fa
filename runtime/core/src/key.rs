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
