//! What a person says to select records, entries or failures.

use serde::{Deserialize, Serialize};

/// Selects journal entries, conflicts or failures. Everything given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    pub record: Option<u64>,
    pub side: Option<String>,
    pub field: Option<String>,
    /// A failure group's signature.
    pub signature: Option<String>,
    /// An error class such as `unique`.
    pub class: Option<String>,
    /// Journal sequence numbers, both inclusive.
    pub entry_from: Option<u64>,
    pub entry_to: Option<u64>,
    /// Microseconds since 1970, from inclusive, to exclusive.
    pub since_micros: Option<i64>,
    pub until_micros: Option<i64>,
    /// Entries made under this version of the rules.
    pub rules: Option<u32>,
    /// At most this many; 0: the operation's own bound.
    pub limit: u64,
}

/// How a held conflict is decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Take this side's value.
    Side(String),
    /// Take this value, written as the file writes it.
    Value(serde_json::Value),
    /// Decide by the rule as it is now.
    Rule,
}

/// Names a record: by its number, or by its key at a side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordName {
    Id(u64),
    Key { side: String, key: String },
}

impl RecordName {
    /// Reads `123` or `SIDE:KEY`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(id) = text.parse() {
            return Some(RecordName::Id(id));
        }
        let (side, key) = text.split_once(':')?;
        (!side.is_empty() && !key.is_empty()).then(|| RecordName::Key { side: side.to_owned(), key: key.to_owned() })
    }
}
