//! The rows of one object, with an index over the fields that are looked up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::Value;

/// The values a row holds, by field name; null is absent.
pub type Values = BTreeMap<String, Value>;

/// One row, deleted or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub id: String,
    pub values: Values,
    pub created_at: Timestamp,
    pub created_by: String,
    pub modified_at: Timestamp,
    pub modified_by: String,
    /// Moves with every write, also by automations that leave `modified_at`.
    pub modstamp: Timestamp,
    /// Counts the writes; behind the ETag.
    pub revision: u64,
    pub deleted: Option<Deleted>,
}

/// When and why a row went to the recycle bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    pub at: Timestamp,
    /// The winner, where it lost a merge.
    pub merged_into: Option<String>,
    /// The parent whose deletion took it along.
    pub with: Option<String>,
    /// No longer even in the recycle bin.
    pub purged: bool,
}

impl Row {
    pub fn value(&self, field: &str) -> &Value {
        self.values.get(field).unwrap_or(&Value::Null)
    }
}

/// The rows by id, and where indexed values are found.
#[derive(Debug, Default)]
pub struct Table {
    rows: BTreeMap<String, Row>,
    index: HashMap<String, HashMap<String, BTreeSet<String>>>,
    pub last_number: u64,
}

/// Values are found whatever their case.
fn index_key(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_lowercase()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Table {
    pub fn get(&self, id: &str) -> Option<&Row> {
        self.rows.get(id)
    }

    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &Row> {
        self.rows.values()
    }

    /// The rows whose id is at or above this one, in order.
    pub fn rows_from(&self, id: &str) -> impl Iterator<Item = &Row> {
        self.rows.range(id.to_owned()..).map(|(_, row)| row)
    }

    /// Stores a row and returns the one it replaces. `indexed` names the fields looked up by value.
    pub fn put(&mut self, row: Row, indexed: &[String]) -> Option<Row> {
        let before = self.take(&row.id, indexed);
        for field in indexed {
            if let Some(key) = row.values.get(field).and_then(index_key) {
                self.index.entry(field.clone()).or_default().entry(key).or_default().insert(row.id.clone());
            }
        }
        self.rows.insert(row.id.clone(), row);
        before
    }

    pub fn take(&mut self, id: &str, indexed: &[String]) -> Option<Row> {
        let before = self.rows.remove(id)?;
        for field in indexed {
            if let Some(key) = before.values.get(field).and_then(index_key)
                && let Some(ids) = self.index.get_mut(field).and_then(|index| index.get_mut(&key))
            {
                ids.remove(id);
            }
        }
        Some(before)
    }

    /// The rows in the index that hold this value, deleted ones too.
    pub fn find(&self, field: &str, value: &Value) -> Vec<&Row> {
        let Some(key) = index_key(value) else { return Vec::new() };
        let ids = self.index.get(field).and_then(|index| index.get(&key));
        ids.into_iter().flatten().filter_map(|id| self.rows.get(id)).collect()
    }
}
