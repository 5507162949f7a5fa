//! What the kit is told besides the connection: where it may write, and how
//! long it waits.

use std::collections::BTreeMap;

use crate::rule::Rule;

/// How a run is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The object it may write to. `None`: one of its own, made through `ensure`.
    pub object: Option<String>,
    /// The columns it writes and watches. Empty: chosen from what `discover` tells.
    pub columns: Vec<String>,
    /// Texts for columns that do not take just any; `{n}` stands for a mark that
    /// is different in every row and every run.
    pub values: BTreeMap<String, String>,
    /// Headers in which the connector looks for a webhook's signature and time.
    pub webhook_headers: Vec<String>,
    /// How long a change may take to be told.
    pub wait_ms: u64,
    /// Rows that reading an object in full may meet; more, and reading rules are skipped.
    pub rows_max: usize,
    /// Only these rules. Empty: all.
    pub only: Vec<Rule>,
    /// Marks this run's rows.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            object: None,
            columns: Vec::new(),
            values: BTreeMap::new(),
            webhook_headers: Vec::new(),
            wait_ms: 15_000,
            rows_max: 20_000,
            only: Vec::new(),
            seed: 0,
        }
    }
}
