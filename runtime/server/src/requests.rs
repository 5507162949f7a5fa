//! What is sent to an operation. One type an operation, with the operation's
//! own names; unknown ones are refused.

use lockstep_engine::operations::{Decision, DriftDecision, Filter, RecordName};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Check {
    /// None: every connection.
    pub connection: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discover {
    pub connection: String,
    /// Empty: every object.
    #[serde(default)]
    pub objects: Vec<String>,
}

/// Of `requests` and `incidents`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfConnection {
    pub connection: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    pub connection: String,
    pub object: String,
    pub columns: Vec<String>,
}

/// Of `plan` and `apply`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfSync {
    /// None: every sync.
    pub sync: Option<String>,
}

/// Of `pause` and `resume`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    pub sync: String,
    #[serde(default)]
    pub side: Option<String>,
    pub by: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    pub sync: String,
    pub record: RecordName,
    #[serde(default)]
    pub field: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conflicts {
    pub sync: Option<String>,
    pub filter: Filter,
    /// The decided ones too.
    pub all: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    pub sync: String,
    pub filter: Filter,
    pub decision: Decision,
    pub by: String,
    pub preview: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Failures {
    pub sync: Option<String>,
    pub filter: Filter,
}

/// Of `retry`, `ignore`, `replay` and `revert`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnMany {
    pub sync: String,
    pub filter: Filter,
    pub by: String,
    /// Only say what would be done.
    pub preview: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    pub sync: String,
    #[serde(default)]
    pub filter: Filter,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drift {
    pub sync: Option<String>,
    /// What was decided too.
    pub all: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideDrift {
    pub sync: String,
    pub item: u64,
    pub decision: DriftDecision,
    pub by: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    pub sync: String,
    #[serde(default)]
    pub repair: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backfill {
    pub sync: String,
    pub side: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    pub sync: String,
}

/// Of `connector/approve` and `connector/rollback`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    pub connection: String,
    /// How the version's digest begins; `None`: the only one there is, or the last.
    #[serde(default)]
    pub digest: Option<String>,
    pub by: String,
}

/// Of `connector/disable` and `connector/enable`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    pub connection: String,
    pub by: String,
}
